//! The table of runs in memory: what `kairos_aws::runs` lets DynamoDB do, write for write.
//!
//! Invariant: a test lets both do the same operations and compares every answer and every item.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::time::Duration;

use anyhow::{Context, Result};
use kairos::ids::IdEjecucion;
use kairos::instant::{Timestamp, rfc3339_millis, to_millis};
use kairos::message::Mensaje;
use kairos::run::{Ejecucion, EstadoEjecucion, ttl};
use kairos_aws::claim::{Claim, Recorded, decide, settle};
use kairos_aws::runs::Outcome;
use serde_json::json;

/// The table.
#[derive(Debug)]
pub struct Table {
    runs: HashMap<IdEjecucion, Ejecucion>,
    history_days: u32,
}

impl Table {
    /// An empty table that keeps runs for so many days.
    pub fn new(history_days: u32) -> Self {
        Self {
            runs: HashMap::new(),
            history_days,
        }
    }

    /// A run as the table holds it.
    pub fn get(&self, id: IdEjecucion) -> Option<&Ejecucion> {
        self.runs.get(&id)
    }

    /// `Runs::open`: what the table held before, where it held anything.
    pub fn open(&mut self, run: &Mensaje, now: Timestamp) -> Result<Option<Ejecucion>> {
        if let Some(held) = self.runs.get(&run.id_ejecucion) {
            return Ok(Some(held.clone()));
        }
        let mut fresh = fresh(run)?;
        fresh.ttl = self.ttl(run, now);
        self.runs.insert(run.id_ejecucion, fresh);
        Ok(None)
    }

    /// `Runs::claim`.
    pub fn claim(&mut self, run: &Mensaje, owner: &str, now: Timestamp, lease: Timestamp) -> Result<Claim> {
        let Some(held) = self.free(run, now)? else {
            return Ok(decide(self.get(run.id_ejecucion), owner, now));
        };
        held.estado = EstadoEjecucion::EnEjecucion;
        held.intentos += 1;
        held.dueno = Some(owner.to_owned());
        held.arrendado_hasta = Some(to_millis(lease));
        held.fecha_inicio = Some(to_millis(now));
        (held.fecha_termino, held.duracion_ms, held.respuesta) = (None, None, None);
        Ok(Claim::Mine { attempt: held.intentos })
    }

    /// `Runs::omit`.
    pub fn omit(&mut self, run: &Mensaje, reason: &str, now: Timestamp) -> Result<Claim> {
        let Some(held) = self.free(run, now)? else {
            return Ok(decide(self.get(run.id_ejecucion), "", now));
        };
        held.estado = EstadoEjecucion::Omitido;
        held.fecha_termino = Some(to_millis(now));
        held.error = Some(reason.to_owned());
        (held.dueno, held.arrendado_hasta) = (None, None);
        Ok(Claim::Settled(EstadoEjecucion::Omitido))
    }

    /// `Runs::record`.
    pub fn record(
        &mut self,
        run: &Mensaje,
        owner: &str,
        attempt: u32,
        outcome: &Outcome,
        took: Option<Duration>,
        now: Timestamp,
    ) -> Recorded {
        let ttl = self.ttl(run, now);
        let held = self.runs.get_mut(&run.id_ejecucion);
        let mine = |held: &&mut Ejecucion| {
            held.dueno.as_deref() == Some(owner) && held.intentos == attempt && !held.estado.is_final()
        };
        let Some(held) = held.filter(mine) else {
            return settle(self.get(run.id_ejecucion), owner, attempt, outcome.state());
        };
        held.estado = outcome.state();
        held.fecha_termino = Some(to_millis(now));
        held.duracion_ms = took.and_then(|took| u64::try_from(took.as_millis()).ok());
        held.ttl = ttl;
        (held.respuesta, held.error, held.arrendado_hasta) = match outcome {
            Outcome::Ok(answer) => (Some(answer.clone()), None, None),
            Outcome::Error(reason) => (None, Some(reason.clone()), None),
            Outcome::Again { reason, from } => (None, Some(reason.clone()), Some(to_millis(*from))),
        };
        Recorded::Written
    }

    /// The run, where it may be claimed, with what every write of a free run says.
    fn free(&mut self, run: &Mensaje, now: Timestamp) -> Result<Option<&mut Ejecucion>> {
        let ttl = self.ttl(run, now);
        if self.get(run.id_ejecucion).is_some_and(|held| !held.is_claimable(now)) {
            return Ok(None);
        }
        let held = match self.runs.entry(run.id_ejecucion) {
            Entry::Occupied(held) => held.into_mut(),
            Entry::Vacant(place) => place.insert(fresh(run)?),
        };
        held.id_proceso = run.id_proceso.clone();
        held.id_calendarizacion = run.id_calendarizacion.clone();
        held.fecha_programada = run.fecha_programada;
        held.ttl = ttl;
        Ok(Some(held))
    }

    fn ttl(&self, run: &Mensaje, now: Timestamp) -> i64 {
        ttl(run.fecha_programada.max(now), self.history_days)
    }
}

/// A run that waits for its message.
fn fresh(run: &Mensaje) -> Result<Ejecucion> {
    let item = json!({
        "IdEjecucion": run.id_ejecucion,
        "IdProceso": run.id_proceso,
        "IdCalendarizacion": run.id_calendarizacion,
        "FechaProgramada": rfc3339_millis(run.fecha_programada),
        "Estado": EstadoEjecucion::Pendiente,
        "Intentos": 0,
        "TTL": 0,
    });
    serde_json::from_value(item).context("making a run")
}
