//! The payload of a process: its placeholders, how two of them are compared, and what each target takes.
//!
//! Invariant: what a placeholder becomes never needs escaping, so that JSON stays JSON.

mod actions;
mod event;
mod http;
mod request;

pub use actions::{ACTIONS, Action};
pub use event::{SOURCE, entry};
pub use http::{HttpCall, http_call};
pub use request::request;

use serde_json::Value;

use crate::arn::{Target, TargetKind};
use crate::error::{Field, Rule, UserError};
use crate::ids::{IdEjecucion, IdProceso};
use crate::instant::{Timestamp, rfc3339_millis};

/// What a run tells its target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunFacts {
    /// `<kairos.id-ejecucion>`
    pub id_ejecucion: IdEjecucion,
    /// `<kairos.id-proceso>`
    pub id_proceso: IdProceso,
    /// `<kairos.fecha-programada>`
    pub fecha_programada: Timestamp,
    /// `<kairos.intento>`, counted from 1.
    pub intento: u32,
}

impl RunFacts {
    fn value(&self, name: &str) -> Option<String> {
        Some(match name {
            "id-ejecucion" => self.id_ejecucion.to_string(),
            "id-proceso" => self.id_proceso.to_string(),
            "fecha-programada" => rfc3339_millis(self.fecha_programada),
            "intento" => self.intento.to_string(),
            _ => return None,
        })
    }

    /// A run with the longest values that those of this process can have.
    fn longest(id_proceso: IdProceso) -> Self {
        let zero = IdEjecucion::random(uuid::Uuid::nil());
        Self {
            id_ejecucion: zero,
            id_proceso,
            fecha_programada: Timestamp::UNIX_EPOCH,
            intento: 11,
        }
    }
}

/// Replaces the placeholders of a payload. What is none is left as it stands.
///
/// A placeholder is also found where its angle brackets are written `\u003c` and `\u003e`, as terraform's `jsonencode`
/// writes them.
pub fn substitute(parametros: &str, facts: &RunFacts) -> String {
    let mut out = String::with_capacity(parametros.len() + 64);
    let mut rest = parametros;
    while let Some((start, end, value)) = next_placeholder(rest, facts) {
        out.push_str(&rest[..start]);
        out.push_str(&value);
        rest = &rest[end..];
    }
    out.push_str(rest);
    out
}

/// The first placeholder of a text: where it begins and ends, and what it becomes.
fn next_placeholder(text: &str, facts: &RunFacts) -> Option<(usize, usize, String)> {
    const NAME: &str = "kairos.";
    text.match_indices(NAME).find_map(|(at, _)| {
        let start = opening(text.get(..at)?)?;
        let inner = text.get(at + NAME.len()..)?;
        let length = inner.find(|c: char| !(c.is_ascii_lowercase() || c == '-'))?;
        let (name, after) = inner.split_at(length);
        let closing = closing(after)?;
        Some((start, at + NAME.len() + length + closing, facts.value(name)?))
    })
}

/// Where the angle bracket begins with which a text ends.
fn opening(before: &str) -> Option<usize> {
    if before.ends_with('<') {
        return Some(before.len() - 1);
    }
    let start = before.len().checked_sub(6)?;
    if !before.get(start..)?.eq_ignore_ascii_case("\\u003c") {
        return None;
    }
    // A backslash that is itself escaped begins no escape.
    let backslashes = before[..start].bytes().rev().take_while(|b| *b == b'\\').count();
    (backslashes % 2 == 0).then_some(start)
}

/// The length of the angle bracket with which a text begins.
fn closing(after: &str) -> Option<usize> {
    if after.starts_with('>') {
        return Some(1);
    }
    after
        .get(..6)
        .filter(|escape| escape.eq_ignore_ascii_case("\\u003e"))
        .map(str::len)
}

/// Whether two payloads say the same: as JSON where both are JSON, otherwise to the letter.
pub fn json_equal(one: Option<&str>, other: Option<&str>) -> bool {
    if one == other {
        return true;
    }
    let (Some(one), Some(other)) = (one, other) else {
        return false;
    };
    match (serde_json::from_str::<Value>(one), serde_json::from_str::<Value>(other)) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
    }
}

/// The most bytes of a payload that the table can hold: an item has at most 400 KB (409,600 bytes), names and the
/// other attributes included, for which this leaves room.
pub const TABLE_LIMIT: usize = 400_000;

/// What a target receives whose process has no `parametros`: every kind of target takes it, or says what it lacks.
pub const NO_PARAMETERS: &str = "{}";

/// The most bytes that a target takes, or the table's limit where that is less.
///
/// SNS messages: 256 KiB. Step Functions input: 256 KiB. A Batch job's request: 30 KiB (its service quotas). SQS messages:
/// 1 MiB since 2025-08. Lambda events: 1 MB asynchronously since 2025-10, 6 MB synchronously. Events of a bus: 1 MB since
/// 2026-01. Kinesis records: 10 MiB; Firehose records: 1,000 KiB. A request to an API: 10 MB.
pub const fn size_limit(kind: &TargetKind) -> usize {
    match kind {
        TargetKind::Topic { .. } | TargetKind::StateMachine { .. } => 262_144,
        TargetKind::JobQueue { .. } => 30_720,
        _ => TABLE_LIMIT,
    }
}

/// Checks a payload, or that there is none, against what its target takes.
pub fn check(parametros: Option<&str>, target: &Target, id_proceso: &IdProceso) -> Result<(), UserError> {
    let text = parametros.unwrap_or(NO_PARAMETERS);
    let error = |rule| UserError::new(Field::Parametros, parametros.unwrap_or_default(), rule);
    let max = size_limit(&target.kind);
    let sent = substitute(text, &RunFacts::longest(id_proceso.clone()));
    let found = sent.len();
    if found > max || text.len() > TABLE_LIMIT {
        return Err(error(Rule::PayloadTooLarge { found, max }));
    }
    let checked = match &target.kind {
        TargetKind::Topic { .. } | TargetKind::Queue { .. } => check_message(text),
        TargetKind::KinesisStream { .. } | TargetKind::DeliveryStream { .. } => Ok(()),
        // JSON before its placeholders are replaced: it is compared as JSON.
        kind => json(text).and_then(|_| match kind {
            TargetKind::Lambda { .. } | TargetKind::StateMachine { .. } => Ok(()),
            TargetKind::EventBus { .. } => entry(target, &sent, id_proceso).map(|_| ()),
            TargetKind::ApiMethod { .. } => http_call(target, &sent).map(|_| ()),
            _ => request(target, &sent).map(|_| ()),
        }),
    };
    checked.map_err(error)
}

/// SNS and SQS take no empty message; SQS only what XML 1.0 takes.
fn check_message(text: &str) -> Result<(), Rule> {
    let allowed = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..);
    match text {
        "" => Err(Rule::Empty),
        _ if text.chars().all(allowed) => Ok(()),
        _ => Err(Rule::ControlCharacter),
    }
}

fn json(text: &str) -> Result<Value, Rule> {
    // Its message gives line and column, and never quotes the payload.
    serde_json::from_str(text).map_err(|problem: serde_json::Error| Rule::NotJson {
        detail: problem.to_string(),
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn facts() -> RunFacts {
        RunFacts {
            id_ejecucion: "6b616972-6f73-5e0f-a1d2-07c593be48f6".parse().unwrap(),
            id_proceso: "proceso-a".parse().unwrap(),
            fecha_programada: "2026-01-02T03:04:00Z".parse().unwrap(),
            intento: 2,
        }
    }

    #[track_caller]
    fn check_substitution(text: &str, expected: &str) {
        assert_eq!(substitute(text, &facts()), expected);
    }

    #[test]
    fn placeholders_are_replaced_wherever_they_stand() {
        check_substitution(
            r#"{"run":"<kairos.id-ejecucion>","who":"<kairos.id-proceso>/<kairos.intento>"}"#,
            r#"{"run":"6b616972-6f73-5e0f-a1d2-07c593be48f6","who":"proceso-a/2"}"#,
        );
        check_substitution("<kairos.fecha-programada>", "2026-01-02T03:04:00.000Z");
        check_substitution("<<kairos.intento>>", "<2>");
    }

    #[test]
    fn placeholders_are_found_as_jsonencode_writes_them() {
        check_substitution(r#"{"n":"\u003ckairos.intento\u003e"}"#, r#"{"n":"2"}"#);
        check_substitution(r#""\u003Ckairos.intento>""#, r#""2""#);
        let escaped = r#""\\u003ckairos.intento\\u003e""#;
        check_substitution(escaped, escaped);
    }

    #[test]
    fn what_is_no_placeholder_stays() {
        for text in [
            "",
            "kairos.intento",
            "<kairos.otro>",
            "<kairos.intento",
            "<kairos.INTENTO>",
            "<aws.x>",
            "ñ<kairos.",
        ] {
            check_substitution(text, text);
        }
    }

    #[test]
    fn json_is_compared_as_json_and_text_to_the_letter() {
        let equal = |one, other| json_equal(Some(one), Some(other));
        assert!(equal(r#"{"a":1,"b":[1,2]}"#, "{ \"b\": [1, 2],\n \"a\": 1 }"));
        assert!(equal(r#""\u003c""#, r#""<""#));
        assert!(!equal("[1,2]", "[2,1]"));
        assert!(!equal("hola", "hola "));
        assert!(!equal("hola", "\"hola\""));
        assert!(json_equal(None, None));
        assert!(!json_equal(None, Some("{}")));
    }

    const LAMBDA: &str = "lambda:sa-east-1:123456789012:function:f";
    const TOPIC: &str = "sns:sa-east-1:123456789012:t";

    fn checked(text: Option<&str>, resource: &str) -> Result<(), Rule> {
        let target = Target::parse(&format!("arn:aws:{resource}")).unwrap();
        check(text, &target, &"proceso-a".parse().unwrap()).map_err(|error| error.rule)
    }

    #[track_caller]
    fn refused(text: &str, resource: &str) -> Rule {
        checked(Some(text), resource).unwrap_err()
    }

    #[test]
    fn a_lambda_takes_json_only() {
        assert_eq!(checked(Some("{\"a\":[]}"), LAMBDA), Ok(()));
        for bad in ["", "hola", "{", "{\"a\":1}x"] {
            assert!(matches!(refused(bad, LAMBDA), Rule::NotJson { .. }), "{bad}");
        }
    }

    #[test]
    fn a_message_is_any_text_but_empty_or_with_control_characters() {
        assert_eq!(checked(Some("hola\n"), TOPIC), Ok(()));
        assert_eq!(refused("", TOPIC), Rule::Empty);
        assert_eq!(refused("a\u{0}b", TOPIC), Rule::ControlCharacter);
    }

    #[test]
    fn a_stream_takes_any_text() {
        for stream in [
            "kinesis:sa-east-1:123456789012:stream/x",
            "firehose:sa-east-1:123456789012:deliverystream/x",
        ] {
            assert_eq!(checked(Some("a\u{0}b"), stream), Ok(()));
        }
    }

    #[test]
    fn each_kind_says_what_it_takes_and_what_it_cannot_do_without() {
        let none: Option<&str> = None;
        for (resource, text, expected) in [
            (LAMBDA, none, ""),
            (TOPIC, none, ""),
            ("states:sa-east-1:123456789012:stateMachine:x", Some("3"), ""),
            ("events:sa-east-1:123456789012:event-bus/x", none, ""),
            ("events:sa-east-1:123456789012:event-bus/x", Some("3"), "NotAnObject"),
            ("ecs:sa-east-1:123456789012:cluster/x", none, "MissingMember"),
            ("ecs:sa-east-1:123456789012:task-definition/x", none, ""),
            ("batch:sa-east-1:123456789012:job-queue/x", none, "MissingMember"),
            ("codebuild:sa-east-1:123456789012:project/x", none, ""),
            ("codebuild:sa-east-1:123456789012:project/x", Some("[]"), "NotAnObject"),
            ("glue:sa-east-1:123456789012:job/x", none, ""),
            ("glue:sa-east-1:123456789012:workflow/x", none, ""),
            ("redshift:sa-east-1:123456789012:cluster:x", none, "MissingMember"),
            (
                "redshift-serverless:sa-east-1:123456789012:workgroup/x",
                none,
                "MissingMember",
            ),
            ("rds:sa-east-1:123456789012:cluster:x", none, "MissingMember"),
            ("execute-api:sa-east-1:123456789012:abc/prod/GET/x", none, ""),
            (
                "execute-api:sa-east-1:123456789012:abc/prod/GET/*",
                none,
                "MissingMember",
            ),
            ("scheduler:::aws-sdk:sqs:sendMessage", Some("[]"), "NotAnObject"),
            ("scheduler:::aws-sdk:sqs:sendMessage", Some("{}"), ""),
        ] {
            let found = match checked(text, resource) {
                Ok(()) => String::new(),
                Err(rule) => format!("{rule:?}").split([' ', '{']).next().unwrap().to_owned(),
            };
            assert_eq!(found, expected, "{resource} {text:?}");
        }
    }

    #[test]
    fn a_request_is_checked_as_it_will_be_sent() {
        let cluster = "ecs:sa-east-1:123456789012:cluster/x";
        let marked = r#"{"taskDefinition":"cierre:<kairos.intento>","group":"\u003ckairos.id-proceso\u003e"}"#;
        assert_eq!(checked(Some(marked), cluster), Ok(()));
        let no_json = r#"{"taskDefinition":"cierre","count":<kairos.intento>}"#;
        assert!(matches!(refused(no_json, cluster), Rule::NotJson { .. }));
    }

    #[test]
    fn sizes_are_counted_with_the_placeholders_replaced() {
        let fits = "x".repeat(262_144 - 36);
        assert_eq!(checked(Some(&format!("{fits}<kairos.id-ejecucion>")), TOPIC), Ok(()));
        let rule = refused(&format!("{fits}x<kairos.id-ejecucion>"), TOPIC);
        assert_eq!(
            rule,
            Rule::PayloadTooLarge {
                found: 262_145,
                max: 262_144
            }
        );
        let large = format!("\"{}\"", "x".repeat(TABLE_LIMIT));
        assert!(matches!(refused(&large, LAMBDA), Rule::PayloadTooLarge { .. }));
        let job = format!(r#"{{"jobDefinition":"{}"}}"#, "x".repeat(30_720));
        let max = 30_720;
        let rule = refused(&job, "batch:sa-east-1:123456789012:job-queue/x");
        assert!(matches!(rule, Rule::PayloadTooLarge { max: found, .. } if found == max));
    }
}
