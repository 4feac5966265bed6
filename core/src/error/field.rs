//! The fields of a cron expression, and what each accepts.

use std::fmt;

/// A field of a cron expression, in the order in which they are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CronField {
    /// 0–59.
    Minutes,
    /// 0–23.
    Hours,
    /// 1–31.
    DayOfMonth,
    /// 1–12 or JAN–DEC.
    Month,
    /// 1–7 or SUN–SAT.
    DayOfWeek,
    /// 1970–2199.
    Year,
}

impl CronField {
    /// All fields in the order in which they are written.
    pub const ALL: [Self; 6] = [
        Self::Minutes,
        Self::Hours,
        Self::DayOfMonth,
        Self::Month,
        Self::DayOfWeek,
        Self::Year,
    ];

    /// The least value (the scheduler's documented limit).
    pub const fn min(self) -> u16 {
        match self {
            Self::Minutes | Self::Hours => 0,
            Self::DayOfMonth | Self::Month | Self::DayOfWeek => 1,
            Self::Year => 1970,
        }
    }

    /// The greatest value (the scheduler's documented limit).
    pub const fn max(self) -> u16 {
        match self {
            Self::Minutes => 59,
            Self::Hours => 23,
            Self::DayOfMonth => 31,
            Self::Month => 12,
            Self::DayOfWeek => 7,
            Self::Year => 2199,
        }
    }
}

impl fmt::Display for CronField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Minutes => "minutes",
            Self::Hours => "hours",
            Self::DayOfMonth => "day of month",
            Self::Month => "month",
            Self::DayOfWeek => "day of week",
            Self::Year => "year",
        })
    }
}

/// What a field accepts as a single value.
pub(super) fn accepted(part: CronField) -> String {
    let numbers = format!("a number between {} and {}", part.min(), part.max());
    match part {
        CronField::Month => format!("{numbers} or a name between JAN and DEC"),
        CronField::DayOfWeek => format!("{numbers} (1 is Sunday) or a name between SUN and SAT"),
        _ => numbers,
    }
}

/// A wildcard on its own, as the field takes it.
pub(super) fn alone(part: CronField, wildcard: char) -> &'static str {
    match (part, wildcard) {
        (CronField::DayOfWeek, 'L') => "6L",
        (_, 'L') => "L",
        (_, 'W') => "15W",
        (_, '#') => "2#1",
        _ => "?",
    }
}
