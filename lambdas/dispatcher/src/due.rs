//! Which processes of a page run at a scheduled time.
//!
//! Invariant: pure.

use kairos::ids::IdProceso;
use kairos::instant::Timestamp;
use kairos_aws::processes::Candidate;

/// Those of a page that run, by id, and how many of the page are enabled.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Due {
    pub(crate) ids: Vec<IdProceso>,
    pub(crate) enabled: u64,
}

/// A process runs at `at` when it is enabled and was assigned to the calendarización before: one that was registered between
/// the firing and its dispatch waits for the next.
pub(crate) fn due(page: Vec<Candidate>, at: Timestamp) -> Due {
    let mut enabled = 0;
    let runs = |candidate: &Candidate| {
        enabled += u64::from(candidate.habilitado);
        candidate.habilitado && candidate.fecha_asignacion.is_none_or(|assigned| assigned < at)
    };
    let ids = page
        .into_iter()
        .filter(runs)
        .map(|candidate| candidate.id_proceso)
        .collect();
    Due { ids, enabled }
}
