//! A cron expression: its values, and the one form that stands for all ways to write it.
//!
//! Invariant: a [`Cron`] is always normalised, so two are equal exactly when they are written alike, and equal ones
//! fire at the same local times. Without `L`, `W` and `#` the converse holds as well.
//! Invariant: there is a date on which it fires.

use super::calendar::{Days, all_days};
use super::field;
use super::piece::{Fault, Piece};
use super::set::Set;
use super::years::{ALL, Kind, kinds};
use crate::error::{CronField, Rule};
use std::fmt;

/// The longest `ScheduleExpression` that the scheduler takes, in characters. Rates and one-time schedules never reach it.
const MAX_LENGTH: usize = 256;

/// A cron expression in normal form.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Cron {
    pub(crate) minutes: Set,
    pub(crate) hours: Set,
    pub(crate) days: Days,
    pub(crate) months: Set,
    pub(crate) years: Set,
}

impl Cron {
    /// Reads the six fields.
    pub(super) fn parse(fields: Piece<'_>) -> Result<Self, Fault> {
        let words: Vec<_> = fields.words().collect();
        let found = words.len();
        let Ok(words) = <[Piece<'_>; 6]>::try_from(words) else {
            return Err(wrong_count(fields, found));
        };
        let [minutes, hours, day_of_month, month, day_of_week, year] = words;
        let minutes = field::set(CronField::Minutes, minutes)?;
        let hours = field::set(CronField::Hours, hours)?;
        let in_month = field::day_of_month(day_of_month)?;
        let months = field::set(CronField::Month, month)?;
        let in_week = field::day_of_week(day_of_week)?;
        let years = field::set(CronField::Year, year)?;
        let days = match (in_month, in_week) {
            (Some(days), None) | (None, Some(days)) => days,
            // Whoever names days of the week has forgotten to leave those of the month open.
            (Some(_), Some(_)) if day_of_month.is("*") && !day_of_week.is("*") => {
                return Err(day_of_month.fault(Rule::BothDays));
            }
            (Some(_), Some(_)) => return Err(day_of_week.fault(Rule::BothDays)),
            (None, None) => return Err(day_of_week.fault(Rule::NoDay)),
        };
        let read = Self {
            minutes,
            hours,
            days,
            months,
            years,
        };
        let cron = read
            .normalised()
            .ok_or_else(|| day_of_month.fault_until(year, Rule::NeverOccurs))?;
        cron.check_length(&words)?;
        Ok(cron)
    }

    /// Refuses what the scheduler would, pointing at the field that takes most of the room.
    fn check_length(&self, words: &[Piece<'_>; 6]) -> Result<(), Fault> {
        let written = self.to_string();
        if written.len() <= MAX_LENGTH {
            return Ok(());
        }
        let lengths = written.split([' ', '(', ')']).skip(1).map(str::len);
        let longest = CronField::ALL
            .into_iter()
            .zip(words)
            .zip(lengths)
            .max_by_key(|(_, length)| *length);
        let (part, word) = longest.map_or((CronField::Minutes, &words[0]), |(field, _)| field);
        Err(word.fault(Rule::ExpressionTooLong {
            part,
            found: written.len(),
            max: MAX_LENGTH,
        }))
    }

    /// Brings days, months and years into the form that all expressions with the same dates share; `None` where there
    /// is no date at all.
    ///
    /// Days by number and months restrict each other: `1-29` in February is every day, 31 in April is none. So each
    /// of the three fields becomes `*` where that adds no date, and otherwise just the values that occur in a date.
    /// (Both can be done field by field: what is harmless to add to one field is harmless whatever is added to the
    /// others, since a day is missing only at the end of a month.) Days of the week that amount to fixed days of the
    /// month, which is so for all seven and may be so within a single year, are written as those.
    fn normalised(self) -> Option<Self> {
        let days = match self.days {
            Days::OfWeek(_) => self.as_days_of_month().unwrap_or(self.days),
            days => days,
        };
        let Days::OfMonth(wanted) = days else {
            return self
                .dates()
                .any(|(_, _, mask)| mask != 0)
                .then_some(Self { days, ..self });
        };
        let wanted = wanted.day_mask();
        let (mut years, mut months, mut mask) = (Set::empty(CronField::Year), Set::empty(CronField::Month), 0);
        for kind in kinds(&self.years) {
            for month in self.months.iter() {
                let found = all_days(kind.example, month) & wanted;
                if found != 0 {
                    years.extend(kind.years);
                    months.insert(month);
                    mask |= found;
                }
            }
        }
        if mask == 0 {
            return None;
        }
        let fits = |kind: &Kind, month| all_days(kind.example, month) & mask;
        let (all_years, all_months) = (Set::full(CronField::Year), Set::full(CronField::Month));
        let every_year = ALL
            .iter()
            .filter(|kind| kind.years.intersection(years) != kind.years)
            .all(|kind| months.iter().all(|month| fits(kind, month) == 0));
        let every_month = kinds(&years).all(|kind| {
            let mut others = all_months.iter().filter(|month| !months.contains(*month));
            others.all(|month| fits(&kind, month) == 0)
        });
        let every_day = kinds(&years).all(|kind| months.iter().all(|month| all_days(kind.example, month) & !mask == 0));
        Some(Self {
            days: Days::OfMonth(if every_day {
                Set::full(CronField::DayOfMonth)
            } else {
                day_set(mask)
            }),
            months: if every_month { all_months } else { months },
            years: if every_year { all_years } else { years },
            ..self
        })
    }

    /// The days of the month that select the same dates, where there are such.
    fn as_days_of_month(&self) -> Option<Days> {
        // Days 1 to 28 hold each day of the week four times. So a month that has all days of the earlier ones has the
        // same days as they; two months of different beginning end the search.
        let agreeing = |union: u32, (year, month, mask): (u16, u16, u32)| {
            let union = union | mask;
            (all_days(year, month) & union == mask).then_some(union)
        };
        self.dates()
            .try_fold(0, agreeing)
            .map(|days| Days::OfMonth(day_set(days)))
    }

    /// Each month of each kind of the years, with its selected days.
    fn dates(&self) -> impl Iterator<Item = (u16, u16, u32)> {
        let pairs = kinds(&self.years).flat_map(|kind| self.months.iter().map(move |month| (kind.example, month)));
        pairs.map(|(year, month)| (year, month, self.days.mask(year, month)))
    }

    /// Whether it fires on every day.
    pub(crate) fn is_daily(&self) -> bool {
        matches!(self.days, Days::OfMonth(days) if days.is_full())
    }
}

/// Other than six fields: the place where the first one too few is missing, or those that are too many.
fn wrong_count(fields: Piece<'_>, found: usize) -> Fault {
    let rule = Rule::FieldCount { found };
    match (fields.words().nth(6), fields.words().last()) {
        (Some(first), Some(last)) => first.fault_until(last, rule),
        _ => fields.end().fault(rule),
    }
}

fn day_set(mask: u32) -> Set {
    Set::from_values(CronField::DayOfMonth, (1..=31).filter(|day| mask & (1 << day) != 0))
}

/// The canonical form, which the scheduler accepts: `cron(0 3 ? * 2-6 *)`.
impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            minutes,
            hours,
            days,
            months,
            years,
        } = self;
        write!(f, "cron({minutes} {hours} ")?;
        match days {
            Days::OfMonth(set) => write!(f, "{set} {months} ?")?,
            Days::Last => write!(f, "L {months} ?")?,
            Days::LastWeekday => write!(f, "LW {months} ?")?,
            Days::NearestWeekday(day) => write!(f, "{day}W {months} ?")?,
            Days::OfWeek(set) => write!(f, "? {months} {set}")?,
            Days::LastOfWeek(day) => write!(f, "? {months} {day}L")?,
            Days::NthOfWeek(day, nth) => write!(f, "? {months} {day}#{nth}")?,
        }
        write!(f, " {years})")
    }
}
