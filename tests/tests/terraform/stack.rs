//! The life of a stack: known at plan time, complete, empty second plan, changes in place, drift, import, destroy.

use acceptance::{Terraform, world};
use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::common::{APP, account, assert_holds, configuration, stack, text};

const STACK: &str = "kairos_stack.this";

const WITH_API: &str = r#"
  executor            = { role_prefix = "proceso-" }
  api                 = {}
  notification_emails = ["operaciones@example.com"]
  tags                = { equipo = "plataforma" }
"#;

#[tokio::test]
async fn a_stack_lives_from_plan_to_destroy_and_leaves_nothing() -> Result<()> {
    let account = account(false).await?;
    let terraform = Terraform::new(&account, &stack(WITH_API))?;

    let plan = terraform.plan_summary(&[])?;
    assert_eq!(plan.action(STACK), "create");
    let planned = plan.after(STACK).context("no planned stack")?;
    let executor = format!(
        "arn:aws:lambda:{}:{}:function:{APP}Executor",
        account.region, account.id
    );
    assert_eq!(
        planned["executor_arn"],
        Value::String(executor),
        "ARNs that follow from names are known at plan time"
    );

    terraform.apply(&[])?.succeeded("apply")?;
    let resource = terraform.resource(STACK)?;
    let components = resource["components"].as_object().context("no components")?;
    let odd: Vec<_> = components.iter().filter(|(_, component)| !settled(component)).collect();
    ensure!(odd.is_empty(), "components that are not in sync after apply: {odd:#?}");
    ensure!(terraform.plan_summary(&[])?.is_empty(), "the second plan is not empty");

    terraform.destroy(&[])?.succeeded("destroy")?;
    assert_holds(&account, &[]).await
}

#[tokio::test]
async fn attributes_change_in_place_and_the_next_plan_is_empty() -> Result<()> {
    let account = account(false).await?;
    let terraform = Terraform::new(&account, &configuration(""))?;
    terraform.apply(&[])?.succeeded("apply")?;

    terraform.write(
        "main.tf",
        &stack(
            r#"
  executor           = { role_prefix = "proceso-", memory_size = 512, timeout = 60 }
  api                = {}
  log_retention_days = 7
  tags               = { equipo = "plataforma" }
"#,
        ),
    )?;
    let plan = terraform.plan_summary(&[])?;
    assert_eq!(plan.action(STACK), "update");
    terraform.apply(&[])?.succeeded("apply of the change")?;
    let function = account
        .lambda()
        .get_function_configuration()
        .function_name(format!("{APP}Executor"))
        .send()
        .await?;
    assert_eq!((function.memory_size(), function.timeout()), (Some(512), Some(60)));
    ensure!(
        terraform.plan_summary(&[])?.is_empty(),
        "the plan after the change is not empty"
    );

    terraform.write("main.tf", &configuration(""))?;
    terraform.apply(&[])?.succeeded("apply back")?;
    let apis = account.apigateway().get_rest_apis().send().await?;
    assert_eq!(apis.items().len(), 0, "the API was taken away again");
    ensure!(
        terraform.plan_summary(&[])?.is_empty(),
        "the plan after the way back is not empty"
    );
    terraform.destroy(&[])?.succeeded("destroy")?;
    assert_holds(&account, &[]).await
}

#[tokio::test]
async fn what_others_changed_or_deleted_is_seen_and_mended() -> Result<()> {
    let account = account(false).await?;
    let terraform = Terraform::new(&account, &configuration(""))?;
    terraform.apply(&[])?.succeeded("apply")?;
    let before = world::list(&account).await?;

    let function = format!("{APP}Dispatcher");
    account
        .lambda()
        .update_function_configuration()
        .function_name(&function)
        .memory_size(1024)
        .send()
        .await?;
    let alarm = format!("{APP}DeadLetterQueueAlarm");
    account.cloudwatch().delete_alarms().alarm_names(&alarm).send().await?;

    let plan = terraform.plan_summary(&[])?;
    assert_eq!(plan.action(STACK), "update");
    let drift = plan.raw["resource_changes"][0]["change"]["before"]["components"].clone();
    assert_eq!(drift["dispatcher_function"]["status"], "drifted");
    ensure!(
        drift["dispatcher_function"]["drift"].to_string().contains("1024"),
        "the drift is not told: {drift:#}"
    );
    let missing = drift
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(_, component)| component["status"] == "missing")
        .count();
    assert_eq!(missing, 1, "exactly the deleted alarm is missing: {drift:#}");

    terraform.apply(&[])?.succeeded("apply of the repair")?;
    assert_eq!(world::list(&account).await?, before);
    ensure!(
        terraform.plan_summary(&[])?.is_empty(),
        "the plan after the repair is not empty"
    );
    terraform.destroy(&[])?.succeeded("destroy")?;
    assert_holds(&account, &[]).await
}

#[tokio::test]
async fn an_imported_stack_plans_to_nothing() -> Result<()> {
    let account = account(false).await?;
    let first = Terraform::new(&account, &stack(WITH_API))?;
    first.apply(&[])?.succeeded("apply")?;

    let second = Terraform::new(&account, &stack(WITH_API))?;
    second.run(&["import", "-no-color", STACK, APP])?.succeeded("import")?;
    let plan = second.plan_summary(&[])?;
    // What only the configuration knows (protection, time-outs) may be taken over without a call to AWS.
    ensure!(
        plan.action(STACK) != "create" && !plan.action(STACK).contains("delete"),
        "an import is no replacement"
    );
    second.apply(&[])?.succeeded("apply after the import")?;
    ensure!(
        second.plan_summary(&[])?.is_empty(),
        "the plan after the import is not empty"
    );
    assert_eq!(
        text(&first, STACK, "executor_arn")?,
        text(&second, STACK, "executor_arn")?
    );
    second.destroy(&[])?.succeeded("destroy")?;
    assert_holds(&account, &[]).await
}

/// In sync, or an e-mail subscription that waits for its confirmation.
fn settled(component: &Value) -> bool {
    component["status"] == "in_sync" || component["status"] == "pending"
}
