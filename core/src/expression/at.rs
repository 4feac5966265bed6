//! A one-time expression's local time.
//!
//! Invariant: what is read is a date and time of the calendar, to the second; there are no leap seconds.

use super::calendar::days_in_month;
use super::piece::{Fault, Piece};
use crate::error::{CronField, Rule};
use jiff::civil::DateTime;
use std::ops::Range;

/// `0` stands for a digit.
const SHAPE: &str = "0000-00-00T00:00:00";

/// Reads `yyyy-mm-ddThh:mm:ss`.
pub(super) fn parse(inner: Piece<'_>) -> Result<DateTime, Fault> {
    let fits = |(shape, found): &(char, char)| match shape {
        '0' => found.is_ascii_digit(),
        shape => found.eq_ignore_ascii_case(shape),
    };
    // What fits is ASCII, so its characters are its bytes.
    let fitting = SHAPE.chars().zip(inner.text.chars()).take_while(fits).count();
    if fitting < SHAPE.len() || fitting < inner.text.len() {
        return Err(inner.bytes(fitting..inner.text.len()).fault(Rule::AtSyntax));
    }
    let year = u16::try_from(number(inner, 0..4)).unwrap_or(u16::MAX);
    let month = part(inner, 5..7, CronField::Month, CronField::Month.max())?;
    let length = days_in_month(year, month.unsigned_abs().into());
    let day = part(inner, 8..10, CronField::DayOfMonth, length)?;
    let hour = part(inner, 11..13, CronField::Hours, CronField::Hours.max())?;
    let minute = part(inner, 14..16, CronField::Minutes, CronField::Minutes.max())?;
    let second = i8::try_from(number(inner, 17..19)).unwrap_or(i8::MAX);
    let year = i16::try_from(year).unwrap_or(i16::MAX);
    // All the rest is within its limits.
    DateTime::new(year, month, day, hour, minute, second, 0).map_err(|_| inner.bytes(17..19).fault(Rule::AtSeconds))
}

/// Two digits within the limits of the field of a cron expression that means the same.
fn part(inner: Piece<'_>, digits: Range<usize>, part: CronField, max: u16) -> Result<i8, Fault> {
    let min = part.min();
    let value = number(inner, digits.clone());
    i8::try_from(value)
        .ok()
        .filter(|_| (min.into()..=max.into()).contains(&value))
        .ok_or_else(|| inner.bytes(digits).fault(Rule::OutOfRange { part, min, max }))
}

fn number(inner: Piece<'_>, digits: Range<usize>) -> u32 {
    inner.bytes(digits).number().unwrap_or(u32::MAX)
}
