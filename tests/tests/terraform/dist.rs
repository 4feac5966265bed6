//! A release as users install it. `cargo xtask dist` has its own files go the same way; here it is the provider of the tests.

use acceptance::ministack::Options;
use acceptance::release::{self, Flaw, Registry, Release, Signer, Source};
use acceptance::{MiniStack, peer, terraform, workspace};
use anyhow::{Context, Result};

/// A release of the provider that the tests run, signed with a throw-away key.
fn signed(folder: &std::path::Path) -> Result<(Release, Signer)> {
    let release = Release::make(folder, &terraform::zip()?)?;
    let signer = Signer::create()?;
    signer.sign(&release.sums_file())?;
    Ok((release, signer))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_hands_over_a_release_that_runs_the_quickstart() -> Result<()> {
    if let Err(reason) = Signer::available() {
        peer::skipped("a release from a registry", &reason.to_string());
        return Ok(());
    }
    // Beside the provider, so that its large zip need not be copied.
    let folder = tempfile::tempdir_in(workspace::target()).context("making a release's folder")?;
    let (release, signer) = signed(folder.path())?;
    let registry = Registry::serve(&release, &signer.key()?)?;
    let account = MiniStack::shared(Options::default())?.account();
    let mut told = Vec::new();
    release::quickstart(&mut told, &account, &Source::Registry(&registry)).await?;

    let told = String::from_utf8(told)?;
    for part in [
        "signed, key ID",
        "zh:",
        "h1:",
        "second plan: no changes",
        "nothing is left",
    ] {
        assert!(told.contains(part), "it was not told {part:?}:\n{told}");
    }
    assert_eq!(registry.downloads(&release.zip()), 1, "the zip came from the registry");
    assert_eq!(
        registry.asked("/.well-known/terraform.json"),
        0,
        "the services were named"
    );
    Ok(())
}

#[test]
fn releases_that_are_wrong_are_refused() -> Result<()> {
    if let Err(reason) = Signer::available() {
        peer::skipped("refusals of wrong releases", &reason.to_string());
        return Ok(());
    }
    assert_eq!(release::refusals()?.len(), Flaw::ALL.len());
    Ok(())
}
