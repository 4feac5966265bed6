//! The commit that is built: its name, its time, and what lies in the folder without being in it.

use std::fmt;

use anyhow::{Context, Result};
use zip::DateTime;

use crate::shell::{ask, command};

/// A commit, as git tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Commit {
    /// Its full name.
    pub(super) id: String,
    /// When it was committed, in UTC: all files of a release have this time.
    pub(super) time: DateTime,
    /// What is changed or unknown: paths as `git status` shows them.
    pub(super) changes: Vec<String>,
}

impl Commit {
    /// The one that is checked out.
    pub(super) fn head() -> Result<Self> {
        let git = |arguments: &[&str]| {
            ask(command("git").args(arguments).env("TZ", "UTC"))
                .with_context(|| format!("`git {}` fails: a release is made of a commit", arguments.join(" ")))
        };
        let shown = git(&[
            "log",
            "-1",
            "--format=%H %cd",
            "--date=format-local:%Y-%m-%d-%H-%M-%S",
            "HEAD",
        ])?;
        let (id, time) = shown.split_once(' ').context("git shows no time of the commit")?;
        let changes = git(&["status", "--porcelain"])?;
        Ok(Self {
            id: id.to_owned(),
            time: parse(time)?,
            changes: changes.lines().map(|line| line.trim().to_owned()).collect(),
        })
    }
}

impl fmt::Display for Commit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "commit {} of {}", self.id, self.time)
    }
}

/// Reads such as `2026-01-02-03-04-05`. A zip's times are even seconds.
fn parse(text: &str) -> Result<DateTime> {
    let parts: Vec<u16> = text.split('-').filter_map(|part| part.parse().ok()).collect();
    let [year, rest @ ..] = parts.as_slice() else {
        anyhow::bail!("\"{text}\" is not a time");
    };
    let rest: Vec<u8> = rest.iter().filter_map(|part| u8::try_from(*part).ok()).collect();
    let [month, day, hour, minute, second] = rest.as_slice() else {
        anyhow::bail!("\"{text}\" is not a time");
    };
    DateTime::from_date_and_time(*year, *month, *day, *hour, *minute, second - second % 2)
        .with_context(|| format!("\"{text}\" is not a time that a zip can have"))
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn times_are_read_to_even_seconds() -> Result<()> {
        assert_eq!(
            parse("2026-11-22-20-43-59")?,
            DateTime::from_date_and_time(2026, 11, 22, 20, 43, 58)?
        );
        for wrong in ["", "2026-11-22", "1970-01-01-00-00-00", "2026-13-01-00-00-00"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
        Ok(())
    }
}
