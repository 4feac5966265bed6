//! Starting a target: one file a kind, each one call of one service with the process's credentials.
//!
//! Invariant: one call, no repetition where the service has no idempotency token: attempts are counted by the executor.

mod ecs;
mod events;
mod http;
mod jobs;
mod lambda;
mod sns;
mod sql;
mod sqs;
mod states;
mod streams;
mod universal;

use std::fmt;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_types::SdkConfig;
use aws_types::region::Region;
use kairos::arn::{Arn, Target, TargetKind};
use kairos::error::{Field, Rule, UserError};
use kairos::ids::{IdEjecucion, IdProceso};
use kairos::parameters::request;
use kairos::proceso::InvocationMode;
use kairos_aws::AwsError;
use kairos_aws::call::{self, Reply, Request};
use serde_json::{Map, Value};

use crate::failure::Failure;

/// What is to be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The target.
    pub target: Target,
    /// What it receives, its placeholders replaced.
    pub payload: String,
    /// The run: the idempotency token wherever the service has one.
    pub id_ejecucion: IdEjecucion,
    /// The process: the message group of FIFO targets.
    pub id_proceso: IdProceso,
    /// How a Lambda target is invoked.
    pub mode: InvocationMode,
}

/// SQS and SNS take groups of at most 128 characters; ids of the earlier system are longer.
const GROUP: usize = 128;

impl Call {
    /// The message group of FIFO targets: the runs of one process stay in order.
    fn message_group(&self) -> String {
        self.id_proceso.as_str().chars().take(GROUP).collect()
    }
}

/// What a target answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It took the call, and works on by itself; this is its id of it.
    Accepted(String),
    /// It did what it was asked for; this is its id of it.
    Completed(String),
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted(id) => write!(f, "Aceptado: {id}"),
            Self::Completed(id) => write!(f, "Completado: {id}"),
        }
    }
}

/// The clients of all kinds of targets; region and credentials are given with each call.
#[derive(Debug, Clone)]
pub struct Targets {
    lambda: aws_sdk_lambda::Client,
    sfn: aws_sdk_sfn::Client,
    sns: aws_sdk_sns::Client,
    sqs: aws_sdk_sqs::Client,
    caller: call::Caller,
    /// The executor's own, for targets whose ARN has none.
    region: String,
}

impl Targets {
    /// Clients over one configuration, which must neither repeat calls nor limit their time.
    pub fn new(config: &SdkConfig) -> Self {
        Self {
            lambda: aws_sdk_lambda::Client::new(config),
            sfn: aws_sdk_sfn::Client::new(config),
            sns: aws_sdk_sns::Client::new(config),
            sqs: aws_sdk_sqs::Client::new(config),
            caller: call::Caller::new(config),
            region: config.region().map(ToString::to_string).unwrap_or_default(),
        }
    }

    /// Starts a target with these credentials, in the target's region.
    pub async fn start(&self, call: &Call, credentials: &Credentials) -> Result<Answer, Failure> {
        let caller = Caller {
            region: Region::new(call.target.arn.region.clone()),
            credentials: SharedCredentialsProvider::new(credentials.clone()),
        };
        let service = Service {
            caller: &self.caller,
            call,
            credentials,
        };
        match &call.target.kind {
            TargetKind::Lambda { .. } => lambda::start(&self.lambda, call, caller).await,
            TargetKind::StateMachine { name, .. } => states::start(&self.sfn, call, name, caller).await,
            TargetKind::Topic { fifo, .. } => sns::start(&self.sns, call, *fifo, caller).await,
            TargetKind::Queue { name, fifo } => sqs::start(&self.sqs, call, name, *fifo, caller).await,
            TargetKind::EventBus { .. } => events::put(service).await,
            TargetKind::KinesisStream { .. } => streams::kinesis(service).await,
            TargetKind::DeliveryStream { name } => streams::firehose(service, name).await,
            TargetKind::EcsCluster { .. } | TargetKind::EcsTaskDefinition { .. } => ecs::run_task(service).await,
            TargetKind::JobQueue { .. } => jobs::batch(service).await,
            TargetKind::BuildProject { .. } => jobs::build(service).await,
            TargetKind::GlueJob { .. } => jobs::glue_job(service).await,
            TargetKind::GlueWorkflow { .. } => jobs::glue_workflow(service).await,
            TargetKind::RedshiftCluster { .. } | TargetKind::RedshiftWorkgroup { .. } => sql::redshift(service).await,
            TargetKind::RdsCluster { .. } => sql::rds(service).await,
            TargetKind::ApiMethod { api, .. } => http::request(service, api).await,
            TargetKind::SdkAction { service, action } => {
                universal::start(&self.caller, call, service, action, &self.region, credentials).await
            }
        }
    }
}

/// A target of a service that is called without a client of its own.
#[derive(Clone, Copy)]
struct Service<'a> {
    caller: &'a call::Caller,
    call: &'a Call,
    credentials: &'a Credentials,
}

impl Service<'_> {
    /// The request that the payload is, with what the ARN says in it.
    fn request(&self) -> Result<Map<String, Value>, Failure> {
        request(&self.call.target, &self.call.payload).map_err(invalid)
    }

    /// Calls an action in the target's region.
    async fn send(&self, service: &str, action: &str, input: Value) -> Result<Reply, AwsError> {
        let arn = &self.call.target.arn;
        self.caller
            .call(Request {
                service,
                action,
                input: &input,
                region: &arn.region,
                credentials: self.credentials,
                token: None,
                object: &arn.to_string(),
            })
            .await
    }
}

/// How long a target may take to answer that is waited for by its nature; nothing for those that only take a call.
///
/// A statement in an RDS cluster is ended after 45 s (the Data API's documentation), a request to an API after 29 s (API
/// Gateway's quotas, unless they were raised). Neither has a token: cut off, they would be started again while they run.
pub(crate) fn answers_within(arn_proceso: &str) -> Duration {
    let kind = Target::parse(arn_proceso).map(|target| target.kind);
    match kind {
        Ok(TargetKind::RdsCluster { .. }) => Duration::from_secs(45),
        Ok(TargetKind::ApiMethod { .. }) => Duration::from_secs(29),
        _ => Duration::ZERO,
    }
}

/// The service's own id of what it started, or else the request's.
fn id_of(reply: &Reply, id: &Value) -> String {
    id.as_str().unwrap_or(&reply.request_id).to_owned()
}

/// What no attempt can send: the payload was accepted before it was so, or was written past the registry.
fn invalid(rule: Rule) -> Failure {
    Failure::terminal(UserError::new(Field::Parametros, "", rule).to_string())
}

/// The domain of the partition's hosts.
fn domain(arn: &Arn) -> &'static str {
    match arn.partition.as_str() {
        "aws-cn" => "amazonaws.com.cn",
        _ => "amazonaws.com",
    }
}

/// As whom and where a target is called.
struct Caller {
    region: Region,
    credentials: SharedCredentialsProvider,
}

#[cfg(test)]
mod tests;
