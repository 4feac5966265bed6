//! The executor's ports over AWS.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use kairos::ids::IdProceso;
use kairos::instant::Timestamp;
use kairos::message::Mensaje;
use kairos_aws::claim::{Claim, Recorded};
use kairos_aws::clients::target_config;
use kairos_aws::environment::{Environment, InvalidEnvironment, optional, parsed, required};
use kairos_aws::error::{AwsError, Class, Doing};
use kairos_aws::processes::{Processes, Rows};
use kairos_aws::queue::{Outgoing, Queue};
use kairos_aws::runs::{Outcome, Runs};

use crate::failure::Failure;
use crate::ports::Ports;
use crate::targets::{Answer, Call, Targets};

/// What only the executor reads from its environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where runs go that are given up.
    pub dead_letter_queue_url: String,
    /// What the trust of the processes' roles asks for, where the stack sets one.
    pub external_id: Option<String>,
    /// How long the history is kept.
    pub history_days: u32,
}

impl Settings {
    /// Reads the settings from `variable`.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, InvalidEnvironment> {
        Ok(Self {
            dead_letter_queue_url: required(&variable, "KAIROS_DEAD_LETTER_QUEUE_URL")?,
            external_id: optional(&variable, "KAIROS_EXTERNAL_ID"),
            history_days: parsed(&variable, "KAIROS_HISTORY_DAYS")?,
        })
    }
}

/// Tables, queues, STS and the targets.
#[derive(Debug, Clone)]
pub struct AwsPorts {
    processes: Processes,
    runs: Runs,
    queue: Queue,
    dead_letters: Queue,
    sts: aws_sdk_sts::Client,
    external_id: Option<String>,
    targets: Targets,
}

impl AwsPorts {
    /// The ports of the installation that the environment describes.
    pub fn new(environment: &Environment, settings: Settings) -> Self {
        let Environment {
            names,
            queue_url,
            config,
        } = environment;
        let dynamodb = aws_sdk_dynamodb::Client::new(config);
        let sqs = aws_sdk_sqs::Client::new(config);
        Self {
            processes: Processes::new(dynamodb.clone(), names),
            runs: Runs::new(dynamodb, names.ejecuciones_table(), settings.history_days),
            queue: Queue::new(sqs.clone(), queue_url),
            dead_letters: Queue::new(sqs, settings.dead_letter_queue_url),
            sts: aws_sdk_sts::Client::new(config),
            external_id: settings.external_id,
            targets: Targets::new(&target_config(config)),
        }
    }
}

impl Ports for AwsPorts {
    async fn processes(&self, ids: &[IdProceso]) -> Result<Rows, AwsError> {
        self.processes.read(ids).await
    }

    async fn claim(&self, run: &Mensaje, owner: &str, lease: Timestamp) -> Result<Claim, AwsError> {
        self.runs.claim(run, owner, self.now(), lease).await
    }

    async fn omit(&self, run: &Mensaje, reason: &str) -> Result<Claim, AwsError> {
        self.runs.omit(run, reason, self.now()).await
    }

    async fn record(&self, run: &Mensaje, owner: &str, attempt: u32, outcome: &Outcome) -> Result<Recorded, AwsError> {
        self.runs.record(run, owner, attempt, outcome, self.now()).await
    }

    async fn assume(&self, role: &str, session: &str) -> Result<Credentials, AwsError> {
        let answer = self
            .sts
            .assume_role()
            .role_arn(role)
            .role_session_name(session)
            .set_external_id(self.external_id.clone())
            .send()
            .await
            .doing("AssumeRole", role)?;
        let Some(given) = answer.credentials else {
            return Err(no_credentials(role));
        };
        let expiry = SystemTime::try_from(given.expiration).map_err(|_| no_credentials(role))?;
        Ok(Credentials::new(
            given.access_key_id,
            given.secret_access_key,
            Some(given.session_token),
            Some(expiry),
            "AssumeRole",
        ))
    }

    async fn start(&self, call: &Call, credentials: &Credentials) -> Result<Answer, Failure> {
        self.targets.start(call, credentials).await
    }

    async fn delay(&self, receipt: &str, delay: Duration) -> Result<(), AwsError> {
        self.queue.change_visibility(receipt, delay).await
    }

    async fn bury(&self, message: &Outgoing) -> Result<(), AwsError> {
        self.dead_letters.send(message).await.map(|_| ())
    }

    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    async fn sleep(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}

fn no_credentials(role: &str) -> AwsError {
    AwsError {
        action: "AssumeRole".into(),
        object: role.into(),
        code: None,
        message: "the answer holds no credentials".into(),
        request_id: None,
        class: Class::Transient,
        ambiguous: false,
    }
}
