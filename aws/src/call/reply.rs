//! What a service answered: a reply, or an error with its code.

use aws_smithy_runtime_api::client::orchestrator::{HttpResponse, OrchestratorError};
use aws_smithy_types::error::ErrorMetadata;
use aws_smithy_types::error::metadata::Builder;
use aws_types::request_id::{RequestId, apply_request_id};
use serde_json::Value;

/// The most characters of a body that is no JSON in an error.
const SHOWN: usize = 300;

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The request's id; empty where the service sent none.
    pub request_id: String,
    /// The body: its JSON; text where it is none; `null` where there is no body or no text.
    pub body: Value,
    /// The error of the function that was called, where a service says so in a header (Lambda).
    pub function_error: Option<String>,
}

/// How an answer is read.
pub(super) type Read = fn(&HttpResponse) -> Result<Reply, OrchestratorError<ErrorMetadata>>;

/// Reads a service's answer: whatever is not 2xx is its error.
pub(super) fn read(response: &HttpResponse) -> Result<Reply, OrchestratorError<ErrorMetadata>> {
    if !response.status().is_success() {
        let body = body(response.body().bytes().unwrap_or_default());
        return Err(OrchestratorError::operation(error(response, &body)));
    }
    answered(response)
}

/// Reads any answer. HTTP APIs have the request's id in a header of their own.
#[expect(clippy::unnecessary_wraps, reason = "it takes the place of `read`")]
pub(super) fn answered(response: &HttpResponse) -> Result<Reply, OrchestratorError<ErrorMetadata>> {
    let headers = response.headers();
    let id = headers.request_id().or_else(|| headers.get("apigw-requestid"));
    Ok(Reply {
        status: response.status().as_u16(),
        request_id: id.unwrap_or_default().to_owned(),
        body: body(response.body().bytes().unwrap_or_default()),
        function_error: headers.get("x-amz-function-error").map(str::to_owned),
    })
}

fn body(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok("") | Err(_) => Value::Null,
        Ok(text) => serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned())),
    }
}

/// Code and message of an error: services of the query protocol's days give their old codes in a header, others in another
/// one or in the body; the code may have a namespace before it and a URL after it.
fn error(response: &HttpResponse, body: &Value) -> ErrorMetadata {
    let headers = response.headers();
    let member = |names: &[&str]| names.iter().find_map(|name| body.get(name)?.as_str());
    let code = headers
        .get("x-amzn-query-error")
        .and_then(|codes| codes.split(';').next())
        .or_else(|| headers.get("x-amzn-errortype"))
        .or_else(|| member(&["__type", "code", "Code"]));
    let message = member(&["message", "Message", "errorMessage"])
        .map(str::to_owned)
        .or_else(|| match body {
            Value::Null => None,
            Value::String(text) => Some(text.chars().take(SHOWN).collect()),
            other => Some(other.to_string().chars().take(SHOWN).collect()),
        })
        .unwrap_or_else(|| format!("the service answered with status {}", response.status().as_u16()));
    let mut metadata: Builder = ErrorMetadata::builder().message(message);
    if let Some(code) = code.map(plain).filter(|code| !code.is_empty()) {
        metadata = metadata.code(code);
    }
    apply_request_id(metadata, headers).build()
}

fn plain(code: &str) -> &str {
    let code = code.split(':').next().unwrap_or(code);
    code.rsplit('#').next().unwrap_or(code).trim()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use aws_smithy_types::body::SdkBody;

    use super::*;

    fn answer(status: u16, headers: &[(&'static str, &'static str)], body: &'static str) -> HttpResponse {
        let mut response = HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body));
        for (name, value) in headers {
            response.headers_mut().insert(*name, *value);
        }
        response
    }

    #[track_caller]
    fn check(headers: &[(&'static str, &'static str)], text: &'static str, code: Option<&str>, message: &str) {
        let response = answer(400, headers, text);
        let found = error(&response, &body(text.as_bytes()));
        assert_eq!((found.code(), found.message()), (code, Some(message)), "{text}");
    }

    #[test]
    fn codes_are_found_wherever_services_put_them() {
        let known = Some("ThrottlingException");
        check(
            &[(
                "x-amzn-errortype",
                "ThrottlingException:http://internal.amazon.com/coral/",
            )],
            r#"{"message":"slow"}"#,
            known,
            "slow",
        );
        check(
            &[],
            r#"{"__type":"com.amazonaws.x#ThrottlingException","Message":"slow"}"#,
            known,
            "slow",
        );
        check(
            &[],
            r#"{"code":"ThrottlingException","errorMessage":"slow"}"#,
            known,
            "slow",
        );
        check(
            &[("x-amzn-query-error", "AWS.SimpleQueueService.NonExistentQueue;Sender")],
            r#"{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"none"}"#,
            Some("AWS.SimpleQueueService.NonExistentQueue"),
            "none",
        );
        check(&[], "<html>", None, "<html>");
        check(&[], "", None, "the service answered with status 400");
    }

    #[test]
    fn what_no_service_answered_is_a_reply_whatever_its_status() {
        let reply = answered(&answer(404, &[("apigw-requestid", "r")], r#"{"code":"NotFound"}"#)).unwrap();
        assert_eq!((reply.status, reply.request_id.as_str()), (404, "r"));
    }

    #[test]
    fn a_reply_has_status_id_and_body() {
        let reply = read(&answer(
            202,
            &[("x-amzn-requestid", "r"), ("x-amz-function-error", "Unhandled")],
            r#"{"a":1}"#,
        ))
        .unwrap();
        assert_eq!(
            reply,
            Reply {
                status: 202,
                request_id: "r".into(),
                body: serde_json::json!({"a": 1}),
                function_error: Some("Unhandled".into()),
            }
        );
        assert_eq!(read(&answer(200, &[], "")).unwrap().body, Value::Null);
        assert_eq!(read(&answer(200, &[], "hola")).unwrap().body, Value::from("hola"));
    }
}
