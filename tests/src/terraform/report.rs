//! What terraform said in its machine-readable form: diagnostics, and the changes of a plan.

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::Output;

/// An error or a warning, as the user sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// `error` or `warning`.
    pub severity: String,
    /// The headline.
    pub summary: String,
    /// The explanation.
    pub detail: String,
    /// The resource that it is about, where it is about one.
    pub address: Option<String>,
    /// The line of the configuration that it points at, without its indentation.
    pub code: Option<String>,
    /// The file, from the folder of the configuration, and the line that it points at.
    pub place: Option<(String, u64)>,
}

/// How a command ended and what it said.
#[derive(Debug)]
pub struct Report {
    /// Whether its exit code was 0.
    pub success: bool,
    /// Errors and warnings, in the order in which they came.
    pub diagnostics: Vec<Diagnostic>,
    /// Everything that it wrote.
    pub raw: String,
}

/// What a plan is to do.
#[derive(Debug)]
pub struct PlanSummary {
    /// `(address, actions)` of every resource that is not left as it is, such as `("kairos_stack.this", "create")`.
    pub changes: Vec<(String, String)>,
    /// The whole plan, as `terraform show -json` gives it.
    pub raw: Value,
}

impl Report {
    /// What a command with `-json` said, one object a line.
    pub fn of_lines(output: &Output) -> Self {
        let values = output
            .stdout
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let diagnostics = values
            .filter(|value| value["type"] == "diagnostic")
            .map(|value| Diagnostic::of(&value["diagnostic"]))
            .collect();
        Self {
            success: output.code == Some(0),
            diagnostics,
            raw: format!("{}{}", output.stdout, output.stderr),
        }
    }

    pub(super) fn of_validate(output: &Output) -> Result<Self> {
        let value: Value = serde_json::from_str(&output.stdout).context("reading terraform validate")?;
        let diagnostics = value["diagnostics"]
            .as_array()
            .into_iter()
            .flatten()
            .map(Diagnostic::of)
            .collect();
        Ok(Self {
            success: output.code == Some(0),
            diagnostics,
            raw: output.stdout.clone(),
        })
    }

    /// The report of a command that must have succeeded.
    pub fn succeeded(self, what: &str) -> Result<Self> {
        if !self.success {
            bail!("terraform {what} failed:\n{}", self.errors_or_raw());
        }
        Ok(self)
    }

    /// The errors of a command that must have failed.
    pub fn failed(self, what: &str) -> Result<Vec<Diagnostic>> {
        if self.success {
            bail!("terraform {what} succeeded, though it had to fail:\n{}", self.raw);
        }
        Ok(self.errors())
    }

    /// Only the errors.
    pub fn errors(&self) -> Vec<Diagnostic> {
        self.of_severity("error")
    }

    /// Only the warnings.
    pub fn warnings(&self) -> Vec<Diagnostic> {
        self.of_severity("warning")
    }

    fn of_severity(&self, severity: &str) -> Vec<Diagnostic> {
        self.diagnostics
            .iter()
            .filter(|diagnostic| diagnostic.severity == severity)
            .cloned()
            .collect()
    }

    fn errors_or_raw(&self) -> String {
        let errors: Vec<String> = self.errors().iter().map(Diagnostic::text).collect();
        if errors.is_empty() {
            self.raw.clone()
        } else {
            errors.join("\n")
        }
    }
}

impl Diagnostic {
    fn of(value: &Value) -> Self {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        Self {
            severity: text(&value["severity"]).unwrap_or_default(),
            summary: text(&value["summary"]).unwrap_or_default(),
            detail: text(&value["detail"]).unwrap_or_default(),
            address: text(&value["address"]),
            code: text(&value["snippet"]["code"]).map(|code| code.trim().to_owned()),
            place: text(&value["range"]["filename"]).zip(value["range"]["start"]["line"].as_u64()),
        }
    }

    /// Headline and explanation in one text.
    pub fn text(&self) -> String {
        format!("{}: {}", self.summary, self.detail)
    }
}

impl PlanSummary {
    pub(super) fn of(raw: Value) -> Result<Self> {
        let changes = raw["resource_changes"].as_array().into_iter().flatten();
        let changes = changes.filter_map(|change| {
            let actions: Vec<&str> = change["change"]["actions"]
                .as_array()?
                .iter()
                .filter_map(Value::as_str)
                .collect();
            let address = change["address"].as_str()?.to_owned();
            (actions != ["no-op"] && actions != ["read"]).then(|| (address, actions.join("+")))
        });
        let changes = changes.collect();
        if raw["format_version"].is_null() {
            bail!("terraform show gave no plan: {raw}");
        }
        Ok(Self { changes, raw })
    }

    /// Whether nothing is to be done, outputs included.
    pub fn is_empty(&self) -> bool {
        let outputs = self.raw["output_changes"].as_object().into_iter().flatten();
        self.changes.is_empty()
            && outputs
                .into_iter()
                .all(|(_, change)| change["actions"] == serde_json::json!(["no-op"]))
    }

    /// The actions on one resource, joined by `+`; `no-op` when it is left as it is.
    pub fn action(&self, address: &str) -> &str {
        self.changes
            .iter()
            .find(|(of, _)| of == address)
            .map_or("no-op", |(_, action)| action)
    }

    /// The planned values of one resource.
    pub fn after(&self, address: &str) -> Option<&Value> {
        let changes = self.raw["resource_changes"].as_array()?;
        changes
            .iter()
            .find(|change| change["address"] == address)
            .map(|change| &change["change"]["after"])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_with_only_reads_is_empty() -> Result<()> {
        let plan = serde_json::json!({
            "format_version": "1.2",
            "resource_changes": [
                { "address": "a.b", "change": { "actions": ["no-op"] } },
                { "address": "data.c.d", "change": { "actions": ["read"] } },
            ],
        });
        assert!(PlanSummary::of(plan)?.is_empty());
        Ok(())
    }

    #[test]
    fn a_replacement_is_one_change() -> Result<()> {
        let plan = serde_json::json!({
            "format_version": "1.2",
            "resource_changes": [{ "address": "a.b", "change": { "actions": ["delete", "create"] } }],
        });
        let summary = PlanSummary::of(plan)?;
        assert_eq!((summary.is_empty(), summary.action("a.b")), (false, "delete+create"));
        Ok(())
    }

    #[test]
    fn diagnostics_are_told_from_other_lines() {
        let line = r#"{"type":"diagnostic","diagnostic":{"severity":"error","summary":"S","detail":"D","address":"a.b","snippet":{"code":"  cron = 1"}}}"#;
        let stdout = format!("{{\"type\":\"version\"}}\nplain\n{line}\n");
        let report = Report::of_lines(&Output {
            code: Some(1),
            stdout,
            stderr: String::new(),
        });
        let code = report
            .diagnostics
            .first()
            .and_then(|diagnostic| diagnostic.code.clone());
        assert_eq!((report.diagnostics.len(), code.as_deref()), (1, Some("cron = 1")));
    }
}
