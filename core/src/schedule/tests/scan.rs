//! Next and previous occurrence against a scan of every minute, against each other, and over any instant.

use super::*;
use crate::expression::tests::properties::{any_cron, config};
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
    #![proptest_config(config(24))]

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
    #![proptest_config(config(300))]

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

    /// Bounds only cut: within them nothing is lost, moved or added.
    #[test]
    fn bounds_cut_and_do_nothing_else(
        cron in any_cron(),
        seconds in 1_700_000_000_i64..2_000_000_000,
        start in prop::option::of(-40_000_000_i64..40_000_000),
        length in prop::option::of(1_i64..40_000_000),
    ) {
        let Ok(whole) = Schedule::parse(&cron, Some("America/Santiago"), None, None, None) else { return Ok(()) };
        let second = |second| Timestamp::from_second(second).unwrap();
        let from = seconds + start.unwrap_or(0);
        let bounded = Schedule {
            start: start.map(|_| second(from)),
            end: length.map(|length| second(from + length)),
            ..whole.clone()
        };
        let (instant, created) = (second(seconds), Timestamp::MIN);
        let (first, last) = (bounded.start.unwrap_or(Timestamp::MIN), bounded.end.unwrap_or(Timestamp::MAX));
        let before_first = first.checked_sub(1.nanosecond()).unwrap_or(first);
        let next = whole.next_after(instant.max(before_first), created).filter(|next| *next <= last);
        let latest = whole.latest_at_or_before(instant.min(last), created).filter(|latest| *latest >= first);
        prop_assert_eq!(bounded.next_after(instant, created), next);
        prop_assert_eq!(bounded.latest_at_or_before(instant, created), latest);
    }

    /// A rate fires at its base and each period after it, to its end, and its two searches agree.
    #[test]
    fn a_rate_is_its_base_and_whole_periods(
        number in 2..5000_u32,
        unit in 0..3_usize,
        created in 1_700_000_000_i64..2_000_000_000,
        start in prop::option::of(-40_000_000_i64..40_000_000),
        ahead in -100_000_000_i64..400_000_000,
    ) {
        let (unit, minutes) = [("minutes", 1), ("hours", 60), ("days", 1440)][unit];
        let second = |second| Timestamp::from_second(second).unwrap();
        let whole = Schedule::parse(&format!("rate({number} {unit})"), Some("Europe/Berlin"), None, None, None).unwrap();
        let rate = Schedule { start: start.map(|start| second(created + start)), ..whole };
        let base = created + start.unwrap_or(0).max(0);
        let period = i64::from(number) * minutes * 60;
        let instant = base + ahead;
        let elapsed = (instant - base).div_euclid(period);
        let (created, instant) = (second(created), second(instant));
        let latest = (elapsed >= 0).then(|| second(base + elapsed * period));
        let next = second(base + (elapsed + 1).max(0) * period);
        prop_assert_eq!(rate.latest_at_or_before(instant, created), latest);
        prop_assert_eq!(rate.next_after(instant, created), Some(next));
        let ended = Schedule { end: Some(next - SignedDuration::from_millis(1)), ..rate };
        prop_assert_eq!(ended.next_after(instant, created), None);
        prop_assert_eq!(ended.latest_at_or_before(Timestamp::MAX, created), latest);
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
