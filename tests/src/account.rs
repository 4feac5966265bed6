//! One account of the local AWS, in one region: what a test works in, and the clients to look into it.
//!
//! Clients are made anew on each call: an HTTP client belongs to the runtime of the test that made it.

use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
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
        }
    }

    /// The configuration of SDK clients that act as the account's root.
    pub fn sdk_config(&self) -> SdkConfig {
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(&self.endpoint)
            .region(Region::new(self.region.clone()))
            .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
                &self.id, SECRET, None, None, "test",
            )))
            .build()
    }

    /// The same as environment variables, for terraform and what it starts.
    pub fn environment(&self) -> [(&'static str, String); 5] {
        [
            ("AWS_ACCESS_KEY_ID", self.id.clone()),
            ("AWS_SECRET_ACCESS_KEY", SECRET.to_owned()),
            ("AWS_REGION", self.region.clone()),
            ("AWS_ENDPOINT_URL", self.endpoint.clone()),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ]
    }
}
