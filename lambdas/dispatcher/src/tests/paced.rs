//! A world in which everything takes its time, on a clock of its own: calls wait for their answers side by side, and share one
//! processor. An hour of it goes by in an instant.

use std::collections::BTreeMap;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use kairos::calendarizacion::Calendarizacion;
use kairos::ids::{IdCalendarizacion, IdProceso};
use kairos::instant::Timestamp;
use kairos::message::Disparo;
use kairos::registry::PortError;
use kairos_aws::error::{AwsError, Class};
use kairos_aws::processes::{Candidate, Page};
use kairos_aws::queue::{Outgoing, Rejected};

use super::world::error;
use crate::Ports;

/// What a test sets.
#[derive(Clone, Copy)]
pub(super) struct Pace {
    pub(super) processes: usize,
    pub(super) page_size: usize,
    /// Until an answer of the queue arrives.
    pub(super) send: Duration,
    /// Until a page arrives.
    pub(super) page: Duration,
    /// Of the one processor, for a call of the queue with its messages.
    pub(super) send_cpu: Duration,
    /// Of the one processor, for a page.
    pub(super) page_cpu: Duration,
    /// How many calls the queue takes at once; what comes beside them is throttled.
    pub(super) capacity: usize,
    /// The process whose message is throttled, and until when.
    pub(super) stuck: Option<(usize, Duration)>,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            processes: 10_000,
            page_size: 1_000,
            send: Duration::from_millis(10),
            page: Duration::from_millis(30),
            send_cpu: Duration::ZERO,
            page_cpu: Duration::ZERO,
            capacity: usize::MAX,
            stuck: None,
        }
    }
}

pub(super) struct Paced {
    pace: Pace,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    now: Duration,
    cpu_free: Duration,
    /// Who waits until when, in the order in which they began to.
    sleepers: BTreeMap<(Duration, u64), Waker>,
    asleep: u64,
    in_flight: usize,
    throttled: usize,
    calls: usize,
    /// How often each process's message was taken.
    taken: Vec<u8>,
    continuations: Vec<Disparo>,
}

impl Paced {
    pub(super) fn new(pace: Pace) -> Self {
        let state = State {
            taken: vec![0; pace.processes],
            ..State::default()
        };
        Self {
            pace,
            state: Mutex::new(state),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// How many messages were taken once, and how many more often.
    pub(super) fn taken(&self) -> (usize, usize) {
        let state = self.state();
        let of = |wanted: fn(u8) -> bool| state.taken.iter().filter(|times| wanted(**times)).count();
        (of(|times| times == 1), of(|times| times > 1))
    }

    /// How many calls of the queue there were, and how many were throttled.
    pub(super) fn calls(&self) -> (usize, usize) {
        let state = self.state();
        (state.calls, state.throttled)
    }

    pub(super) fn continuations(&self) -> Vec<Disparo> {
        self.state().continuations.clone()
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.state().now
    }

    /// Runs a future to its end; whenever it only waits, the clock moves to the next thing that happens.
    pub(super) fn run<F: Future>(&self, future: F) -> F::Output {
        let woken = Arc::new(Woken(AtomicBool::new(true)));
        let waker = Waker::from(Arc::clone(&woken));
        let mut context = Context::from_waker(&waker);
        let mut future = pin!(future);
        loop {
            while woken.0.swap(false, Ordering::Relaxed) {
                if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
                    return output;
                }
            }
            let ((now, _), sleeper) = self.state().sleepers.pop_first().unwrap();
            self.state().now = now;
            sleeper.wake();
        }
    }

    fn until(&self, at: Duration) -> Until<'_> {
        Until { world: self, at }
    }

    /// Takes the processor for so long, after whoever holds it: until when.
    fn cpu(&self, time: Duration) -> Duration {
        let mut state = self.state();
        state.cpu_free = state.cpu_free.max(state.now) + time;
        state.cpu_free
    }

    fn take(&self, batch: &[Outgoing]) -> Result<Vec<Rejected>, AwsError> {
        let numbers: Vec<usize> = batch.iter().map(|message| number(&message.body)).collect();
        let mut state = self.state();
        state.calls += 1;
        let stuck = |(process, until): (usize, Duration)| numbers.contains(&process) && state.now < until;
        if state.in_flight > self.pace.capacity || self.pace.stuck.is_some_and(stuck) {
            state.throttled += 1;
            return Err(error(Class::Transient));
        }
        for number in numbers {
            state.taken[number] += 1;
        }
        Ok(Vec::new())
    }
}

fn number(body: &str) -> usize {
    let (_, rest) = body.split_once("\"proceso-").unwrap();
    rest.split_once('"').unwrap().0.parse().unwrap()
}

fn id(number: usize) -> IdProceso {
    format!("proceso-{number:07}").parse().unwrap()
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

struct Until<'a> {
    world: &'a Paced,
    at: Duration,
}

impl Future for Until<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.world.state();
        if state.now >= self.at {
            return Poll::Ready(());
        }
        state.asleep += 1;
        let place = (self.at, state.asleep);
        state.sleepers.insert(place, context.waker().clone());
        Poll::Pending
    }
}

impl Ports for &Paced {
    async fn page(&self, _: &IdCalendarizacion, after: Option<&IdProceso>) -> Result<Page, AwsError> {
        let answered = self.state().now + self.pace.page;
        self.until(answered).await;
        self.until(self.cpu(self.pace.page_cpu)).await;
        let start = after.map_or(0, |last| {
            last.as_str().trim_start_matches("proceso-").parse::<usize>().unwrap() + 1
        });
        let end = (start + self.pace.page_size).min(self.pace.processes);
        let candidate = |number| Candidate {
            id_proceso: id(number),
            habilitado: true,
            fecha_asignacion: None,
        };
        Ok(Page {
            candidates: (start..end).map(candidate).collect(),
            next: (end < self.pace.processes).then(|| id(end - 1)),
        })
    }

    async fn calendarizacion(&self, _: &IdCalendarizacion) -> Result<Option<Calendarizacion>, PortError> {
        Ok(None)
    }

    async fn send(&self, batch: Vec<Outgoing>) -> Result<Vec<Rejected>, AwsError> {
        self.until(self.cpu(self.pace.send_cpu)).await;
        self.state().in_flight += 1;
        let answered = self.state().now + self.pace.send;
        self.until(answered).await;
        let outcome = self.take(&batch);
        self.state().in_flight -= 1;
        outcome
    }

    async fn go_on(&self, rest: &Disparo) -> Result<(), AwsError> {
        self.state().continuations.push(rest.clone());
        Ok(())
    }

    fn now(&self) -> Timestamp {
        let start: Timestamp = "2026-01-02T12:00:05Z".parse().unwrap();
        start.saturating_add(self.state().now).unwrap()
    }

    async fn sleep(&self, time: Duration) {
        let at = self.state().now + time;
        self.until(at).await;
    }
}
