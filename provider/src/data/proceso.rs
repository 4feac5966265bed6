//! `kairos_proceso`: one registered process, by its name or its id.
//!
//! Invariant: read-only; a process that is not registered is an error.

use kairos::ids::IdProceso;
use kairos::registry::Entry;
use tfplugin::{Attr, Attribute, Ctx, DataSource, Diagnostics, Path, Schema, model};

use super::{found, settle, stack_attribute, unread};
use crate::configuration::Configured;
use crate::proceso::stacks::InstalledStack;
use crate::sentence::sentence;

model! {
    /// The attributes of the data source `kairos_proceso`.
    pub struct ProcesoDataModel {
        /// The stack's name.
        pub stack: Attr<String>,
        /// Its id.
        pub id: Attr<String>,
        /// Its name.
        pub nombre: Attr<String>,
        /// The schedule expression.
        pub cron: Attr<String>,
        /// The IANA zone.
        pub zona_horaria: Attr<String>,
        /// The flexible window, in minutes.
        pub ventana_flexible_minutos: Attr<i64>,
        /// From when on it fires.
        pub inicio: Attr<String>,
        /// Until when it fires.
        pub fin: Attr<String>,
        /// The role.
        pub arn_rol: Attr<String>,
        /// The target.
        pub arn_proceso: Attr<String>,
        /// What the target receives.
        pub parametros: Attr<String>,
        /// Whether it runs.
        pub habilitado: Attr<bool>,
        /// How often a failed run is tried again.
        pub reintentos: Attr<i64>,
        /// How a Lambda target is invoked.
        pub modo_invocacion: Attr<String>,
        /// How long a synchronous Lambda target is waited for, in seconds.
        pub tiempo_maximo_segundos: Attr<i64>,
        /// The schedule that it is on.
        pub id_calendarizacion: Attr<String>,
        /// When it was registered.
        pub fecha_creacion: Attr<String>,
        /// When it was last changed.
        pub fecha_actualizacion: Attr<String>,
    }
}

/// The data source.
#[derive(Debug, Default)]
pub struct ProcesoDataSource;

impl DataSource for ProcesoDataSource {
    const NAME: &'static str = "kairos_proceso";
    type Model = ProcesoDataModel;
    type Configured = Configured;

    fn schema(&self) -> Schema {
        let either = |text: &str| Attribute::string().optional().computed().description(text);
        let schema = Schema::new(0)
            .description(
                "A registered process, by its name or its id, whoever registered it: Terraform or the HTTP API. One that is not \
                 registered is an error.",
            )
            .attribute("stack", stack_attribute("Name of the stack that runs it."))
            .attribute("nombre", either("Its name; case and repeated spaces do not matter. Either this or `id`; the other one is computed."))
            .attribute("id", either("Its id. Either this or `nombre`; the other one is computed."));
        found::attributes()
            .into_iter()
            .fold(schema, |schema, (name, attribute)| schema.attribute(name, attribute))
    }

    fn validate(&self, config: &ProcesoDataModel, diagnostics: &mut Diagnostics) {
        one_of([("nombre", &config.nombre), ("id", &config.id)], diagnostics);
    }

    async fn read(
        &self,
        ctx: &Ctx<Configured>,
        config: ProcesoDataModel,
        diagnostics: &mut Diagnostics,
    ) -> Option<ProcesoDataModel> {
        settle(read(ctx.configured(), config).await, diagnostics)
    }
}

/// Exactly one of two attributes is to be set, as far as they are known.
pub(super) fn one_of([one, other]: [(&str, &Attr<String>); 2], diagnostics: &mut Diagnostics) {
    let (first, second) = (one.0, other.0);
    match (one.1.is_null(), other.1.is_null()) {
        (true, true) => diagnostics.error(
            "No process is named",
            format!("Either \"{first}\" or \"{second}\" must be set."),
        ),
        (false, false) => diagnostics.error_at(
            Path::root(second),
            "The process is named twice",
            format!("Only one of \"{first}\" and \"{second}\" may be set."),
        ),
        _ => {}
    }
}

/// The process of a stack with this name or, otherwise, this id.
pub(super) async fn find(
    stack: &InstalledStack,
    nombre: Option<&str>,
    id: (&'static str, Option<&str>),
) -> Result<Entry, Diagnostics> {
    let (attribute, id) = id;
    let (what, found) = match (nombre, id) {
        (Some(nombre), _) => {
            let found = stack.registry.find_by_nombre(nombre).await;
            (format!("the process \"{nombre}\""), found)
        }
        (None, id) => {
            let id: IdProceso = id_in(attribute, id.unwrap_or_default())?;
            (format!("the process \"{id}\""), stack.registry.get(&id).await)
        }
    };
    let found = found.map_err(|error| unread(&what, &error))?;
    found.ok_or_else(|| {
        let detail = format!(
            "The stack \"{}\" has no {}. If this configuration registers it, refer to its kairos_proceso, or add depends_on.",
            stack.names.app,
            what.trim_start_matches("the ")
        );
        Diagnostics::of_error("No such process", detail)
    })
}

/// The id of a process, as a user writes it.
pub(super) fn id_in(attribute: &str, text: &str) -> Result<IdProceso, Diagnostics> {
    text.parse().map_err(|error| {
        let mut diagnostics = Diagnostics::new();
        diagnostics.error_at(Path::root(attribute), format!("Invalid {attribute}"), sentence(&error));
        diagnostics
    })
}

async fn read(configured: &Configured, config: ProcesoDataModel) -> Result<ProcesoDataModel, Diagnostics> {
    let stack = found::open(configured, &config.stack).await?;
    let entry = find(&stack, config.nombre.as_str(), ("id", config.id.as_str())).await?;
    let shown = found::shown(&stack, std::slice::from_ref(&entry.proceso)).await;
    let shown = shown.map_err(|error| unread("the schedule", &error))?;
    let shown = shown.into_iter().next().unwrap_or_default();
    Ok(ProcesoDataModel {
        stack: config.stack,
        // What the user wrote stays as it is, in whichever case.
        nombre: if config.nombre.is_null() {
            shown.nombre
        } else {
            config.nombre
        },
        id: shown.id,
        cron: shown.cron,
        zona_horaria: shown.zona_horaria,
        ventana_flexible_minutos: shown.ventana_flexible_minutos,
        inicio: shown.inicio,
        fin: shown.fin,
        arn_rol: shown.arn_rol,
        arn_proceso: shown.arn_proceso,
        parametros: shown.parametros,
        habilitado: shown.habilitado,
        reintentos: shown.reintentos,
        modo_invocacion: shown.modo_invocacion,
        tiempo_maximo_segundos: shown.tiempo_maximo_segundos,
        id_calendarizacion: shown.id_calendarizacion,
        fecha_creacion: shown.fecha_creacion,
        fecha_actualizacion: shown.fecha_actualizacion,
    })
}
