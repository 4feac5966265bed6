//! The edge: one request of API Gateway's in, one answer out, in time, with the request's id, one line in the log, and counted.
//!
//! Invariant: whatever a request holds up, its answer leaves before API Gateway or Lambda cut the connection.

use std::pin::Pin;
use std::time::{Duration, Instant, SystemTime};

use axum::Router;
use axum::body::Body;
use axum::http::HeaderValue;
use axum::response::{IntoResponse, Response};
use kairos_aws::metrics;
use lambda_http::request::RequestContext;
use lambda_http::{Request, RequestExt};
use tower::ServiceExt;

use crate::problem::Problem;
use crate::{path, routes};

/// The header of every answer that names its request.
pub const REQUEST_ID: &str = "x-id-solicitud";

/// How long a request may take: API Gateway waits 29 s, and counts a cold start as well.
const LONGEST: Duration = Duration::from_secs(26);

/// What is left of an invocation's time for the answer itself; a quarter of it, where that is less.
const MARGIN: Duration = Duration::from_secs(1);

/// The id of a request, for answers and logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RequestId(pub(crate) String);

/// Answers one request of API Gateway's.
///
/// # Guarantees
/// The answer comes before the invocation's deadline, and within 26 s. Work that is not done by then is dropped where it
/// stands, as by a crash: the registry is made for that, and the problem says that the request may be repeated.
pub async fn answer(router: Router, request: Request) -> Response {
    let began = Instant::now();
    let id = RequestId(request_id(&request));
    let method = request.method().clone();
    let path = path::below(&request);
    // What is no route may hold anything: only routes are told.
    let route = routes::template(&path);
    let mut counted = metrics::answering(&id.0, route.map(|template| format!("{method} {template}")).as_deref());
    let budget = budget(deadline(&request), SystemTime::now());
    let mut answer = match tokio::time::timeout(budget, routed(router, request, &path, &id)).await {
        Ok(answer) => answer,
        Err(_) => Problem::out_of_time().into_response(),
    };
    tracing::info!(
        metodo = %method,
        ruta = route,
        estado = answer.status().as_u16(),
        ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        solicitud = id.0,
        "answered"
    );
    counted.answered(answer.status().as_u16());
    if let Ok(value) = HeaderValue::from_str(&id.0) {
        answer.headers_mut().insert(REQUEST_ID, value);
    }
    answer
}

/// An answer as Lambda takes it: every body of ours is UTF-8.
///
/// Given anything else, `lambda_http` looks at its type and re-codes it, and brings the tables of all of the world's encodings
/// along.
#[derive(Debug)]
pub struct Text(Response<lambda_http::Body>);

impl Text {
    /// An answer of the router's.
    pub async fn of(answer: Response) -> Self {
        let (parts, body) = answer.into_parts();
        let body = match axum::body::to_bytes(body, usize::MAX).await {
            Ok(bytes) if bytes.is_empty() => lambda_http::Body::Empty,
            Ok(bytes) => match String::from_utf8(bytes.into()) {
                Ok(text) => lambda_http::Body::Text(text),
                Err(error) => lambda_http::Body::Binary(error.into_bytes()),
            },
            // Bodies are in memory: nothing can come in between.
            Err(_) => lambda_http::Body::Empty,
        };
        Self(Response::from_parts(parts, body))
    }
}

impl lambda_http::IntoResponse for Text {
    fn into_response(self) -> Pin<Box<dyn Future<Output = Response<lambda_http::Body>> + Send>> {
        Box::pin(std::future::ready(self.0))
    }
}

async fn routed(router: Router, request: Request, path: &str, id: &RequestId) -> Response {
    let (mut parts, body) = request.into_parts();
    match path::with_path(&parts.uri, path) {
        Ok(uri) => parts.uri = uri,
        Err(_) => return Problem::unknown_route(path).into_response(),
    }
    parts.extensions.insert(id.clone());
    let request = axum::extract::Request::from_parts(parts, Body::from(body.to_vec()));
    match router.oneshot(request).await {
        Ok(answer) => answer,
        Err(never) => match never {},
    }
}

/// When Lambda ends the invocation. One without a deadline has none: Lambda always gives one.
fn deadline(request: &Request) -> Option<SystemTime> {
    let context = request.lambda_context_ref()?;
    Some(context.deadline()).filter(|deadline| *deadline > SystemTime::UNIX_EPOCH)
}

/// How long a request may take from now.
fn budget(deadline: Option<SystemTime>, now: SystemTime) -> Duration {
    deadline.map_or(LONGEST, |deadline| {
        let left = deadline.duration_since(now).unwrap_or_default();
        left.saturating_sub(MARGIN.min(left / 4)).min(LONGEST)
    })
}

/// The id that API Gateway gave the request, and logs it under; where there is none, Lambda's.
fn request_id(request: &Request) -> String {
    let gateway = match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV1(context)) => context.request_id.clone(),
        _ => None,
    };
    gateway
        .or_else(|| request.lambda_context_ref().map(|context| context.request_id.clone()))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(left: Option<u64>, expected: u64) {
        let now = SystemTime::UNIX_EPOCH + Duration::from_hours(1);
        let deadline = left.map(|millis| now + Duration::from_millis(millis));
        assert_eq!(budget(deadline, now), Duration::from_millis(expected), "{left:?}");
    }

    #[test]
    fn an_answer_leaves_before_the_function_and_api_gateway_give_up() {
        check(None, 26_000);
        check(Some(900_000), 26_000);
        check(Some(29_000), 26_000);
        check(Some(10_000), 9_000);
        check(Some(3_000), 2_250);
        check(Some(0), 0);
        let late = SystemTime::UNIX_EPOCH + Duration::from_secs(1);
        assert_eq!(budget(Some(late), late + Duration::from_secs(1)), Duration::ZERO);
    }
}
