//! A run: one process at one scheduled time, from the message to its result.
//!
//! Invariant: a run has one id for ever, and `EjecutadoOk` and `Omitido` are final.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::{IdCalendarizacion, IdEjecucion, IdProceso};
use crate::instant::{Date, Timestamp, day, serde_millis};

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(description = "En qué está una ejecución.")]
pub enum EstadoEjecucion {
    /// Recorded before its message was sent (runs that were asked for).
    #[schemars(description = "Anotada antes de enviar su mensaje.")]
    Pendiente,
    /// Claimed by an executor, until its lease ends.
    #[schemars(description = "Un ejecutor la tomó.")]
    EnEjecucion,
    /// The target accepted it. For asynchronous targets no more than that.
    #[schemars(description = "El destino la aceptó; de un destino asíncrono no dice más que eso.")]
    EjecutadoOk,
    /// The last attempt failed.
    #[schemars(description = "Falló el último intento.")]
    ErrorAlEjecutar,
    /// The process was deleted or disabled before the run began.
    #[schemars(description = "El proceso fue eliminado o deshabilitado antes de que empezara.")]
    Omitido,
}

impl EstadoEjecucion {
    /// All states.
    pub const ALL: [Self; 5] = [
        Self::Pendiente,
        Self::EnEjecucion,
        Self::EjecutadoOk,
        Self::ErrorAlEjecutar,
        Self::Omitido,
    ];

    /// The state as the table has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pendiente => "Pendiente",
            Self::EnEjecucion => "EnEjecucion",
            Self::EjecutadoOk => "EjecutadoOk",
            Self::ErrorAlEjecutar => "ErrorAlEjecutar",
            Self::Omitido => "Omitido",
        }
    }

    /// Whether nothing will ever be done for the run again.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::EjecutadoOk | Self::Omitido)
    }
}

impl fmt::Display for EstadoEjecucion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for EstadoEjecucion {
    type Err = UnknownState;

    fn from_str(text: &str) -> Result<Self, UnknownState> {
        Self::ALL
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| UnknownState(text.to_owned()))
    }
}

/// A text that is no state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a state that this version knows")]
pub struct UnknownState(pub String);

/// A run, as the table of runs keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Ejecucion {
    /// Its id.
    pub id_ejecucion: IdEjecucion,
    /// The process.
    pub id_proceso: IdProceso,
    /// The calendarización that fired, or that the process had when the run was asked for.
    pub id_calendarizacion: IdCalendarizacion,
    /// When it was due, or when it was asked for.
    #[serde(with = "serde_millis")]
    pub fecha_programada: Timestamp,
    /// Where it stands.
    pub estado: EstadoEjecucion,
    /// How many attempts have begun.
    pub intentos: u32,
    /// Until when the attempt under way may take; where it has failed, until when the next one waits.
    #[serde(default, with = "serde_millis::option", skip_serializing_if = "Option::is_none")]
    pub arrendado_hasta: Option<Timestamp>,
    /// Which invocation claimed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dueno: Option<String>,
    /// When the last attempt began.
    #[serde(default, with = "serde_millis::option", skip_serializing_if = "Option::is_none")]
    pub fecha_inicio: Option<Timestamp>,
    /// When it ended.
    #[serde(default, with = "serde_millis::option", skip_serializing_if = "Option::is_none")]
    pub fecha_termino: Option<Timestamp>,
    /// How long the last attempt's call to the target took, in milliseconds; none where it was not called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duracion_ms: Option<u64>,
    /// The target's answer, shortened where it is long: its id, and of one that was waited for what it said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub respuesta: Option<String>,
    /// Why the last attempt failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// When DynamoDB may forget it, in seconds since 1970.
    #[serde(rename = "TTL")]
    pub ttl: i64,
}

impl Ejecucion {
    /// The key of the run in the index by state and day.
    pub fn estado_dia(&self) -> String {
        estado_dia(self.estado, self.fecha_programada, self.id_ejecucion)
    }

    /// Whether an executor may claim it at `now`: it is pending, the attempt under way has lost its lease, or the last one
    /// failed and the pause before the next is over.
    pub fn is_claimable(&self, now: Timestamp) -> bool {
        match self.estado {
            EstadoEjecucion::Pendiente => true,
            EstadoEjecucion::EnEjecucion | EstadoEjecucion::ErrorAlEjecutar => {
                self.arrendado_hasta.is_none_or(|until| until <= now)
            }
            EstadoEjecucion::EjecutadoOk | EstadoEjecucion::Omitido => false,
        }
    }
}

/// `{Estado}#{yyyy-mm-dd}#{0–7 from the id}`, the day in UTC.
pub fn estado_dia(estado: EstadoEjecucion, fecha_programada: Timestamp, id: IdEjecucion) -> String {
    let dia = day(fecha_programada);
    EstadoDia { estado, dia }.key(id.shard())
}

/// The runs of a day (in UTC, by the time at which they are due) that are in a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EstadoDia {
    /// The state.
    pub estado: EstadoEjecucion,
    /// The day.
    pub dia: Date,
}

impl EstadoDia {
    /// Where a run belongs.
    pub fn of(run: &Ejecucion) -> Self {
        Self {
            estado: run.estado,
            dia: day(run.fecha_programada),
        }
    }

    /// The key of one of its parts in the index by state and day.
    pub fn key(self, shard: u8) -> String {
        let Self { estado, dia } = self;
        format!("{estado}#{dia}#{shard}")
    }
}

impl fmt::Display for EstadoDia {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.estado, self.dia)
    }
}

/// When a run of `fecha_programada` may be forgotten, in seconds since 1970, for a history of so many days.
pub fn ttl(fecha_programada: Timestamp, history_days: u32) -> i64 {
    fecha_programada
        .as_second()
        .saturating_add(i64::from(history_days) * 86_400)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use serde_json::json;

    fn run(estado: EstadoEjecucion) -> Ejecucion {
        serde_json::from_value(json!({
            "IdEjecucion": "00000000-0000-5000-8000-00000000000d",
            "IdProceso": "proceso-a",
            "IdCalendarizacion": "calendarizacion-a",
            "FechaProgramada": "2026-01-02T23:59:00.000Z",
            "Estado": estado,
            "Intentos": 1,
            "ArrendadoHasta": "2026-01-03T00:01:00.000Z",
            "TTL": 1,
            "Nuevo": "a later version's"
        }))
        .unwrap()
    }

    #[test]
    fn the_index_key_is_state_day_and_shard() {
        assert_eq!(
            run(EstadoEjecucion::EjecutadoOk).estado_dia(),
            "EjecutadoOk#2026-01-02#5"
        );
    }

    #[test]
    fn a_run_can_be_claimed_unless_it_is_final_or_leased() {
        let before = "2026-01-03T00:00:00Z".parse().unwrap();
        let at_its_end = "2026-01-03T00:01:00Z".parse().unwrap();
        let after = "2026-01-03T00:02:00Z".parse().unwrap();
        let claimable = |state, now| run(state).is_claimable(now);
        assert!(claimable(EstadoEjecucion::Pendiente, before));
        for leased in [EstadoEjecucion::EnEjecucion, EstadoEjecucion::ErrorAlEjecutar] {
            assert!(!claimable(leased, before));
            assert!(claimable(leased, at_its_end));
            assert!(claimable(leased, after));
        }
        let given_up = Ejecucion {
            arrendado_hasta: None,
            ..run(EstadoEjecucion::ErrorAlEjecutar)
        };
        assert!(given_up.is_claimable(before));
        assert!(!claimable(EstadoEjecucion::EjecutadoOk, after));
        assert!(!claimable(EstadoEjecucion::Omitido, after));
    }

    #[test]
    fn states_are_read_as_they_are_written() {
        for state in EstadoEjecucion::ALL {
            assert_eq!(state.to_string().parse::<EstadoEjecucion>().unwrap(), state);
            assert_eq!(serde_json::to_value(state).unwrap(), json!(state.as_str()));
        }
        assert!("Perdido".parse::<EstadoEjecucion>().is_err());
    }

    #[test]
    fn a_run_is_forgotten_after_its_days() {
        assert_eq!(ttl(Timestamp::UNIX_EPOCH, 90), 90 * 86_400);
    }
}
