//! The examples of AWS's own documentation of schedules, with the times at which it says that they fire.

use super::*;

/// Expression, zone, an instant, and the occurrences that follow it.
const EXAMPLES: &str = "
# The table of examples of cron expressions.
cron(0 10 * * ? *) | UTC | 2026-03-01T10:00:00Z | 2026-03-02T10:00:00Z 2026-03-03T10:00:00Z
cron(15 12 * * ? *) | UTC | 2026-03-01T00:00:00Z | 2026-03-01T12:15:00Z 2026-03-02T12:15:00Z
# Friday, then Monday.
cron(0 18 ? * MON-FRI *) | UTC | 2026-03-06T00:00:00Z | 2026-03-06T18:00:00Z 2026-03-09T18:00:00Z
cron(0 8 1 * ? *) | UTC | 2026-03-01T08:00:00Z | 2026-04-01T08:00:00Z 2026-05-01T08:00:00Z
cron(0/15 * * * ? *) | UTC | 2026-03-01T23:40:00Z | 2026-03-01T23:45:00Z 2026-03-02T00:00:00Z
cron(0/10 * ? * MON-FRI *) | UTC | 2026-03-06T23:45:00Z | 2026-03-06T23:50:00Z 2026-03-09T00:00:00Z
cron(0/5 8-17 ? * MON-FRI *) | UTC | 2026-03-06T17:50:00Z | 2026-03-06T17:55:00Z 2026-03-09T08:00:00Z
# Evenings and early mornings: those of Monday, and none of Saturday.
cron(0/30 20-2 ? * MON-FRI *) | UTC | 2026-03-06T23:00:00Z | 2026-03-06T23:30:00Z 2026-03-09T00:00:00Z
cron(0/30 20-2 ? * MON-FRI *) | UTC | 2026-03-09T02:00:00Z | 2026-03-09T02:30:00Z 2026-03-09T20:00:00Z
cron(15 10 ? * 6L 2022-2023) | UTC | 2020-01-01T00:00:00Z | 2022-01-28T10:15:00Z 2022-02-25T10:15:00Z
cron(15 10 ? * 6L 2022-2023) | UTC | 2023-12-01T00:00:00Z | 2023-12-29T10:15:00Z
cron(15 10 ? * 6L 2022-2023) | America/New_York | 2022-03-01T00:00:00Z | 2022-03-25T14:15:00Z
cron(0 9 ? * 2#1 *) | UTC | 2026-03-01T00:00:00Z | 2026-03-02T09:00:00Z 2026-04-06T09:00:00Z
# The explanations of the wildcards.
cron(0 0 1 JAN,FEB,MAR ? *) | UTC | 2026-02-01T00:00:00Z | 2026-03-01T00:00:00Z 2027-01-01T00:00:00Z
cron(0 0 1-15 * ? *) | UTC | 2026-03-14T12:00:00Z | 2026-03-15T00:00:00Z 2026-04-01T00:00:00Z
cron(1/10 * * * ? *) | UTC | 2026-03-01T00:01:00Z | 2026-03-01T00:11:00Z 2026-03-01T00:21:00Z
cron(1/10 * * * ? *) | UTC | 2026-03-01T00:51:00Z | 2026-03-01T01:01:00Z
cron(0 0 7 * ? *) | UTC | 2026-03-01T00:00:00Z | 2026-03-07T00:00:00Z 2026-04-07T00:00:00Z
cron(0 0 L * ? *) | UTC | 2026-02-01T00:00:00Z | 2026-02-28T00:00:00Z 2026-03-31T00:00:00Z
cron(0 0 ? * L *) | UTC | 2026-03-01T00:00:00Z | 2026-03-07T00:00:00Z 2026-03-14T00:00:00Z
# The third of May 2026 is a Sunday.
cron(0 0 3W * ? *) | UTC | 2026-04-01T00:00:00Z | 2026-04-03T00:00:00Z 2026-05-04T00:00:00Z
cron(0 0 ? * 3#2 *) | UTC | 2026-03-01T00:00:00Z | 2026-03-10T00:00:00Z 2026-04-14T00:00:00Z
# Rates; a day is 24 hours, through the change of clocks in New York on 8 March as well.
rate(5 minutes) | UTC | 2026-03-01T00:00:00Z | 2026-03-01T00:05:00Z 2026-03-01T00:10:00Z
rate(1 hour) | UTC | 2026-03-01T00:00:00Z | 2026-03-01T01:00:00Z 2026-03-01T02:00:00Z
rate(1 day) | America/New_York | 2026-03-07T17:00:00Z | 2026-03-08T17:00:00Z 2026-03-09T17:00:00Z
# One time only: one in the afternoon in Los Angeles.
at(2022-11-20T13:00:00) | America/Los_Angeles | 2022-01-01T00:00:00Z | 2022-11-20T21:00:00Z
# A time that does not exist is passed over, and one that comes twice is used once.
cron(30 2 * * ? *) | America/New_York | 2026-03-07T12:00:00Z | 2026-03-09T06:30:00Z
cron(30 1 * * ? *) | America/New_York | 2026-11-01T00:00:00Z | 2026-11-01T05:30:00Z 2026-11-02T06:30:00Z
";

#[test]
fn the_examples_of_the_documentation_fire_when_it_says() {
    let examples = EXAMPLES.lines().filter(|line| line.contains('|'));
    for example in examples {
        let [expression, zone, from, expected] = example.split(" | ").collect::<Vec<_>>().try_into().unwrap();
        let (schedule, created) = (schedule(expression, zone), at(from));
        let mut now = created;
        for next in expected.split(' ').map(at) {
            assert_eq!(schedule.next_after(now, created), Some(next), "{example}");
            assert_eq!(schedule.latest_at_or_before(next, created), Some(next), "{example}");
            now = next;
        }
    }
}

/// The documentation says of these that they are not valid.
#[test]
fn what_the_documentation_excludes_is_refused() {
    for expression in [
        "cron(0 10 * * * *)",
        "cron(0 10 1 * MON *)",
        "cron(0 0 ? * 3#1,6#3 *)",
        "rate(1 hours)",
        "rate(5 minute)",
        "rate(0 minutes)",
    ] {
        assert!(Expression::parse(expression).is_err(), "{expression}");
    }
}
