//! Requests to services of which there is no client here: as they go over the wire, sent as the account itself.

use anyhow::{Context, Result};
use serde_json::Value;

use crate::account::Account;

/// Asks a service of the JSON protocol: `ask::json(&account, "ecs", "AmazonEC2ContainerServiceV20141113.ListClusters", …)`.
///
/// # Errors
/// What the service refused, with the request.
pub fn json(account: &Account, service: &str, target: &str, body: &Value) -> Result<Value> {
    post(account, service, "/", target, body)
}

/// Asks a service whose operations are paths: `ask::rest(&account, "batch", "/v1/listjobs", …)`.
///
/// # Errors
/// What the service refused, with the request.
pub fn rest(account: &Account, service: &str, path: &str, body: &Value) -> Result<Value> {
    post(account, service, path, "", body)
}

fn post(account: &Account, service: &str, path: &str, target: &str, body: &Value) -> Result<Value> {
    let Account {
        id, region, endpoint, ..
    } = account;
    // The local AWS takes account, region and service from here, and does not look at the signature.
    let scope = format!("{id}/20260101/{region}/{service}/aws4_request");
    let what = || format!("{service}: {target}{path} with {body}");
    let mut answer = ureq::post(format!("{endpoint}{path}"))
        .config()
        .http_status_as_error(false)
        .build()
        .header(
            "authorization",
            format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=none"),
        )
        .header("x-amz-target", target)
        .header("content-type", "application/x-amz-json-1.1")
        .send(body.to_string())
        .with_context(what)?;
    let text = answer.body_mut().read_to_string().with_context(what)?;
    anyhow::ensure!(answer.status().is_success(), "{}: {}: {text}", what(), answer.status());
    if text.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_str(&text).with_context(|| format!("{}: the answer {text}", what()))
}
