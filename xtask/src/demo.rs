//! `cargo xtask demo`, `bench` and `docs`: builds what they need, then hands over to the program that does it.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, anyhow};

use crate::shell::{cargo, command, root, run, run_with, target};
use crate::{package, venv};

/// How a profile of cargo is chosen, and where it puts its binaries.
struct Profile {
    arguments: &'static [&'static str],
    folder: &'static str,
}

const DEV: Profile = Profile {
    arguments: &[],
    folder: "debug",
};
const RELEASE: Profile = Profile {
    arguments: &["--release"],
    folder: "release",
};

/// Runs the demo. The demo takes our place, so that Ctrl-C reaches it and nothing ends before it has cleaned up.
pub(crate) fn demo(keep: bool) -> Result<()> {
    let mut demo = prepared("demo", &DEV)?;
    demo.args(keep.then_some("--keep"));
    Err(anyhow!(demo.exec()).context("starting the demo"))
}

/// Has terraform install the release in `folder`, which the key of the file `key` has signed, and run the quickstart on it.
pub(crate) fn install(folder: &Path, key: &Path) -> Result<()> {
    let mut demo = prepared("demo", &DEV)?;
    run(demo.arg("--install").arg(folder).arg(key)).context("installing the release")
}

/// Measures Kairos against its peers; `arguments` choose parts and sizes.
pub(crate) fn bench(arguments: &[String]) -> Result<()> {
    let mut bench = prepared("bench", &RELEASE)?;
    // Only one part needs each, and it is all of them where none is named.
    for (part, variable, package, example) in [
        ("api", "KAIROS_EMPTY", "api", "empty"),
        ("lambdas", "KAIROS_CLIENTS_BINARY", "api", "clients"),
        ("dispatch", "KAIROS_CEILING", "dispatcher", "ceiling"),
    ] {
        if arguments.is_empty() || arguments.iter().any(|argument| argument == part) {
            bench.env(variable, package::peer(package, example)?);
        }
    }
    bench.args(arguments);
    Err(anyhow!(bench.exec()).context("starting the benchmarks"))
}

/// Writes what the documentation has from programs: docs/guides/permissions.md, docs/api, and docs/demo.md from a run of the demo.
pub(crate) fn docs() -> Result<()> {
    let mut demo = prepared("demo", &DEV)?;
    run(&mut cargo(["build", "--locked", "--workspace", "--example", "openapi"]))
        .context("building what prints the API's document")?;
    let provider = provider(&target().join(DEV.folder));
    let guide = printed(command(provider).args(["permissions", "--guide"]))?;
    let file = root().join("docs").join("guides").join("permissions.md");
    fs::write(file, guide).context("writing docs/guides/permissions.md")?;
    for (arguments, name) in [(&[][..], "openapi.json"), (&["mensajes"][..], "mensajes.schema.json")] {
        let document = printed(command(target().join(DEV.folder).join("examples").join("openapi")).args(arguments))?;
        fs::write(root().join("docs").join("api").join(name), document)
            .with_context(|| format!("writing docs/api/{name}"))?;
    }
    let mut text = String::from(
        "# The demo's output\n\nWritten by `cargo xtask docs` from a run of `cargo xtask demo`.\n\n```text\n",
    );
    let mut started = false;
    run_with(&mut demo, |line| {
        println!("{line}");
        started |= !line.is_empty();
        if started {
            text.push_str(line.trim_end());
            text.push('\n');
        }
    })?;
    text.push_str("```\n");
    fs::write(root().join("docs").join("demo.md"), text).context("writing docs/demo.md")
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

/// Builds and packs everything, and gives the command of a program of the acceptance crate.
fn prepared(program: &str, profile: &Profile) -> Result<Command> {
    let tools = venv::ensure()?;
    package::run(package::DEFAULT_ARCHITECTURE)?;
    run(cargo(["build", "--locked", "--workspace", "--bins"]).args(profile.arguments))
        .context("building the provider")?;
    let binaries = target().join(profile.folder);
    let mut prepared = command(binaries.join(program));
    prepared
        .env("KAIROS_VENV", tools)
        .env("KAIROS_PROVIDER", provider(&binaries));
    Ok(prepared)
}

fn provider(binaries: &Path) -> std::path::PathBuf {
    binaries.join("terraform-provider-kairos")
}
