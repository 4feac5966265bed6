//! The virtual environment with the Python tools of tests, demo and packaging.
//!
//! Invariant: `.venv` holds exactly what requirements.txt pins; a stamp tells by hash when it is stale.

use std::env;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use crate::shell::{ask, command, root, run};

/// Another virtual environment to use as it is, in place of `.venv`.
const VARIABLE: &str = "KAIROS_VENV";

/// The oldest Python that the tools run on, as `(major, minor)`.
const OLDEST: (u32, u32) = (3, 10);

/// Newest first; plain names last, since they may be anything.
const CANDIDATES: [&str; 7] = [
    "python3.14",
    "python3.13",
    "python3.12",
    "python3.11",
    "python3.10",
    "python3",
    "python",
];

/// The folder of the virtual environment, installed anew when it is missing or stale.
pub(crate) fn ensure() -> Result<PathBuf> {
    if let Some(given) = env::var_os(VARIABLE) {
        let venv = PathBuf::from(given);
        if !venv.join("bin").join("ministack").exists() {
            bail!(
                "{VARIABLE} names \"{}\", where requirements.txt is not installed",
                venv.display()
            );
        }
        return Ok(venv);
    }
    let venv = root().join(".venv");
    let requirements = root().join("requirements.txt");
    let pinned = fs::read(&requirements).context("reading requirements.txt")?;
    let wanted = format!("{:x}", Sha256::digest(&pinned));
    let stamp = venv.join("requirements.sha256");
    if fs::read_to_string(&stamp).is_ok_and(|held| held == wanted) {
        return Ok(venv);
    }
    let python = python()?;
    eprintln!("installing requirements.txt into .venv with {python}");
    if venv.exists() {
        fs::remove_dir_all(&venv).context("removing the stale .venv")?;
    }
    run(command(&python).args(["-m", "venv"]).arg(&venv))
        .context("making .venv (on Debian and Ubuntu, the package python3-venv is needed)")?;
    let pip = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--requirement",
    ];
    run(command(venv.join("bin").join("python")).args(pip).arg(&requirements))
        .context("installing requirements.txt")?;
    fs::write(&stamp, wanted).context("stamping .venv")?;
    Ok(venv)
}

fn python() -> Result<String> {
    let version = "import sys; print(*sys.version_info[:2])";
    let suits = |name: &&str| {
        let found = ask(command(name).args(["-c", version]))?;
        let (major, minor) = found.split_once(' ')?;
        (OLDEST <= (major.parse().ok()?, minor.parse().ok()?)).then_some(())
    };
    match CANDIDATES.iter().find(|name| suits(name).is_some()) {
        Some(name) => Ok((*name).to_owned()),
        None => bail!(
            "no Python {}.{} or newer is on the PATH: install one from https://www.python.org",
            OLDEST.0,
            OLDEST.1
        ),
    }
}
