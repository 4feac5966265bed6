//! One record of a batch: omitted or claimed, attempted, recorded; then done, back on the queue, or buried.
//!
//! Invariant: a message is done only after its result is in the table, and buried only after that.

use std::time::Duration;

use kairos::instant::Timestamp;
use kairos::message::Mensaje;
use kairos::run::EstadoEjecucion;
use kairos_aws::claim::{Claim, Recorded};
use kairos_aws::queue::Outgoing;
use kairos_aws::runs::Outcome;

use crate::Invocation;
use crate::attempt::{Verdict, attempt};
use crate::event::Record;
use crate::failure::{Failure, Next, next};
use crate::payload::{for_attribute, for_history};
use crate::ports::{Ports, Row};
use crate::roles::RoleCache;

/// How often a result is written at most: the SDK has repeated each of these writes by itself already.
const WRITES: u32 = 4;

/// How long the second write of a result waits; each further one waits twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// How long before a message comes back its run is free again, so that the message does not find it leased.
const EARLIER: Duration = Duration::from_secs(1);

/// A run as one message of one invocation sees it.
pub(crate) struct Run<'a> {
    pub(crate) record: &'a Record,
    pub(crate) message: &'a Mensaje,
    pub(crate) owner: &'a str,
    pub(crate) invocation: &'a Invocation,
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
        let claim = match ports.claim(self.message, self.owner, self.invocation.lease()).await {
            Ok(claim) => claim,
            Err(error) => return self.stays("the run could not be claimed", &error),
        };
        let Claim::Mine { attempt: number } = claim else {
            return self.not_mine(ports, claim).await;
        };
        let patience = self.invocation.patience(ports.now());
        match attempt(ports, roles, &row, self.message, number, patience).await {
            Ok(answer) => self.succeeded(ports, number, answer.to_string()).await,
            Err(failure) => {
                let reintentos = row.as_ref().map_or(0, |proceso| u32::from(proceso.reintentos));
                self.failed(ports, number, reintentos, &failure).await
            }
        }
    }

    async fn omit<P: Ports>(&self, ports: &P, reason: &str) -> Verdict {
        match ports.omit(self.message, reason).await {
            Ok(Claim::Settled(EstadoEjecucion::Omitido)) => {
                tracing::info!(
                    id_proceso = %self.message.id_proceso,
                    id_ejecucion = %self.message.id_ejecucion,
                    motivo = reason,
                    "omitted"
                );
                Verdict::Done
            }
            Ok(claim) => self.not_mine(ports, claim).await,
            Err(error) => self.stays("the run could not be omitted", &error),
        }
    }

    /// What a claim leads to that is somebody else's, or nobody's any more.
    async fn not_mine<P: Ports>(&self, ports: &P, claim: Claim) -> Verdict {
        match claim {
            Claim::Settled(estado) => {
                tracing::info!(id_ejecucion = %self.message.id_ejecucion, %estado, "has ended already: nothing to do");
                Verdict::Done
            }
            Claim::Leased { until } => {
                // Looked at again once the lease has ended: by then the run has ended as well, or its owner crashed, or
                // it failed and its next attempt is due.
                let left = Duration::try_from(until.duration_since(ports.now())).unwrap_or_default();
                self.back(ports, left + Duration::from_secs(1)).await;
                Verdict::Stays
            }
            Claim::Mine { .. } => Verdict::Stays,
        }
    }

    async fn succeeded<P: Ports>(&self, ports: &P, number: u32, answer: String) -> Verdict {
        match self.write(ports, number, &Outcome::Ok(for_history(&answer))).await {
            Written::Yes => {
                tracing::info!(
                    id_proceso = %self.message.id_proceso,
                    id_ejecucion = %self.message.id_ejecucion,
                    intento = number,
                    respuesta = answer,
                    "started"
                );
                Verdict::Done
            }
            // The target was started: whoever claimed the run meanwhile has the message, too.
            Written::Lost => Verdict::Done,
            Written::No => Verdict::Stays,
        }
    }

    async fn failed<P: Ports>(&self, ports: &P, number: u32, reintentos: u32, failure: &Failure) -> Verdict {
        let next = next(failure, number, reintentos);
        tracing::warn!(
            id_proceso = %self.message.id_proceso,
            id_ejecucion = %self.message.id_ejecucion,
            intento = number,
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
        match self.write(ports, number, &outcome).await {
            Written::Yes => {}
            Written::Lost | Written::No => return Verdict::Stays,
        }
        match next {
            Next::Again(delay) => {
                self.back(ports, delay).await;
                Verdict::Stays
            }
            Next::GiveUp => {
                let kind = if failure.transient { "Agotado" } else { "Terminal" };
                let facts = [
                    ("IdEjecucion", self.message.id_ejecucion.to_string()),
                    ("Intentos", number.to_string()),
                ];
                bury(ports, self.record, kind, &failure.message, facts).await
            }
        }
    }

    async fn write<P: Ports>(&self, ports: &P, number: u32, outcome: &Outcome) -> Written {
        for round in 1..=WRITES {
            match ports.record(self.message, self.owner, number, outcome).await {
                Ok(Recorded::Written) => return Written::Yes,
                Ok(Recorded::Lost) => {
                    tracing::warn!(id_ejecucion = %self.message.id_ejecucion, intento = number, "lost to another executor");
                    return Written::Lost;
                }
                Err(error) => {
                    tracing::error!(id_ejecucion = %self.message.id_ejecucion, ronda = round, %error, "not recorded");
                    if round < WRITES {
                        ports.sleep(FIRST_PAUSE * (1 << (round - 1))).await;
                    }
                }
            }
        }
        Written::No
    }

    /// Back to the queue for so long. Where even that fails, the queue's own visibility brings the message back.
    async fn back<P: Ports>(&self, ports: &P, delay: Duration) {
        if let Err(error) = ports.delay(&self.record.receipt_handle, delay).await {
            tracing::warn!(id_ejecucion = %self.message.id_ejecucion, %error, "the delay could not be set");
        }
    }

    fn stays(&self, what: &str, error: &dyn std::error::Error) -> Verdict {
        tracing::error!(
            id_proceso = %self.message.id_proceso,
            id_ejecucion = %self.message.id_ejecucion,
            error = %error,
            "{what}: the message stays"
        );
        Verdict::Stays
    }
}

fn later(now: Timestamp, delay: Duration) -> Timestamp {
    now.saturating_add(delay).unwrap_or(Timestamp::MAX)
}

enum Written {
    Yes,
    Lost,
    No,
}

/// Buries a message that is none of ours.
pub(crate) async fn bury_unreadable<P: Ports>(ports: &P, record: &Record, error: &serde_json::Error) -> Verdict {
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
            Verdict::Stays
        }
    }
}
