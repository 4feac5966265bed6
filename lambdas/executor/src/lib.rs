//! The executor: claims the runs of a batch of messages, starts their targets as their roles, and records what came of it.
//!
//! Invariant: a run is claimed before its target is started, so that of two executors with one message one starts it.
//! Invariant: records do not touch each other: one that fails, hangs or panics stays on the queue, the others are done.

mod attempt;
mod aws;
mod counted;
pub mod event;
mod failure;
mod payload;
mod ports;
mod record;
mod roles;
pub mod targets;
mod time;

use std::sync::Arc;

use futures_util::future::join_all;
use kairos::ids::IdProceso;
use kairos::instant::Timestamp;
use kairos::message::Mensaje;
use kairos_aws::error::AwsError;
use kairos_aws::processes::Rows;
use tokio::task::JoinHandle;

pub use aws::{AwsPorts, Settings};
use event::{Batch, BatchAnswer, Record};
pub use failure::Failure;
use failure::pause_after_trouble;
pub use ports::{Ports, Row};
pub use record::Verdict;
use roles::RoleCache;
use time::{START, Window, within};

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
    /// omitted or claimed, role assumed, target started, result recorded; see `record.rs` and `attempt.rs`.
    ///
    /// # Guarantees
    /// The answer is given before the deadline, whatever hangs, and once the slowest record is done: only the answer says
    /// which messages SQS deletes. A message is deleted only once its run has been settled or the message is in the
    /// dead-letter queue. A run that can no longer be begun in time is not claimed.
    pub async fn handle(self: &Arc<Self>, batch: Batch, invocation: &Invocation) -> BatchAnswer {
        let begun = self.ports.now();
        let window = Window::new(begun, invocation.deadline);
        let messages: Vec<_> = batch
            .records
            .iter()
            .map(|r| serde_json::from_str::<Mensaje>(&r.body))
            .collect();
        let mut ids: Vec<_> = messages.iter().flatten().map(|m| m.id_proceso.clone()).collect();
        ids.sort();
        ids.dedup();
        let rows = match within(&self.ports, window.until_too_late(begun, START), self.read(&ids)).await {
            Some(Ok(rows)) => rows,
            unread => return self.unread(batch, window, unread.and_then(Result::err)).await,
        };
        let tasks: Vec<_> = batch
            .records
            .into_iter()
            .zip(messages)
            .enumerate()
            .map(|(index, (record, message))| {
                let record = Arc::new(record);
                let row = message.as_ref().ok().and_then(|m| rows.get(&m.id_proceso)).cloned();
                let owner = format!("{}/{index}", invocation.request_id);
                let task = Arc::clone(self).one(Arc::clone(&record), message, row, owner, window);
                (record, tokio::spawn(task))
            })
            .collect();
        let verdicts = tasks
            .into_iter()
            .map(|(record, task)| self.verdict(record, task, window));
        BatchAnswer::leaving(join_all(verdicts).await.into_iter().flatten())
    }

    async fn read(&self, ids: &[IdProceso]) -> Result<Rows, AwsError> {
        if ids.is_empty() {
            Ok(Rows::new())
        } else {
            self.ports.processes(ids).await
        }
    }

    /// Nothing can be begun without the processes: all messages wait, longer each time.
    async fn unread(&self, batch: Batch, window: Window, error: Option<AwsError>) -> BatchAnswer {
        let why = error.map_or_else(|| "no answer in time".to_owned(), |error| error.to_string());
        tracing::error!(
            error = why,
            mensajes = batch.records.len(),
            "the processes could not be read: the batch stays"
        );
        let given_back = batch
            .records
            .iter()
            .map(|record| record::back(&self.ports, record, pause_after_trouble(record.receives())));
        let time = window.until_last_moment(self.ports.now());
        if within(&self.ports, time, join_all(given_back)).await.is_none() {
            tracing::warn!("the messages could not be given back in time: they wait for the queue's visibility");
        }
        BatchAnswer::leaving(batch.records.into_iter().map(|record| record.message_id))
    }

    async fn one(
        self: Arc<Self>,
        record: Arc<Record>,
        message: Result<Mensaje, serde_json::Error>,
        row: Option<Row>,
        owner: String,
        window: Window,
    ) -> Verdict {
        match message {
            Ok(message) => {
                let run = record::Run {
                    record: &record,
                    message: &message,
                    owner: &owner,
                    window,
                };
                run.go(&self.ports, &self.roles, row).await
            }
            Err(error) => record::bury_unreadable(&self.ports, &record, &error).await,
        }
    }

    /// The message's id where it stays on the queue: told to, panicked, or still hanging at the last moment.
    async fn verdict(&self, record: Arc<Record>, mut task: JoinHandle<Verdict>, window: Window) -> Option<String> {
        let time = window.until_last_moment(self.ports.now());
        match within(&self.ports, time, &mut task).await {
            Some(Ok(Verdict::Done)) => return None,
            Some(Ok(Verdict::Stays)) => return Some(record.message_id.clone()),
            Some(Err(error)) => {
                tracing::error!(mensaje = record.message_id, %error, "the record panicked: its message stays");
            }
            None => {
                task.abort();
                tracing::error!(
                    mensaje = record.message_id,
                    "still not done at the invocation's end: the message stays"
                );
            }
        }
        // Its run may be claimed: the message comes back when the lease has ended.
        let delay = window.after_lease(self.ports.now());
        let given_back = record::back(&self.ports, &record, delay);
        if within(&self.ports, Window::LAST_CALLS, given_back).await.is_none() {
            tracing::warn!(mensaje = record.message_id, "could not be given back in time");
        }
        Some(record.message_id.clone())
    }
}

#[cfg(test)]
mod tests;
