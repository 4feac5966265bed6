//! The world over AWS.

use kairos_aws::clock::SystemClock;
use kairos_aws::environment::Environment;
use kairos_aws::scheduler::EventBridgeScheduler;
use kairos_aws::store::DynamoStore;

use crate::world::{Ports, World};

/// AWS.
#[derive(Debug, Clone, Copy)]
pub struct Aws;

impl World for Aws {
    type Store = DynamoStore;
    type Scheduler = EventBridgeScheduler;
    type Clock = SystemClock;
}

impl Ports<Aws> {
    /// The ports of the installation that the environment describes, whose schedules run as `scheduler_role`.
    pub fn new(environment: &Environment, scheduler_role: String) -> Self {
        let Environment { names, config, .. } = environment;
        Self {
            store: DynamoStore::new(aws_sdk_dynamodb::Client::new(config), names),
            scheduler: EventBridgeScheduler::new(aws_sdk_scheduler::Client::new(config), names.clone(), scheduler_role),
            clock: SystemClock,
        }
    }
}
