//! Which processes of a calendarización run at a scheduled time, and their messages.
//!
//! Invariant: pure; the same firing gives the same messages, with the same run ids.

use kairos::ids::{IdCalendarizacion, IdEjecucion};
use kairos::instant::Timestamp;
use kairos::message::Mensaje;
use kairos::names::Names;
use kairos_aws::processes::Candidate;
use kairos_aws::queue::Outgoing;

/// The messages of those `candidates` that run at `at`, and how many do not.
///
/// A process runs when it is enabled and was assigned to the calendarización before the scheduled time: one that was
/// registered between the firing and its dispatch waits for the next.
pub(crate) fn messages(
    names: &Names,
    id: &IdCalendarizacion,
    at: Timestamp,
    candidates: &[Candidate],
) -> Result<(Vec<Outgoing>, u64), serde_json::Error> {
    let schedule = names.schedule_arn(id.as_str());
    let due = |c: &&Candidate| c.habilitado && c.fecha_asignacion.is_none_or(|assigned| assigned < at);
    let messages: Vec<_> = candidates
        .iter()
        .filter(due)
        .map(|c| message(&schedule, id, at, c))
        .collect::<Result<_, _>>()?;
    let left_out = (candidates.len() - messages.len()) as u64;
    Ok((messages, left_out))
}

fn message(
    schedule: &str,
    id: &IdCalendarizacion,
    at: Timestamp,
    candidate: &Candidate,
) -> Result<Outgoing, serde_json::Error> {
    let mensaje = Mensaje {
        id_ejecucion: IdEjecucion::scheduled(schedule, &at, &candidate.id_proceso),
        id_proceso: candidate.id_proceso.clone(),
        id_calendarizacion: id.clone(),
        fecha_programada: at,
    };
    Ok(Outgoing {
        body: serde_json::to_string(&mensaje)?,
        // Fair queues: a calendarización of a hundred thousand processes does not hold up the others.
        group: Some(id.to_string()),
        attributes: Vec::new(),
    })
}
