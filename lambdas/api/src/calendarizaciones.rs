//! `GET /Calendarizaciones` and `GET /Calendarizaciones/{id}`: schedules with their counts and next occurrences.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::Uri;
use axum::{Extension, Json};
use kairos::calendarizacion::{Calendarizacion, EstadoCalendarizacion};
use kairos::ids::IdCalendarizacion;
use kairos::instant::{Timestamp, rfc3339_millis, serde_millis};
use kairos::json_schema::Instante;
use kairos::registry::Clock;
use kairos::schedule::{Language, Schedule};
use schemars::JsonSchema;
use serde::Serialize;

use crate::cursor;
use crate::problem::Problem;
use crate::query::{DEFAULT_LIMIT, MAX_LIMIT, Query};
use crate::{RequestId, Shared, World};

/// What `GET /Calendarizaciones` may be asked for.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema)]
#[schemars(rename = "ConsultaDeCalendarizaciones", rename_all = "camelCase")]
pub(crate) struct ConsultaCalendarizaciones {
    /// How many.
    #[schemars(
        with = "Option<u32>",
        range(min = 1, max = MAX_LIMIT),
        extend("default" = DEFAULT_LIMIT),
        description = "Cuántas calendarizaciones trae la página a lo más; puede traer menos y no ser la última."
    )]
    limite: u32,
    /// Where the page begins.
    #[schemars(
        with = "Option<String>",
        description = "El `Cursor` de la página anterior, sin cambios."
    )]
    cursor: Option<IdCalendarizacion>,
}

/// A page of calendarizaciones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
#[schemars(
    rename = "PaginaDeCalendarizaciones",
    description = "Una página de calendarizaciones."
)]
pub(crate) struct PaginaCalendarizaciones {
    #[schemars(description = "Las calendarizaciones, en un orden que no cambia entre páginas.")]
    calendarizaciones: Vec<Detalle>,
    #[schemars(description = "Con él se pide la página siguiente; null en la última.")]
    cursor: Option<String>,
}

/// A calendarización with all that is known of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
#[schemars(
    rename = "Calendarizacion",
    description = "Una calendarización: la programación que comparten los procesos que se ejecutan en los mismos instantes."
)]
pub(crate) struct Detalle {
    id_calendarizacion: IdCalendarizacion,
    #[schemars(description = "La expresión en su forma canónica; null si la fila no la dice.")]
    cron: Option<String>,
    #[schemars(description = "La zona horaria, con su nombre IANA.")]
    zona_horaria: String,
    #[schemars(description = "Cuántos minutos después de su hora puede partir.")]
    ventana_flexible_minutos: Option<u16>,
    /// Since when.
    #[serde(with = "serde_millis::option")]
    #[schemars(with = "Option<Instante>")]
    inicio: Option<Timestamp>,
    /// Until when.
    #[serde(with = "serde_millis::option")]
    #[schemars(with = "Option<Instante>")]
    fin: Option<Timestamp>,
    #[schemars(description = "Cuándo se ejecuta, en palabras; null si la expresión no se puede leer.")]
    descripcion: Option<String>,
    estado: EstadoCalendarizacion,
    #[schemars(
        description = "Cuántos procesos tiene; null si la escribió el sistema anterior y nadie los ha contado."
    )]
    cant_procesos: Option<u64>,
    #[schemars(description = "Cuántos de ellos están habilitados; null como `CantProcesos`.")]
    cant_habilitados: Option<u64>,
    #[schemars(
        with = "Vec<Instante>",
        length(max = NEXT),
        description = "Los próximos instantes en que se ejecuta, a lo más cinco; ninguno mientras no tenga procesos habilitados."
    )]
    proximas_ejecuciones: Vec<String>,
    /// When it was created: a rate counts from here.
    #[serde(with = "serde_millis")]
    #[schemars(with = "Instante")]
    fecha_creacion: Timestamp,
}

/// How many of the next occurrences are told.
const NEXT: usize = 5;

/// The parameters of a page.
pub(crate) const PARAMETERS: &[&str] = &["limite", "cursor"];

/// `GET /Calendarizaciones`.
pub(crate) async fn page<W: World>(
    State(api): Shared<W>,
    Extension(id): Extension<RequestId>,
    uri: Uri,
) -> Result<Json<PaginaCalendarizaciones>, Problem> {
    let listing = format!("calendarizaciones {}", api.names.app);
    let consulta = ConsultaCalendarizaciones::read(&uri, &listing)?;
    let page = api
        .registry
        .calendarizaciones(consulta.cursor.as_ref(), consulta.limite)
        .await;
    let page = page.map_err(|error| Problem::of(&error, &id.0))?;
    let now = api.clock.now();
    Ok(Json(PaginaCalendarizaciones {
        calendarizaciones: page.items.into_iter().map(|row| Detalle::of(row, now)).collect(),
        cursor: page.next.map(|place| cursor::write(&listing, &place)),
    }))
}

/// `GET /Calendarizaciones/{id}`.
pub(crate) async fn one<W: World>(
    State(api): Shared<W>,
    Extension(id): Extension<RequestId>,
    path: Result<Path<String>, PathRejection>,
    uri: Uri,
) -> Result<Json<Detalle>, Problem> {
    let wanted = id_calendarizacion(path)?;
    Query::read(&uri, &[]).done(Vec::new())?;
    let found = api.registry.calendarizacion(&wanted).await;
    let row = found
        .map_err(|error| Problem::of(&error, &id.0))?
        .ok_or_else(|| Problem::no_such_calendarizacion(wanted.as_str()))?;
    Ok(Json(Detalle::of(row, api.clock.now())))
}

/// The id of the path. What is no id is nobody's.
pub(crate) fn id_calendarizacion(path: Result<Path<String>, PathRejection>) -> Result<IdCalendarizacion, Problem> {
    match path {
        Ok(Path(text)) => text.parse().map_err(|_| Problem::no_such_calendarizacion(&text)),
        Err(_) => Err(Problem::no_such_calendarizacion("")),
    }
}

impl ConsultaCalendarizaciones {
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

impl Detalle {
    fn of(row: Calendarizacion, now: Timestamp) -> Self {
        let schedule = row.schedule().ok();
        let counted = row.version > 0;
        let fires = row.estado != EstadoCalendarizacion::Eliminando && row.cant_habilitados > 0 || !counted;
        let next = schedule
            .as_ref()
            .filter(|_| fires)
            .map(|schedule| next(schedule, now, row.fecha_creacion));
        Self {
            cron: schedule
                .as_ref()
                .map(|schedule| schedule.expression.to_string())
                .or(Some(row.expresion).filter(|text| !text.is_empty())),
            zona_horaria: schedule
                .as_ref()
                .map_or(row.zona_horaria, |schedule| schedule.zone.name().to_owned()),
            ventana_flexible_minutos: row.ventana_flexible_minutos,
            inicio: row.inicio,
            fin: row.fin,
            descripcion: schedule.map(|schedule| schedule.describe_in(Language::Spanish)),
            estado: row.estado,
            cant_procesos: Some(row.cant_procesos).filter(|_| counted),
            cant_habilitados: Some(row.cant_habilitados).filter(|_| counted),
            proximas_ejecuciones: next.unwrap_or_default(),
            fecha_creacion: row.fecha_creacion,
            id_calendarizacion: row.id_calendarizacion,
        }
    }
}

/// The next occurrences after `now`.
fn next(schedule: &Schedule, now: Timestamp, created: Timestamp) -> Vec<String> {
    let after = |instant: &Timestamp| schedule.next_after(*instant, created);
    let occurrences = std::iter::successors(schedule.next_after(now, created), after);
    occurrences.take(NEXT).map(rfc3339_millis).collect()
}
