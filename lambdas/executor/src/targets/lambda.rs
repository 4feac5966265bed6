//! Lambda functions, versions and aliases: `Invoke`, asynchronously or waited for.

use aws_sdk_lambda::Client;
use aws_sdk_lambda::config::Builder;
use aws_sdk_lambda::operation::RequestId;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::InvocationType;
use kairos::proceso::InvocationMode;
use kairos_aws::error::Doing;

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
    let id = answer.request_id().unwrap_or_default().to_owned();
    match (answer.function_error(), call.mode) {
        // A function may fail today and not tomorrow: Lambda itself repeats asynchronous invocations that fail.
        (Some(error), _) => {
            let said = answer
                .payload()
                .map(|p| String::from_utf8_lossy(p.as_ref()).into_owned())
                .unwrap_or_default();
            Err(Failure::transient(format!(
                "\"{arn}\" ended with {error}: {said} (request id {id})"
            )))
        }
        (None, InvocationMode::Event) => Ok(Answer::Accepted(id)),
        (None, InvocationMode::RequestResponse) => Ok(Answer::Completed(id)),
    }
}
