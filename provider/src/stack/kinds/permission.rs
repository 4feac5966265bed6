//! The statement in a function's policy that lets API Gateway invoke it.
//!
//! Invariant: only the statement with our id is read and written; the function's other statements are left alone.

use serde::Serialize;

use crate::stack::kind::Ref;

/// Leave for one stage of a REST API to invoke a function.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Permission {
    /// The function's name.
    pub function: String,
    /// The statement's id in the function's policy (letters, digits, `-` and `_`; 100 at most).
    pub statement_id: String,
    /// The REST API that may invoke it.
    pub rest_api: Ref,
    /// The stage of that API whose methods may invoke it.
    pub stage: String,
}
