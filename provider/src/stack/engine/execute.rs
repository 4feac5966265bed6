//! Carries out a plan.

use std::future::Future;

use kairos_aws::AwsError;
use tokio::time::Instant;
use tracing::Instrument;

use super::graph::{Ended, walk};
use super::limits::Limits;
use super::plan::{Action, Plan, Step};
use super::report::{Outcome, Report};
use super::retry::{Pace, Verdict};
use crate::stack::bounds::End;
use crate::stack::component::Observed;
use crate::stack::context::Context;
use crate::stack::kind::{Owner, Ref};

/// What an execution runs under.
#[derive(Debug, Clone)]
pub struct Run {
    /// Clients, names, ids, and what ends the operation early.
    pub context: Context,
    /// Bounds on concurrency.
    pub limits: Limits,
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
/// - After a failure nothing downstream of it starts, and independent branches finish. Once the context's bounds are
///   reached nothing starts, and nothing is waited for; calls in flight finish and are reported.
/// - The context knows the id of every component that exists.
///
/// # Assumptions
/// - Every operation of a kind is repeatable: a call whose answer was lost may be made again.
///
/// # Errors
/// None of its own: failures are in the report, each with AWS's words.
pub async fn execute(plan: &Plan, run: &Run) -> Report {
    for (step, waits) in plan.steps.iter().zip(&plan.waits) {
        let names: Vec<&str> = waits.iter().map(|on| plan.steps[*on].component.as_str()).collect();
        tracing::debug!(
            componente = step.component,
            action = step.action.verb(),
            waits_for = names.join(" "),
            "planned"
        );
    }
    let over = || run.context.bounds().over();
    let results = walk(&plan.waits, || over().is_some(), |index| step(&plan.steps[index], run)).await;
    Report::of(plan, results, over())
}

/// Why a step did not come to its end.
enum Failure {
    /// In these words.
    Failed(String),
    /// Nothing was done: the operation had ended.
    Over(End),
}

/// One step, within the limits. A step that waited for its turn until the operation ended was never started.
async fn step(step: &Step, run: &Run) -> Ended<Outcome> {
    if step.action == Action::Keep {
        return Ended {
            result: Outcome::Untouched,
            go_on: true,
        };
    }
    let permit = run.limits.permit(step.node.service()).await;
    let started = Instant::now();
    let (componente, action) = (step.component.as_str(), step.action.verb());
    // Whatever is logged below, and every call that is made, is of this component.
    let span = tracing::info_span!("step", componente, action);
    let result = act(step, run).instrument(span).await;
    drop(permit);
    let ms = started.elapsed().as_millis();
    match result {
        Ok(status) => {
            tracing::info!(componente, action, ms, "done");
            Ended {
                result: Outcome::Done { status },
                go_on: true,
            }
        }
        Err(Failure::Over(end)) => Ended {
            result: Outcome::Skipped(end.to_string()),
            go_on: false,
        },
        Err(Failure::Failed(why)) => {
            tracing::warn!(componente, action, ms, why, "failed");
            Ended {
                result: Outcome::Failed(why),
                go_on: false,
            }
        }
    }
}

async fn act(step: &Step, run: &Run) -> Result<Option<&'static str>, Failure> {
    match (&step.action, &step.held) {
        (Action::Update(changes), Some(held)) => {
            persist(step, run, || step.node.update(held, changes, &run.context)).await?;
            learn_changed(step, held, run).await?;
            Ok(held.status)
        }
        (Action::Delete, Some(held)) => {
            persist(step, run, || step.node.delete(&held.id, &run.context)).await?;
            // What was made beside it is known by the same name.
            if run.context.id(&Ref::to(&step.component)).as_deref() == Some(&held.id) {
                run.context.forget(&step.component);
            }
            Ok(None)
        }
        (Action::CreateBeside, _) => {
            let made = persist(step, run, || step.node.create(&run.context)).await?;
            run.context.learn(&step.component, &made.id);
            Ok(made.status)
        }
        // An update or a deletion of nothing cannot be planned.
        (Action::Keep | Action::Delete, _) => Ok(None),
        (Action::Create | Action::Repoint | Action::Update(_), _) => ensure(step, run).await,
    }
}

/// Reads the object and creates or changes it, so that it ends as wanted.
async fn ensure(step: &Step, run: &Run) -> Result<Option<&'static str>, Failure> {
    let held = persist(step, run, || step.node.observe(&run.context)).await?;
    let Some(held) = held else {
        let made = persist(step, run, || step.node.create(&run.context)).await?;
        run.context.learn(&step.component, &made.id);
        return Ok(made.status);
    };
    if let Owner::Foreign(owner) = held.owner {
        let whose = owner.map_or_else(
            || "is not this stack's".into(),
            |o| format!("belongs to the stack \"{o}\""),
        );
        return Err(Failure::Failed(format!(
            "the {} \"{}\" exists already and {whose}",
            step.node.type_name(),
            held.id
        )));
    }
    if held.changes.iter().any(|c| c.replaces) {
        if step.node.holds_data() {
            return Err(Failure::Failed(format!(
                "\"{}\" would have to be replaced, which would lose what it holds",
                held.id
            )));
        }
        persist(step, run, || step.node.delete(&held.id, &run.context)).await?;
        run.context.forget(&step.component);
        let made = persist(step, run, || step.node.create(&run.context)).await;
        let made = made.map_err(|failure| match failure {
            Failure::Over(end) => Failure::Failed(format!(
                "\"{}\" made room for its replacement, which was not created, since {end}; {}",
                held.id,
                end.advice()
            )),
            failed @ Failure::Failed(_) => failed,
        })?;
        run.context.learn(&step.component, &made.id);
        return Ok(made.status);
    }
    if held.changes.is_empty() {
        run.context.learn(&step.component, &held.id);
    } else {
        persist(step, run, || step.node.update(&held, &held.changes, &run.context)).await?;
        learn_changed(step, &held, run).await?;
    }
    Ok(held.status)
}

/// Learns the id of what was changed: another one, where a change makes another object.
async fn learn_changed(step: &Step, held: &Observed, run: &Run) -> Result<(), Failure> {
    let now = if step.node.remade() {
        persist(step, run, || step.node.observe(&run.context)).await?
    } else {
        None
    };
    run.context
        .learn(&step.component, now.as_ref().map_or(&held.id, |now| &now.id));
    Ok(())
}

/// Makes a call until it succeeds or is not worth another try; none once the operation has ended.
async fn persist<T, F, Fut>(step: &Step, run: &Run, call: F) -> Result<T, Failure>
where
    F: Fn() -> Fut,
    Fut: Future<Output = Result<T, AwsError>>,
{
    if let Some(end) = run.context.bounds().over() {
        return Err(Failure::Over(end));
    }
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
            return Err(Failure::Failed(error.to_string()));
        };
        tracing::debug!(%error, failures, "waits and tries again");
        run.context.bounds().pause(pause).await.map_err(|end| {
            let waited = first.map(|first| first.elapsed()).unwrap_or_default().as_secs_f64();
            let advice = end.advice();
            Failure::Failed(format!("{error}; tried again for {waited:.1} s, until {end}; {advice}"))
        })?;
    }
}
