//! Child processes in a group of their own, so that what they start ends with them.
//!
//! Invariant: dropping a [`Group`] kills every process of it.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, kill_process_group, waitid};

/// The kernel tells processor time in hundredths of a second, whatever the clock of its scheduler.
const TICKS: f64 = 100.0;

/// The leaders of the groups that run now.
static RUNNING: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());

/// A running command and all that it starts.
#[derive(Debug)]
pub struct Group {
    child: Child,
}

impl Group {
    /// Starts `command` as the leader of a group of its own.
    pub fn start(command: &mut Command) -> Result<Self> {
        let program = command.get_program().to_string_lossy().into_owned();
        let child = command
            .process_group(0)
            .spawn()
            .with_context(|| format!("starting \"{program}\""))?;
        running().insert(child.id());
        Ok(Self { child })
    }

    /// The leader.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// The leader's id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether the leader has ended. It is not waited for, so that the kernel still knows what it took ([`times`]).
    pub fn has_ended(&self) -> Result<bool> {
        let pid = pid(self.child.id()).context("a process has an id")?;
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        let ended = waitid(WaitId::Pid(pid), look).context("looking at a child process")?;
        Ok(ended.is_some())
    }

    /// Sends a signal to every process of the group; one that is gone is no error.
    pub fn signal(&self, signal: Signal) {
        if let Some(pid) = pid(self.child.id()) {
            let _ = kill_process_group(pid, signal);
        }
    }

    /// Waits for the leader, at most `limit`.
    pub fn wait(&mut self, limit: Duration) -> Result<Option<ExitStatus>> {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().context("waiting for a child process")? {
                return Ok(Some(status));
            }
            if start.elapsed() > limit {
                return Ok(None);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
        let _ = self.child.wait();
        running().remove(&self.child.id());
    }
}

/// Kills every group that runs now; who waits for one sees it end.
pub fn end_all() {
    for leader in running().iter() {
        if let Some(pid) = pid(*leader) {
            let _ = kill_process_group(pid, Signal::KILL);
        }
    }
}

/// A set of numbers is whole whatever happened to who held it.
fn running() -> MutexGuard<'static, BTreeSet<u32>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sends a signal to one process; one that is gone is no error.
pub fn signal(id: u32, signal: Signal) {
    if let Some(pid) = pid(id) {
        let _ = kill_process(pid, signal);
    }
}

/// Whether a process runs; one that has ended but was not waited for does not.
pub fn runs(id: u32) -> bool {
    stat(id).is_some()
}

/// The ids of the running processes below `ancestor` whose program's name begins with `name` (Linux: read from `/proc`).
pub fn descendants(ancestor: u32, name: &str) -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let ids = entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let mut known: Vec<(u32, u32, String)> = ids
        .filter_map(|id| stat(id).map(|(parent, name)| (id, parent, name)))
        .collect();
    let mut family = vec![ancestor];
    loop {
        let (joining, rest): (Vec<_>, Vec<_>) = known.into_iter().partition(|(_, parent, _)| family.contains(parent));
        if joining.is_empty() {
            return Vec::new();
        }
        let found: Vec<u32> = joining
            .iter()
            .filter(|(_, _, of)| of.starts_with(name))
            .map(|(id, _, _)| *id)
            .collect();
        if !found.is_empty() {
            return found;
        }
        family.extend(joining.iter().map(|(id, _, _)| *id));
        known = rest;
    }
}

/// Processor time in seconds, of user and kernel together.
#[derive(Debug, Clone, Copy, Default)]
pub struct Times {
    /// The process's own.
    pub own: f64,
    /// Of its children that have ended, and of theirs.
    pub children: f64,
}

/// What a process has taken so far (Linux: read from `/proc`); none for one that is gone. One that has ended is gone only when
/// it has been waited for.
pub fn times(id: u32) -> Option<Times> {
    times_in(&format!("/proc/{id}/stat"))
}

/// The processor time that the calling thread has taken so far, in seconds (Linux: read from `/proc`).
pub fn thread_seconds() -> f64 {
    times_in("/proc/thread-self/stat").unwrap_or_default().own
}

fn times_in(path: &str) -> Option<Times> {
    let text = fs::read_to_string(path).ok()?;
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    // Fields 14 to 17 of the line, of which the first two are gone.
    let ticks = |at: usize| fields.get(at)?.parse::<f64>().ok();
    Some(Times {
        own: (ticks(11)? + ticks(12)?) / TICKS,
        children: (ticks(13)? + ticks(14)?) / TICKS,
    })
}

/// A process's parent and the (at most 15 bytes of the) name of its program; none for one that has ended.
fn stat(id: u32) -> Option<(u32, String)> {
    let text = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let (head, tail) = text.rsplit_once(')')?;
    let name = head.split_once('(')?.1.to_owned();
    let mut fields = tail.split_whitespace();
    let state = fields.next()?;
    let parent = fields.next()?.parse().ok()?;
    (state != "Z").then_some((parent, name))
}

fn pid(id: u32) -> Option<Pid> {
    Pid::from_raw(i32::try_from(id).ok()?)
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::process::Stdio;

    use super::*;

    #[test]
    fn dropping_a_group_ends_the_grandchildren_too() -> Result<()> {
        let mut group = Group::start(
            Command::new("sh")
                .args(["-c", "sleep 600 & echo started; wait"])
                .stdout(Stdio::piped()),
        )?;
        let mut line = String::new();
        let stdout = group.child().stdout.take().context("no stdout")?;
        BufReader::new(stdout).read_line(&mut line)?;
        let leader = group.child().id();
        // The shell says that it started before the child that it forked is `sleep`.
        let start = Instant::now();
        let mut sleepers = descendants(leader, "sleep");
        while sleepers.is_empty() && start.elapsed() < Duration::from_secs(30) {
            std::thread::yield_now();
            sleepers = descendants(leader, "sleep");
        }
        assert_eq!(sleepers.len(), 1);
        drop(group);
        let gone = |id: u32| !runs(id);
        let start = Instant::now();
        while !sleepers.iter().all(|id| gone(*id)) && start.elapsed() < Duration::from_secs(30) {
            std::thread::yield_now();
        }
        assert!(sleepers.iter().all(|id| gone(*id)), "a sleeper outlived its group");
        Ok(())
    }

    #[test]
    fn what_a_process_took_is_known_until_it_has_been_waited_for() -> Result<()> {
        let mut group = Group::start(Command::new("sh").args(["-c", "sh -c 'exit 3'; exit 4"]))?;
        let start = Instant::now();
        while !group.has_ended()? && start.elapsed() < Duration::from_secs(30) {
            std::thread::yield_now();
        }
        assert!(times(group.id()).is_some_and(|times| times.own >= 0.0 && times.children >= 0.0));
        let code = group.wait(Duration::ZERO)?.and_then(|status| status.code());
        assert_eq!((code, times(group.id()).is_none()), (Some(4), true));
        Ok(())
    }
}
