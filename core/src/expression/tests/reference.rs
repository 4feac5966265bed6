//! A second reading of cron expressions, value by value and day by day, as slow and as plain as the rules are told.
//!
//! Invariant: shares nothing with the parser and the calendar that it checks: no sets, no normal form, dates by the time
//! library.

use crate::error::CronField;
use jiff::ToSpan;
use jiff::civil::{Date, Weekday, date};

/// The six fields of an accepted expression, as written.
pub(crate) struct Literal<'a> {
    fields: [&'a str; 6],
}

impl<'a> Literal<'a> {
    /// An expression that the parser accepted.
    pub(crate) fn of(text: &'a str) -> Self {
        let fields: Vec<_> = text.split_whitespace().collect();
        Self {
            fields: fields.try_into().unwrap(),
        }
    }

    /// The values of a field of lists, ranges and steps.
    pub(crate) fn values(part: CronField, text: &str) -> Vec<u16> {
        (part.min()..=part.max())
            .filter(|value| takes(part, text, *value))
            .collect()
    }

    /// Whether it fires on a day.
    pub(crate) fn fires_on(&self, day: Date) -> bool {
        let number = |number: i8| u16::try_from(number).unwrap();
        let [_, _, in_month, month, in_week, year] = self.fields;
        takes(CronField::Month, month, number(day.month()))
            && takes(CronField::Year, year, u16::try_from(day.year()).unwrap())
            && match (in_month, in_week) {
                ("?", in_week) => fires_in_week(in_week, day),
                (in_month, _) => fires_in_month(in_month, day),
            }
    }

    /// The times of day at which it fires.
    pub(crate) fn times(&self) -> Vec<(i8, i8)> {
        let values = |part, text| -> Vec<i8> {
            let values = Self::values(part, text).into_iter();
            values.map(|value| value.try_into().unwrap()).collect()
        };
        let minutes = values(CronField::Minutes, self.fields[0]);
        let hours = values(CronField::Hours, self.fields[1]);
        hours
            .iter()
            .flat_map(|hour| minutes.iter().map(|minute| (*hour, *minute)))
            .collect()
    }
}

/// Whether a field of lists, ranges and steps takes a value: each entry is walked from its first value to its last.
fn takes(part: CronField, text: &str, wanted: u16) -> bool {
    text.split(',').any(|entry| {
        let (base, step) = entry
            .split_once('/')
            .map_or((entry, None), |(base, step)| (base, Some(step)));
        let step: usize = step.map_or(1, |step| step.parse().unwrap());
        let (first, last) = match (base, base.split_once('-')) {
            ("*", _) => (part.min(), part.max()),
            (_, Some((first, last))) => (value(part, first), value(part, last)),
            (alone, None) if entry.contains('/') => (value(part, alone), part.max()),
            (alone, None) => (value(part, alone), value(part, alone)),
        };
        let walk: Vec<u16> = if first <= last {
            (first..=last).collect()
        } else {
            (first..=part.max()).chain(part.min()..=last).collect()
        };
        walk.into_iter().step_by(step).any(|value| value == wanted)
    })
}

fn value(part: CronField, text: &str) -> u16 {
    let names = match part {
        CronField::Month => "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC",
        _ => "SUN MON TUE WED THU FRI SAT",
    };
    let named = names.split(' ').position(|name| name.eq_ignore_ascii_case(text));
    named.map_or_else(|| text.parse().unwrap(), |index| u16::try_from(index).unwrap() + 1)
}

fn fires_in_month(text: &str, day: Date) -> bool {
    match text.to_ascii_uppercase().strip_suffix('W') {
        Some("L") => nearest_weekday(day.last_of_month()) == Some(day),
        Some(number) => {
            let wanted = date(day.year(), day.month(), 1)
                .with()
                .day(number.parse().unwrap())
                .build();
            wanted.ok().and_then(nearest_weekday) == Some(day)
        }
        None if text.eq_ignore_ascii_case("L") => day == day.last_of_month(),
        None => takes(CronField::DayOfMonth, text, u16::try_from(day.day()).unwrap()),
    }
}

/// Of the Mondays to Fridays of the month, the one that is the fewest days away.
fn nearest_weekday(wanted: Date) -> Option<Date> {
    let month = wanted
        .first_of_month()
        .series(1.day())
        .take_while(|day| day.month() == wanted.month());
    month
        .filter(|day| !matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday))
        .min_by_key(|day| day.day().abs_diff(wanted.day()))
}

fn fires_in_week(text: &str, day: Date) -> bool {
    let of_week = u16::try_from(day.weekday().to_sunday_one_offset()).unwrap();
    let text = text.to_ascii_uppercase();
    if text == "L" {
        return day.weekday() == Weekday::Saturday;
    }
    if let Some((wanted, nth)) = text.split_once('#') {
        let nth: i8 = nth.parse().unwrap();
        return value(CronField::DayOfWeek, wanted) == of_week && (day.day() + 6) / 7 == nth;
    }
    if let Some(wanted) = text.strip_suffix('L') {
        let next_week = day + 7.days();
        return value(CronField::DayOfWeek, wanted) == of_week && next_week.month() != day.month();
    }
    takes(CronField::DayOfWeek, &text, of_week)
}
