//! The API's bootstrap: wiring only.

use std::time::Duration;

use api::{Api, answer};
use kairos::registry::Registry;
use kairos_aws::clock::SystemClock;
use kairos_aws::environment::{Environment, of_process, required};
use kairos_aws::scheduler::EventBridgeScheduler;
use kairos_aws::store::DynamoStore;
use lambda_http::{Error, Request, service_fn, tracing};

/// How long a request waits for others: API Gateway itself waits 29 s.
const PATIENCE: Duration = Duration::from_secs(15);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let Environment { names, config, .. } = Environment::read(of_process)?;
    let store = DynamoStore::new(aws_sdk_dynamodb::Client::new(&config), &names);
    let role = required(of_process, "KAIROS_SCHEDULER_ROLE_ARN")?;
    let scheduler = EventBridgeScheduler::new(aws_sdk_scheduler::Client::new(&config), names.clone(), role);
    let registry = Registry::new(names.clone(), store, scheduler, SystemClock).with_patience(PATIENCE);
    let router = Api::new(registry, names, required(of_process, "KAIROS_ROLE_PREFIX")?).router();
    let router = &router;
    lambda_http::run(service_fn(async |request: Request| -> Result<_, Error> {
        Ok(Box::pin(answer(router.clone(), request)).await)
    }))
    .await
}
