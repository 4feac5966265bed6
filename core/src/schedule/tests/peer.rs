//! Next and previous occurrence against croner, a cron library of others, where both mean the same; and where they do not,
//! what each does.

use super::*;
use crate::expression::tests::properties::{any_cron, config};
use croner::parser::{CronParser, Seconds, Year};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Zoned};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use std::cell::Cell;

/// The expression in croner's dialect that is nearest to the scheduler's: seconds first, 1 is Sunday, `a/b` accepted.
fn croner(text: &str) -> Result<croner::Cron, croner::errors::CronError> {
    let parser = CronParser::builder()
        .seconds(Seconds::Required)
        .year(Year::Required)
        .alternative_weekdays(true)
        .sloppy_ranges(true);
    parser.build().parse(&format!("0 {text}"))
}

/// What croner refuses of what we accept: ranges that wrap around.
fn wraps(text: &str) -> bool {
    text.split([' ', ',']).any(|entry| {
        let range = entry.split('/').next().and_then(|base| base.split_once('-'));
        range.is_some_and(|(first, last)| first.parse::<u16>().unwrap() > last.parse::<u16>().unwrap())
    })
}

/// Whether clocks change within two days of an instant: there the two differ by decision.
fn clocks_change(zone: &TimeZone, instant: Timestamp) -> bool {
    let from = instant - SignedDuration::from_hours(48);
    let next = zone.following(from).next();
    next.is_some_and(|transition| transition.timestamp() < instant + SignedDuration::from_hours(48))
}

#[test]
fn both_find_the_same_occurrences() {
    let (compared, refused) = (Cell::new(0_u32), Cell::new(0_u32));
    let zones = vec!["UTC", "America/Santiago", "Europe/Berlin", "Asia/Kathmandu"];
    let input = (
        any_cron(),
        prop::collection::vec(1_600_000_000_i64..2_000_000_000, 4),
        prop::sample::select(zones),
    );
    let outcome = TestRunner::new(config(1000)).run(&input, |(cron, seconds, zone)| {
        let Ok(ours) = Schedule::parse(&cron, Some(zone), None, None, None) else {
            return Ok(());
        };
        let Ok(peer) = croner(&cron) else {
            refused.set(refused.get() + 1);
            prop_assert!(wraps(&cron), "croner refuses {}", cron);
            return Ok(());
        };
        // Its steps of all years count from the year 1; a bare L in the days of the week is nothing to it.
        let (in_week, years) = cron.rsplit_once(' ').unwrap();
        if years.contains("*/") || in_week.ends_with(" L") {
            return Ok(());
        }
        let rules = ours.zone.rules().clone();
        let within = |found: Result<Zoned, _>| {
            let found = found.ok().map(|found| found.timestamp());
            found.filter(|found| (1970..2200).contains(&ours.zone.local(*found).year()))
        };
        let near = |found: Option<Timestamp>| found.is_some_and(|found| clocks_change(&rules, found));
        for second in seconds {
            let instant = Timestamp::from_second(second).unwrap();
            let from = instant.to_zoned(rules.clone());
            let next = ours.next_after(instant, Timestamp::MIN);
            let latest = ours.latest_at_or_before(instant, Timestamp::MIN);
            // Where there is nothing, croner searches thousands of years for it.
            if near(Some(instant)) || near(next) || near(latest) {
                continue;
            }
            if next.is_some() {
                prop_assert_eq!(next, within(peer.find_next_occurrence(&from, false)), "after {}", from);
                compared.set(compared.get() + 1);
            }
            if latest.is_some() {
                prop_assert_eq!(
                    latest,
                    within(peer.find_previous_occurrence(&from, true)),
                    "before {}",
                    from
                );
                compared.set(compared.get() + 1);
            }
        }
        Ok(())
    });
    outcome.unwrap();
    eprintln!(
        "{} searches compared, {} expressions that croner refuses",
        compared.get(),
        refused.get()
    );
    assert!(compared.get() > 4 * refused.get() && compared.get() > 1000);
}

/// Accepted by croner, with another meaning than the scheduler's or none; refused by us.
#[test]
fn what_the_scheduler_refuses_is_refused_though_a_library_takes_it() {
    for text in [
        "0 3 * * * *",
        "0 3 1 * MON *",
        "0 3 ? * ? *",
        "0 0 30 2 ? *",
        "0/90 3 * * ? *",
        "0 3 1,15W * ? *",
        "0 3 ? * 2#1,6#3 *",
        "1,,2 3 * * ? *",
        "0 3 * * ? 1969",
    ] {
        assert!(croner(text).is_ok(), "croner refuses {text}");
        assert!(Expression::parse(text).is_err(), "{text}");
    }
    for text in ["0 0 ? * FRI-MON *", "0 22-4 * * ? *"] {
        assert!(croner(text).is_err(), "croner accepts {text}");
        assert!(Expression::parse(text).is_ok(), "{text}");
    }
}

/// What is skipped in spring is made up for by croner, as Unix does; what is repeated in autumn is repeated by it where
/// the hour is a wildcard. The scheduler does neither.
#[test]
fn clocks_that_change_and_days_without_a_number_are_ours_to_decide() {
    let berlin = Zone::parse("Europe/Berlin").unwrap();
    let next = |text: &str, from: &str| {
        let ours = schedule(text, "Europe/Berlin")
            .next_after(at(from), Timestamp::MIN)
            .unwrap();
        let from = at(from).to_zoned(berlin.rules().clone());
        let theirs = croner(text).unwrap().find_next_occurrence(&from, false).unwrap();
        [ours, theirs.timestamp()].map(|found| found.to_string())
    };
    assert_eq!(
        next("30 2 * * ? *", "2026-03-28T12:00:00Z"),
        ["2026-03-30T00:30:00Z", "2026-03-29T01:00:00Z"]
    );
    assert_eq!(
        next("0/30 * * * ? *", "2026-10-25T00:30:00Z"),
        ["2026-10-25T02:00:00Z", "2026-10-25T01:00:00Z"]
    );
    // A bare L in the days of the week is Saturday to the scheduler, and no day to croner.
    let friday = at("2026-01-02T00:00:00Z").to_zoned(TimeZone::UTC);
    assert!(
        croner("0 0 ? * L *")
            .unwrap()
            .find_next_occurrence(&friday, false)
            .is_err()
    );
    assert_eq!(
        schedule("0 0 ? * L *", "UTC").next_after(friday.timestamp(), Timestamp::MIN),
        Some(at("2026-01-03T00:00:00Z"))
    );
    assert_eq!(
        next("30 2 * * ? *", "2026-10-25T00:30:00Z"),
        ["2026-10-26T01:30:00Z", "2026-10-26T01:30:00Z"]
    );
}
