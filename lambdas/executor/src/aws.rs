//! The executor's ports over AWS.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use kairos::arn::check_role;
use kairos::error::UserError;
use kairos::ids::IdProceso;
use kairos::instant::Timestamp;
use kairos::message::Mensaje;
use kairos::names::Place;
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
    /// What the names of the processes' roles begin with.
    pub role_prefix: String,
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
            role_prefix: required(&variable, "KAIROS_ROLE_PREFIX")?,
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
    place: Place,
    role_prefix: String,
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
            place: names.place.clone(),
            role_prefix: settings.role_prefix,
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

    async fn record(
        &self,
        run: &Mensaje,
        owner: &str,
        attempt: u32,
        outcome: &Outcome,
        took: Option<Duration>,
    ) -> Result<Recorded, AwsError> {
        self.runs.record(run, owner, attempt, outcome, took, self.now()).await
    }

    async fn assume(&self, role: &str, session: &str) -> Result<Credentials, AwsError> {
        // IAM refuses these as well, but does not say why.
        check_role(role, &self.place, Some(&self.role_prefix)).map_err(|error| refused(role, &error))?;
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
    failed(role, Class::Transient, "the answer holds no credentials".into())
}

fn refused(role: &str, error: &UserError) -> AwsError {
    failed(role, Class::Denied, error.to_string())
}

fn failed(role: &str, class: Class, message: String) -> AwsError {
    AwsError {
        action: "AssumeRole".into(),
        object: role.into(),
        code: None,
        message,
        request_id: None,
        class,
        ambiguous: false,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use aws_credential_types::provider::SharedCredentialsProvider;
    use aws_smithy_http_client::test_util::{ReplayEvent, StaticReplayClient};
    use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
    use aws_smithy_types::body::SdkBody;

    const VARIABLES: [(&str, &str); 9] = [
        ("AWS_REGION", "sa-east-1"),
        ("KAIROS_STACK", "demo"),
        ("KAIROS_ACCOUNT", "123456789012"),
        ("KAIROS_PARTITION", "aws"),
        ("KAIROS_QUEUE_URL", "queue"),
        ("KAIROS_DEAD_LETTER_QUEUE_URL", "dlq"),
        ("KAIROS_ROLE_PREFIX", "KairosProceso-"),
        ("KAIROS_EXTERNAL_ID", "externo"),
        ("KAIROS_HISTORY_DAYS", "90"),
    ];

    fn variable(name: &str) -> Option<String> {
        VARIABLES
            .iter()
            .find(|(n, _)| *n == name)
            .map(|(_, value)| (*value).to_owned())
    }

    fn ports(body: &str) -> (AwsPorts, StaticReplayClient) {
        let answer = HttpResponse::new(200.try_into().unwrap(), SdkBody::from(body));
        let replay = StaticReplayClient::new(vec![ReplayEvent::new(HttpRequest::new(SdkBody::empty()), answer)]);
        let mut environment = Environment::read(variable).unwrap();
        let own = Credentials::new("AKID", "secret", None, None, "test");
        environment.config = environment
            .config
            .to_builder()
            .http_client(replay.clone())
            .credentials_provider(SharedCredentialsProvider::new(own))
            .build();
        (AwsPorts::new(&environment, Settings::read(variable).unwrap()), replay)
    }

    const ANSWER: &str = "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult>\
        <Credentials><AccessKeyId>ASIA</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>\
        <Expiration>2026-01-02T13:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>";

    #[tokio::test]
    async fn a_role_is_assumed_with_the_external_id_and_the_sessions_name() {
        let (ports, replay) = ports(ANSWER);
        let role = "arn:aws:iam::123456789012:role/KairosProceso-cobro";
        let credentials = ports.assume(role, "proceso-a").await.unwrap();
        assert_eq!(credentials.access_key_id(), "ASIA");
        assert_eq!(
            credentials.expiry(),
            Some("2026-01-02T13:00:00Z".parse::<Timestamp>().unwrap().into())
        );
        let request = replay.actual_requests().next().unwrap();
        let sent = String::from_utf8(request.body().bytes().unwrap().to_vec()).unwrap();
        assert!(
            sent.contains("ExternalId=externo") && sent.contains("RoleSessionName=proceso-a"),
            "{sent}"
        );
        assert!(
            request.uri().starts_with("https://sts.sa-east-1.amazonaws.com"),
            "{}",
            request.uri()
        );
    }

    #[tokio::test]
    async fn a_role_without_the_prefix_or_of_another_account_is_not_even_tried() {
        for role in [
            "arn:aws:iam::123456789012:role/Otro",
            "arn:aws:iam::999999999999:role/KairosProceso-cobro",
            "x",
        ] {
            let (ports, replay) = ports(ANSWER);
            let error = ports.assume(role, "proceso-a").await.unwrap_err();
            assert_eq!(error.class, Class::Denied);
            assert!(error.to_string().contains("AssumeRole"), "{error}");
            assert_eq!(replay.actual_requests().count(), 0);
        }
    }

    #[test]
    fn settings_that_are_missing_are_named() {
        let without = |missing: &'static str| move |name: &str| variable(name).filter(|_| name != missing);
        for name in [
            "KAIROS_DEAD_LETTER_QUEUE_URL",
            "KAIROS_ROLE_PREFIX",
            "KAIROS_HISTORY_DAYS",
        ] {
            assert!(Settings::read(without(name)).unwrap_err().to_string().contains(name));
        }
        assert_eq!(Settings::read(without("KAIROS_EXTERNAL_ID")).unwrap().external_id, None);
    }
}
