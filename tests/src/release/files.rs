//! The files of a release: names, digests, and what must be in them.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use sha2::{Digest, Sha256};
use zip::ZipArchive;

use super::link;
use crate::terraform::{HOSTS, VERSION, platform};
use crate::workspace;

/// What every name begins with.
const PROJECT: &str = "terraform-provider-kairos";

/// What follows the version in the names of the checksums, of the manifest and of the list of crates.
const SUMS: &str = "SHA256SUMS";
const MANIFEST: &str = "manifest.json";
const CRATES: &str = "sbom.cdx.json";

/// The files of one version, in a folder.
#[derive(Debug, Clone)]
pub struct Release {
    folder: PathBuf,
    version: String,
}

impl Release {
    /// The one release in a folder, as `cargo xtask dist` and goreleaser leave it.
    ///
    /// # Errors
    /// There is none, or more than one.
    pub fn open(folder: &Path) -> Result<Self> {
        let mut versions = Vec::new();
        for entry in fs::read_dir(folder).with_context(|| format!("reading \"{}\"", folder.display()))? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            let inner = name
                .strip_prefix(&format!("{PROJECT}_"))
                .and_then(|rest| rest.strip_suffix(&format!("_{SUMS}")));
            versions.extend(inner.map(str::to_owned));
        }
        match versions.as_slice() {
            [version] => Ok(Self {
                folder: folder.to_path_buf(),
                version: version.clone(),
            }),
            found => bail!(
                "\"{}\" has the checksums of {} releases, not of one: {found:?}",
                folder.display(),
                found.len()
            ),
        }
    }

    /// Makes a release of this workspace's version out of a zip for this platform; not yet signed.
    pub fn make(folder: &Path, zip: &Path) -> Result<Self> {
        let release = Self {
            folder: folder.to_path_buf(),
            version: VERSION.to_owned(),
        };
        link(zip, &release.zip())?;
        let manifest = workspace::root().join("terraform-registry-manifest.json");
        fs::copy(manifest, release.path(MANIFEST)).context("copying the manifest")?;
        let files = [release.path(MANIFEST), release.zip()];
        let lines = files
            .iter()
            .map(|file| Ok(format!("{}  {}\n", digest(file)?, name(file))))
            .collect::<Result<String>>()?;
        fs::write(release.sums_file(), lines).context("writing the checksums")?;
        Ok(release)
    }

    /// The version, such as `1.0.0`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The zip for this platform.
    pub fn zip(&self) -> PathBuf {
        self.path(&format!("{}.zip", platform()))
    }

    /// The file of the checksums, which is what is signed.
    pub fn sums_file(&self) -> PathBuf {
        self.path(SUMS)
    }

    /// The checksums: hexadecimal SHA-256 by names of files.
    pub fn sums(&self) -> Result<BTreeMap<String, String>> {
        let file = self.sums_file();
        let text = fs::read_to_string(&file).with_context(|| format!("reading \"{}\"", file.display()))?;
        let line = |line: &str| {
            let (digest, name) = line.split_once("  ")?;
            Some((name.to_owned(), digest.to_owned()))
        };
        text.lines()
            .map(|text| line(text).with_context(|| format!("\"{text}\" is not a digest, two blanks and a name")))
            .collect()
    }

    /// The versions of the plugin protocol that the manifest tells.
    pub fn protocols(&self) -> Result<Value> {
        let file = self.path(MANIFEST);
        let text = fs::read_to_string(&file).with_context(|| format!("reading \"{}\"", file.display()))?;
        let manifest: Value = serde_json::from_str(&text).context("reading the manifest")?;
        Ok(manifest["metadata"]["protocol_versions"].clone())
    }

    /// Fails unless all that a release has is there, is what the checksums say, and can be installed. Gives a line for each file.
    pub fn check(&self) -> Result<Vec<String>> {
        let sums = self.sums()?;
        for needed in [self.path(MANIFEST), self.path(CRATES), self.zip()] {
            ensure!(
                sums.contains_key(&name(&needed)),
                "{SUMS} does not have \"{}\"",
                name(&needed)
            );
        }
        ensure!(
            self.protocols()? == serde_json::json!(["6.0"]),
            "the manifest does not tell protocol 6.0"
        );
        let mut lines = Vec::new();
        for (name, sum) in &sums {
            let file = self.folder.join(name);
            ensure!(digest(&file)? == *sum, "\"{name}\" is not what {SUMS} says");
            lines.push(format!("{sum}  {name}"));
        }
        let signature = self.path(&format!("{SUMS}.sig"));
        let first = fs::read(&signature).with_context(|| format!("reading \"{}\"", signature.display()))?;
        // The first bit of a binary packet is set; armour is text.
        ensure!(
            first.first().is_some_and(|byte| byte & 0x80 != 0),
            "the signature is not a binary one"
        );
        self.check_zip()?;
        Ok(lines)
    }

    fn check_zip(&self) -> Result<()> {
        let mut zip = ZipArchive::new(File::open(self.zip()).context("opening the zip")?).context("reading the zip")?;
        for (entry, mode) in [(PROJECT, 0o755), ("LICENSE", 0o644)] {
            let file = zip.by_name(entry).with_context(|| format!("the zip has no {entry}"))?;
            let held = file.unix_mode().map(|mode| mode & 0o777);
            ensure!(
                held == Some(mode),
                "{entry} has the mode {held:?} in the zip, not {mode:o}"
            );
        }
        ensure!(zip.len() == 2, "the zip holds more than the provider and its licence");
        Ok(())
    }

    /// Lays out a filesystem mirror with the zip, as terraform reads it.
    pub fn mirror(&self, folder: &Path) -> Result<()> {
        for host in HOSTS {
            let place = folder.join(host).join("kairos").join("kairos");
            fs::create_dir_all(&place).context("making the provider's folder in the mirror")?;
            link(&self.zip(), &place.join(name(&self.zip())))?;
        }
        Ok(())
    }

    /// A file of the release by its name; none where the name is not one of a release.
    pub(super) fn named(&self, name: &str) -> Option<PathBuf> {
        let ours = name.starts_with(&format!("{PROJECT}_{}_", self.version)) && !name.contains(['/', '\\']);
        ours.then(|| self.folder.join(name))
    }

    /// The names of the zips in the folder, with the platform of each: `("linux_amd64", "…_linux_amd64.zip")`.
    pub(super) fn zips(&self) -> Result<BTreeMap<String, String>> {
        let mut zips = BTreeMap::new();
        for entry in fs::read_dir(&self.folder)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            let inner = name
                .strip_prefix(&format!("{PROJECT}_{}_", self.version))
                .and_then(|rest| rest.strip_suffix(".zip"));
            if let Some(platform) = inner {
                zips.insert(platform.to_owned(), name);
            }
        }
        Ok(zips)
    }

    fn path(&self, ending: &str) -> PathBuf {
        self.folder.join(format!("{PROJECT}_{}_{ending}", self.version))
    }
}

/// A file's SHA-256 in hexadecimal.
pub(super) fn digest(file: &Path) -> Result<String> {
    let mut source = File::open(file).with_context(|| format!("opening \"{}\"", file.display()))?;
    let (mut digest, mut part) = (Sha256::new(), vec![0; 1 << 20]);
    loop {
        match source.read(&mut part) {
            Ok(0) => return Ok(format!("{:x}", digest.finalize())),
            Ok(length) => digest.update(&part[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error).with_context(|| format!("reading \"{}\"", file.display())),
        }
    }
}

/// A file's name without its folder.
pub(super) fn name(file: &Path) -> String {
    file.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_with_two_releases_is_refused() -> Result<()> {
        let folder = tempfile::tempdir()?;
        assert!(Release::open(folder.path()).is_err(), "there is none");
        fs::write(folder.path().join("terraform-provider-kairos_1.0.0_SHA256SUMS"), "")?;
        assert_eq!(Release::open(folder.path())?.version(), "1.0.0");
        fs::write(folder.path().join("terraform-provider-kairos_1.0.1_SHA256SUMS"), "")?;
        assert!(Release::open(folder.path()).is_err());
        Ok(())
    }

    #[test]
    fn a_release_sums_up_what_it_has_and_a_changed_file_is_noticed() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let zip = folder.path().join("any.zip");
        fs::write(&zip, "zip")?;
        let release = Release::make(folder.path(), &zip)?;
        let sums = release.sums()?;
        assert_eq!(sums.len(), 2);
        // What `printf zip | sha256sum` prints.
        assert_eq!(
            sums.get(&name(&release.zip())).map(String::as_str),
            Some("4a70fe9aa6436e02c2dea340fbd1e352e4ef2d8ce6ca52ad25d4b95471fc8bf2")
        );
        assert_eq!(release.protocols()?, serde_json::json!(["6.0"]));
        assert!(release.check().is_err(), "it has no list of crates");
        Ok(())
    }

    #[test]
    fn no_name_leads_out_of_the_release() {
        let release = Release {
            folder: PathBuf::from("/release"),
            version: "1.0.0".to_owned(),
        };
        assert_eq!(
            release.named("terraform-provider-kairos_1.0.0_SHA256SUMS"),
            Some(PathBuf::from("/release/terraform-provider-kairos_1.0.0_SHA256SUMS"))
        );
        for name in [
            "terraform-provider-kairos_1.0.0_/../../etc/passwd",
            "../other",
            "key.pem",
        ] {
            assert_eq!(release.named(name), None, "{name}");
        }
    }
}
