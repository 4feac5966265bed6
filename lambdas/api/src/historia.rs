//! `GET /Procesos/{id}/Ejecuciones`: the history of a process, newest first, page by page.

use std::fmt::Display;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::Uri;
use axum::{Extension, Json};
use kairos::history::{RunKey, newest};
use kairos::ids::{IdCalendarizacion, IdEjecucion, IdProceso};
use kairos::instant::{Timestamp, serde_millis};
use kairos::json_schema::Instante;
use kairos::registry::Page;
use kairos::run::{Ejecucion, EstadoEjecucion};
use schemars::JsonSchema;
use serde::Serialize;

use crate::cursor;
use crate::problem::Problem;
use crate::procesos::id_proceso;
use crate::query::{DEFAULT_LIMIT, MAX_LIMIT, Query};
use crate::{RequestId, Shared, World};

/// What a history may be asked for.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema)]
#[schemars(rename = "ConsultaDeEjecuciones", rename_all = "camelCase")]
pub(crate) struct ConsultaEjecuciones {
    /// How many.
    #[schemars(
        with = "Option<u32>",
        range(min = 1, max = MAX_LIMIT),
        extend("default" = DEFAULT_LIMIT),
        description = "Cuántas ejecuciones trae la página a lo más; puede traer menos y no ser la última."
    )]
    limite: u32,
    /// Where the page begins.
    #[schemars(
        with = "Option<String>",
        description = "El `Cursor` de la página anterior de este mismo proceso, sin cambios."
    )]
    cursor: Option<RunKey>,
}

/// A page of a history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
#[schemars(
    rename = "PaginaDeEjecuciones",
    description = "Una página de ejecuciones, de un proceso o de un día."
)]
pub(crate) struct PaginaEjecuciones {
    #[schemars(description = "Las ejecuciones, de la más nueva a la más antigua.")]
    ejecuciones: Vec<EjecucionDeLista>,
    #[schemars(description = "Con él se pide la página siguiente; null en la última.")]
    cursor: Option<String>,
}

/// A run, as the history shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
#[schemars(rename = "Ejecucion", description = "Una ejecución: un proceso a una hora.")]
struct EjecucionDeLista {
    id_ejecucion: IdEjecucion,
    id_proceso: IdProceso,
    #[schemars(description = "La calendarización que la disparó, o la que el proceso tenía cuando se pidió.")]
    id_calendarizacion: IdCalendarizacion,
    /// When it was due, or asked for.
    #[serde(with = "serde_millis")]
    #[schemars(with = "Instante", description = "Cuándo estaba programada, o cuándo se pidió.")]
    fecha_programada: Timestamp,
    estado: EstadoEjecucion,
    #[schemars(description = "Cuántos intentos han comenzado.")]
    intentos: u32,
    /// When the last attempt began.
    #[serde(with = "serde_millis::option")]
    #[schemars(with = "Option<Instante>", description = "Cuándo comenzó el último intento.")]
    fecha_inicio: Option<Timestamp>,
    /// When it ended.
    #[serde(with = "serde_millis::option")]
    #[schemars(with = "Option<Instante>", description = "Cuándo terminó.")]
    fecha_termino: Option<Timestamp>,
    #[schemars(
        range(min = 0),
        description = "Cuántos milisegundos duró la llamada al destino en el último intento; null si no se le llamó."
    )]
    duracion_ms: Option<u64>,
    #[schemars(
        description = "Lo que respondió el destino: su id y, si se le esperó, lo que dijo, acortado si es largo. De un destino \
                       asíncrono dice que aceptó, no que terminó."
    )]
    respuesta: Option<String>,
    #[schemars(description = "Por qué falló el último intento, o por qué se omitió.")]
    error: Option<String>,
}

/// The parameters.
pub(crate) const PARAMETERS: &[&str] = &["limite", "cursor"];

/// `GET /Procesos/{id}/Ejecuciones`. The history outlives its process: it is 404 only where there is neither.
pub(crate) async fn page<W: World>(
    State(api): Shared<W>,
    Extension(id): Extension<RequestId>,
    path: Result<Path<String>, PathRejection>,
    uri: Uri,
) -> Result<Json<PaginaEjecuciones>, Problem> {
    let proceso = id_proceso(path)?;
    let listing = format!("ejecuciones {} {proceso}", api.names.app);
    let consulta = ConsultaEjecuciones::read(&uri, &listing)?;
    let page = newest(&api.history, &proceso, consulta.cursor.as_ref(), consulta.limite)
        .await
        .map_err(|error| Problem::failed(format!("reading the history of \"{proceso}\""), error, &id.0))?;
    if page.items.is_empty() && consulta.cursor.is_none() {
        let held = api.registry.proceso(&proceso).await;
        if held.map_err(|error| Problem::of(&error, &id.0))?.is_none() {
            return Err(Problem::no_such_process(proceso.as_str()));
        }
    }
    Ok(Json(PaginaEjecuciones::of(page, &listing)))
}

impl PaginaEjecuciones {
    /// A page of a listing of this name.
    pub(crate) fn of<C: Display>(page: Page<Ejecucion, C>, listing: &str) -> Self {
        Self {
            ejecuciones: page.items.into_iter().map(EjecucionDeLista::from).collect(),
            cursor: page.next.map(|place| cursor::write(listing, &place)),
        }
    }
}

impl ConsultaEjecuciones {
    fn read(uri: &Uri, listing: &str) -> Result<Self, Problem> {
        let mut query = Query::read(uri, PARAMETERS);
        let consulta = Self {
            limite: query.limit(),
            cursor: query.cursor(listing),
        };
        query.done(Vec::new())?;
        Ok(consulta)
    }
}

impl From<Ejecucion> for EjecucionDeLista {
    fn from(run: Ejecucion) -> Self {
        Self {
            id_ejecucion: run.id_ejecucion,
            id_proceso: run.id_proceso,
            id_calendarizacion: run.id_calendarizacion,
            fecha_programada: run.fecha_programada,
            estado: run.estado,
            intentos: run.intentos,
            fecha_inicio: run.fecha_inicio,
            fecha_termino: run.fecha_termino,
            duracion_ms: run.duracion_ms,
            respuesta: run.respuesta,
            error: run.error,
        }
    }
}
