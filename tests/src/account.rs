//! One account of the local AWS, in one region: what a test works in, and the clients to look into it.
//!
//! Clients are made anew on each call: an HTTP client belongs to the runtime of the test that made it, and only that test
//! may have its clients share one.

use std::path::{Path, PathBuf};

use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{self, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_types::region::Region;

/// The secret that the local AWS expects of an account's root.
pub const SECRET: &str = "test";

/// An account and a region of a local AWS.
#[derive(Debug, Clone)]
pub struct Account {
    /// The endpoint of every service.
    pub endpoint: String,
    /// Twelve digits; also the access key.
    pub id: String,
    /// Such as `us-east-1`.
    pub region: String,
    /// The file with the certificate authority of an endpoint over TLS.
    pub authority: Option<PathBuf>,
    http: Option<SharedHttpClient>,
}

macro_rules! clients {
    ($($(#[$doc:meta])* $name:ident: $service:ident,)*) => {
        impl Account {
            $($(#[$doc])* pub fn $name(&self) -> $service::Client { $service::Client::new(&self.sdk_config()) })*
        }
    };
}

clients! {
    /// A client of API Gateway's REST APIs.
    apigateway: aws_sdk_apigateway,
    /// A client of API Gateway's HTTP APIs and domain mappings.
    apigatewayv2: aws_sdk_apigatewayv2,
    /// A client of CloudWatch.
    cloudwatch: aws_sdk_cloudwatch,
    /// A client of CloudWatch Logs.
    logs: aws_sdk_cloudwatchlogs,
    /// A client of DynamoDB.
    dynamodb: aws_sdk_dynamodb,
    /// A client of IAM.
    iam: aws_sdk_iam,
    /// A client of Lambda.
    lambda: aws_sdk_lambda,
    /// A client of EventBridge Scheduler.
    scheduler: aws_sdk_scheduler,
    /// A client of Step Functions.
    sfn: aws_sdk_sfn,
    /// A client of SNS.
    sns: aws_sdk_sns,
    /// A client of SQS.
    sqs: aws_sdk_sqs,
    /// A client of SSM.
    ssm: aws_sdk_ssm,
    /// A client of STS.
    sts: aws_sdk_sts,
}

impl Account {
    /// The account `id` behind `endpoint`.
    pub fn new(endpoint: &str, id: &str, region: &str) -> Self {
        Self {
            endpoint: endpoint.to_owned(),
            id: id.to_owned(),
            region: region.to_owned(),
            authority: None,
            http: None,
        }
    }

    /// The same account, all of whose clients share these connections.
    #[must_use]
    pub fn over(self, connections: SharedHttpClient) -> Self {
        Self {
            http: Some(connections),
            ..self
        }
    }

    /// The same account in another region.
    #[must_use]
    pub fn in_region(&self, region: &str) -> Self {
        Self {
            region: region.to_owned(),
            ..self.clone()
        }
    }

    /// The same account behind an endpoint whose certificate this authority has signed.
    #[must_use]
    pub fn trusting(self, authority: Option<&Path>) -> Self {
        Self {
            authority: authority.map(Path::to_path_buf),
            ..self
        }
    }

    /// The configuration of SDK clients that act as the account's root.
    pub fn sdk_config(&self) -> SdkConfig {
        let credentials = Credentials::new(&self.id, SECRET, None, None, "test");
        let mut builder = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(&self.endpoint)
            .region(Region::new(self.region.clone()))
            .credentials_provider(SharedCredentialsProvider::new(credentials));
        builder.set_http_client(
            self.http
                .clone()
                .or_else(|| self.authority.as_deref().and_then(client_trusting)),
        );
        builder.build()
    }

    /// The same as environment variables, for terraform and what it starts.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let mut variables = vec![
            ("AWS_ACCESS_KEY_ID", self.id.clone()),
            ("AWS_SECRET_ACCESS_KEY", SECRET.to_owned()),
            ("AWS_REGION", self.region.clone()),
            ("AWS_ENDPOINT_URL", self.endpoint.clone()),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ];
        variables.extend(
            self.authority
                .iter()
                .map(|file| ("SSL_CERT_FILE", file.display().to_string())),
        );
        variables
    }
}

/// An HTTP client that trusts one authority and no other.
fn client_trusting(authority: &Path) -> Option<SharedHttpClient> {
    let certificate = std::fs::read(authority).ok()?;
    let store = TrustStore::empty().with_pem_certificate(certificate);
    let context = TlsContext::builder().with_trust_store(store).build().ok()?;
    let tls = tls::Provider::Rustls(CryptoMode::AwsLc);
    Some(
        aws_smithy_http_client::Builder::new()
            .tls_provider(tls)
            .tls_context(context)
            .build_https(),
    )
}
