//! Event buses: `PutEvents` with one event.

use kairos::parameters::entry;
use kairos_aws::error::{AwsError, classify};
use serde_json::json;

use super::{Answer, Service, id_of, invalid};
use crate::failure::Failure;

pub(super) async fn put(service: Service<'_>) -> Result<Answer, Failure> {
    let call = service.call;
    let entry = entry(&call.target, &call.payload, &call.id_proceso).map_err(invalid)?;
    let reply = service
        .send("eventbridge", "putEvents", json!({ "Entries": [entry] }))
        .await?;
    let entry = &reply.body["Entries"][0];
    let text = |member: &str| entry[member].as_str().map(str::to_owned);
    if reply.body["FailedEntryCount"].as_u64().unwrap_or_default() > 0 || entry["ErrorCode"].is_string() {
        return Err(refused(&service, text("ErrorCode"), text("ErrorMessage"), &reply.request_id).into());
    }
    Ok(Answer::Accepted(id_of(&reply, &entry["EventId"])))
}

/// An entry's own error, as an answer with that code would be.
fn refused(service: &Service<'_>, code: Option<String>, message: Option<String>, request_id: &str) -> AwsError {
    let message = message.unwrap_or_else(|| "the event was not taken".to_owned());
    AwsError {
        action: "PutEvents".into(),
        object: service.call.target.arn.to_string(),
        class: classify(code.as_deref(), &message, None),
        code,
        message,
        request_id: (!request_id.is_empty()).then(|| request_id.into()),
        ambiguous: false,
    }
}
