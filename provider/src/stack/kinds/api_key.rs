//! The API key, whose value AWS makes.
//!
//! Invariant: its value is no part of what is wanted or held; only [`value`] reads it, for the state's sensitive attribute.
//! Invariant: AWS makes its id and lets names repeat, so that the ownership tag tells which one is ours, and the oldest of
//! several is the one.

use serde::Serialize;

use crate::stack::kind::Tags;

/// An API key.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ApiKey {
    /// Its name.
    pub name: String,
    /// What it is for, in words.
    pub description: String,
    /// Whether it opens anything.
    pub enabled: bool,
    /// Its tags.
    pub tags: Tags,
}
