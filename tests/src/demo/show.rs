//! How the demo tells what it did: headings, terraform's own messages, the history as a table.

use std::io::Write;

use anyhow::Result;
use comfy_table::{ContentArrangement, Table, presets};
use serde_json::Value;

use crate::history::Run;
use crate::terraform::Report;

/// A step's title.
pub(super) fn heading(out: &mut (dyn Write + Send), title: &str) -> Result<()> {
    writeln!(out, "\n== {title}")?;
    Ok(())
}

/// One line an entry.
pub(super) fn list(out: &mut (dyn Write + Send), entries: &[String]) -> Result<()> {
    for entry in entries {
        writeln!(out, "  {entry}")?;
    }
    Ok(())
}

/// Terraform's own words for the messages of some types.
pub(super) fn messages(out: &mut (dyn Write + Send), report: &Report, types: &[&str]) -> Result<()> {
    for line in report.raw.lines() {
        let Ok(value) = serde_json::from_str::<Value>(line) else {
            continue;
        };
        let wanted = value["type"].as_str().is_some_and(|of| types.contains(&of));
        if let Some(message) = value["@message"].as_str().filter(|_| wanted) {
            writeln!(out, "  {message}")?;
        }
    }
    Ok(())
}

/// The longest answer that stands behind its request.
const SHORT: usize = 100;

/// A request and its answer; a long body has a line for each member.
pub(super) fn answer(out: &mut (dyn Write + Send), request: &str, status: u16, body: &Value) -> Result<()> {
    let line = body.to_string();
    match body {
        Value::Null => writeln!(out, "{request} → {status}")?,
        _ if line.len() <= SHORT => writeln!(out, "{request} → {status} {line}")?,
        _ => {
            writeln!(out, "{request} → {status}")?;
            for line in format!("{body:#}").lines() {
                writeln!(out, "  {line}")?;
            }
        }
    }
    Ok(())
}

/// The history as a table; `names` maps ids of processes to their names.
pub(super) fn history(runs: &[Run], names: &[(String, String)]) -> Table {
    let mut table = Table::new();
    table
        .load_preset(presets::UTF8_FULL_CONDENSED)
        .set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(["FechaProgramada", "Proceso", "Estado", "Intentos", "IdEjecucion"]);
    for run in runs {
        let name = names
            .iter()
            .find(|(id, _)| *id == run.id_proceso)
            .map_or(run.id_proceso.as_str(), |(_, name)| name);
        let when = run.programada.to_string();
        table.add_row([when.as_str(), name, &run.estado, &run.intentos.to_string(), &run.id]);
    }
    table
}
