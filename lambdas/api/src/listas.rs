//! `GET /Procesos`: the processes, page by page, all or by a key or an index.

use axum::extract::State;
use axum::http::Uri;
use axum::{Extension, Json};
use kairos::error::Field;
use kairos::ids::{IdCalendarizacion, IdProceso};
use kairos::instant::{Timestamp, serde_millis};
use kairos::json_schema::Instante;
use kairos::proceso::{InvocationMode, Proceso};
use kairos::registry::{Listing, Page};
use kairos::schedule::Schedule;
use kairos::validation::{Limits, MAX_NOMBRE, Raw, check};
use schemars::JsonSchema;
use serde::Serialize;

use crate::answer::Registrado;
use crate::cursor;
use crate::problem::{Fault, Problem};
use crate::query::{DEFAULT_LIMIT, MAX_LIMIT, Query};
use crate::request::NOMBRE;
use crate::{RequestId, Shared, World};

/// What `GET /Procesos` may be asked for.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema)]
#[schemars(rename = "ConsultaDeProcesos", rename_all = "camelCase")]
pub(crate) struct ConsultaProcesos {
    /// How many.
    #[schemars(
        with = "Option<u32>",
        range(min = 1, max = MAX_LIMIT),
        extend("default" = DEFAULT_LIMIT),
        description = "Cuántos procesos trae la página a lo más; puede traer menos, incluso ninguno, y no ser la última."
    )]
    limite: u32,
    /// Where the page begins.
    #[schemars(
        with = "Option<String>",
        description = "El `Cursor` de la página anterior, sin cambios y con los mismos filtros."
    )]
    cursor: Option<IdProceso>,
    /// The process with a name.
    #[schemars(
        length(max = MAX_NOMBRE),
        regex(pattern = NOMBRE),
        description = "Solo el proceso con este nombre, sin distinguir mayúsculas ni espacios repetidos."
    )]
    nombre: Option<String>,
    /// Those on a calendarización.
    #[schemars(description = "Solo los procesos de esta calendarización.")]
    id_calendarizacion: Option<IdCalendarizacion>,
    /// Those on the calendarización of an expression.
    #[schemars(
        description = "Solo los procesos cuya expresión, con su zona, ventana, inicio y fin, significa lo mismo que esta. \
                       No se combina con `idCalendarizacion`."
    )]
    cron: Option<String>,
    /// Its zone.
    #[schemars(description = "La zona horaria de `cron`; UTC si se omite.")]
    zona_horaria: Option<String>,
    /// Its window.
    #[schemars(
        range(min = 1, max = 1440),
        description = "La ventana flexible de `cron`, en minutos."
    )]
    ventana_flexible_minutos: Option<i64>,
    /// Its start.
    #[schemars(description = "El inicio de `cron`, en RFC 3339.")]
    inicio: Option<String>,
    /// Its end.
    #[schemars(description = "El fin de `cron`, en RFC 3339.")]
    fin: Option<String>,
    /// Those that are enabled, or those that are not.
    #[schemars(
        description = "Solo los habilitados, o solo los deshabilitados; junto con `idCalendarizacion` o `cron`."
    )]
    habilitado: Option<bool>,
}

/// A page of processes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
#[schemars(rename = "PaginaDeProcesos", description = "Una página de procesos.")]
pub(crate) struct PaginaProcesos {
    #[schemars(description = "Los procesos, en un orden que no cambia entre páginas.")]
    procesos: Vec<Elemento>,
    #[schemars(description = "Con él se pide la página siguiente; null en la última.")]
    cursor: Option<String>,
}

/// A process, as a list shows it: without its schedule, which is its calendarización's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
#[schemars(
    rename = "ProcesoDeLista",
    description = "Un proceso como lo muestra una lista; su expresión es la de su calendarización."
)]
struct Elemento {
    #[serde(flatten)]
    registrado: Registrado,
    #[schemars(range(max = 10), description = "Cuántas veces se reintenta una ejecución fallida.")]
    reintentos: u8,
    modo_invocacion: InvocationMode,
    #[schemars(description = "Cuánto se espera a un destino Lambda síncrono, en segundos.")]
    tiempo_maximo_segundos: Option<u32>,
    #[serde(with = "serde_millis")]
    #[schemars(with = "Instante")]
    fecha_asignacion: Timestamp,
    #[serde(with = "serde_millis")]
    #[schemars(with = "Instante")]
    fecha_actualizacion: Timestamp,
    #[schemars(description = "Crece con cada cambio; 0 si lo escribió el sistema anterior.")]
    version: u64,
}

/// The parameters.
pub(crate) const PARAMETERS: &[&str] = &[
    "limite",
    "cursor",
    "nombre",
    "idCalendarizacion",
    "cron",
    "zonaHoraria",
    "ventanaFlexibleMinutos",
    "inicio",
    "fin",
    "habilitado",
];

/// What says of a `cron` when it fires, and nothing without it.
const OF_CRON: [&str; 4] = ["zonaHoraria", "ventanaFlexibleMinutos", "inicio", "fin"];

/// The most bytes of an answer: Lambda takes 6 MB, with all that surrounds the body.
const MAX_ANSWER: usize = 5_000_000;

/// `GET /Procesos`.
pub(crate) async fn page<W: World>(
    State(api): Shared<W>,
    Extension(id): Extension<RequestId>,
    uri: Uri,
) -> Result<Json<PaginaProcesos>, Problem> {
    let (consulta, listing) = ConsultaProcesos::read(&uri, &api.names.app)?;
    let page = api
        .registry
        .procesos(&listing, consulta.cursor.as_ref(), consulta.limite)
        .await
        .map_err(|error| Problem::of(&error, &id.0))?;
    let page = fitting(page, MAX_ANSWER);
    Ok(Json(PaginaProcesos {
        procesos: page.items,
        cursor: page
            .next
            .map(|place| cursor::write(&name(&api.names.app, &listing), &place)),
    }))
}

impl ConsultaProcesos {
    /// Reads what is asked for, and which listing that is.
    fn read(uri: &Uri, app: &str) -> Result<(Self, Listing), Problem> {
        let mut query = Query::read(uri, PARAMETERS);
        refuse_combinations(&mut query);
        let limite = query.limit();
        let mut consulta = Self {
            limite,
            cursor: None,
            nombre: query.text("nombre"),
            id_calendarizacion: query.parsed(
                "idCalendarizacion",
                "debe ser el id de una calendarización, como calendarizacion-…",
                |text| text.parse().ok(),
            ),
            cron: query.text("cron"),
            zona_horaria: query.text("zonaHoraria"),
            ventana_flexible_minutos: query.parsed("ventanaFlexibleMinutos", "debe ser un número entero", |text| {
                text.parse().ok()
            }),
            inicio: query.text("inicio"),
            fin: query.text("fin"),
            habilitado: query.parsed("habilitado", "debe ser true o false", |text| match text {
                "true" => Some(true),
                "false" => Some(false),
                _ => None,
            }),
        };
        let listing = consulta.listing();
        if let Ok(listing) = &listing {
            consulta.cursor = query.cursor(&name(app, listing));
        }
        query.done(listing.as_ref().err().cloned().unwrap_or_default())?;
        listing.map(|listing| (consulta, listing)).map_err(Problem::invalid)
    }

    fn listing(&self) -> Result<Listing, Vec<Fault>> {
        if let Some(nombre) = &self.nombre {
            let raw = Raw {
                nombre: Some(nombre.clone()),
                ..Raw::default()
            };
            let wrong = check(&raw, &Limits::default());
            let wrong = wrong.iter().filter(|error| error.field == Field::Nombre);
            let faults: Vec<Fault> = wrong.map(Fault::of).collect();
            return if faults.is_empty() {
                Ok(Listing::Nombre(nombre.clone()))
            } else {
                Err(faults)
            };
        }
        let id = match (&self.id_calendarizacion, &self.cron) {
            (Some(id), _) => id.clone(),
            (None, Some(cron)) => self.schedule(cron)?.id(),
            (None, None) => return Ok(Listing::All),
        };
        Ok(Listing::On {
            id,
            habilitado: self.habilitado,
        })
    }

    fn schedule(&self, cron: &str) -> Result<Schedule, Vec<Fault>> {
        let schedule = Schedule::parse(
            cron,
            self.zona_horaria.as_deref(),
            self.ventana_flexible_minutos,
            self.inicio.as_deref(),
            self.fin.as_deref(),
        );
        schedule.map_err(|errors| errors.iter().map(Fault::of).collect())
    }
}

/// Filters that no key and no index answers together.
fn refuse_combinations(query: &mut Query) {
    let one = if query.has("nombre") {
        "nombre"
    } else {
        "idCalendarizacion"
    };
    let schedule = ["cron"].into_iter().chain(OF_CRON);
    if query.has(one) {
        let others = schedule.chain(
            (one == "nombre")
                .then_some(["idCalendarizacion", "habilitado"])
                .into_iter()
                .flatten(),
        );
        for other in others.filter(|other| query.has(other)).collect::<Vec<_>>() {
            query.fault(other, format!("no se combina con {one}, que ya dice cuáles son"));
        }
        return;
    }
    if query.has("cron") {
        return;
    }
    for other in OF_CRON.into_iter().filter(|other| query.has(other)).collect::<Vec<_>>() {
        query.fault(other, "se usa solo junto con cron");
    }
    if query.has("habilitado") {
        query.fault("habilitado", "se usa solo junto con idCalendarizacion o cron");
    }
}

/// The listing as its cursors know it.
fn name(app: &str, listing: &Listing) -> String {
    format!("procesos {app} {listing:?}")
}

/// As many of the page's first processes as an answer may hold; at least one, so that the listing gets on.
fn fitting(page: Page<Proceso, IdProceso>, most: usize) -> Page<Elemento, IdProceso> {
    let (mut items, mut next, mut size) = (Vec::with_capacity(page.items.len()), page.next, 0);
    let mut last = None;
    for proceso in page.items {
        let id = proceso.id_proceso.clone();
        let element = Elemento::from(proceso);
        size += weight(&element);
        if size > most && last.is_some() {
            next = last;
            break;
        }
        last = Some(id);
        items.push(element);
    }
    Page { items, next }
}

/// How many bytes of Lambda's answer an element takes: the body is a text in a JSON document, where quotes and backslashes
/// take two.
fn weight(element: &impl Serialize) -> usize {
    let text = serde_json::to_string(element).unwrap_or_default();
    text.len() + text.bytes().filter(|byte| matches!(byte, b'"' | b'\\')).count()
}

impl From<Proceso> for Elemento {
    fn from(proceso: Proceso) -> Self {
        Self {
            reintentos: proceso.reintentos,
            modo_invocacion: proceso.modo_invocacion,
            tiempo_maximo_segundos: proceso.tiempo_maximo_segundos,
            fecha_asignacion: proceso.fecha_asignacion,
            fecha_actualizacion: proceso.fecha_actualizacion,
            version: proceso.version,
            registrado: proceso.into(),
        }
    }
}
