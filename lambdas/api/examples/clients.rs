//! A function that answers every event with nothing, and before that makes the SDK's clients of one of ours, as the SDK's own guide
//! says: what the benchmarks compare the start of our functions with. It is never shipped.
//!
//! `KAIROS_CLIENTS` says whose clients: `dispatcher`, `executor` or `api`. The clients are held until the end, as a function's are.

use std::hint::black_box;

use aws_config::BehaviorVersion;
use lambda_http::{Body, Error, Request, Response};
use lambda_runtime::{LambdaEvent, tracing};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let config = aws_config::load_defaults(BehaviorVersion::latest()).await;
    let function = std::env::var("KAIROS_CLIENTS")?;
    let tables_and_queue = black_box((
        aws_sdk_dynamodb::Client::new(&config),
        aws_sdk_sqs::Client::new(&config),
    ));
    match function.as_str() {
        "dispatcher" => {
            let _clients = black_box((tables_and_queue, aws_sdk_lambda::Client::new(&config)));
            of_events().await
        }
        "executor" => {
            let targets = (
                aws_sdk_lambda::Client::new(&config),
                aws_sdk_sfn::Client::new(&config),
                aws_sdk_sns::Client::new(&config),
                aws_sdk_sqs::Client::new(&config),
            );
            let _clients = black_box((tables_and_queue, aws_sdk_sts::Client::new(&config), targets));
            of_events().await
        }
        "api" => {
            let others = (
                aws_sdk_lambda::Client::new(&config),
                aws_sdk_scheduler::Client::new(&config),
            );
            let _clients = black_box((tables_and_queue, others));
            of_requests().await
        }
        other => Err(format!("KAIROS_CLIENTS is \"{other}\": use dispatcher, executor or api").into()),
    }
}

async fn of_events() -> Result<(), Error> {
    let nothing = async |_: LambdaEvent<Value>| -> Result<(), Error> { Ok(()) };
    lambda_runtime::run(lambda_runtime::service_fn(nothing)).await
}

async fn of_requests() -> Result<(), Error> {
    let nothing = async |_: Request| -> Result<Response<Body>, Error> { Ok(Response::new(Body::Empty)) };
    lambda_http::run(lambda_http::service_fn(nothing)).await
}
