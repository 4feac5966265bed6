//! The HTTP API as its users call it, by the local AWS's own path to a stage.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::account::Account;

/// A caller with a key.
#[derive(Debug)]
pub struct Api {
    base: String,
    key: String,
    /// How the local AWS finds the account that an API belongs to; AWS itself asks for the key alone.
    account: String,
    agent: ureq::Agent,
}

/// What the API answered.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The body; null when there is none.
    pub body: Value,
}

impl Api {
    /// A caller of the stage that `api_url` names, such as `https://{id}.execute-api.{region}.amazonaws.com/prod/`.
    ///
    /// The local AWS serves the same stage under a path of its own endpoint.
    pub fn new(account: &Account, api_url: &str, key: &str) -> Result<Self> {
        let unlike = || format!("\"{api_url}\" is no stage's URL");
        let (_, rest) = api_url.split_once("://").with_context(unlike)?;
        let (host, path) = rest.split_once('/').with_context(unlike)?;
        let (id, _) = host.split_once('.').with_context(unlike)?;
        let stage = path.split('/').next().with_context(unlike)?;
        let base = format!("{}/restapis/{id}/{stage}/_user_request_", account.endpoint);
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(40)));
        let scope = format!("{}/20260101/{}/execute-api/aws4_request", account.id, account.region);
        Ok(Self {
            base,
            key: key.to_owned(),
            account: format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=none"),
            agent: agent.build().into(),
        })
    }

    /// The stage's address, without a `/` at its end.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The header `authorization` by which the local AWS finds the account.
    pub fn authorization(&self) -> &str {
        &self.account
    }

    /// `GET`.
    pub fn get(&self, path: &str) -> Result<Answer> {
        answer(
            self.agent
                .get(format!("{}{path}", self.base))
                .header("x-api-key", &self.key)
                .header("authorization", &self.account)
                .call(),
            "GET",
            path,
        )
    }

    /// `DELETE`.
    pub fn delete(&self, path: &str) -> Result<Answer> {
        answer(
            self.agent
                .delete(format!("{}{path}", self.base))
                .header("x-api-key", &self.key)
                .header("authorization", &self.account)
                .call(),
            "DELETE",
            path,
        )
    }

    /// `POST` with a JSON body.
    pub fn post(&self, path: &str, body: &Value) -> Result<Answer> {
        let request = self
            .agent
            .post(format!("{}{path}", self.base))
            .header("x-api-key", &self.key)
            .header("authorization", &self.account);
        answer(request.send_json(body), "POST", path)
    }
}

fn answer(response: Result<ureq::http::Response<ureq::Body>, ureq::Error>, method: &str, path: &str) -> Result<Answer> {
    let mut response = response.with_context(|| format!("{method} {path}"))?;
    let text = response
        .body_mut()
        .read_to_string()
        .with_context(|| format!("reading the answer to {method} {path}"))?;
    let body = if text.is_empty() {
        Value::Null
    } else {
        serde_json::from_str(&text).unwrap_or(Value::String(text))
    };
    Ok(Answer {
        status: response.status().as_u16(),
        body,
    })
}
