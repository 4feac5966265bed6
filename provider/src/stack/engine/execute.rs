//! Carries out a plan.

use std::convert::Infallible;
use std::future::Future;
use std::time::Duration;

use kairos_aws::AwsError;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::graph::{Ended, walk};
use super::limits::Limits;
use super::plan::{Action, Plan, Step, holds_data};
use super::report::{Outcome, Report};
use super::retry::{Pace, Verdict};
use crate::stack::context::Context;
use crate::stack::kind::Owner;

/// What an execution runs under.
#[derive(Debug, Clone)]
pub struct Run {
    /// Clients, names and ids.
    pub context: Context,
    /// Bounds on concurrency.
    pub limits: Limits,
    /// Cancelled when nothing more is to be started: Ctrl-C, or the marker's lease was lost.
    pub stop: CancellationToken,
    /// When the operation's time is over.
    pub deadline: Instant,
    /// How patient to be.
    pub pace: Pace,
}

/// Carries out a plan as concurrently as its graph and the limits allow.
///
/// # Expected flow
/// 1. A step starts when all that it waits for has ended well.
/// 2. What is to be created is read once more: gone in the meantime or there already, it ends as wanted; another's is left
///    alone and fails.
/// 3. A failed call is tried again where [`Pace`] says so.
///
/// # Guarantees
/// - Every component of the plan ends in exactly one of `done`, `failed`, `skipped`, `untouched`.
/// - After a failure nothing downstream of it starts, and independent branches finish. Once `stop` is cancelled or the
///   deadline has passed nothing starts; calls in flight finish and are reported.
/// - The context knows the id of every component that exists.
///
/// # Assumptions
/// - Every operation of a kind is repeatable: a call whose answer was lost may be made again.
///
/// # Errors
/// None of its own: failures are in the report, each with AWS's words.
pub async fn execute(plan: &Plan, run: &Run) -> Report {
    let halt = run.stop.child_token();
    let timer = async {
        tokio::time::sleep_until(run.deadline).await;
        halt.cancel();
        std::future::pending::<Infallible>().await
    };
    let work = walk(&plan.waits, &halt, |index| step(&plan.steps[index], run, &halt));
    let results = tokio::select! {
        results = work => results,
        never = timer => match never {},
    };
    let interrupted = match (run.stop.is_cancelled(), halt.is_cancelled()) {
        (true, _) => Some("the operation was interrupted"),
        (false, true) => Some("the operation's time was over"),
        (false, false) => None,
    };
    Report::of(plan, results, interrupted)
}

/// One step, within the limits. A step that waited for its turn until everything was stopped was never started.
async fn step(step: &Step, run: &Run, halt: &CancellationToken) -> Ended<Outcome> {
    if step.action == Action::Keep {
        return Ended {
            result: Outcome::Untouched,
            go_on: true,
        };
    }
    let permit = run.limits.permit(step.node.service()).await;
    if halt.is_cancelled() {
        return Ended {
            result: Outcome::Skipped("the operation was stopped".into()),
            go_on: false,
        };
    }
    let started = Instant::now();
    let result = act(step, run, halt).await;
    drop(permit);
    let (componente, action, ms) = (&step.component, step.action.verb(), started.elapsed().as_millis());
    match result {
        Ok(status) => {
            tracing::info!(componente, action, ms, "done");
            Ended {
                result: Outcome::Done { status },
                go_on: true,
            }
        }
        Err(why) => {
            tracing::warn!(componente, action, ms, why, "failed");
            Ended {
                result: Outcome::Failed(why),
                go_on: false,
            }
        }
    }
}

async fn act(step: &Step, run: &Run, halt: &CancellationToken) -> Result<Option<&'static str>, String> {
    match (&step.action, &step.held) {
        (Action::Update(changes), Some(held)) => {
            persist(step, run, halt, || step.node.update(held, changes, &run.context)).await?;
            run.context.learn(&step.component, &held.id);
            Ok(held.status)
        }
        (Action::Delete, Some(held)) => {
            persist(step, run, halt, || step.node.delete(&held.id, &run.context)).await?;
            run.context.forget(&step.component);
            Ok(None)
        }
        // An update or a deletion of nothing cannot be planned.
        (Action::Keep | Action::Delete, _) => Ok(None),
        (Action::Create | Action::Repoint | Action::Update(_), _) => ensure(step, run, halt).await,
    }
}

/// Reads the object and creates or changes it, so that it ends as wanted.
async fn ensure(step: &Step, run: &Run, halt: &CancellationToken) -> Result<Option<&'static str>, String> {
    let held = persist(step, run, halt, || step.node.observe(&run.context)).await?;
    let Some(held) = held else {
        let made = persist(step, run, halt, || step.node.create(&run.context)).await?;
        run.context.learn(&step.component, &made.id);
        return Ok(made.status);
    };
    if let Owner::Foreign(owner) = held.owner {
        let whose = owner.map_or_else(
            || "is not this stack's".into(),
            |o| format!("belongs to the stack \"{o}\""),
        );
        return Err(format!(
            "the {} \"{}\" exists already and {whose}",
            step.node.type_name(),
            held.id
        ));
    }
    if held.changes.iter().any(|c| c.replaces) {
        if holds_data(step.node.as_ref()) {
            return Err(format!(
                "\"{}\" would have to be replaced, which would lose what it holds",
                held.id
            ));
        }
        persist(step, run, halt, || step.node.delete(&held.id, &run.context)).await?;
        let made = persist(step, run, halt, || step.node.create(&run.context)).await?;
        run.context.learn(&step.component, &made.id);
        return Ok(made.status);
    }
    if !held.changes.is_empty() {
        persist(step, run, halt, || step.node.update(&held, &held.changes, &run.context)).await?;
    }
    run.context.learn(&step.component, &held.id);
    Ok(held.status)
}

/// Makes a call until it succeeds or is not worth another try.
async fn persist<T, F, Fut>(step: &Step, run: &Run, halt: &CancellationToken, call: F) -> Result<T, String>
where
    F: Fn() -> Fut,
    Fut: Future<Output = Result<T, AwsError>>,
{
    let mut failures = 0;
    let mut first: Option<Instant> = None;
    loop {
        let error = match call().await {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        failures += 1;
        let waited = first.get_or_insert_with(Instant::now).elapsed();
        let Verdict::Again(pause) = run.pace.judge(&error, step.node.settling(&error), failures, waited) else {
            return Err(error.to_string());
        };
        tracing::debug!(componente = step.component, %error, failures, "waits and tries again");
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = halt.cancelled() => return Err(format!("{error}; given up after {}", seconds(waited))),
        }
    }
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}
