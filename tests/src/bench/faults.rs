//! The executor among everything that goes wrong, in full: 100,000 runs, each message three times, in memory and in virtual
//! time. What must not be ends the benchmark; what may be is counted against what was injected.

use std::time::Instant;

use anyhow::{Result, ensure};

use super::report::Report;
use crate::faults::plan::{Faults, Plan, Token};
use crate::faults::simulate_all;

/// How many runs there are, in so many simulations, whose seeds follow each other.
const RUNS: usize = 100_000;
const SEEDS: u64 = 20;

/// Runs the simulations: once where only kills keep results from the table, once where answers are lost and late as well.
///
/// # Errors
/// Something that must not be, with the seed and the history of the run.
pub fn measure(report: &mut Report) -> Result<()> {
    row(report, "kills", Faults::KILLS)?;
    row(report, "kills and lost answers", Faults::MANY)
}

fn row(report: &mut Report, name: &str, faults: Faults) -> Result<()> {
    let runs = RUNS / usize::try_from(SEEDS)?;
    let plans: Vec<_> = (1..=SEEDS).map(|seed| Plan::drawn(seed, runs, faults)).collect();
    let began = Instant::now();
    let totals = simulate_all(&plans)?;
    let seconds = began.elapsed().as_secs_f64();
    eprintln!("{totals}");
    ensure!(totals.lost == 0, "{} runs were lost", totals.lost);
    let ended = format!(
        "{} well, {} left out, {} in the dead-letter queue, {} lost",
        totals.ok,
        totals.omitted,
        totals.dead + totals.dead_by_redrive,
        totals.lost
    );
    report.figure(&format!("faults, {name}: how {} runs ended", totals.runs), &ended);
    report.figure(
        &format!("faults, {name}: messages / deliveries / suppressed as duplicates"),
        &format!("{} / {} / {}", totals.messages, totals.deliveries, totals.suppressed),
    );
    let kills: Vec<String> = totals
        .calls
        .iter()
        .map(|(step, calls)| format!("{} {}", step.name(), calls.killed_before + calls.killed_after))
        .collect();
    report.figure(&format!("faults, {name}: killed at each step"), &kills.join(", "));
    for token in Token::ALL {
        let of = totals.of(token);
        report.figure(
            &format!("faults, {name}: duplicates on {} targets", token.name()),
            &format!("{} of {} runs; injected {}", of.duplicates(), of.runs, of.injected),
        );
    }
    let causes: Vec<String> = totals
        .causes
        .iter()
        .map(|(cause, count)| format!("{} {count}", cause.name()))
        .collect();
    report.figure(
        &format!("faults, {name}: what kept results from the table"),
        &causes.join(", "),
    );
    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2⁵³")]
    let rate = totals.deliveries as f64 / seconds;
    report.figure(
        &format!("faults, {name}: deliveries simulated a second"),
        &format!("{rate:.0} ({seconds:.0} s)"),
    );
    Ok(())
}
