//! What the API tells of a process.

use kairos::ids::{IdCalendarizacion, IdEjecucion, IdProceso};
use kairos::instant::{Timestamp, serde_millis};
use kairos::json_schema::Instante;
use kairos::proceso::{InvocationMode, Proceso};
use kairos::registry::Entry;
use kairos::schedule::Schedule;
use schemars::JsonSchema;
use serde::Serialize;

/// What the API tells of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
#[schemars(description = "La API responde.")]
pub(crate) struct Salud {
    #[schemars(with = "String", extend("const" = "ok"), description = "Siempre `ok`.")]
    estado: &'static str,
    #[schemars(description = "El nombre de la instalación.")]
    stack: String,
    #[schemars(description = "La versión de Kairos.")]
    version: &'static str,
}

impl Salud {
    /// That an installation's API answers.
    pub(crate) fn of(stack: &str) -> Self {
        Self {
            estado: "ok",
            stack: stack.to_owned(),
            version: env!("CARGO_PKG_VERSION"),
        }
    }
}

/// A process, in the keys that its registration answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
#[schemars(
    rename = "ProcesoRegistrado",
    description = "Un proceso, como lo responde su registro."
)]
pub(crate) struct Registrado {
    id_proceso: IdProceso,
    id_calendarizacion: IdCalendarizacion,
    #[schemars(description = "Su nombre, como lo escribió su usuario.")]
    nombre: String,
    #[schemars(description = "El rol con el que se ejecuta.")]
    arn_rol: String,
    #[schemars(description = "El destino.")]
    arn_proceso: String,
    #[schemars(description = "Lo que recibe el destino.")]
    parametros: Option<String>,
    #[schemars(description = "Si se ejecuta.")]
    habilitado: bool,
    #[serde(with = "serde_millis")]
    #[schemars(with = "Instante", description = "Cuándo se registró.")]
    fecha_creacion: Timestamp,
}

/// A process with all that is known of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
#[schemars(rename = "Proceso", description = "Un proceso, con todo lo que se sabe de él.")]
pub(crate) struct Detalle {
    #[serde(flatten)]
    registrado: Registrado,
    #[schemars(description = "Cuántas veces se reintenta una ejecución fallida.")]
    reintentos: u8,
    modo_invocacion: InvocationMode,
    #[schemars(description = "Cuántos segundos se espera a una función Lambda.")]
    tiempo_maximo_segundos: Option<u32>,
    #[serde(with = "serde_millis")]
    #[schemars(with = "Instante", description = "Desde cuándo está en su calendarización.")]
    fecha_asignacion: Timestamp,
    #[serde(with = "serde_millis")]
    #[schemars(with = "Instante", description = "Cuándo cambió por última vez.")]
    fecha_actualizacion: Timestamp,
    #[schemars(description = "Crece con cada cambio.")]
    version: u64,
    /// None only where somebody deleted the calendarización's row by hand.
    #[serde(flatten)]
    calendario: Option<Calendario>,
}

/// A run that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
#[schemars(description = "Una ejecución pedida, que partirá en seguida.")]
pub(crate) struct Pedida {
    pub(crate) id_ejecucion: IdEjecucion,
}

/// A firing that is dispatched once more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
#[schemars(description = "Una ocurrencia que se vuelve a despachar: sus ejecuciones conservan sus ids.")]
pub(crate) struct Repetida {
    pub(crate) id_calendarizacion: IdCalendarizacion,
    #[serde(with = "serde_millis")]
    #[schemars(with = "Instante")]
    pub(crate) fecha_programada: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
struct Calendario {
    #[schemars(description = "La expresión, en su forma canónica.")]
    cron: String,
    #[schemars(description = "Su zona horaria IANA.")]
    zona_horaria: String,
    #[schemars(description = "Dentro de cuántos minutos puede ejecutarse.")]
    ventana_flexible_minutos: Option<u16>,
    #[serde(with = "serde_millis::option")]
    #[schemars(with = "Option<Instante>", description = "Desde cuándo.")]
    inicio: Option<Timestamp>,
    #[serde(with = "serde_millis::option")]
    #[schemars(with = "Option<Instante>", description = "Hasta cuándo.")]
    fin: Option<Timestamp>,
}

impl From<Proceso> for Registrado {
    fn from(proceso: Proceso) -> Self {
        Self {
            id_proceso: proceso.id_proceso,
            id_calendarizacion: proceso.id_calendarizacion,
            nombre: proceso.nombre,
            arn_rol: proceso.arn_rol,
            arn_proceso: proceso.arn_proceso,
            parametros: proceso.parametros,
            habilitado: proceso.habilitado,
            fecha_creacion: proceso.fecha_creacion,
        }
    }
}

impl Detalle {
    /// A process that was just put on this schedule.
    pub(crate) fn on(proceso: Proceso, schedule: &Schedule) -> Self {
        let calendario = Calendario {
            cron: schedule.expression.to_string(),
            zona_horaria: schedule.zone.name().to_owned(),
            ventana_flexible_minutos: schedule.window_minutes,
            inicio: schedule.start,
            fin: schedule.end,
        };
        Self::new(proceso, Some(calendario))
    }

    fn new(proceso: Proceso, calendario: Option<Calendario>) -> Self {
        Self {
            reintentos: proceso.reintentos,
            modo_invocacion: proceso.modo_invocacion,
            tiempo_maximo_segundos: proceso.tiempo_maximo_segundos,
            fecha_asignacion: proceso.fecha_asignacion,
            fecha_actualizacion: proceso.fecha_actualizacion,
            version: proceso.version,
            registrado: proceso.into(),
            calendario,
        }
    }
}

impl From<Entry> for Detalle {
    fn from(entry: Entry) -> Self {
        let calendario = entry.calendarizacion.map(|row| Calendario {
            cron: row.expresion,
            zona_horaria: row.zona_horaria,
            ventana_flexible_minutos: row.ventana_flexible_minutos,
            inicio: row.inicio,
            fin: row.fin,
        });
        Self::new(entry.proceso, calendario)
    }
}
