//! The Lambdas' binaries: zip size, process start to the first `/next`, memory at rest.
//!
//! Each binary runs as Lambda runs it, against a runtime API of our own that never has an event. The peer is an empty function that
//! was built the same way and makes the SDK's clients that the function has, and nothing else; it is started in turns with ours.

use std::io::{BufRead, BufReader, Read};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::measure::{megabytes, resident_kb};
use super::report::Report;
use crate::edge;
use crate::process::Group;

/// The functions by name.
const FUNCTIONS: [&str; 3] = ["dispatcher", "executor", "api"];

/// Starts of each binary; the median counts.
const STARTS: usize = 31;

/// Starts of each binary before those that count: they bring it into the kernel's cache.
const WARM_UP: usize = 3;

/// Lambda's ceiling for a zip that we set ourselves, in MB.
const ZIP_MB: f64 = 4.0;

/// Resident memory at rest that we set ourselves, in MB.
const REST_MB: f64 = 16.0;

/// How much longer than the peer a start may take.
const START: f64 = 1.5;

/// The peer's binary: `cargo xtask bench` builds it and says where it is.
fn peer() -> Option<PathBuf> {
    std::env::var_os("KAIROS_CLIENTS_BINARY").map(PathBuf::from)
}

/// Measures the three binaries of the packaged zips.
pub fn measure(report: &mut Report) -> Result<()> {
    let runtime = RuntimeApi::open()?;
    for function in FUNCTIONS {
        let binary = edge::Binary::packed(function)?;
        report.ceiling(
            &format!("{function}: zip"),
            size_mb(&edge::packed(function))?,
            "MB",
            ZIP_MB,
        );
        let start = format!("{function}: start to first /next");
        if let Some(peer) = peer() {
            let (ours, theirs) = in_turns(&runtime, function, binary.path(), &peer)?;
            let against = "empty with the SDK's clients";
            report.ratio(
                &start,
                ours.median_ms(),
                "ms",
                (against, theirs.median_ms()),
                Some(START),
            );
            report.ceiling(&format!("{function}: memory at rest"), ours.rest_mb, "MB", REST_MB);
            report.ratio(
                &format!("{function}: memory at rest, against the peer"),
                ours.rest_mb,
                "MB",
                (against, theirs.rest_mb),
                None,
            );
        } else {
            report.skipped(&start, "KAIROS_CLIENTS_BINARY is not set: use cargo xtask bench");
        }
    }
    Ok(())
}

/// The starts of one binary.
#[derive(Debug, Default)]
struct Starts {
    times_ms: Vec<f64>,
    rest_mb: f64,
}

impl Starts {
    fn add(&mut self, (elapsed, resident): (Duration, f64)) {
        self.times_ms.push(elapsed.as_secs_f64() * 1e3);
        self.rest_mb = self.rest_mb.max(resident);
    }

    fn median_ms(&self) -> f64 {
        let mut sorted = self.times_ms.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len() / 2).copied().unwrap_or_default()
    }
}

/// Ours and the peer, one after the other, so that whatever else the machine does meets both.
fn in_turns(runtime: &RuntimeApi, function: &str, binary: &Path, peer: &Path) -> Result<(Starts, Starts)> {
    let (mut ours, mut theirs) = (Starts::default(), Starts::default());
    for round in 0..WARM_UP + STARTS {
        let one = runtime.start(binary, function)?;
        let other = runtime.start(peer, function)?;
        if round >= WARM_UP {
            ours.add(one);
            theirs.add(other);
        }
    }
    Ok((ours, theirs))
}

#[expect(clippy::cast_precision_loss, reason = "a file's size stays far below 2⁵³")]
fn size_mb(file: &Path) -> Result<f64> {
    Ok(std::fs::metadata(file)?.len() as f64 / 1e6)
}

/// A runtime API that tells when it was asked for an event, and never has one.
struct RuntimeApi {
    address: String,
    asked: mpsc::Receiver<Instant>,
}

impl RuntimeApi {
    fn open() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").context("opening a runtime API")?;
        let address = listener.local_addr()?.to_string();
        let (asked, receiver) = mpsc::channel();
        std::thread::spawn(move || serve(&listener, &asked));
        Ok(Self {
            address,
            asked: receiver,
        })
    }

    /// Starts a binary and waits for its first `/next`: how long that took, and its memory then in MB.
    fn start(&self, bootstrap: &Path, function: &str) -> Result<(Duration, f64)> {
        let mut command = Command::new(bootstrap);
        command
            .env_clear()
            .envs(edge::environment(function))
            .env("KAIROS_CLIENTS", function)
            .env("AWS_LAMBDA_RUNTIME_API", &self.address)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let began = Instant::now();
        let mut process = Group::start(&mut command)?;
        let at = self
            .asked
            .recv_timeout(Duration::from_secs(10))
            .with_context(|| format!("\"{}\" never asked for its first event", bootstrap.display()))?;
        let resident = resident_kb(process.child().id()).context("reading the process's memory")?;
        Ok((at.duration_since(began), megabytes(resident)))
    }
}

/// Answers nothing; tells when a request for an event has come. Its connection stays open until the next one's, as Lambda's does.
fn serve(listener: &TcpListener, asked: &mpsc::Sender<Instant>) {
    let mut open: Option<TcpStream> = None;
    while let Ok((stream, _)) = listener.accept() {
        let mut line = String::new();
        let mut reader = BufReader::new(&stream);
        if reader.by_ref().read_line(&mut line).is_ok() && line.contains("/invocation/next") {
            let _ = asked.send(Instant::now());
        }
        drop(open.replace(stream));
    }
}
