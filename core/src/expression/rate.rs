//! A rate: a fixed time between occurrences.
//!
//! Invariant: a day is 24 hours and an hour 60 minutes whatever clocks do (the scheduler's rule for rates), so a rate
//! is a number of minutes, and equal numbers are written alike: `rate(60 minutes)` is `rate(1 hour)`.

use super::piece::{Fault, Piece};
use crate::error::Rule;
use jiff::SignedDuration;
use std::fmt;

/// A rate in normal form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rate {
    minutes: u32,
}

/// Minutes in an hour.
const HOUR: u32 = 60;
/// Minutes in a day.
const DAY: u32 = 24 * HOUR;
/// The units, singular and plural, in minutes.
const UNITS: [(&str, &str, u32); 3] = [("minute", "minutes", 1), ("hour", "hours", HOUR), ("day", "days", DAY)];

impl Rate {
    /// Reads `n unit`.
    pub(super) fn parse(inner: Piece<'_>) -> Result<Self, Fault> {
        let words: Vec<_> = inner.words().collect();
        let [value, unit] = words.as_slice() else {
            return Err(inner.fault(Rule::RateSyntax));
        };
        let number = value.number().ok_or_else(|| value.fault(Rule::RateSyntax))?;
        let (singular, plural, minutes) = UNITS
            .into_iter()
            .find(|(singular, plural, _)| unit.is(singular) || unit.is(plural))
            .ok_or_else(|| unit.fault(Rule::RateUnit))?;
        let max = u32::MAX / minutes;
        if !(1..=max).contains(&number) {
            return Err(value.fault(Rule::RateValue { max }));
        }
        let expected = if number == 1 { singular } else { plural };
        if !unit.is(expected) {
            return Err(unit.fault(Rule::RatePlural { expected }));
        }
        Ok(Self {
            minutes: number * minutes,
        })
    }

    /// The time between two occurrences, in whole minutes.
    pub fn period(self) -> SignedDuration {
        SignedDuration::from_mins(self.minutes.into())
    }

    /// The number and the greatest unit of which it is whole: (1, "hour") for 60 minutes.
    pub(crate) fn in_units(self) -> (u32, &'static str) {
        let (singular, plural, minutes) = UNITS
            .into_iter()
            .rev()
            .find(|(_, _, minutes)| self.minutes.is_multiple_of(*minutes))
            .unwrap_or(UNITS[0]);
        let number = self.minutes / minutes;
        (number, if number == 1 { singular } else { plural })
    }
}

/// The canonical form: `rate(5 minutes)`.
impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (number, unit) = self.in_units();
        write!(f, "rate({number} {unit})")
    }
}
