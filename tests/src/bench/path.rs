//! The longest way through the graph of an operation, by what the provider logs of it.
//!
//! Invariant: a way is as long as its components took, one behind the other; waiting for a turn does not count.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use jiff::Timestamp;
use serde_json::Value;

/// A component of an operation.
#[derive(Debug, Default)]
struct Node {
    ms: u64,
    waits_for: Vec<String>,
}

/// The seconds that the longest way took, from the provider's log (`TF_LOG_PROVIDER=debug`) of one operation.
pub fn longest(log: &str) -> Result<f64> {
    let mut nodes: BTreeMap<&str, Node> = BTreeMap::new();
    for line in log.lines() {
        let Some(component) = field(line, "componente") else {
            continue;
        };
        let node = nodes.entry(component).or_default();
        if let Some(waits_for) = field(line, "waits_for") {
            node.waits_for = waits_for.split_whitespace().map(str::to_owned).collect();
        }
        if line.contains(": done: ")
            && let Some(ms) = field(line, "ms").and_then(|ms| ms.parse().ok())
        {
            node.ms = ms;
        }
    }
    ensure!(
        nodes.values().any(|node| node.ms > 0),
        "the log tells of no component that was worked on"
    );
    let mut known = BTreeMap::new();
    let longest = nodes.keys().map(|component| way(component, &nodes, &mut known)).max();
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of minutes")]
    Ok(longest.unwrap_or_default() as f64 / 1e3)
}

/// The seconds that the one resource of an apply took to be created, from the lines of `terraform apply -json`: without the
/// start of terraform and of the provider.
pub fn creation(lines: &str) -> Result<f64> {
    let lines: Vec<Value> = lines
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    let time = |kind: &str| -> Result<Timestamp> {
        let line = lines.iter().find(|line| line["type"] == kind);
        let text = line.and_then(|line| line["@timestamp"].as_str());
        text.with_context(|| format!("terraform told no time of {kind}"))?
            .parse()
            .context("reading terraform's time")
    };
    let took = time("apply_complete")?.duration_since(time("apply_start")?);
    Ok(took.as_secs_f64())
}

/// The longest way that ends with a component. The graph has no cycle.
fn way<'a>(component: &'a str, nodes: &'a BTreeMap<&str, Node>, known: &mut BTreeMap<&'a str, u64>) -> u64 {
    if let Some(ms) = known.get(component) {
        return *ms;
    }
    let Some(node) = nodes.get(component) else { return 0 };
    let before = node.waits_for.iter().map(|on| way(on, nodes, known)).max();
    let ms = node.ms + before.unwrap_or_default();
    known.insert(component, ms);
    ms
}

/// The value of `name=value` or `name="…"` in a line of terraform's log.
fn field<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let at = line.find(&format!(" {name}="))? + name.len() + 2;
    let rest = &line[at..];
    match rest.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next(),
        None => rest.split_whitespace().next(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_way_is_added_up_along_what_was_waited_for() -> Result<()> {
        let log = r#"
2026-01-01T00:00:00.000Z [DEBUG] provider.p: planned: componente=a action=create waits_for=""
2026-01-01T00:00:00.000Z [DEBUG] provider.p: planned: action=create waits_for="a c" componente=b
2026-01-01T00:00:00.000Z [DEBUG] provider.p: planned: componente=c waits_for=a action=create
2026-01-01T00:00:00.000Z [DEBUG] provider.p: planned: componente=alone waits_for="" action=create
2026-01-01T00:00:01.000Z [INFO]  provider.p: done: componente=a ms=100 action=create
2026-01-01T00:00:01.000Z [INFO]  provider.p: done: ms=1000 componente=c action=create
2026-01-01T00:00:01.000Z [INFO]  provider.p: done: ms=30 componente=b action=create
2026-01-01T00:00:01.000Z [INFO]  provider.p: done: ms=1100 componente=alone action=create
2026-01-01T00:00:01.000Z [WARN]  provider.p: failed: ms=9000 componente=b action=create
"#;
        assert!((longest(log)? - 1.13).abs() < 1e-9);
        assert!(longest("nothing").is_err());
        Ok(())
    }

    #[test]
    fn a_creation_takes_from_its_start_to_its_end() -> Result<()> {
        let lines = r#"{"type":"version","@timestamp":"2026-01-01T00:00:00.000000-03:00"}
{"type":"apply_start","@timestamp":"2026-01-01T00:00:01.250000-03:00"}
{"type":"apply_complete","@timestamp":"2026-01-01T00:00:03.000000-03:00"}
"#;
        assert!((creation(lines)? - 1.75).abs() < 1e-9);
        assert!(creation("{}").is_err());
        Ok(())
    }
}
