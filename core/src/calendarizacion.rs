//! A calendarización: one schedule, shared by all processes that fire at the same instants.
//!
//! Invariant: the counters move in the transaction that adds, changes or removes a process, never apart from it.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::UserError;
use crate::ids::IdCalendarizacion;
use crate::instant::{Timestamp, rfc3339_millis, serde_millis};
use crate::names::Names;
use crate::run::UnknownState;
use crate::schedule::Schedule;

/// Where a calendarización stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(description = "En qué está una calendarización.")]
pub enum EstadoCalendarizacion {
    /// Its schedule is being created: no process can be added yet.
    #[schemars(description = "Su programación en AWS se está creando.")]
    #[default]
    Creando,
    /// Its schedule exists.
    #[schemars(description = "Su programación en AWS existe.")]
    Activa,
    /// Its schedule is being deleted: no process can be added any more.
    #[schemars(description = "Su programación en AWS se está eliminando.")]
    Eliminando,
}

impl EstadoCalendarizacion {
    /// The state as the table has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Creando => "Creando",
            Self::Activa => "Activa",
            Self::Eliminando => "Eliminando",
        }
    }
}

impl fmt::Display for EstadoCalendarizacion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for EstadoCalendarizacion {
    type Err = UnknownState;

    fn from_str(text: &str) -> Result<Self, UnknownState> {
        [Self::Creando, Self::Activa, Self::Eliminando]
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| UnknownState(text.to_owned()))
    }
}

/// Who alone may call Scheduler for a calendarización, and until when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Guardia {
    /// A random token of the operation that holds it.
    pub dueno: String,
    /// When it lapses.
    #[serde(with = "serde_millis")]
    pub hasta: Timestamp,
}

/// A calendarización, as its table keeps it. A row of the earlier system is read as one without expression that nobody
/// has counted yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Calendarizacion {
    /// Its id, and the schedule's name.
    pub id_calendarizacion: IdCalendarizacion,
    /// The canonical expression.
    #[serde(default)]
    pub expresion: String,
    /// The IANA zone.
    #[serde(default)]
    pub zona_horaria: String,
    /// The flexible window, in minutes.
    pub ventana_flexible_minutos: Option<u16>,
    /// The start.
    #[serde(default, with = "serde_millis::option")]
    pub inicio: Option<Timestamp>,
    /// The end.
    #[serde(default, with = "serde_millis::option")]
    pub fin: Option<Timestamp>,
    /// The schedule's group.
    #[serde(default)]
    pub grupo: String,
    /// The schedule's ARN.
    #[serde(default)]
    pub arn: String,
    /// How many processes are on it.
    #[serde(default)]
    pub cant_procesos: u64,
    /// How many of them are enabled.
    #[serde(default)]
    pub cant_habilitados: u64,
    /// Where it stands.
    #[serde(default)]
    pub estado: EstadoCalendarizacion,
    /// Grows with every write; 0 where the earlier system wrote it.
    #[serde(default)]
    pub version: u64,
    /// When it was created: a `rate` counts from here, unless it has a start.
    #[serde(default = "long_ago", with = "serde_millis")]
    pub fecha_creacion: Timestamp,
    /// Who is calling Scheduler for it right now.
    pub guardia: Option<Guardia>,
}

const fn long_ago() -> Timestamp {
    Timestamp::UNIX_EPOCH
}

impl Calendarizacion {
    /// The calendarización of a schedule, new at `now`, without processes.
    pub fn new(schedule: &Schedule, names: &Names, now: Timestamp) -> Self {
        let id = schedule.id();
        Self {
            expresion: schedule.expression.to_string(),
            zona_horaria: schedule.zone.name().to_owned(),
            ventana_flexible_minutos: schedule.window_minutes,
            inicio: schedule.start,
            fin: schedule.end,
            grupo: names.schedule_group(),
            arn: names.schedule_arn(id.as_str()),
            cant_procesos: 0,
            cant_habilitados: 0,
            estado: EstadoCalendarizacion::Creando,
            version: 1,
            fecha_creacion: now,
            guardia: None,
            id_calendarizacion: id,
        }
    }

    /// The schedule that it was made from; of a row of the earlier system, which does not say it, the expression of its
    /// id, in UTC.
    ///
    /// # Errors
    /// What cannot be read, in a row that another version or another system wrote.
    pub fn schedule(&self) -> Result<Schedule, Vec<UserError>> {
        let earlier = self
            .is_of_earlier_system()
            .then(|| self.id_calendarizacion.legacy_expression());
        Schedule::parse(
            earlier.flatten().as_ref().unwrap_or(&self.expresion),
            Some(self.zona_horaria.as_str()).filter(|zone| !zone.is_empty()),
            self.ventana_flexible_minutos.map(i64::from),
            self.inicio.map(rfc3339_millis).as_deref(),
            self.fin.map(rfc3339_millis).as_deref(),
        )
    }

    /// Whether the earlier system wrote it, and nobody since: it does not say when it fires.
    pub fn is_of_earlier_system(&self) -> bool {
        self.expresion.is_empty() && self.id_calendarizacion.legacy_expression().is_some()
    }

    /// Whether somebody other than `dueno` may be calling Scheduler for it at `now`.
    pub fn is_guarded_against(&self, dueno: &str, now: Timestamp) -> bool {
        self.guardia
            .as_ref()
            .is_some_and(|guardia| guardia.dueno != dueno && guardia.hasta > now)
    }
}
