//! What became of every component.
//!
//! Invariant: each component of a plan has exactly one outcome.

use std::collections::BTreeMap;

use super::plan::Plan;
use crate::stack::bounds::End;

/// What became of a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is as wanted, after something was done.
    Done {
        /// A status of its own (`pending`).
        status: Option<&'static str>,
    },
    /// It was tried, in these words.
    Failed(String),
    /// It was not tried, for this reason.
    Skipped(String),
    /// There was nothing to do.
    Untouched,
}

/// The outcomes of a plan, by component.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// One outcome a component.
    pub outcomes: BTreeMap<String, Outcome>,
}

impl Report {
    /// Joins the results of the steps; `None` is a step that was never started. `end` says why nothing more was
    /// started, where something ended the whole.
    pub(super) fn of(plan: &Plan, results: Vec<Option<Outcome>>, end: Option<End>) -> Self {
        let failed: Vec<&str> = plan
            .steps
            .iter()
            .zip(&results)
            .filter(|(_, r)| matches!(r, Some(Outcome::Failed(_))))
            .map(|(s, _)| s.component.as_str())
            .collect();
        let mut report = Self::default();
        for (step, result) in plan.steps.iter().zip(results) {
            let outcome = result.unwrap_or_else(|| match (&step.action, end) {
                (super::plan::Action::Keep, _) => Outcome::Untouched,
                (_, Some(end)) => Outcome::Skipped(end.to_string()),
                (_, None) => Outcome::Skipped(format!("waits for {}", failed.join(", "))),
            });
            report
                .outcomes
                .entry(step.component.clone())
                .and_modify(|known| {
                    if outcome.weight() > known.weight() {
                        *known = outcome.clone();
                    }
                })
                .or_insert(outcome);
        }
        report
    }

    /// Whether every component is as wanted.
    pub fn is_complete(&self) -> bool {
        self.outcomes
            .values()
            .all(|o| matches!(o, Outcome::Done { .. } | Outcome::Untouched))
    }

    /// The components that failed, with the words of each.
    pub fn failures(&self) -> impl Iterator<Item = (&str, &str)> {
        self.outcomes.iter().filter_map(|(name, outcome)| match outcome {
            Outcome::Failed(why) => Some((name.as_str(), why.as_str())),
            _ => None,
        })
    }

    /// The components that were not tried, with the reason of each.
    pub fn skipped(&self) -> impl Iterator<Item = (&str, &str)> {
        self.outcomes.iter().filter_map(|(name, outcome)| match outcome {
            Outcome::Skipped(why) => Some((name.as_str(), why.as_str())),
            _ => None,
        })
    }
}

impl Outcome {
    /// Of the two steps of a replacement, the one that says more.
    fn weight(&self) -> u8 {
        match self {
            Self::Untouched => 0,
            Self::Done { .. } => 1,
            Self::Skipped(_) => 2,
            Self::Failed(_) => 3,
        }
    }
}
