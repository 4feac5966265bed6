//! Keys: the public half as a registry tells it, and a throw-away one that signs.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use super::printed;
use crate::workspace;

/// A public key.
#[derive(Debug, Clone)]
pub struct Key {
    /// Sixteen hexadecimal digits, as terraform shows it.
    pub id: String,
    /// The key in ASCII armour.
    pub armor: String,
}

/// A key that is made for the moment, in a home of gpg's of its own.
#[derive(Debug)]
pub struct Signer {
    home: TempDir,
    fingerprint: String,
}

impl Key {
    /// The key of a file in ASCII armour.
    pub fn of_file(file: &Path) -> Result<Self> {
        let armor = fs::read_to_string(file).with_context(|| format!("reading the key \"{}\"", file.display()))?;
        let home = tempfile::tempdir().context("making a home for gpg")?;
        let listed = printed(gpg(home.path()).args(["--with-colons", "--show-keys"]).arg(file))?;
        Ok(Self {
            id: id(&fingerprint(&listed)?),
            armor,
        })
    }
}

impl Signer {
    /// Whether gpg is at hand.
    ///
    /// # Errors
    /// It is not on the `PATH`.
    pub fn available() -> Result<()> {
        workspace::on_path("gpg", "install GnuPG").map(drop)
    }

    /// Makes a key without a passphrase, of the kind that the public registry takes.
    pub fn create() -> Result<Self> {
        Self::available()?;
        let home = tempfile::tempdir().context("making a home for gpg")?;
        fs::set_permissions(home.path(), fs::Permissions::from_mode(0o700)).context("closing gpg's home to others")?;
        let mut signer = Self {
            home,
            fingerprint: String::new(),
        };
        let user = "throw-away key <nobody@example.com>";
        printed(signer.gpg().args([
            "--passphrase",
            "",
            "--quick-generate-key",
            user,
            "rsa2048",
            "sign",
            "never",
        ]))?;
        signer.fingerprint = fingerprint(&printed(signer.gpg().args(["--with-colons", "--list-secret-keys"]))?)?;
        Ok(signer)
    }

    /// Signs a file as a release does: detached and binary, beside the file with `.sig` after its name.
    pub fn sign(&self, file: &Path) -> Result<()> {
        let mut signature = file.as_os_str().to_owned();
        signature.push(".sig");
        let mut gpg = self.gpg();
        gpg.args(["--yes", "--local-user", &self.fingerprint, "--output"])
            .arg(signature);
        printed(gpg.arg("--detach-sign").arg(file)).map(drop)
    }

    /// The public half.
    pub fn key(&self) -> Result<Key> {
        Ok(Key {
            id: id(&self.fingerprint),
            armor: printed(self.gpg().args(["--armor", "--export", &self.fingerprint]))?,
        })
    }

    fn gpg(&self) -> Command {
        gpg(self.home.path())
    }
}

impl Drop for Signer {
    fn drop(&mut self) {
        // gpg has left an agent behind.
        let _ = Command::new("gpgconf")
            .arg("--homedir")
            .arg(self.home.path())
            .args(["--kill", "all"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
    }
}

fn gpg(home: &Path) -> Command {
    let mut gpg = Command::new("gpg");
    gpg.args(["--batch", "--quiet", "--homedir"])
        .arg(home)
        .stdin(Stdio::null());
    gpg
}

/// The fingerprint of the first key that gpg lists with colons.
fn fingerprint(listed: &str) -> Result<String> {
    let found = listed.lines().find_map(|line| line.strip_prefix("fpr:"));
    match found.map(|rest| rest.trim_matches(':')) {
        Some(fingerprint) if fingerprint.len() >= 16 => Ok(fingerprint.to_owned()),
        _ => bail!("gpg lists no key: {listed}"),
    }
}

/// The last eight bytes.
fn id(fingerprint: &str) -> String {
    fingerprint[fingerprint.len().saturating_sub(16)..].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listed_key_is_known_by_its_fingerprint() -> Result<()> {
        let listed = "sec:u:2048:1:5DC4B48BA9DACC09:1:::u:::scSC:::+:::23::0:\n\
                      fpr:::::::::E4598F1F099A33E4EF7C778B5DC4B48BA9DACC09:\ngrp:::::::::B1345359:\n";
        let fingerprint = fingerprint(listed)?;
        assert_eq!(fingerprint, "E4598F1F099A33E4EF7C778B5DC4B48BA9DACC09");
        assert_eq!(id(&fingerprint), "5DC4B48BA9DACC09");
        assert!(super::fingerprint("").is_err());
        Ok(())
    }
}
