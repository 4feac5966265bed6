//! Kinesis and Firehose streams: `PutRecord` with the payload as it stands.

use aws_smithy_types::base64;
use serde_json::json;

use super::{Answer, Service, id_of};
use crate::failure::Failure;

/// A partition key has at most 256 characters (Kinesis's model).
const KEY: usize = 256;

/// The process is the partition key, so that its runs stay in order.
pub(super) async fn kinesis(service: Service<'_>) -> Result<Answer, Failure> {
    let call = service.call;
    let key: String = call.id_proceso.as_str().chars().take(KEY).collect();
    let input = json!({
        "StreamARN": call.target.arn.to_string(),
        "PartitionKey": key,
        "Data": base64::encode(&call.payload),
    });
    let reply = service.send("kinesis", "putRecord", input).await?;
    // A record is found by its shard and its number.
    let text = |member: &str| reply.body[member].as_str();
    match (text("ShardId"), text("SequenceNumber")) {
        (Some(shard), Some(number)) => Ok(Answer::Accepted(format!("{shard}:{number}"))),
        _ => Ok(Answer::Accepted(id_of(&reply, &reply.body["SequenceNumber"]))),
    }
}

pub(super) async fn firehose(service: Service<'_>, name: &str) -> Result<Answer, Failure> {
    let input = json!({
        "DeliveryStreamName": name,
        "Record": { "Data": base64::encode(&service.call.payload) },
    });
    let reply = service.send("firehose", "putRecord", input).await?;
    Ok(Answer::Accepted(id_of(&reply, &reply.body["RecordId"])))
}
