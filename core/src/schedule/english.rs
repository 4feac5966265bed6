//! A schedule in English words.
//!
//! Invariant: reads only a schedule's public values; another language is another file with the same one function.

use super::Schedule;
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

/// As many times of day as are told one by one.
const MAX_TIMES: usize = 6;

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
        parts.push(format!("in {}", list(&cron.months, name_of_month)));
    }
    if !cron.years.is_full() {
        parts.push(years(&cron.years));
    }
    parts.join(" ")
}

fn times(cron: &Cron) -> String {
    let (minutes, hours) = (&cron.minutes, &cron.hours);
    let clock: Vec<String> = hours
        .iter()
        .flat_map(|hour| minutes.iter().map(move |minute| format!("{hour:02}:{minute:02}")))
        .take(MAX_TIMES + 1)
        .collect();
    if clock.len() <= MAX_TIMES {
        return format!("At {}", and(&clock));
    }
    let within = if hours.is_full() {
        "every hour".to_owned()
    } else {
        format!("hours {}", list(hours, |h| h.to_string()))
    };
    let every = |step| format!("Every {step} minutes");
    match minutes.progression() {
        _ if minutes.is_full() && hours.is_full() => "Every minute".to_owned(),
        _ if minutes.is_full() => format!("Every minute of {within}"),
        // Steps that fill the hour go on evenly into the next one.
        Some((0, last, step)) if last + step == 60 && hours.is_full() => every(step),
        Some((0, last, step)) if last + step == 60 => format!("{} of {within}", every(step)),
        _ if minutes.single().is_some() => format!("At minute {minutes} of {within}"),
        _ => format!("At minutes {} of {within}", list(minutes, |minute| minute.to_string())),
    }
}

fn days(days: &Days) -> String {
    match days {
        Days::OfMonth(set) if set.is_full() => "every day".to_owned(),
        Days::OfMonth(set) if set.single().is_some() => format!("on day {set} of the month"),
        Days::OfMonth(set) => format!("on days {} of the month", list(set, |day| day.to_string())),
        Days::Last => "on the last day of the month".to_owned(),
        Days::LastWeekday => "on the last Monday to Friday of the month".to_owned(),
        Days::NearestWeekday(day) => format!("on the Monday to Friday nearest to day {day} of the month"),
        Days::OfWeek(set) if set.single().is_some() => format!("every {}", list(set, name_of_day)),
        Days::OfWeek(set) => format!("on {}", list(set, name_of_day)),
        Days::LastOfWeek(day) => format!("on the last {} of the month", name_of_day(*day)),
        Days::NthOfWeek(day, nth) => {
            format!("on the {} {} of the month", name(&ORDINALS, *nth), name_of_day(*day))
        }
    }
}

fn years(set: &Set) -> String {
    match set.progression() {
        Some((first, last, step)) => format!("every {step} years from {first} to {last}"),
        None => format!("in {}", list(set, |year| year.to_string())),
    }
}

/// Values in words, three and more consecutive ones as "a to b".
fn list(set: &Set, word: impl Fn(u16) -> String) -> String {
    let mut words = Vec::new();
    for (first, last) in set.runs() {
        match last - first {
            0 => words.push(word(first)),
            1 => words.extend([word(first), word(last)]),
            _ => words.push(format!("{} to {}", word(first), word(last))),
        }
    }
    and(&words)
}

fn and(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

fn name_of_month(month: u16) -> String {
    name(&MONTHS, month)
}

fn name_of_day(day: u16) -> String {
    name(&WEEKDAYS, day)
}

fn name(names: &[&str], number: u16) -> String {
    let index = usize::from(number).checked_sub(1);
    index
        .and_then(|index| names.get(index))
        .map_or_else(|| number.to_string(), ToString::to_string)
}
