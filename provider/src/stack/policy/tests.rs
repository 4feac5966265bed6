//! Policy documents: every other spelling is equal, every other meaning is not.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Map, json};

use super::*;

/// One statement as the stack writes them, from words that tell little apart.
#[derive(Debug, Clone, PartialEq)]
struct Part {
    deny: bool,
    principal: Vec<&'static str>,
    actions: Vec<&'static str>,
    resources: Vec<&'static str>,
    condition: Option<(&'static str, &'static str, Vec<&'static str>)>,
}

const ACTIONS: [&str; 5] = [
    "sqs:SendMessage",
    "sqs:ReceiveMessage",
    "sqs:*",
    "lambda:InvokeFunction",
    "sts:AssumeRole",
];
const RESOURCES: [&str; 4] = [
    "*",
    "arn:aws:sqs:us-east-1:100000000001:AcmeQueue",
    "arn:aws:sqs:us-east-1:100000000001:acmequeue",
    "arn:aws:sqs:us-east-1:100000000001:Acme*",
];
const PRINCIPALS: [&str; 4] = [
    "*",
    "100000000001",
    "arn:aws:iam::100000000001:role/Acme",
    "AROAEXAMPLEEXAMPLE",
];
const VALUES: [&str; 4] = [
    "false",
    "true",
    "100000000001",
    "arn:aws:sns:us-east-1:100000000001:Acme",
];

fn part() -> impl Strategy<Value = Part> {
    let some = |of: &'static [&'static str]| proptest::sample::subsequence(of, 1..=of.len());
    let condition = (
        select(&["StringEquals", "ArnLike", "Bool"][..]),
        select(&["aws:SourceArn", "aws:SourceAccount", "aws:SecureTransport"][..]),
        some(&VALUES),
    );
    let parts = (
        any::<bool>(),
        some(&PRINCIPALS),
        some(&ACTIONS),
        some(&RESOURCES),
        proptest::option::of(condition),
    );
    parts.prop_map(|(deny, principal, actions, resources, condition)| Part {
        deny,
        principal,
        actions,
        resources,
        condition,
    })
}

fn parts() -> impl Strategy<Value = Vec<Part>> {
    proptest::collection::vec(part(), 1..4)
}

/// How a document may be spelled; each draw decides one question.
struct Pen<'a>(std::iter::Cycle<std::slice::Iter<'a, bool>>);

impl Pen<'_> {
    fn draw(&mut self) -> bool {
        self.0.next().copied().unwrap_or_default()
    }

    fn list(&mut self, words: &[Value]) -> Value {
        let mut words = words.to_vec();
        if self.draw() {
            words.reverse();
        }
        if self.draw() {
            words.push(words[0].clone());
        }
        if words.len() == 1 && self.draw() {
            return words.remove(0);
        }
        Value::Array(words)
    }

    fn cased(&mut self, word: &str) -> String {
        if self.draw() {
            word.to_ascii_uppercase()
        } else {
            word.into()
        }
    }

    /// A condition's value as text, or as what it also may be.
    fn value(&mut self, word: &str) -> Value {
        match serde_json::from_str::<Value>(word) {
            Ok(bare) if self.draw() => bare,
            _ => word.into(),
        }
    }

    fn principal(&mut self, names: &[&str]) -> Value {
        if names == ["*"] && self.draw() {
            return "*".into();
        }
        let name = |pen: &mut Self, name: &str| match name {
            "100000000001" if pen.draw() => "arn:aws:iam::100000000001:root".into(),
            other => Value::from(other),
        };
        let names: Vec<Value> = names.iter().map(|n| name(self, n)).collect();
        json!({ "AWS": self.list(&names) })
    }

    fn statement(&mut self, part: &Part, label: bool) -> Value {
        let words = |words: &[&str]| words.iter().map(|w| Value::from(*w)).collect::<Vec<_>>();
        let actions: Vec<Value> = part.actions.iter().map(|a| self.cased(a).into()).collect();
        let mut entries = vec![
            (
                "Effect".to_owned(),
                Value::from(if part.deny { "Deny" } else { "Allow" }),
            ),
            ("Principal".into(), self.principal(&part.principal)),
            ("Action".into(), self.list(&actions)),
            ("Resource".into(), self.list(&words(&part.resources))),
        ];
        match &part.condition {
            Some((operator, key, values)) => {
                let values: Vec<Value> = values.iter().map(|v| self.value(v)).collect();
                let tests = Map::from_iter([(self.cased(key), self.list(&values))]);
                entries.push(("Condition".into(), json!({ *operator: tests })));
            }
            None if self.draw() => entries.push(("Condition".into(), json!({}))),
            None if self.draw() => entries.push(("NotResource".into(), Value::Null)),
            None => {}
        }
        if label {
            entries.push(("Sid".into(), "AddedByAws".into()));
        }
        if self.draw() {
            entries.reverse();
        }
        Value::Object(Map::from_iter(entries))
    }

    fn document(&mut self, parts: &[Part]) -> PolicyDocument {
        let label = self.draw();
        let statements: Vec<Value> = parts.iter().map(|part| self.statement(part, label)).collect();
        let mut document = json!({ "Version": "2012-10-17", "Statement": self.list(&statements) });
        if self.draw() {
            document["Id"] = "__default_policy_ID".into();
        }
        PolicyDocument::parse(&document.to_string())
    }
}

fn plain(parts: &[Part]) -> PolicyDocument {
    Pen([false].iter().cycle()).document(parts)
}

/// The same parts with one thing changed.
fn changed(mut parts: Vec<Part>, at: Index, what: usize, to: Index) -> Vec<Part> {
    let at = at.index(parts.len());
    let part = &mut parts[at];
    let toggle = |list: &mut Vec<&'static str>, of: &[&'static str]| {
        let word = of[to.index(of.len())];
        match list.iter().position(|w| *w == word) {
            Some(found) if list.len() > 1 => drop(list.remove(found)),
            Some(_) => list.push(of[(to.index(of.len()) + 1) % of.len()]),
            None => list.push(word),
        }
    };
    match (what, &mut part.condition) {
        (0, _) => part.deny = !part.deny,
        (1, _) => toggle(&mut part.principal, &PRINCIPALS),
        (2, _) => toggle(&mut part.actions, &ACTIONS),
        (3, _) => toggle(&mut part.resources, &RESOURCES),
        (4, Some((_, _, values))) => toggle(values, &VALUES),
        (5, Some((operator, ..))) => *operator = "StringLike",
        (6, Some((_, key, _))) => *key = "aws:PrincipalOrgID",
        (_, condition @ Some(_)) => *condition = None,
        (_, condition @ None) => *condition = Some(("Bool", "aws:SecureTransport", vec!["false"])),
    }
    parts
}

/// The distinct parts in an order of their own: a statement said twice says nothing more.
fn distinct(parts: &[Part]) -> Vec<String> {
    let sorted = |list: &[&str]| {
        let mut list = list.to_vec();
        list.sort_unstable();
        list.join(",")
    };
    let line = |p: &Part| {
        let condition = p.condition.as_ref().map(|(o, k, v)| format!("{o} {k} {}", sorted(v)));
        let lists = [&p.principal, &p.actions, &p.resources].map(|list| sorted(list));
        format!("{} {lists:?} {condition:?}", p.deny)
    };
    let mut lines: Vec<String> = parts.iter().map(line).collect();
    lines.sort();
    lines.dedup();
    lines
}

proptest! {
    #[test]
    fn another_spelling_is_equal(parts in parts(), draws in proptest::collection::vec(any::<bool>(), 1..64)) {
        let other = Pen(draws.iter().cycle()).document(&parts);
        prop_assert_eq!(&plain(&parts), &other);
        prop_assert_eq!(&other, &plain(&parts));
    }

    #[test]
    fn another_value_differs(
        parts in parts(),
        at in any::<Index>(),
        what in 0_usize..8,
        to in any::<Index>(),
        draws in proptest::collection::vec(any::<bool>(), 1..64),
    ) {
        let other = changed(parts.clone(), at, what, to);
        // Two statements may have become one, and one that was said twice may still be said once.
        prop_assume!(distinct(&parts) != distinct(&other));
        let written = Pen(draws.iter().cycle()).document(&other);
        prop_assert_ne!(plain(&parts), written);
    }

    #[test]
    fn what_is_sent_reads_back_equal(parts in parts()) {
        let document = plain(&parts);
        prop_assert_eq!(&PolicyDocument::parse(&document.to_json()), &document);
        // Nor does the spelling that is shown and digested lose anything.
        let shown = serde_json::to_string(&document).unwrap();
        prop_assert_eq!(&PolicyDocument::parse(&shown), &document);
    }
}

fn one(statement: Value) -> PolicyDocument {
    PolicyDocument::new([statement])
}

#[test]
fn a_policy_that_only_reads_differently_is_equal() {
    let a = PolicyDocument::parse(
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["b:B","a:A"],"Resource":["*"]}}"#,
    );
    let b = PolicyDocument::parse(
        r#"{"Statement":[{"Resource":"*","Action":["a:A","b:B"],"Effect":"Allow"}],"Version":"2012-10-17"}"#,
    );
    assert_eq!(a, b);
}

#[test]
fn a_principal_that_aws_shows_by_its_id_is_another_one() {
    let trust = |principal: &str| {
        one(json!({ "Effect": "Allow", "Principal": { "AWS": principal }, "Action": "sts:AssumeRole" }))
    };
    assert_ne!(
        trust("arn:aws:iam::100000000001:role/Acme"),
        trust("AROAEXAMPLEEXAMPLE")
    );
    assert_ne!(trust("arn:aws:iam::100000000001:root"), trust("100000000002"));
    assert_eq!(trust("arn:aws-us-gov:iam::100000000001:root"), trust("100000000001"));
}

#[test]
fn a_version_that_is_missing_is_the_old_one() {
    let statement = json!([{ "Effect": "Allow", "Action": "a:A", "Resource": "*" }]);
    let old = PolicyDocument::parse(&json!({ "Statement": statement }).to_string());
    let new = PolicyDocument::parse(&json!({ "Version": "2012-10-17", "Statement": statement }).to_string());
    assert_ne!(old, new);
}

#[test]
fn labels_count_where_both_documents_have_them() {
    let labelled = |sid: &str| one(json!({ "Sid": sid, "Effect": "Allow", "Action": "a:A", "Resource": "*" }));
    assert_eq!(
        labelled("Ours"),
        one(json!({ "Effect": "Allow", "Action": "a:A", "Resource": "*" }))
    );
    assert_ne!(labelled("Ours"), labelled("Theirs"));
}

#[test]
fn what_is_no_json_differs_from_every_document() {
    assert_ne!(PolicyDocument::parse("{"), PolicyDocument::new([]));
    assert_eq!(PolicyDocument::parse("{"), PolicyDocument::parse("{"));
}

#[test]
fn a_document_is_shown_with_its_letters_as_they_are() {
    let document = one(json!({ "Effect": "Allow", "Action": ["sqs:SendMessage"], "Resource": ["b", "a"] }));
    let shown = serde_json::to_string(&document).unwrap();
    assert!(
        shown.contains(r#""Action":"sqs:SendMessage""#) && shown.contains(r#"["a","b"]"#),
        "{shown}"
    );
}
