//! How Lambda treats asynchronous invocations of a function that fail.
//!
//! Invariant: it concerns the function's unpublished version (`$LATEST`), the only one that the stack has.

use serde::Serialize;

/// An event invoke configuration. It has no tags of its own: it is whose the function is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EventInvoke {
    /// The function's name.
    pub function: String,
    /// How often a failed invocation is tried again (Lambda: 0 to 2).
    pub retries: i32,
    /// How old an event may become before it is given up, in seconds (Lambda: 60 to 21,600).
    pub max_age: i32,
    /// The ARN of the queue or topic that gets what was given up.
    pub on_failure: Option<String>,
}
