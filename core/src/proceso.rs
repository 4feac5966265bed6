//! A process: what runs, with which role, on which calendarización.
//!
//! Invariant: `version` grows with every change, and every change is conditional on the version that it saw.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::{IdCalendarizacion, IdProceso};
use crate::instant::{Timestamp, serde_millis};
use crate::parameters::json_equal;
use crate::schedule::Schedule;

/// How a Lambda target is invoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(
    rename = "ModoInvocacion",
    description = "Cómo se invoca a un destino que es una función Lambda."
)]
pub enum InvocationMode {
    /// Handed over, not waited for.
    #[schemars(description = "Se entrega y no se espera.")]
    #[default]
    Event,
    /// Waited for; an error of the function is an error of the run.
    #[schemars(description = "Se espera; un error de la función es un error de la ejecución.")]
    RequestResponse,
}

impl InvocationMode {
    /// The mode as users write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Event => "Event",
            Self::RequestResponse => "RequestResponse",
        }
    }
}

impl fmt::Display for InvocationMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that is no mode of invocation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is neither \"Event\" nor \"RequestResponse\"")]
pub struct UnknownMode(pub String);

impl FromStr for InvocationMode {
    type Err = UnknownMode;

    fn from_str(text: &str) -> Result<Self, UnknownMode> {
        [Self::Event, Self::RequestResponse]
            .into_iter()
            .find(|mode| mode.as_str() == text)
            .ok_or_else(|| UnknownMode(text.to_owned()))
    }
}

/// How often a failed run is tried again where the user does not say.
pub const DEFAULT_REINTENTOS: u8 = 3;

/// What a user wants of a process, checked: see [`crate::validation::define`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    /// Its name, as the user spells it.
    pub nombre: String,
    /// When it runs.
    pub schedule: Schedule,
    /// The role that the executor assumes to start it.
    pub arn_rol: String,
    /// The target.
    pub arn_proceso: String,
    /// What the target receives.
    pub parametros: Option<String>,
    /// Whether it runs.
    pub habilitado: bool,
    /// How often a failed run is tried again, 0 to 10.
    pub reintentos: u8,
    /// How a Lambda target is invoked.
    pub modo_invocacion: InvocationMode,
    /// How long a synchronous Lambda target is waited for, in seconds.
    pub tiempo_maximo_segundos: Option<u32>,
}

impl Definition {
    /// The process that this defines, new at `now`.
    pub fn create(&self, now: Timestamp) -> Proceso {
        Proceso {
            id_proceso: IdProceso::of(&self.nombre),
            nombre: self.nombre.clone(),
            arn_rol: self.arn_rol.clone(),
            arn_proceso: self.arn_proceso.clone(),
            parametros: self.parametros.clone(),
            habilitado: self.habilitado,
            reintentos: self.reintentos,
            modo_invocacion: self.modo_invocacion,
            tiempo_maximo_segundos: self.tiempo_maximo_segundos,
            id_calendarizacion: self.schedule.id(),
            fecha_asignacion: now,
            fecha_creacion: now,
            fecha_actualizacion: now,
            version: 1,
        }
    }

    /// The process as it is after a change to this definition at `now`.
    pub fn change(&self, held: &Proceso, now: Timestamp) -> Proceso {
        let fresh = self.create(now);
        let moved = fresh.id_calendarizacion != held.id_calendarizacion;
        Proceso {
            id_proceso: held.id_proceso.clone(),
            fecha_asignacion: if moved { now } else { held.fecha_asignacion },
            fecha_creacion: held.fecha_creacion,
            version: held.version + 1,
            ..fresh
        }
    }
}

/// A process, as the table of processes keeps it. What the earlier system did not know has its default when it is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Proceso {
    /// Its id, made from its name.
    pub id_proceso: IdProceso,
    /// Its name, as the user spells it.
    pub nombre: String,
    /// The role that the executor assumes to start it.
    pub arn_rol: String,
    /// The target.
    pub arn_proceso: String,
    /// What the target receives.
    pub parametros: Option<String>,
    /// Whether it runs.
    #[serde(default = "yes")]
    pub habilitado: bool,
    /// How often a failed run is tried again: attempts = `reintentos` + 1.
    #[serde(default = "default_reintentos")]
    pub reintentos: u8,
    /// How a Lambda target is invoked.
    #[serde(default)]
    pub modo_invocacion: InvocationMode,
    /// How long a synchronous Lambda target is waited for, in seconds.
    pub tiempo_maximo_segundos: Option<u32>,
    /// The calendarización on which it runs.
    pub id_calendarizacion: IdCalendarizacion,
    /// Since when it is on it: it takes no part in firings due before.
    #[serde(default = "long_ago", with = "serde_millis")]
    pub fecha_asignacion: Timestamp,
    /// When it was registered.
    #[serde(default = "long_ago", with = "serde_millis")]
    pub fecha_creacion: Timestamp,
    /// When it was last changed.
    #[serde(default = "long_ago", with = "serde_millis")]
    pub fecha_actualizacion: Timestamp,
    /// Grows with every change; 0 where the earlier system wrote it.
    #[serde(default)]
    pub version: u64,
}

const fn yes() -> bool {
    true
}

const fn default_reintentos() -> u8 {
    DEFAULT_REINTENTOS
}

const fn long_ago() -> Timestamp {
    Timestamp::UNIX_EPOCH
}

impl Proceso {
    /// What it is defined by, on the schedule of its calendarización.
    pub fn definition(&self, schedule: Schedule) -> Definition {
        Definition {
            nombre: self.nombre.clone(),
            schedule,
            arn_rol: self.arn_rol.clone(),
            arn_proceso: self.arn_proceso.clone(),
            parametros: self.parametros.clone(),
            habilitado: self.habilitado,
            reintentos: self.reintentos,
            modo_invocacion: self.modo_invocacion,
            tiempo_maximo_segundos: self.tiempo_maximo_segundos,
        }
    }

    /// Whether it is what `definition` defines; payloads are compared as JSON, names by the id that they make.
    pub fn is(&self, definition: &Definition) -> bool {
        let fresh = definition.create(self.fecha_creacion);
        let same_name = self.nombre == fresh.nombre || IdProceso::of(&self.nombre) == fresh.id_proceso;
        same_name
            && json_equal(self.parametros.as_deref(), fresh.parametros.as_deref())
            && *self
                == Self {
                    id_proceso: self.id_proceso.clone(),
                    nombre: self.nombre.clone(),
                    parametros: self.parametros.clone(),
                    fecha_asignacion: self.fecha_asignacion,
                    fecha_actualizacion: self.fecha_actualizacion,
                    version: self.version,
                    ..fresh
                }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use serde_json::json;

    #[test]
    fn a_row_of_the_earlier_system_is_read_with_defaults() {
        let row = json!({
            "IdProceso": "proceso-Q0lFUlJF",
            "Nombre": "Cierre",
            "ArnRol": "arn:aws:iam::123456789012:role/demo",
            "ArnProceso": "arn:aws:lambda:sa-east-1:123456789012:function:cierre",
            "IdCalendarizacion": "calendarizacion-MCAzICogKiA_ICo.",
            "Otro": "of theirs"
        });
        let held: Proceso = serde_json::from_value(row).unwrap();
        assert!(held.habilitado);
        assert_eq!((held.reintentos, held.version), (DEFAULT_REINTENTOS, 0));
        assert_eq!(held.fecha_asignacion, Timestamp::UNIX_EPOCH);
        assert_eq!(held.parametros, None);
    }

    #[test]
    fn modes_are_read_as_they_are_written() {
        for mode in [InvocationMode::Event, InvocationMode::RequestResponse] {
            assert_eq!(mode.to_string().parse::<InvocationMode>().unwrap(), mode);
            assert_eq!(serde_json::to_value(mode).unwrap(), json!(mode.as_str()));
        }
        assert!("event".parse::<InvocationMode>().is_err());
    }
}
