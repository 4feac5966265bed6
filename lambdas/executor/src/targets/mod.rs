//! Starting a target: one file a kind, each one call of one service with the process's credentials.
//!
//! Invariant: one call, no repetition where the service has no idempotency token: attempts are counted by the executor.

mod lambda;
mod sns;
mod sqs;
mod states;

use std::fmt;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_types::SdkConfig;
use aws_types::region::Region;
use kairos::arn::{Target, TargetKind};
use kairos::ids::{IdEjecucion, IdProceso};
use kairos::proceso::InvocationMode;

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
}

impl Targets {
    /// Clients over one configuration, which must neither repeat calls nor limit their time.
    pub fn new(config: &SdkConfig) -> Self {
        Self {
            lambda: aws_sdk_lambda::Client::new(config),
            sfn: aws_sdk_sfn::Client::new(config),
            sns: aws_sdk_sns::Client::new(config),
            sqs: aws_sdk_sqs::Client::new(config),
        }
    }

    /// Starts a target with these credentials, in the target's region.
    pub async fn start(&self, call: &Call, credentials: &Credentials) -> Result<Answer, Failure> {
        let caller = Caller {
            region: Region::new(call.target.arn.region.clone()),
            credentials: SharedCredentialsProvider::new(credentials.clone()),
        };
        match &call.target.kind {
            TargetKind::Lambda { .. } => lambda::start(&self.lambda, call, caller).await,
            TargetKind::StateMachine { name, .. } => states::start(&self.sfn, call, name, caller).await,
            TargetKind::Topic { fifo, .. } => sns::start(&self.sns, call, *fifo, caller).await,
            TargetKind::Queue { name, fifo } => sqs::start(&self.sqs, call, name, *fifo, caller).await,
            other => Err(Failure::terminal(format!(
                "\"{}\" is {}, which this version does not call",
                call.target.arn,
                other.describe()
            ))),
        }
    }
}

/// As whom and where a target is called.
struct Caller {
    region: Region,
    credentials: SharedCredentialsProvider,
}

#[cfg(test)]
mod tests;
