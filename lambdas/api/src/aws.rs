//! The world over AWS.

use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::InvocationType;
use kairos::instant::Timestamp;
use kairos::message::{Disparo, Mensaje};
use kairos::registry::{PortError, PortErrorKind};
use kairos::run::Ejecucion;
use kairos_aws::clock::SystemClock;
use kairos_aws::environment::Environment;
use kairos_aws::error::Doing;
use kairos_aws::history::DynamoHistory;
use kairos_aws::queue::{Outgoing, Queue};
use kairos_aws::runs::Runs;
use kairos_aws::scheduler::EventBridgeScheduler;
use kairos_aws::store::DynamoStore;

use crate::world::{Dispatcher, Launcher, Ports, World};

/// AWS.
#[derive(Debug, Clone, Copy)]
pub struct Aws;

impl World for Aws {
    type Store = DynamoStore;
    type History = DynamoHistory;
    type Scheduler = EventBridgeScheduler;
    type Clock = SystemClock;
    type Launcher = Runway;
    type Dispatcher = Function;
}

impl Ports<Aws> {
    /// The ports of the installation that the environment describes, whose schedules run as `scheduler_role`, and whose runs
    /// are forgotten after `history_days`.
    pub fn new(environment: &Environment, scheduler_role: String, history_days: u32) -> Self {
        let Environment {
            names,
            queue_url,
            config,
        } = environment;
        let dynamodb = aws_sdk_dynamodb::Client::new(config);
        Self {
            store: DynamoStore::new(dynamodb.clone(), names),
            history: DynamoHistory::new(dynamodb.clone(), names),
            scheduler: EventBridgeScheduler::new(aws_sdk_scheduler::Client::new(config), names.clone(), scheduler_role),
            clock: SystemClock,
            launcher: Runway {
                runs: Runs::new(dynamodb, names.ejecuciones_table(), history_days),
                queue: Queue::new(aws_sdk_sqs::Client::new(config), queue_url),
            },
            dispatcher: Function {
                client: aws_sdk_lambda::Client::new(config),
                name: names.dispatcher_function(),
            },
        }
    }
}

/// The table of runs and the work queue.
#[derive(Debug, Clone)]
pub struct Runway {
    runs: Runs,
    queue: Queue,
}

impl Launcher for Runway {
    async fn open(&self, run: &Mensaje, now: Timestamp) -> Result<Option<Ejecucion>, PortError> {
        Ok(self.runs.open(run, now).await?)
    }

    async fn send(&self, run: &Mensaje) -> Result<(), PortError> {
        let message = Outgoing {
            body: serde_json::to_string(run).map_err(unwritable)?,
            // As the dispatcher's: fair queues.
            group: Some(run.id_calendarizacion.to_string()),
            attributes: Vec::new(),
        };
        self.queue.send(&message).await?;
        Ok(())
    }
}

/// The dispatcher's function.
#[derive(Debug, Clone)]
pub struct Function {
    client: aws_sdk_lambda::Client,
    name: String,
}

impl Dispatcher for Function {
    async fn fire(&self, firing: &Disparo) -> Result<(), PortError> {
        let event = serde_json::to_vec(firing).map_err(unwritable)?;
        self.client
            .invoke()
            .function_name(&self.name)
            .invocation_type(InvocationType::Event)
            .payload(Blob::new(event))
            .send()
            .await
            .doing("Invoke", &self.name)?;
        Ok(())
    }
}

fn unwritable(error: serde_json::Error) -> PortError {
    PortError::new(PortErrorKind::Other, false, error)
}
