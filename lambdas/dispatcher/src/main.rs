//! The dispatcher's bootstrap: wiring only.

use std::process::ExitCode;

use dispatcher::{AwsPorts, Dispatcher, Summary};
use kairos::instant::Timestamp;
use kairos_aws::environment::{Environment, of_process};
use kairos_aws::{entry, metrics};
use lambda_runtime::{Diagnostic, Error, LambdaEvent, service_fn, tracing};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    entry::run(serve()).await
}

async fn serve() -> Result<(), Error> {
    let environment = Environment::read(of_process)?;
    metrics::init(&environment.names.app, of_process);
    let dispatcher = &Dispatcher::new(AwsPorts::new(&environment), environment.names.clone());
    lambda_runtime::run(service_fn(
        async |event: LambdaEvent<Value>| -> Result<Summary, Diagnostic> {
            let _counted = metrics::dispatching(&event.context.request_id);
            // Lambda gives every invocation a deadline in milliseconds; one that cannot be read is over.
            let deadline = i64::try_from(event.context.deadline).ok();
            let deadline = deadline
                .and_then(|millis| Timestamp::from_millisecond(millis).ok())
                .unwrap_or_default();
            Box::pin(dispatcher.handle(event.payload, deadline))
                .await
                .map_err(|error| {
                    tracing::error!(%error, "not dispatched");
                    Diagnostic {
                        error_type: error.kind().to_owned(),
                        error_message: error.to_string(),
                    }
                })
        },
    ))
    .await
}
