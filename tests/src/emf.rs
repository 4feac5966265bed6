//! CloudWatch's embedded metric format, read as CloudWatch reads it: what a log's lines say, checked against the specification.
//!
//! Invariant: a document that CloudWatch would drop, or take a part of, is an error here.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::account::Account;

/// The specification's limits.
const MOST_METRICS: usize = 100;
const MOST_DIMENSIONS: usize = 30;
const MOST_VALUES: usize = 100;
const LONGEST_NAME: usize = 1024;
const LONGEST_DIMENSION: usize = 250;

/// The units that CloudWatch knows and that are of use here.
const UNITS: [&str; 5] = ["Count", "Milliseconds", "Seconds", "Bytes", "Percent"];

/// One document: a line of the log.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// The namespace.
    pub namespace: String,
    /// The dimensions.
    pub dimensions: BTreeMap<String, String>,
    /// The values of each metric.
    pub metrics: BTreeMap<String, Vec<f64>>,
    /// The unit of each metric.
    pub units: BTreeMap<String, String>,
    /// The whole line.
    pub line: Value,
}

/// The documents among the lines of a log.
///
/// # Errors
/// One of them is against the specification: with the line.
pub fn documents(log: &str) -> Result<Vec<Document>> {
    let lines = log.lines().filter(|line| line.contains("\"_aws\""));
    lines
        .map(|line| read(line).with_context(|| format!("in the line {line}")))
        .collect()
}

/// The documents that a log group holds.
///
/// # Errors
/// One of them is against the specification: with the line.
pub async fn of_group(account: &Account, group: &str) -> Result<Vec<Document>> {
    let mut pages = account
        .logs()
        .filter_log_events()
        .log_group_name(group)
        .into_paginator()
        .send();
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        for event in page.with_context(|| format!("reading the log {group}"))?.events() {
            found.extend(documents(event.message().unwrap_or_default())?);
        }
    }
    Ok(found)
}

/// The sum of a metric over all documents, whatever their dimensions.
pub fn sum(documents: &[Document], metric: &str) -> f64 {
    values(documents, metric).iter().sum()
}

/// The values of a metric in all documents, in their order.
pub fn values(documents: &[Document], metric: &str) -> Vec<f64> {
    let held = documents.iter().filter_map(|document| document.metrics.get(metric));
    held.flatten().copied().collect()
}

fn read(line: &str) -> Result<Document> {
    let line: Value = serde_json::from_str(line).context("it is no JSON")?;
    let aws = &line["_aws"];
    ensure!(aws["Timestamp"].is_u64(), "the timestamp is no number of milliseconds");
    let [directive] = aws["CloudWatchMetrics"].as_array().context("no directives")?.as_slice() else {
        bail!("not one directive: ours never need more");
    };
    let namespace = directive["Namespace"].as_str().context("no namespace")?;
    ensure!((1..=LONGEST_NAME).contains(&namespace.len()), "the namespace's length");
    let [set] = directive["Dimensions"].as_array().context("no dimensions")?.as_slice() else {
        bail!("not one set of dimensions: each further one multiplies the series");
    };
    let mut document = Document {
        namespace: namespace.to_owned(),
        dimensions: dimensions(set, &line)?,
        metrics: BTreeMap::new(),
        units: BTreeMap::new(),
        line: line.clone(),
    };
    let metrics = directive["Metrics"].as_array().context("no metrics")?;
    ensure!((1..=MOST_METRICS).contains(&metrics.len()), "{} metrics", metrics.len());
    for metric in metrics {
        let name = metric["Name"].as_str().context("a metric without a name")?;
        ensure!((1..=LONGEST_NAME).contains(&name.len()), "the length of \"{name}\"");
        ensure!(
            !document.dimensions.contains_key(name),
            "\"{name}\" is a dimension as well"
        );
        let unit = metric["Unit"]
            .as_str()
            .with_context(|| format!("\"{name}\" has no unit"))?;
        ensure!(UNITS.contains(&unit), "CloudWatch knows no unit \"{unit}\"");
        let values = numbers(&line[name]).with_context(|| format!("the values of \"{name}\""))?;
        ensure!(
            document.metrics.insert(name.to_owned(), values).is_none(),
            "\"{name}\" stands there twice"
        );
        document.units.insert(name.to_owned(), unit.to_owned());
    }
    Ok(document)
}

fn dimensions(set: &Value, line: &Value) -> Result<BTreeMap<String, String>> {
    let set = set.as_array().context("a set of dimensions is no list")?;
    ensure!(set.len() <= MOST_DIMENSIONS, "{} dimensions", set.len());
    set.iter()
        .map(|name| {
            let name = name.as_str().context("a dimension is no text")?;
            ensure!(
                (1..=LONGEST_DIMENSION).contains(&name.len()),
                "the length of \"{name}\""
            );
            let value = line[name]
                .as_str()
                .with_context(|| format!("\"{name}\" has no value"))?;
            ensure!(
                (1..=LONGEST_NAME).contains(&value.len()),
                "the length of the value of \"{name}\""
            );
            Ok((name.to_owned(), value.to_owned()))
        })
        .collect()
}

/// A number, or up to a hundred.
fn numbers(value: &Value) -> Result<Vec<f64>> {
    let number = |value: &Value| value.as_f64().filter(|number| number.is_finite()).context("no number");
    match value {
        Value::Array(values) => {
            ensure!((1..=MOST_VALUES).contains(&values.len()), "{} values", values.len());
            values.iter().map(number).collect()
        }
        other => Ok(vec![number(other)?]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(metrics: &str, rest: &str) -> String {
        format!(
            "{{\"_aws\":{{\"Timestamp\":1,\"CloudWatchMetrics\":[{{\"Namespace\":\"N\",\"Dimensions\":[[\"D\"]],\
             \"Metrics\":[{metrics}]}}]}}{rest}}}"
        )
    }

    #[track_caller]
    fn refused(metrics: &str, rest: &str, why: &str) {
        let said = documents(&line(metrics, rest)).err().map(|error| format!("{error:#}"));
        assert!(said.as_deref().is_some_and(|said| said.contains(why)), "{said:?}");
    }

    const COUNT: &str = r#"{"Name":"M","Unit":"Count"}"#;

    #[test]
    fn documents_are_found_among_other_lines() -> Result<()> {
        let log = format!(
            "plain\n{{\"level\":\"INFO\"}}\n{}\n",
            line(COUNT, r#","D":"d","M":[1,2.5]"#)
        );
        let documents = documents(&log)?;
        assert_eq!(values(&documents, "M"), [1.0, 2.5]);
        assert!((sum(&documents, "M") - 3.5).abs() < f64::EPSILON);
        assert_eq!(documents[0].dimensions["D"], "d");
        Ok(())
    }

    #[test]
    fn what_cloudwatch_would_drop_is_an_error() {
        refused(COUNT, r#","M":1"#, "\"D\" has no value");
        refused(COUNT, r#","D":"","M":1"#, "the length of the value");
        refused(COUNT, r#","D":"d""#, "the values of \"M\"");
        refused(COUNT, r#","D":"d","M":"1""#, "no number");
        refused("", r#","D":"d""#, "0 metrics");
        refused(r#"{"Name":"M","Unit":"Counts"}"#, r#","D":"d","M":1"#, "no unit");
        refused(
            r#"{"Name":"D","Unit":"Count"}"#,
            r#","D":"d""#,
            "is a dimension as well",
        );
        let many = vec!["1"; 101].join(",");
        refused(COUNT, &format!(r#","D":"d","M":[{many}]"#), "101 values");
        refused(COUNT, r#","D":"d","M":[]"#, "0 values");
    }
}
