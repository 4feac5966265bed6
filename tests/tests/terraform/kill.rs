//! The provider killed at the worst moment: the next apply completes, and nothing is orphaned.

use std::time::Duration;

use acceptance::fixtures::TargetFunction;
use acceptance::gate::{Act, Gate, Rule};
use acceptance::process::{runs, signal};
use acceptance::terraform::Running;
use acceptance::{Terraform, wait, world};
use anyhow::{Context, Result, ensure};
use jiff::{SignedDuration, Timestamp};
use rustix::process::Signal;

use crate::common::{APP, account, assert_holds, configuration, only_proceso, role_for, set_lease, stack};

#[tokio::test]
async fn a_provider_killed_while_it_creates_is_completed_by_the_next_apply() -> Result<()> {
    let account = account(false).await?;
    let terraform = Terraform::new(
        &account,
        &stack("executor = { role_prefix = \"proceso-\" }\n  api = {}"),
    )?;
    let mut apply = terraform.start(&["apply", "-auto-approve", "-no-color"])?;
    wait::until("the first objects of the stack", Duration::from_mins(1), || async {
        Ok((world::list(&account).await?.len() >= 6).then_some(()))
    })
    .await?;
    let providers = apply.providers();
    ensure!(!providers.is_empty(), "no provider runs while terraform applies");
    for provider in providers {
        signal(provider, Signal::KILL);
    }
    let output = apply.wait(Duration::from_mins(1))?;
    assert_ne!(
        output.code,
        Some(0),
        "an apply without its provider succeeded: {}",
        output.stdout
    );
    ensure!(
        !world::list(&account).await?.is_empty(),
        "nothing was there when the provider was killed"
    );

    terraform.apply(&[])?.succeeded("second apply")?;
    ensure!(
        terraform.plan_summary(&[])?.is_empty(),
        "the plan after the second apply is not empty"
    );
    terraform.destroy(&[])?.succeeded("destroy")?;
    assert_holds(&account, &[]).await
}

/// Kills the provider while `rule` keeps the answer to one of its calls back: AWS has done it, and nobody knows.
async fn kill_at(rule: &Rule, mut command: Running, what: &str) -> Result<()> {
    rule.reached(1, what).await?;
    let providers = command.providers();
    ensure!(!providers.is_empty(), "no provider runs at {what}");
    for provider in &providers {
        signal(*provider, Signal::KILL);
    }
    let output = command.wait(Duration::from_mins(5))?;
    ensure!(
        output.code != Some(0),
        "terraform succeeded without its provider: {}",
        output.stdout
    );
    rule.end();
    wait::until("the provider's end", Duration::from_mins(5), || async {
        Ok((!providers.iter().any(|id| runs(*id))).then_some(()))
    })
    .await
}

#[tokio::test]
async fn a_provider_killed_while_it_changes_or_destroys_is_taken_over_by_the_next() -> Result<()> {
    let account = account(false).await?;
    let gate = Gate::before(&account)?;
    let terraform = Terraform::new(&gate.account(&account), &configuration(""))?;
    terraform.apply(&[])?.succeeded("apply")?;

    // The API is new: no state tells of what was made of it.
    terraform.write(
        "main.tf",
        &stack("executor = { role_prefix = \"proceso-\", timeout = 240 }\n  api = {}"),
    )?;
    let lost = gate.rule(Act::KeepAnswer, |r| r.operation == "POST /restapis");
    let apply = terraform.start(&["apply", "-auto-approve", "-no-color"])?;
    kill_at(&lost, apply, "the new API").await?;
    // The lease that it left behind has run out.
    set_lease(&account, Timestamp::now() - SignedDuration::from_secs(1)).await?;
    terraform
        .apply(&[])?
        .succeeded("apply after the update that was killed")?;
    let apis = account.apigateway().get_rest_apis().send().await?;
    assert_eq!(apis.items().len(), 1, "one API, though it was created twice");
    ensure!(
        terraform.plan_summary(&[])?.is_empty(),
        "the plan after the update is not empty"
    );

    let lost = gate.rule(Act::KeepAnswer, |r| r.asks("DeleteTable", &format!("{APP}Ejecuciones")));
    let destroy = terraform.start(&["destroy", "-auto-approve", "-no-color"])?;
    kill_at(&lost, destroy, "the table's deletion").await?;
    set_lease(&account, Timestamp::now() - SignedDuration::from_secs(1)).await?;
    terraform
        .destroy(&[])?
        .succeeded("destroy after the one that was killed")?;
    assert_holds(&account, &[]).await
}

#[tokio::test]
async fn a_process_that_terraform_never_heard_of_is_named_with_its_import_block() -> Result<()> {
    let account = account(false).await?;
    let installation = Terraform::new(&account, &configuration(""))?;
    installation.apply(&[])?.succeeded("apply of the stack")?;
    let function = TargetFunction::create(&account, "Destino").await?;
    let role = role_for(&account, &function).await?;
    let attributes = format!(
        "nombre = \"Cierre\"\n  cron = \"rate(1 day)\"\n  arn_rol = \"{}\"\n  arn_proceso = \"{}\"",
        role.arn, function.arn
    );
    let terraform = Terraform::new(&account, &only_proceso(&attributes))?;

    // Terraform and provider are killed as soon as the process's row is there.
    let apply = terraform.start(&["apply", "-auto-approve", "-no-color"])?;
    let dynamodb = account.dynamodb();
    wait::until("the process's row", Duration::from_mins(1), || async {
        let rows = dynamodb
            .scan()
            .table_name(format!("{APP}Procesos"))
            .consistent_read(true)
            .send()
            .await?;
        Ok((rows.count() > 0).then_some(()))
    })
    .await?;
    apply.kill();
    forget(&terraform)?;

    let errors = terraform.apply(&[])?.failed("apply of a process that is registered")?;
    let error = errors.first().context("no error")?.text();
    for part in ["import {", "to = kairos_proceso.", &format!("id = \"{APP}/")] {
        ensure!(squeezed(&error).contains(part), "the error has no {part:?}: {error}");
    }
    let import = format!("import {{\n  to = kairos_proceso.p\n  id = \"{APP}/Cierre\"\n}}\n");
    terraform.write("import.tf", &import)?;
    terraform.apply(&[])?.succeeded("apply with the import block")?;
    ensure!(
        terraform.plan_summary(&[])?.is_empty(),
        "the plan after the import is not empty"
    );

    terraform.destroy(&[])?.succeeded("destroy of the process")?;
    installation.destroy(&[])?.succeeded("destroy of the stack")?;
    function.delete().await?;
    role.delete().await?;
    assert_holds(&account, &[]).await
}

/// Whether terraform was faster than the kill or not: from here on its state does not know the process.
fn forget(terraform: &Terraform) -> Result<()> {
    for name in ["terraform.tfstate", ".terraform.tfstate.lock.info"] {
        let path = terraform.dir().join(name);
        if path.exists() {
            std::fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// With runs of spaces as one, as alignment in a block differs.
fn squeezed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
