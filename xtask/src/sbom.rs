//! `cargo xtask sbom`: what a release is made of, as CycloneDX: the crates of the provider and of the Lambdas inside it.
//!
//! Invariant: the same lock file gives the same bytes; no time, no machine, no random serial number is in it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::shell::{ask, cargo, command, root};

/// What is shipped: the provider's binary, and the Lambdas' in it.
const SHIPPED: [&str; 4] = ["terraform-provider-kairos", "dispatcher", "executor", "api"];

/// The whole, in references.
const RELEASE: &str = "release";

/// Asks cargo for the crates, for the platforms given or all, and writes the document.
pub(crate) fn write(file: &Path, platforms: &[String]) -> Result<()> {
    fs::write(file, ask_cargo(platforms)?).with_context(|| format!("writing \"{}\"", file.display()))
}

/// Makes the document of this machine's platform twice: it can be made, is the same, and tells nothing of the machine.
pub(crate) fn check() -> Result<()> {
    let platform = ask(command("rustc").args(["--print", "host-tuple"])).context("asking rustc for its host")?;
    let made = ask_cargo(std::slice::from_ref(&platform))?;
    ensure!(
        made == ask_cargo(&[platform])?,
        "the list of crates differs from one time to the next"
    );
    let here = root().display().to_string();
    ensure!(
        !made.contains(&here),
        "the list of crates tells where it was made: {here}"
    );
    println!("{} crates are shipped", made.matches("\"purl\"").count());
    Ok(())
}

fn ask_cargo(platforms: &[String]) -> Result<String> {
    let mut metadata = cargo(["metadata", "--format-version", "1", "--locked"]);
    for platform in platforms {
        metadata.args(["--filter-platform", platform]);
    }
    let metadata = ask(&mut metadata).context("asking `cargo metadata --locked` for the crates")?;
    let metadata: Value = serde_json::from_str(&metadata).context("reading what cargo metadata says")?;
    Ok(format!("{:#}\n", document(&metadata)?))
}

/// A crate as cargo metadata tells of it.
#[derive(Debug)]
struct Crate<'a> {
    name: &'a str,
    version: &'a str,
    /// From a registry, and not ours.
    foreign: bool,
    facts: &'a Value,
    needs: Vec<&'a str>,
}

fn document(metadata: &Value) -> Result<Value> {
    let crates = crates(metadata)?;
    let roots: Vec<&str> = crates
        .iter()
        .filter(|(_, found)| !found.foreign && SHIPPED.contains(&found.name))
        .map(|(id, _)| *id)
        .collect();
    ensure!(
        roots.len() == SHIPPED.len(),
        "not all of {SHIPPED:?} are in the workspace"
    );
    let shipped = reached(&crates, &roots);
    let provider = roots
        .iter()
        .filter_map(|id| crates.get(id))
        .find(|root| root.name == SHIPPED[0])
        .context("the provider's crate")?;
    let of = |id: &&str| crates.get(*id).map(Crate::component);
    let components: Vec<Value> = shipped.iter().filter_map(of).collect();
    let edges = |of: &str, needs: &[&str]| {
        let needs = needs.iter().filter_map(|id| crates.get(*id)).map(Crate::reference);
        json!({ "ref": of, "dependsOn": needs.collect::<BTreeSet<_>>() })
    };
    let dependencies: Vec<Value> = [edges(RELEASE, &roots)]
        .into_iter()
        .chain(
            shipped
                .iter()
                .filter_map(|id| crates.get(id))
                .map(|found| edges(&found.reference(), &found.needs)),
        )
        .collect();
    Ok(json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": RELEASE,
                "name": provider.name,
                "version": provider.version,
                "description": "The release: the provider, and the Lambdas inside it.",
                "licenses": [{ "expression": "Apache-2.0" }],
            },
        },
        "components": components,
        "dependencies": dependencies,
    }))
}

/// All crates by their ids, each with what it is built from: not what only its tests or its build script need.
fn crates(metadata: &Value) -> Result<BTreeMap<&str, Crate<'_>>> {
    let list = |value: &'static str, of: &'static str| {
        metadata
            .pointer(value)
            .and_then(Value::as_array)
            .with_context(|| format!("cargo metadata without {of}"))
    };
    let mut needs: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for node in list("/resolve/nodes", "a graph")? {
        let id = node["id"].as_str().context("a node without its id")?;
        let edges = node["deps"].as_array().context("a node without its edges")?.iter();
        let normal = edges.filter(|edge| {
            edge["dep_kinds"]
                .as_array()
                .is_some_and(|kinds| kinds.iter().any(|kind| kind["kind"].is_null()))
        });
        needs.insert(id, normal.filter_map(|edge| edge["pkg"].as_str()).collect());
    }
    let mut crates = BTreeMap::new();
    for package in list("/packages", "packages")? {
        let text = |key: &str| {
            package[key]
                .as_str()
                .with_context(|| format!("a package without its {key}"))
        };
        let id = text("id")?;
        let found = Crate {
            name: text("name")?,
            version: text("version")?,
            foreign: package["source"].is_string(),
            facts: package,
            needs: needs.remove(id).unwrap_or_default(),
        };
        crates.insert(id, found);
    }
    Ok(crates)
}

/// What the roots are made of, themselves included, in the order of the ids.
fn reached<'a>(crates: &BTreeMap<&'a str, Crate<'a>>, roots: &[&'a str]) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut waiting: VecDeque<&str> = roots.iter().copied().collect();
    while let Some(id) = waiting.pop_front() {
        if reached.insert(id) {
            waiting.extend(crates.get(id).into_iter().flat_map(|found| found.needs.iter().copied()));
        }
    }
    reached
}

impl Crate<'_> {
    fn reference(&self) -> String {
        if self.foreign {
            format!("pkg:cargo/{}@{}", self.name, self.version)
        } else {
            format!("workspace:{}@{}", self.name, self.version)
        }
    }

    fn component(&self) -> Value {
        let mut component = json!({
            "type": "library",
            "bom-ref": self.reference(),
            "name": self.name,
            "version": self.version,
        });
        if self.foreign {
            component["purl"] = json!(self.reference());
        }
        if let Some(license) = self.facts["license"].as_str() {
            // Cargo took a slash for "or" once, and old crates still write it.
            component["licenses"] = json!([{ "expression": license.replace('/', " OR ").replace("  OR  ", " OR ") }]);
        }
        component
    }
}

#[cfg(test)]
mod unit {
    use super::*;

    fn package(name: &str, source: Option<&str>) -> Value {
        json!({ "id": name, "name": name, "version": "1.0.0", "source": source, "license": "MIT/Apache-2.0" })
    }

    fn edge(to: &str, kind: Option<&str>) -> Value {
        json!({ "pkg": to, "dep_kinds": [{ "kind": kind }] })
    }

    #[test]
    fn it_holds_what_is_shipped_and_neither_tests_nor_build_scripts() -> Result<()> {
        let registry = Some("registry");
        let ours = SHIPPED.iter().map(|name| package(name, None));
        let foreign = ["used", "deep", "tests-only", "build-only"].map(|name| package(name, registry));
        let metadata = json!({
            "packages": ours.chain(foreign).chain([package("acceptance", None)]).collect::<Vec<_>>(),
            "resolve": { "nodes": [
                { "id": "executor", "deps": [edge("used", None), edge("tests-only", Some("dev"))] },
                { "id": "used", "deps": [edge("deep", None), edge("build-only", Some("build"))] },
                { "id": "acceptance", "deps": [edge("tests-only", None)] },
            ] },
        });
        let document = document(&metadata)?;
        let components = document["components"].as_array().context("no components")?;
        let names: Vec<_> = components
            .iter()
            .filter_map(|component| component["name"].as_str())
            .collect();
        assert_eq!(
            names,
            [
                "api",
                "deep",
                "dispatcher",
                "executor",
                "terraform-provider-kairos",
                "used"
            ]
        );
        assert_eq!(components[1]["purl"], "pkg:cargo/deep@1.0.0");
        assert_eq!(components[1]["licenses"][0]["expression"], "MIT OR Apache-2.0");
        assert!(components[0].get("purl").is_none(), "our own crates are in no registry");
        let executor = json!({ "ref": "workspace:executor@1.0.0", "dependsOn": ["pkg:cargo/used@1.0.0"] });
        assert!(
            document["dependencies"]
                .as_array()
                .is_some_and(|edges| edges.contains(&executor)),
            "{document:#}"
        );
        Ok(())
    }
}
