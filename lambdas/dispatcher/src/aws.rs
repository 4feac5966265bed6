//! The dispatcher's ports over AWS.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::InvocationType;
use kairos::calendarizacion::Calendarizacion;
use kairos::ids::{IdCalendarizacion, IdProceso};
use kairos::instant::Timestamp;
use kairos::message::Disparo;
use kairos::registry::{PortError, Store};
use kairos_aws::environment::Environment;
use kairos_aws::error::{AwsError, Class, Doing};
use kairos_aws::processes::{Page, Processes};
use kairos_aws::queue::{Outgoing, Queue, Rejected};
use kairos_aws::store::DynamoStore;

use crate::ports::Ports;

/// Tables, queue and the function itself.
#[derive(Debug, Clone)]
pub struct AwsPorts {
    processes: Processes,
    store: DynamoStore,
    queue: Queue,
    lambda: aws_sdk_lambda::Client,
    own: String,
}

impl AwsPorts {
    /// The ports of the installation that the environment describes.
    pub fn new(environment: &Environment) -> Self {
        let Environment {
            names,
            queue_url,
            config,
        } = environment;
        let dynamodb = aws_sdk_dynamodb::Client::new(config);
        Self {
            processes: Processes::new(dynamodb.clone(), names),
            store: DynamoStore::new(dynamodb, names),
            queue: queue(config, queue_url),
            lambda: aws_sdk_lambda::Client::new(config),
            own: names.dispatcher_function(),
        }
    }
}

/// The work queue, of whose calls each is made once: the dispatcher repeats them itself, and sends less where it is asked to.
pub fn queue(config: &SdkConfig, url: &str) -> Queue {
    let once = config.to_builder().retry_config(RetryConfig::disabled()).build();
    Queue::new(aws_sdk_sqs::Client::new(&once), url)
}

impl Ports for AwsPorts {
    async fn page(&self, id: &IdCalendarizacion, after: Option<&IdProceso>) -> Result<Page, AwsError> {
        self.processes.page(id, after).await
    }

    async fn calendarizacion(&self, id: &IdCalendarizacion) -> Result<Option<Calendarizacion>, PortError> {
        self.store.calendarizacion(id).await
    }

    async fn send(&self, batch: Vec<Outgoing>) -> Result<Vec<Rejected>, AwsError> {
        self.queue.send_batch(batch).await
    }

    async fn go_on(&self, rest: &Disparo) -> Result<(), AwsError> {
        let event = serde_json::to_vec(rest).map_err(|error| AwsError {
            action: "Invoke".into(),
            object: self.own.clone(),
            code: None,
            message: error.to_string(),
            request_id: None,
            class: Class::Terminal,
            ambiguous: false,
        })?;
        self.lambda
            .invoke()
            .function_name(&self.own)
            .invocation_type(InvocationType::Event)
            .payload(Blob::new(event))
            .send()
            .await
            .doing("Invoke", &self.own)?;
        Ok(())
    }

    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    async fn sleep(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}
