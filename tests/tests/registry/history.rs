//! What was asked of one process and answered, and whether any order of it explains the answers.

use std::collections::HashSet;

use serde_json::Value;

/// A process as it is answered: its calendarización, whether it is enabled, its mark and its version.
pub(crate) type Seen = (String, bool, u8, u64);

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Act {
    Register(String, bool, u8),
    Change(String, bool, u8),
    Enable(bool),
    Delete,
}

/// What was asked of one process, and when: in the order in which things were asked and answered.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) act: Act,
    pub(crate) began: usize,
    /// None: whoever asked was killed; it is done or not, at any time after it began.
    pub(crate) ended: Option<(usize, Told)>,
}

/// What was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Told {
    New(Seen),
    Same(Seen),
    Changed(Seen),
    Deleted(Seen),
    Taken,
    Absent,
    /// It failed, and may be done all the same.
    Unknown(String),
    /// It was not done: others were in the way, or the local AWS was.
    Refused(String),
    /// It failed and is not done.
    Failed(String),
}

impl Told {
    /// The answer in a line of the callers' process.
    pub(crate) fn read(line: &Value) -> Option<Self> {
        let why = || line[2].as_str().unwrap_or_default().to_owned();
        let seen = || -> Option<Seen> {
            let [id, habilitado, mark, version] = line[1].as_array()?.as_slice() else {
                return None;
            };
            let mark = u8::try_from(mark.as_u64()?).ok()?;
            Some((id.as_str()?.to_owned(), habilitado.as_bool()?, mark, version.as_u64()?))
        };
        Some(match line[0].as_str()? {
            "new" => Self::New(seen()?),
            "same" => Self::Same(seen()?),
            "changed" => Self::Changed(seen()?),
            "deleted" => Self::Deleted(seen()?),
            "taken" => Self::Taken,
            "absent" => Self::Absent,
            "unknown" => Self::Unknown(why()),
            "refused" => Self::Refused(why()),
            "failed" => Self::Failed(why()),
            _ => return None,
        })
    }

    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::New(_) => "new",
            Self::Same(_) => "same",
            Self::Changed(_) => "changed",
            Self::Deleted(_) => "deleted",
            Self::Taken => "taken",
            Self::Absent => "absent",
            Self::Unknown(_) => "unknown",
            Self::Refused(_) => "refused",
            Self::Failed(_) => "failed",
        }
    }
}

impl Act {
    /// What it makes of a process, and what it answers, where nobody else is there.
    fn alone(&self, held: Option<&Seen>) -> (Option<Seen>, Told) {
        let next = |held: &Seen, (id, habilitado, mark): (&String, bool, u8)| {
            let same = (&held.0, held.1, held.2) == (id, habilitado, mark);
            let next = (id.clone(), habilitado, mark, held.3 + u64::from(!same));
            (Some(next.clone()), Told::Changed(next))
        };
        match (self, held) {
            (Self::Register(id, habilitado, mark), None) => {
                let fresh = (id.clone(), *habilitado, *mark, 1);
                (Some(fresh.clone()), Told::New(fresh))
            }
            (Self::Register(id, habilitado, mark), Some(held)) => {
                let same = (&held.0, held.1, held.2) == (id, *habilitado, *mark);
                let told = if same { Told::Same(held.clone()) } else { Told::Taken };
                (Some(held.clone()), told)
            }
            (_, None) => (None, Told::Absent),
            (Self::Change(id, habilitado, mark), Some(held)) => next(held, (id, *habilitado, *mark)),
            (Self::Enable(habilitado), Some(held)) => next(held, (&held.0, *habilitado, held.2)),
            (Self::Delete, Some(held)) => (None, Told::Deleted(held.clone())),
        }
    }
}

/// Whether some order of what was asked explains every answer, and what is stored in the end. Nothing comes before what
/// was answered when it began.
pub(crate) fn is_explained(asked: &[Asked], stored: Option<&Seen>) -> bool {
    // What was not done for certain explains nothing.
    let asked: Vec<&Asked> = asked
        .iter()
        .filter(|asked| !matches!(asked.ended, Some((_, Told::Refused(_) | Told::Failed(_)))))
        .collect();
    assert!(asked.len() <= 128, "one number holds what is accounted for");
    let mut known = HashSet::new();
    let mut open: Vec<(u128, Option<Seen>)> = vec![(0, None)];
    while let Some((done, held)) = open.pop() {
        if !known.insert((done, held.clone())) {
            continue;
        }
        let left = || asked.iter().enumerate().filter(|(at, _)| done >> at & 1 == 0);
        let certain = |asked: &Asked| {
            asked
                .ended
                .as_ref()
                .filter(|(_, told)| !matches!(told, Told::Unknown(_)))
                .cloned()
        };
        let first = left()
            .filter_map(|(_, asked)| certain(asked).map(|(ended, _)| ended))
            .min();
        if first.is_none() && held.as_ref() == stored {
            return true;
        }
        for (at, next) in left().filter(|(_, next)| first.is_none_or(|first| next.began < first)) {
            let (then, told) = next.act.alone(held.as_ref());
            if certain(next).is_none_or(|(_, answer)| answer == told) {
                open.push((done | 1 << at, then));
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(act: Act, began: usize, ended: Option<(usize, Told)>) -> Asked {
        Asked { act, began, ended }
    }

    fn seen(mark: u8, version: u64) -> Seen {
        ("calendarizacion-a".into(), true, mark, version)
    }

    fn register(mark: u8) -> Act {
        Act::Register("calendarizacion-a".into(), true, mark)
    }

    #[test]
    fn answers_are_explained_by_an_order_that_time_allows() {
        let new = asked(register(1), 0, Some((3, Told::New(seen(1, 1)))));
        let taken = asked(register(2), 1, Some((2, Told::Taken)));
        assert!(is_explained(&[new.clone(), taken.clone()], Some(&seen(1, 1))));
        // Taken before anybody else had begun.
        let early = Asked {
            began: 5,
            ..new.clone()
        };
        let early = Asked {
            ended: Some((6, Told::New(seen(1, 1)))),
            ..early
        };
        assert!(!is_explained(&[early, taken], Some(&seen(1, 1))));
        // A success that is not stored.
        assert!(!is_explained(std::slice::from_ref(&new), None));
        assert!(!is_explained(&[new], Some(&seen(2, 1))));
    }

    #[test]
    fn whoever_was_killed_has_done_it_or_not_and_whoever_failed_has_not() {
        let killed = asked(register(1), 0, None);
        assert!(is_explained(std::slice::from_ref(&killed), None));
        assert!(is_explained(std::slice::from_ref(&killed), Some(&seen(1, 1))));
        let gone = asked(Act::Delete, 1, Some((2, Told::Deleted(seen(1, 1)))));
        assert!(is_explained(&[killed, gone.clone()], None));
        assert!(!is_explained(&[gone], None));
        let failed = asked(register(1), 0, Some((1, Told::Refused("busy".into()))));
        assert!(!is_explained(&[failed], Some(&seen(1, 1))));
    }
}
