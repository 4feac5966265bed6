//! The API's bootstrap: wiring only.

use std::process::ExitCode;

use api::{Api, Ports, Text, answer, routes};
use kairos_aws::environment::{Environment, of_process, optional, parsed, required};
use kairos_aws::{entry, metrics};
use lambda_http::{Error, Request, service_fn};

/// How long the executor's function may take, in seconds.
const EXECUTOR_TIMEOUT: &str = "KAIROS_EXECUTOR_TIMEOUT";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    entry::run(serve()).await
}

async fn serve() -> Result<(), Error> {
    let environment = Environment::read(of_process)?;
    metrics::init(&environment.names.app, of_process);
    let scheduler_role = required(of_process, "KAIROS_SCHEDULER_ROLE_ARN")?;
    let history_days = parsed(of_process, "KAIROS_HISTORY_DAYS")?;
    let ports = Ports::new(&environment, scheduler_role, history_days);
    let role_prefix = required(of_process, "KAIROS_ROLE_PREFIX")?;
    // Where it is not told, the executor alone keeps to it.
    let executor_timeout = optional(of_process, EXECUTOR_TIMEOUT).map(|_| parsed(of_process, EXECUTOR_TIMEOUT));
    let router = &routes::router(Api::new(
        ports,
        environment.names,
        role_prefix,
        executor_timeout.transpose()?,
    ));
    lambda_http::run(service_fn(async |request: Request| -> Result<_, Error> {
        Ok(Text::of(Box::pin(answer(router.clone(), request)).await).await)
    }))
    .await
}
