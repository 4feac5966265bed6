//! A registry of one release: terraform's protocols of service discovery and of provider registries, over HTTPS on this machine.
//!
//! It serves what is in the release's folder at the moment of the request, and announces the digests of SHA256SUMS.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::files::{self, digest};
use super::{Key, Release};
use crate::endpoint::{Endpoint, Reply};
use crate::terraform::HOSTS;
use crate::tls::Tls;

/// Where terraform asks a host for its services.
pub(super) const DISCOVERY: &str = "/.well-known/terraform.json";
/// Where the registry of providers begins.
const PROVIDERS: &str = "/v1/providers/";
/// Where the files of the release are.
const FILES: &str = "/files/";

/// The registry, for as long as it is held.
#[derive(Debug)]
pub struct Registry {
    endpoint: Endpoint,
    tls: Tls,
    key: Key,
    sum: String,
    _dir: TempDir,
}

impl Registry {
    /// Serves a release whose checksums this key has signed, or so it says.
    pub fn serve(release: &Release, key: &Key) -> Result<Self> {
        let dir = tempfile::tempdir().context("making the registry's folder")?;
        let tls = Tls::create(dir.path(), "the registry")?;
        let answers = answers(release, key)?;
        let sum = announced(release, &files::name(&release.zip()))?;
        let release = release.clone();
        let endpoint = Endpoint::secure(tls.acceptor()?, move |call| {
            if let Some(answer) = answers.get(call.path) {
                return Reply::of(200, "application/json", answer.to_string());
            }
            let file = call.path.strip_prefix(FILES).and_then(|name| release.named(name));
            match file.and_then(|file| fs::read(file).ok()) {
                Some(bytes) => Reply::of(200, "application/octet-stream", bytes),
                None => Reply::of(404, "application/json", r#"{"errors":["Not Found"]}"#),
            }
        })?;
        Ok(Self {
            endpoint,
            tls,
            key: key.clone(),
            sum,
            _dir: dir,
        })
    }

    /// What a provider's source begins with to be found here: `localhost:PORT`.
    pub fn host(&self) -> String {
        format!("localhost:{}", self.endpoint.port())
    }

    /// The authority that has signed the server's certificate.
    pub fn authority(&self) -> &Path {
        &self.tls.authority
    }

    /// The key that it says the release is signed with.
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// The digest of this platform's zip, as it is announced.
    pub fn sum(&self) -> &str {
        &self.sum
    }

    /// How often something was asked for, such as `/.well-known/terraform.json`.
    pub fn asked(&self, path: &str) -> usize {
        self.endpoint.calls(&format!("GET {path}"))
    }

    /// How often a file of the release was asked for.
    pub fn downloads(&self, file: &Path) -> usize {
        self.asked(&format!("{FILES}{}", files::name(file)))
    }

    /// A CLI configuration in which this registry stands for the public ones.
    pub(super) fn in_place_of_the_public(&self) -> String {
        let services = format!("https://{}{PROVIDERS}", self.host());
        HOSTS
            .map(|host| {
                format!("host \"{host}\" {{\n  services = {{\n    \"providers.v1\" = \"{services}\"\n  }}\n}}\n")
            })
            .concat()
    }
}

/// All that is not a file, by its path.
fn answers(release: &Release, key: &Key) -> Result<BTreeMap<String, Value>> {
    let (version, protocols) = (release.version(), release.protocols()?);
    let ours = format!("{PROVIDERS}kairos/kairos");
    let file = |name: &str| format!("{FILES}{name}");
    let sums_name = files::name(&release.sums_file());
    let mut answers = BTreeMap::from([(DISCOVERY.to_owned(), json!({ "providers.v1": PROVIDERS }))]);
    let mut platforms = Vec::new();
    for (platform, name) in release.zips()? {
        let (os, arch) = platform
            .split_once('_')
            .context("a zip without a platform in its name")?;
        platforms.push(json!({ "os": os, "arch": arch }));
        let sum = announced(release, &name)?;
        answers.insert(
            format!("{ours}/{version}/download/{os}/{arch}"),
            json!({
                "protocols": protocols,
                "os": os,
                "arch": arch,
                "filename": name,
                "download_url": file(&name),
                "shasums_url": file(&sums_name),
                "shasums_signature_url": file(&format!("{sums_name}.sig")),
                "shasum": sum,
                "signing_keys": { "gpg_public_keys": [{ "key_id": key.id, "ascii_armor": key.armor }] },
            }),
        );
    }
    let versions = json!([{ "version": version, "protocols": protocols, "platforms": platforms }]);
    answers.insert(format!("{ours}/versions"), json!({ "versions": versions }));
    Ok(answers)
}

/// The digest that SHA256SUMS has of a zip, or, where it has none, the zip's own.
fn announced(release: &Release, zip: &str) -> Result<String> {
    match release.sums()?.remove(zip) {
        Some(sum) => Ok(sum),
        None => digest(&release.zip()),
    }
}
