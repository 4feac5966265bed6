//! What Kairos costs, measured against a peer or a ceiling in the same run.
//!
//! Invariant: every figure is measured here and now; a peer that is not at hand leaves its column empty, with the reason.

pub mod api;
pub mod cold_start;
pub mod count;
pub mod dispatch;
pub mod executor;
pub mod faults;
pub mod measure;
pub mod path;
pub mod procesos;
pub mod report;
pub mod schedule;
pub mod stack;
pub mod state;

use anyhow::{Result, bail};

use crate::MiniStack;
use crate::ministack::Options;
use report::Report;

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The schedule language.
    Schedule,
    /// The Lambdas' binaries.
    Lambdas,
    /// The HTTP API's latency.
    Api,
    /// The life of a stack.
    Stack,
    /// The life of many processes.
    Procesos,
    /// The dispatcher, with very many processes.
    Dispatch,
    /// The executor at its work.
    Executor,
    /// The executor among everything that goes wrong.
    Faults,
}

/// What to measure, and how large.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// The parts, in reading order.
    pub parts: Vec<Part>,
    /// Numbers of processes; each part has its own where none are chosen.
    pub sizes: Vec<usize>,
}

/// Numbers of processes to measure the life of where none are chosen. Of 5,000 terraform itself takes most of an hour a side: it
/// writes its whole state after each instance.
const SIZES: [usize; 3] = [100, 1_000, 5_000];

impl Part {
    /// All, in reading order.
    pub const ALL: [Self; 8] = [
        Self::Schedule,
        Self::Lambdas,
        Self::Api,
        Self::Stack,
        Self::Procesos,
        Self::Dispatch,
        Self::Executor,
        Self::Faults,
    ];

    /// The word that chooses it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Schedule => "schedule",
            Self::Lambdas => "lambdas",
            Self::Api => "api",
            Self::Stack => "stack",
            Self::Procesos => "procesos",
            Self::Dispatch => "dispatch",
            Self::Executor => "executor",
            Self::Faults => "faults",
        }
    }
}

impl Selection {
    /// Reads words: parts, and numbers of processes. Everything where there are none.
    ///
    /// # Errors
    /// A word is neither.
    pub fn read(words: &[String]) -> Result<Self> {
        let (mut parts, mut sizes) = (Vec::new(), Vec::new());
        for word in words {
            let part = Part::ALL.into_iter().find(|part| part.name() == word);
            match (part, word.parse()) {
                (Some(part), _) => parts.push(part),
                (None, Ok(size)) => sizes.push(size),
                (None, Err(_)) => {
                    let names = Part::ALL.map(Part::name).join(", ");
                    bail!("\"{word}\" is not a number of processes, nor one of {names}");
                }
            }
        }
        if !sizes.is_empty() && !parts.contains(&Part::Procesos) && !parts.contains(&Part::Dispatch) {
            parts.push(Part::Procesos);
        }
        let chosen = |part: &Part| parts.is_empty() || parts.contains(part);
        Ok(Self {
            parts: Part::ALL.into_iter().filter(chosen).collect(),
            sizes,
        })
    }
}

/// Measures what is selected and gives the rows, in reading order.
///
/// # Errors
/// Whatever failed on the way: a benchmark of a broken product is no benchmark.
pub async fn run(selection: &Selection) -> Result<Report> {
    let mut report = Report::default();
    let server = MiniStack::start(Options::default())?;
    for part in &selection.parts {
        match part {
            Part::Schedule => schedule::measure(&mut report)?,
            Part::Lambdas => cold_start::measure(&mut report)?,
            Part::Api => Box::pin(api::measure(&server, &mut report)).await?,
            Part::Stack => Box::pin(stack::measure(&server, &mut report)).await?,
            Part::Executor => Box::pin(executor::measure(&mut report)).await?,
            Part::Faults => faults::measure(&mut report)?,
            Part::Procesos => {
                let sizes = if selection.sizes.is_empty() {
                    &SIZES
                } else {
                    &selection.sizes[..]
                };
                Box::pin(procesos::measure(&server, sizes, &mut report)).await?;
            }
            Part::Dispatch => Box::pin(dispatch::measure(&selection.sizes, &mut report)).await?,
        }
    }
    Ok(report)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(words: &str, parts: &[Part], sizes: &[usize]) {
        let words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
        let expected = Selection {
            parts: parts.to_vec(),
            sizes: sizes.to_vec(),
        };
        assert_eq!(Selection::read(&words).ok(), Some(expected));
    }

    #[test]
    fn words_choose_parts_and_sizes() {
        check("", &Part::ALL, &[]);
        check("stack api", &[Part::Api, Part::Stack], &[]);
        check("200", &[Part::Procesos], &[200]);
        check("lambdas 200 10", &[Part::Lambdas, Part::Procesos], &[200, 10]);
        check("10000 dispatch", &[Part::Dispatch], &[10_000]);
        assert!(Selection::read(&["apis".to_owned()]).is_err());
    }
}
