//! The routes: which handler answers what, and with which statuses.
//!
//! Invariant: [`OPERATIONS`] and [`router`] say the same; the tests try every method on every path, and no handler answers
//! with a status that is not listed.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{Method, Uri};
use axum::routing::{get, post};

use crate::problem::Problem;
use crate::world::World;
use crate::{Api, MAX_BODY, calendarizaciones, dia, ejecuciones, health, historia, listas, openapi, procesos};

/// What can be asked of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operation {
    /// The method.
    pub method: &'static str,
    /// The path below the API, with its parameters in braces.
    pub path: &'static str,
    /// Every status that it answers with. API Gateway itself adds 403 (no key) and 429 (too many requests).
    pub statuses: &'static [u16],
}

/// Everything that can be asked of the API.
pub const OPERATIONS: &[Operation] = &[
    Operation::new("GET", "/salud", &[200]),
    Operation::new("GET", "/openapi.json", &[200]),
    Operation::new("GET", "/Procesos", &[200, 400, 500, 503]),
    Operation::new("POST", "/Procesos", &[200, 201, 400, 409, 413, 415, 500, 503]),
    Operation::new("GET", "/Procesos/{id}", &[200, 404, 500, 503]),
    Operation::new("PUT", "/Procesos/{id}", &[200, 400, 404, 412, 413, 415, 500, 503]),
    Operation::new("DELETE", "/Procesos/{id}", &[204, 400, 404, 412, 500, 503]),
    Operation::new("GET", "/Procesos/{id}/Ejecuciones", &[200, 400, 404, 500, 503]),
    Operation::new(
        "POST",
        "/Procesos/{id}/Ejecuciones",
        &[202, 400, 404, 409, 413, 415, 500, 503],
    ),
    Operation::new("GET", "/Ejecuciones", &[200, 400, 500, 503]),
    Operation::new("GET", "/Calendarizaciones", &[200, 400, 500, 503]),
    Operation::new("GET", "/Calendarizaciones/{id}", &[200, 400, 404, 500, 503]),
    Operation::new(
        "POST",
        "/Calendarizaciones/{id}/Ejecuciones",
        &[202, 400, 404, 413, 415, 500, 503],
    ),
];

impl Operation {
    const fn new(method: &'static str, path: &'static str, statuses: &'static [u16]) -> Self {
        Self { method, path, statuses }
    }
}

/// The API's router.
pub fn router<W: World>(api: Api<W>) -> Router {
    Router::new()
        .route("/salud", get(health::<W>))
        .route("/openapi.json", get(openapi::serve))
        .route("/Procesos", get(listas::page::<W>).post(procesos::register::<W>))
        .route(
            "/Procesos/{id}",
            get(procesos::one::<W>)
                .put(procesos::replace::<W>)
                .delete(procesos::delete::<W>),
        )
        .route(
            "/Procesos/{id}/Ejecuciones",
            get(historia::page::<W>).post(ejecuciones::run_now::<W>),
        )
        .route("/Ejecuciones", get(dia::page::<W>))
        .route("/Calendarizaciones", get(calendarizaciones::page::<W>))
        .route("/Calendarizaciones/{id}", get(calendarizaciones::one::<W>))
        .route("/Calendarizaciones/{id}/Ejecuciones", post(ejecuciones::replay::<W>))
        .fallback(unknown)
        .method_not_allowed_fallback(not_allowed)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(Arc::new(api))
}

/// The path of [`OPERATIONS`] that a path stands for, for logs.
pub(crate) fn template(path: &str) -> Option<&'static str> {
    let fits = |template: &str| {
        let mut parts = path.split('/');
        let fits = template.split('/').all(|wanted| match parts.next() {
            Some(part) => wanted == part || wanted.starts_with('{'),
            None => false,
        });
        fits && parts.next().is_none()
    };
    OPERATIONS
        .iter()
        .map(|operation| operation.path)
        .find(|template| fits(template))
}

/// The methods that a path takes, for people; `GET` answers `HEAD` as well.
pub(crate) fn methods(path: &str) -> String {
    let template = template(path);
    let methods = OPERATIONS.iter().filter(|operation| Some(operation.path) == template);
    methods.map(|operation| operation.method).collect::<Vec<_>>().join(", ")
}

async fn unknown(uri: Uri) -> Problem {
    Problem::unknown_route(uri.path())
}

async fn not_allowed(method: Method, uri: Uri) -> Problem {
    Problem::method_not_allowed(method.as_str(), uri.path())
}
