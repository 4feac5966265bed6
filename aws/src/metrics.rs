//! What the three functions count and time, as CloudWatch metrics: lines of the log in embedded metric format.
//!
//! Invariant: nothing here fails, and nothing goes over the network; before [`init`] all of it does nothing.
//! Invariant: dimensions are the stack and, for attempts, the kind of target; ids are properties, which cost no series.

use std::io::Write;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use ::metrics::{
    Counter, Histogram, SharedString, Unit, counter, describe_counter, describe_histogram, histogram as of_values,
};
use kairos::instant::{Timestamp, rfc3339_millis};
use metrics_cloudwatch_embedded::{Builder, Collector};

/// The namespace of all metrics.
pub const NAMESPACE: &str = "Kairos";

/// The dimension that all metrics have: the stack's name.
pub const STACK: &str = "Stack";

/// The dimension of what is told apart by the kind of target.
pub const DESTINO: &str = "Destino";

/// How many values of a metric one document holds at most, by the format's own limit.
const MOST_VALUES: usize = 100;

const ENCONTRADAS: &str = "Encontradas";
const DESCARTADAS: &str = "Descartadas";
const DESPACHADAS: &str = "Despachadas";
const RECHAZADAS: &str = "Rechazadas";
const DURACION_DESPACHO: &str = "DuracionDespacho";

const EJECUTADAS: &str = "Ejecutadas";
const FALLIDAS: &str = "Fallidas";
const REINTENTADAS: &str = "Reintentadas";
const OMITIDAS: &str = "Omitidas";
const DUPLICADOS_SUPRIMIDOS: &str = "DuplicadosSuprimidos";
const ILEGIBLES: &str = "Ilegibles";
const RETRASO: &str = "Retraso";
const DURACION: &str = "Duracion";

const PETICIONES: &str = "Peticiones";
const FALLAS_4XX: &str = "Fallas4xx";
const FALLAS_5XX: &str = "Fallas5xx";
const LATENCIA: &str = "Latencia";

const COUNTED: [&str; 13] = [
    ENCONTRADAS,
    DESCARTADAS,
    DESPACHADAS,
    RECHAZADAS,
    EJECUTADAS,
    FALLIDAS,
    REINTENTADAS,
    OMITIDAS,
    DUPLICADOS_SUPRIMIDOS,
    ILEGIBLES,
    PETICIONES,
    FALLAS_4XX,
    FALLAS_5XX,
];

const TIMED: [&str; 4] = [DURACION_DESPACHO, RETRASO, DURACION, LATENCIA];

/// The one emitter of a function: the crate below has one recorder a process.
static EMITTER: OnceLock<Emitter> = OnceLock::new();

/// Counts and times from now on for the installation of this name. `variable` reads the environment: lines carry the level that
/// `AWS_LAMBDA_LOG_LEVEL` lets through.
pub fn init(stack: &str, variable: impl Fn(&str) -> Option<String>) {
    let builder = Builder::new()
        .cloudwatch_namespace(NAMESPACE)
        .with_dimension(STACK, stack.to_owned());
    let level = passing(variable("AWS_LAMBDA_LOG_LEVEL").as_deref());
    install(builder, level, Timestamp::now, to_stdout);
}

/// An invocation of one function. Whatever it counted is written when this is dropped: when it is done, fails or panics alike.
#[derive(Debug)]
#[must_use = "the invocation's metrics are written when this is dropped"]
pub struct Invocation {
    began: Instant,
    function: Function,
}

#[derive(Debug)]
enum Function {
    Dispatcher,
    Executor,
    Api { status: u16 },
}

/// The dispatcher works on a firing, under Lambda's id of the request.
pub fn dispatching(request_id: &str) -> Invocation {
    Invocation::new(request_id, Function::Dispatcher)
}

/// The executor works on a batch, under Lambda's id of the request.
pub fn executing(request_id: &str) -> Invocation {
    Invocation::new(request_id, Function::Executor)
}

/// The API works on a request, under the id that its answer carries. `route` is its method and the template of its path. Until it
/// has [answered](Invocation::answered) it counts as failed.
pub fn answering(request_id: &str, route: Option<&str>) -> Invocation {
    if let Some(emitter) = EMITTER.get() {
        emitter.collector.set_property("Ruta", route);
    }
    Invocation::new(request_id, Function::Api { status: 500 })
}

/// So many processes of a calendarización were read.
pub fn found(count: u64) {
    counter!(ENCONTRADAS).increment(count);
}

/// So many of them were left out: disabled, or assigned after the scheduled time.
pub fn left_out(count: u64) {
    counter!(DESCARTADAS).increment(count);
}

/// So many runs have their message in the queue.
pub fn sent(count: u64) {
    counter!(DESPACHADAS).increment(count);
}

/// The queue rejected so many entries of batches; those that are sent again and rejected again count again.
pub fn rejected(count: u64) {
    counter!(RECHAZADAS).increment(count);
}

/// A run began, for the first time, `lag` after its scheduled time.
pub fn run_began(lag: Duration) {
    timed(&of_values!(RETRASO), lag);
}

/// An attempt at a target of this kind ended, however it did, and took so long.
pub fn attempt_ended(target: impl Into<SharedString>, took: Duration) {
    timed(&of_values!(DURACION, DESTINO => target.into()), took);
}

/// A run was recorded as done.
pub fn run_done() {
    one(&counter!(EJECUTADAS));
}

/// A run was given up.
pub fn run_failed() {
    one(&counter!(FALLIDAS));
}

/// An attempt failed, and another one follows.
pub fn run_again() {
    one(&counter!(REINTENTADAS));
}

/// A run was left out: its process is gone or disabled.
pub fn run_omitted() {
    one(&counter!(OMITIDAS));
}

/// A message was for a run that had ended already, so that nothing was started.
pub fn duplicate() {
    one(&counter!(DUPLICADOS_SUPRIMIDOS));
}

/// A message could not be read, and is buried.
pub fn unreadable() {
    one(&counter!(ILEGIBLES));
}

impl Invocation {
    fn new(request_id: &str, function: Function) -> Self {
        if let Some(emitter) = EMITTER.get() {
            emitter.collector.set_property("Solicitud", request_id);
        }
        Self {
            began: Instant::now(),
            function,
        }
    }

    /// The request was answered with this status.
    pub fn answered(&mut self, status: u16) {
        self.function = Function::Api { status };
    }
}

impl Drop for Invocation {
    fn drop(&mut self) {
        let took = self.began.elapsed();
        match self.function {
            Function::Dispatcher => timed(&of_values!(DURACION_DESPACHO), took),
            Function::Executor => {}
            Function::Api { status } => {
                one(&counter!(PETICIONES));
                match status {
                    400..500 => one(&counter!(FALLAS_4XX)),
                    500.. => one(&counter!(FALLAS_5XX)),
                    _ => {}
                }
                timed(&of_values!(LATENCIA), took);
            }
        }
        if let Some(emitter) = EMITTER.get() {
            emitter.emit();
        }
    }
}

fn one(counter: &Counter) {
    counter.increment(1);
}

fn timed(values: &Histogram, took: Duration) {
    if let Some(emitter) = EMITTER.get() {
        emitter.record(values, milliseconds(took));
    }
}

/// Milliseconds to the microsecond.
fn milliseconds(took: Duration) -> f64 {
    (took.as_secs_f64() * 1e6).round() / 1e3
}

/// The level that lines must carry to pass Lambda's filter: without one they count as `INFO`, and a function that logs warnings
/// only would have no metrics.
fn passing(filter: Option<&str>) -> &'static str {
    let above = ["WARN", "ERROR", "FATAL"];
    let passes = |level: &&str| filter.is_some_and(|filter| filter.eq_ignore_ascii_case(level));
    above.into_iter().find(passes).unwrap_or("INFO")
}

struct Emitter {
    collector: &'static Collector,
    now: fn() -> Timestamp,
    out: fn(&[u8]),
    /// How many values wait for the next line; the collector drops those beyond the limit of one.
    waiting: Mutex<usize>,
}

impl Emitter {
    fn record(&self, values: &Histogram, value: f64) {
        let mut waiting = self.waiting();
        if *waiting == MOST_VALUES {
            self.write(&mut waiting);
        }
        *waiting += 1;
        values.record(value);
    }

    fn emit(&self) {
        self.write(&mut self.waiting());
    }

    fn write(&self, waiting: &mut usize) {
        // Lambda takes a line's level only together with its time.
        self.collector.set_property("timestamp", rfc3339_millis((self.now)()));
        let mut lines = Vec::new();
        if self.collector.flush(&mut lines).is_ok() {
            (self.out)(&lines);
        }
        *waiting = 0;
    }

    /// A count is whole whatever happened to who held it.
    fn waiting(&self) -> std::sync::MutexGuard<'_, usize> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn install(builder: Builder, level: &'static str, now: fn() -> Timestamp, out: fn(&[u8])) {
    // A process has one recorder: where there is one already, it stays.
    let Ok(collector) = builder.init() else { return };
    for name in COUNTED {
        describe_counter!(name, Unit::Count, "");
    }
    for name in TIMED {
        describe_histogram!(name, Unit::Milliseconds, "");
    }
    collector.set_property("level", level);
    let _ = EMITTER.set(Emitter {
        collector,
        now,
        out,
        waiting: Mutex::new(0),
    });
}

/// One write, so that no line of the log comes in between. A log that cannot be written is no reason to fail.
fn to_stdout(lines: &[u8]) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(lines).and_then(|()| out.flush());
}

#[cfg(test)]
mod tests;
