//! Bad input that a stack which is up refuses: a second owner, a taken name, protection, processes in the way.

use acceptance::fixtures::TargetFunction;
use acceptance::terraform::Diagnostic;
use acceptance::{Terraform, world};
use anyhow::{Context, Result, ensure};

use crate::common::{APP, account, assert_holds, configuration, only_proceso, role_for};

#[tokio::test]
async fn another_installation_of_the_same_name_is_refused() -> Result<()> {
    let account = account(false).await?;
    let owner = Terraform::new(&account, &configuration(""))?;
    owner.apply(&[])?.succeeded("apply")?;
    let before = world::list(&account).await?;

    let other = Terraform::new(&account, &configuration(""))?;
    let errors = other.apply(&[])?.failed("apply of a second installation")?;
    let error = errors.first().context("no error")?.text();
    ensure!(
        error.contains(APP) && error.contains("import"),
        "the error does not say how to import: {error}"
    );
    assert_eq!(
        world::list(&account).await?,
        before,
        "the second installation changed nothing"
    );

    ensure!(owner.plan_summary(&[])?.is_empty(), "the owner's plan is not empty");
    owner.destroy(&[])?.succeeded("destroy")?;
    assert_holds(&account, &[]).await
}

#[tokio::test]
async fn a_protected_stack_is_not_destroyed() -> Result<()> {
    let account = account(false).await?;
    let protected = configuration("").replace("deletion_protection = false", "deletion_protection = true");
    let terraform = Terraform::new(&account, &protected)?;
    terraform.apply(&[])?.succeeded("apply")?;
    let before = world::list(&account).await?;

    let errors = terraform.plan(&["-destroy"])?.failed("plan of the destruction")?;
    ensure!(
        errors.iter().any(|error| error.text().contains("deletion_protection")),
        "no word of the protection: {errors:#?}"
    );
    assert_eq!(world::list(&account).await?, before);

    terraform.write("main.tf", &configuration(""))?;
    terraform.apply(&[])?.succeeded("apply without protection")?;
    terraform.destroy(&[])?.succeeded("destroy")?;
    assert_holds(&account, &[]).await
}

#[tokio::test]
async fn a_taken_name_and_a_stack_in_use_are_refused() -> Result<()> {
    let account = account(false).await?;
    let installation = Terraform::new(&account, &configuration(""))?;
    installation.apply(&[])?.succeeded("apply of the stack")?;
    let function = TargetFunction::create(&account, "Destino").await?;
    let role = role_for(&account, &function).await?;
    let named = |name: &str| {
        let (role, function) = (&role.arn, &function.arn);
        only_proceso(&format!(
            "nombre = \"{name}\"\n  cron = \"rate(1 day)\"\n  arn_rol = \"{role}\"\n  arn_proceso = \"{function}\""
        ))
    };
    let first = Terraform::new(&account, &named("Cierre Diario"))?;
    first.apply(&[])?.succeeded("apply of the process")?;

    // The name is the same: case and repeated spaces do not count.
    let second = Terraform::new(&account, &named("cierre  diario"))?;
    let errors = second.apply(&[])?.failed("apply of a taken name")?;
    let error = errors.first().context("no error")?.text();
    ensure!(
        error.contains("import"),
        "the error does not say how to import: {error}"
    );
    ensure!(
        first.plan_summary(&[])?.is_empty(),
        "the first owner's plan is not empty"
    );

    // A move to a time that is over is refused by the plan, as such a process would be.
    first.write(
        "main.tf",
        &named("Cierre Diario").replace("rate(1 day)", "at(2020-01-01T00:00:00)"),
    )?;
    let errors = first.plan(&[])?.failed("plan of a move to a time that is over")?;
    let error = errors.first().context("no error")?;
    assert_eq!(error.summary, "Invalid cron");
    ensure!(error.detail.contains("is in the past"), "{}", error.detail);
    first.write("main.tf", &named("Cierre Diario"))?;

    let before = world::list(&account).await?;
    // Another prefix would leave the process behind, which only the registry knows of.
    installation.write("main.tf", &configuration("").replace("\"proceso-\"", "\"tarea-\""))?;
    let plan = installation.plan(&[])?.succeeded("plan of another prefix")?;
    let warned = |told: &Diagnostic| told.summary.contains("leaves out processes") && told.detail.contains(&role.arn);
    ensure!(
        plan.warnings().iter().any(warned),
        "no warning: {:#?}",
        plan.diagnostics
    );
    installation.write("main.tf", &configuration(""))?;
    installation
        .plan(&["-destroy"])?
        .succeeded("plan of the destruction, which is refused only at apply")?;
    let errors = installation.destroy(&[])?.failed("destroy of a stack in use")?;
    let error = errors.first().context("no error")?.text();
    ensure!(
        error.contains("force_destroy"),
        "the error does not say what to do: {error}"
    );
    assert_eq!(
        world::list(&account).await?,
        before,
        "the refused destroy changed nothing"
    );

    first.destroy(&[])?.succeeded("destroy of the process")?;
    installation.destroy(&[])?.succeeded("destroy of the stack")?;
    function.delete().await?;
    role.delete().await?;
    assert_holds(&account, &[]).await
}
