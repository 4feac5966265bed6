//! The API's binary behind the harness's own HTTP front.

use acceptance::edge::{self, Binary, Edge};
use anyhow::Result;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_edge_answers_over_http_as_the_function_does() -> Result<()> {
    let edge = Edge::start(&Binary::packed("api")?, &edge::environment("api"), 2).await?;
    let address = format!("{}/salud", edge.url());
    let asked = tokio::task::spawn_blocking(move || -> Result<(u16, Value)> {
        let mut answer = ureq::get(address).call()?;
        Ok((answer.status().as_u16(), answer.body_mut().read_json()?))
    });
    let (status, body) = asked.await??;
    assert_eq!((status, &body["Estado"]), (200, &json!("ok")), "{}", edge.log());
    let failed = edge.invoke(&json!({"no": "event"})).await;
    assert!(failed.is_err(), "an event that is none is the function's error");
    Ok(())
}

#[tokio::test]
async fn a_binary_that_does_not_start_shows_what_it_wrote() -> Result<()> {
    let outcome = Edge::start(&Binary::packed("api")?, &[], 1).await;
    let told = outcome.err().map(|error| format!("{error:#}")).unwrap_or_default();
    assert!(told.contains("the Lambda ended with"), "{told}");
    Ok(())
}
