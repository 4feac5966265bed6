//! Policy documents of what is needed: as few statements as say it exactly, in as few policies as IAM's limit allows.
//!
//! Invariant: a policy allows what was declared and nothing else; merging never widens.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::subject::{Duty, Subject};

/// How long a managed policy may be, white space aside (IAM quotas: 6,144 characters).
pub const LIMIT: usize = 6144;

/// A policy document of IAM.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Document {
    version: &'static str,
    /// What it allows.
    pub statement: Vec<Statement>,
}

/// What a document allows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Statement {
    sid: String,
    effect: &'static str,
    /// IAM's names of the actions.
    pub action: BTreeSet<&'static str>,
    /// What they are allowed on.
    pub resource: BTreeSet<String>,
    /// Under which conditions: by operator and key, the values.
    #[serde(skip_serializing_if = "Conditions::is_empty")]
    pub condition: Conditions,
}

type Conditions = BTreeMap<&'static str, BTreeMap<&'static str, Vec<String>>>;

/// An action under its conditions, and what it is needed on.
type Needs = BTreeMap<(&'static str, Conditions), BTreeSet<String>>;

impl Document {
    /// The document as it is read: indented.
    pub fn pretty(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// How long IAM counts it.
    pub fn length(&self) -> usize {
        serde_json::to_string(self).map_or(usize::MAX, |text| text.chars().filter(|c| !c.is_whitespace()).count())
    }

    fn of(mut statement: Vec<Statement>) -> Self {
        name(&mut statement);
        Self {
            version: "2012-10-17",
            statement,
        }
    }
}

/// The policies of a duty: one, or several where one would be longer than IAM takes.
pub fn policies(subject: &Subject, duty: Duty) -> Vec<Document> {
    let mut needs = needs(subject, duty);
    if matches!(duty, Duty::Apply | Duty::Destroy) {
        leave_out(&mut needs, &self::needs(subject, Duty::Plan));
    }
    pack(statements(needs))
}

fn needs(subject: &Subject, duty: Duty) -> Needs {
    let mut needs = Needs::new();
    for grant in subject.grants(duty) {
        let mut conditions = Conditions::new();
        for ((operator, key), values) in grant.scope.conditions {
            conditions.entry(operator).or_default().insert(key, values);
        }
        for action in grant.actions {
            let on = needs.entry((action, conditions.clone())).or_default();
            on.extend(grant.scope.resources.iter().cloned());
        }
    }
    for on in needs.values_mut() {
        let all = on.clone();
        on.retain(|one| !all.iter().any(|other| other != one && covers(other, one)));
    }
    needs
}

/// Leaves out what `others` allow already.
fn leave_out(needs: &mut Needs, others: &Needs) {
    for (key, on) in needs.iter_mut() {
        if let Some(allowed) = others.get(key) {
            on.retain(|one| !allowed.iter().any(|other| covers(other, one)));
        }
    }
    needs.retain(|_, on| !on.is_empty());
}

/// Actions that are needed on the same objects under the same conditions, in one statement.
fn statements(needs: Needs) -> Vec<Statement> {
    let mut grouped: BTreeMap<(BTreeSet<String>, Conditions), BTreeSet<&'static str>> = BTreeMap::new();
    for ((action, conditions), on) in needs {
        grouped.entry((on, conditions)).or_default().insert(action);
    }
    let mut statements: Vec<Statement> = grouped
        .into_iter()
        .map(|((resource, condition), action)| Statement {
            sid: String::new(),
            effect: "Allow",
            action,
            resource,
            condition,
        })
        .collect();
    statements.sort_by(|a, b| (&a.action, &a.resource).cmp(&(&b.action, &b.resource)));
    statements
}

/// Fills one policy after the other, services in alphabetical order.
fn pack(statements: Vec<Statement>) -> Vec<Document> {
    let mut packed: Vec<Vec<Statement>> = Vec::new();
    for statement in statements {
        if let Some(last) = packed.last_mut() {
            last.push(statement.clone());
            if Document::of(last.clone()).length() <= LIMIT {
                continue;
            }
            last.pop();
        }
        packed.push(vec![statement]);
    }
    packed.into_iter().map(Document::of).collect()
}

/// Names the statements after the services of their actions.
fn name(statements: &mut [Statement]) {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for statement in statements {
        let services: BTreeSet<&str> = statement.action.iter().filter_map(|a| a.split(':').next()).collect();
        let service: String = services.into_iter().map(capitalised).collect();
        let number = seen.entry(service.clone()).or_default();
        *number += 1;
        statement.sid = if *number == 1 {
            service
        } else {
            format!("{service}{number}")
        };
    }
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_ascii_uppercase().to_string() + letters.as_str()
    })
}

/// Whether whatever `narrow` matches, `wide` matches as well. In both, `*` stands for any text.
fn covers(wide: &str, narrow: &str) -> bool {
    let Some((head, rest)) = wide.split_once('*') else {
        return wide == narrow;
    };
    let Some(mut left) = narrow.strip_prefix(head) else {
        return false;
    };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let tail = parts.pop().unwrap_or_default();
    for part in parts {
        match left.find(part) {
            Some(at) => left = &left[at + part.len()..],
            None => return false,
        }
    }
    left.ends_with(tail)
}

#[cfg(test)]
mod tests;
