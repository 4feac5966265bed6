//! `cargo xtask docs`: what the documentation has from programs, written by these programs.
//!
//! Invariant: all but docs/demo.md is the same at every run, and tests compare it with what the programs say.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::demo::{DEV, built, provider};
use crate::package;
use crate::shell::{cargo, command, root, run, run_with, target};

/// Writes the provider's pages, docs/guides/permissions.md, docs/api, and docs/demo.md from a run of the demo, whose Lambdas are
/// those that were packed last where `packed`.
pub(crate) fn write(packed: bool) -> Result<()> {
    if !packed {
        package::run(package::DEFAULT_ARCHITECTURE)?;
    }
    let mut demo = built("demo", &DEV)?;
    let binaries = target().join(DEV.folder);
    let examples = binaries.join("examples");
    run(&mut cargo([
        "build",
        "--locked",
        "--workspace",
        "--example",
        "openapi",
        "--example",
        "docs",
    ]))
    .context("building what prints the API's document, and what writes the provider's pages")?;
    run(&mut command(examples.join("docs"))).context("writing the provider's pages")?;
    let guide = printed(command(provider(&binaries)).args(["permissions", "--guide"]))?;
    save(&Path::new("guides").join("permissions.md"), &guide)?;
    for (arguments, name) in [(&[][..], "openapi.json"), (&["mensajes"][..], "mensajes.schema.json")] {
        let document = printed(command(examples.join("openapi")).args(arguments))?;
        save(&Path::new("api").join(name), &document)?;
    }
    let mut told = Vec::new();
    run_with(&mut demo, |line| {
        println!("{line}");
        told.push(line.trim_end().to_owned());
    })?;
    save(Path::new("demo.md"), &page(&told))
}

/// Writes a file below docs/.
fn save(file: &Path, text: &str) -> Result<()> {
    fs::write(root().join("docs").join(file), text).with_context(|| format!("writing docs/{}", file.display()))
}

/// What a command prints.
fn printed(command: &mut Command) -> Result<String> {
    let mut text = String::new();
    run_with(command, |line| {
        text.push_str(line);
        text.push('\n');
    })?;
    Ok(text)
}

/// What stands above the demo's output.
const ABOVE: &str = "\
# The demo

`cargo xtask demo` is the whole of Kairos in two minutes, on a machine without an AWS account: it starts a local AWS, makes a function and a queue as
targets, applies [examples/quickstart](../examples/quickstart/main.tf) with the real terraform, waits until its processes have run, calls the HTTP
API, plans again, destroys everything, and looks at what is left. It fails where a step does not do what it promises, and the acceptance
tests run it. With `--keep` it stays up until Ctrl-C and tells how to look around.

This is what it printed when `cargo xtask docs` wrote this page. Ports, times and the ids of runs are others each time.
";

/// What begins a part of the demo's output.
const HEADING: &str = "== ";

/// The demo's output as a page: each part a section.
fn page(told: &[String]) -> String {
    let mut text = ABOVE.to_owned();
    let parts = told.split(|line| line.starts_with(HEADING)).skip(1);
    let headings = told.iter().filter_map(|line| line.strip_prefix(HEADING));
    for (heading, part) in headings.zip(parts) {
        let lines = part.join("\n");
        text.push_str(&["\n## ", heading, "\n\n```text\n", lines.trim_matches('\n'), "\n```\n"].concat());
    }
    text
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn each_part_of_the_output_is_a_section() {
        let told = ["", "== First", "a", "", "  b", "", "== Second, `c`", "d → 200"].map(str::to_owned);
        let sections = "\n## First\n\n```text\na\n\n  b\n```\n\n## Second, `c`\n\n```text\nd → 200\n```\n";
        assert_eq!(page(&told), format!("{ABOVE}{sections}"));
    }
}
