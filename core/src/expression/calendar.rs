//! The Gregorian calendar, as far as a cron expression needs it, and the days of a month that one selects.
//!
//! Invariant: total for every year and month of the language; a day mask has bit `d` for day `d`, never beyond the
//! month's end.

use super::set::Set;

/// Which days of a month an expression selects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Days {
    /// Days of the month by number; all of them where the expression fires every day.
    OfMonth(Set),
    /// `L`: the month's last day.
    Last,
    /// `LW`: the month's last Monday to Friday.
    LastWeekday,
    /// `nW`: the Monday to Friday nearest to day `n`, within the month. A month without a day `n` has none.
    NearestWeekday(u16),
    /// Days of the week, 1 is Sunday.
    OfWeek(Set),
    /// `dL`: the last such day of the week in the month.
    LastOfWeek(u16),
    /// `d#n`: the `n`-th such day of the week in the month. A month without an `n`-th has none.
    NthOfWeek(u16, u16),
}

const SUNDAY: u16 = 1;
const SATURDAY: u16 = 7;

impl Days {
    /// The selected days of a month.
    pub(super) fn mask(&self, year: u16, month: u16) -> u32 {
        let length = days_in_month(year, month);
        match self {
            Self::OfMonth(set) => set.day_mask() & all_days(year, month),
            Self::Last => 1 << length,
            Self::LastWeekday => 1 << nearest_weekday(year, month, length),
            Self::NearestWeekday(day) if *day > length => 0,
            Self::NearestWeekday(day) => 1 << nearest_weekday(year, month, *day),
            Self::OfWeek(set) => {
                let first = day_of_week(year, month, 1);
                mask_of(length, |day| set.contains((first + day - 2) % 7 + 1))
            }
            Self::LastOfWeek(wanted) => mask_of(length, |day| {
                day + 7 > length && day_of_week(year, month, day) == *wanted
            }),
            Self::NthOfWeek(wanted, nth) => mask_of(length, |day| {
                day.div_ceil(7) == *nth && day_of_week(year, month, day) == *wanted
            }),
        }
    }
}

/// All days of a month.
pub(super) fn all_days(year: u16, month: u16) -> u32 {
    u32::MAX >> (31 - days_in_month(year, month)) & !1
}

fn mask_of(length: u16, selected: impl Fn(u16) -> bool) -> u32 {
    (1..=length)
        .filter(|day| selected(*day))
        .fold(0, |mask, day| mask | 1 << day)
}

/// The Monday to Friday nearest to a day, never leaving the month.
fn nearest_weekday(year: u16, month: u16, day: u16) -> u16 {
    match day_of_week(year, month, day) {
        SATURDAY if day == 1 => 3,
        SATURDAY => day - 1,
        SUNDAY if day == days_in_month(year, month) => day - 2,
        SUNDAY => day + 1,
        _ => day,
    }
}

pub(super) fn days_in_month(year: u16, month: u16) -> u16 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// 1 is Sunday. Counts the days since the year 0, with the year beginning in March, so that the leap day is its last.
pub(super) fn day_of_week(year: u16, month: u16, day: u16) -> u16 {
    let (year, month) = (u32::from(year), u32::from(month));
    let (year, month) = if month < 3 {
        (year.saturating_sub(1), month + 9)
    } else {
        (year, month - 3)
    };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + u32::from(day);
    // Day 1 of that count, 1 March of the year 0, was a Wednesday.
    u16::try_from((days + 2) % 7 + 1).unwrap_or(SUNDAY)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::error::CronField;

    #[test]
    fn every_day_of_the_language_agrees_with_the_time_library() {
        let mut date = jiff::civil::date(1970, 1, 1);
        while date.year() < 2200 {
            let [year, month, day] =
                [date.year(), date.month().into(), date.day().into()].map(|n| n.try_into().unwrap());
            assert_eq!(
                i8::try_from(day_of_week(year, month, day)).unwrap(),
                date.weekday().to_sunday_one_offset(),
                "{date}"
            );
            assert_eq!(
                i8::try_from(days_in_month(year, month)).unwrap(),
                date.days_in_month(),
                "{date}"
            );
            date = date.tomorrow().unwrap();
        }
    }

    #[track_caller]
    fn check(days: Days, year: u16, month: u16, expected: &[u32]) {
        let mask = days.mask(year, month);
        assert_eq!(
            (0..32).filter(|day| mask & (1 << day) != 0).collect::<Vec<_>>(),
            expected
        );
    }

    #[test]
    fn days_are_selected_within_the_month() {
        // August 2026 begins on a Saturday and ends on a Monday; May 2026 ends on a Sunday.
        check(Days::NearestWeekday(1), 2026, 8, &[3]);
        check(Days::NearestWeekday(15), 2026, 8, &[14]);
        check(Days::NearestWeekday(16), 2026, 8, &[17]);
        check(Days::NearestWeekday(31), 2026, 5, &[29]);
        check(Days::NearestWeekday(31), 2026, 4, &[]);
        check(Days::Last, 2028, 2, &[29]);
        check(Days::LastWeekday, 2026, 5, &[29]);
        check(Days::LastOfWeek(6), 2026, 5, &[29]);
        check(Days::NthOfWeek(2, 1), 2026, 8, &[3]);
        check(Days::NthOfWeek(7, 5), 2026, 8, &[29]);
        check(Days::NthOfWeek(4, 5), 2026, 8, &[]);
        check(
            Days::OfWeek(Set::from_values(CronField::DayOfWeek, [1])),
            2026,
            2,
            &[1, 8, 15, 22],
        );
        check(
            Days::OfMonth(Set::from_values(CronField::DayOfMonth, [28, 31])),
            2026,
            2,
            &[28],
        );
    }
}
