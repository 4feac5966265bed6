//! A function that answers every request at once with nothing: what the benchmarks compare the API with. It is never shipped.

use lambda_http::{Body, Error, Request, Response, service_fn, tracing};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    lambda_http::run(service_fn(async |_: Request| -> Result<Response<Body>, Error> {
        Ok(Response::new(Body::Empty))
    }))
    .await
}
