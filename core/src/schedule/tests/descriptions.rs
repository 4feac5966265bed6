//! Schedules in words, in both languages, as a table.

use super::*;
use std::fmt::Write;

/// Expressions of every construct, each with something in the singular, the plural and in ranges.
const EXPRESSIONS: &str = "
0 3 * * ? *
0 1 * * ? *
30 1,13 * * ? *
0,30 8,20 * * ? *
0 0,4,8,12,16,20 * * ? *
* * * * ? *
0/15 * * * ? *
0/7 * * * ? *
5 * * * ? *
10-12 * * * ? *
5 * * 1,7 ? *
0/10 * * 6-8 ? *
* * * * ? 2026
* 8 * * ? *
* 8-17 * * ? *
0/15 8-17 * * ? *
0/15 0-2,20-23 ? * 2-6 *
5 0/2 * * ? *
5,10 9-17 * * ? *
0 18 ? * SUN *
0 18 ? * SAT *
0 18 ? * MON-FRI *
0 18 ? * MON,WED,FRI *
0 18 ? * FRI-MON *
* 8-17 ? * 2,3,5 *
0 18 ? 1 MON *
0 18 ? 6-8 MON-FRI *
0 18 ? * MON-FRI 2026
0 0 1 * ? *
0 0 1,15 * ? *
0 0 1-5 * ? *
0 0 1,15-17 6-8 ? 2026/2
0 0 1 1 ? *
0 0 29 2 ? *
0 0 * 2 ? *
0 0 1 * ? 2026-2030
0 0 1 * ? 2026,2028
0 0 1 * ? 2026,2029,2031
0 0 L * ? *
0 0 L 2 ? *
0 0 LW * ? *
0 0 LW 3,6,9,12 ? *
0 0 15W * ? *
0 0 1W 1 ? *
0 0 ? * 6L *
0 0 ? 12 1L *
0 0 ? * 2#1 *
0 0 ? * 2#3 *
0 0 ? 11 5#4 2026
0 0 ? * 7#5 *
rate(1 minute)
rate(90 minutes)
rate(60 minutes)
rate(36 hours)
rate(1 day)
rate(7 days)
at(2026-03-01T10:00:00)
at(2026-03-01T01:30:05)
";

#[test]
fn schedules_are_described_in_both_languages() {
    let mut table = String::new();
    for expression in EXPRESSIONS.lines().filter(|line| !line.is_empty()) {
        describe(&mut table, expression, &schedule(expression, "America/Santiago"));
    }
    for (what, expression, window, start, end) in [
        ("from", "rate(2 days)", None, Some("2026-01-01T00:00:00Z"), None),
        ("until", "0 3 * * ? *", None, None, Some("2027-01-01T00:00:00-03:00")),
        (
            "from, until, 15 min",
            "rate(1 hour)",
            Some(15),
            Some("2026-01-01T00:00:00Z"),
            Some("2027-01-01T00:00:00Z"),
        ),
        ("1 min", "0 3 * * ? *", Some(1), None, None),
        // A one-time schedule ignores its bounds.
        (
            "from, until, 60 min",
            "at(2026-03-01T10:00:00)",
            Some(60),
            Some("2026-01-01T00:00:00Z"),
            Some("2027-01-01T00:00:00Z"),
        ),
    ] {
        let schedule = Schedule::parse(expression, None, window, start, end).unwrap();
        describe(&mut table, &format!("{expression} ({what})"), &schedule);
    }
    insta::assert_snapshot!(table);
}

fn describe(table: &mut String, expression: &str, schedule: &Schedule) {
    let [english, spanish] = [Language::English, Language::Spanish].map(|language| schedule.describe_in(language));
    writeln!(table, "{expression}\n    {english}\n    {spanish}").unwrap();
    assert_eq!(schedule.describe(), english);
}
