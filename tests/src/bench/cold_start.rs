//! The Lambdas' binaries: zip size, process start to the first `/next`, memory at rest.
//!
//! Each binary runs as Lambda runs it, against a runtime API of our own that never has an event.

use std::io::{BufRead, BufReader, Read};
use std::net::{TcpListener, TcpStream};
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
const STARTS: usize = 9;

/// Lambda's ceiling for a zip that we set ourselves, in MB.
const ZIP_MB: f64 = 4.0;

/// Resident memory at rest that we set ourselves, in MB.
const REST_MB: f64 = 16.0;

/// A start within this time is not felt: an empty native binary's own start on Lambda takes about as long.
const START_MS: f64 = 50.0;

/// Measures the three binaries of the packaged zips.
pub fn measure(report: &mut Report) -> Result<()> {
    for function in FUNCTIONS {
        let binary = edge::Binary::packed(function)?;
        let zip = std::fs::metadata(edge::packed(function))?;
        #[expect(clippy::cast_precision_loss, reason = "a zip's size stays far below 2⁵³")]
        let megabytes = zip.len() as f64 / 1e6;
        report.ceiling(&format!("{function}: zip"), megabytes, "MB", ZIP_MB);

        let mut starts = Vec::new();
        let mut rest: f64 = 0.0;
        for _ in 0..STARTS {
            let (elapsed, resident) = start(binary.path(), function)?;
            starts.push(elapsed.as_secs_f64() * 1e3);
            rest = rest.max(resident);
        }
        starts.sort_by(f64::total_cmp);
        report.ceiling(
            &format!("{function}: start to first /next"),
            starts[STARTS / 2],
            "ms",
            START_MS,
        );
        report.ceiling(&format!("{function}: memory at rest"), rest, "MB", REST_MB);
    }
    Ok(())
}

/// Starts a binary and waits for its first `/next`: how long that took, and its memory then in MB.
fn start(bootstrap: &std::path::Path, function: &str) -> Result<(Duration, f64)> {
    let listener = TcpListener::bind("127.0.0.1:0").context("opening a runtime API")?;
    let address = listener.local_addr()?.to_string();
    let (asked, first) = mpsc::channel();
    std::thread::spawn(move || serve(&listener, &asked));
    let began = Instant::now();
    let mut process = Group::start(
        Command::new(bootstrap)
            .env_clear()
            .envs(edge::environment(function))
            .env("AWS_LAMBDA_RUNTIME_API", address)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null()),
    )?;
    let at = first
        .recv_timeout(Duration::from_secs(10))
        .with_context(|| format!("the {function} never asked for its first event"))?;
    let resident = resident_kb(process.child().id()).context("reading the process's memory")?;
    Ok((at.duration_since(began), megabytes(resident)))
}

/// Answers nothing; tells when the first request for an event has come. The connection stays open, as Lambda's does.
fn serve(listener: &TcpListener, asked: &mpsc::Sender<Instant>) {
    let mut open: Vec<TcpStream> = Vec::new();
    while let Ok((stream, _)) = listener.accept() {
        let mut line = String::new();
        let mut reader = BufReader::new(&stream);
        if reader.by_ref().read_line(&mut line).is_ok() && line.contains("/invocation/next") {
            let _ = asked.send(Instant::now());
        }
        open.push(stream);
    }
}
