//! What the members of an input become on the wire: their names, and instants that are sent as numbers.
//!
//! Invariant: the names of the models are accepted everywhere. Where a service's names begin in lower case on the wire, a
//! first letter in upper case is accepted too, as Scheduler's and Step Functions' documentation writes them.

use jiff::Timestamp;
use serde_json::{Map, Number, Value};

use super::bindings::Words;

/// The rules of one service.
#[derive(Debug, Clone, Copy)]
pub(super) struct Names(pub(super) Words);

impl Names {
    /// A structure, or a list of them, as the wire has it.
    pub(super) fn structure(self, value: &Value) -> Value {
        match value {
            Value::Object(members) => Value::Object(self.members(members)),
            Value::Array(items) => Value::Array(items.iter().map(|item| self.structure(item)).collect()),
            other => other.clone(),
        }
    }

    /// The members of a structure as the wire has them.
    pub(super) fn members(self, members: &Map<String, Value>) -> Map<String, Value> {
        members
            .iter()
            .map(|(name, value)| {
                let name = self.wire(name);
                let value = self.member(&name, value);
                (name, value)
            })
            .collect()
    }

    /// The value of a member whose name on the wire is `name`.
    pub(super) fn member(self, name: &str, value: &Value) -> Value {
        let is = |key: &str| self.0.list(key).any(|listed| listed == name);
        if is("d") {
            value.clone()
        } else if is("m") {
            self.entries(value)
        } else if is("s") {
            seconds(value)
        } else {
            self.structure(value)
        }
    }

    /// A map: its keys are the user's, its values may be structures.
    fn entries(self, value: &Value) -> Value {
        match value {
            Value::Object(entries) => Value::Object(
                entries
                    .iter()
                    .map(|(key, value)| (key.clone(), self.structure(value)))
                    .collect(),
            ),
            Value::Array(items) => Value::Array(items.iter().map(|item| self.entries(item)).collect()),
            other => other.clone(),
        }
    }

    /// The name of a member on the wire.
    pub(super) fn wire(self, name: &str) -> String {
        if let Some((_, wire)) = self.0.pairs("r").find(|(member, _)| *member == name) {
            return wire.to_owned();
        }
        if self.0.get("c") == Some("l") && !self.0.list("k").any(|kept| kept == name) {
            return first_letter(name, |letter| letter.to_ascii_lowercase());
        }
        name.to_owned()
    }
}

/// A name with its first letter changed.
pub(super) fn first_letter(name: &str, change: impl FnOnce(char) -> char) -> String {
    let mut letters = name.chars();
    match letters.next() {
        Some(first) => std::iter::once(change(first)).chain(letters).collect(),
        None => String::new(),
    }
}

/// An instant as seconds since 1970, where it was written as text (RFC 3339), as `<kairos.fecha-programada>` is.
fn seconds(value: &Value) -> Value {
    match value {
        Value::String(text) => text
            .parse::<Timestamp>()
            .ok()
            .and_then(number)
            .map_or_else(|| value.clone(), Value::Number),
        Value::Array(items) => Value::Array(items.iter().map(seconds).collect()),
        other => other.clone(),
    }
}

fn number(at: Timestamp) -> Option<Number> {
    if at.subsec_nanosecond() == 0 {
        Some(at.as_second().into())
    } else {
        Number::from_f64(at.as_duration().as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use serde_json::json;

    use super::super::bindings::Binding;
    use super::*;

    #[track_caller]
    fn check(service: &str, action: &str, written: &Value, sent: &Value) {
        let names = Names(Binding::find(service, action).unwrap().service);
        assert_eq!(&names.structure(written), sent);
    }

    #[test]
    fn names_of_a_lower_case_service_may_begin_in_upper_case() {
        let sent = json!({"cluster": "c", "overrides": {"containerOverrides": [{"name": "n"}]}});
        check(
            "ecs",
            "runTask",
            &json!({"Cluster": "c", "Overrides": {"ContainerOverrides": [{"Name": "n"}]}}),
            &sent,
        );
        check("ecs", "runTask", &sent, &sent);
    }

    #[test]
    fn the_users_own_keys_stay() {
        check(
            "batch",
            "submitJob",
            &json!({"JobName": "x", "Parameters": {"Key": "V"}, "Tags": {"Team": "T"}}),
            &json!({"jobName": "x", "parameters": {"Key": "V"}, "tags": {"Team": "T"}}),
        );
        check(
            "dynamodb",
            "putItem",
            &json!({"Item": {"a": {"S": "x"}, "B": {"M": {"c": {"N": "1"}}}}}),
            &json!({"Item": {"a": {"S": "x"}, "B": {"M": {"c": {"N": "1"}}}}}),
        );
    }

    #[test]
    fn names_that_differ_on_the_wire_are_translated() {
        check(
            "apigatewayv2",
            "createApi",
            &json!({"Name": "n", "ProtocolType": "HTTP", "CorsConfiguration": {"AllowCredentials": true}}),
            &json!({"name": "n", "protocolType": "HTTP", "corsConfiguration": {"allowCredentials": true}}),
        );
    }

    #[test]
    fn instants_written_as_text_are_sent_as_numbers() {
        check(
            "eventbridge",
            "putEvents",
            &json!({"Entries": [{"Time": "2026-01-02T03:04:00.000Z", "Detail": "2026-01-02T03:04:00Z"}]}),
            &json!({"Entries": [{"Time": 1_767_323_040, "Detail": "2026-01-02T03:04:00Z"}]}),
        );
        check(
            "eventbridge",
            "putEvents",
            &json!({"Entries": [{"Time": "2026-01-02T03:04:00.500-03:00"}, {"Time": 5}, {"Time": "soon"}]}),
            &json!({"Entries": [{"Time": 1_767_333_840.5}, {"Time": 5}, {"Time": "soon"}]}),
        );
    }
}
