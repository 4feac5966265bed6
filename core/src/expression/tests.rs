//! The schedule language as tables: what is accepted, and the one form in which it is written.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

pub(crate) mod properties;
pub(crate) mod reference;
mod refused;

use super::*;

#[track_caller]
fn check(text: &str, canonical: &str) {
    match Expression::parse(text) {
        Ok(expression) => assert_eq!(expression.to_string(), canonical, "{text}"),
        Err(error) => assert_eq!(error.to_string(), canonical, "{text}"),
    }
}

#[test]
fn examples_of_the_schedulers_reference_are_written_in_canonical_form() {
    for (text, canonical) in [
        ("cron(0 10 * * ? *)", "cron(0 10 * * ? *)"),
        ("cron(15 12 * * ? *)", "cron(15 12 * * ? *)"),
        ("cron(0 18 ? * MON-FRI *)", "cron(0 18 ? * 2-6 *)"),
        ("cron(0 8 1 * ? *)", "cron(0 8 1 * ? *)"),
        ("cron(0/15 * * * ? *)", "cron(0/15 * * * ? *)"),
        ("cron(0/10 * ? * MON-FRI *)", "cron(0/10 * ? * 2-6 *)"),
        ("cron(0/5 8-17 ? * MON-FRI *)", "cron(0/5 8-17 ? * 2-6 *)"),
        ("cron(0/30 20-2 ? * MON-FRI *)", "cron(0,30 0-2,20-23 ? * 2-6 *)"),
        ("cron(15 10 ? * 6L 2022-2023)", "cron(15 10 ? * 6L 2022,2023)"),
        ("cron(0 9 ? * 2#1 *)", "cron(0 9 ? * 2#1 *)"),
        ("rate(5 minutes)", "rate(5 minutes)"),
        ("rate(1 hour)", "rate(1 hour)"),
        ("rate(7 days)", "rate(7 days)"),
        ("at(2022-11-20T13:00:00)", "at(2022-11-20T13:00:00)"),
    ] {
        check(text, canonical);
    }
}

#[test]
fn all_ways_to_write_an_expression_have_one_form() {
    for (canonical, ways) in [
        (
            "cron(0 3 ? * 2-6 *)",
            &[
                "00 3 ? * 2-6 *",
                "0 3 ? * MON-FRI *",
                "cron(0\t03 ? * mon,tue,wed-fri *)",
                " CRON( 0 3 ? 1-12 6,5,4,3,2 1970-2199 ) ",
            ][..],
        ),
        (
            "cron(0 3 * * ? *)",
            &[
                "0 3 * * ? *",
                "0 3 ? * * *",
                "0 3 1-31 * ? *",
                "0 3 ? * 1-7 *",
                "0 3 */1 * ? *",
                "0 3 1/1 * ? *",
                "0 3 *,5 * ? *",
                "0 3 ? * SAT-FRI *",
            ],
        ),
        (
            "cron(0,30 * * * ? *)",
            &[
                "*/30 * * * ? *",
                "0/30 * * * ? *",
                "30,0 0-23 ? * * *",
                "30-0/30 * * * ? *",
            ],
        ),
        (
            "cron(5/10 0/6 * * ? *)",
            &["5/10 */6 * * ? *", "5-55/10 0,6,12,18 * * ? *"],
        ),
        ("cron(0 0 ? * 1,2,6,7 *)", &["0 0 ? * FRI-MON *", "0 0 ? * 6-2 *"]),
        ("cron(0 4-22/2 * * ? *)", &[]),
        ("cron(0 0 ? * 7 *)", &["0 0 ? * L *", "0 0 ? * SAT *"]),
        ("cron(0 0 ? * 6L *)", &["0 0 ? * FRIL *", "0 0 ? * 6l *"]),
        ("cron(0 0 ? * 4#3 *)", &["0 0 ? * wed#3 *", "0 0 ? * 4#03 *"]),
        ("cron(0 0 LW * ? *)", &["0 0 lw * ? *"]),
        ("cron(0 0 15W 1,12 ? *)", &["0 0 15w DEC-JAN ? *", "0 0 015W 12,1 ? *"]),
        (
            "cron(0 0 1 1/4 ? 2026-2030/2)",
            &["0 0 1 1,5,9 ? 2026,2028,2030", "0 0 1 JAN/4 ? 2026-2031/2"],
        ),
        ("rate(1 minute)", &["RATE( 1  Minute )", "rate(01 minute)"]),
        ("rate(1 hour)", &["rate(60 minutes)"]),
        ("rate(36 hours)", &["rate(2160 minutes)"]),
        ("rate(2 days)", &["rate(48 hours)", "rate(2880 minutes)"]),
        ("at(2026-03-01T00:00:00)", &[" At( 2026-03-01t00:00:00 ) "]),
    ] {
        for way in ways {
            check(way, canonical);
        }
    }
}

#[test]
fn fields_that_restrict_each_other_are_written_by_the_dates_that_remain() {
    for (text, canonical) in [
        ("0 0 1-29 2 ? *", "cron(0 0 * 2 ? *)"),
        ("0 0 1-30 APR,JUN ? *", "cron(0 0 * 4,6 ? *)"),
        ("0 0 20-31 4 ? *", "cron(0 0 20-30 4 ? *)"),
        ("0 0 31 1,3,5,7,8,10,12 ? *", "cron(0 0 31 * ? *)"),
        ("0 0 30 1,2 ? *", "cron(0 0 30 1 ? *)"),
        ("0 0 29 2 ? *", "cron(0 0 29 2 ? *)"),
        ("0 0 29 2 ? 1972/4", "cron(0 0 29 2 ? *)"),
        ("0 0 29 2 ? 2026-2036", "cron(0 0 29 2 ? 2028-2036/4)"),
        ("0 0 29,30 1-2 ? 2026", "cron(0 0 29,30 1 ? 2026)"),
        // February 2026 begins on a Sunday: its Sundays are these days.
        ("0 0 ? 2 SUN 2026", "cron(0 0 1,8,15,22 2 ? 2026)"),
        ("0 0 1,8,15,22,29 2 ? 2026", "cron(0 0 1,8,15,22 2 ? 2026)"),
    ] {
        check(text, canonical);
    }
}
