//! The executor: its packed binary, fed through the runtime API, on an endpoint of our own.
//!
//! What it does besides calling AWS is told by a peer that makes the same calls with the same clients, and nothing else: it
//! reads, claims, starts and records, with its roles assumed beforehand. The peer is part of the benchmark's own binary.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use executor::targets::Call;
use executor::{AwsPorts, Ports, Settings};
use futures_util::future::join_all;
use jiff::Timestamp;
use kairos::arn::Target;
use kairos::message::Mensaje;
use kairos_aws::claim::Claim;
use kairos_aws::environment::Environment;
use kairos_aws::runs::Outcome;
use serde_json::json;

use super::measure::{megabytes, resident_kb};
use super::report::{Report, Spread};
use crate::edge::{Binary, Edge};
use crate::ground::{self, Calls, Ground, batch};
use crate::process::thread_seconds;

/// Messages of a full batch.
const BATCH: usize = 10;

/// How long a target takes, as the goal has it.
const TARGET: Duration = Duration::from_millis(20);

/// How long tables and roles take, about as within a Region.
const TABLES: Duration = Duration::from_millis(3);

/// Batches of each size whose time is taken.
const ROUNDS: usize = 100;

/// Runs of which memory is told, and of how many processes.
const MANY: (usize, usize) = (10_000, 2_000);

/// Names another binary of the executor than the packed one.
const VARIABLE: &str = "KAIROS_EXECUTOR";

/// The memory of the function where nothing else is said, in MB.
const FUNCTION_MB: f64 = 256.0 * 1.048_576;

/// Measures the executor.
///
/// # Errors
/// There is no binary, or a run failed.
pub async fn measure(report: &mut Report) -> Result<()> {
    let binary = std::env::var_os(VARIABLE).map_or_else(|| Binary::packed("executor"), |path| Ok(Binary::at(path)))?;
    concurrency(&binary, report).await?;
    calls(&binary, report).await?;
    work(&binary, report).await?;
    memory(&binary, report).await
}

/// A batch against one message: the slowest target is waited for, not their sum.
async fn concurrency(binary: &Binary, report: &mut Report) -> Result<()> {
    let ground = Ground::start(TABLES, TARGET)?;
    let edge = ground.executor(binary).await?;
    let (mut one, mut ten) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        one.push(run(&edge, [(0, round)]).await?);
        ten.push(run(&edge, (0..BATCH).map(|n| (n, ROUNDS + round * BATCH + n))).await?);
        if round == 0 {
            // Roles were assumed and connections opened.
            (one, ten) = (Vec::new(), Vec::new());
        }
    }
    let (one, ten) = (Spread::of(one), Spread::of(ten));
    let what = "executor: 10 messages with 20 ms targets";
    report.ratio(what, ten.p50, "ms", ("1 message", one.p50), Some(2.0));
    report.spread("executor: invocation with 10 messages", ten, ("with 1", one));
    Ok(())
}

/// AWS calls a run, and roles assumed.
async fn calls(binary: &Binary, report: &mut Report) -> Result<()> {
    let ground = Ground::start(Duration::ZERO, Duration::ZERO)?;
    let edge = ground.executor(binary).await?;
    let counted = async |runs: Vec<(usize, usize)>| -> Result<(f64, Calls)> {
        let count = runs.len();
        run(&edge, runs).await?;
        let calls = ground.take();
        ensure!(calls.others == 0, "calls that nobody expects: {calls:?}");
        Ok((float(calls.all()) / float(count), calls))
    };
    let cold = counted(vec![(0, 0)]).await?.0;
    report.ceiling(
        "executor: AWS calls of a run whose role is not yet assumed",
        cold,
        "",
        5.0,
    );
    let cached = counted(vec![(0, 1)]).await?.0;
    report.ceiling("executor: AWS calls of a run with cached credentials", cached, "", 4.0);
    let batched = counted((0..BATCH).map(|n| (0, 2 + n)).collect()).await?.0;
    report.ceiling("executor: AWS calls a run, in a batch of 10", batched, "", 4.0);

    let (processes, batches) = (50, 200);
    let mut roles = 0;
    for n in 0..batches {
        let runs = (0..BATCH).map(|m| (1 + (n * BATCH + m) % processes, 1_000 + n * BATCH + m));
        roles += counted(runs.collect()).await?.1.roles;
    }
    let what = format!(
        "executor: AssumeRole calls of {} runs of {processes} processes",
        batches * BATCH
    );
    report.ceiling(&what, float(roles), "", float(processes));
    Ok(())
}

/// Runs a second and processor time a run, where AWS takes no time.
async fn work(binary: &Binary, report: &mut Report) -> Result<()> {
    let ground = Ground::start(Duration::ZERO, Duration::ZERO)?;
    let mut edge = ground.executor(binary).await?;
    let batches = 300;
    let batch = |n: usize| (0..BATCH).map(move |m| (m, n * BATCH + m)).collect::<Vec<_>>();
    run(&edge, batch(0)).await?;
    let (begun, cpu) = (Instant::now(), edge.cpu_seconds());
    for n in 1..=batches {
        run(&edge, batch(n)).await?;
    }
    let runs = float(batches * BATCH);
    let ours = (begun.elapsed().as_secs_f64() / runs, (edge.cpu_seconds() - cpu) / runs);
    drop(edge);

    let environment: HashMap<String, String> = ground.environment().into_iter().collect();
    let peer = std::thread::spawn(move || alone(&environment, batches, batch));
    let peer = tokio::task::spawn_blocking(|| peer.join()).await?;
    let Ok(peer) = peer else { bail!("the peer panicked") };
    let (seconds, taken) = peer?;
    let peer = (seconds / runs, taken / runs);
    let what = "executor: time of a run where AWS takes none";
    report.ratio(
        what,
        ours.0 * 1e3,
        "ms",
        ("the same calls alone", peer.0 * 1e3),
        Some(1.5),
    );
    let what = "executor: processor time of a run";
    report.ratio(
        what,
        ours.1 * 1e3,
        "ms",
        ("the same calls alone", peer.1 * 1e3),
        Some(1.5),
    );
    report.figure("executor: runs a second, one instance", &format!("{:.0}", 1.0 / ours.0));
    Ok(())
}

/// Makes the calls of as many batches and nothing else: how long it took, and of which the processor, in seconds.
fn alone(
    environment: &HashMap<String, String>,
    batches: usize,
    batch: impl Fn(usize) -> Vec<(usize, usize)>,
) -> Result<(f64, f64)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let variable = |name: &str| environment.get(name).cloned();
        let mut read = Environment::read(variable)?;
        let own = Credentials::new("test", "test", None, None, "bench");
        read.config = read
            .config
            .to_builder()
            .credentials_provider(SharedCredentialsProvider::new(own))
            .build();
        let ports = AwsPorts::new(&read, Settings::read(variable)?);
        // Targets take sessions only, as AWS gives them to the executor: this one is assumed before anything is measured.
        let session = ports.assume(&ground::role(0), "bench").await?;
        calls_of(&ports, &session, 0, batch(0)).await?;
        let (begun, cpu) = (Instant::now(), thread_seconds());
        for n in 1..=batches {
            calls_of(&ports, &session, n, batch(n)).await?;
        }
        Ok((begun.elapsed().as_secs_f64(), thread_seconds() - cpu))
    })
}

async fn calls_of(ports: &AwsPorts, credentials: &Credentials, batch: usize, runs: Vec<(usize, usize)>) -> Result<()> {
    let event = self::batch(runs);
    let bodies = event["Records"].as_array().into_iter().flatten();
    let messages = bodies.filter_map(|record| serde_json::from_str::<Mensaje>(record["body"].as_str()?).ok());
    let messages: Vec<Mensaje> = messages.collect();
    let ids: Vec<_> = messages.iter().map(|message| message.id_proceso.clone()).collect();
    let rows = ports.processes(&ids).await?;
    let owner = format!("peer-{batch}");
    let lease = Timestamp::now() + Duration::from_mins(2);
    let done = join_all(messages.iter().map(async |message| -> Result<()> {
        let proceso = rows.get(&message.id_proceso).context("no row")?.clone()?;
        let Claim::Mine { attempt } = ports.claim(message, &owner, lease).await? else {
            bail!("a claim that was refused");
        };
        let call = Call {
            target: Target::parse(&proceso.arn_proceso)?,
            payload: proceso.parametros.clone().unwrap_or_default(),
            id_ejecucion: message.id_ejecucion,
            id_proceso: message.id_proceso.clone(),
            mode: proceso.modo_invocacion,
        };
        let answer = ports.start(&call, credentials).await;
        let answer = answer.map_err(|failure| anyhow::anyhow!(failure.message))?;
        ports
            .record(message, &owner, attempt, &Outcome::Ok(answer.to_string()), None)
            .await?;
        Ok(())
    }));
    done.await.into_iter().collect()
}

/// Memory after many runs of many processes, whose credentials are kept, and of one.
async fn memory(binary: &Binary, report: &mut Report) -> Result<()> {
    let (runs, processes) = MANY;
    let mut peaks = Vec::new();
    for of in [1, processes] {
        let ground = Ground::start(Duration::ZERO, Duration::ZERO)?;
        let mut edge = ground.executor(binary).await?;
        let rest = edge.processes().into_iter().filter_map(resident_kb).sum();
        for n in 0..runs / BATCH {
            run(
                &edge,
                (0..BATCH).map(|m| (n * BATCH + m) % of).map(|process| (process, n)),
            )
            .await?;
        }
        let roles = ground.take().roles;
        ensure!(roles == of, "{roles} roles were assumed for {of} processes");
        peaks.push((megabytes(rest), edge.peak_mb()));
    }
    let (one, many) = (peaks[0], peaks[1]);
    report.figure("executor: memory before the first run", &format!("{:.1} MB", one.0));
    let what = format!("executor: peak memory of {runs} runs of {processes} processes");
    report.ratio(&what, many.1, "MB", ("of 1 process", one.1), None);
    report.ceiling(&what, many.1, "MB", FUNCTION_MB);
    Ok(())
}

/// Runs a batch of which nothing may stay: how long it took, in milliseconds.
async fn run(edge: &Edge, runs: impl IntoIterator<Item = (usize, usize)>) -> Result<f64> {
    let event = batch(runs);
    let begun = Instant::now();
    let answer = edge.invoke(&event).await?;
    let took = begun.elapsed().as_secs_f64() * 1e3;
    ensure!(
        answer == json!({"batchItemFailures": []}),
        "the executor answered {answer}; its log:\n{}",
        edge.log()
    );
    Ok(took)
}

#[expect(clippy::cast_precision_loss, reason = "thousands")]
fn float(count: usize) -> f64 {
    count as f64
}
