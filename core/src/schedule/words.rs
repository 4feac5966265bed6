//! What descriptions in all languages have in common: which languages there are, and how values become lists of words.

use crate::expression::{Cron, Set};

/// A language in which a schedule can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Language {
    /// As people see it who look at a schedule in AWS.
    English,
    /// As the API's users see it.
    Spanish,
}

/// As many times of day as are told one by one.
const MAX_TIMES: usize = 6;

/// The times of day in order, where they are few enough to be told one by one.
pub(super) fn clock(cron: &Cron) -> Option<Vec<String>> {
    let hours = cron.hours.iter();
    let times: Vec<String> = hours
        .flat_map(|hour| cron.minutes.iter().map(move |minute| format!("{hour:02}:{minute:02}")))
        .take(MAX_TIMES + 1)
        .collect();
    (times.len() <= MAX_TIMES).then_some(times)
}

/// The step of minutes that go on evenly into the next hour.
pub(super) fn even_step(minutes: &Set) -> Option<u16> {
    let (first, last, step) = minutes.progression()?;
    (first == 0 && last + step == 60).then_some(step)
}

/// Values in words, three and more consecutive ones as "a to b".
pub(super) fn list(set: &Set, (to, and): (&str, &str), word: impl Fn(u16) -> String) -> String {
    let mut words = Vec::new();
    for (first, last) in set.runs() {
        match last - first {
            0 => words.push(word(first)),
            1 => words.extend([word(first), word(last)]),
            _ => words.push(format!("{} {to} {}", word(first), word(last))),
        }
    }
    join(&words, and)
}

/// "a", "a and b", "a, b and c".
pub(super) fn join(words: &[String], and: &str) -> String {
    match words {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} {and} {last}", first.join(", ")),
    }
}

/// The name of a number that counts from 1.
pub(super) fn name(names: &[&str], number: u16) -> String {
    let index = usize::from(number).checked_sub(1);
    index
        .and_then(|index| names.get(index))
        .map_or_else(|| number.to_string(), ToString::to_string)
}
