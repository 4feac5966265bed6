//! The HTTP API: registering, reading and deleting processes, over the registry that the provider uses as well.
//!
//! Invariant: every answer that is not a success is a problem (`application/problem+json`) in Spanish with a stable type.
//! Invariant: a path is what stands below the API's stage or mapping key, and its ids are percent-decoded once.

mod answer;
mod aws;
mod calendarizaciones;
mod cursor;
mod dia;
mod edge;
mod ejecuciones;
mod historia;
mod listas;
pub mod openapi;
mod path;
mod precondition;
pub mod problem;
mod procesos;
mod query;
mod request;
pub mod routes;
mod spanish;
mod world;

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use kairos::names::Names;
use kairos::registry::Registry;
use kairos::validation::Limits;

pub use aws::Aws;
pub use edge::{REQUEST_ID, Text, answer};
pub use world::{Dispatcher, Launcher, Ports, World};

pub(crate) use edge::RequestId;

/// The largest body: `parametros` may have 400,000 bytes, and JSON may spell each of some with several.
pub(crate) const MAX_BODY: usize = 2 * 1024 * 1024;

/// How long a request waits for others: API Gateway itself waits 29 s.
const PATIENCE: Duration = Duration::from_secs(15);

/// The API of one installation, which the handlers share.
pub struct Api<W: World> {
    pub(crate) registry: Registry<W::Store, W::Scheduler, W::Clock>,
    pub(crate) history: W::History,
    pub(crate) clock: W::Clock,
    pub(crate) launcher: W::Launcher,
    pub(crate) dispatcher: W::Dispatcher,
    pub(crate) names: Names,
    pub(crate) limits: Limits,
}

/// What the handlers share.
pub(crate) type Shared<W> = State<Arc<Api<W>>>;

impl<W: World> Api<W> {
    /// The API over these ports, which takes roles with this prefix only, and no longer waits than an executor has whose
    /// function has this time-out in seconds, where it is known.
    pub fn new(ports: Ports<W>, names: Names, role_prefix: String, executor_timeout: Option<u32>) -> Self {
        let limits = Limits {
            names: Some(names.clone()),
            role_prefix: Some(role_prefix),
            executor_timeout,
        };
        let Ports {
            store,
            history,
            scheduler,
            clock,
            launcher,
            dispatcher,
        } = ports;
        Self {
            registry: Registry::new(names.clone(), store, scheduler, clock.clone()).with_patience(PATIENCE),
            history,
            clock,
            launcher,
            dispatcher,
            names,
            limits,
        }
    }
}

pub(crate) async fn health<W: World>(State(api): Shared<W>) -> Response {
    Json(answer::Salud::of(&api.names.app)).into_response()
}

#[cfg(test)]
mod tests;
