//! The executor itself, among everything that goes wrong: a queue that delivers three times and in any order, calls that are
//! throttled or lose their answers, instances that are killed at any step. All in memory and in virtual time, from a seed.
//!
//! Invariant: the code under test is the product's: [`executor::Executor`] over its own ports. Only the world is made up.
//! Invariant: a seed gives the same simulation each time.

mod check;
mod clock;
mod draw;
mod history;
mod lambda;
mod making;
mod node;
mod oracle;
pub mod plan;
mod queue;
pub mod table;
pub mod totals;
mod world;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result, bail};
use futures_util::future::{Either, join_all, select};

use clock::Clock;
pub use draw::Draw;
use kairos::run::EstadoEjecucion;
use plan::Plan;
use totals::{Step, Totals};
use world::World;

/// How many of the things that are wrong are told.
const TOLD: usize = 3;

/// How often dead letters are redriven at most until none is left.
const REDRIVES: usize = 20;

/// What a simulation came to.
#[derive(Debug)]
pub struct Outcome {
    /// What was counted when the queue was empty.
    pub totals: Totals,
    /// What was counted after the poison had been mended and every dead letter redriven, until none was left.
    pub redriven: Totals,
    /// How each run ended at first.
    pub runs: Vec<End>,
    /// The steps of all calls to the world, in their order, where they were scripted.
    pub steps: Vec<Step>,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    /// What the table says.
    pub estado: Option<EstadoEjecucion>,
    /// How many attempts it counts.
    pub intentos: u32,
    /// How many times the target executed it.
    pub executed: usize,
}

/// Runs a simulation until its queue is empty; then mends the poison and redrives what was given up, until nothing is.
///
/// # Errors
/// What must not be and is, with the seed and the history of the run.
pub fn simulate(plan: &Plan) -> Result<Outcome> {
    let clock = Clock::default();
    let runtime = clock.runtime().context("making a runtime")?;
    let world = Arc::new(World::new(plan, clock.clone())?);
    let drain = || -> Result<()> {
        runtime.block_on(async {
            let pollers = (0..plan.instances.max(1)).map(|_| tokio::spawn(lambda::poll(Arc::clone(&world))));
            match select(join_all(pollers), clock.stalled()).await {
                Either::Left((ended, _)) => ended.into_iter().try_for_each(|ended| ended?),
                Either::Right(_) => bail!("seed {}: nothing goes on, and the queue is not empty", plan.seed),
            }
        })?;
        world.check();
        judge(plan, &world)
    };
    drain()?;
    let totals = world.state().totals.clone();
    let (runs, steps) = (world.ends(), world.state().steps.clone());
    let mut rounds = 0;
    while world.state().redrive(clock.millis())? > 0 {
        rounds += 1;
        if rounds > REDRIVES {
            bail!("seed {}: dead letters never end", plan.seed);
        }
        drain()?;
    }
    let redriven = world.state().totals.clone();
    if redriven.dead + redriven.dead_by_redrive + redriven.lost > 0 {
        bail!("seed {}: redriven, and not ended: {redriven}", plan.seed);
    }
    Ok(Outcome {
        totals,
        redriven,
        runs,
        steps,
    })
}

/// Runs simulations on all processors, and adds up what they counted at first.
///
/// # Errors
/// The first that something is wrong in.
pub fn simulate_all(plans: &[Plan]) -> Result<Totals> {
    let next = AtomicUsize::new(0);
    let workers = std::thread::available_parallelism()
        .map_or(1, usize::from)
        .min(plans.len());
    let work = || -> Result<Totals> {
        let mut totals = Totals::default();
        while let Some(plan) = plans.get(next.fetch_add(1, Ordering::Relaxed)) {
            totals.add(&simulate(plan)?.totals);
        }
        Ok(totals)
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        let mut totals = Totals::default();
        for worker in workers {
            match worker.join() {
                Ok(counted) => totals.add(&counted?),
                Err(_) => bail!("a simulation panicked"),
            }
        }
        Ok(totals)
    })
}

fn judge(plan: &Plan, world: &World) -> Result<()> {
    let state = world.state();
    if state.wrong.is_empty() {
        return Ok(());
    }
    let told: Vec<&str> = state.wrong.iter().take(TOLD).map(String::as_str).collect();
    let (count, told) = (state.wrong.len(), told.join("\n\n"));
    bail!(
        "seed {}, {:?}: {count} things are wrong:\n{told}",
        plan.seed,
        plan.script
    )
}

impl World {
    fn ends(&self) -> Vec<End> {
        let state = self.state();
        let end = |run: &world::Run| {
            let held = state.table.get(run.message.id_ejecucion);
            let executed = run.starts.iter().filter(|start| start.executed).count();
            End {
                estado: held.map(|held| held.estado),
                intentos: held.map_or(0, |held| held.intentos),
                executed,
            }
        };
        state.runs.iter().map(end).collect()
    }
}
