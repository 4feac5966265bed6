//! An instance of the executor as the world sees it: its calls take their time, meet faults, and end with it.
//!
//! Invariant: what an instance does after it was killed reaches nobody, except a request that had left before.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_credential_types::Credentials;
use executor::targets::{Answer, Call};
use executor::{Failure, Ports};
use kairos::ids::IdProceso;
use kairos::instant::Timestamp;
use kairos::message::Mensaje;
use kairos::run::EstadoEjecucion;
use kairos_aws::claim::{Claim, Recorded};
use kairos_aws::error::{AwsError, Class};
use kairos_aws::processes::Rows;
use kairos_aws::queue::Outgoing;
use kairos_aws::runs::Outcome;
use tokio::sync::Notify;

use super::oracle::{check_outcome, check_start};
use super::plan::{Fault, Gone, Poison};
use super::queue::Sent;
use super::totals::Step;
use super::world::{Dead, State, Told, World, error};

/// How long the SDK waits for a call that hangs, all repetitions together, in milliseconds.
const HANGS: u64 = 35_000;

/// How late a target answers for which nobody waits any more, in milliseconds.
const LATE: u64 = 1_000_000;

/// How far the clocks of instances are apart at most, in milliseconds, from the true time.
const SKEW: u64 = 300;

/// One instance.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) world: Arc<World>,
    pub(super) life: Arc<Life>,
}

#[derive(Debug)]
pub(super) struct Life {
    pub(super) id: u64,
    dead: AtomicBool,
    pub(super) died: Notify,
    /// The instance's clock goes wrong by so many milliseconds.
    skew: i64,
}

/// What happens to a call.
#[derive(Debug, Clone, Copy, Default)]
struct Fate {
    fault: Option<Fault>,
    /// How long the request and the answer take, in milliseconds.
    there: u64,
    back: u64,
    /// The request has left before the instance is killed by another call.
    departed: bool,
    hangs: bool,
}

impl Node {
    pub(super) fn start(world: &Arc<World>) -> Self {
        let mut state = world.state();
        state.instances += 1;
        let id = state.instances;
        let skew = if world.plan.by_chance() {
            i64::try_from(state.draw.below(2 * SKEW)).unwrap_or_default() - SKEW.cast_signed()
        } else {
            0
        };
        drop(state);
        let life = Life {
            id,
            dead: AtomicBool::new(false),
            died: Notify::new(),
            skew,
        };
        Self {
            world: Arc::clone(world),
            life: Arc::new(life),
        }
    }

    /// Ends the instance.
    pub(super) fn kill(&self) {
        self.life.dead.store(true, Ordering::Relaxed);
        self.world.state().killed(self.life.id);
        self.life.died.notify_one();
    }

    fn is_dead(&self) -> bool {
        self.life.dead.load(Ordering::Relaxed)
    }

    /// Draws what happens to the next call.
    fn fate(&self, step: Step) -> Fate {
        let (plan, mut state) = (&self.world.plan, self.world.state());
        let number = state.calls;
        state.calls += 1;
        if !self.is_dead() {
            state.calls_of(step).made += 1;
        }
        if !plan.by_chance() {
            state.steps.push(step);
            let scripted = plan.script.iter().find(|(at, _)| *at == number);
            return Fate {
                fault: scripted.map(|(_, fault)| *fault),
                there: 5,
                back: 5,
                ..Fate::default()
            };
        }
        let faults = plan.faults;
        let draw = &mut state.draw;
        // Mostly a few milliseconds, now and then as long as a target may take.
        let there = 1 + draw.below(20);
        let back = match (step, draw.below(100)) {
            (Step::Start, 0..30) => draw.below(3_000),
            (Step::Start, 30) => draw.below(100_000),
            (_, 31) => draw.below(2_000),
            _ => 1 + draw.below(20),
        };
        let departed = draw.happens(5_000);
        let fault = if draw.happens(faults.killed * step.rarity()) {
            Some(if draw.happens(5_000) {
                Fault::KilledBefore
            } else {
                Fault::KilledAfter
            })
        } else if step != Step::Start && draw.happens(faults.throttled) {
            Some(Fault::Throttled)
        } else if draw.happens(faults.lost) {
            Some(Fault::Lost)
        } else {
            None
        };
        let mut fate = Fate {
            fault,
            there,
            back,
            departed,
            hangs: false,
        };
        if fault.is_none() && step == Step::Start && draw.happens(faults.late) {
            fate.back = LATE;
        } else if fault.is_none() && step != Step::Start && draw.happens(faults.hangs) {
            (fate.hangs, fate.back) = (true, HANGS);
            fate.fault = Some(if departed { Fault::Lost } else { Fault::Throttled });
        }
        fate
    }

    /// A call to the world: it leaves, `act` carries it out, its answer comes back; or something of that does not happen.
    async fn call<T, E>(
        &self,
        step: Step,
        run: Option<usize>,
        act: impl FnOnce(&mut State, u64) -> Result<T, E> + Send,
    ) -> Result<T, E>
    where
        T: Send,
        E: From<AwsError> + Send,
    {
        let fate = self.fate(step);
        if self.is_dead() {
            return never().await;
        }
        if fate.fault == Some(Fault::KilledBefore) {
            self.note(run, step, "killed before the call");
            self.world.state().calls_of(step).killed_before += 1;
            self.kill();
            return never().await;
        }
        let clock = &self.world.clock;
        clock.sleep(Duration::from_millis(fate.there)).await;
        if self.is_dead() && !fate.departed {
            return never().await;
        }
        if let (true, Some(run), Step::Record) = (fate.hangs, run, step) {
            self.world.state().hangs(run, self.life.id);
        }
        let mut outcome = Err(error(step.name(), "", "ThrottlingException", Class::Transient, false).into());
        if fate.fault == Some(Fault::Throttled) {
            self.note(run, step, "throttled");
            self.world.state().calls_of(step).throttled += 1;
        } else {
            outcome = act(&mut self.world.state(), clock.millis());
        }
        if fate.fault == Some(Fault::KilledAfter) && !self.is_dead() {
            self.note(run, step, "killed after the call");
            self.world.state().calls_of(step).killed_after += 1;
            self.kill();
        }
        clock.sleep(Duration::from_millis(fate.back)).await;
        if self.is_dead() {
            return never().await;
        }
        if fate.fault == Some(Fault::Lost) {
            self.note(run, step, "answer lost");
            self.world.state().calls_of(step).lost += 1;
            return Err(error(step.name(), "", "", Class::Transient, true).into());
        }
        outcome
    }

    fn note(&self, run: Option<usize>, step: Step, what: &'static str) {
        if let Some(run) = run {
            let now = self.world.clock.millis();
            self.world.state().note(run, now, self.life.id, what, step);
        }
    }

    fn run(&self, run: &Mensaje) -> Option<usize> {
        self.world.state().by_id.get(&run.id_ejecucion).copied()
    }

    /// The run whose message has this receipt.
    fn run_of(&self, receipt: &str) -> Option<usize> {
        let state = self.world.state();
        let body = state.queue.body(receipt)?;
        state.by_body.get(&body).copied()
    }
}

/// The rest of the life of a call that reaches nobody.
async fn never<T>() -> T {
    std::future::pending().await
}

impl Ports for Node {
    async fn processes(&self, ids: &[IdProceso]) -> Result<Rows, AwsError> {
        self.call(Step::Read, None, |state, now| {
            let mut rows = HashMap::new();
            for id in ids {
                let Some(process) = state.processes.get(id) else {
                    continue;
                };
                let mut row = process.row.clone();
                match process.kind.gone.filter(|(_, from)| *from <= now) {
                    Some((Gone::Deleted, _)) => continue,
                    Some((Gone::Disabled, _)) => {
                        if let Ok(proceso) = &mut row {
                            proceso.habilitado = false;
                        }
                    }
                    None => {}
                }
                rows.insert(id.clone(), row);
            }
            Ok(rows)
        })
        .await
    }

    async fn claim(&self, run: &Mensaje, owner: &str, lease: Timestamp) -> Result<Claim, AwsError> {
        let (of, id, now) = (self.run(run), self.life.id, self.now());
        self.call(Step::Claim, of, |state, at| {
            let before = state.table.get(run.id_ejecucion);
            let before = before.map(|held| (held.estado, held.arrendado_hasta.is_some(), held.intentos));
            let claim = state.table.claim(run, owner, now, lease).map_err(|e| broken(&e))?;
            if let Some(of) = of {
                let what = state.claimed(of, before, &claim);
                let attempt = if let Claim::Mine { attempt } = claim {
                    attempt
                } else {
                    0
                };
                state.note(of, at, id, what, attempt);
            }
            Ok(claim)
        })
        .await
    }

    async fn omit(&self, run: &Mensaje, reason: &str) -> Result<Claim, AwsError> {
        let (of, id, now) = (self.run(run), self.life.id, self.now());
        self.call(Step::Omit, of, |state, at| {
            let before = state.table.get(run.id_ejecucion).map(|held| held.estado);
            let claim = state.table.omit(run, reason, now).map_err(|e| broken(&e))?;
            if let Some(of) = of {
                let what = match (before, &claim) {
                    (Some(EstadoEjecucion::Omitido | EstadoEjecucion::EjecutadoOk), _) | (_, Claim::Leased { .. }) => {
                        state.claimed(of, None, &claim)
                    }
                    _ => "left out",
                };
                state.note(of, at, id, what, ());
            }
            Ok(claim)
        })
        .await
    }

    async fn record(
        &self,
        run: &Mensaje,
        owner: &str,
        attempt: u32,
        outcome: &Outcome,
        took: Option<Duration>,
    ) -> Result<Recorded, AwsError> {
        let (of, id, now) = (self.run(run), self.life.id, self.now());
        if let Some(of) = of {
            let mut state = self.world.state();
            // What an instance says after its end is heard by nobody; nor what is written once more although somebody has
            // claimed the run meanwhile.
            let current = state
                .table
                .get(run.id_ejecucion)
                .is_some_and(|held| held.intentos == attempt);
            if current && !self.is_dead() {
                check_outcome(&mut state, of, attempt, outcome, now);
            }
        }
        self.call(Step::Record, of, |state, at| {
            let before = state.table.get(run.id_ejecucion).map(|held| held.estado);
            let recorded = state.table.record(run, owner, attempt, outcome, took, now);
            if let (Some(of), Recorded::Written) = (of, recorded) {
                let ok = outcome.state() == EstadoEjecucion::EjecutadoOk;
                if ok {
                    state.recorded(of, attempt);
                }
                if ok && before != Some(EstadoEjecucion::EjecutadoOk) {
                    state.runs[of].recorded_ok += 1;
                }
                let what = match outcome {
                    Outcome::Ok(_) => "recorded as done, attempt",
                    Outcome::Error(_) => "recorded as given up, attempt",
                    Outcome::Again { .. } => "recorded as failed, attempt",
                };
                state.note(of, at, id, what, attempt);
            }
            Ok(recorded)
        })
        .await
    }

    async fn assume(&self, role: &str, session: &str) -> Result<Credentials, AwsError> {
        self.call(Step::Assume, None, |state, _| {
            let id: Result<IdProceso, _> = session.parse();
            let process = id.ok().and_then(|id| state.processes.get(&id));
            if process.is_none_or(|process| process.role != role) {
                state.wrong.push(format!("\"{role}\" was assumed for \"{session}\""));
            } else if process.is_some_and(|process| process.kind.poison == Some(Poison::Role)) {
                return Err(error("AssumeRole", role, "AccessDenied", Class::Denied, false));
            }
            // Shorter than STS makes them, so that instances meet their end.
            let life = Duration::from_secs(60 * (6 + state.draw.below(20)));
            let expiry = self
                .world
                .clock
                .now()
                .saturating_add(life)
                .map_err(|e| broken(&e.into()))?;
            Ok(Credentials::new(
                role,
                "secret",
                Some("token".into()),
                Some(expiry.into()),
                "simulation",
            ))
        })
        .await
    }

    async fn start(&self, call: &Call, credentials: &Credentials) -> Result<Answer, Failure> {
        let id = self.life.id;
        let Some(of) = self.world.state().by_id.get(&call.id_ejecucion).copied() else {
            return Err(Failure::terminal("no such run"));
        };
        let clock = &self.world.clock;
        let outcome: Result<Answer, Failure> = self
            .call(Step::Start, Some(of), |state, at| {
                check_start(state, of, id, call, credentials, clock.now());
                if state
                    .process_of(of)
                    .is_some_and(|process| process.kind.poison == Some(Poison::Target))
                {
                    state.note(of, at, id, "no such target", ());
                    let missing = error("Start", "target", "ResourceNotFoundException", Class::NotFound, false);
                    return Err(missing.into());
                }
                let refusals = &mut state.runs[of].refusals;
                *refusals += 1;
                if *refusals <= state.runs[of].kind.refusals || state.draw.happens(self.world.plan.faults.refused) {
                    state.note(of, at, id, "refused for now", ());
                    let busy = error("Start", "target", "TooManyRequestsException", Class::Transient, false);
                    return Err(busy.into());
                }
                let attempt = state.table.get(call.id_ejecucion).map_or(0, |held| held.intentos);
                state.take(of, at, id, attempt, self.is_dead());
                Ok(Answer::Accepted(format!("answer-{of}")))
            })
            .await;
        let told = match &outcome {
            Ok(answer) => Told::Taken(answer.to_string()),
            Err(failure) if failure.transient => Told::Transient,
            Err(failure) => Told::Terminal(failure.message.clone()),
        };
        self.world.state().answered(of, clock.millis(), id, told);
        outcome
    }

    async fn delay(&self, receipt: &str, delay: Duration) -> Result<(), AwsError> {
        let (of, id) = (self.run_of(receipt), self.life.id);
        self.call(Step::Delay, of, |state, at| {
            // As the queue takes it: whole seconds.
            let hidden = state.queue.hide(receipt, delay.as_secs() * 1_000, at);
            if let Some(of) = of {
                let what = if hidden {
                    "comes back after seconds"
                } else {
                    "is no longer in its hands"
                };
                state.note(of, at, id, what, delay.as_secs());
            }
            if hidden {
                return Ok(());
            }
            let stale = "ReceiptHandleIsInvalid";
            Err(error("ChangeMessageVisibility", "queue", stale, Class::Terminal, false))
        })
        .await
    }

    async fn bury(&self, message: &Outgoing) -> Result<(), AwsError> {
        let of = self.world.state().by_body.get(message.body.as_str()).copied();
        let id = self.life.id;
        self.call(Step::Bury, of, |state, at| {
            let attribute = |name: &str| {
                let found = message.attributes.iter().find(|(key, _)| key == name);
                found.map(|(_, value)| value.clone())
            };
            state.dead.push(Dead {
                message: Sent {
                    id: String::new(),
                    body: message.body.as_str().into(),
                    group: message.group.clone(),
                },
                class: attribute("Clase"),
                reason: attribute("Motivo"),
            });
            if let Some(of) = of {
                state.note(of, at, id, "buried", ());
            }
            Ok(())
        })
        .await
    }

    fn now(&self) -> Timestamp {
        let millis = self.world.clock.now().as_millisecond() + self.life.skew;
        Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MAX)
    }

    async fn sleep(&self, time: Duration) {
        self.world.clock.sleep(time).await;
    }
}

/// What the ids of an instance's invocations begin with.
pub(super) fn request_prefix(instance: u64) -> String {
    format!("{instance}-")
}

fn broken(error: &anyhow::Error) -> AwsError {
    super::world::error("Simulating", &format!("{error:#}"), "", Class::Terminal, false)
}
