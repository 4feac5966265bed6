//! IAM policy documents, compared as documents: what AWS reorders or unwraps is no difference.

use serde::{Serialize, Serializer};
use serde_json::Value;

/// A policy document. Two are equal when IAM would read them alike: a single value and a list of one are the same, and the
/// order of statements, actions, resources and principals means nothing.
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

    /// The document in one spelling.
    fn normal(&self) -> Value {
        normal(&self.0, None)
    }
}

impl PartialEq for PolicyDocument {
    fn eq(&self, other: &Self) -> bool {
        self.normal() == other.normal()
    }
}

impl Serialize for PolicyDocument {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.normal().serialize(serializer)
    }
}

/// Keys sorted; lists sorted; lists of one unwrapped, but for the statements.
fn normal(value: &Value, key: Option<&str>) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().map(|(k, v)| (k.clone(), normal(v, Some(k)))).collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            let object = Value::Object(entries.into_iter().collect());
            if key == Some("Statement") {
                Value::Array(vec![object])
            } else {
                object
            }
        }
        Value::Array(items) => {
            let mut items: Vec<Value> = items.iter().map(|v| normal(v, None)).collect();
            items.sort_by_key(Value::to_string);
            match items.len() {
                1 if key != Some("Statement") => items.swap_remove(0),
                _ => Value::Array(items),
            }
        }
        // IAM reads condition values as strings.
        Value::Bool(b) => Value::String(b.to_string()),
        Value::Number(n) => Value::String(n.to_string()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn another_action_is_another_policy() {
        let one =
            |action: &str| PolicyDocument::new([serde_json::json!({"Effect":"Allow","Action":action,"Resource":"*"})]);
        assert_ne!(one("sqs:SendMessage"), one("sqs:ReceiveMessage"));
    }
}
