//! A stage of the REST API: which deployment is live, its access log, throttle, metrics and tracing.
//!
//! Invariant: it finds its deployment by the digest of the API's shape, never by id.

use serde::Serialize;

use crate::stack::kind::{Ref, Tags};

/// One valid JSON line for each request. Values that a caller could fill with quotes are left out.
pub const ACCESS_LOG_FORMAT: &str = concat!(
    r#"{"requestId":"$context.requestId","extendedRequestId":"$context.extendedRequestId","#,
    r#""ip":"$context.identity.sourceIp","apiKeyId":"$context.identity.apiKeyId","#,
    r#""requestTime":"$context.requestTime","httpMethod":"$context.httpMethod","resourcePath":"$context.resourcePath","#,
    r#""status":"$context.status","protocol":"$context.protocol","responseLength":"$context.responseLength","#,
    r#""responseLatency":"$context.responseLatency","integrationStatus":"$context.integration.status","#,
    r#""errorType":"$context.error.responseType"}"#
);

/// A stage of a REST API.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stage {
    /// The REST API.
    pub rest_api: Ref,
    /// The stage's name, part of the URL (`prod`).
    pub name: String,
    /// What it is for, in words.
    pub description: String,
    /// The digest of the shape that is live ([`RestApi::shape`](super::rest_api::RestApi::shape)).
    pub shape: String,
    /// The ARN of the access log's group, without `:*`.
    pub access_log: Option<String>,
    /// One line of the access log ([`ACCESS_LOG_FORMAT`]); set where `access_log` is.
    pub access_log_format: Option<String>,
    /// Requests a second for every method; `None` leaves it to the account's limit.
    pub throttle_rate: Option<f64>,
    /// How many requests may come at once, for every method; `None` leaves it to the account's limit.
    pub throttle_burst: Option<i32>,
    /// Whether CloudWatch gets metrics for each method.
    pub metrics: bool,
    /// Whether X-Ray traces requests.
    pub tracing: bool,
    /// Its tags.
    pub tags: Tags,
}
