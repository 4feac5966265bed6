//! SQS queues: `SendMessage`; a FIFO queue takes the run as deduplication id and the process as group.

use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::Builder;
use kairos_aws::error::Doing;

use super::{Answer, Call, Caller, domain};
use crate::failure::Failure;

pub(super) async fn start(
    client: &Client,
    call: &Call,
    name: &str,
    fifo: bool,
    caller: Caller,
) -> Result<Answer, Failure> {
    let answer = client
        .send_message()
        .queue_url(url(call, name))
        .message_body(&call.payload)
        .set_message_deduplication_id(fifo.then(|| call.id_ejecucion.to_string()))
        .set_message_group_id(fifo.then(|| call.message_group()))
        .customize()
        .config_override(
            Builder::new()
                .region(caller.region)
                .credentials_provider(caller.credentials),
        )
        .send()
        .await
        .doing("SendMessage", &call.target.arn.to_string())?;
    Ok(Answer::Accepted(answer.message_id.unwrap_or_default()))
}

/// The queue's URL follows from its ARN, so that the role needs no permission to ask for it.
fn url(call: &Call, name: &str) -> String {
    let arn = &call.target.arn;
    format!("https://sqs.{}.{}/{}/{name}", arn.region, domain(arn), arn.account)
}
