//! What the API tells of a process.

use kairos::ids::{IdCalendarizacion, IdProceso};
use kairos::instant::{Timestamp, serde_millis};
use kairos::proceso::{InvocationMode, Proceso};
use kairos::registry::Entry;
use serde::Serialize;

/// A process, in the keys that its registration answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Registrado {
    id_proceso: IdProceso,
    id_calendarizacion: IdCalendarizacion,
    nombre: String,
    arn_rol: String,
    arn_proceso: String,
    parametros: Option<String>,
    habilitado: bool,
    #[serde(with = "serde_millis")]
    fecha_creacion: Timestamp,
}

/// A process with all that is known of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Detalle {
    #[serde(flatten)]
    registrado: Registrado,
    reintentos: u8,
    modo_invocacion: InvocationMode,
    tiempo_maximo_segundos: Option<u32>,
    #[serde(with = "serde_millis")]
    fecha_asignacion: Timestamp,
    #[serde(with = "serde_millis")]
    fecha_actualizacion: Timestamp,
    version: u64,
    /// None only where somebody deleted the calendarización's row by hand.
    #[serde(flatten)]
    calendario: Option<Calendario>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Calendario {
    cron: String,
    zona_horaria: String,
    ventana_flexible_minutos: Option<u16>,
    #[serde(with = "serde_millis::option")]
    inicio: Option<Timestamp>,
    #[serde(with = "serde_millis::option")]
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

impl From<Entry> for Detalle {
    fn from(
        Entry {
            proceso,
            calendarizacion,
        }: Entry,
    ) -> Self {
        Self {
            reintentos: proceso.reintentos,
            modo_invocacion: proceso.modo_invocacion,
            tiempo_maximo_segundos: proceso.tiempo_maximo_segundos,
            fecha_asignacion: proceso.fecha_asignacion,
            fecha_actualizacion: proceso.fecha_actualizacion,
            version: proceso.version,
            registrado: proceso.into(),
            calendario: calendarizacion.map(|row| Calendario {
                cron: row.expresion,
                zona_horaria: row.zona_horaria,
                ventana_flexible_minutos: row.ventana_flexible_minutos,
                inicio: row.inicio,
                fin: row.fin,
            }),
        }
    }
}
