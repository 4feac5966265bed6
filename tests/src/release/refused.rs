//! Releases that are wrong on purpose, each of which terraform must refuse. A stand-in takes the provider's place: terraform
//! starts no provider at `init`.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::install::has_providers;
use super::{Registry, Release, Signer, Source};
use crate::Account;
use crate::terraform::REQUIRED_PROVIDERS;

/// What is wrong with a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// The zip is not the one that was summed up.
    ZipChanged,
    /// Another key has signed it than the registry says.
    OtherKey,
    /// The checksums were changed after they were signed.
    SumsChanged,
    /// The zip is not among the checksums.
    ZipNotSummed,
}

impl Flaw {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::ZipChanged, Self::OtherKey, Self::SumsChanged, Self::ZipNotSummed];

    /// What is wrong, in words.
    pub fn text(self) -> &'static str {
        match self {
            Self::ZipChanged => "a zip that was changed",
            Self::OtherKey => "checksums that another key has signed",
            Self::SumsChanged => "checksums that were changed after they were signed",
            Self::ZipNotSummed => "checksums without the zip",
        }
    }

    /// What terraform says of it, among other things.
    fn told(self) -> &'static str {
        match self {
            Self::ZipChanged => "incorrect checksum",
            Self::OtherKey => "unknown issuer",
            Self::SumsChanged => "signature",
            Self::ZipNotSummed => "no SHA-256 hash",
        }
    }
}

/// Has terraform refuse a release with each flaw, and gives its words. The same release without a flaw is taken.
///
/// # Errors
/// Terraform takes a release that is wrong, refuses it for another reason, or does not take the one that is right.
pub fn refusals() -> Result<Vec<(Flaw, String)>> {
    let (signer, other) = (Signer::create()?, Signer::create()?);
    let right = Standin::create(&signer)?;
    let (code, said) = init(&right.release, &signer)?;
    ensure!(
        code == Some(0),
        "terraform does not take a release that is right: {said}"
    );
    let refused = |flaw: Flaw| {
        let wrong = Standin::create(&signer)?;
        wrong.spoil(flaw, &signer, &other)?;
        let (code, said) = init(&wrong.release, &signer)?;
        ensure!(code == Some(1), "terraform takes {}: {said}", flaw.text());
        ensure!(
            said.contains(flaw.told()),
            "terraform refuses {} for another reason than \"{}\": {said}",
            flaw.text(),
            flaw.told()
        );
        Ok((flaw, said))
    };
    Flaw::ALL.into_iter().map(refused).collect()
}

/// A signed release with a stand-in for the provider.
struct Standin {
    release: Release,
    _folder: TempDir,
}

impl Standin {
    fn create(signer: &Signer) -> Result<Self> {
        let folder = tempfile::tempdir().context("making the folder of a release")?;
        let zip = folder.path().join("standin.zip");
        write_zip(&zip)?;
        let release = Release::make(folder.path(), &zip)?;
        signer.sign(&release.sums_file())?;
        Ok(Self {
            release,
            _folder: folder,
        })
    }

    fn spoil(&self, flaw: Flaw, signer: &Signer, other: &Signer) -> Result<()> {
        let (zip, sums) = (self.release.zip(), self.release.sums_file());
        match flaw {
            Flaw::ZipChanged => {
                let mut bytes = fs::read(&zip)?;
                bytes.push(0);
                fs::write(&zip, bytes)?;
            }
            Flaw::OtherKey => other.sign(&sums)?,
            Flaw::SumsChanged => {
                let text = fs::read_to_string(&sums)?;
                fs::write(&sums, format!("{text}{}  another\n", "0".repeat(64)))?;
            }
            Flaw::ZipNotSummed => {
                let text = fs::read_to_string(&sums)?;
                let kept: String = text
                    .split_inclusive('\n')
                    .filter(|line| !line.contains(&super::files::name(&zip)))
                    .collect();
                fs::write(&sums, kept)?;
                signer.sign(&sums)?;
            }
        }
        Ok(())
    }
}

/// `terraform init` with a registry of the release: its exit code and its words in one line. It fails where a refused provider
/// was installed all the same.
fn init(release: &Release, signer: &Signer) -> Result<(Option<i32>, String)> {
    let registry = Registry::serve(release, &signer.key()?)?;
    let nowhere = Account::new("http://127.0.0.1:1", "000000000000", "us-east-1");
    let terraform = Source::Registry(&registry).terraform(&nowhere)?;
    terraform.write("main.tf", REQUIRED_PROVIDERS)?;
    let output = terraform.run(&["init", "-no-color"])?;
    ensure!(
        output.code == Some(0) || !has_providers(&terraform),
        "terraform has installed what it refuses"
    );
    // The frame around an error, and where its lines break, are for readers.
    let words = output.stderr.replace(['│', '╷', '╵'], " ");
    Ok((output.code, words.split_whitespace().collect::<Vec<_>>().join(" ")))
}

fn write_zip(path: &Path) -> Result<()> {
    let mut zip = ZipWriter::new(File::create(path).context("creating the stand-in")?);
    let options = SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Stored)
        .unix_permissions(0o755);
    zip.start_file("terraform-provider-kairos", options)
        .context("starting the stand-in")?;
    zip.write_all(b"in the place of a provider")
        .context("filling the stand-in")?;
    zip.finish().context("ending the stand-in")?;
    Ok(())
}
