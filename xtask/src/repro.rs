//! The reproductions of docs/adr/0001, which pin the crate that ours replaced, in a workspace of their own.

use anyhow::{Context, Result};

use crate::shell::{self, cargo, root};

/// Runs each reproduction and fails unless each shows what the record says.
pub(crate) fn run() -> Result<()> {
    let manifest = root()
        .join("docs")
        .join("adr")
        .join("0001")
        .join("repro")
        .join("Cargo.toml");
    let mut command = cargo(["run", "--locked", "--manifest-path"]);
    command.arg(&manifest);
    shell::run(&mut command).context("running the reproductions")
}
