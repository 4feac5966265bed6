//! `cargo xtask fuzz`: lets libFuzzer look for an input of the schedule language that breaks a promise.
//!
//! Invariant: begins with the committed corpus and the same seed each time; needs a C++ compiler, and no other toolchain of
//! Rust, since memory that is safe needs no sanitizer: only the coverage is instrumented.

use std::fs;

use anyhow::{Context, Result};

use crate::shell::{ask, cargo, command, root, run, target};

/// What libFuzzer needs to see which branches an input takes.
const INSTRUMENTATION: [&str; 6] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Ccodegen-units=1",
];

/// Runs the target for so many seconds. An input that fails is written to target/fuzz/artifacts and printed.
pub(crate) fn run_for(seconds: u32) -> Result<()> {
    let host = ask(command("rustc").arg("-vV"))
        .and_then(|told| {
            told.lines()
                .find_map(|line| line.strip_prefix("host: ").map(str::to_owned))
        })
        .context("asking rustc for its host")?;
    let (fuzz, work) = (root().join("fuzz"), target().join("fuzz"));
    // With a target of its own, so that only the target is instrumented, not the macros that the compiler runs.
    let mut build = cargo(["build", "--release", "--locked", "--target", &host, "--manifest-path"]);
    build
        .arg(fuzz.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(work.join("build"))
        .env("CARGO_ENCODED_RUSTFLAGS", INSTRUMENTATION.join("\u{1f}"));
    run(&mut build).context("building the fuzz target")?;

    // What earlier runs have found would make this one another.
    let (found, artifacts) = (work.join("corpus"), work.join("artifacts"));
    if found.exists() {
        fs::remove_dir_all(&found).context("emptying the corpus of the last run")?;
    }
    for folder in [&found, &artifacts] {
        fs::create_dir_all(folder).with_context(|| format!("making \"{}\"", folder.display()))?;
    }
    let mut fuzzer = command(work.join("build").join(host).join("release").join("schedule"));
    fuzzer
        .args(["-seed=1", "-max_len=400", "-timeout=10", "-print_final_stats=1"])
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-dict={}", fuzz.join("schedule.dict").display()))
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .arg(&found)
        .arg(fuzz.join("corpus").join("schedule"));
    run(&mut fuzzer).context("an input breaks a promise of the schedule language, or takes too long")
}
