//! Every check of the project, in the order in which they fail fastest.
//!
//! Invariant: each step sees the whole workspace, so that no step builds a dependency with other features than the last.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::shell::{ask, cargo, command, run, run_with, target};
use crate::{links, package, sbom, services, venv, workflows};

/// Runs the checks and stops at the first that fails; `quick` leaves out packaging and acceptance.
pub(crate) fn run_all(quick: bool) -> Result<()> {
    let mut steps = Steps::default();
    let outcome = check(&mut steps, quick);
    steps.show();
    outcome
}

fn check(steps: &mut Steps, quick: bool) -> Result<()> {
    if !quick && ask(command("terraform").arg("-version")).is_none() {
        bail!("terraform is not on the PATH: install it from https://developer.hashicorp.com/terraform/install");
    }
    steps.step("format", |_| run(&mut cargo(["fmt", "--all", "--check"])))?;
    steps.step("lints", |_| {
        run(&mut cargo([
            "clippy",
            "--locked",
            "--workspace",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ]))
    })?;
    policy(steps)?;
    steps.step("links", |_| links::check())?;
    steps.step("list of crates", |_| sbom::check())?;
    steps.step("workflows", |_| workflows::run_all())?;
    steps.step("python tools", |_| venv::ensure().map(drop))?;
    steps.step("tables of services", |_| services::check())?;
    steps.step("unit tests", |tally| {
        tests(tally, &["--lib", "--bins"], NO_PROVIDER.as_ref())
    })?;
    steps.step("documentation tests", |tally| {
        tests(tally, &["--doc"], NO_PROVIDER.as_ref())
    })?;
    if quick {
        steps.skip("packaging and acceptance tests", "left out by --quick");
        return Ok(());
    }
    steps.step("scanner", |_| venv::SCANNER.ensure().map(drop))?;
    steps.step("packaging", |_| package::run(package::DEFAULT_ARCHITECTURE))?;
    // With the tests, so that dependencies keep the features that the tests gave them and are not built once more.
    steps.step("provider with its Lambdas", |_| {
        run(&mut cargo(["build", "--locked", "--workspace", "--bins", "--tests"]))
    })?;
    steps.step("acceptance tests", |tally| {
        tests(
            tally,
            &["--test", "*"],
            &target().join("debug").join("terraform-provider-kairos"),
        )
    })
}

fn policy(steps: &mut Steps) -> Result<()> {
    let name = "licence and source policy";
    if ask(&mut cargo(["deny", "--version"])).is_none() {
        steps.skip(name, "cargo-deny not found: `cargo install --locked cargo-deny`");
        return Ok(());
    }
    steps.step(name, |_| {
        run(&mut cargo(["deny", "check", "bans", "licenses", "sources"]))
    })
}

/// The provider of tests that are to do without: what an earlier run built must not make them pass.
const NO_PROVIDER: &str = "not-built-yet";

fn tests(tally: &mut Tally, selection: &[&str], provider: &Path) -> Result<()> {
    let mut runner = cargo(["test", "--locked", "--workspace", "--no-fail-fast"]);
    runner.args(selection).env("KAIROS_PROVIDER", provider);
    run_with(&mut runner, |line| {
        println!("{line}");
        tally.count(line);
    })
}

/// How a test says that it could not be carried out: its name and the reason follow.
const SKIPPED: &str = "skipped test: ";

/// What was run, how it ended and how long it took.
#[derive(Debug, Default)]
struct Steps {
    done: Vec<(String, String, Duration)>,
}

/// The closing lines of test runners, added up.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    runners: usize,
    passed: usize,
    failed: usize,
    ignored: usize,
    /// Tests that could not be carried out here, each with its reason.
    skipped: Vec<String>,
}

impl Steps {
    fn step(&mut self, name: &str, work: impl FnOnce(&mut Tally) -> Result<()>) -> Result<()> {
        println!("\n== {name}");
        let (start, mut tally) = (Instant::now(), Tally::default());
        let mut outcome = work(&mut tally);
        if outcome.is_ok() && tally.ignored > 0 {
            outcome = Err(anyhow::anyhow!(
                "{} tests are ignored: a test that does not run shows nothing",
                tally.ignored
            ));
        }
        let mark = if outcome.is_ok() { "ok" } else { "FAILED" };
        self.done
            .push((name.to_owned(), format!("{mark}{}", tally.text()), start.elapsed()));
        for test in tally.skipped {
            self.done.push(("  skipped test".to_owned(), test, Duration::ZERO));
        }
        match outcome {
            Ok(()) => Ok(()),
            Err(error) => bail!("{name}: {error:#}"),
        }
    }

    fn skip(&mut self, name: &str, why: &str) {
        println!("\n== {name}: skipped: {why}");
        self.done
            .push((name.to_owned(), format!("skipped: {why}"), Duration::ZERO));
    }

    fn show(&self) {
        println!("\n== summary");
        for (name, outcome, took) in &self.done {
            println!("{name:<28} {:>7.1} s  {outcome}", took.as_secs_f64());
        }
        let total: Duration = self.done.iter().map(|(_, _, took)| *took).sum();
        println!("{:<28} {:>7.1} s", "in all", total.as_secs_f64());
    }
}

impl Tally {
    /// Adds a line such as `test result: ok. 10 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; …`.
    fn count(&mut self, line: &str) {
        if let Some(test) = line.strip_prefix(SKIPPED) {
            self.skipped.push(test.to_owned());
        }
        let Some(result) = line.strip_prefix("test result: ") else {
            return;
        };
        let number = |what: &str| {
            let words: Vec<&str> = result.split([' ', ';']).collect();
            words
                .windows(2)
                .find(|pair| pair[1] == what)
                .and_then(|pair| pair[0].parse::<usize>().ok())
                .unwrap_or(0)
        };
        self.runners += 1;
        self.passed += number("passed");
        self.failed += number("failed");
        self.ignored += number("ignored");
    }

    fn text(&self) -> String {
        if self.runners == 0 {
            return String::new();
        }
        format!(
            ": {} passed, {} failed, in {} runners",
            self.passed, self.failed, self.runners
        )
    }
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn closing_lines_are_added_up() {
        let mut tally = Tally::default();
        tally.count("running 3 tests");
        tally.count("test result: ok. 10 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.94s");
        tally
            .count("test result: FAILED. 1 passed; 2 failed; 3 ignored; 0 measured; 0 filtered out; finished in 0.94s");
        assert_eq!(
            tally,
            Tally {
                runners: 2,
                passed: 11,
                failed: 2,
                ignored: 3,
                skipped: Vec::new(),
            }
        );
    }

    #[test]
    fn tests_that_could_not_be_carried_out_are_named_with_their_reason() {
        let mut tally = Tally::default();
        tally.count("test oracle::agrees ... ok");
        tally.count("skipped test: oracle: hashicorp/aws is not to be had");
        assert_eq!(tally.skipped, ["oracle: hashicorp/aws is not to be had"]);
    }
}
