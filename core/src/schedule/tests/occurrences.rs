//! Next and previous occurrence: clock changes, sparse expressions, rates, bounds, one-time schedules.

use super::*;
use jiff::ToSpan;

/// The occurrences after `from`, as many as are expected, and back again.
#[track_caller]
fn check(schedule: &Schedule, from: &str, expected: &[&str]) {
    let created = at("2026-01-01T00:00:30Z");
    let mut now = at(from);
    let mut found = Vec::new();
    while let Some(next) = schedule
        .next_after(now, created)
        .filter(|_| found.len() < expected.len())
    {
        assert_eq!(schedule.latest_at_or_before(next, created), Some(next));
        now = next;
        found.push(next);
    }
    let expected: Vec<_> = expected.iter().map(|text| at(text)).collect();
    assert_eq!(found, expected);
    for pair in found.windows(2) {
        assert_eq!(
            schedule.latest_at_or_before(pair[1] - 1.nanosecond(), created),
            Some(pair[0])
        );
    }
}

#[test]
fn a_time_that_clocks_skip_does_not_fire() {
    // Berlin skips 02:00 to 03:00 on 29 March 2026.
    check(
        &schedule("30 2 * 3 ? *", "Europe/Berlin"),
        "2026-03-28T00:00:00Z",
        &["2026-03-28T01:30:00Z", "2026-03-30T00:30:00Z"],
    );
    check(
        &schedule("0/30 * 29 3 ? *", "Europe/Berlin"),
        "2026-03-29T00:20:00Z",
        &["2026-03-29T00:30:00Z", "2026-03-29T01:00:00Z"],
    );
    // Santiago skips 00:00 to 01:00 on 6 September 2026.
    check(
        &schedule("0 0 * * ? *", "America/Santiago"),
        "2026-09-05T00:00:00Z",
        &["2026-09-05T04:00:00Z", "2026-09-07T03:00:00Z"],
    );
    // Lord Howe skips half an hour: 02:00 to 02:30 on 4 October 2026.
    check(
        &schedule("0,29,30 2 * * ? *", "Australia/Lord_Howe"),
        "2026-10-03T13:00:00Z",
        &["2026-10-03T15:30:00Z", "2026-10-04T15:00:00Z"],
    );
    // Samoa skipped a whole day: 30 December 2011.
    check(
        &schedule("0 12 * * ? *", "Pacific/Apia"),
        "2011-12-29T12:00:00Z",
        &["2011-12-29T22:00:00Z", "2011-12-30T22:00:00Z"],
    );
}

#[test]
fn a_time_that_clocks_repeat_fires_once_the_first_time() {
    // Berlin repeats 02:00 to 03:00 on 25 October 2026.
    check(
        &schedule("30 2 * * ? *", "Europe/Berlin"),
        "2026-10-24T12:00:00Z",
        &["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"],
    );
    check(
        &schedule("0/20 2,3 25 10 ? *", "Europe/Berlin"),
        "2026-10-25T00:10:00Z",
        &["2026-10-25T00:20:00Z", "2026-10-25T00:40:00Z", "2026-10-25T02:00:00Z"],
    );
    // Santiago repeats 23:00 to 24:00 on 4 April 2026.
    check(
        &schedule("0 23 * * ? *", "America/Santiago"),
        "2026-04-04T12:00:00Z",
        &["2026-04-05T02:00:00Z", "2026-04-06T03:00:00Z"],
    );
    // Asked during the second showing, the last occurrence is the latest of the first.
    let minutes = schedule("* * * * ? *", "Europe/Berlin");
    assert_eq!(
        minutes.latest_at_or_before(at("2026-10-25T01:10:00Z"), Timestamp::MIN),
        Some(at("2026-10-25T00:59:00Z"))
    );
    assert_eq!(
        minutes.next_after(at("2026-10-25T01:10:00Z"), Timestamp::MIN),
        Some(at("2026-10-25T02:00:00Z"))
    );
}

#[test]
fn expressions_that_clocks_always_skip_are_refused() {
    for cron in ["30 2 29 3 ? 2026", "at(2026-03-29T02:30:00)"] {
        let errors = Schedule::parse(cron, Some("Europe/Berlin"), None, None, None).unwrap_err();
        assert_eq!(
            errors[0].rule,
            Rule::SkippedInZone {
                zone: "Europe/Berlin".to_owned()
            }
        );
        assert!(Schedule::parse(cron, Some("Africa/Lagos"), None, None, None).is_ok());
    }
}

#[test]
fn sparse_expressions_are_found_across_years() {
    check(
        &schedule("0 0 29 2 ? *", "UTC"),
        "2096-03-01T00:00:00Z",
        &["2104-02-29T00:00:00Z"],
    );
    check(
        &schedule("0 0 ? 2 1#5 *", "UTC"),
        "2026-01-01T00:00:00Z",
        &["2032-02-29T00:00:00Z", "2060-02-29T00:00:00Z"],
    );
    check(
        &schedule("59 23 31 12 ? 2199", "UTC"),
        "1900-01-01T00:00:00Z",
        &["2199-12-31T23:59:00Z"],
    );
    check(&schedule("0 0 1 1 ? 2000", "UTC"), "2000-01-01T00:00:00Z", &[]);
    assert_eq!(
        schedule("0 0 1 1 ? 2000", "UTC").next_after(at("2000-01-01T00:00:00Z"), Timestamp::MIN),
        None
    );
    let cron = schedule("0 3 LW * ? *", "UTC");
    assert_eq!(cron.latest_at_or_before(Timestamp::MIN, Timestamp::MIN), None);
    assert_eq!(
        cron.latest_at_or_before(Timestamp::MAX, Timestamp::MIN),
        Some(at("2199-12-31T03:00:00Z"))
    );
    assert_eq!(cron.next_after(Timestamp::MAX, Timestamp::MIN), None);
    assert_eq!(
        cron.next_after(Timestamp::MIN, Timestamp::MIN),
        Some(at("1970-01-30T03:00:00Z"))
    );
}

#[test]
fn a_rate_counts_elapsed_time_from_creation_or_a_later_start() {
    let first = ["2026-01-01T00:00:30Z", "2026-01-02T12:00:30Z", "2026-01-04T00:00:30Z"];
    check(&bounded("rate(36 hours)", None, None), "2025-01-01T00:00:00Z", &first);
    check(
        &bounded("rate(36 hours)", Some("2025-06-01T00:00:00Z"), None),
        "2025-01-01T00:00:00Z",
        &first,
    );
    check(
        &bounded(
            "rate(1 day)",
            Some("2026-03-28T10:00:00Z"),
            Some("2026-03-30T10:00:00Z"),
        ),
        "2026-01-01T00:00:00Z",
        &["2026-03-28T10:00:00Z", "2026-03-29T10:00:00Z", "2026-03-30T10:00:00Z"],
    );
    // A day is 24 hours, whatever clocks do.
    let rate = schedule("rate(1 day)", "Europe/Berlin");
    let created = at("2026-03-28T12:00:00Z");
    assert_eq!(
        rate.next_after(at("2026-03-29T00:00:00Z"), created),
        Some(at("2026-03-29T12:00:00Z"))
    );
    assert_eq!(rate.latest_at_or_before(created - 1.nanosecond(), created), None);
    // As far as time goes: the greatest rate from the first instant, the least up to the last.
    let longest = bounded("rate(2982616 days)", None, None);
    assert_eq!(
        longest.next_after(at("2026-01-01T00:00:00Z"), at("2026-01-01T00:00:00Z")),
        None
    );
    let shortest = bounded("rate(1 minute)", None, None);
    assert!(shortest.latest_at_or_before(Timestamp::MAX, Timestamp::MIN).is_some());
    assert_eq!(shortest.next_after(Timestamp::MAX, Timestamp::MIN), None);
}

#[test]
fn start_and_end_are_occurrences_where_they_fit() {
    let both = bounded(
        "0 0 * * ? *",
        Some("2026-03-01T00:00:00Z"),
        Some("2026-03-03T00:00:00Z"),
    );
    let created = at("2026-01-01T00:00:00Z");
    check(
        &both,
        "2026-01-01T00:00:00Z",
        &["2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z", "2026-03-03T00:00:00Z"],
    );
    assert_eq!(both.next_after(at("2026-03-03T00:00:00Z"), created), None);
    assert_eq!(both.latest_at_or_before(at("2026-02-28T23:59:59Z"), created), None);
    assert_eq!(
        both.latest_at_or_before(at("2030-01-01T00:00:00Z"), created),
        Some(at("2026-03-03T00:00:00Z"))
    );
    let between = bounded(
        "0 0 * * ? *",
        Some("2026-03-01T00:00:00.001Z"),
        Some("2026-03-01T23:59:59Z"),
    );
    assert_eq!(between.next_after(created, created), None);
    assert_eq!(between.latest_at_or_before(at("2030-01-01T00:00:00Z"), created), None);
}

#[test]
fn what_would_never_fire_is_no_schedule_for_a_new_process() {
    let now = at("2026-03-01T10:00:00Z");
    let daily = |end| bounded("0 9 * * ? *", None, Some(end));
    let refused = |schedule: Schedule| schedule.check_future(now).unwrap_err().to_string();
    assert_eq!(
        refused(bounded("0 0 1 1 ? 2000-2026", None, None)),
        "cron \"cron(0 0 1 1 ? 2000-2026)\": never fires again: its last time was before 2026-03-01T10:00:00.000Z"
    );
    let late = "fin \"2026-03-02T08:59:59.000Z\": leaves nothing that could fire: the next time would be \
                2026-03-02T09:00:00.000Z, and now is 2026-03-01T10:00:00.000Z";
    assert_eq!(refused(daily("2026-03-02T08:59:59Z")), late);
    assert!(refused(daily("2025-01-01T00:00:00Z")).starts_with("fin \"2025-01-01T00:00:00.000Z\": leaves nothing"));
    assert!(daily("2026-03-02T09:00:00Z").check_future(now).is_ok());
    // A rate fires one period after it was created, or at its start.
    let rate = |start, end| bounded("rate(2 hours)", start, Some(end)).check_future(now);
    assert!(rate(None, "2026-03-01T11:59:59Z").is_err());
    assert!(rate(None, "2026-03-01T12:00:00Z").is_ok());
    assert!(rate(Some("2026-03-01T11:00:00Z"), "2026-03-01T11:00:01Z").is_ok());
}

#[test]
fn a_one_time_schedule_fires_once_and_ignores_its_bounds() {
    let once = bounded(
        "at(2026-03-01T10:00:30)",
        Some("2027-01-01T00:00:00Z"),
        Some("2028-01-01T00:00:00Z"),
    );
    check(&once, "2026-01-01T00:00:00Z", &["2026-03-01T10:00:30Z"]);
    let (before, time) = (at("2026-03-01T10:00:29Z"), at("2026-03-01T10:00:30Z"));
    assert_eq!(
        (once.next_after(time, before), once.latest_at_or_before(before, before)),
        (None, None)
    );
    assert_eq!(once.one_time(), Some(time));
    assert!(once.check_future(before).is_ok());
    assert_eq!(
        once.check_future(time).unwrap_err().to_string(),
        "cron \"at(2026-03-01T10:00:30)\": is in the past: it was 2026-03-01T10:00:30.000Z, and now is 2026-03-01T10:00:30.000Z"
    );
    // A repeated time is the first of the two.
    assert_eq!(
        schedule("at(2026-10-25T02:30:00)", "Europe/Berlin").one_time(),
        Some(at("2026-10-25T00:30:00Z"))
    );
}
