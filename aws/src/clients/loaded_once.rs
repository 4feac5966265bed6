//! An HTTP client whose certificates are read when the first of the SDK's clients is made, and not again for each of the others.
//!
//! Each of the SDK's clients has its HTTP client make a connector when it is made, and throws that away: the certificates of the
//! system are to be read while a function starts, and not with its first request. Once a process is enough: reading them is
//! remembered, and to parse a hundred and more of them for each client is half of a function's own start.

use std::sync::atomic::{AtomicBool, Ordering};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::connector_metadata::ConnectorMetadata;
use aws_smithy_runtime_api::client::http::{HttpClient, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector};
use aws_smithy_runtime_api::client::runtime_components::{RuntimeComponents, RuntimeComponentsBuilder};
use aws_smithy_types::config_bag::ConfigBag;

/// Whether this process has read its certificates.
static LOADED: AtomicBool = AtomicBool::new(false);

/// `client`, which is only asked to load what it needs where no other of this process was.
pub(super) fn loaded_once(client: SharedHttpClient) -> SharedHttpClient {
    SharedHttpClient::new(LoadedOnce {
        client,
        loaded: &LOADED,
    })
}

#[derive(Debug)]
struct LoadedOnce {
    client: SharedHttpClient,
    loaded: &'static AtomicBool,
}

impl HttpClient for LoadedOnce {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        self.client.http_connector(settings, components)
    }

    fn validate_base_client_config(
        &self,
        components: &RuntimeComponentsBuilder,
        config: &ConfigBag,
    ) -> Result<(), BoxError> {
        if self.loaded.swap(true, Ordering::Relaxed) {
            return Ok(());
        }
        HttpClient::validate_base_client_config(&self.client, components, config)
    }

    fn validate_final_config(&self, components: &RuntimeComponents, config: &ConfigBag) -> Result<(), BoxError> {
        HttpClient::validate_final_config(&self.client, components, config)
    }

    fn connector_metadata(&self) -> Option<ConnectorMetadata> {
        self.client.connector_metadata()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use aws_smithy_http_client::test_util::StaticReplayClient;

    use super::*;

    static LOADS: AtomicUsize = AtomicUsize::new(0);

    #[derive(Debug)]
    struct Counting(SharedHttpClient);

    impl HttpClient for Counting {
        fn http_connector(
            &self,
            settings: &HttpConnectorSettings,
            components: &RuntimeComponents,
        ) -> SharedHttpConnector {
            self.0.http_connector(settings, components)
        }

        fn validate_base_client_config(&self, _: &RuntimeComponentsBuilder, _: &ConfigBag) -> Result<(), BoxError> {
            LOADS.fetch_add(1, Ordering::Relaxed);
            Ok(())
        }
    }

    #[test]
    fn the_first_client_loads_for_all() {
        static LOADED: AtomicBool = AtomicBool::new(false);
        let silent = SharedHttpClient::new(StaticReplayClient::new(Vec::new()));
        let client = SharedHttpClient::new(LoadedOnce {
            client: SharedHttpClient::new(Counting(silent)),
            loaded: &LOADED,
        });
        let config = aws_config::SdkConfig::builder()
            .behavior_version(aws_config::BehaviorVersion::latest())
            .http_client(client)
            .build();
        for _ in 0..3 {
            let _ = aws_sdk_sqs::Client::new(&config);
            let _ = aws_sdk_dynamodb::Client::new(&config);
        }
        assert_eq!(LOADS.load(Ordering::Relaxed), 1);
    }
}
