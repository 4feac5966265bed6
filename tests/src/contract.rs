//! The API's contract, tried with requests that schemathesis makes from its document.
//!
//! Invariant: a run fails on any server error, on any answer that the document does not describe, on any check that fails,
//! and where an operation or a phase was left out.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::process::Group;
use crate::{Account, workspace};

/// The variable that makes the runs larger: how many requests are made of each operation, at most, in each phase.
pub const EXAMPLES_VARIABLE: &str = "KAIROS_CONTRACT_EXAMPLES";

/// The variable that has other requests made than those of every run: any number.
pub const SEED_VARIABLE: &str = "KAIROS_CONTRACT_SEED";

/// How long a run may take: a large one on a slow machine.
const LIMIT: Duration = Duration::from_hours(1);

/// The phases that a run must have had.
const PHASES: [&str; 4] = ["examples", "coverage", "fuzzing", "stateful"];

/// An API to be tried.
#[derive(Debug)]
pub struct Subject<'a> {
    /// Where it is, as the paths of its document continue it.
    pub url: &'a str,
    /// The account and the region of its installation.
    pub account: &'a Account,
    /// What the names of roles begin with.
    pub role_prefix: &'a str,
    /// The key; none where nothing in front of the API asks for one.
    pub key: Option<&'a str>,
    /// Headers of every request.
    pub headers: &'a [(&'a str, &'a str)],
}

/// What was tried.
#[derive(Debug)]
pub struct Outcome {
    /// How many requests were generated.
    pub generated: u64,
    /// How many operations they went to.
    pub operations: u64,
}

impl Outcome {
    /// Tells how much was tried, past the test runner, which keeps the output of a test that passes.
    pub fn tell(&self, of: &str) {
        let line = format!(
            "\ngenerated API requests: {} to {} operations of {of}\n",
            self.generated, self.operations
        );
        let _ = std::io::stdout().write_all(line.as_bytes());
    }
}

/// Tries an API with its document, and fails with what was told where anything is not as the document says.
pub fn check(document: &Value, subject: &Subject<'_>) -> Result<Outcome> {
    let dir = tempfile::tempdir()?;
    let contract = workspace::root().join("tests").join("contract");
    let schema = dir.path().join("openapi.json");
    fs::write(&schema, tried(document.clone(), subject.key.is_some()).to_string())?;
    let report = dir.path().join("report.json");
    let output = dir.path().join("output.txt");
    let file = fs::File::create(&output)?;
    let mut command = Command::new(workspace::venv_tool("schemathesis")?);
    command
        .arg("--config-file")
        .arg(contract.join("schemathesis.toml"))
        .arg("run")
        .arg(&schema)
        .args(["--url", subject.url, "--checks", "all", "--no-color"])
        .arg("--report-json-path")
        .arg(&report)
        .args(
            subject
                .headers
                .iter()
                .flat_map(|(name, value)| ["--header".to_owned(), format!("{name}: {value}")]),
        )
        .current_dir(dir.path())
        .env_clear()
        .envs(environment(subject, &contract, dir.path()))
        .stdin(Stdio::null())
        .stdout(file.try_clone()?)
        .stderr(file);
    for (variable, option) in [(EXAMPLES_VARIABLE, "--max-examples"), (SEED_VARIABLE, "--seed")] {
        if let Ok(value) = std::env::var(variable) {
            command.args([option, &value]);
        }
    }
    let status = Group::start(&mut command)?.wait(LIMIT)?;
    let told = || fs::read_to_string(&output).unwrap_or_default();
    let Some(status) = status else {
        bail!("schemathesis did not end within {} s:\n{}", LIMIT.as_secs(), told());
    };
    ensure!(status.success(), "the API is not what its document says:\n{}", told());
    let report = fs::read_to_string(&report).with_context(told)?;
    read(&serde_json::from_str(&report)?).with_context(told)
}

fn environment(
    subject: &Subject<'_>,
    contract: &std::path::Path,
    home: &std::path::Path,
) -> BTreeMap<&'static str, std::ffi::OsString> {
    let text = |text: &str| std::ffi::OsString::from(text);
    BTreeMap::from([
        ("PATH", std::env::var_os("PATH").unwrap_or_default()),
        ("HOME", home.into()),
        ("TMPDIR", home.into()),
        ("LANG", text("C.UTF-8")),
        // No bytecode beside the hooks, and the same order of sets at every run.
        ("PYTHONDONTWRITEBYTECODE", text("1")),
        ("PYTHONHASHSEED", text("0")),
        ("KAIROS_CONTRACT", contract.into()),
        ("KAIROS_ACCOUNT", text(&subject.account.id)),
        ("KAIROS_REGION", text(&subject.account.region)),
        ("KAIROS_ROLE_PREFIX", text(subject.role_prefix)),
        ("KAIROS_API_KEY", text(subject.key.unwrap_or("none"))),
    ])
}

/// The document as it is tried: with every object closed, since a key of an answer that is not in its schema is a violation
/// here, although callers must live with new ones. The key belongs to API Gateway: a function without it asks for none.
fn tried(mut document: Value, has_key: bool) -> Value {
    if let Some(schemas) = document["components"]["schemas"].as_object_mut() {
        for schema in schemas.values_mut() {
            close(schema);
        }
    }
    if let Some(document) = document.as_object_mut() {
        // Where the API is, the caller says.
        document.remove("servers");
        if !has_key {
            document.remove("security");
        }
    }
    document
}

fn close(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            object.values_mut().for_each(close);
            if object.get("type").is_some_and(|kind| kind == "object") && object.contains_key("properties") {
                object.entry("additionalProperties").or_insert(Value::Bool(false));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}

/// Reads a report, and fails where something was left out.
fn read(report: &Value) -> Result<Outcome> {
    let number = |pointer: &str| {
        let value = report.pointer(pointer).and_then(Value::as_u64);
        value.with_context(|| format!("the report has no {pointer}"))
    };
    let (total, tested) = (number("/operations/total")?, number("/operations/tested")?);
    ensure!(
        total == tested && total > 0,
        "{tested} of {total} operations were tried"
    );
    for phase in PHASES {
        let status = &report["phases"][phase]["status"];
        ensure!(status == "success", "the phase \"{phase}\" ended as {status}");
    }
    Ok(Outcome {
        generated: number("/test_cases/generated")?,
        operations: tested,
    })
}

/// Fails unless `docs/api/openapi.json` is a document of OpenAPI 3.1, as the specification's own schema says.
pub fn is_well_formed() -> Result<()> {
    let mut validator = Command::new(workspace::venv_tool("openapi-spec-validator")?);
    validator.arg(workspace::root().join("docs").join("api").join("openapi.json"));
    let output = validator.output().context("starting openapi-spec-validator")?;
    let told = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "docs/api/openapi.json is not OpenAPI: {told}");
    Ok(())
}

/// The served document, as it is in the workspace.
pub fn document() -> Result<Value> {
    let path: PathBuf = workspace::root().join("docs").join("api").join("openapi.json");
    let text = fs::read_to_string(&path).context("reading docs/api/openapi.json")?;
    serde_json::from_str(&text).context("reading docs/api/openapi.json")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn objects_are_closed_and_maps_stay_open() {
        let document = json!({"security": [], "components": {"schemas": {
            "A": {"type": "object", "properties": {"b": {"type": "object", "properties": {}}}},
            "C": {"type": "object"}, "D": {"type": "object", "properties": {}, "additionalProperties": true}
        }}});
        let document = tried(document, false);
        assert!(document.get("security").is_none());
        let schemas = &document["components"]["schemas"];
        assert_eq!(schemas["A"]["additionalProperties"], false);
        assert_eq!(schemas["A"]["properties"]["b"]["additionalProperties"], false);
        assert_eq!(schemas["C"], json!({"type": "object"}));
        assert_eq!(schemas["D"]["additionalProperties"], true);
    }

    #[test]
    fn a_report_that_left_something_out_is_an_error() {
        let phase = json!({"status": "success"});
        let whole = json!({
            "operations": {"total": 2, "tested": 2}, "test_cases": {"generated": 7},
            "phases": {"examples": phase, "coverage": phase, "fuzzing": phase, "stateful": phase}
        });
        assert!(read(&whole).is_ok_and(|outcome| outcome.generated == 7));
        let mut part = whole.clone();
        part["operations"]["tested"] = json!(1);
        assert!(read(&part).is_err());
        let mut part = whole;
        part["phases"]["stateful"]["status"] = json!("skip");
        assert!(read(&part).is_err());
    }
}
