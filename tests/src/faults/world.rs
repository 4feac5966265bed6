//! The world in memory: processes, runs, targets, the queues and the table; and what everybody may see of it afterwards.
//!
//! Invariant: a target is started only by who holds its run, with credentials of the process's own role that are valid; what
//! was answered to an attempt is what it records. Whatever breaks this is written down as wrong.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use executor::Row;
use kairos::ids::{IdEjecucion, IdProceso};
use kairos::message::Mensaje;
use kairos::run::EstadoEjecucion;
use kairos_aws::claim::Claim;
use kairos_aws::error::{AwsError, Class};
use kairos_aws::runs::Outcome;

use super::clock::Clock;
use super::draw::Draw;
use super::history::Line;
use super::making::proceso;
use super::plan::{Kind, Plan, Runs, Token};
use super::queue::{Queue, Sent};
use super::table::Table;
use super::totals::{Cause, Step, Totals};

/// The executor's timeout, in milliseconds: what a stack sets unless it is told otherwise.
pub(super) const TIMEOUT: u64 = 120_000;

/// A delivery comes back after six timeouts, as the topology sets it.
const VISIBILITY: u64 = 6 * TIMEOUT;

/// As the topology sets it.
const MOST_RECEIVES: u32 = 20;

/// For how long a target of [`Token::Window`] remembers a token, in milliseconds.
const WINDOW: u64 = 300_000;

/// A target that answers so shortly before the invocation's end, in milliseconds, leaves no time for a throttled record.
const TOO_LATE: u64 = 10_000;

/// What several tasks see and change.
#[derive(Debug)]
pub(super) struct World {
    pub(super) clock: Clock,
    pub(super) plan: Plan,
    state: Mutex<State>,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) draw: Draw,
    /// How many calls were made to the world so far.
    pub(super) calls: u64,
    /// Their steps, where the calls are scripted.
    pub(super) steps: Vec<Step>,
    pub(super) instances: u64,
    pub(super) processes: HashMap<IdProceso, Process>,
    pub(super) runs: Vec<Run>,
    pub(super) by_id: HashMap<IdEjecucion, usize>,
    pub(super) by_body: HashMap<Arc<str>, usize>,
    pub(super) table: Table,
    pub(super) queue: Queue,
    pub(super) dead: Vec<Dead>,
    pub(super) totals: Totals,
    pub(super) wrong: Vec<String>,
    /// The starts of each instance whose result is not in the table.
    open: HashMap<u64, Vec<(usize, usize)>>,
}

/// A process and its target.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) row: Row,
    pub(super) kind: Kind,
    /// What its role is called.
    pub(super) role: String,
}

/// A run and all that is known of it.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) message: Mensaje,
    pub(super) kind: Kind,
    /// The calls that its target took.
    pub(super) starts: Vec<Start>,
    pub(super) refusals: u32,
    /// What the attempt under way was answered by its target.
    pub(super) told: Option<Told>,
    /// What the attempt under way records.
    pub(super) recording: Option<Outcome>,
    /// Attempts that count against `reintentos`.
    pub(super) charged: u32,
    pub(super) recorded_ok: u32,
    pub(super) history: Vec<Line>,
}

/// A call that a target took.
#[derive(Debug)]
pub(super) struct Start {
    at: u64,
    attempt: u32,
    /// Whether the target executed the run for it: not where it remembered the token.
    pub(super) executed: bool,
    answered: Answered,
    hung: bool,
    pub(super) recorded: bool,
    pub(super) cause: Option<Cause>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answered {
    NotYet,
    Well { at: u64 },
    Lost,
}

/// What a target answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Told {
    Taken(String),
    Transient,
    Terminal(String),
}

/// A message in the dead-letter queue.
#[derive(Debug, Clone)]
pub(super) struct Dead {
    pub(super) message: Sent,
    /// None where the queue itself brought it there.
    pub(super) class: Option<String>,
    pub(super) reason: Option<String>,
}

impl World {
    pub(super) fn new(plan: &Plan, clock: Clock) -> Result<Self> {
        let mut state = State {
            draw: Draw::new(plan.seed),
            calls: 0,
            steps: Vec::new(),
            instances: 0,
            processes: HashMap::new(),
            runs: Vec::new(),
            by_id: HashMap::new(),
            by_body: HashMap::new(),
            table: Table::new(90),
            queue: Queue::new(VISIBILITY, MOST_RECEIVES),
            dead: Vec::new(),
            totals: Totals::default(),
            wrong: Vec::new(),
            open: HashMap::new(),
        };
        match &plan.runs {
            Runs::Given(kinds) => {
                for (number, kind) in kinds.iter().enumerate() {
                    state.add_process(number, *kind)?;
                    state.add_run(number, 0, *kind, plan.copies, 0)?;
                }
            }
            Runs::Drawn(count) => state.draw_runs(*count, plan.copies, plan.within)?,
        }
        Ok(Self {
            clock,
            plan: plan.clone(),
            state: Mutex::new(state),
        })
    }

    /// Nothing is left half done under this lock.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// A claim as it came out; `before` is what the run was like.
    pub(super) fn claimed(
        &mut self,
        run: usize,
        before: Option<(EstadoEjecucion, bool, u32)>,
        claim: &Claim,
    ) -> &'static str {
        match claim {
            Claim::Settled(_) => {
                self.totals.suppressed += 1;
                "has ended"
            }
            Claim::Leased { .. } => {
                self.totals.leased += 1;
                "is leased"
            }
            // The answer to the first of two equal claims was lost.
            Claim::Mine { attempt } if before.is_some_and(|(_, _, attempts)| attempts == *attempt) => "claimed again",
            Claim::Mine { .. } => {
                self.totals.attempts += 1;
                (self.runs[run].told, self.runs[run].recording) = (None, None);
                match before {
                    Some((EstadoEjecucion::EnEjecucion, ..)) => {
                        self.totals.after_crash += 1;
                        "claimed after a crash, attempt"
                    }
                    Some((EstadoEjecucion::ErrorAlEjecutar, false, _)) => {
                        self.totals.after_giving_up += 1;
                        "claimed after giving up, attempt"
                    }
                    _ => {
                        self.runs[run].charged += 1;
                        "claimed, attempt"
                    }
                }
            }
        }
    }

    /// A target takes a call of `instance`; whether it executes the run for it.
    pub(super) fn take(&mut self, run: usize, at: u64, instance: u64, attempt: u32, killed: bool) {
        let remembered = self.runs[run]
            .starts
            .iter()
            .rfind(|start| start.executed)
            .is_some_and(|start| match self.runs[run].kind.token {
                Token::Lasting => true,
                Token::Window => at - start.at < WINDOW,
                Token::None => false,
            });
        self.runs[run].starts.push(Start {
            at,
            attempt,
            executed: !remembered,
            answered: Answered::NotYet,
            hung: false,
            recorded: false,
            cause: killed.then_some(Cause::Killed),
        });
        let place = self.runs[run].starts.len() - 1;
        self.open.entry(instance).or_default().push((run, place));
        self.note(
            run,
            at,
            instance,
            if remembered { "taken for known" } else { "executed" },
            attempt,
        );
    }

    /// What the target answered has reached the instance.
    pub(super) fn answered(&mut self, run: usize, at: u64, instance: u64, told: Told) {
        let well = matches!(told, Told::Taken(_));
        let run_here = &mut self.runs[run];
        run_here.told = Some(told);
        let open = self
            .open
            .entry(instance)
            .or_default()
            .iter()
            .rfind(|(of, _)| *of == run);
        if let Some((_, place)) = open {
            let start = &mut run_here.starts[*place];
            if start.answered == Answered::NotYet {
                start.answered = if well { Answered::Well { at } } else { Answered::Lost };
            }
        }
    }

    /// A result of `attempt` has been written.
    pub(super) fn recorded(&mut self, run: usize, attempt: u32) {
        for start in self.runs[run]
            .starts
            .iter_mut()
            .filter(|start| start.attempt == attempt)
        {
            start.recorded = true;
        }
    }

    /// Writing a result of this instance hangs.
    pub(super) fn hangs(&mut self, run: usize, instance: u64) {
        for (of, place) in self.open.get(&instance).into_iter().flatten() {
            if *of == run {
                self.runs[run].starts[*place].hung = true;
            }
        }
    }

    /// An instance is no more: what it started and did not record stays so.
    pub(super) fn killed(&mut self, instance: u64) {
        for (run, place) in self.open.remove(&instance).unwrap_or_default() {
            let start = &mut self.runs[run].starts[place];
            if !start.recorded {
                start.cause = start.cause.or(Some(Cause::Killed));
            }
        }
    }

    /// An invocation whose time was over at `ends` has ended by itself: what it started and did not record, it did not for a
    /// reason.
    pub(super) fn invocation_ended(&mut self, instance: u64, ends: u64) {
        for (run, place) in self.open.remove(&instance).unwrap_or_default() {
            let start = &mut self.runs[run].starts[place];
            if start.recorded {
                continue;
            }
            start.cause = match start.answered {
                Answered::NotYet => Some(Cause::Late),
                Answered::Lost => Some(Cause::AnswerLost),
                Answered::Well { at } if start.hung || at + TOO_LATE > ends => Some(Cause::NoTime),
                Answered::Well { .. } => None,
            };
            if start.cause.is_none() {
                self.wrong(run, "a success was not recorded, although nothing kept it from being");
            }
        }
    }

    /// A call of `step` that met something.
    pub(super) fn calls_of(&mut self, step: Step) -> &mut super::totals::Calls {
        self.totals.calls.entry(step).or_default()
    }

    /// The process of a run.
    pub(super) fn process_of(&self, run: usize) -> Option<&Process> {
        self.processes.get(&self.runs.get(run)?.message.id_proceso)
    }

    /// Mends whatever was poison, and sends all dead letters that are ours back to the queue; how many.
    pub(super) fn redrive(&mut self, now: u64) -> Result<usize> {
        for (id, process) in &mut self.processes {
            process.kind.poison = None;
            if process.row.is_err() {
                process.row = Ok(proceso(id, &process.role, process.kind)?);
            }
        }
        for run in &mut self.runs {
            run.kind.poison = None;
        }
        let ours: Vec<Dead> = std::mem::take(&mut self.dead);
        let mut sent = 0;
        for (number, dead) in ours.into_iter().enumerate() {
            if let Some(run) = self.by_body.get(&dead.message.body).copied() {
                let id = format!("run-{run}-redriven-{number}");
                self.queue.send(Sent { id, ..dead.message }, now);
                sent += 1;
            }
        }
        self.totals.redriven += u64::try_from(sent)?;
        Ok(sent)
    }
}

/// A failed call.
pub(super) fn error(action: &str, object: &str, code: &str, class: Class, ambiguous: bool) -> AwsError {
    AwsError {
        action: action.to_owned(),
        object: object.to_owned(),
        code: (!code.is_empty()).then(|| code.to_owned()),
        message: "as the simulation wants it".to_owned(),
        request_id: None,
        class,
        ambiguous,
    }
}
