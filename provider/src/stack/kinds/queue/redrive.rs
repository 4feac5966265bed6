//! Where a queue's messages go that were received too often, and from which queues it takes such messages.
//!
//! Invariant: reading a document that was written here gives the same value.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Value, json};

/// The redrive of a queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Redrive {
    /// The ARN of the dead-letter queue.
    #[serde(rename = "deadLetterTargetArn")]
    pub target_arn: String,
    /// How often a message is received before it goes there. SQS: 1 to 1000.
    #[serde(rename = "maxReceiveCount")]
    pub max_receives: u32,
}

/// Which queues may use a queue as their dead-letter queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum RedriveAllow {
    /// Any queue of account and region: what SQS does where nothing is set.
    AllowAll,
    /// None.
    DenyAll,
    /// Those with these ARNs. SQS: at most 10.
    ByQueue(BTreeSet<String>),
}

impl Redrive {
    /// The document as SQS takes it.
    pub(super) fn to_json(&self) -> String {
        json!({ "deadLetterTargetArn": self.target_arn, "maxReceiveCount": self.max_receives }).to_string()
    }

    /// Reads SQS's document; SQS keeps the count as it was sent, as a number or as text.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let document: Value = serde_json::from_str(text).ok()?;
        let count = document.get("maxReceiveCount")?;
        Some(Self {
            target_arn: document.get("deadLetterTargetArn")?.as_str()?.into(),
            max_receives: count
                .as_str()
                .map_or_else(|| count.to_string(), str::to_owned)
                .parse()
                .ok()?,
        })
    }
}

impl RedriveAllow {
    /// The document as SQS takes it.
    pub(super) fn to_json(&self) -> String {
        match self {
            Self::AllowAll => json!({ "redrivePermission": "allowAll" }).to_string(),
            Self::DenyAll => json!({ "redrivePermission": "denyAll" }).to_string(),
            Self::ByQueue(arns) => json!({ "redrivePermission": "byQueue", "sourceQueueArns": arns }).to_string(),
        }
    }

    /// Reads SQS's document.
    pub(super) fn parse(text: &str) -> Self {
        let document: Value = serde_json::from_str(text).unwrap_or_default();
        let arns = document.get("sourceQueueArns").and_then(Value::as_array);
        match document.get("redrivePermission").and_then(Value::as_str) {
            Some("denyAll") => Self::DenyAll,
            Some("byQueue") => Self::ByQueue(
                arns.into_iter()
                    .flatten()
                    .filter_map(Value::as_str)
                    .map(str::to_owned)
                    .collect(),
            ),
            _ => Self::AllowAll,
        }
    }
}
