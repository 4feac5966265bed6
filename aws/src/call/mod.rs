//! One caller for the actions of all AWS services that speak JSON, on the SDK's own signing, connections and errors.
//!
//! Invariant: one call is one request: nothing is repeated here, since who calls counts the attempts.
//! Invariant: what an action needs beyond its input comes from the table of bindings; no service is known by name here.

mod bindings;
mod endpoint;
mod names;
mod prepare;
mod reply;

use std::borrow::Cow;
use std::fmt;

use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_runtime::auth::sigv4::{SCHEME_ID, SigV4AuthScheme};
use aws_runtime::auth::{SigV4OperationSigningConfig, SigningOptions};
use aws_smithy_runtime::client::identity::IdentityCache;
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime_api::client::auth::AuthSchemeOptionResolverParams;
use aws_smithy_runtime_api::client::auth::static_resolver::StaticAuthSchemeOptionResolver;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponentsBuilder;
use aws_smithy_runtime_api::client::runtime_plugin::StaticRuntimePlugin;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::{FrozenLayer, Layer};
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SigningName;
use aws_types::region::{Region, SigningRegion};
use serde_json::Value;

use crate::error::{AwsError, Class};

pub use bindings::tokens;
pub use endpoint::{Endpoint, endpoint};
pub use prepare::{Prepared, prepare};
pub use reply::Reply;

/// How requests name their sender.
const USER_AGENT: &str = concat!("kairos/", env!("CARGO_PKG_VERSION"));

/// Calls any action of the table, as anybody, in any region.
#[derive(Debug, Clone)]
pub struct Caller {
    config: SdkConfig,
}

/// One call of an action.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The service as universal targets name it: `sqs`, `eventbridge`, `cloudwatchlogs`.
    pub service: &'a str,
    /// The action, beginning in lower case: `sendMessage`.
    pub action: &'a str,
    /// The request: an object with the members that the action's reference names.
    pub input: &'a Value,
    /// The region in which the action is called.
    pub region: &'a str,
    /// As whom.
    pub credentials: &'a Credentials,
    /// What the members become that make a repetition harmless, where the input leaves them out.
    pub token: Option<&'a str>,
    /// What the call is about, in errors: a name or an ARN.
    pub object: &'a str,
}

/// One HTTPS request that is signed as it stands.
#[derive(Debug, Clone, Copy)]
pub struct Signed<'a> {
    /// The method: `POST`.
    pub method: &'a str,
    /// The whole URL. An endpoint of the configuration takes the place of its scheme and host.
    pub url: &'a str,
    /// Headers beyond those of the signature.
    pub headers: &'a [(String, String)],
    /// The body, empty for none.
    pub body: &'a [u8],
    /// The service for which the signature is made: `execute-api`.
    pub service: &'a str,
    /// The region for which the signature is made.
    pub region: &'a str,
    /// As whom.
    pub credentials: &'a Credentials,
    /// What is being done, in errors: `Invoke`.
    pub action: &'a str,
    /// To what, in errors.
    pub object: &'a str,
}

impl Caller {
    /// A caller with the connections, the endpoint, the time-outs and the clock of a configuration.
    pub fn new(config: &SdkConfig) -> Self {
        Self { config: config.clone() }
    }

    /// Calls an action once.
    ///
    /// # Errors
    /// What the service answered, what broke on the way, or what the input lacks; an answer of 2xx is no error here, even
    /// where single entries of it failed.
    pub async fn call(&self, request: Request<'_>) -> Result<Reply, AwsError> {
        let refused = |message: String| refused(&operation(request.action), request.object, message);
        let prepared = prepare(request.service, request.action, request.input, request.token).map_err(refused)?;
        let place = endpoint(request.service, request.action, request.region).map_err(refused)?;
        let url = match self.config.endpoint_url() {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => format!("https://{}{}", prepared.host_prefix, place.host),
        };
        let signature = prepared.signed.then(|| Signature {
            name: place.signing_name.to_owned(),
            region: place.signing_region.clone(),
            credentials: request.credentials.clone(),
        });
        let sent = Outgoing {
            method: prepared.method.to_owned(),
            uri: prepared.uri,
            headers: prepared.headers,
            body: prepared.body,
        };
        self.send(
            &url,
            &operation(request.action),
            request.object,
            sent,
            signature,
            reply::read,
        )
        .await
    }

    /// Sends a request as it stands, signed, and gives back whatever is answered: what a status means is for who asks.
    ///
    /// # Errors
    /// Where no answer came.
    pub async fn signed(&self, request: Signed<'_>) -> Result<Reply, AwsError> {
        let Some((base, path)) = split(request.url) else {
            let message = format!("\"{}\" is not a URL of https and a host", request.url);
            return Err(refused(request.action, request.object, message));
        };
        let url = self.config.endpoint_url().unwrap_or(base).trim_end_matches('/');
        let signature = Signature {
            name: request.service.to_owned(),
            region: request.region.to_owned(),
            credentials: request.credentials.clone(),
        };
        let sent = Outgoing {
            method: request.method.to_owned(),
            uri: path,
            headers: request.headers.to_vec(),
            body: request.body.to_vec(),
        };
        self.send(
            url,
            request.action,
            request.object,
            sent,
            Some(signature),
            reply::answered,
        )
        .await
    }

    async fn send(
        &self,
        url: &str,
        action: &str,
        object: &str,
        request: Outgoing,
        signature: Option<Signature>,
        read: reply::Read,
    ) -> Result<Reply, AwsError> {
        let config = &self.config;
        let mut builder = Operation::builder()
            .service_name("kairos")
            .operation_name(Cow::Owned(action.to_owned()))
            .endpoint_url(url)
            .no_retry()
            .timeout_config(config.timeout_config().cloned().unwrap_or_else(TimeoutConfig::disabled));
        if let Some(version) = config.behavior_version() {
            builder = builder.behavior_version(version);
        }
        if let Some(client) = config.http_client() {
            builder = builder.http_client(client);
        }
        if let Some(sleep) = config.sleep_impl() {
            builder = builder.sleep_impl(sleep);
        }
        if let Some(time) = config.time_source() {
            builder = builder.time_source(time);
        }
        if let Some(protection) = config.stalled_stream_protection() {
            builder = builder.stalled_stream_protection(protection);
        }
        builder = match signature {
            Some(signature) => builder.runtime_plugin(signature.plugin()),
            None => builder.no_auth(),
        };
        builder
            .serializer(Outgoing::into_http)
            .deserializer(read)
            .build()
            .invoke(request)
            .await
            .map_err(|error| AwsError::new(action, object, &error))
    }
}

/// The operation's name in the model: `SendMessage` of `sendMessage`.
fn operation(action: &str) -> String {
    names::first_letter(action, |letter| letter.to_ascii_uppercase())
}

fn refused(action: &str, object: &str, message: String) -> AwsError {
    AwsError {
        action: action.to_owned(),
        object: object.to_owned(),
        code: None,
        message,
        request_id: None,
        class: Class::Terminal,
        ambiguous: false,
    }
}

/// Scheme and host of a URL, and its path with the query.
fn split(url: &str) -> Option<(&str, String)> {
    let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
    let at = host.find(['/', '?']).unwrap_or(host.len());
    let (base, path) = url.split_at(url.len() - host.len() + at);
    let path = if path.starts_with('/') {
        path.to_owned()
    } else {
        format!("/{path}")
    };
    (at > 0).then_some((base, path))
}

/// For whom and where a request is signed.
struct Signature {
    name: String,
    region: String,
    credentials: Credentials,
}

impl Signature {
    fn plugin(self) -> StaticRuntimePlugin {
        let components = RuntimeComponentsBuilder::new("signature")
            .with_auth_scheme(SigV4AuthScheme::new())
            .with_auth_scheme_option_resolver(Some(StaticAuthSchemeOptionResolver::new(vec![SCHEME_ID])))
            .with_identity_cache(Some(IdentityCache::no_cache()))
            .with_identity_resolver(SCHEME_ID, SharedCredentialsProvider::new(self.credentials));
        StaticRuntimePlugin::new()
            .with_config(config(self.name, self.region))
            .with_runtime_components(components)
    }
}

fn config(name: String, region: String) -> FrozenLayer {
    let mut layer = Layer::new("signature");
    layer.store_put(AuthSchemeOptionResolverParams::new(()));
    layer.store_put(SigV4OperationSigningConfig {
        region: Some(SigningRegion::from(Region::new(region))),
        name: Some(SigningName::from(name)),
        signing_options: SigningOptions::default(),
        ..SigV4OperationSigningConfig::default()
    });
    layer.freeze()
}

/// A request before its host and its signature.
struct Outgoing {
    method: String,
    /// Path and query.
    uri: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// Payloads often carry keys: the body does not show.
impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ({} bytes)", self.method, self.uri, self.body.len())
    }
}

impl Outgoing {
    fn into_http(self) -> Result<HttpRequest, Box<dyn std::error::Error + Send + Sync>> {
        let mut request = HttpRequest::new(SdkBody::from(self.body));
        request.set_method(&self.method)?;
        request.set_uri(self.uri)?;
        request.headers_mut().try_insert("user-agent", USER_AGENT)?;
        for (name, value) in self.headers {
            request.headers_mut().try_insert(name, value)?;
        }
        Ok(request)
    }
}

#[cfg(test)]
mod tests;
