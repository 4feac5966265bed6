//! A deployment: the snapshot of a REST API that a stage serves.
//!
//! Invariant: its description carries the digest of the API's shape, so that a stage finds the deployment of its shape
//! whatever id AWS gave it; an API whose shape changed is deployed anew, and the stage is moved by its own component.

use serde::Serialize;

use crate::stack::kind::Ref;

/// A deployment of a REST API. It has no tags of its own: it is whose the API is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Deployment {
    /// The REST API.
    pub rest_api: Ref,
    /// The digest of the API's shape ([`RestApi::shape`](super::rest_api::RestApi::shape)).
    pub shape: String,
}
