//! The executor's bootstrap: wiring only.

use std::process::ExitCode;
use std::sync::Arc;

use executor::event::Batch;
use executor::{AwsPorts, Executor, Invocation, Settings};
use kairos::instant::Timestamp;
use kairos_aws::environment::{Environment, of_process};
use kairos_aws::{entry, metrics};
use lambda_runtime::{Error, LambdaEvent, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    entry::run(serve()).await
}

async fn serve() -> Result<(), Error> {
    let environment = Environment::read(of_process)?;
    metrics::init(&environment.names.app, of_process);
    let executor = &Arc::new(Executor::new(AwsPorts::new(&environment, Settings::read(of_process)?)));
    lambda_runtime::run(service_fn(async |event: LambdaEvent<Batch>| -> Result<_, Error> {
        let _counted = metrics::executing(&event.context.request_id);
        let invocation = Invocation {
            request_id: event.context.request_id,
            deadline: Timestamp::from_millisecond(i64::try_from(event.context.deadline)?)?,
        };
        Ok(Box::pin(executor.handle(event.payload, &invocation)).await)
    }))
    .await
}
