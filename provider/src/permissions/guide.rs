//! The guide for users, `docs/guides/permissions.md`: prose from `guide.md.tmpl`, everything else from the declarations.
//!
//! Invariant: the file in `docs/` is exactly this text; a test compares them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use kairos::names::{Names, Place};

use super::Operation;
use super::policy::{LIMIT, policies};
use super::subject::{Duty, Part, Subject};

/// The prose, with a mark where something is filled in.
const PROSE: &str = include_str!("guide.md.tmpl");

/// The whole guide.
pub fn text() -> String {
    let subject = example();
    let parts = [subject.parts(), subject.procesos(), subject.data()].concat();
    let count: usize = Duty::ALL.iter().map(|duty| policies(&subject, *duty).len()).sum();
    PROSE
        .replace("{{limit}}", &format!("{},{:03}", LIMIT / 1000, LIMIT % 1000))
        .replace("{{wide}}", &wide(&parts))
        .replace("{{components}}", &components(&parts))
        .replace("{{count}}", &count.to_string())
        .replace("{{policies}}\n", &documents(&subject))
}

fn example() -> Subject {
    let place = Place {
        partition: "aws".into(),
        account: "123456789012".into(),
        region: "us-east-1".into(),
    };
    Subject::new(Names::new("Acme", place))
}

/// What is wider than one object, and why.
fn wide(parts: &[Part]) -> String {
    let mut reasons: BTreeMap<&str, (BTreeSet<&str>, BTreeSet<&String>)> = BTreeMap::new();
    for grant in parts.iter().flat_map(|part| &part.permissions.grants) {
        if let Some(reason) = grant.scope.because {
            let (actions, resources) = reasons.entry(reason).or_default();
            actions.extend(grant.actions);
            resources.extend(&grant.scope.resources);
        }
    }
    let mut table = String::from("| actions | on | since |\n|---|---|---|\n");
    for (reason, (actions, resources)) in reasons {
        line(
            &mut table,
            &[
                code(actions),
                code(resources.into_iter().map(String::as_str)),
                reason.into(),
            ],
        );
    }
    table.trim_end().into()
}

/// What each kind of object needs, by operation.
fn components(parts: &[Part]) -> String {
    let mut kinds: BTreeMap<&str, BTreeMap<Operation, BTreeSet<&str>>> = BTreeMap::new();
    for part in parts {
        let needs = kinds.entry(part.name).or_default();
        for grant in &part.permissions.grants {
            needs.entry(grant.operation).or_default().extend(grant.actions);
        }
    }
    let mut table = String::from("| component | read | create | change | delete |\n|---|---|---|---|---|\n");
    for (kind, needs) in kinds {
        let of = |operation| code(needs.get(&operation).into_iter().flatten().copied());
        let cells = [
            kind.into(),
            of(Operation::Observe),
            of(Operation::Create),
            of(Operation::Update),
            of(Operation::Delete),
        ];
        line(&mut table, &cells);
    }
    table.trim_end().into()
}

/// Every policy of every duty.
fn documents(subject: &Subject) -> String {
    let mut text = String::new();
    for duty in Duty::ALL {
        let documents = policies(subject, duty);
        let all = documents.len();
        for (index, document) in documents.iter().enumerate() {
            let heading = if all == 1 {
                format!("`{}`", duty.as_str())
            } else {
                format!("`{}`, {} of {all}", duty.as_str(), index + 1)
            };
            // Writing to a string cannot fail.
            let _ = write!(text, "### {heading}\n\n```json\n{}\n```\n\n", document.pretty());
        }
    }
    text.trim_end().to_owned() + "\n"
}

fn line(table: &mut String, cells: &[String]) {
    let _ = writeln!(table, "| {} |", cells.join(" | "));
}

fn code<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let words: Vec<String> = words.into_iter().map(|word| format!("`{word}`")).collect();
    if words.is_empty() {
        "–".into()
    } else {
        words.join(", ")
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

    use super::*;

    #[test]
    fn the_guide_in_docs_is_what_the_declarations_say() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/guides/permissions.md");
        let held = std::fs::read_to_string(file).unwrap();
        assert!(
            held == text(),
            "docs/guides/permissions.md is not up to date: run `cargo xtask docs`"
        );
    }

    #[test]
    fn nothing_is_left_to_fill_in() {
        assert!(!text().contains("{{"));
    }
}
