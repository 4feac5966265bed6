//! A schedule in English words.
//!
//! Invariant: reads only a schedule's public values; another language is another file with the same one function.

use super::Schedule;
use super::words::{clock, even_step, join, list, name};
use crate::expression::{Cron, Days, Expression, Set};
use crate::instant::rfc3339_millis;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const WEEKDAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];
const ORDINALS: [&str; 5] = ["first", "second", "third", "fourth", "fifth"];

/// Between the ends of a range, and before the last of a list.
const LISTED: (&str, &str) = ("to", "and");

/// The whole schedule in one sentence without a final stop.
pub(super) fn describe(schedule: &Schedule) -> String {
    let zone = &schedule.zone;
    let when = match &schedule.expression {
        Expression::Cron(cron) => format!("{} ({zone})", self::cron(cron)),
        Expression::Rate(rate) => match rate.in_units() {
            (1, unit) => format!("Every {unit}"),
            (number, units) => format!("Every {number} {units}"),
        },
        Expression::At(time) => format!("Once, on {} ({zone})", time.strftime("%Y-%m-%d at %H:%M:%S")),
    };
    let bounded = schedule.one_time().is_none();
    let start = schedule
        .start
        .filter(|_| bounded)
        .map(|start| format!("from {}", rfc3339_millis(start)));
    let end = schedule
        .end
        .filter(|_| bounded)
        .map(|end| format!("until {}", rfc3339_millis(end)));
    let window = schedule.window_minutes.map(|minutes| match minutes {
        1 => "within one minute".to_owned(),
        minutes => format!("within {minutes} minutes"),
    });
    [Some(when), start, end, window]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(", ")
}

fn cron(cron: &Cron) -> String {
    let mut parts = vec![times(cron)];
    // "Every minute" or "at minute 5 of every hour" alone already means each day.
    if !(cron.is_daily() && cron.hours.is_full()) {
        parts.push(days(&cron.days));
    }
    if !cron.months.is_full() {
        parts.push(format!("in {}", list(&cron.months, LISTED, name_of_month)));
    }
    if !cron.years.is_full() {
        parts.push(years(&cron.years));
    }
    parts.join(" ")
}

fn times(cron: &Cron) -> String {
    let (minutes, hours) = (&cron.minutes, &cron.hours);
    if let Some(times) = clock(cron) {
        return format!("At {}", join(&times, LISTED.1));
    }
    let numbers = |set: &Set| list(set, LISTED, |number| number.to_string());
    let within = match (hours.is_full(), hours.single()) {
        (true, _) => "every hour".to_owned(),
        (false, Some(hour)) => format!("hour {hour}"),
        (false, None) => format!("hours {}", numbers(hours)),
    };
    match even_step(minutes) {
        _ if minutes.is_full() && hours.is_full() => "Every minute".to_owned(),
        _ if minutes.is_full() => format!("Every minute of {within}"),
        Some(step) if hours.is_full() => format!("Every {step} minutes"),
        Some(step) => format!("Every {step} minutes of {within}"),
        None if minutes.single().is_some() => format!("At minute {minutes} of {within}"),
        None => format!("At minutes {} of {within}", numbers(minutes)),
    }
}

fn days(days: &Days) -> String {
    match days {
        Days::OfMonth(set) if set.is_full() => "every day".to_owned(),
        Days::OfMonth(set) if set.single().is_some() => format!("on day {set} of the month"),
        Days::OfMonth(set) => format!("on days {} of the month", list(set, LISTED, |day| day.to_string())),
        Days::Last => "on the last day of the month".to_owned(),
        Days::LastWeekday => "on the last weekday (Monday to Friday) of the month".to_owned(),
        Days::NearestWeekday(day) => format!("on the weekday (Monday to Friday) nearest to day {day} of the month"),
        Days::OfWeek(set) if set.single().is_some() => format!("every {}", list(set, LISTED, name_of_day)),
        Days::OfWeek(set) => format!("on {}", list(set, LISTED, name_of_day)),
        Days::LastOfWeek(day) => format!("on the last {} of the month", name_of_day(*day)),
        Days::NthOfWeek(day, nth) => {
            format!("on the {} {} of the month", name(&ORDINALS, *nth), name_of_day(*day))
        }
    }
}

fn years(set: &Set) -> String {
    match set.progression() {
        Some((first, last, step)) => format!("every {step} years from {first} to {last}"),
        None => format!("in {}", list(set, LISTED, |year| year.to_string())),
    }
}

fn name_of_month(month: u16) -> String {
    name(&MONTHS, month)
}

fn name_of_day(day: u16) -> String {
    name(&WEEKDAYS, day)
}
