//! Statements of SQL over the Data APIs of Redshift, which works on by itself, and of RDS, which answers at the end.

use serde_json::{Value, json};

use super::{Answer, Service, id_of};
use crate::failure::Failure;

/// A statement in Redshift, with the run as its token.
pub(super) async fn redshift(service: Service<'_>) -> Result<Answer, Failure> {
    let mut request = service.request()?;
    let run = service.call.id_ejecucion.to_string();
    request.entry("ClientToken").or_insert_with(|| json!(run));
    let reply = service
        .send("redshiftdata", "executeStatement", Value::Object(request))
        .await?;
    let id = &reply.body["Id"];
    // There is a status where the request has `WaitTimeSeconds`.
    match reply.body["Status"].as_str() {
        // The same token would give the same statement again, with its failure.
        Some(status @ ("ABORTED" | "FAILED")) => Err(Failure::terminal(format!(
            "ExecuteStatement of \"{}\" ended as {status}: statement {} (request id {})",
            service.call.target.arn,
            id_of(&reply, id),
            reply.request_id
        ))),
        Some("FINISHED") => Ok(Answer::Completed(id_of(&reply, id))),
        _ => Ok(Answer::Accepted(id_of(&reply, id))),
    }
}

/// A statement in an RDS cluster. Its answer has no id but the request's.
pub(super) async fn rds(service: Service<'_>) -> Result<Answer, Failure> {
    let request = service.request()?;
    let reply = service
        .send("rdsdata", "executeStatement", Value::Object(request))
        .await?;
    Ok(Answer::Completed(id_of(&reply, &Value::Null)))
}
