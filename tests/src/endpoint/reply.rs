//! What the endpoint answers.

use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::CONTENT_TYPE;
use hyper::http::HeaderValue;
use hyper::{Response, StatusCode};
use serde_json::{Value, json};

/// The answer to a call.
#[derive(Debug, Clone)]
pub struct Reply {
    status: StatusCode,
    content_type: HeaderValue,
    content: Bytes,
    lost: bool,
    pub(super) delay: Duration,
}

impl Reply {
    /// A success with this body, which is JSON already.
    pub fn json(content: impl Into<Bytes>) -> Self {
        Self::of(200, "application/x-amz-json-1.0", content)
    }

    /// A success with this body.
    pub fn value(content: &Value) -> Self {
        Self::json(content.to_string())
    }

    /// Any answer: a status that is none becomes 500.
    pub fn of(status: u16, content_type: &'static str, content: impl Into<Bytes>) -> Self {
        Self {
            status: StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            content_type: HeaderValue::from_static(content_type),
            content: content.into(),
            lost: false,
            delay: Duration::ZERO,
        }
    }

    /// A failure as the JSON protocols tell it.
    pub fn error(status: u16, code: &str, message: &str) -> Self {
        let told = json!({"__type": code, "message": message, "Message": message});
        Self::of(status, "application/x-amz-json-1.0", told.to_string())
    }

    /// A failure as the query protocols tell it.
    pub fn xml_error(status: u16, code: &str, message: &str) -> Self {
        let told = format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>\
             <RequestId>00000000-0000-4000-8000-000000000000</RequestId></ErrorResponse>"
        );
        Self::of(status, "text/xml", told)
    }

    /// The caller is to slow down, as the JSON protocols tell it.
    pub fn throttled() -> Self {
        Self::error(400, "ThrottlingException", "Rate exceeded")
    }

    /// The call was taken, but its answer never arrives: the connection ends.
    pub fn lost() -> Self {
        Self {
            lost: true,
            ..Self::json("{}")
        }
    }

    /// The same answer, later than the endpoint's own answer time by so much.
    #[must_use]
    pub fn after(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }

    /// As it goes out; none where it is lost.
    pub(super) fn response(self) -> Option<Response<Full<Bytes>>> {
        if self.lost {
            return None;
        }
        let mut response = Response::new(Full::new(self.content));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, self.content_type);
        headers.insert(
            "x-amzn-requestid",
            HeaderValue::from_static("00000000-0000-4000-8000-000000000000"),
        );
        Some(response)
    }
}
