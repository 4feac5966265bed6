//! The HTTP API: registering, reading and deleting processes, over the registry that the provider uses as well.
//!
//! Invariant: every answer that is not a success is a problem (`application/problem+json`) in Spanish with a stable type.
//! Invariant: a path is what stands below the API's stage or mapping key, and its ids are percent-decoded once.

mod answer;
mod path;
pub mod problem;
mod procesos;
mod request;
mod spanish;

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use kairos::names::Names;
use kairos::registry::{Clock, Registry, Scheduler, Store};
use kairos::validation::Limits;
use lambda_http::{Request, RequestExt};
use serde_json::json;
use tower::ServiceExt;

use problem::Problem;

/// The largest body: `parametros` may have 400,000 bytes, and JSON may spell each of some with several.
const MAX_BODY: usize = 2 * 1024 * 1024;

/// The API of one installation.
#[derive(Debug)]
pub struct Api<S, C, K> {
    registry: Registry<S, C, K>,
    names: Names,
    limits: Limits,
}

/// The id of a request, for answers and logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RequestId(pub(crate) String);

/// What the routes share.
pub(crate) type Shared<S, C, K> = State<Arc<Api<S, C, K>>>;

impl<S, C, K> Api<S, C, K>
where
    S: Store + 'static,
    C: Scheduler + 'static,
    K: Clock + 'static,
{
    /// The API over this registry, which takes roles with this prefix only.
    pub fn new(registry: Registry<S, C, K>, names: Names, role_prefix: String) -> Self {
        let limits = Limits {
            names: Some(names.clone()),
            role_prefix: Some(role_prefix),
        };
        Self {
            registry,
            names,
            limits,
        }
    }

    /// The routes.
    pub fn router(self) -> Router {
        Router::new()
            .route("/salud", get(health::<S, C, K>))
            .route("/Procesos", post(procesos::register::<S, C, K>))
            .route(
                "/Procesos/{id}",
                get(procesos::one::<S, C, K>).delete(procesos::delete::<S, C, K>),
            )
            .fallback(unknown)
            .method_not_allowed_fallback(not_allowed)
            .layer(DefaultBodyLimit::max(MAX_BODY))
            .with_state(Arc::new(self))
    }
}

/// Answers one request of API Gateway's.
pub async fn answer(router: Router, request: Request) -> Response {
    let id = RequestId(request_id(&request));
    let path = path::below(&request);
    let (mut parts, body) = request.into_parts();
    match path::with_path(&parts.uri, &path) {
        Ok(uri) => parts.uri = uri,
        Err(_) => return identified(Problem::unknown_route(&path).into_response(), &id),
    }
    parts.extensions.insert(id.clone());
    let request = axum::extract::Request::from_parts(parts, axum::body::Body::from(body.to_vec()));
    let answer = match router.oneshot(request).await {
        Ok(answer) => answer,
        Err(never) => match never {},
    };
    identified(answer, &id)
}

fn request_id(request: &Request) -> String {
    let gateway = match request.request_context_ref() {
        Some(lambda_http::request::RequestContext::ApiGatewayV1(context)) => context.request_id.clone(),
        _ => None,
    };
    gateway
        .or_else(|| request.lambda_context_ref().map(|context| context.request_id.clone()))
        .unwrap_or_default()
}

/// An answer that says which request it belongs to.
fn identified(mut answer: Response, id: &RequestId) -> Response {
    if let Ok(value) = HeaderValue::from_str(&id.0) {
        answer.headers_mut().insert("x-id-solicitud", value);
    }
    answer
}

async fn health<S, C, K>(State(api): Shared<S, C, K>) -> Response {
    let body = json!({"Estado": "ok", "Stack": api.names.app, "Version": env!("CARGO_PKG_VERSION")});
    (StatusCode::OK, Json(body)).into_response()
}

async fn unknown(uri: axum::http::Uri) -> Problem {
    Problem::unknown_route(uri.path())
}

async fn not_allowed(method: axum::http::Method, uri: axum::http::Uri) -> Problem {
    Problem::method_not_allowed(method.as_str(), uri.path())
}

#[cfg(test)]
mod tests;
