//! The dispatcher's world in memory: an index, a queue that can refuse, and a clock that only the tests move.

use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;
use std::time::Duration;

use kairos::calendarizacion::Calendarizacion;
use kairos::ids::{IdCalendarizacion, IdProceso};
use kairos::instant::Timestamp;
use kairos::message::Disparo;
use kairos::names::{Names, Place};
use kairos::registry::PortError;
use kairos::schedule::Schedule;
use kairos_aws::error::{AwsError, Class};
use kairos_aws::processes::{Candidate, Page};
use kairos_aws::queue::{Outgoing, Rejected};

use crate::Ports;

pub(super) const CALENDARIZACION: &str = "calendarizacion-a";

/// What a test finds and sets.
pub(super) struct World {
    pub(super) partition: &'static str,
    pub(super) row: Option<Calendarizacion>,
    pub(super) page_takes: Duration,
    pub(super) sends_await_next_page: bool,
    pub(super) unreadable_page: Option<usize>,
    pub(super) deaf: bool,
    pub(super) rejection: Class,
    pub(super) processes: Vec<Candidate>,
    pub(super) page_size: usize,
    pub(super) state: Mutex<State>,
}

/// What happened.
#[derive(Default)]
pub(super) struct State {
    clock: Duration,
    slept: Duration,
    pages: usize,
    pages_sent_from: usize,
    pages_ahead: usize,
    in_flight: usize,
    most_in_flight: usize,
    batches: Vec<usize>,
    taken: Vec<Outgoing>,
    rejections: HashMap<String, u32>,
    failures: VecDeque<AwsError>,
    continuations: Vec<Disparo>,
}

pub(super) fn candidate(id: &str, habilitado: bool, assigned: &str) -> Candidate {
    Candidate {
        id_proceso: id.parse().unwrap(),
        habilitado,
        fecha_asignacion: Some(assigned.parse().unwrap()),
    }
}

pub(super) fn error(class: Class) -> AwsError {
    AwsError {
        action: "SendMessageBatch".into(),
        object: "queue".into(),
        code: Some("Code".into()),
        message: "words".into(),
        request_id: None,
        class,
        ambiguous: false,
    }
}

impl World {
    /// So many processes, all due, in pages of a size.
    pub(super) fn with(processes: usize, page_size: usize) -> Self {
        let all = (0..processes).map(|n| candidate(&format!("proceso-{n:06}"), true, "2026-01-01T00:00:00Z"));
        Self {
            page_size,
            ..Self::holding(all.collect())
        }
    }

    /// These processes in one page.
    pub(super) fn holding(processes: Vec<Candidate>) -> Self {
        let place = Place {
            partition: "aws".into(),
            account: "123456789012".into(),
            region: "sa-east-1".into(),
        };
        let schedule = Schedule::parse("* * * * ? *", None, None, None, None).unwrap();
        let created = "2026-01-01T00:00:00Z".parse().unwrap();
        Self {
            partition: "aws",
            row: Some(Calendarizacion::new(&schedule, &Names::new("demo", place), created)),
            page_takes: Duration::ZERO,
            sends_await_next_page: false,
            unreadable_page: None,
            deaf: false,
            rejection: Class::Transient,
            page_size: processes.len().max(1),
            processes,
            state: Mutex::default(),
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Rejects the message of a process so many times.
    pub(super) fn reject(&self, id: &str, times: u32) {
        self.state().rejections.insert(id.to_owned(), times);
    }

    /// Fails the first calls of the queue so.
    pub(super) fn fail_sends(&self, errors: impl IntoIterator<Item = AwsError>) {
        self.state().failures.extend(errors);
    }

    pub(super) fn taken(&self) -> Vec<Outgoing> {
        self.state().taken.clone()
    }

    /// The clock moves on.
    pub(super) fn later(&self, time: Duration) {
        self.state().clock += time;
    }

    pub(super) fn batches(&self) -> Vec<usize> {
        self.state().batches.clone()
    }

    pub(super) fn continuations(&self) -> Vec<Disparo> {
        self.state().continuations.clone()
    }

    pub(super) fn slept(&self) -> Duration {
        self.state().slept
    }

    pub(super) fn most_in_flight(&self) -> usize {
        self.state().most_in_flight
    }

    /// The most pages that had been read beyond the one whose messages were being sent.
    pub(super) fn pages_ahead(&self) -> usize {
        self.state().pages_ahead
    }

    fn page_of(&self, message: &Outgoing) -> usize {
        let body: kairos::message::Mensaje = serde_json::from_str(&message.body).unwrap();
        let place = self
            .processes
            .iter()
            .position(|p| p.id_proceso == body.id_proceso)
            .unwrap();
        place / self.page_size
    }

    fn take(&self, batch: &[Outgoing]) -> Result<Vec<Rejected>, AwsError> {
        let mut state = self.state();
        if let Some(failure) = state.failures.pop_front() {
            return Err(failure);
        }
        state.batches.push(batch.len());
        let mut rejected = Vec::new();
        for (index, message) in batch.iter().enumerate() {
            let left = state
                .rejections
                .iter_mut()
                .find(|(id, left)| message.body.contains(*id) && **left > 0);
            if let Some((_, left)) = left {
                *left -= 1;
                rejected.push(Rejected {
                    index,
                    error: error(self.rejection),
                });
            } else {
                state.taken.push(message.clone());
            }
        }
        Ok(rejected)
    }
}

impl Ports for &World {
    async fn page(&self, _: &IdCalendarizacion, after: Option<&IdProceso>) -> Result<Page, AwsError> {
        let start = after.map_or(0, |last| {
            self.processes.iter().position(|p| &p.id_proceso == last).unwrap() + 1
        });
        let number = start / self.page_size;
        {
            let mut state = self.state();
            state.clock += self.page_takes;
            state.pages = state.pages.max(number + 1);
            let ahead = number.saturating_sub(state.pages_sent_from);
            state.pages_ahead = state.pages_ahead.max(ahead);
        }
        if self.unreadable_page == Some(number) {
            return Err(error(Class::Transient));
        }
        let end = (start + self.page_size).min(self.processes.len());
        let candidates = self.processes[start..end].to_vec();
        let next = (end < self.processes.len()).then(|| self.processes[end - 1].id_proceso.clone());
        Ok(Page { candidates, next })
    }

    async fn calendarizacion(&self, _: &IdCalendarizacion) -> Result<Option<Calendarizacion>, PortError> {
        Ok(self.row.clone())
    }

    async fn send(&self, batch: Vec<Outgoing>) -> Result<Vec<Rejected>, AwsError> {
        let page = self.page_of(&batch[0]);
        {
            let mut state = self.state();
            state.pages_sent_from = state.pages_sent_from.max(page);
            state.in_flight += 1;
            state.most_in_flight = state.most_in_flight.max(state.in_flight);
        }
        tokio::task::yield_now().await;
        let last = self.processes.len().div_ceil(self.page_size) - 1;
        while self.sends_await_next_page && page < last && self.state().pages < page + 2 {
            tokio::task::yield_now().await;
        }
        self.state().in_flight -= 1;
        self.take(&batch)
    }

    async fn go_on(&self, rest: &Disparo) -> Result<(), AwsError> {
        if self.deaf {
            return Err(error(Class::Denied));
        }
        self.state().continuations.push(rest.clone());
        Ok(())
    }

    fn now(&self) -> Timestamp {
        let start: Timestamp = "2026-01-02T12:00:05Z".parse().unwrap();
        start.saturating_add(self.state().clock).unwrap()
    }

    async fn sleep(&self, time: Duration) {
        self.state().slept += time;
    }
}
