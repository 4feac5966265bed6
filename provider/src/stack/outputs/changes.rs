//! What a plan does to one object, in words: what AWS holds, as far as the state tells, and what is wanted.
//!
//! Invariant: pure. What differs from the earlier configuration and what differs from AWS are told as one: from what is held
//! to what is wanted now.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::stack::kind::Change;

/// Stands behind a difference that AWS cannot change in place.
const NEEDS_ANOTHER: &str = " (needs another object)";
/// Stands for a value that only apply will know.
const OPEN: &str = "(known after apply)";

/// What a plan does to an object that exists.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Touch {
    /// Property by property.
    pub(super) lines: Vec<String>,
    /// Whether another object takes its place.
    pub(super) replaced: bool,
}

/// A difference as `drift` shows it.
pub(super) fn line(change: &Change) -> String {
    let replaces = if change.replaces { NEEDS_ANOTHER } else { "" };
    format!("{change}{replaces}")
}

/// What is to be done to an object. `drift` is how it differs from the earlier configuration, `configured` how that differs
/// from the wanted one, twice, with different stand-ins for what is not known yet, and `open` how those two differ. `beside`
/// tells whether a replacement is made before the old object goes.
pub(super) fn touch(drift: &[String], configured: [Vec<Change>; 2], open: &[Change], beside: bool) -> Touch {
    let open: BTreeSet<&str> = open.iter().map(|c| c.property.as_str()).collect();
    let [mut configured, other] = configured;
    for change in other {
        if !configured.iter().any(|c| c.property == change.property) {
            configured.push(change);
        }
    }
    let mut replaced = false;
    let mut lines = Vec::new();
    for told in drift {
        let (property, _) = told.split_once(": ").unwrap_or((told, ""));
        if let Some(index) = configured.iter().position(|c| c.property == property) {
            // The configuration changes as well: from what AWS holds straight to what is wanted now.
            let change = configured.remove(index);
            let actual = held(told, &change);
            if actual != change.wanted || open.contains(property) {
                replaced |= change.replaces;
                lines.extend(tell(&change, actual, &open));
            }
        } else {
            replaced |= told.ends_with(NEEDS_ANOTHER);
            lines.push(told.trim_end_matches(NEEDS_ANOTHER).to_owned());
        }
    }
    for change in &configured {
        replaced |= change.replaces;
        lines.extend(tell(change, &change.actual, &open));
    }
    for property in &open {
        let begins = format!("{property}: ");
        if !lines.iter().any(|line| line.starts_with(&begins)) {
            lines.push(format!("{begins}{OPEN}"));
        }
    }
    if replaced {
        let order = if beside {
            "replaced: the new object is made, everything is pointed to it, and then the old one goes"
        } else {
            "replaced: the old object makes room, since both would have one name, and then the new one is made"
        };
        lines.insert(0, order.to_owned());
    }
    Touch { lines, replaced }
}

/// What AWS holds, of a line of drift whose wanted side is what was wanted before.
fn held<'a>(told: &'a str, change: &Change) -> &'a str {
    let told = told.trim_end_matches(NEEDS_ANOTHER);
    let told = told.split_once(": ").map_or(told, |(_, rest)| rest);
    told.strip_suffix(&format!(" → {}", change.actual)).unwrap_or(told)
}

fn tell(change: &Change, actual: &str, open: &BTreeSet<&str>) -> Vec<String> {
    let property = &change.property;
    if open.contains(property.as_str()) {
        return vec![format!("{property}: {actual} → {OPEN}")];
    }
    match (serde_json::from_str(actual), serde_json::from_str(&change.wanted)) {
        (Ok(held), Ok(wanted)) => {
            let mut lines = Vec::new();
            narrow(property, Some(&held), Some(&wanted), &mut lines);
            lines
        }
        _ => vec![format!("{property}: {actual} → {}", change.wanted)],
    }
}

/// Tells of documents only what differs: the members of objects, and the statements of a policy by their `Sid`.
fn narrow(at: &str, held: Option<&Value>, wanted: Option<&Value>, lines: &mut Vec<String>) {
    if held == wanted {
        return;
    }
    match (held, wanted) {
        (Some(Value::Object(held)), Some(Value::Object(wanted))) => {
            let members: BTreeSet<&String> = held.keys().chain(wanted.keys()).collect();
            for member in members {
                narrow(&format!("{at}.{member}"), held.get(member), wanted.get(member), lines);
            }
        }
        (Some(Value::Array(held)), Some(Value::Array(wanted))) => match (by_sid(held), by_sid(wanted)) {
            (Some(held), Some(wanted)) => {
                let sids: BTreeSet<&&str> = held.keys().chain(wanted.keys()).collect();
                for sid in sids {
                    narrow(
                        &format!("{at}[{sid}]"),
                        held.get(*sid).copied(),
                        wanted.get(*sid).copied(),
                        lines,
                    );
                }
            }
            _ => lines.push(format!(
                "{at}: {} → {}",
                Value::from(held.clone()),
                Value::from(wanted.clone())
            )),
        },
        _ => lines.push(format!("{at}: {} → {}", words(held), words(wanted))),
    }
}

/// The statements of a policy, where every one has a name.
fn by_sid(statements: &[Value]) -> Option<BTreeMap<&str, &Value>> {
    let named: Option<BTreeMap<&str, &Value>> = statements.iter().map(|s| Some((s.get("Sid")?.as_str()?, s))).collect();
    named.filter(|named| named.len() == statements.len() && !named.is_empty())
}

fn words(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "none".into(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(property: &str, actual: &str, wanted: &str) -> Change {
        Change {
            property: property.into(),
            actual: actual.into(),
            wanted: wanted.into(),
            replaces: property == "DomainName" || property == "Type",
        }
    }

    #[track_caller]
    fn check(drift: &[&str], configured: &[Change], open: &[Change], expected: &[&str]) {
        let drift: Vec<String> = drift.iter().map(|d| (*d).to_owned()).collect();
        let touch = touch(&drift, [configured.to_vec(), configured.to_vec()], open, true);
        assert_eq!(touch.lines, expected);
    }

    #[test]
    fn drift_and_a_changed_configuration_are_told_as_one() {
        check(&[], &[], &[], &[]);
        check(&["Memory: 1 → 2"], &[], &[], &["Memory: 1 → 2"]);
        check(&[], &[change("Memory", "2", "3")], &[], &["Memory: 2 → 3"]);
        check(
            &["Memory: 1 → 2", "Timeout: 5 → 6"],
            &[change("Memory", "2", "3"), change("Tags.team", "none", "data")],
            &[],
            &["Memory: 1 → 3", "Timeout: 5 → 6", "Tags.team: none → data"],
        );
        // What AWS holds already needs nothing.
        check(&["Memory: 3 → 2"], &[change("Memory", "2", "3")], &[], &[]);
    }

    #[test]
    fn of_a_document_only_what_differs_is_told() {
        let policy = |resource: &str, more: &str| {
            format!(
                r#"{{"Statement":[{{"Sid":"A","Action":"x"}},{{"Sid":"B","Resource":"{resource}"}}{more}],"Version":"1"}}"#
            )
        };
        let (held, wanted) = (policy("old", ""), policy("new", r#",{"Action":"y","Sid":"C"}"#));
        check(
            &[],
            &[change("Policies.Kairos", &held, &wanted)],
            &[],
            &[
                "Policies.Kairos.Statement[B].Resource: old → new",
                r#"Policies.Kairos.Statement[C]: none → {"Action":"y","Sid":"C"}"#,
            ],
        );
        check(
            &[],
            &[change("Layers", "[]", r#"["a"]"#)],
            &[],
            &[r#"Layers: [] → ["a"]"#],
        );
        check(&[], &[change("Memory", "1", "2")], &[], &["Memory: 1 → 2"]);
        check(&[], &[change("Name", "\"1\"", "2")], &[], &["Name: 1 → 2"]);
    }

    #[test]
    fn what_is_not_known_yet_is_told_as_such() {
        let open = [change("KmsKeyId", "unknown-a", "unknown-b")];
        check(
            &[],
            &[change("KmsKeyId", "none", "unknown-a")],
            &open,
            &["KmsKeyId: none → (known after apply)"],
        );
        check(&[], &[], &open, &["KmsKeyId: (known after apply)"]);
    }

    #[test]
    fn a_replacement_is_said_with_its_order() {
        let moved = [change("DomainName", "a", "b")];
        let beside = touch(&[], [moved.to_vec(), moved.to_vec()], &[], true);
        assert!(beside.replaced);
        assert_eq!(
            beside.lines,
            [
                "replaced: the new object is made, everything is pointed to it, and then the old one goes",
                "DomainName: a → b"
            ]
        );
        let drift = [line(&change("Type", "SecureString", "String"))];
        assert_eq!(drift, ["Type: SecureString → String (needs another object)"]);
        let room = touch(&drift, [Vec::new(), Vec::new()], &[], false);
        assert!(room.replaced);
        assert_eq!(
            room.lines,
            [
                "replaced: the old object makes room, since both would have one name, and then the new one is made",
                "Type: SecureString → String"
            ]
        );
    }
}
