//! A release as its users get it: its files, and terraform taking it from a filesystem mirror or from a registry.
//!
//! `cargo xtask dist` has its own files go through this; a test does with the provider that is built for tests.

mod files;
mod install;
mod key;
mod refused;
mod registry;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

pub use files::Release;
pub use install::{Installed, Source, discovered, quickstart};
pub use key::{Key, Signer};
pub use refused::{Flaw, refusals};
pub use registry::Registry;

use crate::ministack::{self, MiniStack};

/// Installs the release in `folder` in every way and runs the quickstart on it, telling what happens; `key` is the file of the
/// public key that has signed it.
///
/// # Errors
/// A file is missing or wrong, terraform does not take the release, the quickstart does not run, or a release that is wrong on
/// purpose is taken.
pub async fn show(out: &mut (dyn Write + Send), folder: &Path, key: &Path) -> Result<()> {
    writeln!(out, "\n== The release's files")?;
    let release = Release::open(folder)?;
    for line in release.check()? {
        writeln!(out, "  {line}")?;
    }
    let server = MiniStack::start(ministack::Options::default())?;

    writeln!(out, "\n== From a filesystem mirror")?;
    let mirror = tempfile::tempdir().context("making a mirror")?;
    release.mirror(mirror.path())?;
    quickstart(out, &server.account(), &Source::Mirror(mirror.path())).await?;

    let registry = Registry::serve(&release, &Key::of_file(key)?)?;
    writeln!(out, "\n== From a registry, in place of the public one")?;
    quickstart(out, &server.account(), &Source::Registry(&registry)).await?;

    writeln!(out, "\n== From a registry of another name, which terraform discovers")?;
    let installed = discovered(&server.account(), &registry)?;
    writeln!(out, "  {}", installed.said)?;

    writeln!(out, "\n== What terraform refuses")?;
    for (flaw, said) in refusals()? {
        writeln!(out, "  {}: {said}", flaw.text())?;
    }
    Ok(())
}

/// Runs a program to its end and gives what it printed.
fn printed(command: &mut Command) -> Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("starting {program}"))?;
    if !output.status.success() {
        bail!(
            "{program} ended with {}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// A second name of a file, or, on another file system, a copy.
fn link(from: &Path, to: &Path) -> Result<()> {
    if fs::hard_link(from, to).is_err() {
        fs::copy(from, to).with_context(|| format!("copying \"{}\" to \"{}\"", from.display(), to.display()))?;
    }
    Ok(())
}
