//! The mapping of a path of a custom domain to the stage.
//!
//! Invariant: the domain is the user's: it is looked up, never created, changed or deleted.

use serde::Serialize;

use crate::stack::kind::Ref;

/// A mapping of API Gateway v2 (whose keys may have several segments) on a regional domain.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ApiMapping {
    /// The custom domain's name.
    pub domain: String,
    /// The path below the domain, without slashes at its ends; empty for the domain's root.
    pub key: String,
    /// The REST API.
    pub rest_api: Ref,
    /// The stage's name.
    pub stage: String,
}
