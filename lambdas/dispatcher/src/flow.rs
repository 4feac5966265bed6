//! One firing on its way: pages are read while batches of messages are sent, many in flight, until all is sent or the time ends.
//!
//! Invariant: every process that is due is in exactly one batch, batches in the order of their processes, whatever the pages.
//! Invariant: memory holds what is due of two pages and [`SPAN`] batches at most, however many processes there are.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use futures_util::future::Either;
use futures_util::stream::{FuturesUnordered, StreamExt};
use kairos::ids::{IdCalendarizacion, IdProceso};
use kairos::instant::Timestamp;
use kairos::message::Mensajes;
use kairos_aws::error::{AwsError, Class};
use kairos_aws::processes::Page;
use kairos_aws::queue::{BATCH, Outgoing, Rejected};

use crate::Summary;
use crate::due::due;
use crate::error::DispatchError;
use crate::ports::Ports;
use crate::progress::Progress;
use crate::window::{MOST, Window};

/// How far batches may run ahead of one that the queue does not take. It bounds what is remembered, and how many messages a
/// continuation sends again when the time ends meanwhile.
const SPAN: usize = 4 * MOST;

/// How often a message is sent at most: for half a minute.
const ROUNDS: u32 = 12;

/// How long the second sending waits; each further one waits twice as long, up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What is dispatched, and until when.
#[derive(Debug)]
pub(crate) struct Firing<'a> {
    pub(crate) id: &'a IdCalendarizacion,
    pub(crate) at: Timestamp,
    /// After whom it begins; at the first process where there is none.
    pub(crate) after: Option<&'a IdProceso>,
    /// From then on no page is read.
    pub(crate) stop: Timestamp,
    /// From then on nothing is sent.
    pub(crate) halt: Timestamp,
}

/// How a firing ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Every message is in the queue.
    Complete,
    /// Everything is up to this process; where there is none, nothing is.
    UpTo(Option<IdProceso>),
}

/// Dispatches a firing; `summary` counts what was done, however it ends.
pub(crate) async fn run<P: Ports>(
    ports: &P,
    firing: &Firing<'_>,
    messages: &Mensajes,
    summary: &mut Summary,
) -> Result<End, DispatchError> {
    let mut flow = Flow::new(ports, firing, summary);
    let mut steps = FuturesUnordered::new();
    loop {
        flow.stop_in_time();
        while let Some(batch) = flow.next_batch() {
            steps.push(Either::Left(send(ports, firing, messages, batch, Duration::ZERO)));
        }
        if let Some(start) = flow.next_page() {
            steps.push(Either::Right(read(ports, firing.id, start)));
        }
        let Some(step) = steps.next().await else {
            return flow.end();
        };
        match step {
            Step::Read(page) => flow.page(page),
            Step::Sent(batch, outcome) => {
                if let Some((batch, pause)) = flow.sent(batch, outcome) {
                    steps.push(Either::Left(send(ports, firing, messages, batch, pause)));
                }
            }
        }
    }
}

struct Flow<'a, P> {
    ports: &'a P,
    firing: &'a Firing<'a>,
    summary: &'a mut Summary,
    source: Source,
    /// Due, read, and in no batch yet.
    due: VecDeque<IdProceso>,
    /// How many of the last page were due.
    last_page: usize,
    /// The last process that was read.
    read_to: Option<IdProceso>,
    progress: Progress,
    window: Window,
    in_flight: usize,
    refused: Option<Refused>,
    unreadable: Option<AwsError>,
}

/// Where further processes come from.
#[derive(Debug)]
enum Source {
    /// The page that begins there.
    Next(Start),
    /// A page that is being read.
    Reading,
    /// There are more, for a continuation.
    Left,
    /// There are no more.
    Ended,
}

/// Where a page begins: after this process, or at the first one.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Start(Option<IdProceso>);

/// Messages that the queue did not take.
#[derive(Debug)]
struct Refused {
    count: usize,
    /// Why, of the first of them.
    cause: AwsError,
    /// The queue takes no call at all: nothing further is tried.
    hopeless: bool,
}

/// A batch in flight.
#[derive(Debug)]
struct Batch {
    number: u64,
    ids: Vec<IdProceso>,
    round: u32,
    generation: u32,
}

enum Step {
    Read(Result<Page, AwsError>),
    Sent(Batch, Outcome),
}

enum Outcome {
    Answered(Result<Vec<Rejected>, AwsError>),
    /// The time was over before it was sent.
    Late,
}

async fn read<P: Ports>(ports: &P, id: &IdCalendarizacion, start: Start) -> Step {
    Step::Read(ports.page(id, start.0.as_ref()).await)
}

/// Sends a batch once `pause` has gone by.
async fn send<P: Ports>(ports: &P, firing: &Firing<'_>, messages: &Mensajes, batch: Batch, pause: Duration) -> Step {
    if !pause.is_zero() {
        ports.sleep(pause).await;
        if ports.now() >= firing.halt {
            return Step::Sent(batch, Outcome::Late);
        }
    }
    let messages = batch.ids.iter().map(|id| Outgoing {
        body: messages.of(id),
        // Fair queues: a calendarización of a hundred thousand processes does not hold up the others.
        group: Some(firing.id.to_string()),
        attributes: Vec::new(),
    });
    let answer = ports.send(messages.collect()).await;
    Step::Sent(batch, Outcome::Answered(answer))
}

impl<'a, P: Ports> Flow<'a, P> {
    fn new(ports: &'a P, firing: &'a Firing<'a>, summary: &'a mut Summary) -> Self {
        Self {
            ports,
            firing,
            summary,
            source: Source::Next(Start(firing.after.cloned())),
            due: VecDeque::new(),
            last_page: 0,
            read_to: firing.after.cloned(),
            progress: Progress::default(),
            window: Window::default(),
            in_flight: 0,
            refused: None,
            unreadable: None,
        }
    }

    /// The batch that may begin now. It is short only where no page follows that could fill it.
    fn next_batch(&mut self) -> Option<Batch> {
        let more = matches!(self.source, Source::Next(_) | Source::Reading);
        if self.due.is_empty()
            || (more && self.due.len() < BATCH)
            || self.in_flight >= self.window.limit()
            || self.progress.open() >= SPAN
            || self.is_hopeless()
            || self.ports.now() >= self.firing.halt
        {
            return None;
        }
        let ids: Vec<_> = self.due.drain(..BATCH.min(self.due.len())).collect();
        let last = ids.last()?.clone();
        self.in_flight += 1;
        Some(Batch {
            number: self.progress.begin(last),
            ids,
            round: 1,
            generation: self.window.generation(),
        })
    }

    /// Leaves what has not been read to a continuation once it is time. The first page is read in any case: every invocation
    /// gets on.
    fn stop_in_time(&mut self) {
        if let Source::Next(Start(after)) = &self.source
            && (self.is_hopeless() || (after.as_ref() != self.firing.after && self.ports.now() >= self.firing.stop))
        {
            self.source = Source::Left;
        }
    }

    /// The page that is to be read now: the next one as soon as the last one has begun to be sent.
    fn next_page(&mut self) -> Option<Start> {
        if self.due.len() >= self.last_page.max(BATCH) || !matches!(self.source, Source::Next(_)) {
            return None;
        }
        match std::mem::replace(&mut self.source, Source::Reading) {
            Source::Next(start) => Some(start),
            _ => None,
        }
    }

    fn page(&mut self, page: Result<Page, AwsError>) {
        match page {
            Ok(page) => {
                let found = page.candidates.len() as u64;
                let page_due = due(page.candidates, self.firing.at);
                self.last_page = page_due.ids.len();
                self.summary.encontrados += found;
                self.summary.habilitados += page_due.enabled;
                self.summary.descartados += found - self.last_page as u64;
                self.due.extend(page_due.ids);
                self.source = page
                    .next
                    .clone()
                    .map_or(Source::Ended, |next| Source::Next(Start(Some(next))));
                self.read_to = page.next;
            }
            Err(error) => {
                self.unreadable = Some(error);
                self.source = Source::Left;
            }
        }
    }

    /// Takes note of a batch's outcome; what must be sent again comes back, with how long to wait first.
    fn sent(&mut self, batch: Batch, outcome: Outcome) -> Option<(Batch, Duration)> {
        let count = batch.ids.len();
        match outcome {
            Outcome::Answered(Ok(rejected)) if rejected.is_empty() => {
                self.summary.enviados += count as u64;
                self.window.grow();
                self.done(&batch)
            }
            Outcome::Answered(Ok(rejected)) => self.rejected(batch, &rejected),
            Outcome::Answered(Err(error)) => self.again(batch, error, true),
            Outcome::Late => {
                self.in_flight -= 1;
                None
            }
        }
    }

    /// The queue took some messages of a batch, and not these.
    fn rejected(&mut self, mut batch: Batch, rejected: &[Rejected]) -> Option<(Batch, Duration)> {
        let places: BTreeSet<_> = rejected.iter().map(|one| one.index).collect();
        if places.len() < rejected.len() || places.last().is_some_and(|last| *last >= batch.ids.len()) {
            // An answer that names none of our entries says nothing of which were taken.
            if let Some(one) = rejected.first() {
                self.refuse(batch.ids.len(), one.error.clone(), true);
            }
            return self.done(&batch);
        }
        self.summary.enviados += (batch.ids.len() - rejected.len()) as u64;
        let (passing, lasting): (Vec<_>, Vec<_>) = rejected.iter().partition(|one| one.error.class == Class::Transient);
        if let Some(one) = lasting.first() {
            self.refuse(lasting.len(), one.error.clone(), false);
        }
        let Some(one) = passing.first() else {
            return self.done(&batch);
        };
        batch.ids = passing
            .iter()
            .filter_map(|one| batch.ids.get(one.index).cloned())
            .collect();
        self.again(batch, one.error.clone(), false)
    }

    /// The messages of a batch are sent again, unless that is of no use.
    fn again(&mut self, mut batch: Batch, cause: AwsError, whole: bool) -> Option<(Batch, Duration)> {
        let transient = cause.class == Class::Transient;
        if transient && self.window.shrink(batch.generation) {
            tracing::warn!(ventana = self.window.limit(), error = %cause, "the queue asks for less");
        }
        if !transient || batch.round == ROUNDS || self.is_hopeless() {
            self.refuse(batch.ids.len(), cause, whole);
            return self.done(&batch);
        }
        self.summary.rechazados += batch.ids.len() as u64;
        let pause = self.pause(&batch);
        batch.round += 1;
        batch.generation = self.window.generation();
        Some((batch, pause))
    }

    /// Nothing more is done about a batch: its messages are in the queue, or the firing fails because of them.
    fn done(&mut self, batch: &Batch) -> Option<(Batch, Duration)> {
        self.progress.done(batch.number);
        self.in_flight -= 1;
        None
    }

    fn pause(&self, batch: &Batch) -> Duration {
        let pause = FIRST_PAUSE.saturating_mul(1 << (batch.round - 1)).min(LONGEST_PAUSE);
        // Batches that were refused together do not come back together: each waits up to half as long again.
        let spread = pause * u32::try_from(batch.number % 8).unwrap_or_default() / 16;
        let left = self.firing.halt.duration_since(self.ports.now());
        (pause + spread).min(Duration::try_from(left).unwrap_or_default())
    }

    fn refuse(&mut self, count: usize, cause: AwsError, hopeless: bool) {
        match &mut self.refused {
            Some(refused) => {
                refused.count += count;
                refused.hopeless |= hopeless;
            }
            None => self.refused = Some(Refused { count, cause, hopeless }),
        }
    }

    fn is_hopeless(&self) -> bool {
        self.refused.as_ref().is_some_and(|refused| refused.hopeless)
    }

    fn end(self) -> Result<End, DispatchError> {
        if let Some(Refused { count, cause, .. }) = self.refused {
            return Err(DispatchError::Rejected {
                count,
                cause: Box::new(cause),
            });
        }
        if let Some(error) = self.unreadable {
            return Err(DispatchError::Read(error));
        }
        let nothing_open = self.progress.open() == 0 && self.due.is_empty();
        match self.source {
            Source::Ended if nothing_open => Ok(End::Complete),
            // Those that were read and are not due are done with, too.
            _ if nothing_open => Ok(End::UpTo(self.read_to)),
            _ => Ok(End::UpTo(self.progress.cursor().cloned())),
        }
    }
}
