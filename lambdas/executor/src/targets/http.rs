//! Methods of APIs: one signed request, whose status decides.

use kairos::parameters::{HttpCall, http_call};
use kairos_aws::call::{Reply, Signed};
use serde_json::Value;

use super::{Answer, Service, domain, invalid};
use crate::failure::Failure;

/// As much of an answer as a failure quotes, in characters.
const SHOWN: usize = 300;

/// How a request says which run it is, so that the API can tell a repetition.
const KEY: &str = "idempotency-key";

pub(super) async fn request(service: Service<'_>, api: &str) -> Result<Answer, Failure> {
    let call = service.call;
    let arn = &call.target.arn;
    let HttpCall {
        method,
        path,
        mut headers,
        body,
    } = http_call(&call.target, &call.payload).map_err(invalid)?;
    if !headers.iter().any(|(name, _)| name == KEY) {
        headers.push((KEY.to_owned(), call.id_ejecucion.to_string()));
    }
    let url = format!("https://{api}.execute-api.{}.{}{path}", arn.region, domain(arn));
    let reply = service
        .caller
        .signed(Signed {
            method: &method,
            url: &url,
            headers: &headers,
            body: body.unwrap_or_default().as_bytes(),
            service: "execute-api",
            region: &arn.region,
            credentials: service.credentials,
            action: &method,
            object: &arn.to_string(),
        })
        .await?;
    outcome(&service, &method, &reply)
}

fn outcome(service: &Service<'_>, method: &str, reply: &Reply) -> Result<Answer, Failure> {
    let Reply { status, request_id, .. } = reply;
    if (200..300).contains(status) {
        return Ok(Answer::Completed(format!("{status}, {request_id}")));
    }
    let said = match &reply.body {
        Value::Null => String::new(),
        Value::String(text) => text.chars().take(SHOWN).collect(),
        other => other.to_string().chars().take(SHOWN).collect(),
    };
    let hint = match status {
        300..400 => ": a signed request follows no redirect; the target must be what it leads to",
        _ => "",
    };
    let message = format!(
        "{method} of \"{}\" was answered with {status}{hint}: {said} (request id {request_id})",
        service.call.target.arn
    );
    Err(match status {
        // Time-outs and throttling pass, and so may whatever is the server's fault.
        408 | 425 | 429 | 500.. => Failure::transient(message),
        _ => Failure::terminal(message),
    })
}
