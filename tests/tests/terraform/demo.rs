//! The demo's own steps: apply of the quickstart, first runs, API, empty second plan, destroy, nothing left.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use acceptance::demo::Demo;
use acceptance::process::{self, Group};
use acceptance::{wait, workspace};
use anyhow::{Context, Result, ensure};
use indicatif::ProgressBar;
use rustix::process::Signal;

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_does_what_it_tells() -> Result<()> {
    let mut told = Vec::new();
    let demo = Demo::start(&mut told, ProgressBar::hidden()).await?;
    let shown = demo.flow(&mut told).await?;
    demo.end(&mut told).await?;

    assert!(!shown.seen.is_empty(), "the target function saw nothing");
    assert_eq!(
        shown.messages.len(),
        1,
        "the one-time process is the queue's only one: {:?}",
        shown.messages
    );
    let told = String::from_utf8(told)?;
    for part in [
        "No changes.",
        "GET /salud → 200",
        "POST /Procesos → 201",
        "EjecutadoOk",
        "nothing: no table",
    ] {
        assert!(told.contains(part), "the demo did not tell {part:?}:\n{told}");
    }
    let page = fs::read_to_string(workspace::root().join("docs").join("demo.md")).context("reading docs/demo.md")?;
    assert_eq!(
        steps(&told),
        steps(&page),
        "docs/demo.md is not up to date: run `cargo xtask docs`"
    );
    Ok(())
}

/// What is the same in every run, and in the page that is written from one: headings, requests and their status.
fn steps(told: &str) -> Vec<String> {
    let heading = |line: &str| {
        line.strip_prefix("== ")
            .or_else(|| line.strip_prefix("## "))
            .map(str::to_owned)
    };
    let request = |line: &str| {
        let (request, answer) = line.split_once(" → ")?;
        Some(format!("{request} → {}", answer.split(' ').next().unwrap_or_default()))
    };
    told.lines()
        .filter_map(|line| heading(line).or_else(|| request(line)))
        .collect()
}

#[tokio::test]
async fn ctrl_c_leaves_neither_processes_nor_files() -> Result<()> {
    let files = tempfile::tempdir()?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_demo"));
    command
        .env("TMPDIR", files.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut demo = Group::start(&mut command)?;
    let id = demo.child().id();
    let stdout = demo.child().stdout.take().context("no standard output")?;
    let mut lines = BufReader::new(stdout).lines();
    ensure!(
        lines.any(|line| line.is_ok_and(|line| line.contains("Apply complete!"))),
        "the demo ended before it had applied"
    );
    let servers = process::descendants(id, "python");
    assert_eq!(servers.len(), 1, "one local AWS runs");

    process::signal(id, Signal::INT);
    let status = demo
        .wait(Duration::from_secs(30))?
        .context("the demo goes on after Ctrl-C")?;
    assert_eq!(status.code(), Some(130));
    wait::until("the end of the local AWS", Duration::from_mins(1), || async {
        Ok(servers.iter().all(|server| !process::runs(*server)).then_some(()))
    })
    .await?;
    let left: Vec<_> = fs::read_dir(files.path())?
        .flatten()
        .map(|entry| entry.path())
        .collect();
    ensure!(left.is_empty(), "files are left: {left:?}");
    Ok(())
}
