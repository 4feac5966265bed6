//! That an API key belongs to a usage plan.
//!
//! Invariant: there is nothing to change in place; it is there or it is not.

use serde::Serialize;

use crate::stack::kind::Ref;

/// The membership of an API key in a usage plan.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct UsagePlanKey {
    /// The usage plan.
    pub usage_plan: Ref,
    /// The API key.
    pub api_key: Ref,
}
