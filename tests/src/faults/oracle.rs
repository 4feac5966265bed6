//! What may be asked of the world, and what may be told to it: checked at each start and at each result.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use executor::targets::Call;
use kairos::instant::Timestamp;
use kairos::run::{Ejecucion, EstadoEjecucion};
use kairos_aws::runs::Outcome;

use super::node::request_prefix;
use super::world::{State, Told};

/// How long credentials hold at least that a target is started with: kept ones for five minutes, new ones for six, less what the
/// calls in between may take.
const LEFT: Duration = Duration::from_mins(4);

/// The longest pause before another attempt.
const LONGEST_PAUSE: Duration = Duration::from_mins(15);

/// Whether a target may be started: by who holds the run, as the process's own role, with credentials that are valid.
pub(super) fn check_start(
    state: &mut State,
    of: usize,
    id: u64,
    call: &Call,
    credentials: &Credentials,
    now: Timestamp,
) {
    let held = state.table.get(call.id_ejecucion);
    let mine = |held: &Ejecucion| {
        held.estado == EstadoEjecucion::EnEjecucion
            && held
                .dueno
                .as_deref()
                .is_some_and(|owner| owner.starts_with(&request_prefix(id)))
            && held.arrendado_hasta.is_some_and(|until| until > now)
    };
    if !held.is_some_and(mine) {
        state.wrong(of, "the target is started by an instance that does not hold the run");
    }
    let role = state.process_of(of).map(|process| process.role.clone());
    if role.as_deref() != Some(credentials.access_key_id()) {
        state.wrong(of, "the target is started as another role than its process's");
    }
    let needed = SystemTime::from(now) + LEFT;
    if credentials.expiry().is_none_or(|expiry| expiry < needed) {
        state.wrong(of, "the target is started with credentials that expire too soon");
    }
}

/// Whether a result follows from what the target answered, and whether it is the same each time it is written.
pub(super) fn check_outcome(state: &mut State, of: usize, attempt: u32, outcome: &Outcome, now: Timestamp) {
    let run = &mut state.runs[of];
    let reintentos = u32::from(run.kind.reintentos);
    let written = run.recording.replace(outcome.clone());
    let right = match (&run.told, outcome) {
        _ if written.is_some() => written.as_ref() == Some(outcome),
        (Some(Told::Taken(answer)), Outcome::Ok(said)) => said == answer,
        (Some(Told::Terminal(reason)), Outcome::Error(said)) => said == reason,
        // Where the target answered nothing, the executor ended the attempt itself.
        (Some(Told::Transient) | None, Outcome::Again { from, reason }) => {
            let latest = now.saturating_add(LONGEST_PAUSE).unwrap_or(Timestamp::MAX);
            attempt <= reintentos && *from > now && *from <= latest && !reason.is_empty()
        }
        (Some(Told::Transient), Outcome::Error(reason)) => attempt > reintentos && !reason.is_empty(),
        (None, Outcome::Error(reason)) => !reason.is_empty(),
        (None | Some(_), _) => false,
    };
    if !right {
        let what = format!("attempt {attempt} was answered {:?} and records {outcome:?}", run.told);
        state.wrong(of, &what);
    }
}
