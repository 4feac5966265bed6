//! The Lambdas as zips that AWS takes: built for Amazon Linux 2023, packed so that the same code gives the same bytes.
//!
//! Invariant: nothing of the machine that builds (paths, times, modes) gets into a zip.

use std::env;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use sha2::{Digest, Sha256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use crate::shell::{command, path_with, root, target};
use crate::{shell, venv};

/// The Lambdas, each a package with a binary of the same name.
const LAMBDAS: [&str; 3] = ["dispatcher", "executor", "api"];

/// A zip larger than this makes every cold start slower than it need be.
const LARGEST_ZIP: u64 = 4 * 1024 * 1024;

/// What every machine can build without another Rust target: zig links for another glibc than its own.
pub(crate) const DEFAULT_ARCHITECTURE: &str = "x86_64";

/// Builds the Lambdas for an architecture and packs their zips.
pub(crate) fn run(architecture: &str) -> Result<()> {
    let binaries = build(architecture)?;
    fs::create_dir_all(target().join("lambdas")).context("making target/lambdas")?;
    for (lambda, path) in LAMBDAS.into_iter().zip(zips(architecture)) {
        let bootstrap =
            fs::read(binaries.join(lambda).join("bootstrap")).with_context(|| format!("reading the built {lambda}"))?;
        let zip = pack(&bootstrap)?;
        write_if_changed(&path, &zip)?;
        let digest = format!("{:x}", Sha256::digest(&zip));
        eprintln!(
            "{lambda}-{architecture}.zip  {:.2} MB (bootstrap {:.2} MB)  sha256 {}",
            megabytes(zip.len()),
            megabytes(bootstrap.len()),
            &digest[..16]
        );
        ensure!(
            zip.len() as u64 <= LARGEST_ZIP,
            "{lambda}-{architecture}.zip is larger than {LARGEST_ZIP} bytes"
        );
    }
    Ok(())
}

/// Builds what the benchmarks compare a Lambda with, one of its package's examples, as the Lambdas are built. It is not packed:
/// nothing ships it. Gives its binary.
pub(crate) fn peer(package: &str, example: &str) -> Result<PathBuf> {
    let binaries = compile(DEFAULT_ARCHITECTURE, &["--package", package, "--example", example])?;
    Ok(binaries.join(example).join("bootstrap"))
}

/// Compiles the bootstraps and gives the folder that holds `{lambda}/bootstrap`.
fn build(architecture: &str) -> Result<PathBuf> {
    let packages = LAMBDAS.iter().flat_map(|lambda| ["--package", lambda]);
    let what: Vec<&str> = ["--bins"].into_iter().chain(packages).collect();
    compile(architecture, &what)
}

/// Compiles what cargo is to select by `what`, for Lambda.
fn compile(architecture: &str, what: &[&str]) -> Result<PathBuf> {
    let triple = match architecture {
        "x86_64" => "x86_64-unknown-linux-gnu.2.34",
        "arm64" => "aarch64-unknown-linux-gnu.2.34",
        other => bail!("the architecture \"{other}\" is not one of Lambda's: use x86_64 or arm64"),
    };
    let tools = venv::ensure()?.join("bin");
    // A folder of its own: the profile and the features of one build would throw out the other's.
    let build = target().join("lambda-build");
    let binaries = build.join(format!("bootstraps-{architecture}"));
    let mut cargo = command(tools.join("cargo-lambda"));
    cargo
        .args(["lambda", "build", "--locked", "--profile", "lambda", "--target", triple])
        .args(what)
        .arg("--lambda-dir")
        .arg(&binaries)
        .env("PATH", path_with(&tools)?)
        .env("AWS_LC_SYS_NO_JITTER_ENTROPY", "1");
    shell::run(reproducibly(&mut cargo, &build)).context("building the Lambdas")?;
    Ok(binaries)
}

/// The variables of cargo's configuration, or their first parts, that would make other bytes of the same sources.
const MAKE_OTHERS: [&str; 6] = [
    "RUSTFLAGS",
    "CARGO_INCREMENTAL",
    "CARGO_BUILD_",
    "CARGO_PROFILE_",
    "CARGO_RESOLVER_",
    "CARGO_UNSTABLE_",
];

/// Has a build in the folder `build` give the same bytes on every machine.
pub(crate) fn reproducibly<'a>(cargo: &'a mut Command, build: &Path) -> &'a mut Command {
    for (variable, _) in env::vars_os() {
        let name = variable.to_string_lossy();
        if name != "CARGO_BUILD_JOBS" && MAKE_OTHERS.iter().any(|other| name.starts_with(other)) {
            cargo.env_remove(&variable);
        }
    }
    cargo
        .env("CARGO_TARGET_DIR", build)
        .env("CARGO_ENCODED_RUSTFLAGS", flags(build).join("\u{1f}"))
}

/// Paths of this machine would otherwise be in every panic message, and make the bytes differ from machine to machine.
fn flags(build: &Path) -> Vec<String> {
    let home = env::var("HOME").unwrap_or_default();
    let cargo_home = env::var("CARGO_HOME").unwrap_or_else(|_| format!("{home}/.cargo"));
    let remap = |from: &str, to: &str| format!("--remap-path-prefix={from}={to}");
    let mut flags = vec![
        remap(&cargo_home, "/cargo"),
        remap(&root().display().to_string(), "/kairos"),
    ];
    // What build scripts write is compiled from there.
    if !build.starts_with(root()) {
        let name = build.file_name().unwrap_or_default().to_string_lossy();
        flags.push(remap(&build.display().to_string(), &format!("/kairos/target/{name}")));
    }
    flags
}

/// Where the zips for an architecture are.
pub(crate) fn zips(architecture: &str) -> Vec<PathBuf> {
    let zip = |lambda: &&str| target().join("lambdas").join(format!("{lambda}-{architecture}.zip"));
    LAMBDAS.iter().map(zip).collect()
}

/// A zip with the one file that the runtime wants, always the same for the same bytes.
fn pack(bootstrap: &[u8]) -> Result<Vec<u8>> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    let mut zip = ZipWriter::new(&mut bytes);
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(9))
        .last_modified_time(DateTime::default())
        .unix_permissions(0o755);
    zip.start_file("bootstrap", options).context("starting a zip")?;
    zip.write_all(bootstrap).context("filling a zip")?;
    zip.finish().context("ending a zip")?;
    Ok(bytes.into_inner())
}

/// An unchanged zip keeps its time, so that the provider is not built again for nothing.
fn write_if_changed(path: &Path, bytes: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|held| held == bytes) {
        return Ok(());
    }
    let file = File::create(path).with_context(|| format!("creating \"{}\"", path.display()))?;
    let mut file = BufWriter::new(file);
    file.write_all(bytes)
        .and_then(|()| file.flush())
        .with_context(|| format!("writing \"{}\"", path.display()))
}

#[expect(clippy::cast_precision_loss, reason = "sizes of files, shown with two digits")]
fn megabytes(bytes: usize) -> f64 {
    bytes as f64 / (1024.0 * 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_code_gives_the_same_zip_at_any_time() -> Result<()> {
        let first = pack(b"code")?;
        std::thread::sleep(std::time::Duration::from_millis(2100));
        assert_eq!(first, pack(b"code")?);
        Ok(())
    }

    #[test]
    fn paths_of_the_machine_are_replaced_wherever_the_build_is() {
        let inside = flags(&root().join("target").join("some-build"));
        assert_eq!(inside.len(), 2, "{inside:?}");
        let outside = flags(Path::new("/elsewhere/some-build"));
        assert_eq!(
            outside.last().map(String::as_str),
            Some("--remap-path-prefix=/elsewhere/some-build=/kairos/target/some-build")
        );
    }

    #[test]
    fn the_zip_holds_an_executable_bootstrap() -> Result<()> {
        let mut zip = zip::ZipArchive::new(std::io::Cursor::new(pack(b"code")?))?;
        let file = zip.by_name("bootstrap")?;
        assert_eq!(file.unix_mode().map(|mode| mode & 0o777), Some(0o755));
        Ok(())
    }
}
