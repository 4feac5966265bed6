//! The batch that SQS hands over, and the answer that says which of its messages stay on the queue.
//!
//! Invariant: what is not named in the answer is deleted from the queue; so a message is left out only when its run has
//! been settled or handed to the dead-letter queue.

use serde::{Deserialize, Deserializer, Serialize};

/// A batch of messages.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Batch {
    /// The messages.
    #[serde(rename = "Records")]
    pub records: Vec<Record>,
}

/// A message as the event source hands it over; keys that nothing here needs are left aside.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// SQS's id of the message, by which the answer names it.
    pub message_id: String,
    /// What this delivery is changed by.
    pub receipt_handle: String,
    /// The body, untouched.
    #[serde(default)]
    pub body: String,
    /// What SQS tells about the message.
    #[serde(default)]
    pub attributes: Attributes,
}

/// The system attributes of a message, as far as they are used.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Attributes {
    /// The group that shares the queue fairly with others.
    #[serde(default)]
    pub message_group_id: Option<String>,
    /// How often it has been received, this time included; zero where SQS did not say.
    #[serde(default, deserialize_with = "count")]
    pub approximate_receive_count: u32,
}

impl Record {
    /// How often the message has been received, from 1.
    pub fn receives(&self) -> u32 {
        self.attributes.approximate_receive_count.max(1)
    }
}

/// SQS writes numbers as text. What is none is no reason to refuse a batch.
fn count<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    let text = Option::<String>::deserialize(from)?;
    Ok(text.and_then(|text| text.parse().ok()).unwrap_or_default())
}

/// Which messages stay on the queue (`ReportBatchItemFailures`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchAnswer {
    /// One entry a message that stays.
    pub batch_item_failures: Vec<Stays>,
}

/// A message that stays on the queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Stays {
    /// The message's id.
    pub item_identifier: String,
}

impl BatchAnswer {
    /// An answer that leaves these messages on the queue.
    pub fn leaving(ids: impl IntoIterator<Item = String>) -> Self {
        Self {
            batch_item_failures: ids.into_iter().map(|id| Stays { item_identifier: id }).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    #[test]
    fn a_batch_is_read_as_the_event_source_sends_it() {
        let batch: Batch = serde_json::from_str(
            r#"{"Records":[{"messageId":"059f36b4","receiptHandle":"AQEB","body":"{}","md5OfBody":"x",
                "attributes":{"ApproximateReceiveCount":"3","MessageGroupId":"calendarizacion-a","SentTimestamp":"1"},
                "messageAttributes":{},"eventSource":"aws:sqs","eventSourceARN":"arn:aws:sqs:x","awsRegion":"x"}]}"#,
        )
        .unwrap();
        let record = &batch.records[0];
        assert_eq!(
            (
                record.message_id.as_str(),
                record.receipt_handle.as_str(),
                record.body.as_str()
            ),
            ("059f36b4", "AQEB", "{}")
        );
        assert_eq!(record.attributes.message_group_id.as_deref(), Some("calendarizacion-a"));
        assert_eq!(record.receives(), 3);
    }

    #[test]
    fn a_record_that_says_nothing_of_its_receives_was_received_once() {
        for attributes in [
            "{}",
            r#"{"ApproximateReceiveCount":"many"}"#,
            r#"{"ApproximateReceiveCount":null}"#,
        ] {
            let text = format!(r#"{{"messageId":"a","receiptHandle":"b","attributes":{attributes}}}"#);
            let record: Record = serde_json::from_str(&text).unwrap();
            assert_eq!((record.receives(), record.body.as_str()), (1, ""));
        }
    }

    #[test]
    fn the_answer_is_spelled_as_lambda_wants_it() {
        let answer = serde_json::to_string(&BatchAnswer::leaving(["a".to_owned()])).unwrap();
        assert_eq!(answer, r#"{"batchItemFailures":[{"itemIdentifier":"a"}]}"#);
        assert_eq!(
            serde_json::to_string(&BatchAnswer::default()).unwrap(),
            r#"{"batchItemFailures":[]}"#
        );
    }
}
