//! A process: what runs, with which role, on which calendarización.
//!
//! Invariant: `version` grows with every change, and every change is conditional on the version that it saw.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ids::{IdCalendarizacion, IdProceso};
use crate::instant::{Timestamp, serde_millis};

/// How a Lambda target is invoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum InvocationMode {
    /// Handed over, not waited for.
    #[default]
    Event,
    /// Waited for; an error of the function is an error of the run.
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

/// A process, as the table of processes keeps it.
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
    pub habilitado: bool,
    /// How often a failed run is tried again: attempts = `reintentos` + 1.
    pub reintentos: u8,
    /// How a Lambda target is invoked.
    pub modo_invocacion: InvocationMode,
    /// How long a synchronous Lambda target is waited for, in seconds.
    pub tiempo_maximo_segundos: Option<u32>,
    /// The calendarización on which it runs.
    pub id_calendarizacion: IdCalendarizacion,
    /// Since when it is on it: it takes no part in firings due before.
    #[serde(with = "serde_millis")]
    pub fecha_asignacion: Timestamp,
    /// When it was registered.
    #[serde(with = "serde_millis")]
    pub fecha_creacion: Timestamp,
    /// When it was last changed.
    #[serde(with = "serde_millis")]
    pub fecha_actualizacion: Timestamp,
    /// Grows with every change; 0 where the earlier system wrote it.
    pub version: u64,
}
