//! The executor: claims the runs of a batch of messages, starts their targets as their roles, and records what came of it.
//!
//! Invariant: a run is claimed before its target is started, so that of two executors with one message one starts it.
//! Invariant: records do not touch each other: one that fails, hangs or panics stays on the queue, the others are done.

mod attempt;
mod aws;
pub mod event;
mod failure;
mod payload;
mod ports;
mod record;
mod roles;
pub mod targets;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, join_all, select};
use kairos::ids::IdProceso;
use kairos::instant::Timestamp;
use kairos::message::Mensaje;
use kairos_aws::error::AwsError;
use kairos_aws::processes::Rows;

pub use attempt::Verdict;
pub use aws::{AwsPorts, Settings};
use event::{Batch, BatchAnswer, Record};
pub use failure::Failure;
pub use ports::{Ports, Row};
use roles::RoleCache;

/// How long before its deadline an invocation waits for its targets, so that what came of them can still be recorded.
const MARGIN: Duration = Duration::from_secs(6);

/// How long before its deadline an invocation gives up on whatever still hangs.
const LAST_MOMENT: Duration = Duration::from_secs(1);

/// How long a claim holds beyond the deadline of its invocation: Lambda ends a function a little after its time.
const LEASE_BEYOND: Duration = Duration::from_secs(10);

/// Runs the messages of one installation.
#[derive(Debug)]
pub struct Executor<P> {
    ports: P,
    roles: RoleCache,
}

/// One invocation of the function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invocation {
    /// Its id, the beginning of the owners' names.
    pub request_id: String,
    /// When Lambda ends it.
    pub deadline: Timestamp,
}

impl<P: Ports> Executor<P> {
    /// An executor over these ports.
    pub fn new(ports: P) -> Self {
        Self {
            ports,
            roles: RoleCache::default(),
        }
    }

    /// Runs a batch, and answers which of its messages stay on the queue.
    ///
    /// # Expected flow
    /// The processes of all messages are read at once; then every record goes its own way, in a task of its own:
    /// omitted or claimed, role assumed, target started, result recorded; see `attempt.rs`.
    ///
    /// # Guarantees
    /// The answer is given before the deadline, whatever hangs. A message is deleted only once its run has been settled
    /// or the message is in the dead-letter queue.
    pub async fn handle(self: &Arc<Self>, batch: Batch, invocation: &Invocation) -> BatchAnswer {
        let messages: Vec<_> = batch
            .records
            .iter()
            .map(|r| serde_json::from_str::<Mensaje>(&r.body))
            .collect();
        let mut ids: Vec<_> = messages.iter().flatten().map(|m| m.id_proceso.clone()).collect();
        ids.sort();
        ids.dedup();
        let rows = match self.read(&ids).await {
            Ok(rows) => rows,
            Err(error) => {
                tracing::error!(%error, mensajes = batch.records.len(), "the processes could not be read: the batch stays");
                return BatchAnswer::leaving(batch.records.into_iter().map(|r| r.message_id));
            }
        };
        let left = invocation.left(self.ports.now());
        let tasks: Vec<_> = batch
            .records
            .into_iter()
            .zip(messages)
            .enumerate()
            .map(|(index, (record, message))| {
                let row = message.as_ref().ok().and_then(|m| rows.get(&m.id_proceso)).cloned();
                let id = record.message_id.clone();
                let owner = format!("{}/{index}", invocation.request_id);
                let task = Arc::clone(self).one(record, message, row, owner, invocation.clone());
                (id, tokio::spawn(task))
            })
            .collect();
        let verdicts = tasks.into_iter().map(|(id, task)| self.verdict(id, task, left));
        BatchAnswer::leaving(join_all(verdicts).await.into_iter().flatten())
    }

    async fn read(&self, ids: &[IdProceso]) -> Result<Rows, AwsError> {
        if ids.is_empty() {
            Ok(Rows::new())
        } else {
            self.ports.processes(ids).await
        }
    }

    async fn one(
        self: Arc<Self>,
        record: Record,
        message: Result<Mensaje, serde_json::Error>,
        row: Option<Row>,
        owner: String,
        invocation: Invocation,
    ) -> Verdict {
        match message {
            Ok(message) => {
                let run = record::Run {
                    record: &record,
                    message: &message,
                    owner: &owner,
                    invocation: &invocation,
                };
                run.go(&self.ports, &self.roles, row).await
            }
            Err(error) => record::bury_unreadable(&self.ports, &record, &error).await,
        }
    }

    /// The message's id where it stays on the queue: told to, panicked, or still hanging at the last moment.
    async fn verdict(&self, id: String, task: tokio::task::JoinHandle<Verdict>, left: Duration) -> Option<String> {
        let abort = task.abort_handle();
        let last_moment = std::pin::pin!(self.ports.sleep(left.saturating_sub(LAST_MOMENT)));
        match select(task, last_moment).await {
            Either::Left((Ok(Verdict::Done), _)) => None,
            Either::Left((Ok(Verdict::Stays), _)) => Some(id),
            Either::Left((Err(error), _)) => {
                tracing::error!(mensaje = id, %error, "the record panicked: its message stays");
                Some(id)
            }
            Either::Right(_) => {
                abort.abort();
                tracing::error!(
                    mensaje = id,
                    "still not done at the invocation's end: the message stays"
                );
                Some(id)
            }
        }
    }
}

impl Invocation {
    /// How much time is left at `now`.
    fn left(&self, now: Timestamp) -> Duration {
        Duration::try_from(self.deadline.duration_since(now)).unwrap_or_default()
    }

    /// Until when a claim of this invocation holds.
    fn lease(&self) -> Timestamp {
        self.deadline.saturating_add(LEASE_BEYOND).unwrap_or(Timestamp::MAX)
    }

    /// How long a target may be waited for at `now`.
    fn patience(&self, now: Timestamp) -> Duration {
        let left = self.left(now);
        left.saturating_sub(MARGIN.min(left / 4))
    }
}

#[cfg(test)]
mod tests;
