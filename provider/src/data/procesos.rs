//! `kairos_procesos`: the registered processes of a stack, those that pass all filters.
//!
//! Invariant: the order is that of the names, so that the same processes are always the same list.

use kairos::error::Field;
use kairos::ids::{IdCalendarizacion, IdProceso};
use kairos::proceso::Proceso;
use kairos::registry::{Listing, RegistryError};
use kairos::schedule::Schedule;
use tfplugin::{Attr, Attribute, Ctx, DataSource, Diagnostics, Path, Schema, model};

use super::found::{self, FoundModel};
use super::{settle, stack_attribute, unread};
use crate::configuration::Configured;
use crate::proceso::stacks::InstalledStack;
use crate::sentence::sentence;

/// How many processes are read at once.
const PAGE: u32 = 500;

model! {
    /// The attributes of `kairos_procesos`.
    pub struct ProcesosModel {
        /// The stack's name.
        pub stack: Attr<String>,
        /// Those on this schedule.
        pub id_calendarizacion: Attr<String>,
        /// Those on the schedule of this expression.
        pub cron: Attr<String>,
        /// The expression's zone.
        pub zona_horaria: Attr<String>,
        /// The schedule's flexible window.
        pub ventana_flexible_minutos: Attr<i64>,
        /// The schedule's start.
        pub inicio: Attr<String>,
        /// The schedule's end.
        pub fin: Attr<String>,
        /// Those that run, or those that do not.
        pub habilitado: Attr<bool>,
        /// Those with this target.
        pub arn_proceso: Attr<String>,
        /// Those with this role.
        pub arn_rol: Attr<String>,
        /// Those whose names contain this.
        pub nombre_contiene: Attr<String>,
        /// What was found.
        pub procesos: Attr<Vec<Attr<FoundModel>>>,
    }
}

/// The data source.
#[derive(Debug, Default)]
pub struct ProcesosDataSource;

impl DataSource for ProcesosDataSource {
    const NAME: &'static str = "kairos_procesos";
    type Model = ProcesosModel;
    type Configured = Configured;

    fn schema(&self) -> Schema {
        let filter = |text: &str| Attribute::string().optional().description(text);
        Schema::new(0)
            .description(
                "The registered processes of a stack, whoever registered them: those that pass all filters that are set, sorted \
                 by name.",
            )
            .attribute("stack", stack_attribute("Name of the stack."))
            .attribute("id_calendarizacion", filter("Processes on this schedule. Not together with `cron`."))
            .attribute(
                "cron",
                filter(
                    "Processes on the schedule of this expression, in whichever form it is written, and of the zone, window, start \
                     and end beside it. Not together with `id_calendarizacion`.",
                ),
            )
            .attribute("zona_horaria", filter("Zone of `cron`; `UTC` where it is left out."))
            .attribute(
                "ventana_flexible_minutos",
                Attribute::int().optional().description("Flexible window of the schedule of `cron`, in minutes, 1 to 1440; none where it is left out."),
            )
            .attribute("inicio", filter("Start (RFC 3339) of the schedule of `cron`; none where it is left out."))
            .attribute("fin", filter("End (RFC 3339) of the schedule of `cron`; none where it is left out."))
            .attribute(
                "habilitado",
                Attribute::bool().optional().description("`true`: processes that run; `false`: those that do not; both where it is left out."),
            )
            .attribute("arn_proceso", filter("Processes with this target."))
            .attribute("arn_rol", filter("Processes with this role."))
            .attribute("nombre_contiene", filter("Processes whose names contain this, in any case."))
            .attribute(
                "procesos",
                Attribute::nested_list(found::nested()).computed().description("The processes, sorted by name."),
            )
    }

    fn validate(&self, config: &ProcesosModel, diagnostics: &mut Diagnostics) {
        if !config.id_calendarizacion.is_null() && !config.cron.is_null() {
            diagnostics.error_at(
                Path::root("cron"),
                "The schedule is named twice",
                "Only one of \"id_calendarizacion\" and \"cron\" may be set.",
            );
        }
        let parts = [
            (Field::ZonaHoraria, config.zona_horaria.is_null()),
            (Field::VentanaFlexibleMinutos, config.ventana_flexible_minutos.is_null()),
            (Field::Inicio, config.inicio.is_null()),
            (Field::Fin, config.fin.is_null()),
        ];
        for (field, _) in parts.into_iter().filter(|(_, null)| config.cron.is_null() && !null) {
            let attribute = field.attribute();
            diagnostics.error_at(
                Path::root(attribute),
                format!("\"{attribute}\" says nothing without \"cron\""),
                "It is a part of the schedule that \"cron\" tells. Set \"cron\" as well, or leave it out.",
            );
        }
        settle(calendarizacion(config), diagnostics);
    }

    async fn read(
        &self,
        ctx: &Ctx<Configured>,
        config: ProcesosModel,
        diagnostics: &mut Diagnostics,
    ) -> Option<ProcesosModel> {
        settle(read(ctx.configured(), config).await, diagnostics)
    }
}

/// The schedule that the processes are to be on, as far as it is known.
fn calendarizacion(config: &ProcesosModel) -> Result<Option<IdCalendarizacion>, Diagnostics> {
    if let Some(id) = config.id_calendarizacion.as_str() {
        let parsed = id.parse::<IdCalendarizacion>().map_err(|error| {
            let mut diagnostics = Diagnostics::new();
            let path = Path::root("id_calendarizacion");
            diagnostics.error_at(path, "Invalid id_calendarizacion", sentence(&error));
            diagnostics
        });
        return parsed.map(Some);
    }
    let parts = [&config.zona_horaria, &config.inicio, &config.fin];
    if parts.iter().any(|part| part.is_unknown()) || config.ventana_flexible_minutos.is_unknown() {
        return Ok(None);
    }
    let window = config.ventana_flexible_minutos;
    let schedule = found::schedule(&config.cron, &config.zona_horaria, window, &config.inicio, &config.fin)?;
    Ok(schedule.as_ref().map(Schedule::id))
}

async fn read(configured: &Configured, config: ProcesosModel) -> Result<ProcesosModel, Diagnostics> {
    let listing = match calendarizacion(&config)? {
        Some(id) => Listing::On {
            id,
            habilitado: config.habilitado.known().copied(),
        },
        None => Listing::All,
    };
    let stack = found::open(configured, &config.stack).await?;
    let failed = |error: RegistryError| unread(&format!("the processes of \"{}\"", stack.names.app), &error);
    let mut found = all(&stack, &listing).await.map_err(failed)?;
    found.retain(|proceso| passes(&config, proceso));
    found.sort_by_cached_key(order);
    let shown = found::shown(&stack, &found).await.map_err(failed)?;
    Ok(ProcesosModel {
        procesos: Attr::Known(shown.into_iter().map(Attr::Known).collect()),
        ..config
    })
}

/// A listing from its first page to its last.
async fn all(stack: &InstalledStack, listing: &Listing) -> Result<Vec<Proceso>, RegistryError> {
    let (mut found, mut cursor) = (Vec::new(), None::<IdProceso>);
    loop {
        let page = stack.registry.procesos(listing, cursor.as_ref(), PAGE).await?;
        found.extend(page.items);
        cursor = page.next;
        if cursor.is_none() {
            return Ok(found);
        }
    }
}

/// Whether a process is what the filters ask for, the schedule aside.
fn passes(config: &ProcesosModel, held: &Proceso) -> bool {
    let is = |wanted: &Attr<String>, held: &str| wanted.as_str().is_none_or(|wanted| wanted == held);
    let part = config.nombre_contiene.as_str().unwrap_or_default().to_lowercase();
    config
        .habilitado
        .known()
        .is_none_or(|wanted| *wanted == held.habilitado)
        && is(&config.arn_proceso, &held.arn_proceso)
        && is(&config.arn_rol, &held.arn_rol)
        && held.nombre.to_lowercase().contains(&part)
}

/// By name as people sort, then by id, which no two share.
fn order(proceso: &Proceso) -> (String, IdProceso) {
    (proceso.nombre.to_lowercase(), proceso.id_proceso.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(config: &ProcesosModel, expected: &[&str]) {
        let mut diagnostics = Diagnostics::new();
        ProcesosDataSource.validate(config, &mut diagnostics);
        let told: Vec<String> = diagnostics.into_iter().map(|diagnostic| diagnostic.summary).collect();
        assert_eq!(told, expected);
    }

    #[test]
    fn a_schedule_is_told_once_and_whole() {
        let cron = ProcesosModel {
            cron: "0 3 * * ? *".into(),
            zona_horaria: "America/Santiago".into(),
            ..ProcesosModel::default()
        };
        check(&cron, &[]);
        check(
            &ProcesosModel {
                id_calendarizacion: "calendarizacion-a".into(),
                ..cron.clone()
            },
            &["The schedule is named twice"],
        );
        check(
            &ProcesosModel {
                cron: Attr::Null,
                ..cron.clone()
            },
            &["\"zona_horaria\" says nothing without \"cron\""],
        );
        check(
            &ProcesosModel {
                cron: "0 25 * * ? *".into(),
                ..cron.clone()
            },
            &["Invalid cron"],
        );
        check(
            &ProcesosModel {
                cron: Attr::Unknown,
                ..cron.clone()
            },
            &[],
        );
        check(
            &ProcesosModel {
                inicio: Attr::Unknown,
                ..cron
            },
            &[],
        );
        let wrong = ProcesosModel {
            id_calendarizacion: "otra".into(),
            ..ProcesosModel::default()
        };
        check(&wrong, &["Invalid id_calendarizacion"]);
    }
}
