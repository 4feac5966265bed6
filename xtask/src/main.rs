//! The project's own commands: `cargo xtask <command>`.
//!
//! Invariant: nothing here knows the domain; commands run programs and move files.

#![expect(clippy::print_stdout, reason = "a command line tool talks on its standard output")]

mod package;
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
    /// Installs the pinned Python tools (the local AWS, the Lambda builder) into .venv
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
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Venv => venv::ensure().map(drop),
        Command::Package { architecture } => package::run(&architecture),
        Command::Test { quick } => test::run_all(quick),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
