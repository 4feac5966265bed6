//! What happened to each run, in the order in which it happened: told where something is wrong.

use std::fmt::{self, Write};

use super::totals::Step;
use super::world::State;

/// Something that happened to a run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line {
    at: u64,
    instance: u64,
    what: &'static str,
    detail: Detail,
}

/// What a line says more.
#[derive(Debug, Clone, Copy)]
pub(super) enum Detail {
    Nothing,
    Number(u64),
    Step(Step),
}

impl From<()> for Detail {
    fn from((): ()) -> Self {
        Self::Nothing
    }
}

impl From<u64> for Detail {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl From<u32> for Detail {
    fn from(number: u32) -> Self {
        Self::Number(number.into())
    }
}

impl From<Step> for Detail {
    fn from(step: Step) -> Self {
        Self::Step(step)
    }
}

impl fmt::Display for Detail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => Ok(()),
            Self::Number(number) => write!(f, " {number}"),
            Self::Step(step) => write!(f, " {}", step.name()),
        }
    }
}

impl State {
    /// Writes down what happened to a run.
    pub(super) fn note(&mut self, run: usize, at: u64, instance: u64, what: &'static str, detail: impl Into<Detail>) {
        if let Some(run) = self.runs.get_mut(run) {
            run.history.push(Line {
                at,
                instance,
                what,
                detail: detail.into(),
            });
        }
    }

    /// Writes down what must not be, with all that happened to the run.
    pub(super) fn wrong(&mut self, run: usize, what: &str) {
        let told = self.tell(run);
        self.wrong.push(format!("{what}\n{told}"));
    }

    fn tell(&self, number: usize) -> String {
        let Some(run) = self.runs.get(number) else {
            return String::new();
        };
        let mut told = format!(
            "run {number}, {:?}, held as {:?}",
            run.kind,
            self.table.get(run.message.id_ejecucion)
        );
        for line in &run.history {
            let (seconds, millis) = (line.at / 1_000, line.at % 1_000);
            // Writing to a text does not fail.
            let _ = write!(
                told,
                "\n  {seconds:>6}.{millis:03} s  instance {:<4} {}{}",
                line.instance, line.what, line.detail
            );
        }
        told
    }
}
