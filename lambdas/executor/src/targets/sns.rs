//! SNS topics: `Publish`; a FIFO topic takes the run as deduplication id and the process as group.

use aws_sdk_sns::Client;
use aws_sdk_sns::config::Builder;
use kairos_aws::error::Doing;

use super::{Answer, Call, Caller};
use crate::failure::Failure;

pub(super) async fn start(client: &Client, call: &Call, fifo: bool, caller: Caller) -> Result<Answer, Failure> {
    let arn = call.target.arn.to_string();
    let answer = client
        .publish()
        .topic_arn(&arn)
        .message(&call.payload)
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
        .doing("Publish", &arn)?;
    Ok(Answer::Accepted(answer.message_id.unwrap_or_default()))
}
