//! The virtual environments with the Python tools of tests, demo and packaging.
//!
//! Invariant: each holds exactly what its list pins; a stamp tells by hash when it is stale.

use std::env;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use crate::shell::{ask, command, root, run};

/// A virtual environment: where it is, what is in it, and how to name another one to use as it is.
#[derive(Debug)]
pub(crate) struct Environment {
    folder: &'static str,
    requirements: &'static str,
    variable: &'static str,
    /// A program that tells whether the requirements are installed.
    tool: &'static str,
}

/// The local AWS, and the Lambdas' builder.
pub(crate) const TOOLS: Environment = Environment {
    folder: ".venv",
    requirements: "requirements.txt",
    variable: "KAIROS_VENV",
    tool: "ministack",
};

/// The scanner of what we make, whose pins cannot stand beside the others'.
pub(crate) const SCANNER: Environment = Environment {
    folder: ".venv-scanner",
    requirements: "requirements-scanner.txt",
    variable: "KAIROS_SCANNER_VENV",
    tool: "checkov",
};

/// What checks workflows and the release's configuration.
pub(crate) const WORKFLOWS: Environment = Environment {
    folder: ".venv-workflows",
    requirements: "requirements-workflows.txt",
    variable: "KAIROS_WORKFLOWS_VENV",
    tool: "zizmor",
};

/// The oldest Python that the tools run on, as `(major, minor)`.
const OLDEST: (u32, u32) = (3, 11);

/// Newest first; plain names last, since they may be anything.
const CANDIDATES: [&str; 6] = [
    "python3.14",
    "python3.13",
    "python3.12",
    "python3.11",
    "python3",
    "python",
];

/// The folder of the tools' virtual environment, installed anew when it is missing or stale.
pub(crate) fn ensure() -> Result<PathBuf> {
    TOOLS.ensure()
}

impl Environment {
    /// The folder, installed anew when it is missing or stale.
    pub(crate) fn ensure(&self) -> Result<PathBuf> {
        let Self {
            folder,
            requirements,
            variable,
            tool,
        } = self;
        if let Some(given) = env::var_os(variable) {
            let venv = PathBuf::from(given);
            if !venv.join("bin").join(tool).exists() {
                bail!(
                    "{variable} names \"{}\", where {requirements} is not installed",
                    venv.display()
                );
            }
            return Ok(venv);
        }
        let venv = root().join(folder);
        let list = root().join(requirements);
        let pinned = fs::read(&list).with_context(|| format!("reading {requirements}"))?;
        let wanted = format!("{:x}", Sha256::digest(&pinned));
        let stamp = venv.join("requirements.sha256");
        if fs::read_to_string(&stamp).is_ok_and(|held| held == wanted) {
            return Ok(venv);
        }
        let python = python()?;
        eprintln!("installing {requirements} into {folder} with {python}");
        if venv.exists() {
            fs::remove_dir_all(&venv).with_context(|| format!("removing the stale {folder}"))?;
        }
        run(command(&python).args(["-m", "venv"]).arg(&venv))
            .with_context(|| format!("making {folder} (on Debian and Ubuntu, the package python3-venv is needed)"))?;
        let pip = [
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--requirement",
        ];
        run(command(venv.join("bin").join("python")).args(pip).arg(&list))
            .with_context(|| format!("installing {requirements}"))?;
        fs::write(&stamp, wanted).with_context(|| format!("stamping {folder}"))?;
        Ok(venv)
    }
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
