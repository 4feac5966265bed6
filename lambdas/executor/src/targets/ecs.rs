//! ECS clusters and task definitions: `RunTask`, with the run as its token, so that a repetition starts no second task.

use kairos_aws::call::Reply;
use kairos_aws::error::AwsError;
use serde_json::{Value, json};

use super::{Answer, Service};
use crate::failure::Failure;

pub(super) async fn run_task(service: Service<'_>) -> Result<Answer, Failure> {
    let run = service.call.id_ejecucion.to_string();
    let mut request = service.request()?;
    // Whoever looks for the tasks of a run lists those that were started by it.
    for member in ["clientToken", "startedBy"] {
        request.entry(member).or_insert_with(|| json!(run));
    }
    let ours = request["clientToken"] == json!(run);
    match service.send("ecs", "runTask", Value::Object(request)).await {
        Ok(reply) => outcome(&service, &reply),
        Err(error) if ours && is_taken(&error) => Ok(Answer::Accepted(format!("startedBy {run}"))),
        Err(error) => Err(error.into()),
    }
}

/// An earlier attempt of this run, whose answer was lost, has started the task with another request, such as one that has
/// `<kairos.intento>` in it: nobody else has our token.
fn is_taken(error: &AwsError) -> bool {
    error.is("ConflictException") && error.message.to_ascii_lowercase().contains("token")
}

fn outcome(service: &Service<'_>, reply: &Reply) -> Result<Answer, Failure> {
    let list = |member: &str| reply.body[member].as_array().map(Vec::as_slice).unwrap_or_default();
    let started: Vec<&str> = list("tasks")
        .iter()
        .filter_map(|task| task["taskArn"].as_str())
        .collect();
    let failures = list("failures");
    if failures.is_empty() && !started.is_empty() {
        return Ok(Answer::Accepted(started.join(", ")));
    }
    let mut said: Vec<String> = failures.iter().map(failure).collect();
    if failures.is_empty() {
        said.push("no task was started, and no reason given".to_owned());
    }
    if !started.is_empty() {
        said.push(format!("other tasks were started: {}", started.join(", ")));
    }
    let message = format!(
        "RunTask of \"{}\" failed: {} (request id {})",
        service.call.target.arn,
        said.join("; "),
        reply.request_id
    );
    // Started or not: with the same token the tasks that run are not started again.
    if failures.iter().any(stays) {
        Err(Failure::terminal(message))
    } else {
        Err(Failure::transient(message))
    }
}

fn failure(failure: &Value) -> String {
    let text = |member: &str| failure[member].as_str().filter(|text| !text.is_empty());
    let reason = text("reason").unwrap_or("no reason given");
    let at = text("arn").map(|arn| format!(" ({arn})")).unwrap_or_default();
    let detail = text("detail").map(|detail| format!(": {detail}")).unwrap_or_default();
    format!("{reason}{at}{detail}")
}

/// Reasons that another attempt would meet again; the others are of capacity, which comes and goes (*API failure reasons* in
/// the developer guide of ECS).
fn stays(failure: &Value) -> bool {
    const STAYS: [&str; 4] = ["ATTRIBUTE", "INACTIVE", "LOCATION", "MISSING"];
    failure["reason"]
        .as_str()
        .is_some_and(|reason| STAYS.iter().any(|word| reason.starts_with(word)))
}
