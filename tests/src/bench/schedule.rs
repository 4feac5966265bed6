//! The schedule language: canonical form, next and previous occurrence, against croner, a cron library of others.
//!
//! Both do the same expressions and instants, round by round in turn; the median round counts. Croner has no canonical form:
//! it reads the expression and gives its text back.

use std::hint::black_box;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use croner::parser::{CronParser, Seconds, Year};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};
use kairos::expression::Expression;
use kairos::schedule::Schedule;

use super::report::Report;

/// Rounds of each measurement; odd, so that there is a middle one.
const ROUNDS: usize = 9;

/// Instants from which each expression is asked, five days and some hours apart.
const INSTANTS: i64 = 64;

const ZONE: &str = "America/Santiago";

/// Measures both libraries.
pub fn measure(report: &mut Report) -> Result<()> {
    let texts = expressions();
    let zone = TimeZone::get(ZONE).with_context(|| format!("reading the zone {ZONE}"))?;
    let mut pairs = Vec::new();
    for text in &texts {
        let ours = Schedule::parse(text, Some(ZONE), None, None, None);
        let ours = ours.map_err(|errors| anyhow::anyhow!("reading \"{text}\": {errors:?}"))?;
        pairs.push((ours, croner(text)?));
    }
    let start: Timestamp = "2026-05-01T00:00:00Z".parse()?;
    let instants: Vec<Zoned> = (0..INSTANTS)
        .map(|index| (start + SignedDuration::from_hours(125 * index)).to_zoned(zone.clone()))
        .collect();
    agree(&pairs, &instants)?;

    let count = texts.len();
    compare(
        report,
        "canonical form",
        count,
        || {
            for text in &texts {
                black_box(
                    Expression::parse(black_box(text))
                        .map(|expression| expression.to_string())
                        .ok(),
                );
            }
        },
        || {
            for text in &texts {
                black_box(croner(black_box(text)).map(|cron| cron.pattern.to_string()).ok());
            }
        },
    );
    let searches = count * instants.len();
    compare(
        report,
        "next occurrence",
        searches,
        || {
            for ((ours, _), instant) in each(&pairs, &instants) {
                black_box(ours.next_after(instant.timestamp(), Timestamp::MIN));
            }
        },
        || {
            for ((_, peer), instant) in each(&pairs, &instants) {
                black_box(peer.find_next_occurrence(instant, false).ok());
            }
        },
    );
    compare(
        report,
        "previous occurrence",
        searches,
        || {
            for ((ours, _), instant) in each(&pairs, &instants) {
                black_box(ours.latest_at_or_before(instant.timestamp(), Timestamp::MIN));
            }
        },
        || {
            for ((_, peer), instant) in each(&pairs, &instants) {
                black_box(peer.find_previous_occurrence(instant, true).ok());
            }
        },
    );
    Ok(())
}

/// One row: microseconds of one operation.
fn compare(report: &mut Report, what: &str, operations: usize, ours: impl Fn(), peer: impl Fn()) {
    let (mut ours_took, mut peer_took) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        ours_took.push(seconds(&ours));
        peer_took.push(seconds(&peer));
    }
    #[expect(clippy::cast_precision_loss, reason = "some thousands of operations")]
    let micros = |mut rounds: Vec<f64>| {
        rounds.sort_by(f64::total_cmp);
        rounds[ROUNDS / 2] * 1e6 / operations as f64
    };
    let (ours, peer) = (micros(ours_took), micros(peer_took));
    report.ratio(&format!("schedule: {what}"), ours, "µs", ("croner", peer), Some(1.0));
    report.figure(
        &format!("schedule: {what}, throughput"),
        &format!("{:.0} per second", 1e6 / ours),
    );
}

fn seconds(work: &impl Fn()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_secs_f64()
}

/// What users write, in two hundred variations: expressions that both understand alike.
fn expressions() -> Vec<String> {
    let dates = [
        "* * ? *",
        "? * 2-6 *",
        "? * 1,7 *",
        "1 * ? *",
        "1,15 * ? *",
        "L * ? *",
        "15W * ? *",
        "? * 6L *",
        "? * 2#1 *",
        "1 1,4,7,10 ? 2026-2030",
    ];
    let times = [
        "0 3",
        "30 8,20",
        "0/15 8-17",
        "0/5 *",
        "* *",
        "45 0/6",
        "0,10,20 1-3",
        "59 23",
        "5 22",
        "7 12",
        "0 0",
        "15 4",
        "20 6",
        "0 9-18",
        "0/10 *",
        "1 2",
        "50 13",
        "25 17",
        "35 19",
        "40 21",
    ];
    dates
        .iter()
        .flat_map(|dates| times.iter().map(move |times| format!("{times} {dates}")))
        .collect()
}

fn croner(text: &str) -> Result<croner::Cron> {
    let parser = CronParser::builder()
        .seconds(Seconds::Required)
        .year(Year::Required)
        .alternative_weekdays(true)
        .sloppy_ranges(true);
    let cron = parser.build().parse(&format!("0 {text}"));
    cron.map_err(|error| anyhow::anyhow!("croner refuses \"{text}\": {error}"))
}

type Pair = (Schedule, croner::Cron);

fn each<'a>(pairs: &'a [Pair], instants: &'a [Zoned]) -> impl Iterator<Item = (&'a Pair, &'a Zoned)> {
    pairs
        .iter()
        .flat_map(|pair| instants.iter().map(move |instant| (pair, instant)))
}

/// Both must find the same, or the figures compare nothing. Around a change of clocks they differ by decision.
fn agree(pairs: &[Pair], instants: &[Zoned]) -> Result<()> {
    let (mut same, mut other) = (0_u32, 0_u32);
    for ((ours, peer), instant) in each(pairs, instants) {
        let found = ours.next_after(instant.timestamp(), Timestamp::MIN);
        let theirs = peer
            .find_next_occurrence(instant, false)
            .ok()
            .map(|found| found.timestamp());
        if found == theirs {
            same += 1;
        } else {
            other += 1;
        }
    }
    ensure!(other * 50 < same, "both find {same} times alike and {other} times not");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_compared_is_the_same_work() -> Result<()> {
        let zone = TimeZone::get(ZONE)?;
        let texts = expressions();
        assert_eq!(texts.len(), 200);
        let mut pairs = Vec::new();
        for text in &texts {
            let ours = Schedule::parse(text, Some(ZONE), None, None, None);
            pairs.push((
                ours.map_err(|errors| anyhow::anyhow!("{text}: {errors:?}"))?,
                croner(text)?,
            ));
        }
        let instant: Timestamp = "2026-06-01T00:00:00Z".parse()?;
        agree(&pairs, &[instant.to_zoned(zone)])
    }
}
