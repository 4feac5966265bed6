//! Lambda's runtime API: events go out to who asks for the next one, answers come back under their ids.
//!
//! Invariant: whoever invoked is answered once, by the function or by the limit of time.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Method, Request, Response, StatusCode};
use tokio::sync::{mpsc, oneshot};

use super::Answer;

/// How long the function may take beyond the time that it was told. Lambda would end it then; a busy machine gets more, since
/// nothing here is about time.
const GRACE: Duration = Duration::from_mins(1);

/// The events that wait, and those that the function works on.
#[derive(Debug)]
pub(super) struct Events {
    queue: mpsc::UnboundedSender<Event>,
    waiting: tokio::sync::Mutex<mpsc::UnboundedReceiver<Event>>,
    running: Mutex<HashMap<String, oneshot::Sender<Outcome>>>,
    next: AtomicUsize,
    idle: AtomicUsize,
}

#[derive(Debug)]
struct Event {
    id: String,
    body: Bytes,
    time: Duration,
    outcome: oneshot::Sender<Outcome>,
}

/// What the function returned, or the error that it reported.
type Outcome = Result<Bytes, Bytes>;

impl Default for Events {
    fn default() -> Self {
        let (queue, waiting) = mpsc::unbounded_channel();
        Self {
            queue,
            waiting: tokio::sync::Mutex::new(waiting),
            running: Mutex::default(),
            next: AtomicUsize::new(1),
            idle: AtomicUsize::new(0),
        }
    }
}

/// A request for the next event, for as long as it waits.
struct Asking<'a>(&'a AtomicUsize);

impl<'a> Asking<'a> {
    fn new(idle: &'a AtomicUsize) -> Self {
        idle.fetch_add(1, Ordering::SeqCst);
        Self(idle)
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Events {
    /// How many instances wait for an event now.
    pub(super) fn idle(&self) -> usize {
        self.idle.load(Ordering::SeqCst)
    }

    /// Hands an event over, tells the function that it has this much time, and waits for its outcome.
    pub(super) async fn invoke(&self, body: Bytes, time: Duration) -> Result<Bytes> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (outcome, answered) = oneshot::channel();
        let id = format!("00000000-0000-4000-8000-{number:012}");
        let event = Event {
            id: id.clone(),
            body,
            time,
            outcome,
        };
        self.queue.send(event).ok().context("nobody takes events any more")?;
        let answered = tokio::time::timeout(time + GRACE, answered).await;
        self.running().remove(&id);
        match answered {
            Ok(Ok(Ok(said))) => Ok(said),
            Ok(Ok(Err(error))) => bail!("the function failed: {}", String::from_utf8_lossy(&error)),
            Ok(Err(_)) => bail!("the function went away"),
            Err(_) => bail!("the function did not answer within {} s", (time + GRACE).as_secs()),
        }
    }

    async fn next(&self) -> Option<Event> {
        let _asking = Asking::new(&self.idle);
        self.waiting.lock().await.recv().await
    }

    fn end(&self, id: &str, outcome: Outcome) {
        if let Some(waiting) = self.running().remove(id) {
            let _ = waiting.send(outcome);
        }
    }

    /// A map of senders is whole whatever happened to who held it.
    fn running(&self) -> std::sync::MutexGuard<'_, HashMap<String, oneshot::Sender<Outcome>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Answers the function.
pub(super) async fn answer(events: Arc<Events>, request: Request<Incoming>) -> Answer {
    let path = request.uri().path().to_owned();
    let steps: Vec<&str> = path.trim_start_matches("/2018-06-01/runtime/").split('/').collect();
    match (request.method(), steps.as_slice()) {
        (&Method::GET, ["invocation", "next"]) => match events.next().await {
            Some(event) => handed_over(&events, event),
            None => empty(StatusCode::GONE),
        },
        (&Method::POST, ["invocation", id, kind @ ("response" | "error")]) => {
            let Ok(body) = request.into_body().collect().await else {
                return empty(StatusCode::BAD_REQUEST);
            };
            let said = body.to_bytes();
            events.end(id, if *kind == "response" { Ok(said) } else { Err(said) });
            empty(StatusCode::ACCEPTED)
        }
        (&Method::POST, ["init", "error"]) => empty(StatusCode::ACCEPTED),
        _ => empty(StatusCode::NOT_FOUND),
    }
}

fn handed_over(events: &Events, event: Event) -> Answer {
    let deadline = SystemTime::now() + event.time;
    let deadline = deadline.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let answer = Response::builder()
        .header("content-type", "application/json")
        .header("lambda-runtime-aws-request-id", &event.id)
        .header("lambda-runtime-deadline-ms", deadline.as_millis().to_string())
        .header(
            "lambda-runtime-invoked-function-arn",
            "arn:aws:lambda:us-east-1:123456789012:function:edge",
        )
        .header(
            "lambda-runtime-trace-id",
            "Root=1-00000000-000000000000000000000000;Sampled=0",
        )
        .body(Full::new(event.body));
    events.running().insert(event.id, event.outcome);
    answer.unwrap_or_else(|_| empty(StatusCode::INTERNAL_SERVER_ERROR))
}

fn empty(status: StatusCode) -> Answer {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = status;
    answer
}
