//! Why the registry did not do what it was asked.

use crate::error::UserError;
use crate::ids::{IdCalendarizacion, IdProceso};
use crate::proceso::Proceso;

use super::ports::PortError;

/// Why the registry did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The user's values cannot be taken.
    #[error("the process cannot be taken: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Users(Vec<UserError>),
    /// The name belongs to a process with another definition.
    #[error("a process named \"{}\" exists already, with the id \"{}\"", .existing.nombre, .existing.id_proceso)]
    NameTaken {
        /// That process.
        existing: Box<Proceso>,
    },
    /// There is no such process.
    #[error("there is no process \"{id}\"")]
    NotFound {
        /// The id that was asked for.
        id: IdProceso,
    },
    /// The process is not what its caller expects it to be: somebody else changed it before.
    #[error("the process \"{}\" is not the expected one: somebody else changed it", .held.id_proceso)]
    Unexpected {
        /// The process as it is.
        held: Box<Proceso>,
    },
    /// Somebody else is changing the same, and did not finish while we waited.
    #[error("\"{object}\" is being changed by another caller: try again")]
    Conflict {
        /// The process or calendarización.
        object: String,
    },
    /// A calendarización that has processes, but whose row is gone: only a change of one of them brings it back.
    #[error("the row of \"{id}\" is missing although {procesos} processes are on it: apply one of them again")]
    Lost {
        /// The calendarización.
        id: IdCalendarizacion,
        /// How many processes are on it.
        procesos: u64,
    },
    /// AWS, or what stands for it, failed.
    #[error("{doing}: {error}")]
    Port {
        /// What was being done, to what.
        doing: String,
        /// What failed.
        error: PortError,
    },
}

impl From<UserError> for RegistryError {
    fn from(error: UserError) -> Self {
        Self::Users(vec![error])
    }
}

/// Says of a port's failure what was being done.
pub(super) trait While<T> {
    /// Names what was being done, and to what.
    fn doing(self, doing: &str, object: impl std::fmt::Display) -> Result<T, RegistryError>;
}

impl<T> While<T> for Result<T, PortError> {
    fn doing(self, doing: &str, object: impl std::fmt::Display) -> Result<T, RegistryError> {
        self.map_err(|error| RegistryError::Port {
            doing: format!("{doing} \"{object}\""),
            error,
        })
    }
}
