//! The generic caller against botocore: for every action that universal targets can call, the request made of an input from
//! the model's shape, and for every service its host and signature in regions of each partition.
//!
//! What is compared is made independently: botocore reads the models themselves, ours the table of bindings.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use acceptance::workspace;
use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use kairos_aws::call::{endpoint, prepare};
use percent_encoding::percent_decode_str;
use serde_json::Value;

/// Actions whose requests differ from botocore's, each with the reason, a line each.
const EXCEPTIONS: &str = include_str!("exceptions.txt");

/// Headers that botocore adds outside of what is compared here, or leaves to its connection.
const HEADERS: [(&str, &str); 3] = [
    ("accept", "application/json"),
    ("x-amz-glacier-version", "2012-06-01"),
    ("content-type", "application/octet-stream"),
];

/// The fewest actions of a table that is whole.
const ACTIONS: usize = 6_000;

/// The fewest hosts: of most services in eight regions.
const HOSTS: usize = 2_500;

/// What differs shows up to here.
const SHOWN: usize = 25;

#[test]
fn every_action_is_called_as_botocore_calls_it() -> Result<()> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lambdas/universal/peer.py");
    let mut peer = Command::new(workspace::venv_tool("python")?)
        .arg(script)
        .arg(workspace::root().join("core/src/arn/services.txt"))
        .stdout(Stdio::piped())
        .spawn()
        .context("starting botocore")?;
    let lines = BufReader::new(peer.stdout.take().context("no output")?).lines();
    let expected: BTreeSet<&str> = EXCEPTIONS.lines().filter_map(|line| line.split(' ').next()).collect();
    let mut met = BTreeSet::new();
    let (mut requests, mut hosts, mut differences) = (0, 0, Vec::new());
    for line in lines {
        let said: Value = serde_json::from_str(&line?)?;
        let service = text(&said, "service");
        for theirs in list(&said, "requests") {
            requests += 1;
            let action = format!("{service}.{}", text(theirs, "action"));
            match request(service, theirs) {
                Some(_) if expected.contains(action.as_str()) => drop(met.insert(action)),
                Some(what) => differences.push(format!("{action}: {what}")),
                None => {}
            }
        }
        for theirs in list(&said, "hosts") {
            hosts += 1;
            differences.extend(host(service, theirs));
        }
    }
    ensure!(peer.wait()?.success(), "botocore ended with an error");
    ensure!(requests >= 2 * ACTIONS, "only {requests} requests");
    ensure!(hosts >= HOSTS, "only {hosts} hosts");
    for action in expected.iter().filter(|action| !met.contains(**action)) {
        differences.push(format!("{action} is said to differ, and does not"));
    }
    let shown = differences.iter().take(SHOWN).cloned().collect::<Vec<_>>().join("\n");
    ensure!(differences.is_empty(), "{} differences:\n{shown}", differences.len());
    eprintln!("{requests} requests and {hosts} hosts as botocore makes them");
    Ok(())
}

/// How our request differs from botocore's.
fn request(service: &str, theirs: &Value) -> Option<String> {
    let ours = match prepare(service, text(theirs, "action"), &theirs["input"], None) {
        Ok(ours) => ours,
        Err(reason) => return Some(format!("refused: {reason}")),
    };
    let differ = |what: &str, ours: &dyn std::fmt::Debug, theirs: &dyn std::fmt::Debug| {
        Some(format!("{what}: ours {ours:?}, botocore's {theirs:?}"))
    };
    let (path, query) = ours.uri.split_once('?').unwrap_or((&ours.uri, ""));
    let (their_path, fixed) = text(theirs, "path")
        .split_once('?')
        .unwrap_or((text(theirs, "path"), ""));
    if (ours.method, path) != (text(theirs, "method"), their_path) {
        return differ("path", &(ours.method, path), &(text(theirs, "method"), their_path));
    }
    let query = pairs(query);
    let mut their_query = pairs(fixed);
    their_query.extend(list(theirs, "query").iter().map(|pair| {
        let word = |at: usize| pair[at].as_str().unwrap_or_default().to_owned();
        (word(0), word(1))
    }));
    if sorted(query.clone()) != sorted(their_query.clone()) {
        return differ("query", &query, &their_query);
    }
    let headers: BTreeMap<String, String> = ours
        .headers
        .iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), value.clone()))
        .filter(|(name, value)| !HEADERS.contains(&(name, value)))
        .collect();
    let their_headers: BTreeMap<String, String> = theirs["headers"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()))
        .filter(|(name, value)| !HEADERS.contains(&(name, value)))
        .collect();
    if headers != their_headers {
        return differ("headers", &headers, &their_headers);
    }
    if ours.host_prefix != text(theirs, "host_prefix") {
        return differ("host", &ours.host_prefix, &text(theirs, "host_prefix"));
    }
    let their_body = BASE64_STANDARD.decode(text(theirs, "body")).unwrap_or_default();
    if ours.body != their_body {
        let json = |body: &[u8]| serde_json::from_slice::<Value>(body).ok();
        if json(&ours.body).is_none() || json(&ours.body) != json(&their_body) {
            return differ(
                "body",
                &String::from_utf8_lossy(&ours.body),
                &String::from_utf8_lossy(&their_body),
            );
        }
    }
    None
}

/// How our host differs from botocore's.
fn host(service: &str, theirs: &Value) -> Option<String> {
    let (action, region) = (text(theirs, "action"), text(theirs, "region"));
    let expected = ["host", "signing_region", "signing_name"].map(|name| text(theirs, name).to_owned());
    let found = match endpoint(service, action, region) {
        Ok(found) => [found.host, found.signing_region, found.signing_name.to_owned()],
        Err(reason) => [reason, String::new(), String::new()],
    };
    (found != expected).then(|| format!("{service}.{action} in {region}: ours {found:?}, botocore's {expected:?}"))
}

fn pairs(query: &str) -> Vec<(String, String)> {
    let plain = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (plain(name), plain(value)))
        .collect()
}

fn sorted(mut pairs: Vec<(String, String)>) -> Vec<(String, String)> {
    pairs.sort();
    pairs
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map(Vec::as_slice).unwrap_or_default()
}
