//! How the real binaries end that lack what the stack tells them: in words, as Lambda's log takes them.

use std::process::{Command, Stdio};
use std::time::Duration;

use acceptance::edge::{self, Binary};
use acceptance::process::Group;
use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// How long an end may take: the machine may be busy with other tests.
const LIMIT: Duration = Duration::from_mins(2);

/// What each function cannot do without, beside what the others need too.
const NEEDED: [(&str, &str); 3] = [
    ("dispatcher", "KAIROS_QUEUE_URL"),
    ("executor", "KAIROS_HISTORY_DAYS"),
    ("api", "KAIROS_SCHEDULER_ROLE_ARN"),
];

#[test]
fn a_function_that_does_not_start_names_what_is_missing_at_level_error() -> Result<()> {
    for (function, missing) in NEEDED {
        for missing in [missing, "KAIROS_STACK"] {
            ends(function, missing).with_context(|| format!("\"{function}\" without \"{missing}\""))?;
        }
    }
    Ok(())
}

/// Starts a function without one of its variables, where only errors pass, and reads what it says.
fn ends(function: &str, missing: &str) -> Result<()> {
    let binary = Binary::packed(function)?;
    let dir = tempfile::tempdir()?;
    let written = dir.path().join("log");
    let log = std::fs::File::create(&written)?;
    let mut command = Command::new(binary.path());
    command
        .env_clear()
        .envs(edge::environment(function))
        .env_remove(missing)
        .env("AWS_LAMBDA_LOG_FORMAT", "JSON")
        .env("AWS_LAMBDA_LOG_LEVEL", "ERROR")
        .env("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:1")
        .stdin(Stdio::null())
        .stderr(log.try_clone()?)
        .stdout(log);
    let status = Group::start(&mut command)?.wait(LIMIT)?.context("it does not end")?;
    let log = std::fs::read_to_string(&written)?;
    ensure!(!status.success(), "it ended well: {log}");
    let lines: Vec<&str> = log.lines().collect();
    ensure!(lines.len() == 1, "not one line: {log}");
    let line: Value = serde_json::from_str(lines[0]).with_context(|| format!("not JSON: {log}"))?;
    ensure!(line["level"] == "ERROR" && line["timestamp"].is_string(), "{line}");
    let error = line["fields"]["error"].as_str().unwrap_or_default();
    let expected = format!("the environment variable \"{missing}\" is missing");
    ensure!(error.starts_with(&expected), "{line}");
    Ok(())
}
