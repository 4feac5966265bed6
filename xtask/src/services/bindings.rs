//! The lines of the table of bindings: its format is described in `aws/src/call/bindings.rs`.

use anyhow::{Context, Result};
use serde_json::{Map, Value};

use super::endpoints::{Partition, Rules};
use super::model::{Action, Model, Support, flag, word};
use super::shapes::Names;

/// Headers that services want and no model tells: API Gateway answers in another format without it, Glacier refuses.
const HEADERS: [(&str, &str); 2] = [
    ("apigateway", "accept:application/json"),
    ("glacier", "x-amz-glacier-version:2012-06-01"),
];

/// The service's line and those of its actions.
pub(super) fn lines(model: &Model, rules: &Rules, partitions: &[Partition]) -> Result<Vec<String>> {
    let names = Names::of(model);
    let hosts = Hosts::of(model, rules, partitions);
    let mut lines = vec![service(model, hosts.usual(), &names)];
    for action in model.actions().filter(|action| action.unsupported().is_none()) {
        let mut words = match model.support() {
            Support::Rest => rest(model, &action)?,
            _ => Vec::new(),
        };
        words.extend(common(&action, &names));
        let own = hosts.of_action(&action);
        if own != hosts.usual() {
            words.push(format!("e={own}"));
        }
        if !words.is_empty() {
            lines.push(format!("{}.{} {}", model.id, action.name, words.join(" ")));
        }
    }
    Ok(lines)
}

/// The hosts of a service's actions, which may differ by what an action says of itself.
#[derive(Debug)]
struct Hosts(Vec<(Map<String, Value>, usize, String)>);

impl Hosts {
    fn of(model: &Model, rules: &Rules, partitions: &[Partition]) -> Self {
        let mut found: Vec<(Map<String, Value>, usize, String)> = Vec::new();
        for action in model.actions() {
            let context = action.context();
            if let Some((_, count, _)) = found.iter_mut().find(|(known, _, _)| *known == context) {
                *count += 1;
            } else {
                let hosts = rules.exceptions(partitions, &context);
                found.push((context, 1, hosts));
            }
        }
        Self(found)
    }

    /// Those that most actions have.
    fn usual(&self) -> &str {
        let most = self.0.iter().max_by_key(|(_, count, _)| *count);
        most.map_or("", |(_, _, hosts)| hosts)
    }

    fn of_action(&self, action: &Action<'_>) -> &str {
        let context = action.context();
        let found = self.0.iter().find(|(known, _, _)| *known == context);
        found.map_or("", |(_, _, hosts)| hosts)
    }
}

fn service(model: &Model, hosts: &str, names: &Names) -> String {
    let metadata = model.metadata();
    let mut words = vec![model.id.clone()];
    if model.support() == Support::Rest {
        words.push("rest".to_owned());
    } else {
        words.push(word(metadata, "jsonVersion").to_owned());
        words.push(format!("t={}", word(metadata, "targetPrefix")));
    }
    let prefix = word(metadata, "endpointPrefix");
    if prefix != model.id {
        words.push(format!("p={prefix}"));
    }
    if let Some(name) = metadata["signingName"].as_str().filter(|name| *name != prefix) {
        words.push(format!("n={name}"));
    }
    if !hosts.is_empty() {
        words.push(format!("e={hosts}"));
    }
    let own = HEADERS.iter().filter(|(service, _)| *service == model.id);
    let mut headers: Vec<&str> = own.map(|(_, header)| *header).collect();
    if !metadata["awsQueryCompatible"].is_null() {
        // Errors keep the codes that they had in the query protocol, in a header.
        headers.push("x-amzn-query-mode:true");
    }
    if !headers.is_empty() {
        words.push(format!("x={}", headers.join(",")));
    }
    words.extend(names.words());
    words.join(" ")
}

/// What actions of all protocols may have.
fn common(action: &Action<'_>, names: &Names) -> Vec<String> {
    let mut words = Vec::new();
    let renamed = names.exceptions(action);
    if !renamed.is_empty() {
        words.push(format!("r={}", renamed.join(",")));
    }
    let tokens: Vec<&str> = action
        .members()
        .filter(|(_, member)| flag(member, "idempotencyToken"))
        .map(|(name, _)| name.as_str())
        .collect();
    if !tokens.is_empty() {
        words.push(format!("i={}", tokens.join(",")));
    }
    let prefix = word(&action.operation["endpoint"], "hostPrefix");
    if !prefix.is_empty() {
        words.push(format!("o={prefix}"));
    }
    if action.operation["authtype"] == "none" {
        words.push("u".to_owned());
    }
    words
}

/// Method, path, and where the members go.
fn rest(model: &Model, action: &Action<'_>) -> Result<Vec<String>> {
    let http = &action.operation["http"];
    let mut path = word(http, "requestUri").to_owned();
    let (mut query, mut headers, mut prefixes) = (Vec::new(), Vec::new(), Vec::new());
    for (name, member) in action.members() {
        let wire = member["locationName"].as_str().unwrap_or(name);
        match word(member, "location") {
            "uri" => path = labelled(&path, wire, name),
            "querystring" => query.push(pair(name, wire)),
            "header" => headers.push(pair(name, &format!("{wire}{}", header_kind(model, member)))),
            "headers" => prefixes.push(pair(name, wire)),
            _ => {}
        }
    }
    let mut words = vec![word(http, "method").to_owned(), path];
    for (key, values) in [("q", query), ("h", headers), ("f", prefixes)] {
        if !values.is_empty() {
            words.push(format!("{key}={}", values.join(",")));
        }
    }
    if let Some(payload) = action.input()["payload"].as_str() {
        let member = &action.input()["members"][payload];
        let raw = matches!(word(model.target(member), "type"), "blob" | "string");
        words.push(format!("b={payload}{}", if raw { "!" } else { "" }));
    } else if action.members().any(|(_, member)| member["location"].is_null()) {
        words.push("j".to_owned());
    }
    words
        .iter()
        .all(|word| !word.contains(' '))
        .then_some(())
        .with_context(|| format!("{}.{} has a blank in its path", model.id, action.name))?;
    Ok(words)
}

/// The path with the member's own name in its label.
fn labelled(path: &str, wire: &str, name: &str) -> String {
    path.replace(&format!("{{{wire}}}"), &format!("{{{name}}}"))
        .replace(&format!("{{{wire}+}}"), &format!("{{{name}+}}"))
}

fn pair(name: &str, wire: &str) -> String {
    if name == wire {
        name.to_owned()
    } else {
        format!("{name}:{wire}")
    }
}

/// The mark of headers that are no plain text.
fn header_kind(model: &Model, member: &Value) -> &'static str {
    if flag(member, "jsonvalue") {
        return "^";
    }
    let shape = model.target(member);
    let iso = [member, shape]
        .iter()
        .any(|holder| matches!(holder["timestampFormat"].as_str(), Some("iso8601" | "unixTimestamp")));
    if word(shape, "type") == "timestamp" && !iso {
        "~"
    } else {
        ""
    }
}
