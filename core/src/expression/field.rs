//! One field of a cron expression, from text to values.
//!
//! Invariant: what is accepted here is at least what the scheduler accepts of `* , - / ? L W #` and the names; what
//! only resembles it is refused with the piece at fault.

use super::calendar::Days;
use super::piece::{Fault, Piece};
use super::set::Set;
use crate::error::{CronField, Rule};

const MONTHS: [&str; 12] = [
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// A field of lists, ranges and steps.
pub(super) fn set(part: CronField, field: Piece<'_>) -> Result<Set, Fault> {
    let mut set = Set::empty(part);
    for entry in field.split(',') {
        set.extend(entry_values(part, entry)?);
    }
    Ok(set)
}

/// The day of the month; `None` for `?`.
pub(super) fn day_of_month(field: Piece<'_>) -> Result<Option<Days>, Fault> {
    let part = CronField::DayOfMonth;
    if field.is("?") {
        return Ok(None);
    }
    if field.is("L") {
        return Ok(Some(Days::Last));
    }
    if field.is("LW") {
        return Ok(Some(Days::LastWeekday));
    }
    if field.is("W") {
        return Err(field.fault(Rule::Incomplete { part }));
    }
    if let Some(day) = field.strip_suffix('W').filter(|day| day.number().is_some()) {
        return Ok(Some(Days::NearestWeekday(value(part, day)?)));
    }
    Ok(Some(Days::OfMonth(set(part, field)?)))
}

/// The day of the week; `None` for `?`.
pub(super) fn day_of_week(field: Piece<'_>) -> Result<Option<Days>, Fault> {
    let part = CronField::DayOfWeek;
    if field.is("?") {
        return Ok(None);
    }
    // The last day of the week is Saturday, in every week.
    if field.is("L") {
        return Ok(Some(Days::OfWeek(Set::from_values(part, [part.max()]))));
    }
    if let Some(day) = field.strip_suffix('L').filter(|day| plain(part, *day).is_some()) {
        return Ok(Some(Days::LastOfWeek(value(part, day)?)));
    }
    if !field.text.contains(',')
        && let Some((day, nth)) = field.split_once('#')
    {
        let day = value(part, day)?;
        return match nth.number() {
            Some(number @ 1..=5) => Ok(Some(Days::NthOfWeek(day, u16::try_from(number).unwrap_or(1)))),
            _ => Err(nth.fault(Rule::Nth { part })),
        };
    }
    Ok(Some(Days::OfWeek(set(part, field)?)))
}

/// `*`, `a`, `a-b`, each perhaps with `/step`.
fn entry_values(part: CronField, entry: Piece<'_>) -> Result<Set, Fault> {
    let (base, step) = match entry.split_once('/') {
        Some((base, step)) => (base, Some(self::step(part, step)?)),
        None => (entry, None),
    };
    let (first, last) = if base.is("*") {
        (part.min(), part.max())
    } else if let Some((first, last)) = base.split_once('-') {
        (value(part, first)?, value(part, last)?)
    } else {
        let first = value(part, base)?;
        (first, if step.is_some() { part.max() } else { first })
    };
    // A range that ends before it begins goes on at the field's start, as FRI-MON or 22-4 do; years do not recur.
    let span = match last.checked_sub(first) {
        Some(span) => span,
        None if part == CronField::Year => return Err(base.fault(Rule::BackwardsRange { part })),
        None => last + size(part) - first,
    };
    match step {
        None | Some(1) if first <= last => return Ok(Set::range(part, first, last)),
        _ => {}
    }
    let values = (0..=span).step_by(step.unwrap_or(1).into());
    Ok(Set::from_values(
        part,
        values.map(|offset| part.min() + (first - part.min() + offset) % size(part)),
    ))
}

/// How many values a field has.
fn size(part: CronField) -> u16 {
    part.max() - part.min() + 1
}

fn step(part: CronField, piece: Piece<'_>) -> Result<u16, Fault> {
    // A greater step would never be taken: `0/90` in the minutes does not mean each hour and a half.
    let max = size(part) - u16::from(part.min() == 0);
    match piece.number() {
        Some(step) => u16::try_from(step)
            .ok()
            .filter(|step| (1..=max).contains(step))
            .ok_or_else(|| piece.fault(Rule::Step { part, max })),
        None => Err(piece.fault(Rule::Step { part, max })),
    }
}

/// A number or a name.
fn value(part: CronField, piece: Piece<'_>) -> Result<u16, Fault> {
    if let Some(value) = plain(part, piece) {
        let (min, max) = (part.min(), part.max());
        return u16::try_from(value)
            .ok()
            .filter(|value| (min..=max).contains(value))
            .ok_or_else(|| piece.fault(Rule::OutOfRange { part, min, max }));
    }
    Err(piece.fault(match misplaced(part, piece) {
        Some(wildcard) if takes(part, wildcard) => Rule::NotAlone { part, wildcard },
        Some(wildcard) => Rule::Wildcard { part, wildcard },
        None if piece.text.is_empty() => Rule::Incomplete { part },
        None => Rule::NotAValue { part },
    }))
}

/// A number, in or out of the field's limits, or what a name stands for.
fn plain(part: CronField, piece: Piece<'_>) -> Option<u32> {
    let names: &[&str] = match part {
        CronField::Month => &MONTHS,
        CronField::DayOfWeek => &WEEKDAYS,
        _ => &[],
    };
    piece.number().or_else(|| {
        (1..)
            .zip(names)
            .find(|(_, name)| piece.is(name))
            .map(|(number, _)| number)
    })
}

/// The wildcard in a piece that is shaped like one of the uses of `?`, `L`, `W`, `#` or `*`.
fn misplaced(part: CronField, piece: Piece<'_>) -> Option<char> {
    let before = |last| {
        piece
            .strip_suffix(last)
            .filter(|rest| rest.text.is_empty() || plain(part, *rest).is_some())
    };
    if piece.text.contains('?') {
        Some('?')
    } else if piece.text.contains('#') {
        Some('#')
    } else if piece.text.contains('*') {
        Some('*')
    } else if piece.is("LW") || before('L').is_some() {
        Some('L')
    } else {
        before('W').map(|_| 'W')
    }
}

/// Whether the field takes the wildcard at all, on its own.
fn takes(part: CronField, wildcard: char) -> bool {
    match part {
        CronField::DayOfMonth => matches!(wildcard, '?' | 'L' | 'W'),
        CronField::DayOfWeek => matches!(wildcard, '?' | 'L' | '#'),
        _ => false,
    }
}
