//! Next and previous occurrence against a scan of every minute, against each other, and over any instant.

use super::*;
use crate::expression::tests::properties::any_cron;
use jiff::civil::DateTime;
use jiff::{SignedDuration, ToSpan};
use proptest::prelude::*;

/// Whether a cron fires at a minute, decided from that minute alone.
fn fires(schedule: &Schedule, instant: Timestamp) -> bool {
    let Expression::Cron(cron) = &schedule.expression else {
        return false;
    };
    let time: DateTime = schedule.zone.local(instant);
    if time.second() != 0 || cron.at_or_after(time) != Some(time) {
        return false;
    }
    // Where the same local time was shown before, the second showing does not count.
    !(1..=180).any(|ago| schedule.zone.local(instant - SignedDuration::from_mins(ago)) == time)
}

/// Compares both searches with a scan of every minute between two instants.
fn scan(schedule: &Schedule, from: &str, until: &str) {
    let (mut minute, until, created) = (at(from), at(until), Timestamp::MIN);
    let mut latest = schedule.latest_at_or_before(minute, created);
    let mut next = schedule.next_after(minute, created);
    while minute < until {
        minute += SignedDuration::from_mins(1);
        if fires(schedule, minute) {
            assert_eq!(next, Some(minute), "{schedule:?}");
            latest = Some(minute);
            next = schedule.next_after(minute, created);
        }
        assert!(
            next.is_none_or(|next| next > minute),
            "{schedule:?} does not fire at {next:?}"
        );
        assert_eq!(
            schedule.latest_at_or_before(minute, created),
            latest,
            "{schedule:?} at {minute}"
        );
    }
}

#[test]
fn both_searches_agree_with_a_scan_of_every_minute_while_clocks_change() {
    for (zone, from, until) in [
        ("America/Santiago", "2026-04-04T12:00:00Z", "2026-04-05T12:00:00Z"),
        ("America/Santiago", "2026-09-05T12:00:00Z", "2026-09-06T12:00:00Z"),
        ("Europe/Berlin", "2026-03-28T20:00:00Z", "2026-03-29T06:00:00Z"),
        ("Europe/Berlin", "2026-10-24T20:00:00Z", "2026-10-25T06:00:00Z"),
        ("Australia/Lord_Howe", "2026-04-04T10:00:00Z", "2026-04-04T20:00:00Z"),
        ("Australia/Lord_Howe", "2026-10-03T10:00:00Z", "2026-10-03T20:00:00Z"),
        ("Asia/Kathmandu", "2026-02-28T10:00:00Z", "2026-03-01T10:00:00Z"),
        ("America/St_Johns", "2026-10-31T12:00:00Z", "2026-11-01T12:00:00Z"),
    ] {
        for cron in [
            "* * * * ? *",
            "0/7 * * * ? *",
            "0 0/2 * * ? *",
            "15,45 0-3,23 * * ? *",
            "0 3 ? * SUN *",
            "30 23 L * ? *",
        ] {
            scan(&schedule(cron, zone), from, until);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn both_searches_agree_with_a_scan(cron in any_cron(), week in 0..8_usize) {
        let (zone, from, until) = [
            ("America/Santiago", "2026-04-03T12:00:00Z", "2026-04-05T12:00:00Z"),
            ("America/Santiago", "2026-09-04T12:00:00Z", "2026-09-06T12:00:00Z"),
            ("Europe/Berlin", "2026-03-27T20:00:00Z", "2026-03-29T06:00:00Z"),
            ("Europe/Berlin", "2026-10-23T20:00:00Z", "2026-10-25T06:00:00Z"),
            ("Australia/Lord_Howe", "2026-04-03T10:00:00Z", "2026-04-04T20:00:00Z"),
            ("Australia/Lord_Howe", "2026-10-02T10:00:00Z", "2026-10-03T20:00:00Z"),
            ("UTC", "2028-02-27T00:00:00Z", "2028-03-01T12:00:00Z"),
            ("Pacific/Apia", "2026-12-30T00:00:00Z", "2027-01-01T12:00:00Z"),
        ][week];
        if let Ok(schedule) = Schedule::parse(&cron, Some(zone), None, None, None) {
            scan(&schedule, from, until);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn next_and_latest_agree(
        cron in any_cron(),
        seconds in 1_700_000_000_i64..2_000_000_000,
        zone in prop::sample::select(vec!["UTC", "America/Santiago", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kolkata"]),
    ) {
        let Ok(schedule) = Schedule::parse(&cron, Some(zone), None, None, None) else { return Ok(()) };
        let (instant, created) = (Timestamp::from_second(seconds).unwrap(), Timestamp::MIN);
        if let Some(next) = schedule.next_after(instant, created) {
            prop_assert!(next > instant);
            prop_assert_eq!(schedule.latest_at_or_before(next, created), Some(next));
            prop_assert_eq!(schedule.latest_at_or_before(next - 1.nanosecond(), created), schedule.latest_at_or_before(instant, created));
        }
        if let Some(latest) = schedule.latest_at_or_before(instant, created) {
            prop_assert!(latest <= instant);
            prop_assert_eq!(schedule.next_after(latest - 1.nanosecond(), created), Some(latest));
            prop_assert_eq!(schedule.next_after(latest, created), schedule.next_after(instant, created));
        }
    }

    #[test]
    fn equal_forms_fire_alike_over_ten_years(
        cron in any_cron(),
        seconds in prop::collection::vec(1_767_225_600_i64..2_082_758_400, 20),
    ) {
        let Ok(one) = Schedule::parse(&cron, Some("America/Santiago"), None, None, None) else { return Ok(()) };
        let other = schedule(&one.expression.to_string(), "america/santiago");
        prop_assert_eq!(one.id(), other.id());
        for instant in seconds.into_iter().map(|second| Timestamp::from_second(second).unwrap()) {
            prop_assert_eq!(one.next_after(instant, Timestamp::MIN), other.next_after(instant, Timestamp::MIN));
        }
    }

    #[test]
    fn no_text_panics(cron in ".{0,60}", zone in ".{0,30}", window: i64, start in ".{0,40}", end in ".{0,40}") {
        let _ = Schedule::parse(&cron, Some(&zone), Some(window), Some(&start), Some(&end)).map_err(|errors| errors.len());
        let _ = Schedule::parse("rate(1 day)", Some(&zone), None, None, None);
    }

    #[test]
    fn no_instant_panics(cron in any_cron(), from in any::<i64>(), base in any::<i64>()) {
        let clamp = |second: i64| Timestamp::from_second(second % Timestamp::MAX.as_second()).unwrap();
        for text in [cron.as_str(), "rate(7 minutes)", "rate(4294967295 minutes)", "at(9999-12-31T23:59:59)"] {
            if let Ok(schedule) = Schedule::parse(text, Some("America/Santiago"), None, None, None) {
                let _ = (schedule.next_after(clamp(from), clamp(base)), schedule.latest_at_or_before(clamp(from), clamp(base)));
            }
        }
    }
}
