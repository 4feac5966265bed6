//! The table of a benchmark: what was measured, ours, the peer's, the ratio, the goal.

use comfy_table::{Table, presets};

/// The rows of a run.
#[derive(Debug, Default)]
pub struct Report {
    rows: Vec<Row>,
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
    }
}
