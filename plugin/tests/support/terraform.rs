//! The real terraform with the test's provider: every world has its own directory, configuration and cloud.

use std::error::Error;
use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use tempfile::TempDir;

pub(crate) type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// A place to run terraform in.
pub(crate) struct World {
    root: TempDir,
}

/// What terraform did.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    /// Both of its outputs, as a user sees them, without the frames that break lines.
    pub(crate) said: String,
    pub(crate) stdout: String,
}

impl World {
    pub(crate) fn new() -> Outcome<Self> {
        let root = tempfile::tempdir()?;
        for directory in ["work", "cloud", "bin", "t"] {
            fs::create_dir(root.path().join(directory))?;
        }
        let world = Self { root };
        symlink(
            env!("CARGO_BIN_EXE_terraform-provider-paper"),
            world.path("bin/terraform-provider-paper"),
        )?;
        let rc = format!(
            "disable_checkpoint = true\nprovider_installation {{\n  dev_overrides {{ \"tests/paper\" = \"{}\" }}\n}}\n",
            world.path("bin").display()
        );
        fs::write(world.path("terraformrc"), rc)?;
        Ok(world)
    }

    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.root.path().join(below)
    }

    /// Makes this the configuration, next to the provider's own.
    pub(crate) fn configure(&self, text: &str) -> Outcome {
        let provider = format!(
            "terraform {{\n  required_providers {{\n    paper = {{ source = \"tests/paper\" }}\n  }}\n}}\n\
             provider \"paper\" {{\n  directory = \"{}\"\n}}\n",
            self.path("cloud").display()
        );
        fs::write(self.path("work/provider.tf"), provider)?;
        Ok(fs::write(self.path("work/main.tf"), text)?)
    }

    /// The content of a note, if it is there.
    pub(crate) fn note(&self, name: &str) -> Outcome<Option<Json>> {
        match fs::read(self.path(&format!("cloud/note-{name}.json"))) {
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
            Err(_) => Ok(None),
        }
    }

    /// Writes a note behind terraform's back.
    pub(crate) fn put_note(&self, name: &str, text: &str) -> Outcome {
        let held = json!({"name": name, "text": text, "key": null});
        Ok(fs::write(
            self.path(&format!("cloud/note-{name}.json")),
            held.to_string(),
        )?)
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("terraform");
        command
            .args(arguments)
            .current_dir(self.path("work"))
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.root.path())
            .env("TMPDIR", self.path("t"))
            .env("TF_CLI_CONFIG_FILE", self.path("terraformrc"))
            .env("TF_IN_AUTOMATION", "1")
            .stdin(Stdio::null());
        command
    }

    /// Runs terraform; that it fails is for the test to judge.
    pub(crate) fn terraform(&self, arguments: &[&str]) -> Outcome<Ran> {
        let missing = |error| format!("these tests need the program \"terraform\" (1.8 or later) on the PATH: {error}");
        let output = self.command(arguments).output().map_err(missing)?;
        self.ran(&output)
    }

    /// Runs terraform, which must succeed.
    pub(crate) fn succeeds(&self, arguments: &[&str]) -> Outcome<Ran> {
        let ran = self.terraform(arguments)?;
        if ran.code == Some(0) {
            Ok(ran)
        } else {
            Err(format!("{arguments:?}: {ran:?}").into())
        }
    }

    /// Runs terraform, which must fail and say this.
    pub(crate) fn fails(&self, arguments: &[&str], saying: &[&str]) -> Outcome<Ran> {
        let ran = self.terraform(arguments)?;
        let said = saying.iter().all(|text| ran.said.contains(text));
        if ran.code == Some(1) && said {
            Ok(ran)
        } else {
            Err(format!("{arguments:?}: {saying:?}: {ran:?}").into())
        }
    }

    pub(crate) fn apply(&self) -> Outcome<Ran> {
        self.succeeds(&["apply", "-auto-approve", "-no-color"])
    }

    /// What a plan would do, address by address: `paper_note.a: update`.
    pub(crate) fn planned(&self) -> Outcome<Vec<String>> {
        self.succeeds(&["plan", "-out=plan", "-no-color"])?;
        let shown: Json = serde_json::from_str(&self.succeeds(&["show", "-json", "plan"])?.stdout)?;
        let changes = shown["resource_changes"].as_array().cloned().unwrap_or_default();
        let each = changes.iter().map(|change| {
            let actions: Vec<_> = change["change"]["actions"].as_array().into_iter().flatten().collect();
            let actions: Vec<_> = actions.iter().filter_map(|action| action.as_str()).collect();
            format!(
                "{}: {}",
                change["address"].as_str().unwrap_or_default(),
                actions.join(" ")
            )
        });
        Ok(each
            .filter(|told| !told.ends_with(": no-op") && !told.ends_with(": read"))
            .collect())
    }

    /// The attributes of the only instance of this resource in the state.
    pub(crate) fn state(&self, address: &str) -> Outcome<Json> {
        let instance = self.instance(address)?;
        Ok(instance["attributes"].clone())
    }

    /// The only instance of this resource in the state; null if there is none.
    pub(crate) fn instance(&self, address: &str) -> Outcome<Json> {
        let state: Json = serde_json::from_slice(&fs::read(self.path("work/terraform.tfstate"))?)?;
        let resources = state["resources"].as_array().cloned().unwrap_or_default();
        let named = |resource: &&Json| {
            let (kind, name) = (resource["type"].as_str(), resource["name"].as_str());
            kind.zip(name)
                .is_some_and(|(kind, name)| format!("{kind}.{name}") == address)
        };
        Ok(resources
            .iter()
            .find(named)
            .map(|resource| resource["instances"][0].clone())
            .unwrap_or_default())
    }

    /// Starts terraform in a process group of its own, and interrupts the group as a terminal does once this file of
    /// the cloud is there.
    pub(crate) fn interrupted(&self, arguments: &[&str], file: &str) -> Outcome<Ran> {
        let mut command = self.command(arguments);
        let child = command
            .process_group(0)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let begun = Instant::now();
        while !self.path("cloud").join(file).exists() {
            if begun.elapsed() > Duration::from_secs(30) {
                return Err(format!("{file} does not appear").into());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let kill = Command::new("sh")
            .args(["-c", &format!("kill -INT -{}", child.id())])
            .status()?;
        if !kill.success() {
            return Err("terraform could not be interrupted".into());
        }
        self.ran(&child.wait_with_output()?)
    }

    /// Sockets that providers left behind.
    pub(crate) fn left_behind(&self) -> Outcome<Vec<PathBuf>> {
        let entries = fs::read_dir(self.path("t"))?.map(|entry| entry.map(|entry| entry.path()));
        let sockets = entries.filter(|path| path.as_ref().map_or(true, |path| is_socket_directory(path)));
        Ok(sockets.collect::<Result<_, _>>()?)
    }

    fn ran(&self, output: &Output) -> Outcome<Ran> {
        let stdout = String::from_utf8(output.stdout.clone())?;
        let both = format!("{stdout}\n{}", String::from_utf8(output.stderr.clone())?);
        let words = both
            .split(|c: char| c.is_whitespace() || "│╷╵".contains(c))
            .filter(|word| !word.is_empty());
        let said = words.collect::<Vec<_>>().join(" ");
        let left = self.left_behind()?;
        if left.is_empty() {
            Ok(Ran {
                code: output.status.code(),
                said,
                stdout,
            })
        } else {
            Err(format!("sockets left behind: {left:?}").into())
        }
    }
}

fn is_socket_directory(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| name.to_string_lossy().starts_with("tfplugin"))
}
