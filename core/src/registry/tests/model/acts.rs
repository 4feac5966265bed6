//! What callers ask of the registry, what they are answered, and what a registry without races would answer.

use std::collections::BTreeMap;

use super::super::*;

/// What a caller asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Act {
    Register(Wanted),
    Change(Wanted),
    Enable(&'static str, bool),
    Delete(&'static str),
    Settle(&'static str),
    Repair(&'static str),
    RepairAll,
}

/// A process as it is asked for: name, expression, whether it is enabled, and a mark that tells definitions apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Wanted {
    pub(super) nombre: &'static str,
    pub(super) cron: &'static str,
    pub(super) habilitado: bool,
    pub(super) mark: u8,
}

/// A process as it is answered: its calendarización, whether it is enabled, its mark and its version.
pub(super) type Seen = (IdCalendarizacion, bool, u8, u64);

/// What a caller is answered.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Answer {
    New(Seen),
    Same(Seen),
    Changed(Seen),
    Deleted(Seen),
    NameTaken,
    NotFound,
    Done,
    /// Nothing was done; or, where it is ambiguous, nobody knows.
    Failed {
        ambiguous: bool,
        why: String,
    },
}

/// All processes by their names.
pub(super) type Book = BTreeMap<String, Seen>;

impl Wanted {
    pub(super) fn definition(self) -> Definition {
        Definition {
            habilitado: self.habilitado,
            reintentos: self.mark,
            ..definition(self.nombre, self.cron)
        }
    }

    fn seen(self, version: u64) -> Seen {
        (schedule(self.cron).id(), self.habilitado, self.mark, version)
    }
}

impl Act {
    /// Asks the registry.
    pub(super) async fn ask<S: Store, C: Scheduler, K: Clock>(self, registry: &Registry<S, C, K>) -> Answer {
        let answer = match self {
            Self::Register(wanted) => registry
                .register(&wanted.definition())
                .await
                .map(|answer| match answer {
                    Registration::New(proceso) => Answer::New(seen(&proceso)),
                    Registration::Same(proceso) => Answer::Same(seen(&proceso)),
                }),
            Self::Change(wanted) => {
                let changed = registry.change(&id(wanted.nombre), &wanted.definition()).await;
                changed.map(|proceso| Answer::Changed(seen(&proceso)))
            }
            Self::Enable(nombre, habilitado) => {
                let changed = registry.set_enabled(&id(nombre), habilitado).await;
                changed.map(|proceso| Answer::Changed(seen(&proceso)))
            }
            Self::Delete(nombre) => {
                let deleted = registry.delete(&id(nombre)).await;
                deleted.map(|proceso| Answer::Deleted(seen(&proceso)))
            }
            Self::Settle(cron) => registry.settle(&schedule(cron).id()).await.map(|()| Answer::Done),
            Self::Repair(cron) => registry.repair(&schedule(cron).id()).await.map(|()| Answer::Done),
            Self::RepairAll => registry.repair_all().await.map(|_| Answer::Done),
        };
        answer.unwrap_or_else(|error| match error {
            RegistryError::NameTaken { .. } => Answer::NameTaken,
            RegistryError::NotFound { .. } => Answer::NotFound,
            error => Answer::Failed {
                ambiguous: matches!(&error, RegistryError::Port { error, .. } if error.ambiguous),
                why: error.to_string(),
            },
        })
    }

    /// What it does to the processes, and what it answers, where nobody else is there.
    pub(super) fn alone(self, book: &mut Book) -> Answer {
        match self {
            Self::Register(wanted) => match book.get(wanted.nombre) {
                None => {
                    book.insert(wanted.nombre.to_owned(), wanted.seen(1));
                    Answer::New(wanted.seen(1))
                }
                Some(held) if *held == wanted.seen(held.3) => Answer::Same(held.clone()),
                Some(_) => Answer::NameTaken,
            },
            Self::Change(wanted) => change(book, wanted.nombre, |held| wanted.seen(held.3)),
            Self::Enable(nombre, habilitado) => change(book, nombre, |held| {
                Seen::from((held.0.clone(), habilitado, held.2, held.3))
            }),
            Self::Delete(nombre) => book.remove(nombre).map_or(Answer::NotFound, Answer::Deleted),
            Self::Settle(_) | Self::Repair(_) | Self::RepairAll => Answer::Done,
        }
    }
}

fn change(book: &mut Book, nombre: &str, wanted: impl Fn(&Seen) -> Seen) -> Answer {
    let Some(held) = book.get_mut(nombre) else {
        return Answer::NotFound;
    };
    let wanted = wanted(held);
    if *held != wanted {
        *held = Seen::from((wanted.0, wanted.1, wanted.2, wanted.3 + 1));
    }
    Answer::Changed(held.clone())
}

fn seen(proceso: &Proceso) -> Seen {
    (
        proceso.id_calendarizacion.clone(),
        proceso.habilitado,
        proceso.reintentos,
        proceso.version,
    )
}

/// The processes of a world.
pub(super) fn book(memory: &Memory) -> Book {
    let world = memory.world();
    let procesos = world.tables.procesos.values();
    procesos
        .map(|proceso| (proceso.nombre.clone(), seen(proceso)))
        .collect()
}

/// How many callers there are at most.
pub(super) const CALLERS: usize = 4;

/// Something that a caller asked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Asked {
    pub(super) caller: usize,
    pub(super) act: Act,
    /// How many acts of each caller had ended when this one began; none where it has not begun.
    pub(super) after: Option<[usize; CALLERS]>,
    /// None: the caller died, and what it asked for is done or not, whenever.
    pub(super) answer: Option<Answer>,
}

impl Asked {
    /// Whether it may have had no effect.
    fn may_be_skipped(&self) -> bool {
        matches!(self.answer, None | Some(Answer::Failed { .. }))
    }

    /// Whether it may have had its effect.
    fn may_be_done(&self) -> bool {
        !matches!(self.answer, Some(Answer::Failed { ambiguous: false, .. }))
    }
}

/// Whether some order of all that was asked, one after the other, explains every answer and what is stored in the end.
/// Nothing comes before what had ended when it began. `asked` holds, for each caller, what it asked, in its order;
/// `done` says how much of that is accounted for.
pub(super) fn is_explained(before: &Book, asked: &[Vec<Asked>], done: [usize; CALLERS], after: &Book) -> bool {
    let mut next = asked.iter().zip(done).filter_map(|(asked, done)| asked.get(done));
    if next.clone().next().is_none() {
        return before == after;
    }
    next.any(|next| {
        let mut then = done;
        then[next.caller] += 1;
        if next.may_be_skipped() && is_explained(before, asked, then, after) {
            return true;
        }
        let begun = next
            .after
            .is_some_and(|after| after.iter().zip(&done).all(|(ended, done)| ended <= done));
        if !begun || !next.may_be_done() {
            return false;
        }
        let mut book = before.clone();
        let answer = next.act.alone(&mut book);
        (next.may_be_skipped() || next.answer.as_ref() == Some(&answer)) && is_explained(&book, asked, then, after)
    })
}
