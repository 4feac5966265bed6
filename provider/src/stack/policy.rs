//! IAM policy documents, compared as documents: what AWS reorders, unwraps or spells otherwise is no difference.
//!
//! Invariant: two documents are equal only where IAM decides every request alike by them.

use serde::{Serialize, Serializer};
use serde_json::Value;

#[cfg(test)]
mod tests;

/// A policy document. Two are equal when IAM would read them alike:
///
/// - a single value and a list of one are the same, the order of statements, actions, resources, principals and values
///   means nothing, nor does saying one of them twice;
/// - actions and condition keys have no case (IAM user guide, *policy elements*);
/// - `"*"` and `{"AWS": "*"}` are the same principal, and so are an account's number and the ARN of its root;
/// - condition values are strings, however they are written;
/// - what is `null`, and a condition that asks nothing, is not there;
/// - labels (`Sid`, `Id`) count only where both documents carry them throughout.
///
/// A version that is not given is another one than `2012-10-17` (IAM then takes `2008-10-17`), and a principal that AWS shows
/// by its unique id (`AROA…`) is one whose role is gone: both are differences.
#[derive(Debug, Clone)]
pub struct PolicyDocument(Value);

impl PolicyDocument {
    /// A document of version 2012-10-17 with these statements.
    pub fn new(statements: impl IntoIterator<Item = Value>) -> Self {
        let statements: Vec<Value> = statements.into_iter().collect();
        Self(serde_json::json!({ "Version": "2012-10-17", "Statement": statements }))
    }

    /// Reads a document that AWS returned; what is not JSON is kept as a string, so that it differs from every document.
    pub fn parse(text: &str) -> Self {
        Self(serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.into())))
    }

    /// The document as AWS takes it.
    pub fn to_json(&self) -> String {
        self.0.to_string()
    }

    /// What IAM makes of the document, with or without its labels.
    fn meaning(&self, labels: bool) -> Value {
        let Value::Object(document) = &self.0 else {
            return self.0.clone();
        };
        let parts = document.iter().filter(|(key, value)| counts(key, value, labels));
        let part = |(key, value): (&String, &Value)| {
            let value = if key == "Statement" {
                set(elements(value).iter().map(|s| statement(s, labels)))
            } else {
                spelled(value, None)
            };
            (key.clone(), value)
        };
        object(parts.map(part))
    }

    /// Whether every statement has a `Sid`.
    fn is_labelled(&self) -> bool {
        self.0
            .get("Statement")
            .is_some_and(|statements| elements(statements).iter().all(|s| s.get("Sid").is_some()))
    }
}

impl PartialEq for PolicyDocument {
    fn eq(&self, other: &Self) -> bool {
        let labels = self.is_labelled() && other.is_labelled();
        self.meaning(labels) == other.meaning(labels)
    }
}

impl Serialize for PolicyDocument {
    /// In one spelling, with the letters as they are written.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        spelled(&self.0, None).serialize(serializer)
    }
}

/// Whether a part of a document or a statement means anything.
fn counts(key: &str, value: &Value, labels: bool) -> bool {
    match key {
        "Sid" => labels,
        "Id" => false,
        "Condition" => value.as_object().is_some_and(|tests| !tests.is_empty()),
        _ => !value.is_null(),
    }
}

fn statement(statement: &Value, labels: bool) -> Value {
    let Value::Object(parts) = statement else {
        return statement.clone();
    };
    let part = |(key, value): (&String, &Value)| {
        let value = match key.as_str() {
            "Action" | "NotAction" => set(texts(value).map(|action| action.to_ascii_lowercase().into())),
            "Resource" | "NotResource" => set(texts(value).map(Value::from)),
            "Principal" | "NotPrincipal" => principals(value),
            "Condition" => condition(value),
            _ => spelled(value, None),
        };
        (key.clone(), value)
    };
    object(parts.iter().filter(|(key, value)| counts(key, value, labels)).map(part))
}

fn principals(value: &Value) -> Value {
    let everybody = serde_json::json!({ "AWS": ["*"] });
    match value {
        Value::String(text) if text == "*" => everybody,
        Value::Object(kinds) => {
            let kind = |(kind, names): (&String, &Value)| (kind.clone(), set(texts(names).map(|n| account(&n).into())));
            object(kinds.iter().map(kind))
        }
        other => other.clone(),
    }
}

/// An account's number in the place of the ARN of its root.
fn account(principal: &str) -> String {
    let root = principal
        .strip_suffix(":root")
        .and_then(|arn| arn.rsplit_once("iam::"))
        .map(|(_, account)| account);
    root.filter(|account| account.len() == 12).unwrap_or(principal).into()
}

/// `{operator: {key: values}}`.
fn condition(value: &Value) -> Value {
    let Value::Object(operators) = value else {
        return value.clone();
    };
    let test = |(key, values): (&String, &Value)| (key.to_ascii_lowercase(), set(texts(values).map(Value::from)));
    let operator = |(name, tests): (&String, &Value)| {
        let tests = match tests {
            Value::Object(tests) => object(tests.iter().map(test)),
            other => other.clone(),
        };
        (name.clone(), tests)
    };
    object(operators.iter().map(operator))
}

/// The elements of a list, or the one value that is no list.
fn elements(value: &Value) -> &[Value] {
    match value {
        Value::Array(items) => items,
        one => std::slice::from_ref(one),
    }
}

/// The elements as texts: IAM reads numbers and truths as such.
fn texts(value: &Value) -> impl Iterator<Item = String> {
    elements(value).iter().map(|element| match element {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    })
}

/// A list whose order and repetitions mean nothing. A single element is not unwrapped.
fn set(elements: impl Iterator<Item = Value>) -> Value {
    let mut elements: Vec<Value> = elements.collect();
    elements.sort_by_cached_key(Value::to_string);
    elements.dedup();
    Value::Array(elements)
}

/// An object with its keys sorted: lists of objects are sorted by how they are written.
fn object(entries: impl Iterator<Item = (String, Value)>) -> Value {
    let sorted: std::collections::BTreeMap<String, Value> = entries.collect();
    Value::Object(sorted.into_iter().collect())
}

/// One spelling, to be read and digested: keys sorted, lists sorted, lists of one unwrapped but for the statements, values
/// as strings.
fn spelled(value: &Value, key: Option<&str>) -> Value {
    match value {
        Value::Object(map) => {
            let object = object(map.iter().map(|(k, v)| (k.clone(), spelled(v, Some(k)))));
            if key == Some("Statement") {
                Value::Array(vec![object])
            } else {
                object
            }
        }
        Value::Array(items) => {
            let mut items: Vec<Value> = items.iter().map(|v| spelled(v, None)).collect();
            items.sort_by_cached_key(Value::to_string);
            match items.len() {
                1 if key != Some("Statement") => items.swap_remove(0),
                _ => Value::Array(items),
            }
        }
        Value::Bool(b) => Value::String(b.to_string()),
        Value::Number(n) => Value::String(n.to_string()),
        other => other.clone(),
    }
}
