//! Processes of callers that can be killed at any moment: what they were asked then has no answer.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use acceptance::Account;
use acceptance::process::Group;
use anyhow::{Context, Result, ensure};
use rustix::process::Signal;
use serde_json::Value;

/// Who waits for an answer, by the number of what was asked; none once the process has ended.
type Waiting = Arc<Mutex<Option<HashMap<usize, Sender<Value>>>>>;

/// How long an answer takes at most; a caller waits for a guard of one that was killed.
const ANSWER: Duration = Duration::from_mins(5);

/// What came of a question.
#[derive(Debug)]
pub(crate) enum Outcome {
    Answer(Value),
    /// The process was killed after it was asked.
    Killed,
    /// The process was killed before it was asked.
    NotAsked,
}

/// A process of callers.
#[derive(Debug)]
pub(crate) struct Callers {
    group: Mutex<Group>,
    input: Mutex<ChildStdin>,
    waiting: Waiting,
    killed: AtomicBool,
}

impl Callers {
    /// Starts a process whose callers work in an account.
    pub(crate) fn start(account: &Account) -> Result<Self> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_registry_caller"));
        command
            .args([&account.endpoint, &account.id, &account.region])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut group = Group::start(&mut command)?;
        let input = group.child().stdin.take().context("a process has an input")?;
        let output = group.child().stdout.take().context("a process has an output")?;
        let waiting: Waiting = Arc::new(Mutex::new(Some(HashMap::new())));
        let listeners = Arc::clone(&waiting);
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                // Half a line is what a killed process leaves: no answer.
                let Ok(answer) = serde_json::from_str::<Value>(&line) else {
                    break;
                };
                let number = answer[0].as_u64().and_then(|number| usize::try_from(number).ok());
                let mut waiting = listeners.lock().unwrap_or_else(PoisonError::into_inner);
                let listener = waiting
                    .as_mut()
                    .zip(number)
                    .and_then(|(waiting, number)| waiting.remove(&number));
                if let Some(listener) = listener {
                    // Who asked waits for longer than any answer takes.
                    let _ = listener.send(answer[1].clone());
                }
            }
            listeners.lock().unwrap_or_else(PoisonError::into_inner).take();
        });
        Ok(Self {
            group: Mutex::new(group),
            input: Mutex::new(input),
            waiting,
            killed: AtomicBool::new(false),
        })
    }

    /// Asks, and waits for the answer.
    pub(crate) fn ask(&self, number: usize, what: &Value) -> Result<Outcome> {
        let outcome = self.try_ask(number, what)?;
        let killed = self.killed.load(Ordering::SeqCst);
        ensure!(
            killed || matches!(outcome, Outcome::Answer(_)),
            "a process of callers ended although nobody killed it"
        );
        Ok(outcome)
    }

    fn try_ask(&self, number: usize, what: &Value) -> Result<Outcome> {
        let (tell, told) = channel();
        match self.waiting.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            Some(waiting) => waiting.insert(number, tell),
            None => return Ok(Outcome::NotAsked),
        };
        let line = format!("{what}\n");
        let sent = self
            .input
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .write_all(line.as_bytes());
        if sent.is_err() {
            // It is dying: whether it has read the line, nobody knows.
            return Ok(Outcome::Killed);
        }
        match told.recv_timeout(ANSWER) {
            Ok(answer) => Ok(Outcome::Answer(answer)),
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => Ok(Outcome::Killed),
            Err(error) => Err(error).with_context(|| format!("waiting for the answer to {what}")),
        }
    }

    /// Kills the process, whatever its callers are doing.
    pub(crate) fn kill(&self) {
        self.killed.store(true, Ordering::SeqCst);
        let group = self.group.lock().unwrap_or_else(PoisonError::into_inner);
        group.signal(Signal::KILL);
    }
}
