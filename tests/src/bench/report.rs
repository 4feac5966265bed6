//! The table of a benchmark: what was measured, ours, the peer's, the ratio, the goal.

use std::fmt;

use comfy_table::{Table, presets};

/// The rows of a run.
#[derive(Debug, Default)]
pub struct Report {
    rows: Vec<Row>,
}

/// How long something took, many times over, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// Half of the times were shorter.
    pub p50: f64,
    /// Of a hundred, 95 were shorter.
    pub p95: f64,
    /// Of a hundred, 99 were shorter.
    pub p99: f64,
}

/// One figure.
#[derive(Debug)]
struct Row {
    what: String,
    ours: String,
    against: String,
    ratio: String,
    goal: String,
    held: &'static str,
}

impl Report {
    /// A figure against a peer's of the same run: the goal is the greatest ratio that holds it. Without a goal, or where the
    /// peer was too quick to compare with, the ratio is only shown.
    pub fn ratio(&mut self, what: &str, ours: f64, unit: &str, peer: (&str, f64), goal: Option<f64>) {
        let ratio = ours / peer.1;
        let shown = if peer.1 > 0.0 {
            format!("{ratio:.2} ×")
        } else {
            String::new()
        };
        self.rows.push(Row {
            what: what.to_owned(),
            ours: quantity(ours, unit),
            against: format!("{} {}", peer.0, quantity(peer.1, unit)),
            ratio: shown,
            goal: goal.map(|goal| format!("≤ {goal} ×")).unwrap_or_default(),
            held: held(goal.map(|goal| ratio <= goal)),
        });
        self.tell();
    }

    /// A figure against a peer's of the same run, where more is better: the goal is the least ratio that holds it.
    pub fn floor(&mut self, what: &str, ours: f64, unit: &str, peer: (&str, f64), goal: f64) {
        self.rows.push(Row {
            what: what.to_owned(),
            ours: quantity(ours, unit),
            against: format!("{} {}", peer.0, quantity(peer.1, unit)),
            ratio: format!("{:.2} ×", ours / peer.1),
            goal: format!("≥ {goal} ×"),
            held: held(Some(ours >= goal * peer.1)),
        });
        self.tell();
    }

    /// A figure against a ceiling.
    pub fn ceiling(&mut self, what: &str, ours: f64, unit: &str, ceiling: f64) {
        self.rows.push(Row {
            what: what.to_owned(),
            ours: quantity(ours, unit),
            against: format!("ceiling {}", quantity(ceiling, unit)),
            ratio: format!("{:.2} ×", ours / ceiling),
            goal: "≤ 1 ×".to_owned(),
            held: held(Some(ours <= ceiling)),
        });
        self.tell();
    }

    /// A latency against a peer's of the same run; the ratio is that of the medians.
    pub fn spread(&mut self, what: &str, ours: Spread, peer: (&str, Spread)) {
        self.rows.push(Row {
            what: format!("{what}: P50 / P95 / P99"),
            ours: ours.to_string(),
            against: format!("{} {}", peer.0, peer.1),
            ratio: format!("{:.2} ×", ours.p50 / peer.1.p50),
            goal: String::new(),
            held: "",
        });
        self.tell();
    }

    /// A figure that nothing is compared with.
    pub fn figure(&mut self, what: &str, ours: &str) {
        self.rows.push(Row {
            what: what.to_owned(),
            ours: ours.to_owned(),
            against: String::new(),
            ratio: String::new(),
            goal: String::new(),
            held: "",
        });
        self.tell();
    }

    /// What could not be measured, and why.
    pub fn skipped(&mut self, what: &str, reason: &str) {
        self.rows.push(Row {
            what: what.to_owned(),
            ours: "skipped".to_owned(),
            against: reason.to_owned(),
            ratio: String::new(),
            goal: String::new(),
            held: "",
        });
        self.tell();
    }

    /// The whole table as Markdown.
    pub fn markdown(&self) -> String {
        let mut table = Table::new();
        table.load_preset(presets::ASCII_MARKDOWN);
        table.set_header(["what", "ours", "against", "ratio", "goal", "held"]);
        for row in &self.rows {
            table.add_row([&row.what, &row.ours, &row.against, &row.ratio, &row.goal, row.held]);
        }
        table.to_string()
    }

    /// A long run shows each figure as it comes.
    fn tell(&self) {
        if let Some(row) = self.rows.last() {
            let against = if row.against.is_empty() {
                String::new()
            } else {
                format!(" ({})", row.against)
            };
            let line = format!("{}: {}{against} {} {}", row.what, row.ours, row.ratio, row.held);
            eprintln!("{}", line.trim_end());
        }
    }
}

impl Spread {
    /// Of these times, in milliseconds.
    pub fn of(mut times: Vec<f64>) -> Self {
        times.sort_by(f64::total_cmp);
        // The nearest rank: the least time that so many of a hundred do not exceed.
        let rank = |percent: usize| times.get((times.len() * percent).div_ceil(100).saturating_sub(1));
        let [p50, p95, p99] = [50, 95, 99].map(|percent| rank(percent).copied().unwrap_or_default());
        Self { p50, p95, p99 }
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2} / {:.2} / {:.2} ms", self.p50, self.p95, self.p99)
    }
}

fn quantity(value: f64, unit: &str) -> String {
    let digits = if value < 10.0 { 2 } else { 1 };
    format!("{value:.digits$} {unit}").trim_end().to_owned()
}

fn held(outcome: Option<bool>) -> &'static str {
    match outcome {
        Some(true) => "yes",
        Some(false) => "NO",
        None => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_that_is_missed_is_said() {
        let mut report = Report::default();
        report.ratio("plan", 3.0, "s", ("terraform_data", 1.0), Some(1.5));
        report.ceiling("zip", 3.5, "MB", 4.0);
        let table = report.markdown();
        assert!(table.contains("3.00 ×") && table.contains("NO"), "{table}");
        assert!(table.contains("0.88 ×") && table.contains("yes"), "{table}");
        let (mut few, mut enough) = (Report::default(), Report::default());
        few.floor("sent", 7.9, "/s", ("ceiling", 10.0), 0.8);
        enough.floor("sent", 8.0, "/s", ("ceiling", 10.0), 0.8);
        assert!(few.markdown().contains("NO") && enough.markdown().contains("yes"));
    }

    #[test]
    fn percentiles_are_times_that_were_measured() {
        let spread = Spread::of((1..=200).rev().map(f64::from).collect());
        assert_eq!((spread.p50, spread.p95, spread.p99), (100.0, 190.0, 198.0));
        assert_eq!(Spread::of(vec![3.0]).to_string(), "3.00 / 3.00 / 3.00 ms");
        assert!(Spread::of(Vec::new()).p99.abs() < f64::EPSILON);
    }
}
