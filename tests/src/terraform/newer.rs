//! The provider as its next release would be: the same program with other Lambdas.
//!
//! The zips are made new without new code, by the times in them, which no checksum of theirs covers. They and their digests
//! stand in the binary as they are, so the same bytes are put in their places.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use memchr::memmem;
use sha2::{Digest, Sha256};

use super::mirror::platform;
use crate::workspace;

/// The version under which the newer provider is offered: newer than whatever the workspace is at.
pub const NEWER_VERSION: &str = "999.0.0";

/// The first of January 2099, as MS-DOS writes dates.
const OTHER_DATE: [u8; 2] = (((2099_u16 - 1980) << 9) | (1 << 5) | 1).to_le_bytes();

/// The digest of a function's zip as Lambda writes it (`CodeSha256`), in the provider at hand and in the newer one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Code {
    /// `dispatcher`, `executor` or `api`.
    pub function: &'static str,
    /// In the provider at hand.
    pub before: String,
    /// In the newer one.
    pub after: String,
}

/// Writes a mirror with the newer provider into a folder: the functions' digests.
pub(super) fn mirror_newer(mirror: &Path) -> Result<Vec<Code>> {
    let binary = workspace::provider()?;
    let mut bytes = fs::read(&binary).with_context(|| format!("reading \"{}\"", binary.display()))?;
    let codes = ["dispatcher", "executor", "api"].map(|function| renew(&mut bytes, function));
    let codes = codes.into_iter().collect::<Result<Vec<_>>>()?;
    let folder = mirror
        .join("registry.terraform.io/kairos/kairos")
        .join(NEWER_VERSION)
        .join(platform());
    fs::create_dir_all(&folder).context("making the newer provider's folder")?;
    let path = folder.join(format!("terraform-provider-kairos_v{NEWER_VERSION}"));
    fs::write(&path, bytes).context("writing the newer provider")?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).context("making the newer provider executable")?;
    Ok(codes)
}

/// Puts a newer zip of `function`, and its digest, in the place of the one that the provider carries.
fn renew(provider: &mut [u8], function: &'static str) -> Result<Code> {
    let architecture = if cfg!(target_arch = "aarch64") {
        "arm64"
    } else {
        "x86_64"
    };
    let zip = workspace::target().join(format!("lambdas/{function}-{architecture}.zip"));
    let before = fs::read(&zip).with_context(|| format!("reading \"{}\"", zip.display()))?;
    let mut after = before.clone();
    redate(&mut after).with_context(|| format!("dating \"{}\" anew", zip.display()))?;
    let code = Code {
        function,
        before: digest(&before),
        after: digest(&after),
    };
    let digests = (code.before.as_bytes(), code.after.as_bytes());
    for (old, new) in [(before.as_slice(), after.as_slice()), digests] {
        ensure!(
            replace(provider, old, new) > 0,
            "the provider does not carry \"{}\": build it again (cargo build --package terraform-provider-kairos)",
            zip.display()
        );
    }
    Ok(code)
}

/// Replaces every occurrence: how many there were.
fn replace(bytes: &mut [u8], old: &[u8], new: &[u8]) -> usize {
    let places: Vec<usize> = memmem::find_iter(bytes, old).collect();
    for place in &places {
        bytes[*place..*place + new.len()].copy_from_slice(new);
    }
    places.len()
}

fn digest(zip: &[u8]) -> String {
    BASE64_STANDARD.encode(Sha256::digest(zip))
}

/// Gives every file of a zip another date, in its two headers (APPNOTE.TXT 4.3.7, 4.3.12 and 4.3.16).
fn redate(zip: &mut [u8]) -> Result<()> {
    let end = memmem::rfind(zip, b"PK\x05\x06").context("a zip without an end")?;
    let number = |zip: &[u8], at: usize, size: usize| -> Result<usize> {
        let digits = zip.get(at..at + size).context("a zip that ends too early")?;
        Ok(digits
            .iter()
            .rev()
            .fold(0, |number, digit| (number << 8) | usize::from(*digit)))
    };
    let (files, mut entry) = (number(zip, end + 10, 2)?, number(zip, end + 16, 4)?);
    for _ in 0..files {
        let local = number(zip, entry + 42, 4)?;
        for (header, signature, date) in [(entry, b"PK\x01\x02", 14), (local, b"PK\x03\x04", 12)] {
            if zip.get(header..header + 4) != Some(signature) {
                bail!("no header of a file at {header}");
            }
            zip[header + date..header + date + 2].copy_from_slice(&OTHER_DATE);
        }
        entry += 46 + number(zip, entry + 28, 2)? + number(zip, entry + 30, 2)? + number(zip, entry + 32, 2)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Read, Write};

    use zip::write::SimpleFileOptions;
    use zip::{ZipArchive, ZipWriter};

    use super::*;

    #[test]
    fn a_zip_that_is_dated_anew_holds_the_same_files() -> Result<()> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        for name in ["bootstrap", "more"] {
            zip.start_file(name, SimpleFileOptions::default())?;
            zip.write_all(name.as_bytes())?;
        }
        let before = zip.finish()?.into_inner();
        let mut after = before.clone();
        redate(&mut after)?;
        assert_eq!(after.len(), before.len());
        assert_ne!(digest(&after), digest(&before));
        let mut archive = ZipArchive::new(Cursor::new(after))?;
        for name in ["bootstrap", "more"] {
            let mut file = archive.by_name(name)?;
            assert_eq!(file.last_modified().map(|date| date.year()), Some(2099));
            let mut text = String::new();
            file.read_to_string(&mut text)?;
            assert_eq!(text, name);
        }
        Ok(())
    }
}
