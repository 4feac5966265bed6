//! What is started by one action and then works on by itself: Batch jobs, CodeBuild builds, Glue jobs and workflows.

use serde_json::{Value, json};

use super::{Answer, Service, id_of};
use crate::failure::Failure;

/// A job of Batch, which has no token: its name has the run in it, so that a second one can be told.
pub(super) async fn batch(service: Service<'_>) -> Result<Answer, Failure> {
    let mut request = service.request()?;
    let name = format!("kairos-{}", service.call.id_ejecucion);
    request.entry("jobName").or_insert_with(|| json!(name));
    let reply = service.send("batch", "submitJob", Value::Object(request)).await?;
    Ok(Answer::Accepted(id_of(&reply, &reply.body["jobId"])))
}

/// A build of CodeBuild, which knows its token for five minutes.
pub(super) async fn build(service: Service<'_>) -> Result<Answer, Failure> {
    let mut request = service.request()?;
    let run = service.call.id_ejecucion.to_string();
    request.entry("idempotencyToken").or_insert_with(|| json!(run));
    let reply = service.send("codebuild", "startBuild", Value::Object(request)).await?;
    Ok(Answer::Accepted(id_of(&reply, &reply.body["build"]["id"])))
}

/// A run of a Glue job.
pub(super) async fn glue_job(service: Service<'_>) -> Result<Answer, Failure> {
    let request = service.request()?;
    let reply = service.send("glue", "startJobRun", Value::Object(request)).await?;
    Ok(Answer::Accepted(id_of(&reply, &reply.body["JobRunId"])))
}

/// A run of a Glue workflow.
pub(super) async fn glue_workflow(service: Service<'_>) -> Result<Answer, Failure> {
    let request = service.request()?;
    let reply = service.send("glue", "startWorkflowRun", Value::Object(request)).await?;
    Ok(Answer::Accepted(id_of(&reply, &reply.body["RunId"])))
}
