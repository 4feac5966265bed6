//! The REST API in front of the api function: the API itself, its resources, methods and integrations.
//!
//! Invariant: AWS makes its id and lets names repeat, so that the ownership tag tells which one is ours, and the oldest of
//! several is the one.
//! Invariant: nothing here is live before a deployment takes its snapshot.

use std::collections::BTreeMap;

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::stack::kind::Tags;

/// A REST API.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RestApi {
    /// Its name.
    pub name: String,
    /// What it is for, in words.
    pub description: String,
    /// `REGIONAL` (`EDGE` and `PRIVATE` are never wanted).
    pub endpoint: String,
    /// Its methods by verb and path: `ANY /`, `ANY /{proxy+}`.
    pub routes: BTreeMap<String, Route>,
    /// Its tags.
    pub tags: Tags,
}

/// What a method asks of its caller, and whom it asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Route {
    /// Whether a caller needs an API key.
    pub key_required: bool,
    /// How a caller is authorised otherwise: `NONE`.
    pub authorization: String,
    /// The integration: `AWS_PROXY`.
    pub integration: String,
    /// The ARN of the function behind it.
    pub function: String,
}

impl Route {
    /// A method that needs an API key and hands the whole request to a function.
    pub fn proxy(function: impl Into<String>) -> Self {
        Self {
            key_required: true,
            authorization: "NONE".into(),
            integration: "AWS_PROXY".into(),
            function: function.into(),
        }
    }
}

impl RestApi {
    /// A digest of what a deployment makes live, so that a deployment can be told to be of this shape.
    pub fn shape(&self) -> String {
        let routes: Vec<String> = self.routes.iter().map(|(at, route)| format!("{at} {route:?}")).collect();
        Sha256::digest(routes.join("\n")).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }
}
