//! The routes of one process: register, read, replace, delete.

use axum::Extension;
use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use kairos::ids::IdProceso;
use kairos::registry::Registration;
use kairos::validation::{Raw, define};

use crate::answer::{Detalle, Registrado};
use crate::precondition::{Expected, etag};
use crate::problem::Problem;
use crate::request::{Body, SolicitudProceso};
use crate::{RequestId, Shared, World};

/// `POST /Procesos`: 201 where the process is new, 200 where it is there already with the same definition.
pub(crate) async fn register<W: World>(
    State(api): Shared<W>,
    Extension(id): Extension<RequestId>,
    body: Body,
) -> Result<Response, Problem> {
    let raw = SolicitudProceso::read(&body)?.into();
    let definition = define(&raw, &api.limits).map_err(|errors| Problem::refused(&errors))?;
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
    let tag = [(header::ETAG, etag(&proceso))];
    Ok((status, tag, Json(Registrado::from(proceso))).into_response())
}

/// `GET /Procesos/{id}`.
pub(crate) async fn one<W: World>(
    State(api): Shared<W>,
    Extension(id): Extension<RequestId>,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let proceso = id_proceso(path)?;
    let found = api
        .registry
        .get(&proceso)
        .await
        .map_err(|error| Problem::of(&error, &id.0))?;
    let entry = found.ok_or_else(|| Problem::no_such_process(proceso.as_str()))?;
    let tag = [(header::ETAG, etag(&entry.proceso))];
    Ok((tag, Json(Detalle::from(entry))).into_response())
}

/// `PUT /Procesos/{id}`: makes the process what the body says, and what it does not say the default; the name may be left
/// out. With `If-Match`, only where the process is the one that the caller saw.
pub(crate) async fn replace<W: World>(
    State(api): Shared<W>,
    Extension(id): Extension<RequestId>,
    path: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let proceso = id_proceso(path)?;
    let expected = Expected::of(&headers)?;
    let mut raw = Raw::from(SolicitudProceso::read(&body)?);
    if raw.nombre.is_none() {
        let held = api.registry.proceso(&proceso).await;
        let held = held.map_err(|error| Problem::of(&error, &id.0))?;
        raw.nombre = Some(held.ok_or_else(|| Problem::no_such_process(proceso.as_str()))?.nombre);
    }
    let definition = define(&raw, &api.limits).map_err(|errors| Problem::refused(&errors))?;
    let changed = api
        .registry
        .change_if(&proceso, &definition, |held| expected.holds(held))
        .await
        .map_err(|error| Problem::of(&error, &id.0))?;
    tracing::info!(id_proceso = %changed.id_proceso, version = changed.version, "replaced");
    let tag = [(header::ETAG, etag(&changed))];
    Ok((tag, Json(Detalle::on(changed, &definition.schedule))).into_response())
}

/// `DELETE /Procesos/{id}`: 204, or 404 where there is none; with `If-Match`, only where it is the one that the caller saw.
pub(crate) async fn delete<W: World>(
    State(api): Shared<W>,
    Extension(id): Extension<RequestId>,
    path: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    let proceso = id_proceso(path)?;
    let expected = Expected::of(&headers)?;
    api.registry
        .delete_if(&proceso, |held| expected.holds(held))
        .await
        .map_err(|error| Problem::of(&error, &id.0))?;
    tracing::info!(id_proceso = %proceso, "deleted");
    Ok(StatusCode::NO_CONTENT)
}

/// The id of the path. What is no id is nobody's.
pub(crate) fn id_proceso(path: Result<Path<String>, PathRejection>) -> Result<IdProceso, Problem> {
    match path {
        Ok(Path(text)) => text.parse().map_err(|_| Problem::no_such_process(&text)),
        Err(_) => Err(Problem::no_such_process("")),
    }
}
