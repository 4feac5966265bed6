//! Schedules: ids, limits, and words.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod descriptions;
mod documented;
mod occurrences;
mod peer;
mod scan;
mod ten_years;

use super::*;

fn schedule(cron: &str, zone: &str) -> Schedule {
    Schedule::parse(cron, Some(zone), None, None, None).unwrap()
}

fn bounded(cron: &str, start: Option<&str>, end: Option<&str>) -> Schedule {
    Schedule::parse(cron, None, None, start, end).unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn ids_are_permanent() {
    for (schedule, id) in [
        (
            schedule("0 3 * * ? *", "UTC"),
            "calendarizacion-xcmnddx2ot7pcwqnpbkwnfqtyy",
        ),
        (
            schedule("cron(0 3 ? * MON-FRI *)", "america/santiago"),
            "calendarizacion-tg5hbnolpzbf7bj54rp6vyv42e",
        ),
        (
            schedule("cron(15 10 ? * FRIL 2026-2030)", "Europe/Berlin"),
            "calendarizacion-tjwj2wnrobjzzlp5dwig2hdsjq",
        ),
        (
            schedule("rate(60 minutes)", "UTC"),
            "calendarizacion-bnrnog766sjpxixylhidppcnpi",
        ),
        (
            schedule("at(2026-11-20T13:00:00)", "US/Eastern"),
            "calendarizacion-dylc7jc4n7jy2yi4e4cnpil7p4",
        ),
        (
            Schedule::parse(
                "*/15 * * * ? *",
                None,
                Some(5),
                Some("2026-01-01T00:00:00-03:00"),
                Some("2027-01-01T00:00:00.0009Z"),
            )
            .unwrap(),
            "calendarizacion-3r5psxs7mxviyfkljes3vvbwgm",
        ),
    ] {
        assert_eq!(schedule.id().as_str(), id, "{schedule:?}");
    }
}

#[test]
fn schedules_that_are_the_same_share_an_id_and_others_do_not() {
    let one = schedule("00 3 ? * 2-6 *", "america/SANTIAGO");
    assert_eq!(one.id(), schedule("0 3 ? * MON-FRI *", "America/Santiago").id());
    assert_ne!(one.id(), schedule("0 3 ? * MON-FRI *", "America/Punta_Arenas").id());
    // A link keeps its name.
    assert_ne!(
        schedule("rate(1 day)", "US/Eastern").id(),
        schedule("rate(1 day)", "America/New_York").id()
    );
    assert_ne!(
        one.id(),
        Schedule {
            window_minutes: Some(1),
            ..one.clone()
        }
        .id()
    );
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let errors = Schedule::parse(
        "0 60 * * ? *",
        Some("Mars"),
        Some(0),
        Some("tomorrow"),
        Some("2026-01-01"),
    )
    .unwrap_err();
    let told: Vec<_> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "cron \"0 60 * * ? *\", character 3 (\"60\"): hours must be between 0 and 23",
            "zona_horaria \"Mars\": is not a time zone of the IANA database, such as America/Santiago or UTC",
            "ventana_flexible_minutos \"0\": must be between 1 and 1440",
            "inicio \"tomorrow\": must be a date and time with an offset (RFC 3339), such as 2026-03-01T00:00:00Z",
            "fin \"2026-01-01\": must be a date and time with an offset (RFC 3339), such as 2026-03-01T00:00:00Z",
        ]
    );
}

#[test]
fn limits_of_window_and_bounds() {
    let window = |minutes| Schedule::parse("rate(1 day)", None, Some(minutes), None, None).is_ok();
    assert_eq!(
        [1, 1440, 0, 1441, -1, i64::MAX, 65537].map(window),
        [true, true, false, false, false, false, false]
    );
    for (text, good) in [
        ("2026-03-01T00:00:00Z", true),
        ("2026-03-01T00:00:00.5-03:00", true),
        ("2026-03-01t00:00:00z", true),
        (" 2026-03-01T00:00:00Z ", true),
        ("2026-03-01T00:00Z", false),
        ("2026-03-01T00:00:00", false),
        ("2026-03-01T00:00:00-03:00[America/Santiago]", false),
        ("20260301T000000Z", false),
        ("2026-02-30T00:00:00Z", false),
        ("", false),
    ] {
        assert_eq!(
            Schedule::parse("rate(1 day)", None, None, Some(text), None).is_ok(),
            good,
            "{text}"
        );
    }
    let same = Some("2026-03-01T00:00:00Z");
    let errors = Schedule::parse("rate(1 day)", None, None, same, Some("2026-03-01T01:00:00+01:00")).unwrap_err();
    assert_eq!(
        errors.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["fin \"2026-03-01T01:00:00+01:00\": must be after the start (2026-03-01T00:00:00.000Z)"]
    );
}

#[test]
fn a_description_fits_into_the_scheduler() {
    let minutes: Vec<_> = (0..59)
        .filter(|minute| minute % 3 != 1)
        .map(|minute| minute.to_string())
        .collect();
    let hours: Vec<_> = (0..23)
        .filter(|hour| hour % 3 != 1)
        .map(|hour| hour.to_string())
        .collect();
    let cron = format!(
        "{} {} 1,2,4,5,7,8,10,11,13,15,17,19,21,23,25,27,29 1,2,4,5,7,8,10,11 ? 2026/3",
        minutes.join(","),
        hours.join(",")
    );
    let (start, end) = (Some("2026-01-01T00:00:00Z"), Some("2027-01-01T00:00:00Z"));
    let long = Schedule::parse(&cron, Some("America/Argentina/ComodRivadavia"), Some(1440), start, end);
    let described = long.unwrap();
    let text = described.describe();
    let whole = described.describe_in(Language::English);
    assert!(whole.chars().count() > 512 && whole.starts_with(&text[..509]));
    assert!(text.chars().count() == 512 && text.ends_with("..."), "{text}");
}
