//! Ten years of occurrences: of an expression, of all ways to write it, and of a plain second reading of its text.

use super::*;
use crate::error::CronField;
use crate::expression::tests::properties::{any_cron, config};
use crate::expression::tests::reference::Literal;
use jiff::civil::{Date, DateTime, date};
use jiff::tz::{AmbiguousOffset, TimeZoneDatabase};
use jiff::{SignedDuration, ToSpan};
use proptest::prelude::*;

const FIRST: Date = date(2023, 1, 1);
const BEHIND: Date = date(2033, 1, 1);

fn midnight(day: Date) -> Timestamp {
    day.to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp()
}

/// The days of the ten years on which a schedule in UTC fires, by stepping from the next occurrence to the next day.
fn days(schedule: &Schedule) -> Vec<Date> {
    let mut days = Vec::new();
    let mut from = midnight(FIRST) - SignedDuration::from_nanos(1);
    while let Some(next) = schedule
        .next_after(from, Timestamp::MIN)
        .filter(|next| *next < midnight(BEHIND))
    {
        let day = schedule.zone.local(next).date();
        days.push(day);
        from = midnight(day.tomorrow().unwrap()) - SignedDuration::from_nanos(1);
    }
    days
}

/// The same days, backwards from the last.
fn days_back(schedule: &Schedule) -> Vec<Date> {
    let mut days = Vec::new();
    let mut until = midnight(BEHIND) - SignedDuration::from_nanos(1);
    while let Some(latest) = schedule
        .latest_at_or_before(until, Timestamp::MIN)
        .filter(|latest| *latest >= midnight(FIRST))
    {
        let day = schedule.zone.local(latest).date();
        days.push(day);
        until = midnight(day) - SignedDuration::from_nanos(1);
    }
    days.reverse();
    days
}

/// The times of a day, one by one.
fn times(schedule: &Schedule, day: Date) -> Vec<(i8, i8)> {
    let first = midnight(day) - SignedDuration::from_nanos(1);
    let all = std::iter::successors(schedule.next_after(first, Timestamp::MIN), |found| {
        schedule.next_after(*found, Timestamp::MIN)
    });
    all.map(|found| schedule.zone.local(found))
        .take_while(|time| time.date() == day)
        .map(|time| (time.hour(), time.minute()))
        .collect()
}

/// Another way to write an expression: values one by one, in any order, some twice, with zeros before them and by name;
/// a field that takes all as `*` or in steps of one; days of every week as days of every month.
fn respelled(text: &str, seed: u64) -> String {
    let mut random = Random(seed);
    let [minutes, hours, in_month, month, in_week, year]: [&str; 6] =
        text.split_whitespace().collect::<Vec<_>>().try_into().unwrap();
    let special = |text: &str| text.contains(['?', 'L', 'W', '#']);
    let mut respell = |part, text: &str| {
        if special(text) {
            return text.to_lowercase();
        }
        let mut values = Literal::values(part, text);
        if values.len() == usize::from(part.max() - part.min()) + 1 {
            return [
                "*".to_owned(),
                format!("{}/1", part.min()),
                format!("{}-{}", part.min(), part.max()),
            ][random.below(3)]
            .clone();
        }
        values.push(values[random.below(values.len())]);
        for last in (1..values.len()).rev() {
            values.swap(last, random.below(last + 1));
        }
        let words = values.iter().map(|value| match (part, random.below(3)) {
            (CronField::Month, 0) => jiff::civil::date(2026, i8::try_from(*value).unwrap(), 1)
                .strftime("%b")
                .to_string(),
            (CronField::DayOfWeek, 0) => {
                // 1 March 2026 is a Sunday.
                jiff::civil::date(2026, 3, i8::try_from(*value).unwrap())
                    .strftime("%a")
                    .to_string()
                    .to_uppercase()
            }
            (_, 1) => format!("{value:02}"),
            _ => value.to_string(),
        });
        words.collect::<Vec<_>>().join(",")
    };
    let (minutes, hours) = (respell(CronField::Minutes, minutes), respell(CronField::Hours, hours));
    let mut days = (
        respell(CronField::DayOfMonth, in_month),
        respell(CronField::DayOfWeek, in_week),
    );
    let (month, year) = (respell(CronField::Month, month), respell(CronField::Year, year));
    match (days.0.as_str(), days.1.as_str()) {
        ("*", "?") => days = ("?".to_owned(), "*".to_owned()),
        ("?", "*") => days = ("*".to_owned(), "?".to_owned()),
        _ => {}
    }
    format!("CRON( {minutes}  {hours} {} {month}\t{} {year} )", days.0, days.1)
}

/// A small generator of random numbers (SplitMix64), so that one seed is one text.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ (mixed >> 31)) % u64::try_from(limit).unwrap()).unwrap()
    }
}

proptest! {
    #![proptest_config(config(60))]

    #[test]
    fn equal_forms_have_equal_occurrences_over_ten_years(cron in any_cron(), seed: u64) {
        let Ok(one) = Schedule::parse(&cron, None, None, None, None) else { return Ok(()) };
        let other = respelled(&cron, seed);
        let same = Schedule::parse(&other, None, None, None, None).map_err(|errors| TestCaseError::fail(format!("{other}: {errors:?}")))?;
        prop_assert_eq!(one.expression.to_string(), same.expression.to_string(), "{}", other);
        prop_assert_eq!(one.id(), same.id());

        let inner = other.trim_start_matches("CRON(").trim_end_matches(')');
        let (first, second) = (Literal::of(&cron), Literal::of(inner));
        let all = FIRST.series(1.day()).take_while(|day| *day < BEHIND);
        let expected: Vec<Date> = all.filter(|day| first.fires_on(*day)).collect();
        let all = FIRST.series(1.day()).take_while(|day| *day < BEHIND);
        prop_assert_eq!(&expected, &all.filter(|day| second.fires_on(*day)).collect::<Vec<_>>(), "{}", other);
        prop_assert_eq!(&first.times(), &second.times(), "{}", other);

        prop_assert_eq!(&days(&one), &expected);
        prop_assert_eq!(&days_back(&same), &expected);
        for day in [expected.first(), expected.last()].into_iter().flatten() {
            prop_assert_eq!(&times(&one, *day), &first.times());
        }
    }
}

proptest! {
    #![proptest_config(config(12))]

    /// Every single occurrence of ten years in a zone: those local times of the second reading that clocks show, the first
    /// time that they show them.
    #[test]
    fn ten_years_in_a_zone_are_the_local_times_that_clocks_show(
        cron in any_cron(),
        minute in 0..60_u16,
        hours in prop::collection::btree_set(0..5_u16, 1..3),
        zone in prop::sample::select(vec!["America/Santiago", "Europe/Berlin", "Australia/Lord_Howe", "America/St_Johns"]),
    ) {
        let hours = hours.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        let (_, rest) = cron.split_once(' ').unwrap();
        let (_, dates) = rest.split_once(' ').unwrap();
        let cron = format!("{minute} {hours} {dates}");
        let Ok(schedule) = Schedule::parse(&cron, Some(zone), None, None, None) else { return Ok(()) };
        let rules = TimeZoneDatabase::bundled().get(zone).unwrap();
        let instant = |time: DateTime| {
            let ambiguous = rules.to_ambiguous_timestamp(time);
            let skipped = matches!(ambiguous.offset(), AmbiguousOffset::Gap { .. });
            (!skipped).then(|| ambiguous.earlier().unwrap())
        };
        let literal = Literal::of(&cron);
        let times = literal.times();
        let all = FIRST.series(1.day()).take_while(|day| *day < BEHIND).filter(|day| literal.fires_on(*day));
        let expected: Vec<Timestamp> = all
            .flat_map(|day| times.iter().map(move |(hour, minute)| day.at(*hour, *minute, 0, 0)))
            .filter_map(instant)
            .collect();
        let start = FIRST.to_zoned(rules.clone()).unwrap().timestamp() - SignedDuration::from_nanos(1);
        let found: Vec<Timestamp> = std::iter::successors(schedule.next_after(start, Timestamp::MIN), |found| {
            schedule.next_after(*found, Timestamp::MIN)
        })
        .take_while(|found| schedule.zone.local(*found).date() < BEHIND)
        .collect();
        prop_assert_eq!(&found, &expected);
        for pair in expected.windows(2) {
            prop_assert_eq!(schedule.latest_at_or_before(pair[1] - SignedDuration::from_nanos(1), Timestamp::MIN), Some(pair[0]));
        }
    }
}
