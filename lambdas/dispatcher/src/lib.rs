//! The dispatcher: turns one firing of a calendarización into one message for each of its processes.
//!
//! Invariant: nothing is swallowed. Either every process that is due has its message in the queue, or a continuation
//! carries on after the last one up to which all have, or the invocation fails, so that Lambda repeats it and in the end the
//! dispatcher's dead-letter queue holds the event.
//! Invariant: whatever is dispatched has its scheduled time in its event, so that repetitions are of the same firing.
//! Invariant: a firing seen twice gives the same run ids, so that repeating is harmless.

mod aws;
mod due;
mod error;
mod flow;
mod ports;
mod progress;
mod window;

use std::time::Duration;

use kairos::ids::{IdCalendarizacion, IdProceso};
use kairos::instant::{Timestamp, rfc3339_millis, serde_millis};
use kairos::message::{Disparo, Mensajes};
use kairos::names::Names;
use kairos_aws::metrics;
use serde::Serialize;
use serde_json::Value;

pub use aws::{AwsPorts, queue};
pub use error::DispatchError;
use flow::{End, Firing};
pub use ports::Ports;

/// How many calls to the queue are in flight at most.
pub const MOST_IN_FLIGHT: usize = window::MOST;

/// How many continuations one firing may take: more would mean that it turns in circles.
const MAX_HOPS: u32 = 12;

/// How much of the invocation's time is kept for what has been read and for the continuation.
const MARGIN: Duration = Duration::from_secs(30);

/// Dispatches firings of one installation.
#[derive(Debug)]
pub struct Dispatcher<P> {
    ports: P,
    names: Names,
}

/// What an invocation did: its answer, for whoever invoked it by hand.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Summary {
    /// The scheduled time that was dispatched; none where the calendarización has not fired yet.
    #[serde(with = "serde_millis::option")]
    pub fecha_programada: Option<Timestamp>,
    /// How many processes were found.
    pub encontrados: u64,
    /// How many of them are enabled.
    pub habilitados: u64,
    /// How many messages were sent.
    pub enviados: u64,
    /// How many processes were left out: disabled, or assigned after the scheduled time.
    pub descartados: u64,
    /// How many messages were sent again since the queue did not take them, each as often as that happened.
    pub rechazados: u64,
    /// How long it took.
    pub milisegundos: u64,
    /// Whether another invocation carries on.
    pub continua: bool,
}

impl Summary {
    fn count(&self) {
        metrics::found(self.encontrados);
        metrics::left_out(self.descartados);
        metrics::sent(self.enviados);
        metrics::rejected(self.rechazados);
    }
}

impl<P: Ports> Dispatcher<P> {
    /// A dispatcher of the installation with these names.
    pub fn new(ports: P, names: Names) -> Self {
        Self { ports, names }
    }

    /// Dispatches the firing that `event` describes, within the time until `deadline`.
    ///
    /// # Expected flow
    /// Pages of processes are read from the index, one ahead of what is being sent; messages go out in batches of ten, as many
    /// at a time as the queue takes. Once less than a quarter of the time is left (30 s at most), no further page is read, and
    /// the rest goes to a continuation.
    ///
    /// An event without a scheduled time is not dispatched here: the time is filled in, and the event goes to another
    /// invocation. Lambda may repeat that one, or keep it as a dead letter, and it stays the same firing.
    ///
    /// # Errors
    /// See [`DispatchError`]; whatever was sent by then stays sent.
    pub async fn handle(&self, event: Value, deadline: Timestamp) -> Result<Summary, DispatchError> {
        let begun = self.ports.now();
        let firing = Disparo::try_from(event)?;
        if firing.saltos > MAX_HOPS {
            return Err(DispatchError::TooManyHops {
                id: firing.id_calendarizacion,
                hops: firing.saltos,
            });
        }
        let Some(at) = firing.fecha_programada else {
            return self.fix_time(&firing).await;
        };
        let mut summary = Summary {
            fecha_programada: Some(at),
            ..Summary::default()
        };
        let outcome = self.dispatch(&firing, at, deadline, &mut summary).await;
        let took = Duration::try_from(self.ports.now().duration_since(begun)).unwrap_or_default();
        summary.milisegundos = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        summary.count();
        tracing::info!(
            id_calendarizacion = %firing.id_calendarizacion,
            fecha_programada = %rfc3339_millis(at),
            encontrados = summary.encontrados,
            habilitados = summary.habilitados,
            enviados = summary.enviados,
            descartados = summary.descartados,
            rechazados = summary.rechazados,
            milisegundos = summary.milisegundos,
            continua = summary.continua,
            saltos = firing.saltos,
            completo = outcome.is_ok() && !summary.continua,
            "dispatched"
        );
        outcome.map(|()| summary)
    }

    /// Hands the event on with the latest occurrence that is not after now.
    async fn fix_time(&self, firing: &Disparo) -> Result<Summary, DispatchError> {
        let id = &firing.id_calendarizacion;
        let Some(at) = self.latest_occurrence(id).await? else {
            tracing::warn!(id_calendarizacion = %id, "has not fired yet: nothing to dispatch");
            return Ok(Summary::default());
        };
        self.ports
            .go_on(&firing.at(at))
            .await
            .map_err(DispatchError::Continue)?;
        tracing::info!(
            id_calendarizacion = %id,
            fecha_programada = %rfc3339_millis(at),
            "an event without a time is dispatched as the latest occurrence"
        );
        Ok(Summary {
            fecha_programada: Some(at),
            continua: true,
            ..Summary::default()
        })
    }

    async fn latest_occurrence(&self, id: &IdCalendarizacion) -> Result<Option<Timestamp>, DispatchError> {
        let row = self.ports.calendarizacion(id).await.map_err(DispatchError::Row)?;
        let row = row.ok_or_else(|| DispatchError::Unknown { id: id.clone() })?;
        let schedule = row.schedule().map_err(|errors| DispatchError::Schedule {
            id: id.clone(),
            why: errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
        })?;
        Ok(schedule.latest_at_or_before(self.ports.now(), row.fecha_creacion))
    }

    async fn dispatch(
        &self,
        firing: &Disparo,
        at: Timestamp,
        deadline: Timestamp,
        summary: &mut Summary,
    ) -> Result<(), DispatchError> {
        let id = &firing.id_calendarizacion;
        let left = Duration::try_from(deadline.duration_since(self.ports.now())).unwrap_or_default();
        let margin = MARGIN.min(left / 4);
        let before = |time: Duration| deadline.saturating_sub(time).unwrap_or(deadline);
        let within = Firing {
            id,
            at,
            after: firing.cursor.as_ref(),
            stop: before(margin),
            halt: before(margin / 2),
        };
        let messages = Mensajes::new(&self.names.schedule_arn(id.as_str()), id, at);
        match flow::run(&self.ports, &within, &messages, summary).await? {
            End::Complete => Ok(()),
            End::UpTo(last) => {
                self.go_on(firing, at, last).await?;
                summary.continua = true;
                Ok(())
            }
        }
    }

    async fn go_on(&self, firing: &Disparo, at: Timestamp, last: Option<IdProceso>) -> Result<(), DispatchError> {
        let rest = firing.continued(at, last);
        if rest.saltos > MAX_HOPS {
            return Err(DispatchError::TooManyHops {
                id: rest.id_calendarizacion,
                hops: rest.saltos,
            });
        }
        self.ports.go_on(&rest).await.map_err(DispatchError::Continue)
    }
}

#[cfg(test)]
mod tests;
