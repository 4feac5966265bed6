//! The local times at which a cron expression fires, found field by field.
//!
//! Invariant: nothing here steps through minutes: a search costs at most a look at each month of the language.

use super::cron::Cron;
use crate::error::CronField;
use jiff::civil::DateTime;

/// Hour and minute.
type Clock = (u16, u16);

impl Cron {
    /// The first local time that is not before `from`, whose seconds are ignored.
    pub(crate) fn at_or_after(&self, from: DateTime) -> Option<DateTime> {
        let (from_year, from_month, from_day, from_clock) = parts(from)?;
        let mut next_year = self.years.at_or_after(from_year);
        while let Some(year) = next_year {
            let first_month = if year == from_year { from_month } else { 1 };
            for month in self.months.iter().filter(|month| *month >= first_month) {
                let here = (year, month) == (from_year, from_month);
                let mask = self.days.mask(year, month);
                let first_day = if here { from_day } else { 1 };
                for day in (first_day..=31).filter(|day| mask & (1 << day) != 0) {
                    let clock = if here && day == from_day {
                        self.clock_at_or_after(from_clock)
                    } else {
                        self.first_clock()
                    };
                    if let Some(clock) = clock {
                        return date_time(year, month, day, clock);
                    }
                }
            }
            next_year = self.years.at_or_after(year + 1);
        }
        None
    }

    /// The last local time that is not after `from`, whose seconds are ignored.
    pub(crate) fn at_or_before(&self, from: DateTime) -> Option<DateTime> {
        let (from_year, from_month, from_day, from_clock) = parts(from)?;
        let mut next_year = self.years.at_or_before(from_year);
        while let Some(year) = next_year {
            let last_month = if year == from_year { from_month } else { 12 };
            for month in self.months.iter().rev().filter(|month| *month <= last_month) {
                let here = (year, month) == (from_year, from_month);
                let mask = self.days.mask(year, month);
                let last_day = if here { from_day } else { 31 };
                for day in (1..=last_day).rev().filter(|day| mask & (1 << day) != 0) {
                    let clock = if here && day == from_day {
                        self.clock_at_or_before(from_clock)
                    } else {
                        self.last_clock()
                    };
                    if let Some(clock) = clock {
                        return date_time(year, month, day, clock);
                    }
                }
            }
            next_year = self.years.at_or_before(year - 1);
        }
        None
    }

    fn clock_at_or_after(&self, (hour, minute): Clock) -> Option<Clock> {
        let within = self
            .minutes
            .at_or_after(minute)
            .filter(|_| self.hours.contains(hour))
            .map(|minute| (hour, minute));
        within.or_else(|| Some((self.hours.at_or_after(hour + 1)?, self.minutes.at_or_after(0)?)))
    }

    fn clock_at_or_before(&self, (hour, minute): Clock) -> Option<Clock> {
        let within = self
            .minutes
            .at_or_before(minute)
            .filter(|_| self.hours.contains(hour))
            .map(|minute| (hour, minute));
        within.or_else(|| {
            Some((
                self.hours.at_or_before(hour.checked_sub(1)?)?,
                self.minutes.at_or_before(CronField::Minutes.max())?,
            ))
        })
    }

    fn first_clock(&self) -> Option<Clock> {
        self.clock_at_or_after((0, 0))
    }

    fn last_clock(&self) -> Option<Clock> {
        self.clock_at_or_before((CronField::Hours.max(), CronField::Minutes.max()))
    }
}

/// A time before the year 0 counts as the beginning of that year, which is long before anything fires.
fn parts(from: DateTime) -> Option<(u16, u16, u16, Clock)> {
    let unsigned = |number: i8| u16::try_from(number).ok();
    match u16::try_from(from.year()) {
        Ok(year) => {
            let clock = (unsigned(from.hour())?, unsigned(from.minute())?);
            Some((year, unsigned(from.month())?, unsigned(from.day())?, clock))
        }
        Err(_) => Some((0, 1, 1, (0, 0))),
    }
}

fn date_time(year: u16, month: u16, day: u16, (hour, minute): Clock) -> Option<DateTime> {
    let signed = |number: u16| i8::try_from(number).ok();
    let year = i16::try_from(year).ok()?;
    DateTime::new(year, signed(month)?, signed(day)?, signed(hour)?, signed(minute)?, 0, 0).ok()
}
