//! What became of every fault, as files to compare with and as a table to read.
//!
//! Invariant: nothing here depends on what else was harmed at the same time, nor on the order in which lives were led.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use expect_test::expect_file;

use crate::life::{Outcome, Phase, Way};
use crate::wire::Injection;

const PHASES: [Phase; 3] = [Phase::Create, Phase::Update, Phase::Delete];

/// The same fault, whichever way was taken after it.
type Key = (Phase, Injection, usize);

/// Every outcome, by component.
pub(crate) struct Outcomes(BTreeMap<String, BTreeMap<Key, Vec<Outcome>>>);

impl Outcomes {
    pub(crate) fn of(outcomes: Vec<Outcome>, components: impl IntoIterator<Item = String>) -> Self {
        let mut sorted: BTreeMap<String, BTreeMap<Key, Vec<Outcome>>> =
            components.into_iter().map(|name| (name, BTreeMap::new())).collect();
        for outcome in outcomes {
            let key = (outcome.phase, outcome.fault.injection, outcome.fault.call);
            let of = sorted.entry(outcome.fault.component.clone()).or_default();
            of.entry(key).or_default().push(outcome);
        }
        for faults in sorted.values_mut() {
            for outcomes in faults.values_mut() {
                outcomes.sort_by_key(|o| o.way);
            }
        }
        Self(sorted)
    }

    /// How many calls were harmed.
    pub(crate) fn injections(&self) -> usize {
        self.0.values().flat_map(BTreeMap::values).map(Vec::len).sum()
    }

    /// Compares one file a component, and the table, with what is kept; `UPDATE_EXPECT=1` keeps it.
    pub(crate) fn compare(&self, table: &str) -> Result<()> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults/golden");
        let file = |name: &str| folder.join(format!("{}.txt", name.replace(['/', '@'], ".")));
        let mut kept = BTreeSet::from([file("TABLE")]);
        for (component, faults) in &self.0 {
            expect_file![file(component)].assert_eq(&text(component, faults));
            kept.insert(file(component));
        }
        expect_file![file("TABLE")].assert_eq(table);
        let found: BTreeSet<PathBuf> = std::fs::read_dir(&folder)?.flatten().map(|e| e.path()).collect();
        let stale: Vec<&PathBuf> = found.difference(&kept).collect();
        ensure!(stale.is_empty(), "files of components that no stack has: {stale:?}");
        Ok(())
    }

    /// Components × operations × injections → outcome.
    pub(crate) fn table(&self) -> String {
        let mut rows = vec![vec![String::from("component")]];
        for phase in PHASES {
            rows[0].extend(Injection::ALL.map(|injection| format!("{phase}, {injection}")));
        }
        for (component, faults) in &self.0 {
            let mut row = vec![component.clone()];
            for phase in PHASES {
                row.extend(Injection::ALL.map(|injection| cell(faults, phase, injection)));
            }
            rows.push(row);
        }
        let mut text = String::from(
            "A number is how many calls were harmed, each alone among what it stands on. \"failed\": the operation ended with\n\
             an error that names the component, and the next one came to its end. \"got over\": the operation succeeded at once.\n\
             \"—\": the operation asks nothing of AWS for this component.\n\n",
        );
        let widths: Vec<usize> = (0..rows[0].len())
            .map(|column| {
                rows.iter()
                    .map(|row| row[column].chars().count())
                    .max()
                    .unwrap_or_default()
            })
            .collect();
        for row in &rows {
            let cells: Vec<String> = row
                .iter()
                .zip(&widths)
                .map(|(cell, width)| format!("{cell:width$}"))
                .collect();
            text.push_str(cells.join("  ").trim_end());
            text.push('\n');
        }
        text
    }
}

fn cell(faults: &BTreeMap<Key, Vec<Outcome>>, phase: Phase, injection: Injection) -> String {
    let of = || {
        faults
            .iter()
            .filter(|((p, i, _), _)| (*p, *i) == (phase, injection))
            .map(|(_, o)| o)
    };
    let failed = of()
        .filter(|outcomes| outcomes.iter().any(|o| o.error.is_some()))
        .count();
    match (failed, of().count() - failed) {
        (0, 0) => "—".into(),
        (failed, 0) => format!("{failed} failed"),
        (0, over) => format!("{over} got over"),
        (failed, over) => format!("{failed} failed, {over} got over"),
    }
}

fn text(component: &str, faults: &BTreeMap<Key, Vec<Outcome>>) -> String {
    let mut text = format!("{component}\n");
    for ((phase, injection, _), outcomes) in faults {
        let mut told: Vec<String> = outcomes.iter().map(one).collect();
        told.dedup();
        let ways: BTreeSet<Way> = outcomes.iter().map(|o| o.way).collect();
        for (outcome, told) in outcomes.iter().zip(told) {
            // Writing to a string cannot fail.
            let _ = write!(text, "\n{phase}, {} {injection}: {told}", outcome.operation);
        }
        if outcomes.iter().any(|o| o.error.is_some()) {
            let _ = writeln!(
                text,
                "  then: {}",
                ways.iter().map(|w| then(*phase, *w)).collect::<Vec<_>>().join("; ")
            );
        }
    }
    text
}

fn one(outcome: &Outcome) -> String {
    let Some(error) = &outcome.error else {
        return "got over\n".into();
    };
    let mut text = String::from("failed\n");
    for line in error.lines() {
        let _ = writeln!(text, "  {line}");
    }
    if !outcome.not_tried.is_empty() {
        let _ = writeln!(text, "  not tried: {}", outcome.not_tried.join(", "));
    }
    let _ = writeln!(text, "  state: {}; AWS: {}", outcome.state, outcome.held);
    text
}

fn then(phase: Phase, way: Way) -> &'static str {
    match (phase, way) {
        (Phase::Create, Way::InPlace) => "applied again without the taint, complete",
        (Phase::Create, Way::Tainted) => "destroyed and applied again, complete",
        (Phase::Update, _) => "applied again, complete",
        (Phase::Delete, _) => "destroyed again, gone",
    }
}
