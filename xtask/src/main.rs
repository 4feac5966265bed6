//! The project's own commands: `cargo xtask <command>`.
//!
//! Invariant: nothing here knows the domain; commands run programs and move files.

#![expect(clippy::print_stdout, reason = "a command line tool talks on its standard output")]

mod demo;
mod dist;
mod docs;
mod fuzz;
mod links;
mod package;
mod repro;
mod sbom;
mod services;
mod shell;
mod test;
mod venv;
mod workflows;

use std::path::PathBuf;
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
    /// Installs the pinned Python tools: the local AWS and the Lambda builder into .venv, the scanner into .venv-scanner, the
    /// linters of workflows into .venv-workflows
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
        /// Parts (schedule, lambdas, api, stack, procesos, dispatch, executor, faults) and numbers of processes; everything without any
        parts: Vec<String>,
    },
    /// Writes what the documentation has from programs: the provider's pages from its schemas, templates/ and examples/,
    /// docs/guides/permissions.md, docs/api, and docs/demo.md from a run of the demo
    Docs {
        /// Takes the Lambdas as they were packed last
        #[arg(long)]
        packed: bool,
    },
    /// Follows the links of the documentation
    Links,
    /// Checks workflows, issue forms and the release's configuration
    Workflows,
    /// Writes what a release is made of, as CycloneDX
    Sbom {
        /// The file to write, such as terraform-provider-kairos_1.0.0_sbom.cdx.json
        file: PathBuf,
        /// Platforms such as x86_64-unknown-linux-gnu; all without any
        #[arg(long)]
        platform: Vec<String>,
    },
    /// Makes a release's files for this machine under target/dist, as goreleaser would, and has terraform install them
    Dist {
        /// Leaves out the installs, and the quickstart on them
        #[arg(long)]
        no_install: bool,
    },
    /// Writes the tables of universal targets from the pinned models of AWS's services
    Services,
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
        Command::Venv => venv::ensure()
            .and_then(|_| venv::SCANNER.ensure())
            .and_then(|_| venv::WORKFLOWS.ensure())
            .map(drop),
        Command::Package { architecture } => package::run(&architecture),
        Command::Test { quick } => test::run_all(quick),
        Command::Demo { keep } => demo::demo(keep),
        Command::Bench { parts } => demo::bench(&parts),
        Command::Docs { packed } => docs::write(packed),
        Command::Links => links::check(),
        Command::Workflows => workflows::run_all(),
        Command::Sbom { file, platform } => sbom::write(&file, &platform),
        Command::Dist { no_install } => dist::run_all(!no_install),
        Command::Services => services::write(),
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
