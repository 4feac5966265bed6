//! A schedule in Spanish words.
//!
//! Invariant: reads only a schedule's public values, as `english` does.

use super::Schedule;
use super::words::{clock, even_step, join, list, name};
use crate::expression::{Cron, Days, Expression, Rate, Set};
use crate::instant::rfc3339_millis;

const MONTHS: [&str; 12] = [
    "enero",
    "febrero",
    "marzo",
    "abril",
    "mayo",
    "junio",
    "julio",
    "agosto",
    "septiembre",
    "octubre",
    "noviembre",
    "diciembre",
];
const WEEKDAYS: [&str; 7] = ["domingo", "lunes", "martes", "miércoles", "jueves", "viernes", "sábado"];
const EACH_WEEKDAY: [&str; 7] = [
    "domingos",
    "lunes",
    "martes",
    "miércoles",
    "jueves",
    "viernes",
    "sábados",
];
const ORDINALS: [&str; 5] = ["primer", "segundo", "tercer", "cuarto", "quinto"];

/// Between the ends of a range, and before the last of a list.
const LISTED: (&str, &str) = ("a", "y");

/// The whole schedule in one sentence without a final stop.
pub(super) fn describe(schedule: &Schedule) -> String {
    let zone = &schedule.zone;
    let when = match &schedule.expression {
        Expression::Cron(cron) => format!("{} ({zone})", capitalised(&self::cron(cron))),
        Expression::Rate(rate) => self::rate(*rate),
        Expression::At(time) => format!(
            "Una vez, el {} {} ({zone})",
            time.strftime("%Y-%m-%d"),
            at(&[time.strftime("%H:%M:%S").to_string()])
        ),
    };
    let bounded = schedule.one_time().is_none();
    let start = schedule
        .start
        .filter(|_| bounded)
        .map(|start| format!("desde {}", rfc3339_millis(start)));
    let end = schedule
        .end
        .filter(|_| bounded)
        .map(|end| format!("hasta {}", rfc3339_millis(end)));
    let window = schedule.window_minutes.map(|minutes| match minutes {
        1 => "en el plazo de un minuto".to_owned(),
        minutes => format!("en el plazo de {minutes} minutos"),
    });
    [Some(when), start, end, window]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(", ")
}

fn rate(rate: Rate) -> String {
    let (number, unit) = rate.in_units();
    let (one, many) = match unit {
        "minute" | "minutes" => ("minuto", "minutos"),
        "hour" | "hours" => ("hora", "horas"),
        _ => ("día", "días"),
    };
    match number {
        1 => format!("Cada {one}"),
        number => format!("Cada {number} {many}"),
    }
}

/// First the dates, then the times of day.
fn cron(cron: &Cron) -> String {
    let clock = clock(cron);
    let times = clock.as_deref().map_or_else(|| minutes(cron), at);
    // "Cada minuto" or "en el minuto 5 de cada hora" alone already mean each day.
    let dates = if !(cron.is_daily() && cron.hours.is_full()) {
        Some(days(&cron.days, &cron.months))
    } else if cron.months.is_full() {
        None
    } else {
        Some(span(&cron.months, name_of_month))
    };
    let years = (!cron.years.is_full()).then(|| years(&cron.years));
    match (dates, years) {
        (None, None) => times,
        (Some(dates), None) if clock.is_some() => format!("{dates} {times}"),
        (Some(before), None) | (None, Some(before)) => format!("{before}, {times}"),
        (Some(dates), Some(years)) => format!("{dates}, {years}, {times}"),
    }
}

/// "a las 03:00 y 15:00": the hour after midnight and noon is the only one in the singular.
fn at(times: &[String]) -> String {
    let singular = times.first().is_some_and(|first| first.starts_with("01:"));
    let article = if singular { "a la" } else { "a las" };
    format!("{article} {}", join(times, LISTED.1))
}

/// Times of day that are too many to be told one by one.
fn minutes(cron: &Cron) -> String {
    let (minutes, hours) = (&cron.minutes, &cron.hours);
    let numbers = |set: &Set| list(set, LISTED, |number| number.to_string());
    let within = match (hours.is_full(), hours.single()) {
        (true, _) => "de cada hora".to_owned(),
        (false, Some(hour)) => format!("de la hora {hour}"),
        (false, None) => format!("de las horas {}", numbers(hours)),
    };
    match even_step(minutes) {
        _ if minutes.is_full() && hours.is_full() => "cada minuto".to_owned(),
        _ if minutes.is_full() => format!("cada minuto {within}"),
        Some(step) if hours.is_full() => format!("cada {step} minutos"),
        Some(step) => format!("cada {step} minutos {within}"),
        None if minutes.single().is_some() => format!("en el minuto {minutes} {within}"),
        None => format!("en los minutos {} {within}", numbers(minutes)),
    }
}

fn days(days: &Days, months: &Set) -> String {
    let in_months = (!months.is_full()).then(|| format!(" de {}", list(months, LISTED, name_of_month)));
    let of = in_months.as_deref().unwrap_or_default();
    let of_each = in_months.as_deref().unwrap_or(" de cada mes");
    match days {
        Days::OfMonth(set) if set.is_full() => format!("todos los días{of}"),
        Days::OfMonth(set) if set.single().is_some() => format!("el día {set}{of_each}"),
        Days::OfMonth(set) => format!("los días {}{of_each}", list(set, LISTED, |day| day.to_string())),
        Days::Last => format!("el último día{of_each}"),
        Days::LastWeekday => format!("el último día de semana (lunes a viernes){of_each}"),
        Days::NearestWeekday(day) => format!("el día de semana (lunes a viernes) más cercano al {day}{of_each}"),
        Days::OfWeek(set) => match (set.single(), set.runs().as_slice()) {
            (Some(day), _) => format!("todos los {}{of}", name(&EACH_WEEKDAY, day)),
            (None, [(first, last)]) if last - first > 1 => {
                format!("de {} a {}{of}", name_of_day(*first), name_of_day(*last))
            }
            (None, _) => {
                let each: Vec<String> = set.iter().map(|day| name(&EACH_WEEKDAY, day)).collect();
                format!("los {}{of}", join(&each, LISTED.1))
            }
        },
        Days::LastOfWeek(day) => format!("el último {}{of_each}", name_of_day(*day)),
        Days::NthOfWeek(day, nth) => format!("el {} {}{of_each}", name(&ORDINALS, *nth), name_of_day(*day)),
    }
}

fn years(set: &Set) -> String {
    match set.progression() {
        Some((first, last, step)) => format!("cada {step} años de {first} a {last}"),
        None => span(set, |year| year.to_string()),
    }
}

/// "de a a b" for a single range, "en a, b y c" for all else.
fn span(set: &Set, word: impl Fn(u16) -> String) -> String {
    let preposition = match set.runs().as_slice() {
        [(first, last)] if last - first > 1 => "de",
        _ => "en",
    };
    format!("{preposition} {}", list(set, LISTED, word))
}

fn name_of_month(month: u16) -> String {
    name(&MONTHS, month)
}

fn name_of_day(day: u16) -> String {
    name(&WEEKDAYS, day)
}

fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(char::to_uppercase);
    first.into_iter().flatten().chain(characters).collect()
}
