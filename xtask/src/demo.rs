//! `cargo xtask demo` and `bench`: builds what they need, then hands over to the program that does it.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, anyhow};

use crate::shell::{cargo, command, run, target};
use crate::{package, venv};

/// How a profile of cargo is chosen, and where it puts its binaries.
pub(crate) struct Profile {
    arguments: &'static [&'static str],
    /// The folder's name below cargo's target folder.
    pub(crate) folder: &'static str,
}

/// What programs are built with that nobody measures.
pub(crate) const DEV: Profile = Profile {
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

/// Packs and builds everything, and gives the command of a program of the acceptance crate.
fn prepared(program: &str, profile: &Profile) -> Result<Command> {
    package::run(package::DEFAULT_ARCHITECTURE)?;
    built(program, profile)
}

/// Builds everything with the Lambdas as they are packed, and gives the command of a program of the acceptance crate.
pub(crate) fn built(program: &str, profile: &Profile) -> Result<Command> {
    let tools = venv::ensure()?;
    run(cargo(["build", "--locked", "--workspace", "--bins"]).args(profile.arguments))
        .context("building the provider")?;
    let binaries = target().join(profile.folder);
    let mut built = command(binaries.join(program));
    built
        .env("KAIROS_VENV", tools)
        .env("KAIROS_PROVIDER", provider(&binaries));
    Ok(built)
}

/// The provider's binary in a folder of cargo's.
pub(crate) fn provider(binaries: &Path) -> std::path::PathBuf {
    binaries.join("terraform-provider-kairos")
}
