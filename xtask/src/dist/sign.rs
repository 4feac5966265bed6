//! The signature of the checksums: gpg, as `.goreleaser.yml` calls it, with the user's key or with one for the moment.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::shell::{ask, command};

/// The variable that names the user's key; goreleaser reads the same.
const FINGERPRINT: &str = "GPG_FINGERPRINT";

/// Fails where gpg is not at hand.
pub(super) fn available() -> Result<()> {
    if ask(command("gpg").arg("--version")).is_none() {
        bail!("gpg is not on the PATH: install GnuPG, which signs the checksums");
    }
    Ok(())
}

/// Whether the user has named a key.
pub(super) fn with_the_users_key() -> bool {
    users_key().is_some()
}

/// Signs a file, detached and binary, beside it; writes the public half of the key to `key`. Says which key it was.
pub(super) fn sign(file: &Path, key: &Path) -> Result<String> {
    let own = match users_key() {
        Some(_) => None,
        None => Some(Home::with_a_key()?),
    };
    let fingerprint = match (users_key(), &own) {
        (Some(fingerprint), _) => fingerprint,
        (None, Some(home)) => home.fingerprint.clone(),
        (None, None) => bail!("there is no key"),
    };
    let gpg = || own.as_ref().map_or_else(|| command("gpg"), Home::gpg);
    let mut signature = file.as_os_str().to_owned();
    signature.push(".sig");
    succeed(gpg().args(arguments(
        fingerprint.clone().into(),
        signature,
        file.as_os_str().to_owned(),
    )))?;
    let armor = succeed(gpg().args(["--batch", "--armor", "--export", &fingerprint]))?;
    fs::write(key, armor).with_context(|| format!("writing the public key \"{}\"", key.display()))?;
    Ok(match own {
        Some(_) => format!("signed with a key for the moment, {fingerprint}: set {FINGERPRINT} for your own"),
        None => format!("signed with {fingerprint}"),
    })
}

/// What gpg is told.
fn arguments(fingerprint: OsString, signature: OsString, artifact: OsString) -> [OsString; 7] {
    [
        "--batch".into(),
        "--local-user".into(),
        fingerprint,
        "--output".into(),
        signature,
        "--detach-sign".into(),
        artifact,
    ]
}

fn users_key() -> Option<String> {
    env::var(FINGERPRINT).ok().filter(|fingerprint| !fingerprint.is_empty())
}

/// A home of gpg's with one key. It is gone, with the agent that gpg has started, when this is dropped.
struct Home {
    folder: TempDir,
    fingerprint: String,
}

impl Home {
    fn with_a_key() -> Result<Self> {
        let folder = tempfile::tempdir().context("making a home for gpg")?;
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700))
            .context("closing gpg's home to others")?;
        let mut home = Self {
            folder,
            fingerprint: String::new(),
        };
        let user = "key for the moment <nobody@example.com>";
        succeed(home.gpg().args([
            "--batch",
            "--passphrase",
            "",
            "--quick-generate-key",
            user,
            "rsa3072",
            "sign",
            "never",
        ]))?;
        let listed = succeed(home.gpg().args(["--batch", "--with-colons", "--list-secret-keys"]))?;
        let found = listed.lines().find_map(|line| line.strip_prefix("fpr:"));
        let fingerprint = found.context("gpg lists no key")?.trim_matches(':').to_owned();
        home.fingerprint = fingerprint;
        Ok(home)
    }

    fn gpg(&self) -> Command {
        let mut gpg = command("gpg");
        gpg.arg("--quiet").env("GNUPGHOME", self.folder.path());
        gpg
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let mut end = command("gpgconf");
        end.args(["--kill", "all"]).env("GNUPGHOME", self.folder.path());
        let _ = end.stdout(Stdio::null()).stderr(Stdio::null()).status();
    }
}

/// What a command prints; its words where it fails.
fn succeed(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output().context("starting gpg")?;
    if !output.status.success() {
        bail!(
            "gpg ended with {}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod unit {
    use super::*;
    use crate::shell::root;

    #[test]
    fn goreleaser_calls_gpg_the_same() {
        let told = arguments(
            "{{ .Env.GPG_FINGERPRINT }}".into(),
            "${signature}".into(),
            "${artifact}".into(),
        );
        let told: Vec<String> = told.iter().map(|argument| format!("{argument:?}")).collect();
        let configuration = fs::read_to_string(root().join(".goreleaser.yml")).unwrap_or_default();
        let line = format!("args: [{}]", told.join(", "));
        assert!(configuration.contains(&line), ".goreleaser.yml does not say: {line}");
    }
}
