//! The policies that the provider's binary prints, read as IAM reads them.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use acceptance::{Account, workspace};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::calls::Need;

/// The policies of one stack, by duty.
#[derive(Debug)]
pub(crate) struct Printed(Value);

/// What some documents allow.
#[derive(Debug, Clone)]
pub(crate) struct Allowed {
    /// The documents.
    pub(crate) documents: Vec<Value>,
}

impl Printed {
    /// Asks the provider's binary.
    pub(crate) fn of(account: &Account, app: &str) -> Result<Self> {
        let output = Command::new(workspace::provider()?)
            .args(["permissions", "--name", app])
            .args(["--account", &account.id, "--region", &account.region])
            .env_clear()
            .output()
            .context("running the provider's \"permissions\"")?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(Self(
            serde_json::from_slice(&output.stdout).context("reading the printed policies")?,
        ))
    }

    /// The policies of these duties.
    pub(crate) fn duties(&self, duties: &[&str]) -> Allowed {
        let documents = duties
            .iter()
            .flat_map(|duty| self.0[duty].as_array().into_iter().flatten());
        Allowed {
            documents: documents.cloned().collect(),
        }
    }
}

impl Allowed {
    /// Whether IAM would allow it.
    pub(crate) fn allows(&self, need: &Need) -> bool {
        self.statements().any(|statement| {
            texts(&statement["Action"]).any(|pattern| matches(pattern, &need.action))
                && texts(&statement["Resource"]).any(|pattern| matches(pattern, &need.resource))
                && holds(&statement["Condition"], need)
        })
    }

    /// Every action.
    pub(crate) fn actions(&self) -> BTreeSet<String> {
        self.statements()
            .flat_map(|statement| texts(&statement["Action"]))
            .map(str::to_owned)
            .collect()
    }

    /// Every pattern of an ARN, with the actions that are allowed on it.
    pub(crate) fn resources(&self) -> BTreeMap<String, BTreeSet<String>> {
        let mut resources: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for statement in self.statements() {
            for resource in texts(&statement["Resource"]) {
                let actions = resources.entry(resource.into()).or_default();
                actions.extend(texts(&statement["Action"]).map(str::to_owned));
            }
        }
        resources
    }

    /// Every service.
    pub(crate) fn services(&self) -> BTreeSet<String> {
        let actions = self.actions();
        actions
            .iter()
            .filter_map(|action| Some(action.split_once(':')?.0.to_owned()))
            .collect()
    }

    /// The same without one service.
    pub(crate) fn without(&self, service: &str) -> Self {
        let mut documents = self.documents.clone();
        let is_of = |action: &str| action.split(':').next() == Some(service);
        for statements in documents
            .iter_mut()
            .filter_map(|document| document["Statement"].as_array_mut())
        {
            for statement in statements.iter_mut() {
                let left: Vec<&str> = texts(&statement["Action"]).filter(|action| !is_of(action)).collect();
                statement["Action"] = json!(left);
            }
            statements.retain(|statement| texts(&statement["Action"]).next().is_some());
        }
        documents.retain(|document| document["Statement"].as_array().is_some_and(|s| !s.is_empty()));
        Self { documents }
    }

    fn statements(&self) -> impl Iterator<Item = &Value> {
        self.documents
            .iter()
            .flat_map(|document| document["Statement"].as_array().into_iter().flatten())
    }
}

/// Whether the conditions hold for what the request says.
fn holds(conditions: &Value, need: &Need) -> bool {
    let conditions = conditions.as_object().into_iter().flatten();
    let mut keys = conditions.flat_map(|(_, keys)| keys.as_object().into_iter().flatten());
    keys.all(|(key, values)| {
        let said = need.said.as_ref().filter(|(said, _)| said == key);
        said.is_some_and(|(_, value)| texts(values).any(|wanted| wanted == value))
    })
}

fn texts(value: &Value) -> impl Iterator<Item = &str> {
    let many = value.as_array().into_iter().flatten();
    many.chain(Some(value)).filter_map(Value::as_str)
}

/// IAM's patterns: `*` stands for any text, `?` for one letter.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    match pattern.chars().next() {
        None => text.is_empty(),
        Some('*') => {
            let rest = &pattern[1..];
            let mut starts = text.char_indices().map(|(at, _)| at).chain(Some(text.len()));
            starts.any(|at| matches(rest, &text[at..]))
        }
        Some(letter) => {
            let mut letters = text.chars();
            letters.next().is_some_and(|other| letter == '?' || letter == other)
                && matches(&pattern[letter.len_utf8()..], letters.as_str())
        }
    }
}
