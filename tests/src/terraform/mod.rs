//! The real terraform in a folder of its own, with our provider taken from a filesystem mirror.
//!
//! Invariant: terraform sees no variable of ours but `PATH` and what a test gives it.

mod mirror;
mod newer;
mod report;

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

pub(crate) use mirror::{HOSTS, VERSION, platform};
pub use mirror::{mirror, zip};
pub use newer::{Code, NEWER_VERSION};
pub use report::{Diagnostic, PlanSummary, Report};

use crate::account::Account;
use crate::process::{self, Group};
use crate::workspace;

/// What a configuration must say to get our provider.
pub const REQUIRED_PROVIDERS: &str = r#"terraform {
  required_providers {
    kairos = { source = "kairos/kairos" }
  }
}
"#;

/// A command of terraform that takes longer than this hangs.
const LIMIT: Duration = Duration::from_mins(15);

/// A working folder with its configuration, state and environment.
#[derive(Debug)]
pub struct Terraform {
    program: PathBuf,
    dir: TempDir,
    environment: BTreeMap<String, String>,
}

/// What a command of terraform gave.
#[derive(Debug)]
pub struct Output {
    /// Its exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

/// A command of terraform that is still running.
#[derive(Debug)]
pub struct Running {
    group: Group,
    out: Collected,
    err: Collected,
}

/// What a process has written so far, and the thread that reads it.
#[derive(Debug)]
struct Collected {
    bytes: Arc<Mutex<Vec<u8>>>,
    thread: std::thread::JoinHandle<()>,
}

impl Terraform {
    /// An initialised folder with the configuration `main`, as the root of `account`.
    pub fn new(account: &Account, main: &str) -> Result<Self> {
        let terraform = Self::bare(account)?;
        terraform.write("main.tf", main)?;
        terraform.init()?;
        Ok(terraform)
    }

    /// An empty folder, not yet initialised.
    pub fn bare(account: &Account) -> Result<Self> {
        Self::configured(account, &mirror::cli_configuration(&mirror()?))
    }

    /// The same with a CLI configuration of one's own: where providers come from.
    pub fn configured(account: &Account, cli_configuration: &str) -> Result<Self> {
        let program = workspace::terraform()?;
        let dir = tempfile::tempdir().context("making terraform's folder")?;
        fs::write(dir.path().join("terraformrc"), cli_configuration)?;
        let mut environment: BTreeMap<String, String> = account
            .environment()
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        for (name, value) in [
            ("PATH", std::env::var("PATH").unwrap_or_default()),
            ("HOME", dir.path().display().to_string()),
            (
                "TF_CLI_CONFIG_FILE",
                dir.path().join("terraformrc").display().to_string(),
            ),
            ("TF_IN_AUTOMATION", "1".to_owned()),
            ("TF_INPUT", "0".to_owned()),
            ("CHECKPOINT_DISABLE", "1".to_owned()),
        ] {
            environment.insert(name.to_owned(), value);
        }
        Ok(Self {
            program,
            dir,
            environment,
        })
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Writes a file of the configuration.
    pub fn write(&self, name: &str, text: &str) -> Result<()> {
        fs::write(self.dir().join(name), text).with_context(|| format!("writing {name}"))
    }

    /// Sets a variable of the environment.
    pub fn set(&mut self, name: &str, value: &str) {
        self.environment.insert(name.to_owned(), value.to_owned());
    }

    /// Takes a variable out of the environment.
    pub fn unset(&mut self, name: &str) {
        self.environment.remove(name);
    }

    /// Goes over to a newer provider, which is this one with other Lambdas: their digests.
    pub fn upgrade_provider(&self) -> Result<Vec<Code>> {
        let mirror = self.dir().join("newer");
        let codes = newer::mirror_newer(&mirror)?;
        self.write("terraformrc", &mirror::cli_configuration(&mirror))?;
        self.run(&["init", "-no-color", "-upgrade"])?
            .succeeded("init -upgrade")?;
        Ok(codes)
    }

    /// `terraform init`.
    pub fn init(&self) -> Result<()> {
        self.run(&["init", "-no-color"])?.succeeded("init").map(drop)
    }

    /// `terraform validate -json`: its diagnostics.
    pub fn validate(&self) -> Result<Report> {
        Report::of_validate(&self.run(&["validate", "-json"])?)
    }

    /// `terraform plan -json` with more arguments (`-var=…`, `-destroy`), kept for [`Self::planned`].
    pub fn plan(&self, arguments: &[&str]) -> Result<Report> {
        let output = self.run(&[&["plan", "-json", "-out=plan.bin"], arguments].concat())?;
        Ok(Report::of_lines(&output))
    }

    /// What the last [`Self::plan`] is to do, from `terraform show -json`.
    pub fn planned(&self) -> Result<PlanSummary> {
        PlanSummary::of(self.json(&["show", "-json", "plan.bin"])?)
    }

    /// A plan that must succeed, and what it is to do.
    pub fn plan_summary(&self, arguments: &[&str]) -> Result<PlanSummary> {
        self.plan(arguments)?.succeeded("plan")?;
        self.planned()
    }

    /// `terraform apply -json -auto-approve` with more arguments.
    pub fn apply(&self, arguments: &[&str]) -> Result<Report> {
        Ok(Report::of_lines(
            &self.run(&[&["apply", "-json", "-auto-approve"], arguments].concat())?,
        ))
    }

    /// `terraform destroy -json -auto-approve` with more arguments.
    pub fn destroy(&self, arguments: &[&str]) -> Result<Report> {
        Ok(Report::of_lines(
            &self.run(&[&["destroy", "-json", "-auto-approve"], arguments].concat())?,
        ))
    }

    /// The state, from `terraform show -json`.
    pub fn state(&self) -> Result<Value> {
        self.json(&["show", "-json"])
    }

    /// The attributes of one resource in the state, such as `kairos_stack.this`.
    pub fn resource(&self, address: &str) -> Result<Value> {
        let state = self.state()?;
        let resources = state.pointer("/values/root_module/resources").and_then(Value::as_array);
        let found = resources
            .into_iter()
            .flatten()
            .find(|resource| resource["address"] == address);
        found
            .map(|resource| resource["values"].clone())
            .with_context(|| format!("{address} is not in the state"))
    }

    /// An output's value.
    pub fn output(&self, name: &str) -> Result<Value> {
        self.json(&["output", "-json", name])
    }

    /// Runs a command to its end.
    pub fn run(&self, arguments: &[&str]) -> Result<Output> {
        let what = format!("terraform {}", arguments.first().unwrap_or(&""));
        self.start(arguments)?.wait(LIMIT).with_context(|| what)
    }

    /// Starts a command and leaves it running.
    pub fn start(&self, arguments: &[&str]) -> Result<Running> {
        let mut group = Group::start(self.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()))?;
        let out = collect(group.child().stdout.take());
        let err = collect(group.child().stderr.take());
        Ok(Running { group, out, err })
    }

    /// The command, for who wants to run it in another way.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .current_dir(self.dir())
            .env_clear()
            .envs(&self.environment)
            .stdin(Stdio::null());
        command
    }

    fn json(&self, arguments: &[&str]) -> Result<Value> {
        let output = self.run(arguments)?.succeeded(&arguments.join(" "))?;
        serde_json::from_str(&output.stdout).with_context(|| format!("reading terraform {}", arguments.join(" ")))
    }
}

impl Output {
    /// The output of a command that must have succeeded.
    pub fn succeeded(self, what: &str) -> Result<Self> {
        if self.code != Some(0) {
            bail!(
                "terraform {what} ended with {:?}:\n{}{}",
                self.code,
                self.stdout,
                self.stderr
            );
        }
        Ok(self)
    }

    /// The diagnostics of a command that was run with `-json`.
    pub fn report(&self) -> Report {
        Report::of_lines(self)
    }
}

impl Running {
    /// Waits for the end.
    pub fn wait(mut self, limit: Duration) -> Result<Output> {
        let Some(status) = self.group.wait(limit)? else {
            bail!("terraform did not end within {} s", limit.as_secs());
        };
        Ok(Output {
            code: status.code(),
            stdout: self.out.all(),
            stderr: self.err.all(),
        })
    }

    /// What it has written to its standard output so far.
    pub fn so_far(&self) -> String {
        self.out.so_far()
    }

    /// The providers that this terraform runs now.
    pub fn providers(&mut self) -> Vec<u32> {
        process::descendants(self.group.child().id(), "terraform-provi")
    }

    /// Interrupts terraform and its providers, as Ctrl-C in a terminal does.
    pub fn interrupt(&self) {
        self.group.signal(Signal::INT);
    }

    /// Kills terraform and its providers at once.
    pub fn kill(self) {
        drop(self.group);
    }
}

fn collect<R: Read + Send + 'static>(stream: Option<R>) -> Collected {
    let bytes = Arc::new(Mutex::new(Vec::new()));
    let gathered = Arc::clone(&bytes);
    let thread = std::thread::spawn(move || {
        let Some(mut stream) = stream else { return };
        let mut part = [0; 4096];
        // What was read before an error is still worth showing.
        while let Ok(length @ 1..) = stream.read(&mut part) {
            lock(&gathered).extend_from_slice(&part[..length]);
        }
    });
    Collected { bytes, thread }
}

impl Collected {
    fn so_far(&self) -> String {
        String::from_utf8_lossy(&lock(&self.bytes)).into_owned()
    }

    fn all(self) -> String {
        // The thread only copies bytes: it does not panic.
        let _ = self.thread.join();
        String::from_utf8_lossy(&lock(&self.bytes)).into_owned()
    }
}

/// Bytes are whole whatever happened to who held them.
fn lock(bytes: &Mutex<Vec<u8>>) -> MutexGuard<'_, Vec<u8>> {
    bytes.lock().unwrap_or_else(PoisonError::into_inner)
}
