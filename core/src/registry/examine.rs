//! What is wrong with a calendarización, told without changing anything: [`super::Registry::repair`] mends it.
//!
//! Invariant: what is told was seen twice, in a row that nobody changed in between: who is at work is not taken for drift.
//! Invariant: whatever is told, a repair mends; what AWS would refuse (times in the past) is not told.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use futures_util::future::{try_join, try_join3};

use crate::calendarizacion::{Calendarizacion, EstadoCalendarizacion};
use crate::expression::Expression;
use crate::ids::{IdCalendarizacion, IdProceso};
use crate::instant::{Timestamp, rfc3339_millis};
use crate::proceso::Proceso;
use crate::schedule::Schedule;

use super::Registry;
use super::error::{RegistryError, While};
use super::operation::Operation;
use super::ports::{Clock, Count, Deviation, HeldSchedule, Scheduler, Store};

/// The status of a calendarización of which nothing is wrong.
pub const IN_SYNC: &str = "in_sync";
/// How the status begins where something differs.
pub const DRIFTED: &str = "drifted";
/// How the status begins where something does not exist.
pub const MISSING: &str = "missing";

/// How long what seems wrong is looked at for: longer than a guard of one who crashed.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long after the first look the second one is taken: who has just removed a process is about to tell Scheduler.
const SECOND_LOOK: Duration = Duration::from_millis(500);

/// Something about a calendarización that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// Its row does not exist.
    RowMissing,
    /// Its schedule does not exist.
    ScheduleMissing,
    /// A property of its row or of its schedule.
    Differs(Deviation),
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RowMissing => f.write_str("row"),
            Self::ScheduleMissing => f.write_str("schedule"),
            Self::Differs(deviation) => deviation.fmt(f),
        }
    }
}

/// A calendarización that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Examined {
    /// Its row.
    pub row: Option<Calendarizacion>,
    /// What is wrong with it.
    pub findings: Vec<Finding>,
}

impl Examined {
    /// What is wrong, in one line: `in_sync`, `missing: schedule`, `drifted: State: DISABLED → ENABLED`.
    pub fn status(&self) -> String {
        status(&self.findings)
    }

    /// Whether runs may be missed as it is: its schedule does not exist, or does not fire although it should.
    pub fn may_miss_runs(&self) -> bool {
        let enabled = self.row.as_ref().is_some_and(|row| row.cant_habilitados > 0);
        enabled
            && self.findings.iter().any(|finding| match finding {
                Finding::RowMissing => false,
                Finding::ScheduleMissing => true,
                Finding::Differs(deviation) => {
                    !["CantProcesos", "CantHabilitados", "Estado"].contains(&deviation.property)
                }
            })
    }
}

/// Findings in one line, as [`Examined::status`].
pub fn status(findings: &[Finding]) -> String {
    if findings.is_empty() {
        return IN_SYNC.to_owned();
    }
    let missing = |finding: &Finding| matches!(finding, Finding::RowMissing | Finding::ScheduleMissing);
    let head = if findings.iter().any(missing) { MISSING } else { DRIFTED };
    let told: Vec<String> = findings.iter().map(ToString::to_string).collect();
    format!("{head}: {}", told.join("; "))
}

/// Compares a calendarización's row with its schedule as AWS has it and with the number of its processes.
///
/// A row of the earlier system, which nobody has counted, is left alone; so is a schedule that never fires again.
pub fn compare(
    row: Option<&Calendarizacion>,
    schedule: Option<&HeldSchedule>,
    count: Count,
    now: Timestamp,
) -> Vec<Finding> {
    let Some(row) = row else {
        return vec![Finding::RowMissing];
    };
    let Ok(wanted) = row.schedule() else {
        return Vec::new();
    };
    if row.version == 0 || row.id_calendarizacion.legacy_expression().is_some() {
        return Vec::new();
    }
    let mut findings = Vec::new();
    let mut differs = |property, actual: String, wanted: String| {
        if actual != wanted {
            findings.push(Finding::Differs(Deviation {
                property,
                actual,
                wanted,
            }));
        }
    };
    differs(
        "CantProcesos",
        row.cant_procesos.to_string(),
        count.procesos.to_string(),
    );
    differs(
        "CantHabilitados",
        row.cant_habilitados.to_string(),
        count.habilitados.to_string(),
    );
    if count.procesos == 0 {
        return findings;
    }
    differs(
        "Estado",
        row.estado.to_string(),
        EstadoCalendarizacion::Activa.to_string(),
    );
    if wanted.id() != row.id_calendarizacion {
        differs("Expresion", row.expresion.clone(), "that of its id".to_owned());
        return findings;
    }
    if wanted.next_after(now, row.fecha_creacion).is_none() {
        return findings;
    }
    match schedule {
        None => findings.push(Finding::ScheduleMissing),
        Some(held) => findings.extend(
            compare_schedule(held, &wanted, count.habilitados > 0, now)
                .into_iter()
                .map(Finding::Differs),
        ),
    }
    findings
}

fn compare_schedule(held: &HeldSchedule, wanted: &Schedule, enabled: bool, now: Timestamp) -> Vec<Deviation> {
    let mut found = Vec::new();
    let mut differs = |property, same: bool, actual: String, wanted: String| {
        if !same {
            found.push(Deviation {
                property,
                actual,
                wanted,
            });
        }
    };
    let state = |enabled: bool| if enabled { "ENABLED" } else { "DISABLED" }.to_owned();
    differs("State", held.enabled == enabled, state(held.enabled), state(enabled));
    differs(
        "ScheduleExpression",
        Expression::parse(&held.expression).is_ok_and(|actual| actual == wanted.expression),
        held.expression.clone(),
        wanted.expression.to_string(),
    );
    let zone = wanted.zone.name();
    differs(
        "ScheduleExpressionTimezone",
        held.zone == zone,
        held.zone.clone(),
        zone.to_owned(),
    );
    differs(
        "FlexibleTimeWindow",
        held.window_minutes == wanted.window_minutes,
        window(held.window_minutes),
        window(wanted.window_minutes),
    );
    // A one-time schedule ignores its bounds.
    if wanted.one_time().is_none() {
        // A start that has passed is left out of what is sent to AWS, or is still there from when it was not past.
        let ahead = |start: &Timestamp| *start > now;
        let (actual, start) = (held.start.filter(ahead), wanted.start.filter(ahead));
        differs(
            "StartDate",
            same_second(actual, start),
            instant(held.start),
            instant(start),
        );
        differs(
            "EndDate",
            same_second(held.end, wanted.end),
            instant(held.end),
            instant(wanted.end),
        );
    }
    found.extend(held.deviations.iter().cloned());
    found
}

fn window(minutes: Option<u16>) -> String {
    minutes.map_or_else(|| "OFF".to_owned(), |minutes| format!("{minutes} min"))
}

fn instant(instant: Option<Timestamp>) -> String {
    instant.map_or_else(|| "none".to_owned(), rfc3339_millis)
}

/// Whether two instants are in the same second: AWS does not say that it keeps parts of it.
fn same_second(one: Option<Timestamp>, other: Option<Timestamp>) -> bool {
    one.map(Timestamp::as_second) == other.map(Timestamp::as_second)
}

impl<S: Store, C: Scheduler, K: Clock> Registry<S, C, K> {
    /// Looks at a calendarización: one read of its row, one of its schedule, one count of its processes by the index,
    /// which is taken from `tally` where the caller has one. Nothing is changed.
    ///
    /// # Guarantees
    /// The cheap look may be mistaken, since nothing of it is of the same instant; what it finds is confirmed with
    /// consistent reads before it is told. Where others do not stop changing the calendarización, nothing is told.
    pub async fn examine(
        &self,
        id: &IdCalendarizacion,
        tally: Option<&BTreeMap<IdCalendarizacion, Count>>,
    ) -> Result<Examined, RegistryError> {
        let count = async {
            match tally {
                Some(tally) => Ok(tally.get(id).copied().unwrap_or_default()),
                None => self
                    .store
                    .count_indexed(id)
                    .await
                    .doing("counting the processes of", id),
            }
        };
        let (row, schedule, count) = try_join3(self.row(id), self.held(id), count).await?;
        let findings = compare(row.as_ref(), schedule.as_ref(), count, self.now());
        if findings.is_empty() {
            return Ok(Examined { row, findings });
        }
        self.confirm(id).await
    }

    /// A process by its id, without its calendarización.
    pub async fn only(&self, id: &IdProceso) -> Result<Option<Proceso>, RegistryError> {
        self.proceso(id).await
    }

    /// How many processes each calendarización has, as the index says it: for those who examine many.
    pub async fn tally(&self) -> Result<BTreeMap<IdCalendarizacion, Count>, RegistryError> {
        self.store
            .tally()
            .await
            .doing("counting the processes of", &self.names.app)
    }

    async fn confirm(&self, id: &IdCalendarizacion) -> Result<Examined, RegistryError> {
        let mut op = Operation::new(&self.clock, PATIENCE);
        loop {
            let row = self.row(id).await?;
            let findings = self.seen_twice(id, row.as_ref()).await?;
            if let Some(findings) = findings {
                return Ok(Examined { row, findings });
            }
            if op.pause(&self.clock, id).await.is_err() {
                return Ok(Examined {
                    row,
                    findings: Vec::new(),
                });
            }
        }
    }

    /// What is wrong with the calendarización of this row; none where somebody is at work on it.
    async fn seen_twice(
        &self,
        id: &IdCalendarizacion,
        row: Option<&Calendarizacion>,
    ) -> Result<Option<Vec<Finding>>, RegistryError> {
        // Nobody's token is empty.
        if row.is_some_and(|row| row.is_guarded_against("", self.now())) {
            return Ok(None);
        }
        let count = async { self.store.count(id).await.doing("counting the processes of", id) };
        let (schedule, count) = try_join(self.held(id), count).await?;
        let findings = compare(row, schedule.as_ref(), count, self.now());
        if !findings.is_empty() {
            self.clock.sleep(SECOND_LOOK).await;
        }
        let (again, schedule) = try_join(self.row(id), self.held(id)).await?;
        let same = again.as_ref() == row && compare(row, schedule.as_ref(), count, self.now()) == findings;
        Ok(same.then_some(findings))
    }

    async fn held(&self, id: &IdCalendarizacion) -> Result<Option<HeldSchedule>, RegistryError> {
        self.scheduler.get(id).await.doing("reading the schedule", id)
    }
}
