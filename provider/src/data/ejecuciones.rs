//! `kairos_ejecuciones`: the newest runs of one process, or of a day in one state.
//!
//! Invariant: newest first, by the time at which a run was due; a run that is told has that place for ever.

use kairos::history::{self, DayCursor, RunKey};
use kairos::ids::IdProceso;
use kairos::instant::{read_day, rfc3339_millis};
use kairos::registry::{Page, PortError};
use kairos::run::{Ejecucion, EstadoDia, EstadoEjecucion};
use kairos_aws::history::DynamoHistory;
use tfplugin::{Attr, Attribute, Ctx, DataSource, Diagnostics, Nested, Path, Schema, Value, model};

use super::installation::connection;
use super::proceso::{find, id_in, one_of};
use super::{found, settle, stack_attribute};
use crate::configuration::Configured;
use crate::sentence::sentence;
use crate::stack::rules;

/// How many runs are shown where the user does not say.
const LIMIT: i64 = 20;
/// How many runs may be asked for: all of them are in the state.
const MOST: i64 = 1000;
/// How many runs a page has at most.
const AT_ONCE: usize = 200;

model! {
    /// The attributes of `kairos_ejecuciones`.
    pub struct EjecucionesModel {
        /// The stack's name.
        pub stack: Attr<String>,
        /// The process's name.
        pub nombre: Attr<String>,
        /// The process's id.
        pub id_proceso: Attr<String>,
        /// The state.
        pub estado: Attr<String>,
        /// The day.
        pub dia: Attr<String>,
        /// How many.
        pub limite: Attr<i64>,
        /// The runs.
        pub ejecuciones: Attr<Vec<Attr<EjecucionModel>>>,
    }
}

model! {
    /// A run.
    pub struct EjecucionModel {
        /// Its id.
        pub id: Attr<String>,
        /// Its process.
        pub id_proceso: Attr<String>,
        /// The schedule that fired.
        pub id_calendarizacion: Attr<String>,
        /// When it was due.
        pub fecha_programada: Attr<String>,
        /// Where it stands.
        pub estado: Attr<String>,
        /// How many attempts have begun.
        pub intentos: Attr<i64>,
        /// When the last attempt began.
        pub fecha_inicio: Attr<String>,
        /// When it ended.
        pub fecha_termino: Attr<String>,
        /// How long the last attempt's call took.
        pub duracion_ms: Attr<i64>,
        /// The target's answer.
        pub respuesta: Attr<String>,
        /// Why it failed.
        pub error: Attr<String>,
    }
}

/// The data source.
#[derive(Debug, Default)]
pub struct EjecucionesDataSource;

impl DataSource for EjecucionesDataSource {
    const NAME: &'static str = "kairos_ejecuciones";
    type Model = EjecucionesModel;
    type Configured = Configured;

    fn schema(&self) -> Schema {
        let text = |text: &str| Attribute::string().computed().description(text);
        let run = Nested::new()
            .attribute("id", text("The run's id."))
            .attribute("id_proceso", text("Id of its process."))
            .attribute("id_calendarizacion", text("Id of the schedule that fired."))
            .attribute(
                "fecha_programada",
                text("When it was due, or when it was asked for (RFC 3339)."),
            )
            .attribute(
                "estado",
                text(
                    "`Pendiente`, `EnEjecucion`, `EjecutadoOk`, `ErrorAlEjecutar` or `Omitido`. For asynchronous targets \
                     `EjecutadoOk` means that the target accepted the run.",
                ),
            )
            .attribute(
                "intentos",
                Attribute::int().computed().description("How many attempts have begun."),
            )
            .attribute("fecha_inicio", text("When the last attempt began (RFC 3339)."))
            .attribute("fecha_termino", text("When it ended (RFC 3339)."))
            .attribute(
                "duracion_ms",
                Attribute::int().computed().description(
                    "How long the last attempt's call to the target took, in milliseconds; null where it was not called.",
                ),
            )
            .attribute(
                "respuesta",
                text(
                    "The target's answer: its id, and of a function that was waited for (`RequestResponse`) what it said, cut after \
                     2,000 characters.",
                ),
            )
            .attribute("error", text("Why the last attempt failed, or why the run was left out."));
        Schema::new(0)
            .description(
                "The newest runs of one process, or those of all processes that were due on a day and are in one state, newest first, \
                 as long as the stack keeps its history (`history_retention_days`).",
            )
            .attribute("stack", stack_attribute("Name of the stack that runs it."))
            .attribute(
                "nombre",
                Attribute::string()
                    .optional()
                    .description("Name of a registered process. Either this, or `id_proceso`, or `estado` and `dia`."),
            )
            .attribute(
                "id_proceso",
                Attribute::string().optional().computed().description(
                    "Id of a process, also of one that is no longer registered. Either this, or `nombre`, or `estado` and `dia`; computed \
                     where there is a `nombre`.",
                ),
            )
            .attribute(
                "estado",
                Attribute::string()
                    .optional()
                    .validate(state)
                    .description(
                        "The state of the runs of all processes that are shown, together with `dia`: `Pendiente`, `EnEjecucion`, \
                         `EjecutadoOk`, `ErrorAlEjecutar` or `Omitido`.",
                    ),
            )
            .attribute(
                "dia",
                Attribute::string()
                    .optional()
                    .validate(day)
                    .description("The day (UTC, `yyyy-mm-dd`) on which they were due or asked for, together with `estado`."),
            )
            .attribute(
                "limite",
                Attribute::int()
                    .optional()
                    .validate(|value| rules::between(value, 1, MOST))
                    .description("How many runs are shown at most, 1 to 1000; 20 where it is left out."),
            )
            .attribute(
                "ejecuciones",
                Attribute::nested_list(run)
                    .computed()
                    .description("The runs, newest first."),
            )
    }

    fn validate(&self, config: &EjecucionesModel, diagnostics: &mut Diagnostics) {
        let of_day = [("estado", &config.estado), ("dia", &config.dia)];
        let Some((set, _)) = of_day.iter().find(|(_, value)| !value.is_null()) else {
            let of_process = [("nombre", &config.nombre), ("id_proceso", &config.id_proceso)];
            return one_of(of_process, diagnostics);
        };
        for (missing, _) in of_day.iter().filter(|(_, value)| value.is_null()) {
            let detail =
                format!("\"estado\" and \"dia\" are used together: with \"{set}\", \"{missing}\" must be set as well.");
            diagnostics.error_at(Path::root(*set), "State and day go together", detail);
        }
        let of_process = [("nombre", &config.nombre), ("id_proceso", &config.id_proceso)];
        for (other, _) in of_process.into_iter().filter(|(_, value)| !value.is_null()) {
            let detail = format!(
                "\"estado\" and \"dia\" show the runs of all processes: \"{other}\" cannot be set beside them. Filter the result by \
                 \"id_proceso\" instead."
            );
            diagnostics.error_at(Path::root(other), "The runs are chosen twice", detail);
        }
    }

    async fn read(
        &self,
        ctx: &Ctx<Configured>,
        config: EjecucionesModel,
        diagnostics: &mut Diagnostics,
    ) -> Option<EjecucionesModel> {
        settle(read(ctx.configured(), config).await, diagnostics)
    }
}

/// A state of a run.
fn state(value: &Value) -> Result<(), String> {
    let wrong = value.as_str().filter(|text| text.parse::<EstadoEjecucion>().is_err());
    wrong.map_or(Ok(()), |text| {
        let states = EstadoEjecucion::ALL.map(|state| format!("\"{state}\"")).join(", ");
        Err(format!("\"{text}\" is no state of a run, which is one of {states}"))
    })
}

/// A day.
fn day(value: &Value) -> Result<(), String> {
    let wrong = value.as_str().filter(|text| read_day(text).is_none());
    wrong.map_or(Ok(()), |text| {
        Err(format!("\"{text}\" is no day, such as \"2026-01-02\""))
    })
}

async fn read(configured: &Configured, config: EjecucionesModel) -> Result<EjecucionesModel, Diagnostics> {
    let stack = found::open(configured, &config.stack).await?;
    let table = DynamoHistory::new(connection(configured)?.clients.dynamodb.clone(), &stack.names);
    let limit = usize::try_from(config.limite.known().copied().unwrap_or(LIMIT)).unwrap_or_default();
    let estado = config.estado.as_str().and_then(|text| text.parse().ok());
    let dia = config.dia.as_str().and_then(read_day);
    let (id, runs) = if let Some((estado, dia)) = estado.zip(dia) {
        (Attr::Null, of_day(&table, EstadoDia { estado, dia }, limit).await?)
    } else {
        let id = match config.nombre.as_str() {
            Some(nombre) => {
                let entry = find(&stack, Some(nombre), ("id_proceso", None)).await?;
                entry.proceso.id_proceso
            }
            None => id_in("id_proceso", config.id_proceso.as_str().unwrap_or_default())?,
        };
        let runs = newest(&table, &id, limit).await?;
        (id.as_str().into(), runs)
    };
    Ok(EjecucionesModel {
        id_proceso: id,
        ejecuciones: Attr::Known(runs.into_iter().map(|run| Attr::Known(shown(run))).collect()),
        ..config
    })
}

/// The newest runs of a process.
async fn newest(table: &DynamoHistory, id: &IdProceso, limit: usize) -> Result<Vec<Ejecucion>, Diagnostics> {
    let page = |cursor: Option<RunKey>, left| async move { history::newest(table, id, cursor.as_ref(), left).await };
    gather(limit, page, &format!("the process \"{id}\"")).await
}

/// The newest runs of a day in one state.
async fn of_day(table: &DynamoHistory, of: EstadoDia, limit: usize) -> Result<Vec<Ejecucion>, Diagnostics> {
    let page = |cursor: Option<DayCursor>, left| async move { history::of_day(table, of, cursor.as_ref(), left).await };
    gather(limit, page, &format!("{}, in the state {}", of.dia, of.estado)).await
}

/// The first runs of a listing, page by page.
async fn gather<C, F>(limit: usize, page: impl Fn(Option<C>, u32) -> F, of: &str) -> Result<Vec<Ejecucion>, Diagnostics>
where
    F: Future<Output = Result<Page<Ejecucion, C>, PortError>>,
{
    let (mut runs, mut cursor) = (Vec::new(), None);
    loop {
        // As many of them at once as take no more than a few megabytes.
        let left = u32::try_from(limit.saturating_sub(runs.len()).min(AT_ONCE)).unwrap_or(u32::MAX);
        let page = page(cursor, left).await;
        let page =
            page.map_err(|error| Diagnostics::of_error(format!("Cannot read the runs of {of}"), sentence(&error)))?;
        runs.extend(page.items);
        cursor = page.next;
        if cursor.is_none() || runs.len() >= limit {
            return Ok(runs);
        }
    }
}

fn shown(run: Ejecucion) -> EjecucionModel {
    EjecucionModel {
        id: run.id_ejecucion.to_string().into(),
        id_proceso: run.id_proceso.as_str().into(),
        id_calendarizacion: run.id_calendarizacion.as_str().into(),
        fecha_programada: rfc3339_millis(run.fecha_programada).into(),
        estado: run.estado.as_str().into(),
        intentos: i64::from(run.intentos).into(),
        fecha_inicio: run.fecha_inicio.map(rfc3339_millis).into(),
        fecha_termino: run.fecha_termino.map(rfc3339_millis).into(),
        duracion_ms: run.duracion_ms.and_then(|time| i64::try_from(time).ok()).into(),
        respuesta: run.respuesta.into(),
        error: run.error.into(),
    }
}
