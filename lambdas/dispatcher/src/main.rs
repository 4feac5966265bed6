//! The dispatcher's bootstrap: wiring only.

use dispatcher::{AwsPorts, Dispatcher};
use kairos::instant::Timestamp;
use kairos_aws::environment::{Environment, of_process};
use lambda_runtime::{Error, LambdaEvent, service_fn, tracing};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let environment = Environment::read(of_process)?;
    let dispatcher = &Dispatcher::new(AwsPorts::new(&environment), environment.names.clone());
    lambda_runtime::run(service_fn(async |event: LambdaEvent<Value>| -> Result<_, Error> {
        let deadline = Timestamp::from_millisecond(i64::try_from(event.context.deadline)?)?;
        Box::pin(dispatcher.handle(event.payload, deadline))
            .await
            .map_err(|error| {
                tracing::error!(%error, "not dispatched");
                error.into()
            })
    }))
    .await
}
