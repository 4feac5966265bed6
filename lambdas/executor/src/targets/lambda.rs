//! Lambda functions, versions and aliases: `Invoke`, asynchronously or waited for.

use aws_sdk_lambda::Client;
use aws_sdk_lambda::config::Builder;
use aws_sdk_lambda::operation::RequestId;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::InvocationType;
use kairos::proceso::InvocationMode;
use kairos_aws::error::Doing;
use serde::Deserialize;

use super::{Answer, Call, Caller};
use crate::failure::Failure;

pub(super) async fn start(client: &Client, call: &Call, caller: Caller) -> Result<Answer, Failure> {
    let arn = call.target.arn.to_string();
    let kind = match call.mode {
        InvocationMode::Event => InvocationType::Event,
        InvocationMode::RequestResponse => InvocationType::RequestResponse,
    };
    let answer = client
        .invoke()
        .function_name(&arn)
        .invocation_type(kind)
        .payload(Blob::new(call.payload.as_bytes()))
        .customize()
        .config_override(
            Builder::new()
                .region(caller.region)
                .credentials_provider(caller.credentials),
        )
        .send()
        .await
        .doing("Invoke", &arn)?;
    let id = answer.request_id().unwrap_or_default();
    let payload = answer.payload().map(AsRef::as_ref).unwrap_or_default();
    match (answer.function_error(), call.mode) {
        // A function may fail today and not tomorrow: Lambda itself repeats asynchronous invocations that fail.
        (Some(kind), _) => Err(Failure::transient(format!(
            "\"{arn}\" ended with an error ({kind}): {} (request id {id})",
            error(payload)
        ))),
        (None, InvocationMode::Event) => Ok(Answer::Accepted(id.to_owned())),
        (None, InvocationMode::RequestResponse) if payload.is_empty() => Ok(Answer::Completed(id.to_owned())),
        // The id first, as of a function that is not waited for: what the history cuts is the end.
        (None, InvocationMode::RequestResponse) => {
            Ok(Answer::Completed(format!("{id}: {}", String::from_utf8_lossy(payload))))
        }
    }
}

/// What every runtime of Lambda says of an error, as far as it says it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct FunctionError {
    error_type: Option<String>,
    error_message: Option<String>,
}

/// The function's error in words; where it is of another form, as it is.
fn error(payload: &[u8]) -> String {
    let parsed = serde_json::from_slice(payload).ok();
    match parsed {
        Some(FunctionError {
            error_type: Some(kind),
            error_message: Some(message),
        }) => format!("{kind}: {message}"),
        Some(
            FunctionError {
                error_type: Some(text),
                error_message: None,
            }
            | FunctionError {
                error_type: None,
                error_message: Some(text),
            },
        ) => text,
        _ => String::from_utf8_lossy(payload).into_owned(),
    }
}
