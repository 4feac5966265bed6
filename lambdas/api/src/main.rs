//! The API's bootstrap: wiring only.

use api::{Api, Ports, Text, answer, routes};
use kairos_aws::environment::{Environment, of_process, parsed, required};
use kairos_aws::log;
use lambda_http::{Error, Request, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    log::init(of_process);
    let environment = Environment::read(of_process)?;
    let scheduler_role = required(of_process, "KAIROS_SCHEDULER_ROLE_ARN")?;
    let history_days = parsed(of_process, "KAIROS_HISTORY_DAYS")?;
    let ports = Ports::new(&environment, scheduler_role, history_days);
    let role_prefix = required(of_process, "KAIROS_ROLE_PREFIX")?;
    let router = &routes::router(Api::new(ports, environment.names, role_prefix));
    lambda_http::run(service_fn(async |request: Request| -> Result<_, Error> {
        Ok(Text::of(Box::pin(answer(router.clone(), request)).await).await)
    }))
    .await
}
