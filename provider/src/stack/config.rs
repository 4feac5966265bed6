//! What a user wants of a stack, as plain validated data: every optional attribute has its default, nothing is unknown.
//!
//! Invariant: no Terraform types here; the same configuration always gives the same topology.
//! Invariant: what an earlier version kept beside the state is read, whatever settings it does not know yet.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::kind::Tags;

/// A stack as its user wants it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StackConfig {
    /// The stack's name, the prefix of every other.
    pub name: String,
    /// E-mail addresses that the alarms are sent to.
    pub notification_emails: BTreeSet<String>,
    /// The dispatcher's function.
    pub dispatcher: FunctionConfig,
    /// The executor's function.
    pub executor: ExecutorConfig,
    /// The HTTP API; `None` where there is none.
    pub api: Option<ApiConfig>,
    /// How long log lines are kept, in days.
    pub log_retention_days: i32,
    /// How long the history of runs is kept, in days (at least 30).
    pub history_retention_days: i32,
    /// The customer's key, where what is at rest is not encrypted with AWS's own.
    pub kms_key_arn: Option<String>,
    /// Whether X-Ray traces the functions and the API.
    pub tracing: bool,
    /// `x86_64` or `arm64`.
    pub architecture: Architecture,
    /// The path of the roles, which begins and ends with `/`.
    pub role_path: String,
    /// The policy that bounds whatever the roles may do.
    pub permissions_boundary_arn: Option<String>,
    /// The user's tags, the provider's default ones included.
    pub tags: Tags,
    /// Whether destroying the stack is refused.
    pub deletion_protection: bool,
}

/// A function's settings.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct FunctionConfig {
    /// Memory in MB (Lambda: 128 to 10,240).
    pub memory_size: i32,
    /// The time-out in seconds (Lambda: 1 to 900).
    pub timeout: i32,
    /// The application's log level.
    pub log_level: String,
    /// The ARNs of layer versions.
    pub layers: Vec<String>,
    /// How many instances are set apart for it.
    pub reserved_concurrency: Option<i32>,
}

/// The executor's settings.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ExecutorConfig {
    /// The function.
    pub function: FunctionConfig,
    /// What the names (with their paths) of the roles of processes begin with.
    pub role_prefix: String,
    /// How many invocations may run at once.
    pub maximum_concurrency: Option<i32>,
    /// How many messages an invocation gets at most.
    pub batch_size: i32,
    /// The external id that the roles of processes ask for.
    pub external_id: Option<String>,
}

/// The HTTP API's settings.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ApiConfig {
    /// The function.
    pub function: FunctionConfig,
    /// A custom domain, which exists already.
    pub domain_name: Option<String>,
    /// The path below the domain; empty for its root.
    pub mapping_key: String,
    /// Requests a second.
    pub throttle_rate: Option<f64>,
    /// How many requests may come at once.
    pub throttle_burst: Option<i32>,
    /// Requests a day.
    pub quota_per_day: Option<i32>,
}

/// The instruction set of the functions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Architecture {
    /// `x86_64`.
    #[default]
    #[serde(rename = "x86_64")]
    X86,
    /// `arm64`.
    Arm64,
}

impl Architecture {
    /// As Lambda writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::X86 => "x86_64",
            Self::Arm64 => "arm64",
        }
    }

    /// Reads Lambda's spelling.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::X86, Self::Arm64].into_iter().find(|a| a.as_str() == text)
    }
}

impl StackConfig {
    /// How long the executor's queue gathers a batch, in seconds: none, a run starts as soon as its message is there.
    pub const BATCH_WINDOW: i32 = 0;

    /// How long a message is hidden while the executor works on it, in seconds: six times the function's time-out plus the
    /// batching window (Lambda's guidance for SQS sources), at most what SQS takes.
    pub fn queue_visibility(&self) -> i32 {
        (6 * self.executor.function.timeout + Self::BATCH_WINDOW).min(MAX_VISIBILITY)
    }
}

/// The longest visibility time-out (SQS: 12 hours).
pub const MAX_VISIBILITY: i32 = 43_200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_earlier_version_kept_is_read_without_the_settings_that_it_does_not_know() -> serde_json::Result<()> {
        let kept = r#"{"name": "demo", "api": {"mapping_key": "v1"}, "executor": {"role_prefix": "p-"}, "gone": 1}"#;
        let read: StackConfig = serde_json::from_str(kept)?;
        let expected = StackConfig {
            name: "demo".into(),
            api: Some(ApiConfig {
                mapping_key: "v1".into(),
                ..ApiConfig::default()
            }),
            executor: ExecutorConfig {
                role_prefix: "p-".into(),
                ..ExecutorConfig::default()
            },
            ..StackConfig::default()
        };
        assert_eq!(read, expected);
        Ok(())
    }
}
