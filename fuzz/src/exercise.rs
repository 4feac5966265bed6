//! Does everything with a schedule that users can make happen, and checks what must hold for every input.
//!
//! Invariant: one function, driven by libFuzzer (`cargo xtask fuzz`) and by the tests of the crate `kairos` alike.

use kairos::error::UserError;
use kairos::expression::Expression;
use kairos::instant::Timestamp;
use kairos::schedule::{Language, Schedule};

/// Takes an input by lines: expression, zone, window, start, end, and the seconds of an instant and of a creation. What is
/// missing is left out of the schedule, or zero.
///
/// # Panics
/// A promise of the schedule language does not hold, which is what a fuzzer is to find.
pub(crate) fn exercise(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let mut lines = text.split('\n');
    let expression = lines.next().unwrap_or_default();
    let zone = lines.next().filter(|zone| !zone.is_empty());
    let window = lines.next().and_then(|window| window.parse().ok());
    let start = lines.next().filter(|start| !start.is_empty());
    let end = lines.next().filter(|end| !end.is_empty());
    let mut instant = || {
        let seconds = lines.next().and_then(|seconds| seconds.parse::<i64>().ok());
        Timestamp::from_second(seconds.unwrap_or_default()).unwrap_or(Timestamp::MAX)
    };
    let (now, created) = (instant(), instant());

    match Expression::parse(expression) {
        Ok(read) => is_canonical(&read),
        Err(error) => points_into_its_value(&error),
    }
    match Schedule::parse(expression, zone, window, start, end) {
        Ok(schedule) => {
            is_told_in_words(&schedule);
            searches_agree(&schedule, now, created);
            keeps_its_id(&schedule, zone, window, start, end);
        }
        Err(errors) => {
            assert!(!errors.is_empty(), "refused without a reason");
            errors.iter().for_each(points_into_its_value);
        }
    }
}

/// Printed, it fits into the scheduler, and read again it is the same.
fn is_canonical(expression: &Expression) {
    let printed = expression.to_string();
    assert!(printed.len() <= 256, "{printed} does not fit into the scheduler");
    assert_eq!(
        Expression::parse(&printed).as_ref(),
        Ok(expression),
        "{printed} is not read as it was printed"
    );
}

/// The place of an error is a part of the value, and its carets stand under it.
fn points_into_its_value(error: &UserError) {
    assert!(!error.to_string().contains('\n'), "a message of more than one line");
    if let Some(place) = error.position.clone() {
        let fragment = error.value.get(place);
        assert!(fragment.is_some(), "{error} points beside its value");
        let carets = error.caret().unwrap_or_default();
        let under = carets
            .matches('^')
            .count()
            .saturating_sub(error.value.matches('^').count());
        assert_eq!(
            under,
            fragment.map_or(1, |part| part.chars().count().max(1)),
            "{carets}"
        );
    }
}

fn is_told_in_words(schedule: &Schedule) {
    assert!(schedule.describe().chars().count() <= 512);
    for language in [Language::English, Language::Spanish] {
        assert!(!schedule.describe_in(language).is_empty());
    }
}

/// Next and previous occurrence agree around an instant, and nothing lies between them.
fn searches_agree(schedule: &Schedule, now: Timestamp, created: Timestamp) {
    let just_before = |instant: Timestamp| {
        instant
            .as_nanosecond()
            .checked_sub(1)
            .and_then(|it| Timestamp::from_nanosecond(it).ok())
    };
    let (next, latest) = (
        schedule.next_after(now, created),
        schedule.latest_at_or_before(now, created),
    );
    if let Some(next) = next {
        assert!(next > now);
        assert_eq!(schedule.latest_at_or_before(next, created), Some(next));
        let before = just_before(next).and_then(|before| schedule.latest_at_or_before(before, created));
        assert_eq!(before, latest, "something lies between the latest and the next");
    }
    if let Some(latest) = latest {
        assert!(latest <= now);
        assert_eq!(
            schedule.next_after(latest, created),
            next,
            "something lies between the latest and the next"
        );
        if let Some(before) = just_before(latest) {
            assert_eq!(schedule.next_after(before, created), Some(latest));
        }
    }
    assert!(next.is_none() || schedule.check_future(now).is_ok() || now != created);
}

/// The canonical form makes the same calendarización.
fn keeps_its_id(schedule: &Schedule, zone: Option<&str>, window: Option<i64>, start: Option<&str>, end: Option<&str>) {
    let again = Schedule::parse(&schedule.expression.to_string(), zone, window, start, end);
    assert_eq!(again.map(|again| again.id()), Ok(schedule.id()));
}
