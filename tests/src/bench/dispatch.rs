//! The dispatcher: its packed binary, run as Lambda runs it, on an endpoint that answers every call after 5 ms.
//!
//! The ceiling is the same client with prepared batches and nothing else to do, at the dispatcher's concurrency, built as the
//! dispatcher is; the loop is that client with one message a call. Whether ours, the ceiling or the endpoint is measured is told
//! by their processor times, which are shown.

use std::collections::BTreeMap;
use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use memchr::memmem;

use super::report::Report;
use crate::edge::{Binary, Edge};
use crate::endpoint::{Call, Endpoint, Reply};
use crate::index;
use crate::process::{self, Group};

/// Numbers of processes where none are chosen.
const SIZES: [usize; 3] = [10_000, 100_000, 1_000_000];

/// How long an answer takes.
const ANSWER: Duration = Duration::from_millis(5);

/// How often it is measured, by turns with the ceiling; the median counts. A million is much enough once.
const ROUNDS: usize = 3;
const ONCE: usize = 1_000_000;

/// Messages of the loop.
const LOOP: usize = 500;

/// Goals: of the ceiling, of the loop, and of the memory at a tenth of the processes.
const OF_CEILING: f64 = 0.8;
const OF_LOOP: f64 = 50.0;
const OF_MEMORY: f64 = 1.2;

/// Lambda gives a function of this memory a whole processor; the dispatcher's default is 256 MB.
const WHOLE_MB: f64 = 1_769.0;
const DEFAULT_MB: f64 = 256.0;

/// The dispatcher's default time-out, in seconds, without what it keeps for the continuation.
const TIMEOUT: f64 = 900.0 - 30.0;

/// Continuations that a million processes may take.
const HOPS: f64 = 2.0;

/// Names another binary of the dispatcher than the packed one.
const VARIABLE: &str = "KAIROS_DISPATCHER";

/// Names the binary of the ceiling, lambdas/dispatcher/examples/ceiling.rs, built as the dispatcher is.
const CEILING_VARIABLE: &str = "KAIROS_CEILING";

/// What one run took.
#[derive(Debug, Clone, Copy)]
struct Run {
    seconds: f64,
    cpu: f64,
    peak_mb: f64,
}

/// What all runs share.
struct Bench {
    endpoint: Endpoint,
    /// How many processes the index holds.
    held: Arc<AtomicUsize>,
    /// How many messages the queue took.
    taken: Arc<AtomicUsize>,
    dispatcher: Binary,
    ceiling: Binary,
}

/// Measures the dispatcher with so many processes.
///
/// # Errors
/// There is no binary, or a run failed, or not every process got its message.
pub async fn measure(sizes: &[usize], report: &mut Report) -> Result<()> {
    let named = |variable| std::env::var_os(variable).map(Binary::at);
    let held = Arc::<AtomicUsize>::default();
    let taken = Arc::<AtomicUsize>::default();
    let bench = Bench {
        endpoint: endpoint(Arc::clone(&held), Arc::clone(&taken))?,
        held,
        taken,
        dispatcher: named(VARIABLE).map_or_else(|| Binary::packed("dispatcher"), Ok)?,
        ceiling: named(CEILING_VARIABLE).with_context(|| {
            format!("{CEILING_VARIABLE} names no binary: run `cargo xtask bench dispatch`, which builds it")
        })?,
    };
    let one = bench.client("one", LOOP)?;
    let one = rate(LOOP, one.seconds);
    let mut peaks = BTreeMap::new();
    for &size in if sizes.is_empty() { &SIZES } else { sizes } {
        let (mut ours, mut ceilings) = (Vec::new(), Vec::new());
        for _ in 0..if size >= ONCE { 1 } else { ROUNDS } {
            ceilings.push(bench.client("batches", size)?);
            ours.push(bench.dispatch(size).await?);
        }
        let peak = ours.iter().map(|run| run.peak_mb).fold(0.0, f64::max);
        peaks.insert(size, peak);
        let (ours, ceiling) = (median(ours), median(ceilings));
        let what = format!("dispatch: {size} processes");
        let throughput = rate(size, ours.seconds);
        report.floor(
            &what,
            throughput,
            "messages/s",
            ("ceiling", rate(size, ceiling.seconds)),
            OF_CEILING,
        );
        report.floor(&what, throughput, "messages/s", ("one a call", one), OF_LOOP);
        let micros = |run: Run| 1e6 * run.cpu / count(size);
        let cpu = format!("{what}: processor time of a message");
        report.ratio(&cpu, micros(ours), "µs", ("ceiling", micros(ceiling)), None);
        let told = format!(
            "{} Query, {} SendMessageBatch",
            size.div_ceil(1_000).max(1),
            size.div_ceil(10)
        );
        report.figure(&format!("{what}: calls"), &told);
        let hops = (ours.cpu * WHOLE_MB / DEFAULT_MB / TIMEOUT).ceil() - 1.0;
        report.ceiling(
            &format!("{what}: continuations at 256 MB, by processor time"),
            hops.max(0.0),
            "",
            HOPS,
        );
        match peaks.get(&(size / 10)) {
            Some(tenth) => report.ratio(
                &format!("{what}: peak memory"),
                peak,
                "MB",
                ("a tenth of them", *tenth),
                Some(OF_MEMORY),
            ),
            None => report.figure(&format!("{what}: peak memory"), &format!("{peak:.1} MB")),
        }
    }
    Ok(())
}

impl Bench {
    /// One firing of the packed binary.
    async fn dispatch(&self, size: usize) -> Result<Run> {
        self.held.store(size, Ordering::Relaxed);
        let mut edge = Edge::start(&self.dispatcher, &index::environment(&self.endpoint), 1).await?;
        self.taken.store(0, Ordering::Relaxed);
        self.endpoint.take();
        let (begun, cpu) = (Instant::now(), edge.cpu_seconds());
        let said = edge.invoke_within(&index::firing(), Duration::from_mins(15)).await;
        let seconds = begun.elapsed().as_secs_f64();
        let said = said.with_context(|| edge.log())?;
        ensure!(said["Enviados"] == size && said["Continua"] == false, "{said}");
        ensure!(
            self.taken.load(Ordering::Relaxed) == size,
            "not one message for each process: {said}"
        );
        let calls = self.endpoint.take();
        let expected = [
            ("Query", size.div_ceil(1_000).max(1)),
            ("SendMessageBatch", size.div_ceil(10)),
        ];
        let expected = expected.map(|(operation, count)| (operation.to_owned(), count));
        ensure!(
            calls == BTreeMap::from(expected),
            "other calls than these were expected: {calls:?}"
        );
        Ok(Run {
            seconds,
            cpu: edge.cpu_seconds() - cpu,
            peak_mb: edge.peak_mb(),
        })
    }

    /// The client alone.
    fn client(&self, how: &str, messages: usize) -> Result<Run> {
        self.taken.store(0, Ordering::Relaxed);
        let mut client = Group::start(
            Command::new(self.ceiling.path())
                .args([how, &messages.to_string()])
                .env_clear()
                .envs(index::environment(&self.endpoint))
                .stdin(Stdio::null())
                .stdout(Stdio::piped()),
        )?;
        let mut told = String::new();
        client
            .child()
            .stdout
            .take()
            .context("the client has no output")?
            .read_to_string(&mut told)?;
        while !client.has_ended()? {
            std::thread::yield_now();
        }
        let cpu = process::times(client.id()).context("reading what the client took")?.own;
        let status = client.wait(Duration::ZERO)?;
        ensure!(
            status.is_some_and(|status| status.success()),
            "the client ended with {status:?}"
        );
        ensure!(
            self.taken.load(Ordering::Relaxed) == messages,
            "the client sent other than {messages} messages"
        );
        Ok(Run {
            seconds: told.trim().parse().context("reading the client's time")?,
            cpu,
            peak_mb: 0.0,
        })
    }
}

fn endpoint(held: Arc<AtomicUsize>, taken: Arc<AtomicUsize>) -> Result<Endpoint> {
    // Made once: the endpoint must not be what is measured.
    let answers: Vec<Reply> = (0..=10).map(|entries| index::took(entries, &[])).collect();
    let one = Reply::json(
        r#"{"MessageId":"00000000-0000-4000-8000-000000000000","MD5OfMessageBody":"900150983cd24fb0d6963f7d28e17f72"}"#,
    );
    let body = memmem::Finder::new(br#""MessageBody":"#).into_owned();
    Endpoint::start(ANSWER, move |call: &Call<'_>| match call.operation {
        "SendMessageBatch" => {
            let entries = body.find_iter(call.body).count();
            taken.fetch_add(entries, Ordering::Relaxed);
            answers.get(entries).cloned().unwrap_or_else(Reply::throttled)
        }
        "SendMessage" => {
            taken.fetch_add(1, Ordering::Relaxed);
            one.clone()
        }
        "Query" => index::page(&call.json(), held.load(Ordering::Relaxed)),
        other => Reply::error(400, "UnknownOperationException", other),
    })
}

fn median(mut runs: Vec<Run>) -> Run {
    runs.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
    runs[runs.len() / 2]
}

fn rate(messages: usize, seconds: f64) -> f64 {
    count(messages) / seconds
}

#[expect(clippy::cast_precision_loss, reason = "numbers of processes stay far below 2⁵³")]
fn count(number: usize) -> f64 {
    number as f64
}
