//! One record of a batch: omitted or claimed, attempted, recorded; then done, back on the queue, or buried.
//!
//! Invariant: a message is done only after its result is in the table, and buried only after that.
//! Invariant: a message that stays is given back for a time that fits why it stays; where even that fails, the queue's own
//! visibility brings it back.

use std::time::Duration;

use kairos::message::Mensaje;
use kairos::run::EstadoEjecucion;
use kairos_aws::claim::{Claim, Recorded};
use kairos_aws::error::{AwsError, Class};
use kairos_aws::metrics;
use kairos_aws::queue::Outgoing;
use kairos_aws::runs::Outcome;

use crate::attempt::{Attempted, attempt, need};
use crate::counted;
use crate::event::Record;
use crate::failure::{Failure, Next, next, pause_after_trouble, pause_before_beginning};
use crate::payload::{for_attribute, for_history};
use crate::ports::{Ports, Row};
use crate::roles::RoleCache;
use crate::time::{Window, after, later, within};

/// How often the result of an attempt that failed is written at most: the SDK has repeated each of these writes by itself
/// already. That a target was started is written until the invocation ends, since a run that is not recorded starts again.
const WRITES: u32 = 4;

/// How long the second write of a result waits; each further one waits twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// How long a further write waits at most.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// How long before a message comes back its run is free again, so that the message does not find it leased.
const EARLIER: Duration = Duration::from_secs(1);

/// What happens to a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is deleted from the queue.
    Done,
    /// It stays on the queue.
    Stays,
}

/// A run as one message of one invocation sees it.
pub(crate) struct Run<'a> {
    pub(crate) record: &'a Record,
    pub(crate) message: &'a Mensaje,
    pub(crate) owner: &'a str,
    pub(crate) window: Window,
}

impl Run<'_> {
    /// Does what there is to do for the message; `row` is its process, where there is one.
    pub(crate) async fn go<P: Ports>(&self, ports: &P, roles: &RoleCache, row: Option<Row>) -> Verdict {
        let row = match row {
            None => return self.omit(ports, "the process was deleted before the run began").await,
            Some(Ok(proceso)) if !proceso.habilitado => {
                return self.omit(ports, "the process was disabled before the run began").await;
            }
            Some(row) => row,
        };
        let time = self.window.until_too_late(ports.now(), need(&row));
        if time.is_zero() {
            return self.too_late(ports).await;
        }
        let claiming = ports.claim(self.message, self.owner, self.window.lease());
        let number = match within(ports, time, claiming).await {
            Some(Ok(Claim::Mine { attempt })) => attempt,
            Some(Ok(claim)) => return self.not_mine(ports, claim).await,
            Some(Err(error)) => return self.trouble(ports, "the run could not be claimed", &error).await,
            None => return self.claimed_too_slowly(ports).await,
        };
        counted::began(self.message, number, ports.now());
        let patience = self.window.patience(ports.now());
        let Attempted { outcome, took } = attempt(ports, roles, &row, self.message, number, patience).await;
        counted::attempted(&row, took);
        match outcome {
            Ok(answer) => self.succeeded(ports, number, answer.to_string(), took).await,
            Err(failure) => {
                let reintentos = row.as_ref().map_or(0, |proceso| u32::from(proceso.reintentos));
                self.failed(ports, number, reintentos, &failure, took).await
            }
        }
    }

    async fn omit<P: Ports>(&self, ports: &P, reason: &str) -> Verdict {
        match ports.omit(self.message, reason).await {
            Ok(Claim::Settled(EstadoEjecucion::Omitido)) => {
                metrics::run_omitted();
                tracing::info!(
                    id_proceso = %self.message.id_proceso,
                    id_ejecucion = %self.message.id_ejecucion,
                    motivo = reason,
                    "omitted"
                );
                Verdict::Done
            }
            Ok(claim) => self.not_mine(ports, claim).await,
            Err(error) => self.trouble(ports, "the run could not be omitted", &error).await,
        }
    }

    /// What a claim leads to that is somebody else's, or nobody's any more.
    async fn not_mine<P: Ports>(&self, ports: &P, claim: Claim) -> Verdict {
        match claim {
            Claim::Settled(estado) => {
                metrics::duplicate();
                tracing::info!(id_ejecucion = %self.message.id_ejecucion, %estado, "has ended already: nothing to do");
                Verdict::Done
            }
            Claim::Leased { until } => {
                // Looked at again once the lease has ended: by then the run has ended as well, or its owner crashed, or
                // it failed and its next attempt is due.
                self.back(ports, after(until, ports.now())).await
            }
            // Only a claim that may start a run has an attempt to make.
            Claim::Mine { .. } => self.back(ports, self.window.after_lease(ports.now())).await,
        }
    }

    /// The run is left to an invocation that has more time for it.
    async fn too_late<P: Ports>(&self, ports: &P) -> Verdict {
        tracing::warn!(
            id_proceso = %self.message.id_proceso,
            id_ejecucion = %self.message.id_ejecucion,
            "too little time is left to begin it: unclaimed, the message stays"
        );
        self.back(ports, pause_before_beginning(self.record.receives())).await
    }

    /// The claim may have been written: what it leased is looked at again once that has ended.
    async fn claimed_too_slowly<P: Ports>(&self, ports: &P) -> Verdict {
        tracing::error!(
            id_proceso = %self.message.id_proceso,
            id_ejecucion = %self.message.id_ejecucion,
            "the claim took too long to begin the run: the message stays"
        );
        self.back(ports, self.window.after_lease(ports.now())).await
    }

    async fn succeeded<P: Ports>(&self, ports: &P, number: u32, answer: String, took: Option<Duration>) -> Verdict {
        let answer = for_history(&answer);
        match self.write(ports, number, &Outcome::Ok(answer.clone()), took).await {
            Written::Yes => {
                metrics::run_done();
                tracing::info!(
                    id_proceso = %self.message.id_proceso,
                    id_ejecucion = %self.message.id_ejecucion,
                    intento = number,
                    milisegundos = took.map(millis),
                    respuesta = answer,
                    "started"
                );
                Verdict::Done
            }
            // The target was started: whoever claimed the run meanwhile has the message, too.
            Written::Lost => Verdict::Done,
            Written::No => self.back(ports, self.window.after_lease(ports.now())).await,
        }
    }

    async fn failed<P: Ports>(
        &self,
        ports: &P,
        number: u32,
        reintentos: u32,
        failure: &Failure,
        took: Option<Duration>,
    ) -> Verdict {
        let next = next(failure, number, reintentos);
        tracing::warn!(
            id_proceso = %self.message.id_proceso,
            id_ejecucion = %self.message.id_ejecucion,
            intento = number,
            milisegundos = took.map(millis),
            error = failure.message,
            ultimo = matches!(next, Next::GiveUp),
            "failed"
        );
        let reason = for_history(&failure.message);
        let outcome = match next {
            // Copies of the message respect the pause as well: it is in the table, as a lease of nobody's.
            Next::Again(delay) => Outcome::Again {
                reason,
                from: later(ports.now(), delay.saturating_sub(EARLIER)),
            },
            Next::GiveUp => Outcome::Error(reason),
        };
        match self.write(ports, number, &outcome, took).await {
            Written::Yes => {}
            Written::Lost | Written::No => return self.back(ports, self.window.after_lease(ports.now())).await,
        }
        match next {
            Next::Again(delay) => {
                metrics::run_again();
                self.back(ports, delay).await
            }
            Next::GiveUp => {
                metrics::run_failed();
                let kind = if failure.transient { "Agotado" } else { "Terminal" };
                let facts = [
                    ("IdEjecucion", self.message.id_ejecucion.to_string()),
                    ("Intentos", number.to_string()),
                ];
                bury(ports, self.record, kind, &failure.message, facts).await
            }
        }
    }

    async fn write<P: Ports>(&self, ports: &P, number: u32, outcome: &Outcome, took: Option<Duration>) -> Written {
        let mut pause = FIRST_PAUSE;
        let mut round = 1;
        loop {
            let error = match ports.record(self.message, self.owner, number, outcome, took).await {
                Ok(Recorded::Written) => return Written::Yes,
                Ok(Recorded::Lost) => {
                    tracing::warn!(id_ejecucion = %self.message.id_ejecucion, intento = number, "lost to another executor");
                    return Written::Lost;
                }
                Err(error) => error,
            };
            tracing::error!(id_ejecucion = %self.message.id_ejecucion, ronda = round, %error, "not recorded");
            let started = matches!(outcome, Outcome::Ok(_));
            if !(round < WRITES || started && passes(&error)) {
                return Written::No;
            }
            ports.sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
            round += 1;
        }
    }

    async fn back<P: Ports>(&self, ports: &P, delay: Duration) -> Verdict {
        back(ports, self.record, delay).await;
        Verdict::Stays
    }

    /// Nothing was begun, since the tables do not answer: the message waits longer each time.
    async fn trouble<P: Ports>(&self, ports: &P, what: &str, error: &AwsError) -> Verdict {
        tracing::error!(
            id_proceso = %self.message.id_proceso,
            id_ejecucion = %self.message.id_ejecucion,
            %error,
            "{what}: the message stays"
        );
        self.back(ports, pause_after_trouble(self.record.receives())).await
    }
}

/// Gives a message back to the queue for so long.
pub(crate) async fn back<P: Ports>(ports: &P, record: &Record, delay: Duration) {
    if let Err(error) = ports.delay(&record.receipt_handle, delay).await {
        tracing::warn!(mensaje = record.message_id, %error, "the delay could not be set");
    }
}

fn passes(error: &AwsError) -> bool {
    matches!(error.class, Class::Transient | Class::Propagation | Class::Conflict)
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

enum Written {
    Yes,
    Lost,
    No,
}

/// Buries a message that is none of ours.
pub(crate) async fn bury_unreadable<P: Ports>(ports: &P, record: &Record, error: &serde_json::Error) -> Verdict {
    metrics::unreadable();
    tracing::error!(mensaje = record.message_id, %error, "unreadable");
    bury(
        ports,
        record,
        "Ilegible",
        &format!("the message cannot be read: {error}"),
        [],
    )
    .await
}

/// Sends a message, body and group untouched so that it can be redriven, to the dead-letter queue with the reason.
async fn bury<P: Ports, const N: usize>(
    ports: &P,
    record: &Record,
    kind: &str,
    reason: &str,
    facts: [(&str, String); N],
) -> Verdict {
    let mut attributes = vec![
        ("Clase".to_owned(), kind.to_owned()),
        ("Motivo".to_owned(), for_attribute(reason)),
    ];
    attributes.extend(facts.map(|(name, value)| (name.to_owned(), value)));
    let message = Outgoing {
        body: record.body.clone(),
        group: record.attributes.message_group_id.clone(),
        attributes,
    };
    match ports.bury(&message).await {
        Ok(()) => Verdict::Done,
        Err(error) => {
            tracing::error!(mensaje = record.message_id, %error, "not buried: the message stays");
            back(ports, record, pause_after_trouble(record.receives())).await;
            Verdict::Stays
        }
    }
}
