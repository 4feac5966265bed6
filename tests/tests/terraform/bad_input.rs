//! Bad input that only AWS knows of: refused at apply, before the first write.

use acceptance::Terraform;
use anyhow::{Context, Result, ensure};

use crate::common::{APP, account, assert_holds, configuration, stack};

#[tokio::test]
async fn an_object_of_somebody_else_under_our_name_is_an_error() -> Result<()> {
    let account = account(false).await?;
    let queue = format!("{APP}Queue");
    account.sqs().create_queue().queue_name(&queue).send().await?;
    let terraform = Terraform::new(&account, &configuration(""))?;
    let errors = terraform.apply(&[])?.failed("apply over somebody else's queue")?;
    let error = errors.first().context("no error")?.text();
    ensure!(error.contains(&queue), "the error does not name the queue: {error}");
    assert_holds(&account, &[&format!("queue {queue}")]).await
}

#[tokio::test]
async fn a_domain_that_does_not_exist_is_a_warning_at_plan_and_an_error_at_apply() -> Result<()> {
    let account = account(false).await?;
    let main = stack(
        "executor = { role_prefix = \"proceso-\" }\n  api = { domain_name = \"api.example.com\", mapping_key = \"kairos\" }",
    );
    refused_at_apply(&Terraform::new(&account, &main)?, "api.example.com")?;
    assert_holds(&account, &[]).await
}

#[tokio::test]
async fn an_account_without_a_logging_role_is_a_warning_at_plan_and_an_error_at_apply() -> Result<()> {
    // An account as it comes: nobody has given API Gateway a role to write logs with.
    let account = acceptance::MiniStack::shared(acceptance::ministack::Options::default())?.account();
    let main = stack("executor = { role_prefix = \"proceso-\" }\n  api = {}");
    refused_at_apply(&Terraform::new(&account, &main)?, "API Gateway")?;
    assert_holds(&account, &[]).await
}

fn refused_at_apply(terraform: &Terraform, tells: &str) -> Result<()> {
    let plan = terraform.plan(&[])?.succeeded("plan")?;
    ensure!(
        plan.warnings().iter().any(|warning| warning.text().contains(tells)),
        "no warning tells {tells:?}: {:#?}",
        plan.diagnostics
    );
    let errors = terraform.apply(&[])?.failed("apply")?;
    ensure!(
        errors.iter().any(|error| error.text().contains(tells)),
        "no error tells {tells:?}: {errors:#?}"
    );
    Ok(())
}
