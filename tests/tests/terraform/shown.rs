//! What a plan shows of a stack, as its user sees it: as text, and as one line an object.

use std::collections::BTreeSet;

use acceptance::Terraform;
use acceptance::terraform::PlanSummary;
use anyhow::{Context, Result};
use serde_json::Value;

use crate::common::APP;

/// The stack in every test.
pub(crate) const STACK: &str = "kairos_stack.this";

/// What the last plan shows, as `terraform show` prints it, without what differs from run to run.
pub(crate) fn text(terraform: &Terraform, account: &str) -> Result<String> {
    let shown = terraform
        .run(&["show", "-no-color", "plan.bin"])?
        .succeeded("show")?
        .stdout;
    let masked = shown.replace(account, "{account}");
    let lines = masked.lines().map(|line| mask(line.trim_end()));
    Ok(lines.collect::<Vec<_>>().join("\n") + "\n")
}

/// One line for each attribute and object of the stack that a plan does anything to.
pub(crate) fn lines(plan: &PlanSummary) -> Result<String> {
    let changes = plan.raw["resource_changes"].as_array().context("no changes")?;
    let change = changes
        .iter()
        .find(|change| change["address"] == STACK)
        .map(|change| &change["change"])
        .context("the stack is not in the plan")?;
    let (before, after, open) = (&change["before"], &change["after"], &change["after_unknown"]);
    let mut lines = Vec::new();
    for name in keys(&[before, after, open]) {
        if name == "components" {
            continue;
        }
        let unknown = open[&name] == true;
        if unknown || before[&name] != after[&name] {
            let rest = if unknown { " = (known after apply)" } else { "" };
            lines.push(format!("~ {name}{rest}"));
        }
    }
    let of = |value: &Value| value["components"].clone();
    for name in keys(&[&of(before), &of(after)]) {
        lines.extend(component(
            &name,
            &before["components"][&name],
            &after["components"][&name],
            &open["components"][&name],
        ));
    }
    Ok(lines.join("\n") + "\n")
}

/// The components that a plan does anything to.
pub(crate) fn touched(plan: &PlanSummary) -> Result<BTreeSet<String>> {
    let lines = lines(plan)?;
    let components = lines
        .lines()
        .filter(|line| !line.starts_with("~ ") || line.contains(": "));
    Ok(components
        .filter_map(|line| Some(line.get(2..)?.split(": ").next()?.to_owned()))
        .collect())
}

fn component(name: &str, before: &Value, after: &Value, open: &Value) -> Option<String> {
    match (before.is_null(), after.is_null()) {
        (true, true) => None,
        (true, false) => Some(format!("+ {name}")),
        (false, true) => Some(format!("- {name}")),
        (false, false) if before == after && open["id"] != true && open["digest"] != true => None,
        (false, false) => {
            let words = after["change"].as_array().into_iter().flatten();
            let words: Vec<&str> = words.filter_map(Value::as_str).collect();
            let id = if open["id"] == true { " [another id]" } else { "" };
            Some(format!("~ {name}: {}{id}", words.join("; ")))
        }
    }
}

fn keys(objects: &[&Value]) -> BTreeSet<String> {
    let members = objects.iter().filter_map(|object| object.as_object()).flatten();
    members.map(|(name, _)| name.clone()).collect()
}

/// A line without digests and ids of AWS's: they differ with every build and every run.
fn mask(line: &str) -> String {
    let mut parts = line.split('"');
    let mut masked = parts.next().unwrap_or_default().to_owned();
    let attribute = masked.trim_start_matches([' ', '~', '+', '-']).split(' ').next();
    let id = attribute.is_some_and(|name| name == "id" || name.ends_with("_id"));
    for (index, part) in parts.enumerate() {
        masked.push('"');
        let quoted = index % 2 == 0;
        let digest = part.len() == 16 && part.chars().all(|c| c.is_ascii_hexdigit());
        let (rest, last) = part
            .rsplit_once(':')
            .map_or(("", part), |(rest, last)| (&part[..=rest.len()], last));
        let uuid = last.split('-').map(str::len).eq([8, 4, 4, 4, 12]);
        masked.push_str(match () {
            () if quoted && digest => "{digest}",
            () if quoted && uuid => rest,
            () if quoted && id && rest.is_empty() && !part.contains(APP) => "",
            () => part,
        });
        if quoted && !digest && (uuid || (id && rest.is_empty() && !part.contains(APP))) {
            masked.push_str("{id}");
        }
    }
    masked
}
