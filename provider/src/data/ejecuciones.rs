//! `kairos_ejecuciones`: the newest runs of one process.
//!
//! Invariant: newest first, by the time at which a run was due; a run that is told has that place for ever.

use kairos::history::{self, RunKey};
use kairos::ids::IdProceso;
use kairos::instant::rfc3339_millis;
use kairos::run::Ejecucion;
use kairos_aws::history::DynamoHistory;
use tfplugin::{Attr, Attribute, Ctx, DataSource, Diagnostics, Nested, Schema, model};

use super::installation::connection;
use super::proceso::{find, id_in, one_of};
use super::{found, settle, stack_attribute};
use crate::configuration::Configured;
use crate::stack::rules;

/// How many runs are shown where the user does not say.
const LIMIT: i64 = 20;
/// How many runs may be asked for: all of them are in the state.
const MOST: i64 = 1000;

model! {
    /// The attributes of `kairos_ejecuciones`.
    pub struct EjecucionesModel {
        /// The stack's name.
        pub stack: Attr<String>,
        /// The process's name.
        pub nombre: Attr<String>,
        /// The process's id.
        pub id_proceso: Attr<String>,
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
            .attribute("id_calendarizacion", text("Id of the schedule that fired."))
            .attribute(
                "fecha_programada",
                text("When it was due, or when it was asked for (RFC 3339)."),
            )
            .attribute(
                "estado",
                text("`Pendiente`, `EnEjecucion`, `EjecutadoOk`, `ErrorAlEjecutar` or `Omitido`."),
            )
            .attribute(
                "intentos",
                Attribute::int().computed().description("How many attempts have begun."),
            )
            .attribute("fecha_inicio", text("When the last attempt began (RFC 3339)."))
            .attribute("fecha_termino", text("When it ended (RFC 3339)."))
            .attribute(
                "respuesta",
                text("The target's answer: an id, shortened where it is long."),
            )
            .attribute("error", text("Why the last attempt failed."));
        Schema::new(0)
            .description("The newest runs of a process, newest first, as long as the stack keeps its history.")
            .attribute("stack", stack_attribute("Name of the stack that runs it."))
            .attribute(
                "nombre",
                Attribute::string()
                    .optional()
                    .description("The process's name. Either this or `id_proceso`."),
            )
            .attribute(
                "id_proceso",
                Attribute::string().optional().computed().description(
                    "The process's id, also of one that is no longer registered. Either this or `nombre`.",
                ),
            )
            .attribute(
                "limite",
                Attribute::int()
                    .optional()
                    .validate(|value| rules::between(value, 1, MOST))
                    .description("How many runs are shown at most, 1 to 1000; 20 by default."),
            )
            .attribute(
                "ejecuciones",
                Attribute::nested_list(run)
                    .computed()
                    .description("The runs, newest first."),
            )
    }

    fn validate(&self, config: &EjecucionesModel, diagnostics: &mut Diagnostics) {
        one_of(
            [("nombre", &config.nombre), ("id_proceso", &config.id_proceso)],
            diagnostics,
        );
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

async fn read(configured: &Configured, config: EjecucionesModel) -> Result<EjecucionesModel, Diagnostics> {
    let stack = found::open(configured, &config.stack).await?;
    let id = match config.nombre.as_str() {
        Some(nombre) => {
            let entry = find(&stack, Some(nombre), ("id_proceso", None)).await?;
            entry.proceso.id_proceso
        }
        None => id_in("id_proceso", config.id_proceso.as_str().unwrap_or_default())?,
    };
    let table = DynamoHistory::new(connection(configured)?.clients.dynamodb.clone(), &stack.names);
    let limit = usize::try_from(config.limite.known().copied().unwrap_or(LIMIT)).unwrap_or_default();
    let runs = newest(&table, &id, limit).await?;
    Ok(EjecucionesModel {
        id_proceso: id.as_str().into(),
        ejecuciones: Attr::Known(runs.into_iter().map(|run| Attr::Known(shown(run))).collect()),
        ..config
    })
}

/// The newest runs of a process, page by page.
async fn newest(table: &DynamoHistory, id: &IdProceso, limit: usize) -> Result<Vec<Ejecucion>, Diagnostics> {
    let (mut runs, mut cursor) = (Vec::new(), None::<RunKey>);
    loop {
        let left = u32::try_from(limit.saturating_sub(runs.len())).unwrap_or(u32::MAX);
        let page = history::newest(table, id, cursor.as_ref(), left).await;
        let page = page.map_err(|error| {
            Diagnostics::of_error(
                format!("Cannot read the runs of the process \"{id}\""),
                format!("{error}."),
            )
        })?;
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
        id_calendarizacion: run.id_calendarizacion.as_str().into(),
        fecha_programada: rfc3339_millis(run.fecha_programada).into(),
        estado: run.estado.as_str().into(),
        intentos: i64::from(run.intentos).into(),
        fecha_inicio: run.fecha_inicio.map(rfc3339_millis).into(),
        fecha_termino: run.fecha_termino.map(rfc3339_millis).into(),
        respuesta: run.respuesta.into(),
        error: run.error.into(),
    }
}
