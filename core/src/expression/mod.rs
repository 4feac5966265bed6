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

mod calendar;
mod cron;
mod field;
mod occurrence;
mod piece;
mod rate;
mod set;
#[cfg(test)]
pub(crate) mod tests;

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

/// The longest `ScheduleExpression` that the scheduler takes, in characters.
const MAX_LENGTH: usize = 256;

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
        let expression =
            Self::read(whole).map_err(|Fault { rule, range }| UserError::new(Field::Cron, text, rule).at(range))?;
        match expression.to_string().len() {
            0..=MAX_LENGTH => Ok(expression),
            found => Err(UserError::new(
                Field::Cron,
                text,
                Rule::ExpressionTooLong { found, max: MAX_LENGTH },
            )),
        }
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
            word if word.is("at") => |inner| at(inner).map(Self::At),
            word => return Err(word.fault(Rule::NotAnExpression)),
        };
        match rest.split_once(')') {
            Some((inner, after)) if after.text.is_empty() && !inner.text.contains('(') => read(inner.trim()),
            Some((_, after)) if !after.text.is_empty() => Err(after.fault(Rule::Parenthesis)),
            _ => Err(rest.fault(Rule::Parenthesis)),
        }
    }
}

/// Reads `yyyy-mm-ddThh:mm:ss`.
fn at(inner: Piece<'_>) -> Result<DateTime, Fault> {
    const SHAPE: &[u8] = b"0000-00-00T00:00:00";
    let fits = |(shape, byte): (&u8, u8)| {
        if *shape == b'0' {
            byte.is_ascii_digit()
        } else {
            byte.eq_ignore_ascii_case(shape)
        }
    };
    if inner.text.len() != SHAPE.len() || !SHAPE.iter().zip(inner.text.bytes()).all(fits) {
        return Err(inner.fault(Rule::AtSyntax));
    }
    // A leap second would be read as the second before it, which is not what is written.
    let time: DateTime = inner.text.parse().map_err(|_| inner.fault(Rule::AtCalendar))?;
    if inner.text.ends_with(":60") {
        Err(inner.fault(Rule::AtCalendar))
    } else {
        Ok(time)
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
