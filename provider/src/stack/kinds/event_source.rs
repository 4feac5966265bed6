//! The mapping that feeds a queue's messages to a function.
//!
//! Invariant: AWS names a mapping by a UUID of its own; ours is the one between its function and its queue, of which AWS
//! allows a single one.

use serde::Serialize;

use crate::stack::kind::Tags;

/// An event source mapping from an SQS queue.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EventSource {
    /// The function's name.
    pub function: String,
    /// The queue's ARN.
    pub queue: String,
    /// How many messages an invocation gets at most (Lambda: 1 to 10, up to 10,000 with a window).
    pub batch_size: i32,
    /// How long to gather a batch, in seconds (Lambda: 0 to 300).
    pub window: i32,
    /// Whether the function reports which messages failed (`ReportBatchItemFailures`).
    pub report_failures: bool,
    /// How many invocations may run at once (Lambda: 2 to 1,000); `None` for as many as the function may have.
    pub maximum_concurrency: Option<i32>,
    /// Whether it polls.
    pub enabled: bool,
    /// Its tags.
    pub tags: Tags,
}
