//! The dispatcher: turns one firing of a calendarización into one message for each of its processes.
//!
//! Invariant: nothing is swallowed. Either every process that is due has its message in the queue, or a continuation
//! carries on after the last one that has, or the invocation fails, so that Lambda repeats it and in the end the
//! dispatcher's dead-letter queue holds the event.
//! Invariant: a firing seen twice gives the same run ids, so that repeating is harmless.

mod aws;
mod due;
mod error;
mod ports;
mod send;

use std::time::Duration;

use futures_util::future::join;
use kairos::ids::{IdCalendarizacion, IdProceso};
use kairos::instant::{Timestamp, rfc3339_millis, serde_millis};
use kairos::message::Disparo;
use kairos::names::Names;
use serde::Serialize;
use serde_json::Value;

pub use aws::AwsPorts;
pub use error::DispatchError;
pub use ports::Ports;

/// How many continuations one firing may take: more would mean that it turns in circles.
const MAX_HOPS: u32 = 12;

/// How much of the invocation's time is kept for the page in hand and for the continuation.
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
    /// How many messages were sent.
    pub enviados: u64,
    /// How many processes were left out: disabled, or assigned after the scheduled time.
    pub descartados: u64,
    /// Whether a continuation carries on.
    pub continua: bool,
}

impl<P: Ports> Dispatcher<P> {
    /// A dispatcher of the installation with these names.
    pub fn new(ports: P, names: Names) -> Self {
        Self { ports, names }
    }

    /// Dispatches the firing that `event` describes, within the time until `deadline`.
    ///
    /// # Expected flow
    /// Pages of processes are read from the index; while the messages of one page are sent, in batches and many at a
    /// time, the next page is read. So memory holds two pages, however many processes there are. Once less than a
    /// quarter of the time is left (30 s at most), the rest goes to a continuation.
    ///
    /// # Errors
    /// See [`DispatchError`]; whatever was sent by then stays sent.
    pub async fn handle(&self, event: Value, deadline: Timestamp) -> Result<Summary, DispatchError> {
        let firing = Disparo::try_from(event)?;
        if firing.saltos > MAX_HOPS {
            return Err(DispatchError::TooManyHops {
                id: firing.id_calendarizacion,
                hops: firing.saltos,
            });
        }
        let Some(at) = self.scheduled_time(&firing).await? else {
            tracing::warn!(id_calendarizacion = %firing.id_calendarizacion, "has not fired yet: nothing to dispatch");
            return Ok(Summary::default());
        };
        let summary = self.dispatch(&firing, at, self.stop_at(deadline)).await?;
        tracing::info!(
            id_calendarizacion = %firing.id_calendarizacion,
            fecha_programada = %rfc3339_millis(at),
            enviados = summary.enviados,
            descartados = summary.descartados,
            continua = summary.continua,
            saltos = firing.saltos,
            "dispatched"
        );
        Ok(summary)
    }

    /// The event's scheduled time, or the latest occurrence that is not after now.
    async fn scheduled_time(&self, firing: &Disparo) -> Result<Option<Timestamp>, DispatchError> {
        match firing.fecha_programada {
            Some(at) => Ok(Some(at)),
            None => self.latest_occurrence(&firing.id_calendarizacion).await,
        }
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

    fn stop_at(&self, deadline: Timestamp) -> Timestamp {
        let left = Duration::try_from(deadline.duration_since(self.ports.now())).unwrap_or_default();
        deadline.saturating_sub(MARGIN.min(left / 4)).unwrap_or(deadline)
    }

    async fn dispatch(&self, firing: &Disparo, at: Timestamp, stop: Timestamp) -> Result<Summary, DispatchError> {
        let id = &firing.id_calendarizacion;
        let mut summary = Summary {
            fecha_programada: Some(at),
            ..Summary::default()
        };
        let mut page = self
            .ports
            .page(id, firing.cursor.as_ref())
            .await
            .map_err(DispatchError::Read)?;
        loop {
            let (due, left_out) = due::messages(&self.names, id, at, &page.candidates)?;
            summary.enviados += due.len() as u64;
            summary.descartados += left_out;
            let Some(last) = page.next else {
                send::all(&self.ports, &due).await?;
                return Ok(summary);
            };
            if self.ports.now() >= stop {
                send::all(&self.ports, &due).await?;
                self.go_on(firing, at, last).await?;
                summary.continua = true;
                return Ok(summary);
            }
            let (sent, next) = join(send::all(&self.ports, &due), self.ports.page(id, Some(&last))).await;
            sent?;
            page = next.map_err(DispatchError::Read)?;
        }
    }

    async fn go_on(&self, firing: &Disparo, at: Timestamp, last: IdProceso) -> Result<(), DispatchError> {
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
