//! A server of the virtual environment of Python tools: one process on a free port of this machine.
//!
//! Invariant: the server knows nothing of our environment but the `PATH`.
//! Invariant: it ends, and all that it started, when its [`Server`] is dropped or this process ends, however that ends: it
//! watches a pipe that only we hold open.

use std::collections::hash_map::RandomState;
use std::env;
use std::fs::{self, File};
use std::hash::{BuildHasher, Hasher};
use std::net::{TcpListener, TcpStream};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::process::Group;
use crate::workspace;

/// A running server, with a folder of its own.
#[derive(Debug)]
pub struct Server {
    port: u16,
    log: PathBuf,
    // The order of the fields is the order of the end: first the processes, then the files that they use.
    group: Group,
    dir: TempDir,
}

/// Ends the whole process group once our end of the pipe is closed.
const FOLLOW: &str = "
import os, signal, sys, threading
def follow():
    sys.stdin.buffer.read()
    os.killpg(0, signal.SIGKILL)
threading.Thread(target=follow, daemon=True).start()
";

/// A slow machine under load takes seconds to import a server.
const START_LIMIT: Duration = Duration::from_mins(5);

/// Another process may take the free port between our look and the server's bind.
const PORT_ATTEMPTS: usize = 3;

/// Where a port is looked for.
const PORTS: Range<u16> = 10_240..32_768;

/// How many ports are looked at.
const PORT_TRIALS: usize = 1000;

impl Server {
    /// Starts what `command` makes of a folder and a free port, and waits until it answers there.
    pub fn start(name: &str, command: impl Fn(&Path, u16) -> Result<Command>) -> Result<Self> {
        let mut last = None;
        for _ in 0..PORT_ATTEMPTS {
            match Self::start_once(name, &command) {
                Ok(server) => return Ok(server),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| anyhow::anyhow!("no attempt was made"))).with_context(|| format!("starting {name}"))
    }

    fn start_once(name: &str, command: impl Fn(&Path, u16) -> Result<Command>) -> Result<Self> {
        let dir = tempfile::tempdir().with_context(|| format!("making {name}'s folder"))?;
        let log = dir.path().join("server.log");
        let output = File::create(&log).with_context(|| format!("creating {name}'s log"))?;
        let port = free_port()?;
        let mut command = command(dir.path(), port)?;
        command
            .stdin(Stdio::piped())
            .stdout(output.try_clone().with_context(|| format!("sharing {name}'s log"))?)
            .stderr(output);
        let mut group = Group::start(&mut command)?;
        await_answer(name, &mut group, port, &log)?;
        Ok(Self { port, log, group, dir })
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The process's id.
    pub fn id(&self) -> u32 {
        self.group.id()
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Where the server writes. It is gone with the server.
    pub fn log(&self) -> &Path {
        &self.log
    }
}

/// The virtual environment's Python, which runs `script` in `dir` with a clean environment and ends with us.
pub fn python(script: &str, dir: &Path) -> Result<Command> {
    let mut command = Command::new(workspace::venv_tool("python")?);
    command
        .args(["-c", &format!("{FOLLOW}\n{script}")])
        .current_dir(dir)
        .env_clear()
        .env("PATH", env::var_os("PATH").unwrap_or_default())
        .env("HOME", dir)
        .env("TMPDIR", dir)
        .env("LANG", "C.UTF-8");
    Ok(command)
}

/// A port that nobody has, below those that systems give out by themselves (32768 and up): who asks for any port never gets it,
/// although a server takes seconds to open it, and so is never taken for the server.
fn free_port() -> Result<u16> {
    for _ in 0..PORT_TRIALS {
        let random = RandomState::new().build_hasher().finish() % u64::from(PORTS.end - PORTS.start);
        let port = PORTS.start + u16::try_from(random).unwrap_or_default();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no port between {} and {} is free", PORTS.start, PORTS.end)
}

/// The port is opened once everything behind it is ready.
fn await_answer(name: &str, group: &mut Group, port: u16, log: &Path) -> Result<()> {
    let start = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        if let Some(status) = group.wait(Duration::from_millis(50))? {
            bail!("{name} ended with {status}: {}", tail(log));
        }
        if start.elapsed() > START_LIMIT {
            bail!(
                "{name} did not answer within {} s: {}",
                START_LIMIT.as_secs(),
                tail(log)
            );
        }
    }
    Ok(())
}

fn tail(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_does_not_come_up_shows_what_it_said() {
        let outcome = Server::start("Nada", |dir, _| python("raise SystemExit('no quiero')", dir));
        let told = outcome.err().map(|error| format!("{error:#}")).unwrap_or_default();
        assert!(told.starts_with("starting Nada: Nada ended with"), "{told}");
        assert!(told.contains("no quiero"), "{told}");
    }
}
