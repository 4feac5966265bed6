//! Sending the messages of a page: in batches of ten, many in flight, what is rejected again and again, and loudly.

use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use kairos_aws::error::{AwsError, Class};
use kairos_aws::queue::{BATCH, Outgoing};

use crate::error::DispatchError;
use crate::ports::Ports;

/// How many batches are in flight at once: enough to hide the latency, few enough for a small function's connections.
pub(crate) const IN_FLIGHT: usize = 20;

/// How often a batch is sent at most.
const ROUNDS: u32 = 6;

/// How long the second sending waits; each further one waits twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// Sends all messages; every batch is tried before a failure is told.
pub(crate) async fn all<P: Ports>(ports: &P, messages: &[Outgoing]) -> Result<(), DispatchError> {
    let failures: Vec<Failed> = stream::iter(messages.chunks(BATCH))
        .map(|batch| one(ports, batch))
        .buffer_unordered(IN_FLIGHT)
        .filter_map(|outcome| async { outcome.err() })
        .collect()
        .await;
    let count = failures.iter().map(|f| f.count).sum();
    match failures.into_iter().next() {
        None => Ok(()),
        Some(first) => Err(DispatchError::Rejected {
            count,
            cause: first.cause,
        }),
    }
}

struct Failed {
    count: usize,
    cause: AwsError,
}

async fn one<P: Ports>(ports: &P, batch: &[Outgoing]) -> Result<(), Failed> {
    let mut pending = batch.to_vec();
    let mut round = 1;
    loop {
        let cause = match ports.send(&pending).await {
            Ok(rejected) => {
                let Some(first) = rejected.first().map(|r| r.error.clone()) else {
                    return Ok(());
                };
                // Those that can still be taken decide whether another round makes sense.
                let passing = rejected
                    .iter()
                    .map(|r| &r.error)
                    .find(|e| e.class == Class::Transient)
                    .cloned();
                let again: Vec<_> = rejected.iter().filter_map(|r| pending.get(r.index).cloned()).collect();
                if again.len() < rejected.len() {
                    // An answer that names none of our entries says nothing of which were taken.
                    return Err(Failed {
                        count: pending.len(),
                        cause: first,
                    });
                }
                pending = again;
                passing.unwrap_or(first)
            }
            Err(error) => error,
        };
        if round == ROUNDS || cause.class != Class::Transient {
            return Err(Failed {
                count: pending.len(),
                cause,
            });
        }
        tracing::warn!(pendientes = pending.len(), ronda = round, error = %cause, "sending again");
        ports.sleep(FIRST_PAUSE * (1 << (round - 1))).await;
        round += 1;
    }
}
