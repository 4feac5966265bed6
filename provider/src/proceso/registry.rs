//! The registry of one installed stack, as `kairos_proceso` uses it.

use std::sync::Arc;

use futures_util::future::try_join;
use kairos::ids::{IdCalendarizacion, IdProceso};
use kairos::proceso::{Definition, Proceso};
use kairos::registry::{Entry, Registration, RegistryError};
use kairos::schedule::Schedule;
use kairos::validation::Limits;
use kairos_aws::AwsError;
use tfplugin::{Diagnostics, Path};

use super::resource::missing;
use super::stacks::InstalledStack;
use super::watch::Seen;
use crate::configuration::{Configured, Connection};
use crate::sentence::sentence;

/// An installed stack and its registry.
#[derive(Debug)]
pub(super) struct Registered {
    stack: Arc<InstalledStack>,
}

impl Registered {
    /// The stack `name`, which must be there.
    pub(super) async fn open(configured: &Configured, name: &str) -> Result<Self, Diagnostics> {
        let connection = connection(configured)?;
        if let Some(found) = Self::find(configured, name).await? {
            return match &found.stack.missing {
                None => Ok(found),
                Some(parameter) => Err(incomplete(name, parameter)),
            };
        }
        let then = "Create it first, as a kairos_stack; in the same configuration, write stack = \
                    kairos_stack.<name>.name, so that terraform knows the order.";
        let mut diagnostics = Diagnostics::new();
        diagnostics.error_at(Path::root("stack"), "No such stack", missing(connection, name, then));
        Err(diagnostics)
    }

    /// The stack `name`, where it is there.
    pub(super) async fn find(configured: &Configured, name: &str) -> Result<Option<Self>, Diagnostics> {
        let connection = connection(configured)?;
        let found = configured
            .stacks
            .installed_now(connection, name)
            .await
            .map_err(|error| {
                let mut diagnostics = Diagnostics::new();
                diagnostics.error_at(Path::root("stack"), "Cannot read the stack", sentence(&error));
                diagnostics
            })?;
        Ok(found.map(|stack| Self { stack }))
    }

    /// The stack's name.
    pub(super) fn name(&self) -> &str {
        &self.stack.names.app
    }

    /// What a process of the stack is checked against, which `waits` for its target so long or not.
    pub(super) async fn limits(&self, configured: &Configured, waits: bool) -> Result<Limits, Diagnostics> {
        let executor_timeout = if waits {
            let timeout = configured.stacks.executor_timeout(&self.stack).await;
            timeout.map_err(|error| unread_executor(&error))?
        } else {
            None
        };
        Ok(Limits {
            names: Some(self.stack.names.clone()),
            role_prefix: self.stack.role_prefix.clone(),
            executor_timeout,
        })
    }

    /// Registers a process that must be new: one that terraform does not know of is never taken over silently.
    pub(super) async fn register(&self, definition: &Definition) -> Result<Proceso, RegistryError> {
        match self.stack.registry.register(definition).await? {
            Registration::New(held) => Ok(held),
            Registration::Same(existing) => Err(RegistryError::NameTaken {
                existing: Box::new(existing),
            }),
        }
    }

    /// Makes a process what the definition says.
    pub(super) async fn change(&self, id: &IdProceso, definition: &Definition) -> Result<Proceso, RegistryError> {
        self.stack.registry.change(id, definition).await
    }

    /// Deletes a process; that it is gone already is success, but what an interrupted call left of it is ended.
    pub(super) async fn delete(
        &self,
        id: &IdProceso,
        calendarizacion: &IdCalendarizacion,
    ) -> Result<(), RegistryError> {
        match self.stack.registry.delete(id).await {
            Err(RegistryError::NotFound { .. }) => self.stack.registry.settle(calendarizacion).await,
            outcome => outcome.map(drop),
        }
    }

    /// A process, and what is seen of its calendarización, which is `expected` unless somebody moved it.
    pub(super) async fn look(
        &self,
        id: &IdProceso,
        expected: Option<&IdCalendarizacion>,
    ) -> Result<Option<Looked>, RegistryError> {
        let InstalledStack {
            registry,
            reader,
            watch,
            ..
        } = &*self.stack;
        let calendarizacion = async {
            match expected {
                Some(expected) => watch.look(registry, expected).await.map(Some),
                None => Ok(None),
            }
        };
        let (proceso, seen) = try_join(reader.only(id), calendarizacion).await?;
        let Some(mut proceso) = proceso else { return Ok(None) };
        let mut looked = seen.filter(|_| expected == Some(&proceso.id_calendarizacion));
        loop {
            let (seen, first) = match looked {
                Some(looked) => looked,
                None => watch.look(registry, &proceso.id_calendarizacion).await?,
            };
            if seen.examined.row.is_none() {
                // The last process takes the row along: it may have been this one, just now.
                let Some(now) = registry.only(id).await? else {
                    return Ok(None);
                };
                if now.id_calendarizacion != proceso.id_calendarizacion {
                    (proceso, looked) = (now, None);
                    continue;
                }
            }
            return Ok(Some(Looked { proceso, seen, first }));
        }
    }

    /// Puts the calendarización of a schedule right.
    pub(super) async fn repair(&self, schedule: &Schedule) -> Result<(), RegistryError> {
        self.stack.watch.repair(&self.stack.registry, schedule).await
    }

    /// The same, where the plan that comes before every change found it broken.
    pub(super) async fn repair_met(&self, schedule: &Schedule) -> Result<(), RegistryError> {
        if self.stack.watch.is_broken(&schedule.id()) {
            return self.repair(schedule).await;
        }
        Ok(())
    }

    /// Puts a calendarización right that a process was on.
    pub(super) async fn repair_left(&self, id: &IdCalendarizacion) -> Result<(), RegistryError> {
        self.stack.watch.repair_left(&self.stack.registry, id).await
    }

    /// A process by its id or its name.
    pub(super) async fn find_either(&self, wanted: &str) -> Result<Option<Entry>, RegistryError> {
        if let Ok(id) = wanted.parse::<IdProceso>()
            && let Some(entry) = self.stack.registry.get(&id).await?
        {
            return Ok(Some(entry));
        }
        self.stack.registry.find_by_nombre(wanted).await
    }
}

/// A process and its calendarización as they were seen.
#[derive(Debug)]
pub(super) struct Looked {
    /// The process.
    pub(super) proceso: Proceso,
    /// Its calendarización.
    pub(super) seen: Arc<Seen>,
    /// Whether nobody has been told of it in this run.
    pub(super) first: bool,
}

/// The schedule of an entry; none where its calendarización's row was deleted by hand.
pub(super) fn schedule(entry: &Entry) -> Result<Option<Schedule>, RegistryError> {
    entry
        .calendarizacion
        .as_ref()
        .map(|row| row.schedule().map_err(RegistryError::Users))
        .transpose()
}

/// How long the stack's executor can wait is not known.
pub(super) fn unread_executor(error: &AwsError) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    diagnostics.error_at(
        Path::root("tiempo_maximo_segundos"),
        "Cannot read how long the stack's executor can wait",
        sentence(error),
    );
    diagnostics
}

fn incomplete(name: &str, parameter: &str) -> Diagnostics {
    let detail = format!(
        "The stack \"{name}\" lacks the SSM parameter \"{parameter}\", which says what its processes need. Apply the stack \
         first: it creates what is missing."
    );
    let mut diagnostics = Diagnostics::new();
    diagnostics.error_at(Path::root("stack"), "The stack is incomplete", detail);
    diagnostics
}

fn connection(configured: &Configured) -> Result<&Connection, Diagnostics> {
    configured
        .connection()
        .map_err(|error| Diagnostics::of_error("AWS cannot be reached yet", sentence(&error)))
}
