//! The schedule language: what EventBridge Scheduler understands, read, checked and written in one canonical form.
//!
//! Invariant: reading what is written gives the same expression; equal expressions fire at the same instants; ids are
//! made from the canonical form, so its spelling never changes.
//!
//! What the scheduler's reference leaves open is decided here once:
//! - names and the words `cron`, `rate`, `at` in any case, any white space; AWS is only ever sent the canonical form;
//! - ranges wrap around (`FRI-MON`, `22-4`), except years; a step without an end (`5/10`) goes to the field's end;
//! - a step greater than its field (`0/90` minutes) is refused: it never means what it says;
//! - `L`, `W` and `#` stand alone in their field; a bare `L` in the day of the week is Saturday; `nW` never leaves
//!   its month and does not fire in one without a day `n`; offsets such as `L-3` are refused;
//! - exactly one of the two day fields is `?`, as the scheduler demands.

mod at;
mod calendar;
mod cron;
mod field;
mod occurrence;
mod piece;
mod rate;
mod set;
#[cfg(test)]
pub(crate) mod tests;
mod years;

pub use calendar::Days;
pub use cron::Cron;
pub use rate::Rate;
pub use set::Set;

use crate::error::{Field, Rule, UserError};
use jiff::civil::DateTime;
use piece::{Fault, Piece};
use std::fmt;

/// When something happens, in local time of a zone that is given apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Expression {
    /// By the calendar.
    Cron(Cron),
    /// At a fixed distance in time.
    Rate(Rate),
    /// Once, at this local time.
    At(DateTime),
}

impl Expression {
    /// Reads `cron(…)`, `rate(…)`, `at(…)` or the six bare fields of a cron.
    ///
    /// # Errors
    /// The first rule that the text breaks, with the bytes at fault.
    pub fn parse(text: &str) -> Result<Self, UserError> {
        let whole = Piece::whole(text).trim();
        if whole.text.is_empty() {
            return Err(UserError::new(Field::Cron, text, Rule::Empty));
        }
        Self::read(whole).map_err(|Fault { rule, range }| UserError::new(Field::Cron, text, rule).at(range))
    }

    fn read(whole: Piece<'_>) -> Result<Self, Fault> {
        let Some((word, rest)) = whole.split_once('(') else {
            let one_word = whole.words().nth(1).is_none();
            return if one_word {
                Err(whole.fault(Rule::NotAnExpression))
            } else {
                Cron::parse(whole).map(Self::Cron)
            };
        };
        let read: fn(Piece<'_>) -> Result<Self, Fault> = match word.trim() {
            word if word.is("cron") => |inner| Cron::parse(inner).map(Self::Cron),
            word if word.is("rate") => |inner| Rate::parse(inner).map(Self::Rate),
            word if word.is("at") => |inner| at::parse(inner).map(Self::At),
            word => return Err(word.fault(Rule::NotAnExpression)),
        };
        let Some((inner, after)) = rest.split_once(')') else {
            return Err(rest.trim().end().fault(Rule::Parenthesis));
        };
        if let Some((before, _)) = inner.split_once('(') {
            let nested = before.text.len()..before.text.len() + 1;
            return Err(inner.bytes(nested).fault(Rule::Parenthesis));
        }
        if !after.text.is_empty() {
            return Err(after.trim().fault(Rule::Parenthesis));
        }
        read(inner.trim())
    }
}

/// The canonical form: what is hashed into ids and sent to the scheduler.
impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cron(cron) => cron.fmt(f),
            Self::Rate(rate) => rate.fmt(f),
            Self::At(time) => write!(f, "at({})", time.strftime("%Y-%m-%dT%H:%M:%S")),
        }
    }
}
