//! A queue of the installation: batches in, single messages to a dead-letter queue, visibility of what is in flight.
//!
//! Invariant: what SQS rejects inside a successful answer is returned to the caller, never dropped.

use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{MessageAttributeValue, SendMessageBatchRequestEntry};

use crate::error::{AwsError, Class, Doing};

/// SQS takes at most ten messages a batch.
pub const BATCH: usize = 10;

/// SQS keeps a message invisible for at most twelve hours.
const MAX_VISIBILITY: Duration = Duration::from_hours(12);

/// One queue.
#[derive(Debug, Clone)]
pub struct Queue {
    client: Client,
    url: String,
}

/// A message to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outgoing {
    /// The body.
    pub body: String,
    /// The message group: on a standard queue, whose messages share the queue fairly with those of other groups.
    pub group: Option<String>,
    /// String attributes, by name.
    pub attributes: Vec<(String, String)>,
}

/// A message of a batch that SQS did not take, though it answered the batch with success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// The message's place in the batch.
    pub index: usize,
    /// SQS's words.
    pub error: AwsError,
}

impl Queue {
    /// The queue at `url`.
    pub fn new(client: Client, url: impl Into<String>) -> Self {
        Self {
            client,
            url: url.into(),
        }
    }

    /// Sends up to [`BATCH`] messages, and returns those that SQS rejected.
    ///
    /// # Errors
    /// When the call itself failed: then all of the messages may or may not have been taken.
    pub async fn send_batch(&self, messages: Vec<Outgoing>) -> Result<Vec<Rejected>, AwsError> {
        let entries = messages
            .into_iter()
            .enumerate()
            .map(|(i, m)| entry(i, m))
            .collect::<Result<Vec<_>, _>>();
        let entries = entries.map_err(|e| self.malformed("SendMessageBatch", &e))?;
        let answer = self
            .client
            .send_message_batch()
            .queue_url(&self.url)
            .set_entries(Some(entries))
            .send()
            .await;
        let answer = answer.doing("SendMessageBatch", &self.url)?;
        Ok(answer.failed().iter().map(|failed| self.rejected(failed)).collect())
    }

    /// Sends one message, and returns its id.
    pub async fn send(&self, message: &Outgoing) -> Result<String, AwsError> {
        let mut call = self
            .client
            .send_message()
            .queue_url(&self.url)
            .message_body(&message.body)
            .set_message_group_id(message.group.clone());
        for (name, value) in &message.attributes {
            let value = text(value).map_err(|e| self.malformed("SendMessage", &e))?;
            call = call.message_attributes(name, value);
        }
        let answer = call.send().await.doing("SendMessage", &self.url)?;
        Ok(answer.message_id().unwrap_or_default().to_owned())
    }

    /// Keeps a received message invisible for `delay` from now (at most twelve hours).
    pub async fn change_visibility(&self, receipt: &str, delay: Duration) -> Result<(), AwsError> {
        let seconds = i32::try_from(delay.min(MAX_VISIBILITY).as_secs()).unwrap_or(i32::MAX);
        self.client
            .change_message_visibility()
            .queue_url(&self.url)
            .receipt_handle(receipt)
            .visibility_timeout(seconds)
            .send()
            .await
            .doing("ChangeMessageVisibility", &self.url)?;
        Ok(())
    }

    fn rejected(&self, failed: &aws_sdk_sqs::types::BatchResultErrorEntry) -> Rejected {
        // Only the sender's own faults cannot be mended by sending again.
        let class = if failed.sender_fault() {
            Class::Terminal
        } else {
            Class::Transient
        };
        Rejected {
            index: failed.id().parse().unwrap_or(usize::MAX),
            error: AwsError {
                action: "SendMessageBatch".into(),
                object: self.url.clone(),
                code: Some(failed.code().into()),
                message: failed.message().unwrap_or_default().into(),
                request_id: None,
                class,
                ambiguous: false,
            },
        }
    }

    fn malformed(&self, action: &str, error: &aws_smithy_types::error::operation::BuildError) -> AwsError {
        AwsError {
            action: action.into(),
            object: self.url.clone(),
            code: None,
            message: error.to_string(),
            request_id: None,
            class: Class::Terminal,
            ambiguous: false,
        }
    }
}

fn entry(
    index: usize,
    message: Outgoing,
) -> Result<SendMessageBatchRequestEntry, aws_smithy_types::error::operation::BuildError> {
    let mut entry = SendMessageBatchRequestEntry::builder()
        .id(index.to_string())
        .message_body(message.body)
        .set_message_group_id(message.group);
    for (name, value) in &message.attributes {
        entry = entry.message_attributes(name, text(value)?);
    }
    entry.build()
}

fn text(value: &str) -> Result<MessageAttributeValue, aws_smithy_types::error::operation::BuildError> {
    MessageAttributeValue::builder()
        .data_type("String")
        .string_value(value)
        .build()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;
    use aws_smithy_http_client::test_util::{ReplayEvent, StaticReplayClient};
    use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
    use aws_smithy_types::body::SdkBody;

    fn queue(answer: &str) -> (Queue, StaticReplayClient) {
        let answer = HttpResponse::new(200.try_into().unwrap(), SdkBody::from(answer));
        let replay = StaticReplayClient::new(vec![ReplayEvent::new(HttpRequest::new(SdkBody::empty()), answer)]);
        let config = aws_sdk_sqs::Config::builder()
            .behavior_version(aws_config::BehaviorVersion::latest())
            .region(aws_config::Region::new("sa-east-1"))
            .credentials_provider(aws_credential_types::Credentials::new(
                "AKID", "secret", None, None, "test",
            ))
            .http_client(replay.clone())
            .build();
        (
            Queue::new(
                Client::from_conf(config),
                "https://sqs.sa-east-1.amazonaws.com/123456789012/aQueue",
            ),
            replay,
        )
    }

    fn sent(replay: &StaticReplayClient) -> serde_json::Value {
        serde_json::from_slice(replay.actual_requests().next().unwrap().body().bytes().unwrap()).unwrap()
    }

    #[tokio::test]
    async fn rejected_entries_come_back_with_their_place_and_reason() {
        let (queue, replay) = queue(
            r#"{"Successful":[{"Id":"0","MessageId":"m","MD5OfMessageBody":"900150983cd24fb0d6963f7d28e17f72"}],
                "Failed":[{"Id":"1","Code":"InternalError","Message":"try again","SenderFault":false},
                          {"Id":"2","Code":"InvalidMessageContents","SenderFault":true}]}"#,
        );
        let messages = ["abc", "b", "c"].map(|b| Outgoing {
            body: b.into(),
            group: Some("g".into()),
            attributes: vec![],
        });
        let rejected = queue.send_batch(messages.into()).await.unwrap();
        let told: Vec<_> = rejected
            .iter()
            .map(|r| (r.index, r.error.class, r.error.code.clone()))
            .collect();
        assert_eq!(
            told,
            [
                (1, Class::Transient, Some("InternalError".into())),
                (2, Class::Terminal, Some("InvalidMessageContents".into()))
            ]
        );
        let sent = sent(&replay);
        assert_eq!(sent["Entries"][2]["MessageGroupId"], "g");
        assert_eq!(sent["Entries"][2]["Id"], "2");
    }

    #[tokio::test]
    async fn visibility_never_exceeds_what_sqs_takes() {
        let (queue, replay) = queue("{}");
        queue
            .change_visibility("receipt", Duration::from_hours(13))
            .await
            .unwrap();
        let sent = sent(&replay);
        assert_eq!(sent["VisibilityTimeout"], 43_200);
    }
}
