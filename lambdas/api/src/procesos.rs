//! The routes of processes.

use axum::Extension;
use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use kairos::ids::IdProceso;
use kairos::registry::Registration;
use kairos::validation::define;

use crate::answer::{Detalle, Registrado};
use crate::problem::Problem;
use crate::request;
use crate::{RequestId, Shared, World};

/// `POST /Procesos`: 201 where the process is new, 200 where it is there already with the same definition.
pub(crate) async fn register<W: World>(
    State(api): Shared<W>,
    Extension(id): Extension<RequestId>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let body = body.map_err(|rejection| Problem::unreadable_body(&rejection))?;
    let definition = define(&request::proceso(&body)?, &api.limits).map_err(|errors| Problem::refused(&errors))?;
    let registration = api
        .registry
        .register(&definition)
        .await
        .map_err(|error| Problem::of(&error, &id.0))?;
    let (status, proceso) = match registration {
        Registration::New(proceso) => (StatusCode::CREATED, proceso),
        Registration::Same(proceso) => (StatusCode::OK, proceso),
    };
    tracing::info!(id_proceso = %proceso.id_proceso, nuevo = status == StatusCode::CREATED, "registered");
    Ok((status, Json(Registrado::from(proceso))).into_response())
}

/// `GET /Procesos/{id}`.
pub(crate) async fn one<W: World>(
    State(api): Shared<W>,
    Extension(id): Extension<RequestId>,
    path: Result<Path<String>, PathRejection>,
) -> Result<Json<Detalle>, Problem> {
    let proceso = id_proceso(path)?;
    let found = api
        .registry
        .get(&proceso)
        .await
        .map_err(|error| Problem::of(&error, &id.0))?;
    found
        .map(|entry| Json(entry.into()))
        .ok_or_else(|| Problem::no_such_process(proceso.as_str()))
}

/// `DELETE /Procesos/{id}`: 204, or 404 where there is none.
pub(crate) async fn delete<W: World>(
    State(api): Shared<W>,
    Extension(id): Extension<RequestId>,
    path: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, Problem> {
    let proceso = id_proceso(path)?;
    api.registry
        .delete(&proceso)
        .await
        .map_err(|error| Problem::of(&error, &id.0))?;
    tracing::info!(id_proceso = %proceso, "deleted");
    Ok(StatusCode::NO_CONTENT)
}

/// The id of the path. What is no id is nobody's.
fn id_proceso(path: Result<Path<String>, PathRejection>) -> Result<IdProceso, Problem> {
    match path {
        Ok(Path(text)) => text.parse().map_err(|_| Problem::no_such_process(&text)),
        Err(_) => Err(Problem::no_such_process("")),
    }
}
