//! The world in memory: processes, runs, targets, the queues and the table; and what everybody may see of it afterwards.
//!
//! Invariant: a target is started only by who holds its run, with credentials of the process's own role that are valid; what
//! was answered to an attempt is what it records. Whatever breaks this is written down as wrong.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use executor::Row;
use kairos::ids::{IdEjecucion, IdProceso};
use kairos::instant::Timestamp;
use kairos::message::Mensaje;
use kairos::proceso::{InvocationMode, Proceso};
use kairos::run::EstadoEjecucion;
use kairos_aws::claim::Claim;
use kairos_aws::error::{AwsError, Class};
use kairos_aws::runs::Outcome;

use super::clock::{Clock, timestamp};
use super::draw::Draw;
use super::plan::{Gone, Kind, Plan, Poison, Runs, Token};
use super::queue::{Queue, Sent};
use super::table::Table;
use super::totals::{Cause, Step, Totals};

/// The executor's timeout, in milliseconds: what a stack sets unless it is told otherwise.
pub(super) const TIMEOUT: u64 = 120_000;

/// A delivery comes back after six timeouts, as the topology sets it.
const VISIBILITY: u64 = 6 * TIMEOUT;

/// As the topology sets it.
const MOST_RECEIVES: u32 = 20;

/// How many runs of a process there are where they are drawn.
const RUNS_PER_PROCESS: usize = 20;

/// For how long a target of [`Token::Window`] remembers a token, in milliseconds.
const WINDOW: u64 = 300_000;

/// A target that answers so shortly before the invocation's end, in milliseconds, leaves no time for a throttled record.
const TOO_LATE: u64 = 10_000;

/// Within how many milliseconds the copies of a message follow it.
const COPIES: u64 = 1_800_000;

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

/// Something that happened to a run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line {
    at: u64,
    instance: u64,
    what: &'static str,
    detail: Detail,
}

/// What a line says more.
#[derive(Debug, Clone, Copy)]
pub(super) enum Detail {
    Nothing,
    Number(u64),
    Step(Step),
}

impl From<()> for Detail {
    fn from((): ()) -> Self {
        Self::Nothing
    }
}

impl From<u64> for Detail {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl From<u32> for Detail {
    fn from(number: u32) -> Self {
        Self::Number(number.into())
    }
}

impl From<Step> for Detail {
    fn from(step: Step) -> Self {
        Self::Step(step)
    }
}

impl fmt::Display for Detail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => Ok(()),
            Self::Number(number) => write!(f, " {number}"),
            Self::Step(step) => write!(f, " {}", step.name()),
        }
    }
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
    fn draw_runs(&mut self, count: usize, copies: usize, within: u64) -> Result<()> {
        let mut kind = Kind::sound(Token::None);
        for number in 0..count {
            let (process, nth) = (number / RUNS_PER_PROCESS, number % RUNS_PER_PROCESS);
            if nth == 0 {
                kind = self.draw_kind(process, within);
                self.add_process(process, kind)?;
            }
            self.add_run(process, nth, kind, copies, within)?;
        }
        // One message in a thousand is none of ours.
        for number in 0..count.div_ceil(1_000) {
            let message = Sent {
                id: format!("unreadable-{number}"),
                body: format!("{{\"unreadable\":{number}").into(),
                group: None,
            };
            let at = self.draw.below(within);
            self.queue.send(message, at);
            self.totals.messages += 1;
            self.totals.unreadable += 1;
        }
        Ok(())
    }

    /// Of fifty processes one is poison, and two are deleted or disabled at some time; 2 % and 4 % exactly, whatever is drawn.
    fn draw_kind(&mut self, process: usize, within: u64) -> Kind {
        let token = [Token::Lasting, Token::Lasting, Token::Window, Token::None, Token::None][self.draw.place(5)];
        // Before, while and after its runs begin.
        let at = self.draw.below(10 * within);
        Kind {
            token,
            poison: (process % 50 == 7).then(|| [Poison::Target, Poison::Role, Poison::Row][process / 50 % 3]),
            gone: match process % 50 {
                13 => Some((Gone::Deleted, at)),
                31 => Some((Gone::Disabled, at)),
                _ => None,
            },
            refusals: 0,
            reintentos: [0, 1, 3, 3, 3, 3, 5, 10][self.draw.place(8)],
        }
    }

    fn add_process(&mut self, number: usize, kind: Kind) -> Result<()> {
        let role = format!("arn:aws:iam::123456789012:role/kairos-{number}");
        let id: IdProceso = format!("proceso-{number}").parse().context("a process's id")?;
        let row = if kind.poison == Some(Poison::Row) {
            Err(error("Reading a process", id.as_str(), "", Class::Terminal, false))
        } else {
            Ok(proceso(&id, &role, kind)?)
        };
        self.processes.insert(id, Process { row, kind, role });
        Ok(())
    }

    fn add_run(&mut self, process: usize, nth: usize, kind: Kind, copies: usize, spread: u64) -> Result<()> {
        let id_proceso: IdProceso = format!("proceso-{process}").parse().context("a process's id")?;
        let minutes = u64::try_from(nth)?;
        let fecha_programada = timestamp(0).saturating_sub(Duration::from_secs(60 * (minutes + 1)))?;
        let message = Mensaje {
            id_ejecucion: IdEjecucion::scheduled("arn:aws:scheduler:::schedule/x/y", &fecha_programada, &id_proceso),
            id_proceso,
            id_calendarizacion: "calendarizacion-a".parse().context("a calendarización's id")?,
            fecha_programada,
        };
        let number = self.runs.len();
        let body: Arc<str> = serde_json::to_string(&message)?.into();
        let first = self.draw.below(spread);
        for copy in 0..copies {
            // The dispatcher sends a message twice, or SQS delivers one more than once.
            let id = format!("run-{number}-{}", if copy == 2 { 0 } else { copy });
            let later = if copy == 0 || spread == 0 || self.draw.happens(5_000) {
                0
            } else {
                self.draw.below(COPIES)
            };
            let sent = Sent {
                id,
                body: Arc::clone(&body),
                group: Some(message.id_calendarizacion.to_string()),
            };
            self.queue.send(sent, first + later);
            self.totals.messages += 1;
        }
        // Some runs were asked for: they are in the table before their message is on the queue.
        if spread > 0 && self.draw.happens(500) {
            self.table.open(&message, timestamp(0))?;
        }
        self.by_id.insert(message.id_ejecucion, number);
        self.by_body.insert(body, number);
        self.runs.push(Run {
            message,
            kind,
            starts: Vec::new(),
            refusals: 0,
            told: None,
            recording: None,
            charged: 0,
            recorded_ok: 0,
            history: Vec::new(),
        });
        self.totals.runs += 1;
        Ok(())
    }

    /// Writes down what happened to a run.
    pub(super) fn note(&mut self, run: usize, at: u64, instance: u64, what: &'static str, detail: impl Into<Detail>) {
        if let Some(run) = self.runs.get_mut(run) {
            run.history.push(Line {
                at,
                instance,
                what,
                detail: detail.into(),
            });
        }
    }

    /// Writes down what must not be, with all that happened to the run.
    pub(super) fn wrong(&mut self, run: usize, what: &str) {
        let told = self.tell(run);
        self.wrong.push(format!("{what}\n{told}"));
    }

    fn tell(&self, number: usize) -> String {
        let Some(run) = self.runs.get(number) else {
            return String::new();
        };
        let mut told = format!(
            "run {number}, {:?}, held as {:?}",
            run.kind,
            self.table.get(run.message.id_ejecucion)
        );
        for line in &run.history {
            let (seconds, millis) = (line.at / 1_000, line.at % 1_000);
            told += &format!(
                "\n  {seconds:>6}.{millis:03} s  instance {:<4} {}{}",
                line.instance, line.what, line.detail
            );
        }
        told
    }

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

/// The process's row.
fn proceso(id: &IdProceso, role: &str, kind: Kind) -> Result<Proceso> {
    let since: Timestamp = "2026-01-01T00:00:00Z".parse()?;
    let name = id.as_str();
    let arn_proceso = match kind.token {
        Token::Lasting => format!("arn:aws:states:us-east-1:123456789012:stateMachine:{name}"),
        Token::Window => format!("arn:aws:sqs:us-east-1:123456789012:{name}.fifo"),
        Token::None => format!("arn:aws:lambda:us-east-1:123456789012:function:{name}"),
    };
    Ok(Proceso {
        id_proceso: id.clone(),
        nombre: name.to_owned(),
        arn_rol: role.to_owned(),
        arn_proceso,
        parametros: None,
        habilitado: true,
        reintentos: kind.reintentos,
        modo_invocacion: InvocationMode::Event,
        tiempo_maximo_segundos: None,
        id_calendarizacion: "calendarizacion-a".parse().context("a calendarización's id")?,
        fecha_asignacion: since,
        fecha_creacion: since,
        fecha_actualizacion: since,
        version: 1,
    })
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
