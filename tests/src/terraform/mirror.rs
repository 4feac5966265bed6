//! A filesystem mirror with our provider as a release has it: one zip under `HOST/NAMESPACE/TYPE/`.
//!
//! The zip is made once for each build of the binary and is stored, not compressed: it never leaves this machine.

use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use anyhow::{Context, Result};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::{peer, workspace};

/// The hosts under which `kairos/kairos` is found: terraform's and OpenTofu's, each of which is the other's unknown.
pub(crate) const HOSTS: [&str; 2] = ["registry.terraform.io", "registry.opentofu.org"];

/// The version under which the mirror offers the provider.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The mirror for the present provider binary, made when it is not there yet.
pub fn mirror() -> Result<PathBuf> {
    let binary = workspace::provider()?;
    let facts = fs::metadata(&binary).with_context(|| format!("looking at \"{}\"", binary.display()))?;
    let built = facts
        .modified()
        .context("reading the provider's time")?
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let mirrors = workspace::target().join("mirror");
    let mirror = mirrors.join(format!("{}-{}", built.as_nanos(), facts.len()));
    if !mirror.exists() {
        fs::create_dir_all(&mirrors).context("making the folder of mirrors")?;
        let fresh = tempfile::tempdir_in(&mirrors).context("making a mirror")?;
        pack(&binary, fresh.path())?;
        // Another process may have been faster: its mirror is as good as ours.
        let _ = fs::rename(fresh.path(), &mirror);
        forget_older(&mirrors, &mirror);
    }
    Ok(mirror)
}

/// The provider's zip in the mirror.
pub fn zip() -> Result<PathBuf> {
    let [host, _] = HOSTS;
    Ok(mirror()?.join(host).join("kairos").join("kairos").join(zip_name()))
}

fn zip_name() -> String {
    format!("terraform-provider-kairos_{VERSION}_{}.zip", platform())
}

/// The CLI configuration that takes our provider from `mirror`, and others from where they can be had.
pub(super) fn cli_configuration(mirror: &Path) -> String {
    let source = |kind: &str, path: &str, filter: &str| {
        let path = if path.is_empty() {
            String::new()
        } else {
            format!("path = {path:?}\n    ")
        };
        let ours = HOSTS.map(|host| format!("{host}/kairos/kairos"));
        format!("  {kind} {{\n    {path}{filter} = {ours:?}\n  }}\n")
    };
    let ours = source("filesystem_mirror", &mirror.display().to_string(), "include");
    let others = match peer::at_hand() {
        Some(peers) => source("filesystem_mirror", &peers.display().to_string(), "exclude"),
        None => source("direct", "", "exclude"),
    };
    format!("provider_installation {{\n{ours}{others}}}\n")
}

fn pack(binary: &Path, mirror: &Path) -> Result<()> {
    let [folder, other] = HOSTS.map(|host| mirror.join(host).join("kairos").join("kairos"));
    for folder in [&folder, &other] {
        fs::create_dir_all(folder).context("making the provider's folder in the mirror")?;
    }
    let name = zip_name();
    let mut zip = ZipWriter::new(BufWriter::new(
        File::create(folder.join(&name)).context("creating the provider's zip")?,
    ));
    let options = SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Stored)
        .large_file(true)
        .unix_permissions(0o755);
    zip.start_file(format!("terraform-provider-kairos_v{VERSION}"), options)
        .context("starting the provider's zip")?;
    let mut source = File::open(binary).context("opening the provider's binary")?;
    io::copy(&mut source, &mut zip).context("packing the provider")?;
    zip.finish().context("ending the provider's zip")?;
    fs::hard_link(folder.join(&name), other.join(&name)).context("linking the provider's zip")
}

/// The platform as terraform names it.
pub(crate) fn platform() -> &'static str {
    if cfg!(target_arch = "aarch64") {
        "linux_arm64"
    } else {
        "linux_amd64"
    }
}

/// Each mirror is as large as the binary: only the newest two are kept, since another process may still read the last.
fn forget_older(mirrors: &Path, newest: &Path) {
    let Ok(entries) = fs::read_dir(mirrors) else { return };
    let mut others: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path != newest && is_mirror(path))
        .collect();
    others.sort();
    others.pop();
    for path in others {
        let _ = fs::remove_dir_all(path);
    }
}

fn is_mirror(path: &Path) -> bool {
    path.file_name()
        .and_then(|name| name.to_str())
        .is_some_and(|name| name.starts_with(|c: char| c.is_ascii_digit()))
}
