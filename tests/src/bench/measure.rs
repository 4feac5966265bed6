//! Runs terraform and watches it: wall time, processor time, and the peak resident memory of the providers that it starts.

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::Terraform;
use crate::process::{self, Group, descendants};

/// What one command took.
#[derive(Debug, Clone, Copy)]
pub struct Cost {
    /// Wall time in seconds.
    pub seconds: f64,
    /// Processor time of terraform itself, in seconds. It says more than wall time on a machine that has other work.
    pub terraform_cpu: f64,
    /// Processor time of the providers that it started, in seconds.
    pub provider_cpu: f64,
    /// The greatest resident memory of a provider's process, in MB (10⁶ bytes).
    pub provider_peak_mb: f64,
}

/// The file in terraform's folder with what the last command said.
pub const LOG: &str = "bench.log";

/// How often the providers' memory is looked at. The kernel keeps the peak, so only a process's last instants are missed.
const LOOK: Duration = Duration::from_millis(10);

/// How many looks go by until providers that were started meanwhile are looked for, which costs much more than a look.
const SEARCH: usize = 10;

/// Runs a command of terraform whose exit code must be `expected`.
///
/// # Errors
/// It ended otherwise: what terraform said, from its first error on.
pub fn terraform(terraform: &Terraform, arguments: &[&str], expected: i32) -> Result<Cost> {
    let (cost, code) = attempt(terraform, arguments)?;
    if code != Some(expected) {
        bail!(
            "terraform {} ended with {code:?}:\n{}",
            arguments.join(" "),
            errors(terraform)
        );
    }
    Ok(cost)
}

/// What the last command said, from its first error on.
pub fn errors(terraform: &Terraform) -> String {
    let said = fs::read_to_string(terraform.dir().join(LOG)).unwrap_or_default();
    said.find("Error:").map_or(said.clone(), |at| said[at..].to_owned())
}

/// Runs a command of terraform, which may fail: what it took, and its exit code.
pub fn attempt(terraform: &Terraform, arguments: &[&str]) -> Result<(Cost, Option<i32>)> {
    let log = terraform.dir().join(LOG);
    let output = fs::File::create(&log)?;
    let start = Instant::now();
    let mut group = Group::start(
        terraform
            .command(arguments)
            .stdout(Stdio::from(output.try_clone()?))
            .stderr(Stdio::from(output)),
    )?;
    let id = group.id();
    let mut peak = 0;
    let mut providers = Vec::new();
    let mut looks = 0..;
    while !group.has_ended()? {
        if looks.next().is_some_and(|look: usize| look.is_multiple_of(SEARCH)) {
            providers = descendants(id, "terraform-provi");
        }
        for provider in &providers {
            peak = peak.max(peak_kb(*provider).unwrap_or(0));
        }
        std::thread::sleep(LOOK);
    }
    let seconds = start.elapsed().as_secs_f64();
    // Terraform waits for its providers, so that their times are with its own.
    let times = process::times(id).context("reading what terraform took")?;
    let status = group.wait(Duration::ZERO)?.context("terraform ended twice")?;
    let cost = Cost {
        seconds,
        terraform_cpu: times.own,
        provider_cpu: times.children,
        provider_peak_mb: megabytes(peak),
    };
    Ok((cost, status.code()))
}

/// The peak resident memory of a process in kB (Linux: `VmHWM`).
pub fn peak_kb(id: u32) -> Option<u64> {
    status_kb(id, "VmHWM:")
}

/// The resident memory of a process now, in kB (Linux: `VmRSS`).
pub fn resident_kb(id: u32) -> Option<u64> {
    status_kb(id, "VmRSS:")
}

/// The kernel's kB are 1,024 bytes; ours are megabytes of 10⁶.
#[expect(clippy::cast_precision_loss, reason = "memory sizes stay far below 2⁵³")]
pub fn megabytes(kb: u64) -> f64 {
    kb as f64 * 1024.0 / 1e6
}

fn status_kb(id: u32, key: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with(key))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
