//! Which calls are harmed in one life of a stack: many at once, as long as none of them can be in another's way.
//!
//! Invariant: no two components of a round stand on each other, so that what becomes of each is its own doing.

use std::collections::{BTreeMap, BTreeSet};

use terraform_provider_kairos::stack::component::Component;

use crate::wire::{Calls, Fault, Injection, MARKER};

/// As many faults at once still leave most of a stack whole.
const AT_ONCE: usize = 8;

/// Which component stands on which others, directly or not.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    below: BTreeMap<String, BTreeSet<String>>,
}

impl Graph {
    /// The graph of several topologies together, and of pairs (first, then).
    pub(crate) fn of(topologies: &[Vec<Component>], order: &[(&str, &str)]) -> Self {
        let mut below: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for component in topologies.iter().flatten() {
            let on = below.entry(component.name.clone()).or_default();
            on.extend(component.deps.iter().cloned());
            on.extend(component.node.references().into_iter().map(|r| r.0));
        }
        for (first, then) in order {
            below.entry((*then).to_owned()).or_default().insert((*first).to_owned());
        }
        loop {
            let mut grown = below.clone();
            for on in grown.values_mut() {
                let further: Vec<String> = on.iter().filter_map(|o| below.get(o)).flatten().cloned().collect();
                on.extend(further);
            }
            if grown == below {
                return Self { below };
            }
            below = grown;
        }
    }

    /// Whether `one` stands on `other`.
    pub(crate) fn stands_on(&self, one: &str, other: &str) -> bool {
        self.below.get(one).is_some_and(|on| on.contains(other))
    }

    fn related(&self, one: &str, other: &str) -> bool {
        one == other || self.stands_on(one, other) || self.stands_on(other, one)
    }
}

/// Every call of every component, harmed once, in as few rounds as that takes. The calls that are only made where all others
/// have succeeded, the `last` of their component, come in a round of their own.
pub(crate) fn rounds(calls: &Calls, last: &[&str], injection: Injection, graph: &Graph) -> Vec<Vec<Fault>> {
    let mut rounds = Vec::new();
    let mut calls = calls.clone();
    let mut final_round = Vec::new();
    for component in last {
        if let Some(calls) = calls.get_mut(*component) {
            calls.pop();
            final_round.push(Fault {
                component: (*component).to_owned(),
                call: calls.len(),
                injection,
            });
        }
    }
    if !final_round.is_empty() {
        rounds.push(final_round);
    }
    let mut left: BTreeMap<&String, usize> = calls
        .iter()
        .filter(|(component, _)| *component != MARKER)
        .map(|(component, calls)| (component, calls.len()))
        .collect();
    while left.values().any(|n| *n > 0) {
        // What shares its way with the most calls that are still to come goes first.
        let mut order: Vec<(usize, &String)> = left
            .iter()
            .filter(|(_, n)| **n > 0)
            .map(|(component, _)| {
                let way = left.iter().filter(|(other, _)| graph.related(component, other));
                (way.map(|(_, n)| n).sum(), *component)
            })
            .collect();
        order.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(b.1)));
        let mut round: Vec<Fault> = Vec::new();
        for (_, component) in order {
            if round.len() < AT_ONCE && !round.iter().any(|f| graph.related(&f.component, component)) {
                let n = left.entry(component).or_default();
                round.push(Fault {
                    component: component.clone(),
                    call: calls[component].len() - *n,
                    injection,
                });
                *n -= 1;
            }
        }
        rounds.push(round);
    }
    rounds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_is_harmed_once_and_never_beside_one_that_it_stands_on() {
        let below = BTreeMap::from([("b".to_owned(), BTreeSet::from(["a".to_owned()]))]);
        let graph = Graph { below };
        let calls: Calls = [("a", 2), ("b", 1), ("c", 2)]
            .map(|(component, n)| (component.to_owned(), vec!["Call".to_owned(); n]))
            .into();
        let rounds = rounds(&calls, &["c"], Injection::Lost, &graph);
        assert_eq!(rounds.len(), 4);
        assert_eq!(
            (rounds[0].len(), rounds[0][0].component.as_str(), rounds[0][0].call),
            (1, "c", 1)
        );
        for round in &rounds {
            let names: Vec<&str> = round.iter().map(|f| f.component.as_str()).collect();
            assert!(!(names.contains(&"a") && names.contains(&"b")), "{names:?}");
        }
        let mut all: Vec<(String, usize)> = rounds.into_iter().flatten().map(|f| (f.component, f.call)).collect();
        all.sort();
        let expected = [("a", 0), ("a", 1), ("b", 0), ("c", 0), ("c", 1)];
        assert_eq!(all, expected.map(|(component, call)| (component.to_owned(), call)));
    }
}
