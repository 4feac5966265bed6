//! What no compiler looks at: workflows, issue forms, and the configurations of Dependabot and of the release.
//!
//! Invariant: every linter is shown a file that it must refuse, so that one that looks at nothing is noticed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail, ensure};

use crate::shell::{command, root, run};
use crate::venv;

/// Folders that hold `.github`: ours, and that of the example which users copy.
const REPOSITORIES: [&str; 2] = ["", "examples/pipelines/github-actions"];

/// A schema that check-jsonschema carries, or a file of ours.
#[derive(Debug, Clone, Copy)]
enum Schema {
    Builtin(&'static str),
    Ours(&'static str),
}

/// Each with the one mistake that it must find.
const SPOILED: [(Schema, &str); 5] = [
    (
        Schema::Builtin("vendor.github-workflows"),
        "on: push\njobs: { a: { runs-on: x, steps: [{ run: x, usess: y }] } }\n",
    ),
    (
        Schema::Builtin("custom.github-workflows-require-timeout"),
        "on: push\njobs: { a: { runs-on: x, steps: [{ run: x }] } }\n",
    ),
    (
        Schema::Builtin("vendor.dependabot"),
        "version: 2\nupdates: [{ package-ecosystem: cargo }]\n",
    ),
    (
        Schema::Builtin("vendor.github-issue-forms"),
        "name: a\nbody: [{ type: textarea }]\n",
    ),
    (GORELEASER, "version: 2\n"),
];

const GORELEASER: Schema = Schema::Ours("xtask/schemas/goreleaser.schema.json");

/// A workflow that takes an action by a name that its owner may move.
const UNPINNED: &str = "name: a\non: push\npermissions: {}\njobs:\n  a:\n    name: a\n    runs-on: x\n    steps:\n      \
                        - uses: someone/something@v1\n";

/// Checks them all; without the network.
pub(crate) fn run_all() -> Result<()> {
    let tools = venv::WORKFLOWS.ensure()?.join("bin");
    let folders: Vec<PathBuf> = REPOSITORIES
        .iter()
        .map(|repository| root().join(repository).join(".github"))
        .collect();
    let workflows = folders
        .iter()
        .map(|folder| yaml(&folder.join("workflows")))
        .collect::<Result<Vec<_>>>()?
        .concat();
    ensure!(
        workflows.len() > REPOSITORIES.len(),
        "too few workflows were found: {workflows:?}"
    );
    let (config, forms) = yaml(&root().join(".github").join("ISSUE_TEMPLATE"))?
        .into_iter()
        .partition::<Vec<_>, _>(|file| file.file_stem().is_some_and(|name| name == "config"));

    for (schema, files) in [
        (Schema::Builtin("vendor.github-workflows"), workflows.clone()),
        (
            Schema::Builtin("custom.github-workflows-require-timeout"),
            workflows.clone(),
        ),
        (
            Schema::Builtin("vendor.dependabot"),
            vec![root().join(".github").join("dependabot.yml")],
        ),
        (Schema::Builtin("vendor.github-issue-forms"), forms),
        (Schema::Builtin("vendor.github-issue-config"), config),
        (GORELEASER, vec![root().join(".goreleaser.yml")]),
    ] {
        run(schema.check(&tools).args(&files)).with_context(|| format!("{schema:?}"))?;
    }
    let looked_at = workflows
        .iter()
        .chain([root().join(".github").join("dependabot.yml")].iter())
        .cloned()
        .collect::<Vec<_>>();
    run(zizmor(&tools).args(&looked_at)).context("the workflows' security")?;
    refuses_what_is_wrong(&tools)
}

/// The files of a folder that are YAML, in order.
fn yaml(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("reading \"{}\"", folder.display()))?;
    let mut files = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<std::io::Result<Vec<_>>>()?;
    files.retain(|file| {
        file.extension()
            .is_some_and(|extension| extension == "yml" || extension == "yaml")
    });
    ensure!(!files.is_empty(), "\"{}\" holds no YAML", folder.display());
    files.sort();
    Ok(files)
}

impl Schema {
    fn check(self, tools: &Path) -> std::process::Command {
        let mut check = command(tools.join("check-jsonschema"));
        match self {
            Self::Builtin(name) => check.args(["--builtin-schema", name]),
            Self::Ours(file) => check.arg("--schemafile").arg(root().join(file)),
        };
        check
    }
}

fn zizmor(tools: &Path) -> std::process::Command {
    let mut zizmor = command(tools.join("zizmor"));
    zizmor.args(["--offline", "--no-progress", "--pedantic", "--strict-collection"]);
    zizmor
}

fn refuses_what_is_wrong(tools: &Path) -> Result<()> {
    let folder = crate::shell::target().join("spoiled");
    let workflows = folder.join(".github").join("workflows");
    fs::create_dir_all(&workflows).context("making the folder of spoiled files")?;
    for (index, (schema, text)) in SPOILED.iter().enumerate() {
        let file = folder.join(format!("{index}.yml"));
        fs::write(&file, text).context("writing a spoiled file")?;
        refused(schema.check(tools).arg(&file)).with_context(|| format!("{schema:?}"))?;
    }
    let unpinned = workflows.join("unpinned.yml");
    fs::write(&unpinned, UNPINNED).context("writing a spoiled workflow")?;
    refused(zizmor(tools).arg(&unpinned)).context("an action that is not pinned")
}

/// Fails where a linter accepts.
fn refused(linter: &mut std::process::Command) -> Result<()> {
    let status = linter
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .context("starting a linter")?;
    if status.success() {
        bail!("a file with a mistake was accepted: the linter looks at nothing");
    }
    Ok(())
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn the_registry_is_told_the_protocol_that_the_provider_speaks() {
        let manifest = fs::read_to_string(root().join("terraform-registry-manifest.json")).unwrap_or_default();
        let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap_or_default();
        assert_eq!(
            manifest,
            serde_json::json!({ "version": 1, "metadata": { "protocol_versions": ["6.0"] } })
        );
    }
}
