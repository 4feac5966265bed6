//! What a Lambda of the installation reads from its environment, once, at start.
//!
//! Invariant: a variable that is missing or wrong ends the start with its name; nothing reads the environment later.

use std::fmt;
use std::str::FromStr;

use aws_config::SdkConfig;
use kairos::names::{Names, Place};

use crate::clients::lambda_config;

/// The environment of a Lambda.
#[derive(Debug, Clone)]
pub struct Environment {
    /// The installation's names.
    pub names: Names,
    /// The URL of the work queue.
    pub queue_url: String,
    /// The SDK's configuration, whose connections all clients share.
    pub config: SdkConfig,
}

/// A variable of the environment that is missing or cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the environment variable \"{name}\" {problem}: the stack sets it, so the function's configuration was changed by hand"
)]
pub struct InvalidEnvironment {
    name: String,
    problem: String,
}

impl Environment {
    /// Reads what all Lambdas share from `variable`.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, InvalidEnvironment> {
        let place = Place {
            partition: required(&variable, "KAIROS_PARTITION")?,
            account: required(&variable, "KAIROS_ACCOUNT")?,
            region: required(&variable, "AWS_REGION")?,
        };
        Ok(Self {
            names: Names::new(required(&variable, "KAIROS_STACK")?, place),
            queue_url: required(&variable, "KAIROS_QUEUE_URL")?,
            config: lambda_config(&variable),
        })
    }
}

/// A variable of this process.
pub fn of_process(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// A variable that must be there and not be empty.
pub fn required(variable: impl Fn(&str) -> Option<String>, name: &str) -> Result<String, InvalidEnvironment> {
    optional(variable, name).ok_or_else(|| invalid(name, "is missing"))
}

/// A variable that must be there, read as a value.
pub fn parsed<T>(variable: impl Fn(&str) -> Option<String>, name: &str) -> Result<T, InvalidEnvironment>
where
    T: FromStr,
    T::Err: fmt::Display,
{
    let text = required(variable, name)?;
    text.parse()
        .map_err(|error| invalid(name, format!("cannot be read (\"{text}\": {error})")))
}

/// A variable that may be missing; an empty one is missing too.
pub fn optional(variable: impl Fn(&str) -> Option<String>, name: &str) -> Option<String> {
    variable(name).filter(|value| !value.is_empty())
}

fn invalid(name: &str, problem: impl Into<String>) -> InvalidEnvironment {
    InvalidEnvironment {
        name: name.to_owned(),
        problem: problem.into(),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    const ALL: [(&str, &str); 5] = [
        ("KAIROS_STACK", "demo"),
        ("KAIROS_ACCOUNT", "123456789012"),
        ("KAIROS_PARTITION", "aws-cn"),
        ("KAIROS_QUEUE_URL", "https://queue"),
        ("AWS_REGION", "cn-north-1"),
    ];

    fn without(missing: &str) -> impl Fn(&str) -> Option<String> {
        move |name| {
            ALL.iter()
                .find(|(n, _)| *n == name && *n != missing)
                .map(|(_, v)| (*v).to_owned())
        }
    }

    #[test]
    fn the_names_follow_from_the_environment() {
        let environment = Environment::read(without("nothing")).unwrap();
        assert_eq!(
            environment.names.schedule_arn("x"),
            "arn:aws-cn:scheduler:cn-north-1:123456789012:schedule/demoScheduleGroup/x"
        );
        assert_eq!(environment.queue_url, "https://queue");
    }

    #[test]
    fn whatever_is_missing_is_named() {
        for (name, _) in ALL {
            let error = Environment::read(without(name)).unwrap_err().to_string();
            assert!(error.contains(&format!("\"{name}\" is missing")), "{error}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_shown() {
        let days = |text: &'static str| parsed::<u32>(move |_| Some(text.to_owned()), "KAIROS_HISTORY_DAYS");
        assert_eq!(days("90").unwrap(), 90);
        let error = days("many").unwrap_err().to_string();
        assert!(
            error.contains("KAIROS_HISTORY_DAYS") && error.contains("\"many\""),
            "{error}"
        );
    }
}
