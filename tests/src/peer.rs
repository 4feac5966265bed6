//! hashicorp/aws, as peer and as oracle: where it is to be had, and our rendering as a configuration of it.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::process::Group;
use crate::{Account, Terraform, workspace};

/// The version that the rendering is tested with.
pub const VERSION: &str = "5.100.0";

/// The variable that names a filesystem mirror with providers of others.
pub const MIRROR_VARIABLE: &str = "KAIROS_TF_MIRROR";

/// Some hundred megabytes over a slow line.
const DOWNLOAD: Duration = Duration::from_mins(5);

/// A filesystem mirror with hashicorp/aws: the one that `KAIROS_TF_MIRROR` names, otherwise what `terraform init` finds as on
/// a user's machine, which is then kept below target/.
///
/// # Errors
/// It is not to be had: why.
pub fn mirror() -> Result<&'static Path, &'static str> {
    static MIRROR: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    MIRROR
        .get_or_init(|| find().map_err(|problem| format!("{problem:#}")))
        .as_deref()
        .map_err(String::as_str)
}

/// Says in the summary of the test command that a test could not be carried out. It goes around the capture of the test
/// runner, which keeps to itself what a test that passes prints.
pub fn skipped(test: &str, reason: &str) {
    let line = format!("\nskipped test: {test}: {}\n", reason.replace('\n', " "));
    let _ = std::io::stdout().write_all(line.as_bytes());
}

/// The mirror that is at hand already, if any.
pub(crate) fn at_hand() -> Option<PathBuf> {
    match std::env::var_os(MIRROR_VARIABLE) {
        Some(given) => Some(given.into()),
        None => Some(kept()).filter(|mirror| holds(mirror)),
    }
}

fn kept() -> PathBuf {
    workspace::target().join("peer").join(".terraform").join("providers")
}

fn holds(mirror: &Path) -> bool {
    let provider = ["registry.terraform.io", "hashicorp", "aws"];
    provider
        .iter()
        .fold(mirror.to_path_buf(), |path, part| path.join(part))
        .is_dir()
}

fn find() -> Result<PathBuf> {
    if let Some(mirror) = at_hand() {
        if !holds(&mirror) {
            bail!(
                "{MIRROR_VARIABLE} names \"{}\", where hashicorp/aws is not",
                mirror.display()
            );
        }
        return Ok(mirror);
    }
    let program = workspace::terraform()?;
    fs::create_dir_all(workspace::target()).context("making the target folder")?;
    let fresh = tempfile::tempdir_in(workspace::target()).context("making a folder for hashicorp/aws")?;
    let main = format!(
        "terraform {{\n  required_providers {{\n    aws = {{ source = \"hashicorp/aws\", version = \"{VERSION}\" }}\n  }}\n}}\n"
    );
    fs::write(fresh.path().join("main.tf"), main)?;
    let mut init = Group::start(
        Command::new(program)
            .args(["init", "-no-color", "-input=false"])
            .current_dir(fresh.path())
            .env("CHECKPOINT_DISABLE", "1")
            // Without a network that is soon clear.
            .env("TF_REGISTRY_CLIENT_TIMEOUT", "10")
            .env("TF_REGISTRY_DISCOVERY_RETRY", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null()),
    )?;
    let ended = init.wait(DOWNLOAD)?;
    if !ended.is_some_and(|status| status.success()) {
        bail!("{MIRROR_VARIABLE} names no mirror with hashicorp/aws, and terraform init does not find it either");
    }
    let kept = workspace::target().join("peer");
    // Another process may have been faster: what it has is as good as ours.
    if fs::rename(fresh.path(), &kept).is_err() && !holds(&self::kept()) {
        bail!("hashicorp/aws cannot be kept in \"{}\"", kept.display());
    }
    Ok(self::kept())
}

/// A stack as `terraform-provider-kairos render` writes it.
#[derive(Debug)]
pub struct Rendering {
    folder: TempDir,
    /// What the command said.
    pub said: String,
}

impl Rendering {
    /// Renders the one stack in the state of `terraform`.
    pub fn of(terraform: &Terraform) -> Result<Self> {
        Self::shown(terraform, &["show", "-json"])
    }

    /// Renders the one stack in the plan `file` of `terraform`.
    pub fn of_plan(terraform: &Terraform, file: &str) -> Result<Self> {
        Self::shown(terraform, &["show", "-json", file])
    }

    fn shown(terraform: &Terraform, arguments: &[&str]) -> Result<Self> {
        let shown = terraform.run(arguments)?.succeeded("show")?;
        let folder = tempfile::tempdir().context("making the rendering's folder")?;
        let mut command = Command::new(workspace::provider()?);
        command
            .arg("render")
            .arg("--out")
            .arg(folder.path())
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().context("starting the provider to render")?;
        let mut stdin = child.stdin.take().context("a child without standard input")?;
        stdin
            .write_all(shown.stdout.as_bytes())
            .context("handing over the state")?;
        drop(stdin);
        let output = child.wait_with_output().context("waiting for the rendering")?;
        if !output.status.success() {
            bail!(
                "render ended with {}: {}",
                output.status,
                String::from_utf8_lossy(&output.stderr)
            );
        }
        Ok(Self {
            folder,
            said: String::from_utf8_lossy(&output.stdout).into_owned(),
        })
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The text of one of its files.
    pub fn text(&self, name: &str) -> Result<String> {
        fs::read_to_string(self.folder().join(name)).with_context(|| format!("reading the rendering's {name}"))
    }

    /// A folder of terraform's with it, not yet initialised.
    pub fn terraform(&self, account: &Account) -> Result<Terraform> {
        let terraform = Terraform::bare(account)?;
        for entry in fs::read_dir(self.folder()).context("listing the rendering")? {
            let entry = entry.context("listing the rendering")?;
            fs::copy(entry.path(), terraform.dir().join(entry.file_name())).context("copying the rendering")?;
        }
        Ok(terraform)
    }
}
