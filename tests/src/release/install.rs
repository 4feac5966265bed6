//! Terraform installing a release with a real `init`, and the quickstart on what it has installed.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::Registry;
use super::registry::DISCOVERY;
use crate::quickstart::{Quickstart, copy_example};
use crate::terraform::{HOSTS, Output};
use crate::{Account, Terraform, world};

/// The stack's name.
const APP: &str = "Entrega";

/// Nothing fires while it is up: how an installation runs is the demo's subject, not this one's.
const AHEAD: Duration = Duration::from_hours(48);
const QUIET: &str = "resource \"kairos_proceso\" \"cada_minuto\" {\n  cron = \"cron(0 0 1 1 ? 2190)\"\n}\n";

/// Where terraform is to take the provider from.
#[derive(Debug, Clone, Copy)]
pub enum Source<'a> {
    /// A filesystem mirror.
    Mirror(&'a Path),
    /// A registry in place of the public one.
    Registry(&'a Registry),
    /// A registry that is found by its own name.
    Discovered(&'a Registry),
}

/// What `terraform init` did.
#[derive(Debug)]
pub struct Installed {
    /// Its line about the provider, such as `Installed kairos/kairos v1.0.0 (self-signed, key ID …)`.
    pub said: String,
    /// The hashes that it has written to the lock file: `h1:…` of what was unpacked, `zh:…` of zips.
    pub hashes: Vec<String>,
}

/// Installs, applies the quickstart, plans once more, destroys; nothing may be left.
///
/// # Errors
/// A step fails, the second plan is not empty, or something is left.
pub async fn quickstart(out: &mut (dyn Write + Send), account: &Account, source: &Source<'_>) -> Result<()> {
    let surroundings = Quickstart::create_in(source.terraform(account)?, account, APP, AHEAD);
    let quickstart = Box::pin(surroundings).await?;
    let terraform = &quickstart.terraform;
    terraform.write("override.tf", QUIET)?;
    let installed = source.init(terraform)?;
    writeln!(out, "  {}", installed.said)?;
    writeln!(out, "  locked with {}", installed.hashes.join(", "))?;
    terraform.apply(&[])?.succeeded("apply")?;
    let components = terraform.resource(crate::quickstart::STACK)?["components"]
        .as_object()
        .map_or(0, serde_json::Map::len);
    writeln!(out, "  quickstart applied: {components} AWS objects")?;
    let plan = terraform.plan_summary(&[])?;
    ensure!(plan.is_empty(), "the second plan is not empty: {:?}", plan.changes);
    writeln!(out, "  second plan: no changes")?;
    terraform.destroy(&[])?.succeeded("destroy")?;
    quickstart.delete_surroundings().await?;
    let left = world::list(account).await?;
    ensure!(left.is_empty(), "destroy left behind: {}", left.join(", "));
    writeln!(out, "  destroyed: nothing is left")?;
    Ok(())
}

/// Installs from a registry that is found by its own name, and has the provider started.
///
/// # Errors
/// Terraform does not find it, does not take the release, or cannot start the provider.
pub fn discovered(account: &Account, registry: &Registry) -> Result<Installed> {
    let source = Source::Discovered(registry);
    let terraform = source.terraform(account)?;
    copy_example("quickstart", &terraform)?;
    let address = format!("{}/kairos/kairos", registry.host());
    terraform.write(
        "override.tf",
        &format!("terraform {{\n  required_providers {{\n    kairos = {{ source = \"{address}\" }}\n  }}\n}}\n"),
    )?;
    let installed = source.init(&terraform)?;
    ensure!(
        registry.asked(DISCOVERY) > 0,
        "the registry was not asked for its services"
    );
    terraform.validate()?.succeeded("validate")?;
    Ok(installed)
}

impl Source<'_> {
    /// An empty folder of terraform's that has providers from here alone.
    pub(super) fn terraform(&self, account: &Account) -> Result<Terraform> {
        let configuration = match self {
            Self::Mirror(folder) => {
                let ours = HOSTS.map(|host| format!("{host}/kairos/kairos"));
                let folder = folder.display().to_string();
                format!(
                    "provider_installation {{\n  filesystem_mirror {{\n    path = {folder:?}\n    include = {ours:?}\n  }}\n}}\n"
                )
            }
            Self::Registry(registry) => registry.in_place_of_the_public(),
            Self::Discovered(_) => String::new(),
        };
        let mut terraform = Terraform::configured(account, &configuration)?;
        if let Self::Registry(registry) | Self::Discovered(registry) = self {
            terraform.set("SSL_CERT_FILE", &registry.authority().display().to_string());
        }
        Ok(terraform)
    }

    /// `terraform init` where no provider is yet; looks at what it says of the signature, and into the lock file.
    fn init(&self, terraform: &Terraform) -> Result<Installed> {
        ensure!(!has_providers(terraform), "the folder has providers before init");
        let output = terraform.run(&["init", "-no-color"])?.succeeded("init")?;
        let installed = Installed::of(&output, terraform)?;
        match self {
            Self::Mirror(_) => ensure!(
                installed.said.contains("unauthenticated"),
                "a mirror's files are not signed, yet terraform says: {}",
                installed.said
            ),
            Self::Registry(registry) | Self::Discovered(registry) => {
                let signed = format!("signed, key ID {}", registry.key().id);
                ensure!(
                    installed.said.contains(&signed),
                    "terraform does not say \"{signed}\": {}",
                    installed.said
                );
                let locked = format!("zh:{}", registry.sum());
                ensure!(
                    installed.hashes.contains(&locked),
                    "the lock file does not have \"{locked}\": {:?}",
                    installed.hashes
                );
            }
        }
        Ok(installed)
    }
}

impl Installed {
    fn of(output: &Output, terraform: &Terraform) -> Result<Self> {
        let line = output.stdout.lines().find_map(|line| line.strip_prefix("- Installed "));
        let line = line.with_context(|| format!("terraform init installed nothing:\n{}", output.stdout))?;
        let lock = terraform.dir().join(".terraform.lock.hcl");
        let lock = fs::read_to_string(lock).context("reading terraform's lock file")?;
        let hashes: Vec<String> = lock
            .split('"')
            .filter(|text| text.starts_with("h1:") || text.starts_with("zh:"))
            .map(str::to_owned)
            .collect();
        ensure!(
            hashes.iter().any(|hash| hash.starts_with("h1:")),
            "the lock file has no digest of what was installed:\n{lock}"
        );
        Ok(Self {
            said: format!("Installed {line}"),
            hashes,
        })
    }
}

/// Whether terraform has installed a provider in its folder.
pub(super) fn has_providers(terraform: &Terraform) -> bool {
    terraform.dir().join(".terraform").join("providers").exists()
}
