//! The project's own commands: `cargo xtask <command>`.
//!
//! Invariant: nothing here knows the domain; commands run programs and move files.

#![expect(clippy::print_stdout, reason = "a command line tool talks on its standard output")]

mod demo;
mod fuzz;
mod package;
mod repro;
mod shell;
mod test;
mod venv;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask",
    about = "The commands of the Kairos workspace",
    disable_help_subcommand = true
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Installs the pinned Python tools: the local AWS and the Lambda builder into .venv, the scanner into .venv-scanner
    Venv,
    /// Builds the Lambdas and packs each into a reproducible zip under target/lambdas
    Package {
        /// x86_64 or arm64; arm64 needs its Rust target installed
        #[arg(long, default_value = package::DEFAULT_ARCHITECTURE)]
        architecture: String,
    },
    /// Runs every check: format, lints, policy, unit tests, packaging, acceptance tests
    Test {
        /// Leaves out packaging and acceptance
        #[arg(long)]
        quick: bool,
    },
    /// Runs the whole flow on a local AWS: apply, first runs, API, destroy
    Demo {
        /// Leaves it up until Ctrl-C and tells how to look around
        #[arg(long)]
        keep: bool,
    },
    /// Measures the provider and the Lambdas against their peers
    Bench {
        /// Parts (schedule, lambdas, api, stack, procesos) and numbers of processes; everything without any
        parts: Vec<String>,
    },
    /// Writes docs/guides/permissions.md, docs/api, and docs/demo.md from a run of the demo
    Docs,
    /// Lets libFuzzer look for inputs that break the schedule language (needs a C++ compiler)
    Fuzz {
        /// For how many seconds
        #[arg(default_value_t = 60)]
        seconds: u32,
    },
    /// Runs the reproductions of docs/adr/0001: why the published provider crate was replaced
    Repro,
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Venv => venv::ensure().and_then(|_| venv::SCANNER.ensure()).map(drop),
        Command::Package { architecture } => package::run(&architecture),
        Command::Test { quick } => test::run_all(quick),
        Command::Demo { keep } => demo::demo(keep),
        Command::Bench { parts } => demo::bench(&parts),
        Command::Docs => demo::docs(),
        Command::Fuzz { seconds } => fuzz::run_for(seconds),
        Command::Repro => repro::run(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
