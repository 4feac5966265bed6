//! What must be true when the queue is empty, run by run, and the counts of it.

use std::collections::HashSet;

use kairos::run::EstadoEjecucion;

use super::plan::{Poison, Token};
use super::world::{State, World};

impl World {
    /// Checks all runs, and counts what became of them.
    pub(super) fn check(&self) {
        let mut state = self.state();
        let state = &mut *state;
        let mut dead = HashSet::new();
        let mut explained = HashSet::new();
        let mut unreadable = HashSet::new();
        for letter in &state.dead {
            let run = state.by_body.get(&letter.message.body).copied();
            let known = letter.class.is_some() && letter.reason.as_ref().is_some_and(|reason| !reason.is_empty());
            match run {
                Some(run) => {
                    dead.insert(run);
                    if known {
                        explained.insert(run);
                    }
                }
                // Whose burial is throttled twenty times goes the queue's own way.
                None if letter.class.is_none() || letter.class.as_deref() == Some("Ilegible") && known => {
                    unreadable.insert(letter.message.body.clone());
                }
                None => state.wrong.push(format!("nobody sent the dead letter {letter:?}")),
            }
        }
        let totals = &mut state.totals;
        if totals.redriven == 0 && u64::try_from(unreadable.len()) != Ok(totals.unreadable) {
            state
                .wrong
                .push("a message that nobody can read is not in the dead-letter queue".to_owned());
        }
        (
            totals.ok,
            totals.omitted,
            totals.dead,
            totals.dead_by_redrive,
            totals.lost,
        ) = (0, 0, 0, 0, 0);
        totals.executions.clear();
        totals.causes.clear();
        totals.millis = self.clock.millis();
        for run in 0..state.runs.len() {
            ended(state, run, dead.contains(&run), explained.contains(&run));
            executed(state, run);
        }
    }
}

/// How the run ended: well, left out, or in the dead-letter queue.
fn ended(state: &mut State, number: usize, dead: bool, explained: bool) {
    let run = &state.runs[number];
    let held = state.table.get(run.message.id_ejecucion);
    let (poison, gone) = (run.kind.poison, run.kind.gone.is_some());
    let (charged, reintentos) = (run.charged, u32::from(run.kind.reintentos));
    let (recorded_ok, executed) = (run.recorded_ok, run.starts.iter().any(|start| start.executed));
    let said = held.map(|held| (held.respuesta.is_some(), held.error.clone().unwrap_or_default()));
    let (has_answer, error) = said.unwrap_or_default();
    let mut wrong = Vec::new();
    match held.map(|held| held.estado) {
        Some(EstadoEjecucion::EjecutadoOk) => {
            state.totals.ok += 1;
            if recorded_ok != 1 || !executed || !has_answer || !error.is_empty() {
                wrong.push("it counts as done, and was not done or recorded as it should be");
            }
            if poison.is_some() {
                wrong.push("what cannot be done was done");
            }
        }
        Some(EstadoEjecucion::Omitido) => {
            state.totals.omitted += 1;
            if !gone {
                wrong.push("it was left out, although its process is there");
            }
        }
        Some(EstadoEjecucion::ErrorAlEjecutar) if dead => {
            if explained {
                state.totals.dead += 1;
            } else {
                state.totals.dead_by_redrive += 1;
            }
            if error.is_empty() {
                wrong.push("it was given up without a reason in its history");
            }
        }
        _ if dead => state.totals.dead_by_redrive += 1,
        _ => {
            state.totals.lost += 1;
            wrong.push("it is lost: neither ended nor in the dead-letter queue");
        }
    }
    if recorded_ok > 1 {
        wrong.push("it was recorded as done more than once");
    }
    if charged > reintentos + 1 {
        wrong.push("it was tried more often than its process says");
    }
    if poison == Some(Poison::Row) && charged > 1 {
        wrong.push("a row that nobody can read was tried again");
    }
    for what in wrong {
        state.wrong(number, what);
    }
}

/// How many times the target executed the run, and why more than once.
fn executed(state: &mut State, number: usize) {
    let run = &state.runs[number];
    let token = run.kind.token;
    let count = run.starts.iter().filter(|start| start.executed).count();
    let kept_away: Vec<_> = run.starts.iter().filter(|start| !start.recorded).collect();
    let recorded = run
        .starts
        .iter()
        .filter(|start| start.recorded && start.executed)
        .count();
    let unexplained = kept_away.iter().filter(|start| start.cause.is_none()).count();
    let injected = kept_away
        .iter()
        .filter(|start| start.executed && start.cause.is_some())
        .count();
    let causes: Vec<_> = kept_away
        .iter()
        .filter(|start| start.executed)
        .filter_map(|start| start.cause)
        .collect();
    let executions = state.totals.executions.entry(token.name()).or_default();
    executions.runs += u64::from(count > 0);
    executions.all += u64::try_from(count).unwrap_or_default();
    executions.injected += u64::try_from(injected).unwrap_or_default();
    for cause in causes {
        *state.totals.causes.entry(cause).or_default() += 1;
    }
    if token == Token::Lasting && count > 1 {
        state.wrong(number, "a target that knows the run executed it twice");
    }
    // Beyond one, each execution needs one before it whose result something injected kept away.
    if recorded > 1 || count > 1 + injected || unexplained > 0 {
        state.wrong(
            number,
            "the run was executed again although nothing was injected between start and record",
        );
    }
}
