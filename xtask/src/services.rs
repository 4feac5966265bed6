//! `cargo xtask services`: the tables of universal targets, from the public models of AWS's services.
//!
//! Invariant: the same models make the same bytes; only facts are taken (names, paths, places of members), no text.

mod bindings;
mod endpoints;
mod model;
mod shapes;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use flate2::Compression;
use flate2::write::DeflateEncoder;

use crate::shell::root;
use crate::venv;
use endpoints::{Partition, Rules};
use model::{Model, Support};

/// What validation needs: services and actions.
const SERVICES: &str = "core/src/arn/services.txt";

/// What a call needs: protocols, hosts, paths, places of members.
const BINDINGS: &str = "aws/src/call/bindings.txt";

/// Writes both tables.
pub(crate) fn write() -> Result<()> {
    for (file, text) in tables()? {
        fs::write(root().join(file), &text).with_context(|| format!("writing {file}"))?;
        println!(
            "{file}: {} lines, {} bytes, {} deflated",
            text.lines().count(),
            text.len(),
            deflated(&text)?
        );
    }
    Ok(())
}

/// Checks that both tables are what the pinned models say.
pub(crate) fn check() -> Result<()> {
    for (file, text) in tables()? {
        let held = fs::read_to_string(root().join(file)).with_context(|| format!("reading {file}"))?;
        if held != text {
            let line = held.lines().zip(text.lines()).position(|(held, made)| held != made);
            let line = line.unwrap_or_else(|| held.lines().count().min(text.lines().count())) + 1;
            bail!("{file} is not what the pinned models say, from line {line}: run `cargo xtask services`");
        }
    }
    Ok(())
}

fn tables() -> Result<[(&'static str, String); 2]> {
    let data = data(&venv::ensure()?)?;
    let partitions = endpoints::partitions(&data)?;
    let mut services = Vec::new();
    let mut lines = Vec::new();
    for model in model::all(&data)? {
        let rules = Rules::read(&model)?;
        let support = match model.support() {
            Support::Unsupported(reason) => Err(reason),
            Support::Json | Support::Rest if !is_anywhere(&model, &rules, &partitions) => Err("endpoint"),
            Support::Json | Support::Rest => Ok(()),
        };
        services.push(format!("{} {}", model.id, actions(&model, support)));
        if support.is_ok() && model.actions().next().is_some() {
            lines.extend(bindings::lines(&model, &rules, &partitions)?);
        }
    }
    lines.sort_by(|one, other| first(one).cmp(first(other)));
    services.sort_by(|one, other| first(one).cmp(first(other)));
    Ok([(SERVICES, text(&services)), (BINDINGS, text(&lines))])
}

/// Whether its host can be known without anything that only a request could tell.
fn is_anywhere(model: &Model, rules: &Rules, partitions: &[Partition]) -> bool {
    let first = model.actions().next();
    first.is_none_or(|action| rules.is_resolved(partitions, &action.context()))
}

/// The actions of a service, each with the reason why it cannot be called where it cannot.
fn actions(model: &Model, support: Result<(), &str>) -> String {
    if let Err(reason) = support {
        return format!("!{reason}");
    }
    let mut names: Vec<String> = model
        .actions()
        .map(|action| match action.unsupported() {
            Some(reason) => format!("{}!{reason}", action.name),
            None => action.name,
        })
        .collect();
    names.sort();
    names.join(" ")
}

fn first(line: &str) -> &str {
    line.split(' ').next().unwrap_or_default()
}

fn text(lines: &[String]) -> String {
    lines
        .iter()
        .fold(String::new(), |text, line| text + line.trim_end() + "\n")
}

/// botocore's folder of models: it keeps those that AWS publishes for its SDKs.
fn data(venv: &Path) -> Result<PathBuf> {
    let lib = venv.join("lib");
    let found = fs::read_dir(&lib)
        .with_context(|| format!("reading \"{}\"", lib.display()))?
        .filter_map(Result::ok)
        .map(|entry| entry.path().join("site-packages").join("botocore").join("data"))
        .find(|path| path.is_dir());
    found.with_context(|| format!("botocore is not installed in \"{}\"", venv.display()))
}

fn deflated(text: &str) -> Result<usize> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(text.as_bytes())?;
    Ok(encoder.finish()?.len())
}
