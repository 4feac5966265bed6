//! Processes of an installed stack, as the data sources show them.
//!
//! Invariant: values are shown as they are held: expression and zone in their canonical form, times in UTC.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt, stream};
use kairos::calendarizacion::Calendarizacion;
use kairos::ids::IdCalendarizacion;
use kairos::instant::rfc3339_millis;
use kairos::proceso::Proceso;
use kairos::registry::RegistryError;
use kairos::schedule::Schedule;
use tfplugin::{Attr, Attribute, Diagnostics, Nested, model};

use super::installation::{about_stack, connection, missing};
use super::wrong;
use crate::configuration::Configured;
use crate::proceso::stacks::InstalledStack;
use crate::sentence::sentence;

/// How many schedules are read at once; those that are asked for at the same time come in one answer.
const AT_ONCE: usize = 100;

model! {
    /// A process.
    pub struct FoundModel {
        /// Its id.
        pub id: Attr<String>,
        /// Its name.
        pub nombre: Attr<String>,
        /// The schedule expression, in its canonical form.
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

/// What is shown of a process beside its id and its name.
pub(super) fn attributes() -> Vec<(&'static str, Attribute)> {
    let text = |text: &str| Attribute::string().computed().description(text);
    let number = |text: &str| Attribute::int().computed().description(text);
    vec![
        (
            "cron",
            text(
                "Schedule expression, in its canonical form. Null where the row of its schedule was deleted by hand, as are zone, \
                 window, start and end.",
            ),
        ),
        ("zona_horaria", text("IANA time zone of the expression.")),
        (
            "ventana_flexible_minutos",
            number("Minutes within which a firing may be spread; null where it is exact."),
        ),
        (
            "inicio",
            text("Instant (RFC 3339) before which it does not fire; null without one."),
        ),
        (
            "fin",
            text("Instant (RFC 3339) after which it does not fire; null without one."),
        ),
        ("arn_rol", text("ARN of the role that the executor assumes.")),
        ("arn_proceso", text("ARN of the target.")),
        (
            "parametros",
            text("What the target receives, before placeholders are replaced."),
        ),
        (
            "habilitado",
            Attribute::bool().computed().description("Whether it runs."),
        ),
        ("reintentos", number("How often a failed run is tried again.")),
        (
            "modo_invocacion",
            text("How a Lambda target is invoked: `Event` or `RequestResponse`."),
        ),
        (
            "tiempo_maximo_segundos",
            number(
                "How long a `RequestResponse` invocation is waited for, in seconds; null for as long as the executor has.",
            ),
        ),
        (
            "id_calendarizacion",
            text("Id of its schedule, which it may share with other processes."),
        ),
        ("fecha_creacion", text("When it was registered (RFC 3339).")),
        ("fecha_actualizacion", text("When it was last changed (RFC 3339).")),
    ]
}

/// The attributes of a process in a list.
pub(super) fn nested() -> Nested {
    let text = |text: &str| Attribute::string().computed().description(text);
    let nested = Nested::new()
        .attribute("id", text("The process's id."))
        .attribute("nombre", text("Its name."));
    attributes()
        .into_iter()
        .fold(nested, |nested, (name, attribute)| nested.attribute(name, attribute))
}

/// The stack that a data source names.
pub(super) async fn open(configured: &Configured, stack: &Attr<String>) -> Result<Arc<InstalledStack>, Diagnostics> {
    let name = stack.as_str().unwrap_or_default();
    let connection = connection(configured)?;
    let found = configured.stacks.installed_now(connection, name).await;
    let found = found.map_err(|error| about_stack("Cannot read the stack", sentence(&error)))?;
    found.ok_or_else(|| missing(connection, name, configured.stacks.planned(name).is_some()))
}

/// Processes as they are shown, each with its schedule.
///
/// # Errors
/// A schedule cannot be read.
pub(super) async fn shown(stack: &InstalledStack, found: &[Proceso]) -> Result<Vec<FoundModel>, RegistryError> {
    let wanted: BTreeSet<&IdCalendarizacion> = found.iter().map(|proceso| &proceso.id_calendarizacion).collect();
    let read = |id: &IdCalendarizacion| {
        let id = id.clone();
        async move { Ok::<_, RegistryError>((stack.registry.calendarizacion(&id).await?, id)) }
    };
    let rows: Vec<_> = stream::iter(wanted.into_iter().map(read))
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await?;
    let mut schedules: BTreeMap<IdCalendarizacion, Schedule> = BTreeMap::new();
    for (row, id) in rows {
        if let Some(schedule) = row
            .as_ref()
            .map(Calendarizacion::schedule)
            .transpose()
            .map_err(RegistryError::Users)?
        {
            schedules.insert(id, schedule);
        }
    }
    Ok(found
        .iter()
        .map(|proceso| one(proceso, schedules.get(&proceso.id_calendarizacion)))
        .collect())
}

/// A schedule as a user writes it, where it is told by `cron`.
pub(super) fn schedule(
    cron: &Attr<String>,
    zone: &Attr<String>,
    window: Attr<i64>,
    start: &Attr<String>,
    end: &Attr<String>,
) -> Result<Option<Schedule>, Diagnostics> {
    let Some(cron) = cron.as_str() else { return Ok(None) };
    let parsed = Schedule::parse(cron, zone.as_str(), window.into_known(), start.as_str(), end.as_str());
    parsed.map(Some).map_err(|errors| wrong(&errors))
}

fn one(held: &Proceso, schedule: Option<&Schedule>) -> FoundModel {
    FoundModel {
        id: held.id_proceso.as_str().into(),
        nombre: held.nombre.as_str().into(),
        cron: schedule.map(|schedule| schedule.expression.to_string()).into(),
        zona_horaria: schedule.map(|schedule| schedule.zone.name().to_owned()).into(),
        ventana_flexible_minutos: schedule
            .and_then(|schedule| schedule.window_minutes)
            .map(i64::from)
            .into(),
        inicio: schedule.and_then(|schedule| schedule.start).map(rfc3339_millis).into(),
        fin: schedule.and_then(|schedule| schedule.end).map(rfc3339_millis).into(),
        arn_rol: held.arn_rol.as_str().into(),
        arn_proceso: held.arn_proceso.as_str().into(),
        parametros: held.parametros.clone().into(),
        habilitado: held.habilitado.into(),
        reintentos: i64::from(held.reintentos).into(),
        modo_invocacion: held.modo_invocacion.as_str().into(),
        tiempo_maximo_segundos: held.tiempo_maximo_segundos.map(i64::from).into(),
        id_calendarizacion: held.id_calendarizacion.as_str().into(),
        fecha_creacion: rfc3339_millis(held.fecha_creacion).into(),
        fecha_actualizacion: rfc3339_millis(held.fecha_actualizacion).into(),
    }
}
