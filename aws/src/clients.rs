//! The SDK configuration of a Lambda: region, credentials and endpoint from its environment, and nothing else.
//!
//! Invariant: no profile, no SSO, no instance metadata is reachable from here, so that linking drops all of them, and a
//! cold start waits for no lookup.

mod loaded_once;

use std::time::Duration;

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::SharedHttpClient;

/// How long a connection may take. Inside AWS it takes a few milliseconds; the rest is packet loss.
const CONNECT: Duration = Duration::from_secs(3);

/// How long one attempt of a call to our own tables and queues may take, so that a hanging one leaves time for another
/// within the shortest sensible invocation.
const ATTEMPT: Duration = Duration::from_secs(8);

/// How long a connection to our own tables and queues may be idle and still be used: hyper's own limit. Where it has ended
/// meanwhile, the call is repeated.
const OWN_IDLE: Duration = Duration::from_secs(90);

/// How long a connection to a target may be idle and still be used. Between invocations a function is frozen, for minutes
/// maybe, and does not notice that a connection ends; a call that is sent on such a one fails, and nobody knows whether the
/// target has started. AWS's services keep idle connections for longer than this.
const TARGET_IDLE: Duration = Duration::from_secs(10);

/// The configuration that a Lambda's environment describes: `AWS_REGION`, the credentials of its role, and
/// `AWS_ENDPOINT_URL` where the services are somewhere else.
///
/// `variable` reads the environment: it comes in as an argument so that nothing here depends on the process.
pub fn lambda_config(variable: impl Fn(&str) -> Option<String>) -> SdkConfig {
    let mut builder = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(variable("AWS_REGION").map(Region::new))
        .credentials_provider(SharedCredentialsProvider::new(
            EnvironmentVariableCredentialsProvider::new(),
        ))
        .http_client(connections(OWN_IDLE))
        .retry_config(RetryConfig::standard().with_max_attempts(4))
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(CONNECT)
                .operation_attempt_timeout(ATTEMPT)
                .build(),
        );
    builder.set_endpoint_url(variable("AWS_ENDPOINT_URL").filter(|url| !url.is_empty()));
    builder.build()
}

/// The configuration with which an executor starts targets: one attempt a call and no limit of time, since the executor
/// counts attempts and limits each itself, over connections that do not outlast a pause.
pub fn target_config(base: &SdkConfig) -> SdkConfig {
    base.to_builder()
        .http_client(connections(TARGET_IDLE))
        .retry_config(RetryConfig::disabled())
        .timeout_config(TimeoutConfig::builder().connect_timeout(CONNECT).build())
        // A function that is waited for says nothing for minutes.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .build()
}

/// Connections over TLS that are shared, and not used again after having been idle for so long.
///
/// What is sent on a connection that ends before it is answered fails, and is repeated by the client's retries alone: only a
/// request of which nothing has been sent yet goes to another connection by itself.
pub fn connections(idle: Duration) -> SharedHttpClient {
    let client = aws_smithy_http_client::Builder::new()
        .pool_idle_timeout(idle)
        .tls_provider(Provider::Rustls(CryptoMode::AwsLc));
    loaded_once::loaded_once(client.build_https())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variable<'a>(set: &'a [(&str, &str)]) -> impl Fn(&str) -> Option<String> + 'a {
        move |name| set.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned())
    }

    #[test]
    fn region_and_endpoint_come_from_the_environment() {
        let config = lambda_config(variable(&[
            ("AWS_REGION", "sa-east-1"),
            ("AWS_ENDPOINT_URL", "http://localhost:1"),
        ]));
        assert_eq!(config.region().map(Region::as_ref), Some("sa-east-1"));
        assert_eq!(config.endpoint_url(), Some("http://localhost:1"));
    }

    #[test]
    fn an_empty_endpoint_is_none() {
        assert_eq!(
            lambda_config(variable(&[("AWS_ENDPOINT_URL", "")])).endpoint_url(),
            None
        );
    }

    #[test]
    fn a_target_is_called_once_and_without_a_limit_of_time() {
        let config = target_config(&lambda_config(variable(&[("AWS_REGION", "sa-east-1")])));
        assert_eq!(config.retry_config().map(RetryConfig::max_attempts), Some(1));
        assert_eq!(
            config
                .timeout_config()
                .and_then(TimeoutConfig::operation_attempt_timeout),
            None
        );
        assert_eq!(
            config.timeout_config().and_then(TimeoutConfig::connect_timeout),
            Some(CONNECT)
        );
    }
}
