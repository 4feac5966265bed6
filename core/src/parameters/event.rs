//! Event buses: `parametros` are an event's detail, or a whole entry of `PutEvents`.
//!
//! Invariant: an object that has `Detail` or `DetailType`, so written, is an entry; any other is the detail itself.

use serde_json::{Map, Value, json};

use super::actions::Action;
use super::request::object;
use crate::arn::Target;
use crate::error::{Expected, Rule};
use crate::ids::IdProceso;
use crate::instant::Timestamp;

/// The source of events whose entry names none.
pub const SOURCE: &str = "kairos";

/// The most characters of a detail type (EventBridge's model).
const DETAIL_TYPE: usize = 128;

const ENTRY: Action = Action::of_ours(
    "PutEvents",
    &[
        "Detail",
        "DetailType",
        "EventBusName",
        "Resources",
        "Source",
        "Time",
        "TraceHeader",
    ],
);

/// The entry of `PutEvents` that a payload stands for. Its type is the process's id and its source [`SOURCE`], unless the
/// payload says otherwise.
///
/// # Errors
/// The payload is no object, or an entry that the service would refuse by its shape.
pub fn entry(target: &Target, payload: &str, id_proceso: &IdProceso) -> Result<Map<String, Value>, Rule> {
    let given = object(payload)?;
    let mut entry = if given.contains_key("Detail") || given.contains_key("DetailType") {
        ENTRY.named(given)?
    } else {
        Map::from_iter([("Detail".to_owned(), Value::Object(given))])
    };
    let bus = target.arn.to_string();
    let name = target.arn.resource.strip_prefix("event-bus/").unwrap_or_default();
    if let Some(said) = entry.get("EventBusName")
        && !said.as_str().is_some_and(|said| said == bus || said == name)
    {
        return Err(Rule::ContradictsTarget {
            member: "EventBusName",
            expected: Some(bus),
        });
    }
    let detail = detail(entry.get("Detail"))?;
    entry.insert("Detail".to_owned(), detail);
    entry.insert("EventBusName".to_owned(), Value::String(bus));
    let kind: String = id_proceso.as_str().chars().take(DETAIL_TYPE).collect();
    for (member, default) in [("DetailType", kind.as_str()), ("Source", SOURCE)] {
        let said = entry.entry(member).or_insert_with(|| json!(default));
        if said.as_str().is_none_or(str::is_empty) {
            return Err(wrong(member, Expected::Text));
        }
    }
    if let Some(header) = entry.get("TraceHeader")
        && !header.is_string()
    {
        return Err(wrong("TraceHeader", Expected::Text));
    }
    let texts = |list: &Value| list.as_array().is_some_and(|list| list.iter().all(Value::is_string));
    if entry.get("Resources").is_some_and(|resources| !texts(resources)) {
        return Err(wrong("Resources", Expected::Texts));
    }
    if let Some(time) = entry.get("Time") {
        let seconds = seconds(time).ok_or_else(|| wrong("Time", Expected::Instant))?;
        entry.insert("Time".to_owned(), seconds);
    }
    Ok(entry)
}

/// A detail as it is sent: a text that is a JSON object.
fn detail(detail: Option<&Value>) -> Result<Value, Rule> {
    match detail {
        Some(Value::Object(_)) => Ok(Value::String(detail.map(Value::to_string).unwrap_or_default())),
        Some(Value::String(text)) if object(text).is_ok() => Ok(Value::String(text.clone())),
        Some(_) => Err(wrong("Detail", Expected::Object)),
        None => Err(Rule::MissingMember {
            member: "Detail",
            action: "PutEvents",
            example: "{}",
        }),
    }
}

/// An instant as the service's protocol writes it: seconds since 1970.
fn seconds(time: &Value) -> Option<Value> {
    match time {
        Value::Number(_) => Some(time.clone()),
        Value::String(text) => {
            let instant: Timestamp = text.parse().ok()?;
            let (seconds, milliseconds) = (instant.as_second(), instant.as_millisecond().rem_euclid(1_000));
            if milliseconds == 0 {
                return Some(json!(seconds));
            }
            Some(json!(instant.as_duration().as_secs_f64()))
        }
        _ => None,
    }
}

fn wrong(member: &str, expected: Expected) -> Rule {
    Rule::MemberKind {
        member: member.to_owned(),
        expected,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    const BUS: &str = "arn:aws:events:sa-east-1:123456789012:event-bus/ventas";

    fn read(payload: &Value) -> Result<Value, Rule> {
        let target = Target::parse(BUS).unwrap();
        entry(&target, &payload.to_string(), &"proceso-a".parse().unwrap()).map(Value::Object)
    }

    #[track_caller]
    fn check(payload: &Value, expected: &Value) {
        let mut expected = expected.clone();
        expected["EventBusName"] = json!(BUS);
        assert_eq!(read(payload), Ok(expected));
    }

    #[track_caller]
    fn refused(payload: &Value, expected: &str) {
        assert_eq!(read(payload).unwrap_err().to_string(), expected, "{payload}");
    }

    #[test]
    fn an_object_is_the_detail() {
        check(
            &json!({"Source": "tienda", "monto": 3}),
            &json!({"Detail": "{\"Source\":\"tienda\",\"monto\":3}", "DetailType": "proceso-a", "Source": "kairos"}),
        );
        check(
            &json!({}),
            &json!({"Detail": "{}", "DetailType": "proceso-a", "Source": "kairos"}),
        );
    }

    #[test]
    fn an_entry_says_all_or_some_of_it() {
        check(
            &json!({"Detail": {"a": 1}, "source": "tienda", "TraceHeader": null}),
            &json!({"Detail": "{\"a\":1}", "DetailType": "proceso-a", "Source": "tienda"}),
        );
        check(
            &json!({
                "Detail": "{ \"a\": 1 }", "DetailType": "cierre", "Source": "tienda", "EventBusName": "ventas",
                "Resources": ["arn"], "Time": "2026-01-02T00:04:00-03:00"
            }),
            &json!({
                "Detail": "{ \"a\": 1 }", "DetailType": "cierre", "Source": "tienda", "Resources": ["arn"],
                "Time": 1_767_323_040
            }),
        );
        assert_eq!(
            read(&json!({"Detail": {}, "Time": "2026-01-02T03:04:00.250Z"})).unwrap()["Time"],
            json!(1_767_323_040.25)
        );
    }

    #[test]
    fn an_entry_that_cannot_be_sent_is_refused() {
        refused(
            &json!({"DetailType": "cierre", "monto": 3}),
            "has \"monto\", which PutEvents does not take",
        );
        refused(
            &json!({"DetailType": "cierre"}),
            "must have \"Detail\", which PutEvents asks for, such as {\"Detail\":\"{}\"}",
        );
        for detail in [json!("hola"), json!("[]"), json!([]), json!(3)] {
            refused(
                &json!({"Detail": detail}),
                "\"Detail\" must be a JSON object, or a text that is one",
            );
        }
        refused(
            &json!({"Detail": {}, "Source": ""}),
            "\"Source\" must be a text that is not empty",
        );
        refused(
            &json!({"Detail": {}, "Resources": [1]}),
            "\"Resources\" must be a list of texts",
        );
        refused(
            &json!({"Detail": {}, "Time": "ayer"}),
            "\"Time\" must be a date and time with an offset (RFC 3339), such as \"2026-03-01T00:00:00Z\"",
        );
        let other = json!({"Detail": {}, "EventBusName": "otro"});
        assert!(matches!(
            read(&other),
            Err(Rule::ContradictsTarget {
                member: "EventBusName",
                ..
            })
        ));
        assert!(matches!(read(&json!([1])), Err(Rule::NotAnObject { .. })));
    }

    #[test]
    fn a_type_is_as_long_as_the_service_takes() {
        let target = Target::parse(BUS).unwrap();
        let long = format!("proceso-{}", "A".repeat(200));
        let entry = entry(&target, "{}", &long.parse().unwrap()).unwrap();
        assert_eq!(entry["DetailType"].as_str().map(str::len), Some(128));
    }
}
