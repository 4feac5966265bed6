//! Who may run a run, and whose result counts: the rules, as pure functions over what the table holds.
//!
//! Invariant: [`decide`] and [`settle`] say exactly what the conditions in `runs.rs` let DynamoDB do: the executor's tests
//! run over these functions, and a test on the local AWS runs the same cases against the conditions.

use kairos::instant::Timestamp;
use kairos::run::{Ejecucion, EstadoEjecucion};

/// What a claim came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// The run is the caller's; this is the number of its attempt, from 1.
    Mine {
        /// The attempt.
        attempt: u32,
    },
    /// The run has ended for good: its message has nothing left to do.
    Settled(EstadoEjecucion),
    /// Somebody else is running it, until then at the latest; or it failed, and waits until then.
    Leased {
        /// When the lease ends.
        until: Timestamp,
    },
}

/// What became of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// It is in the table.
    Written,
    /// The run is no longer the caller's: somebody else claimed it after the lease, or it ended well meanwhile.
    Lost,
}

/// What `owner` gets who claims at `now` the run that the table holds as `held`.
///
/// New and `Pendiente` are free, and so is a run whose lease has ended, since its owner crashed: a crash delays a run, and
/// never takes its last attempt. One that failed is free after the pause that was recorded with the failure, at once where
/// there is none. A claim that is already `owner`'s is one whose answer was lost.
pub fn decide(held: Option<&Ejecucion>, owner: &str, now: Timestamp) -> Claim {
    let Some(held) = held else {
        return Claim::Mine { attempt: 1 };
    };
    if held.is_claimable(now) {
        return Claim::Mine {
            attempt: held.intentos.saturating_add(1),
        };
    }
    match held.arrendado_hasta {
        _ if held.estado.is_final() => Claim::Settled(held.estado),
        _ if held.estado == EstadoEjecucion::EnEjecucion && held.dueno.as_deref() == Some(owner) => {
            Claim::Mine { attempt: held.intentos }
        }
        until => Claim::Leased {
            until: until.unwrap_or(now),
        },
    }
}

/// What becomes of the `result` of `owner`'s `attempt`, where the table holds `held`.
///
/// Recording the same result twice is recording it once: the second time repeats a call whose answer was lost.
pub fn settle(held: Option<&Ejecucion>, owner: &str, attempt: u32, result: EstadoEjecucion) -> Recorded {
    let mine = |held: &&Ejecucion| held.dueno.as_deref() == Some(owner) && held.intentos == attempt;
    match held.filter(mine) {
        Some(held) if !held.estado.is_final() || held.estado == result => Recorded::Written,
        _ => Recorded::Lost,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use EstadoEjecucion::{EjecutadoOk, EnEjecucion, ErrorAlEjecutar, Omitido, Pendiente};

    fn held(estado: EstadoEjecucion, intentos: u32, dueno: &str, hasta: Option<&str>) -> Ejecucion {
        Ejecucion {
            id_ejecucion: "6b616972-6f73-5e0f-a1d2-07c593be48f6".parse().unwrap(),
            id_proceso: "proceso-a".parse().unwrap(),
            id_calendarizacion: "calendarizacion-a".parse().unwrap(),
            fecha_programada: "2026-01-01T12:00:00Z".parse().unwrap(),
            estado,
            intentos,
            arrendado_hasta: hasta.map(|text| text.parse().unwrap()),
            dueno: Some(dueno.to_owned()),
            fecha_inicio: None,
            fecha_termino: None,
            duracion_ms: None,
            respuesta: None,
            error: None,
            ttl: 0,
        }
    }

    #[track_caller]
    fn check(held: Option<&Ejecucion>, expected: &Claim) {
        let now = "2026-01-01T12:00:00Z".parse().unwrap();
        assert_eq!(decide(held, "me", now), *expected, "{held:?}");
    }

    #[test]
    fn what_is_new_or_waiting_or_failed_is_free() {
        check(None, &Claim::Mine { attempt: 1 });
        check(Some(&held(Pendiente, 0, "", None)), &Claim::Mine { attempt: 1 });
        check(
            Some(&held(ErrorAlEjecutar, 2, "other", None)),
            &Claim::Mine { attempt: 3 },
        );
    }

    #[test]
    fn what_has_ended_stays_ended() {
        check(Some(&held(EjecutadoOk, 1, "other", None)), &Claim::Settled(EjecutadoOk));
        check(Some(&held(EjecutadoOk, 1, "me", None)), &Claim::Settled(EjecutadoOk));
        check(Some(&held(Omitido, 0, "other", None)), &Claim::Settled(Omitido));
    }

    #[test]
    fn a_lease_protects_until_it_ends() {
        let until = |text: &str| Claim::Leased {
            until: text.parse().unwrap(),
        };
        let later = "2026-01-01T12:00:00.001Z";
        for state in [EnEjecucion, ErrorAlEjecutar] {
            check(Some(&held(state, 1, "other", Some(later))), &until(later));
            for over in ["2026-01-01T12:00:00Z", "2026-01-01T11:59:59.999Z"] {
                check(Some(&held(state, 1, "other", Some(over))), &Claim::Mine { attempt: 2 });
            }
        }
        check(Some(&held(EnEjecucion, 1, "other", None)), &Claim::Mine { attempt: 2 });
    }

    #[test]
    fn a_claim_whose_answer_was_lost_is_no_second_attempt() {
        check(
            Some(&held(EnEjecucion, 3, "me", Some("2026-01-01T12:02:00Z"))),
            &Claim::Mine { attempt: 3 },
        );
    }

    #[test]
    fn the_pause_after_a_failure_holds_for_its_owner_as_well() {
        let later = "2026-01-01T12:00:29Z";
        let until = Claim::Leased {
            until: later.parse().unwrap(),
        };
        check(Some(&held(ErrorAlEjecutar, 1, "me", Some(later))), &until);
    }

    #[track_caller]
    fn check_result(held: Option<&Ejecucion>, result: EstadoEjecucion, expected: Recorded) {
        assert_eq!(settle(held, "me", 2, result), expected, "{held:?} {result:?}");
    }

    #[test]
    fn only_the_owner_of_the_attempt_records_its_result() {
        check_result(Some(&held(EnEjecucion, 2, "me", None)), EjecutadoOk, Recorded::Written);
        check_result(
            Some(&held(EnEjecucion, 2, "me", None)),
            ErrorAlEjecutar,
            Recorded::Written,
        );
        check_result(Some(&held(EnEjecucion, 3, "me", None)), EjecutadoOk, Recorded::Lost);
        check_result(Some(&held(EnEjecucion, 2, "other", None)), EjecutadoOk, Recorded::Lost);
        check_result(None, EjecutadoOk, Recorded::Lost);
    }

    #[test]
    fn an_error_never_replaces_a_success_and_repeating_a_result_is_harmless() {
        check_result(Some(&held(EjecutadoOk, 2, "me", None)), ErrorAlEjecutar, Recorded::Lost);
        check_result(Some(&held(EjecutadoOk, 2, "me", None)), EjecutadoOk, Recorded::Written);
        check_result(
            Some(&held(ErrorAlEjecutar, 2, "me", None)),
            ErrorAlEjecutar,
            Recorded::Written,
        );
    }
}
