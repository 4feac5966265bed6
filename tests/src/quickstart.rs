//! `examples/quickstart` in a folder of its own, with the targets and roles that it asks for.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};
use futures_util::try_join;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::account::Account;
use crate::fixtures::{self, ProcesoRole, TargetFunction, TargetQueue};
use crate::terraform::Terraform;
use crate::workspace;

/// The resource's address, and its name in the example.
pub const STACK: &str = "kairos_stack.this";
/// The process that fires at every minute, at the target function.
pub const EACH_MINUTE: &str = "kairos_proceso.cada_minuto";
/// The process that fires once, at the target queue.
pub const ONCE: &str = "kairos_proceso.una_vez";
/// The disabled process, which would reach the target queue.
pub const PAUSED: &str = "kairos_proceso.en_pausa";

/// The example's folder and what surrounds it.
#[derive(Debug)]
pub struct Quickstart {
    /// The account that it lives in.
    pub account: Account,
    /// The stack's name.
    pub app: String,
    /// The example's folder, not yet initialised.
    pub terraform: Terraform,
    /// The target of the process of each minute.
    pub function: TargetFunction,
    /// The target of the other two.
    pub queue: TargetQueue,
    roles: [ProcesoRole; 2],
}

impl Quickstart {
    /// Makes targets, roles and folder; the one-time process is to fire `ahead` from now.
    pub async fn create(account: &Account, app: &str, ahead: Duration) -> Result<Self> {
        Box::pin(Self::create_in(Terraform::bare(account)?, account, app, ahead)).await
    }

    /// The same in a folder that is there.
    pub async fn create_in(terraform: Terraform, account: &Account, app: &str, ahead: Duration) -> Result<Self> {
        let executor = format!("arn:aws:iam::{}:role/{app}-{}-ExecutorRole", account.id, account.region);
        let target = format!("{app}Destino");
        let (function, queue) = try_join!(
            TargetFunction::create(account, &target),
            TargetQueue::create(account, &target)
        )?;
        let roles = [
            ProcesoRole::create(
                account,
                "proceso-funcion",
                &executor,
                "lambda:InvokeFunction",
                &function.arn,
            )
            .await?,
            ProcesoRole::create(account, "proceso-cola", &executor, "sqs:SendMessage", &queue.arn).await?,
        ];
        fixtures::api_gateway_logging(account).await?;
        copy_example("quickstart", &terraform)?;
        let quickstart = Self {
            account: account.clone(),
            app: app.to_owned(),
            terraform,
            function,
            queue,
            roles,
        };
        quickstart.set_moment(ahead)?;
        Ok(quickstart)
    }

    /// Writes the variables anew, with the one-time process `ahead` from now.
    pub fn set_moment(&self, ahead: Duration) -> Result<()> {
        let moment = Timestamp::now() + SignedDuration::try_from(ahead).context("a moment out of range")?;
        let variables = json!({
            "name": self.app,
            "arn_funcion": self.function.arn,
            "arn_rol_funcion": self.roles[0].arn,
            "arn_cola": self.queue.arn,
            "arn_rol_cola": self.roles[1].arn,
            "momento": moment.strftime("%Y-%m-%dT%H:%M:%S").to_string(),
        });
        self.terraform
            .write("terraform.tfvars.json", &format!("{variables:#}\n"))
    }

    /// Removes what was made around the example.
    pub async fn delete_surroundings(&self) -> Result<()> {
        self.function.delete().await?;
        self.queue.delete().await?;
        for role in &self.roles {
            role.delete().await?;
        }
        Ok(())
    }
}

/// Copies the configuration of an example into terraform's folder.
pub fn copy_example(name: &str, terraform: &Terraform) -> Result<()> {
    let folder = workspace::root().join("examples").join(name);
    let entries = fs::read_dir(&folder).with_context(|| format!("reading the example \"{name}\""))?;
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "tf") {
            let file = path.file_name().and_then(|name| name.to_str()).unwrap_or("main.tf");
            terraform.write(file, &fs::read_to_string(&path)?)?;
        }
    }
    Ok(())
}
