//! Any action of an AWS API that speaks JSON, as Scheduler's universal targets name them.
//!
//! Invariant: the action decides nothing here: errors inside an answer are told by the names of its members alone.

use aws_credential_types::Credentials;
use kairos::arn::services;
use kairos::error::{Field, UserError};
use kairos_aws::call::{Caller, Reply, Request};
use kairos_aws::error::{Class, classify};
use serde_json::{Map, Value};

use super::{Answer, Call};
use crate::failure::Failure;

/// The longest id of an answer that the history shows, in bytes.
const LONGEST_ID: usize = 256;

/// As much of what failed inside an answer as a failure quotes, in characters.
const SHOWN: usize = 500;

/// Calls the action once, in the executor's own region, since the ARN has none.
///
/// The members that make a repetition harmless get the run's id where the request leaves them out.
pub(super) async fn start(
    caller: &Caller,
    call: &Call,
    service: &str,
    action: &str,
    region: &str,
    credentials: &Credentials,
) -> Result<Answer, Failure> {
    let arn = call.target.arn.to_string();
    services::check(service, action)
        .map_err(|rule| Failure::terminal(UserError::new(Field::ArnProceso, &arn, rule).to_string()))?;
    let payload = if call.payload.trim().is_empty() {
        "{}"
    } else {
        &call.payload
    };
    let input: Map<String, Value> = serde_json::from_str(payload)
        .map_err(|problem| Failure::terminal(format!("\"{arn}\" takes a JSON object: {problem}")))?;
    let reply = caller
        .call(Request {
            service,
            action,
            input: &Value::Object(input),
            region,
            credentials,
            token: Some(&call.id_ejecucion.to_string()),
            object: &arn,
        })
        .await?;
    outcome(&arn, &reply)
}

fn outcome(arn: &str, reply: &Reply) -> Result<Answer, Failure> {
    if let Some(kind) = &reply.function_error {
        return Err(Failure::transient(format!(
            "the function that \"{arn}\" called ended with an error ({kind}): {} (request id {})",
            shown(&reply.body),
            reply.request_id
        )));
    }
    if let Some(failed) = failed(&reply.body) {
        let message = format!(
            "\"{arn}\" was answered, but not all of it was done: {} (request id {})",
            failed.said, reply.request_id
        );
        return Err(if failed.passes {
            Failure::transient(message)
        } else {
            Failure::terminal(message)
        });
    }
    let words = [reply.request_id.as_str(), id(&reply.body).unwrap_or_default()];
    let known: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
    Ok(Answer::Accepted(known.join(", ")))
}

/// What failed inside an answer of 200.
struct Failed {
    said: String,
    /// Whether another attempt may end differently: nothing that failed would fail again for certain.
    passes: bool,
}

/// What failed, by the members that batch actions have for it: `FailedEntryCount`, `FailedRecordCount`, `FailedPutCount`
/// above zero; `failures`, `Failed`, `Errors`, `UnprocessedItems` and the like with something in them.
fn failed(body: &Value) -> Option<Failed> {
    let members = body.as_object()?;
    let (name, value) = members.iter().find(|(name, value)| tells_failure(name, value))?;
    let mut entries = Vec::new();
    if value.is_number() {
        // A count: which entries failed stands in the list beside it.
        members.values().for_each(|value| collect(value, &mut entries));
        entries.retain(|entry| text(entry, CODE).is_some());
    } else {
        collect(value, &mut entries);
    }
    let said = match entries.first() {
        Some(first) => format!("{name}: {}", shown(first)),
        None => format!("{name}: {}", shown(value)),
    };
    let passes = entries.iter().all(|entry| passes(entry));
    Some(Failed { said, passes })
}

fn tells_failure(name: &str, value: &Value) -> bool {
    const LISTS: [&str; 7] = [
        "errors",
        "failed",
        "failures",
        "unsuccessful",
        "errorentries",
        "errorlist",
        "rejectedlogeventsinfo",
    ];
    let name = name.to_ascii_lowercase();
    let begins = name.starts_with("failed") || name.starts_with("unprocessed");
    match value {
        Value::Number(count) => begins && name.ends_with("count") && count.as_u64().is_some_and(|count| count > 0),
        Value::Array(entries) => !entries.is_empty() && (begins || LISTS.contains(&name.as_str())),
        Value::Object(entries) => !entries.is_empty() && (begins || LISTS.contains(&name.as_str())),
        _ => false,
    }
}

/// The objects of a list, or of a map's values.
fn collect<'a>(value: &'a Value, entries: &mut Vec<&'a Value>) {
    match value {
        Value::Array(values) => entries.extend(values.iter().filter(|value| value.is_object())),
        Value::Object(values) => entries.extend(values.values().filter(|value| value.is_object())),
        _ => {}
    }
}

/// Where entries have their error's code.
const CODE: &[&str] = &["ErrorCode", "errorCode", "Code", "code"];

/// Reasons of ECS that another attempt would meet again; the others are of capacity, which comes and goes.
const LASTING: [&str; 4] = ["ATTRIBUTE", "INACTIVE", "LOCATION", "MISSING"];

/// Whether an entry may be taken another time: by its code where it has one. An entry without is one that was left undone
/// (`UnprocessedItems`).
fn passes(entry: &Value) -> bool {
    if entry["SenderFault"] == true {
        return false;
    }
    match text(entry, CODE) {
        Some(code) => {
            let said = text(entry, &["ErrorMessage", "errorMessage", "Message", "message"]).unwrap_or_default();
            matches!(
                classify(Some(code), said, None),
                Class::Transient | Class::Propagation | Class::Conflict
            )
        }
        None => !text(entry, &["reason"]).is_some_and(|reason| LASTING.iter().any(|word| reason.starts_with(word))),
    }
}

fn text<'a>(entry: &'a Value, names: &[&str]) -> Option<&'a str> {
    names.iter().find_map(|name| entry[*name].as_str())
}

/// The id that an answer has of its own, such as `MessageId`, `executionArn` or `jobId`.
fn id(body: &Value) -> Option<&str> {
    let names_id = |name: &str| {
        let name = name.to_ascii_lowercase();
        name.ends_with("id") || name.ends_with("arn") || name.ends_with("sequencenumber")
    };
    let of = |members: &'_ Map<String, Value>| -> Option<usize> {
        members
            .iter()
            .position(|(name, value)| names_id(name) && value.as_str().is_some_and(|id| id.len() <= LONGEST_ID))
    };
    let members = body.as_object()?;
    // Otherwise that of the first thing in it: `tasks`, `Entries`, `build`.
    let first = || {
        members.values().find_map(|value| match value {
            Value::Array(values) => values.first()?.as_object(),
            other => other.as_object(),
        })
    };
    let holder = match of(members) {
        Some(_) => members,
        None => first()?,
    };
    holder.values().nth(of(holder)?)?.as_str()
}

fn shown(value: &Value) -> String {
    value.to_string().chars().take(SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answered(body: &Value) -> Result<Answer, Failure> {
        outcome(
            "arn:aws:scheduler:::aws-sdk:x:y",
            &Reply {
                status: 200,
                request_id: "r-1".into(),
                body: body.clone(),
                function_error: None,
            },
        )
    }

    #[track_caller]
    fn accepted(body: &Value, id: &str) {
        assert_eq!(answered(body), Ok(Answer::Accepted(id.into())), "{body}");
    }

    #[track_caller]
    fn refused(body: &Value, transient: bool, words: &str) {
        match answered(body) {
            Err(failure) => {
                assert_eq!(failure.transient, transient, "{body}");
                assert!(failure.message.contains(words), "{}", failure.message);
                assert!(
                    failure.message.contains("r-1") && !failure.refused,
                    "{}",
                    failure.message
                );
            }
            Ok(answer) => assert!(words.is_empty(), "{body} was accepted: {answer}"),
        }
    }

    #[test]
    fn an_answer_gives_its_own_id_as_well() {
        accepted(&Value::Null, "r-1");
        accepted(&json!({}), "r-1");
        accepted(&json!({"MD5OfMessageBody": "x", "MessageId": "m"}), "r-1, m");
        accepted(&json!({"executionArn": "arn:x", "startDate": 1}), "r-1, arn:x");
        accepted(
            &json!({"tasks": [{"attachments": [], "taskArn": "arn:task"}], "failures": []}),
            "r-1, arn:task",
        );
        accepted(&json!({"FailedEntryCount": 0, "Entries": [{"EventId": "e"}]}), "r-1, e");
        accepted(&json!({"build": {"id": "p:1", "arn": "arn:b"}}), "r-1, p:1");
        accepted(&json!({"Successful": [{"Id": "1"}], "Failed": []}), "r-1, 1");
        accepted(&json!({"UnprocessedItems": {}}), "r-1");
        accepted(&json!("text"), "r-1");
    }

    #[test]
    fn entries_that_failed_inside_an_answer_are_failures() {
        refused(
            &json!({"FailedEntryCount": 1, "Entries": [
                {"EventId": "e"}, {"ErrorCode": "ThrottlingException", "ErrorMessage": "slow"}]}),
            true,
            "slow",
        );
        refused(
            &json!({"FailedEntryCount": 1, "Entries": [{"ErrorCode": "NotAuthorizedForDetailTypeException"}]}),
            false,
            "NotAuthorizedForDetailType",
        );
        refused(
            &json!({"FailedRecordCount": 1, "Records": [
                {"SequenceNumber": "1"}, {"ErrorCode": "ProvisionedThroughputExceededException"}]}),
            true,
            "ProvisionedThroughput",
        );
        refused(
            &json!({"FailedPutCount": 1, "RequestResponses": [{"ErrorCode": "ServiceUnavailableException"}]}),
            true,
            "FailedPutCount",
        );
        refused(
            &json!({"Failed": [{"Id": "1", "SenderFault": true, "Code": "InternalError"}]}),
            false,
            "Failed",
        );
        refused(
            &json!({"Failed": [{"Id": "1", "SenderFault": false, "Code": "InternalError"}]}),
            true,
            "Failed",
        );
        refused(
            &json!({"tasks": [], "failures": [{"reason": "RESOURCE:MEMORY"}]}),
            true,
            "RESOURCE:MEMORY",
        );
        refused(
            &json!({"tasks": [], "failures": [{"reason": "MISSING"}]}),
            false,
            "MISSING",
        );
        refused(
            &json!({"UnprocessedItems": {"t": [{"PutRequest": {}}]}}),
            true,
            "UnprocessedItems",
        );
        refused(
            &json!({"errors": [{"code": "ValidationException"}]}),
            false,
            "ValidationException",
        );
    }

    #[test]
    fn an_error_of_the_function_that_was_called_is_a_failure() {
        let reply = Reply {
            status: 200,
            request_id: "r-1".into(),
            body: json!({"errorMessage": "sin saldo"}),
            function_error: Some("Unhandled".into()),
        };
        let failure = outcome("arn", &reply).err();
        assert!(failure.is_some_and(|failure| failure.transient && failure.message.contains("sin saldo")));
    }
}
