//! `cargo xtask dist`: the files of a release for this machine's platform, as `.goreleaser.yml` has them made, without the
//! network. Then terraform installs them and runs the quickstart.
//!
//! Invariant: one commit gives the same zip in whatever folder it is built.

mod archive;
mod commit;
mod names;
mod sign;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use sha2::{Digest, Sha256};

use self::archive::Entry;
use self::commit::Commit;
use self::names::Names;
use crate::shell::{ask, cargo, command, root, run, target};
use crate::{demo, package, sbom};

/// The package, its binary, and the project's name in a release.
const PROVIDER: &str = "terraform-provider-kairos";

/// This machine's architecture, as rustc, Go and Lambda call it.
const MACHINE: (&str, &str) = if cfg!(target_arch = "aarch64") {
    ("aarch64", "arm64")
} else {
    ("x86_64", "amd64")
};

/// The architectures of Lambdas, each with the Rust target that it needs.
const LAMBDAS: [(&str, &str); 2] = [
    ("x86_64", "x86_64-unknown-linux-gnu"),
    ("arm64", "aarch64-unknown-linux-gnu"),
];

/// Makes the files in target/dist; `install` has terraform install them afterwards.
pub(crate) fn run_all(install: bool) -> Result<()> {
    if !cfg!(target_os = "linux") {
        bail!("it makes the files of linux, on linux; goreleaser makes those of all platforms");
    }
    sign::available()?;
    ensure!(
        target() == root().join("target"),
        "the provider embeds what lies in target/lambdas of the workspace: unset CARGO_TARGET_DIR"
    );
    if install && ask(command("terraform").arg("-version")).is_none() {
        bail!("terraform is not on the PATH: install it, or leave the installs out with --no-install");
    }
    let commit = Commit::head()?;
    println!("{commit}");
    for change in &commit.changes {
        println!("  not in the commit: {change}");
    }
    if !commit.changes.is_empty() && sign::with_the_users_key() {
        bail!("a release is made of a commit: commit or remove what is not in it, before it is signed with your key");
    }
    lambdas()?;
    let provider = provider()?;
    let (folder, key) = (
        target().join("dist"),
        target().join("dist-build").join("signing-key.asc"),
    );
    files(&commit, &provider, &folder, &key)?;
    if Commit::head()? != commit || !commit.changes.is_empty() {
        println!("MARK: these files are not of one commit: others may get other digests of it");
    }
    if install {
        demo::install(&folder, &key)?;
    }
    Ok(())
}

/// Packs the Lambdas of each architecture that can be built here. The provider embeds what is there.
fn lambdas() -> Result<()> {
    for (architecture, triple) in LAMBDAS {
        if has_target(triple) {
            package::run(architecture)?;
            continue;
        }
        let stale: Vec<_> = package::zips(architecture)
            .into_iter()
            .filter(|zip| zip.exists())
            .collect();
        ensure!(
            stale.is_empty(),
            "{stale:?} are of an earlier build, and cannot be built anew: install the target ({}), or remove them",
            how_to_install(triple)
        );
        println!(
            "LEFT OUT: the Lambdas for {architecture}: their Rust target is not installed ({}). This provider cannot make stacks with \
             that architecture; a release can.",
            how_to_install(triple)
        );
    }
    Ok(())
}

/// Builds the provider for release and gives its binary.
fn provider() -> Result<PathBuf> {
    let (machine, _) = MACHINE;
    let musl = format!("{machine}-unknown-linux-musl");
    let triple = if has_target(&musl) {
        println!("the provider: {musl}, static, as in a release");
        musl
    } else {
        println!(
            "the provider: {machine}-unknown-linux-gnu, which wants a glibc as new as this machine's; a release has the static one \
             ({})",
            how_to_install(&musl)
        );
        format!("{machine}-unknown-linux-gnu")
    };
    // Its linker is there where zig is; the compiler's own is enough for this machine.
    let zig = triple.ends_with("musl") && ask(&mut cargo(["zigbuild", "--version"])).is_some();
    let build = target().join("dist-build");
    let mut builder = cargo([if zig { "zigbuild" } else { "build" }, "--locked", "--release"]);
    builder.args(["--package", PROVIDER, "--target", &triple]);
    run(package::reproducibly(&mut builder, &build)).context("building the provider")?;
    Ok(build.join(triple).join("release").join(PROVIDER))
}

/// Makes all files of the release anew, and the file of the key that has signed it, which is no part of it.
fn files(commit: &Commit, provider: &Path, folder: &Path, key: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("emptying \"{}\"", folder.display()))?;
    }
    fs::create_dir_all(folder).context("making target/dist")?;
    let names = Names {
        project: PROVIDER,
        version: env!("CARGO_PKG_VERSION"),
    };
    let read = |file: &Path| fs::read(file).with_context(|| format!("reading \"{}\"", file.display()));
    let write =
        |name: &str, bytes: &[u8]| fs::write(folder.join(name), bytes).with_context(|| format!("writing {name}"));

    let entries = [
        Entry::new("LICENSE", 0o644, read(&root().join("LICENSE"))?),
        Entry::new(PROVIDER, 0o755, read(provider)?),
    ];
    let (_, arch) = MACHINE;
    write(&names.zip("linux", arch), &archive::pack(&entries, commit.time)?)?;
    write(
        &names.manifest(),
        &read(&root().join("terraform-registry-manifest.json"))?,
    )?;
    sbom::write(&folder.join(names.crates()), &[])?;

    // In the order of the names.
    let mut summed = [names.zip("linux", arch), names.manifest(), names.crates()];
    summed.sort();
    let mut sums = String::new();
    for name in &summed {
        let bytes = read(&folder.join(name))?;
        sums.push_str(&format_sum(&bytes, name));
    }
    write(&names.sums(), sums.as_bytes())?;
    let signed_by = sign::sign(&folder.join(names.sums()), key)?;
    println!(
        "\ntarget/dist of {}, version {}:\n{sums}{signed_by}",
        commit.id, names.version
    );
    Ok(())
}

fn format_sum(bytes: &[u8], name: &str) -> String {
    format!("{:x}  {name}\n", Sha256::digest(bytes))
}

/// Whether a Rust target's standard library is here.
fn has_target(triple: &str) -> bool {
    ask(command("rustc").args(["--print", "target-libdir", "--target", triple]))
        .is_some_and(|folder| Path::new(&folder).is_dir())
}

fn how_to_install(triple: &str) -> String {
    format!("`rustup target add {triple}`")
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn a_sum_is_written_as_sha256sum_does() {
        assert_eq!(
            format_sum(b"zip", "a.zip"),
            "4a70fe9aa6436e02c2dea340fbd1e352e4ef2d8ce6ca52ad25d4b95471fc8bf2  a.zip\n"
        );
    }

    #[test]
    fn only_targets_that_are_here_are_taken() {
        let host = ask(command("rustc").args(["--print", "host-tuple"])).unwrap_or_default();
        assert!(has_target(&host), "{host}");
        assert!(!has_target("no-such-target"));
    }
}
