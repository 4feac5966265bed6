//! The life of a stack as tests of any local AWS share it: each takes an account that is empty but for what a stack asks of it.

use acceptance::{Account, Terraform, world};
use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::common::{APP, assert_holds, configuration, stack, text};

const STACK: &str = "kairos_stack.this";

const WITH_API: &str = r#"
  executor            = { role_prefix = "proceso-" }
  api                 = {}
  notification_emails = ["operaciones@example.com"]
  tags                = { equipo = "plataforma" }
"#;

/// Known at plan time, complete after apply, nothing to do in the second plan, and nothing left after destroy.
pub(crate) async fn from_plan_to_destroy(account: &Account) -> Result<()> {
    let terraform = Terraform::new(account, &stack(WITH_API))?;

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
    nothing_to_do(&terraform, "apply")?;

    terraform.destroy(&[])?.succeeded("destroy")?;
    assert_holds(account, &[]).await
}

/// Every change is made in place, there and back again, and none leaves anything to do. `api` is what the API changes to.
pub(crate) async fn changes_in_place(account: &Account, api: &str) -> Result<()> {
    let terraform = Terraform::new(account, &configuration(""))?;
    terraform.apply(&[])?.succeeded("apply")?;
    let change = |what: &str, main: &str| {
        terraform.write("main.tf", main)?;
        assert_eq!(terraform.plan_summary(&[])?.action(STACK), "update", "{what}");
        terraform.apply(&[])?.succeeded(what)?;
        nothing_to_do(&terraform, what)
    };

    let with_api = r#"
  executor            = { role_prefix = "proceso-", memory_size = 512, timeout = 60 }
  api                 = {}
  log_retention_days  = 7
  notification_emails = ["operaciones@example.com"]
  tags                = { equipo = "plataforma" }
"#;
    change("the change with an API", &stack(with_api))?;
    let executor = account
        .lambda()
        .get_function_configuration()
        .function_name(format!("{APP}Executor"));
    let function = executor.send().await?;
    assert_eq!((function.memory_size(), function.timeout()), (Some(512), Some(60)));

    let otherwise = format!(
        r#"
  executor            = {{ role_prefix = "tarea-", timeout = 30, log_level = "DEBUG" }}
  api                 = {api}
  tracing             = false
  notification_emails = ["guardia@example.com"]
  tags                = {{ area = "datos" }}
"#
    );
    change("the change of the API", &stack(&otherwise))?;

    change("the way back", &configuration(""))?;
    let apis = account.apigateway().get_rest_apis().send().await?;
    assert_eq!(apis.items().len(), 0, "the API was taken away again");
    terraform.destroy(&[])?.succeeded("destroy")?;
    assert_holds(account, &[]).await
}

/// What others changed or deleted is told by the plan and mended by apply.
pub(crate) async fn drift_is_seen_and_mended(account: &Account) -> Result<()> {
    let terraform = Terraform::new(account, &configuration(""))?;
    terraform.apply(&[])?.succeeded("apply")?;
    let before = world::list(account).await?;

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
    assert_eq!(world::list(account).await?, before);
    nothing_to_do(&terraform, "the repair")?;
    terraform.destroy(&[])?.succeeded("destroy")?;
    assert_holds(account, &[]).await
}

/// A complete stack that is imported has no object to create, change or replace.
pub(crate) async fn import_finds_nothing_to_do(account: &Account) -> Result<()> {
    let first = Terraform::new(account, &stack(WITH_API))?;
    first.apply(&[])?.succeeded("apply")?;

    let second = Terraform::new(account, &stack(WITH_API))?;
    second.run(&["import", "-no-color", STACK, APP])?.succeeded("import")?;
    nothing_to_do(&second, "the import")?;
    assert_eq!(
        text(&first, STACK, "executor_arn")?,
        text(&second, STACK, "executor_arn")?
    );
    second.destroy(&[])?.succeeded("destroy")?;
    assert_holds(account, &[]).await
}

fn nothing_to_do(terraform: &Terraform, after: &str) -> Result<()> {
    let plan = terraform.plan_summary(&[])?;
    let drift = &plan.raw["resource_changes"][0]["change"]["before"]["components"];
    let drift: Vec<_> = drift
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(_, component)| !settled(component))
        .collect();
    ensure!(plan.is_empty(), "the plan after {after} is not empty: {drift:#?}");
    Ok(())
}

/// In sync, or an e-mail subscription that waits for its confirmation.
fn settled(component: &Value) -> bool {
    component["status"] == "in_sync" || component["status"] == "pending"
}
