//! A creation that fails: terraform holds the stack as tainted, and there are two ways out, though it is protected.

use std::time::Duration;

use acceptance::gate::{Act, Gate, Request, Rule};
use acceptance::process::{self, signal};
use acceptance::{Account, Terraform, wait, world};
use anyhow::{Context, Result, ensure};
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::{SignedDuration, Timestamp};
use rustix::process::Signal;
use serde_json::Value;

use crate::common::{APP, account, assert_guided, assert_holds, assert_told, marker, set_lease, stack, text};

const STACK: &str = "kairos_stack.this";
const EXECUTOR: &str = "executor = { role_prefix = \"proceso-\" }";

fn protected() -> String {
    stack(EXECUTOR).replace("deletion_protection = false", "deletion_protection = true")
}

/// Lambda does not let the executor poll its queue.
fn no_event_source(gate: &Gate) -> Rule {
    let is = |r: &Request| r.operation.starts_with("POST /2015-03-31/event-source-mappings");
    gate.rule(Act::Refuse(403, "AccessDeniedException"), is)
}

fn is_tainted(terraform: &Terraform) -> Result<bool> {
    let state = terraform.state()?;
    let resources = state.pointer("/values/root_module/resources").and_then(Value::as_array);
    let stack = resources
        .into_iter()
        .flatten()
        .find(|resource| resource["address"] == STACK);
    Ok(stack.context("the stack is not in the state")?["tainted"] == true)
}

/// A protected stack whose creation has failed.
async fn tainted(account: &Account, gate: &Gate) -> Result<Terraform> {
    let terraform = Terraform::new(&gate.account(account), &protected())?;
    let refused = no_event_source(gate);
    let errors = terraform
        .apply(&[])?
        .failed("apply without the right to an event source")?;
    refused.end();
    assert_guided(&errors, "Cannot create the component \"executor_event_source\"");
    assert_guided(
        &errors,
        &format!(
            "AWS::Lambda::EventSourceMapping (component \"executor_event_source\"): CreateEventSourceMapping of \
             \"{APP}Executor\" failed: AccessDeniedException: "
        ),
    );
    assert_guided(
        &errors,
        "Terraform holds the stack as tainted. The same command again destroys what is there and creates the stack anew; \
         \"deletion_protection\" does not keep it from that, since the stack has never been complete. To complete it in place \
         instead, run \"terraform untaint\" with the stack's address first.",
    );
    ensure!(is_tainted(&terraform)?, "the stack is not tainted");
    assert_eq!(marker(account).await?["fase"], "creando");
    Ok(terraform)
}

/// Ends a protected stack.
async fn unprotect_and_destroy(account: &Account, terraform: &Terraform) -> Result<()> {
    let errors = terraform.destroy(&[])?.failed("destroy of a protected stack")?;
    assert_told(&errors, "is protected against deletion");
    terraform.write("main.tf", &stack(EXECUTOR))?;
    terraform.apply(&[])?.succeeded("apply without protection")?;
    terraform.destroy(&[])?.succeeded("destroy")?;
    assert_holds(account, &[]).await
}

#[tokio::test]
async fn a_tainted_stack_is_made_anew_by_the_same_command_though_it_is_protected() -> Result<()> {
    let account = account(false).await?;
    let gate = Gate::before(&account)?;
    let terraform = tainted(&account, &gate).await?;
    let first = text(&terraform, STACK, "installation_id")?;

    assert_eq!(terraform.plan_summary(&[])?.action(STACK), "delete+create");
    terraform.apply(&[])?.succeeded("apply again")?;
    ensure!(
        first != text(&terraform, STACK, "installation_id")?,
        "the installation is the same"
    );
    assert_eq!(marker(&account).await?["fase"], "completa");
    ensure!(
        terraform.plan_summary(&[])?.is_empty(),
        "the plan after it is not empty"
    );
    unprotect_and_destroy(&account, &terraform).await
}

#[tokio::test]
async fn a_tainted_stack_with_processes_is_not_destroyed_and_untaint_completes_it_in_place() -> Result<()> {
    let account = account(false).await?;
    let gate = Gate::before(&account)?;
    let terraform = tainted(&account, &gate).await?;
    let first = text(&terraform, STACK, "installation_id")?;
    let before = world::list(&account).await?;
    let table = format!("{APP}Procesos");
    let dynamodb = account.dynamodb();
    let id = AttributeValue::S("nocturno".into());
    dynamodb
        .put_item()
        .table_name(&table)
        .item("IdProceso", id.clone())
        .send()
        .await?;

    let errors = terraform.apply(&[])?.failed("apply that would destroy a process")?;
    assert_guided(&errors, &format!("Processes are registered in the stack \"{APP}\""));
    assert_guided(
        &errors,
        "run \"terraform untaint\" with the stack's address and apply again",
    );
    assert_guided(&errors, "Nothing was deleted.");
    assert_eq!(world::list(&account).await?, before);

    terraform.run(&["untaint", STACK])?.succeeded("untaint")?;
    assert_eq!(terraform.plan_summary(&[])?.action(STACK), "update");
    terraform.apply(&[])?.succeeded("apply after untaint")?;
    assert_eq!(text(&terraform, STACK, "installation_id")?, first);
    assert_eq!(marker(&account).await?["fase"], "completa");
    ensure!(
        terraform.plan_summary(&[])?.is_empty(),
        "the plan after it is not empty"
    );
    let rows = dynamodb.scan().table_name(&table).send().await?;
    assert_eq!(rows.count(), 1, "the process is still there");

    dynamodb
        .delete_item()
        .table_name(&table)
        .key("IdProceso", id)
        .send()
        .await?;
    unprotect_and_destroy(&account, &terraform).await
}

/// Kills the provider of an apply while it waits for the API's usage plan, and lets its lease run out.
async fn apply_killed(account: &Account, gate: &Gate, terraform: &Terraform) -> Result<()> {
    let limit = Duration::from_mins(5);
    let lost = gate.rule(Act::KeepAnswer, |r: &Request| r.operation == "POST /usageplans");
    let mut apply = terraform.start(&["apply", "-auto-approve", "-no-color"])?;
    lost.reached(1, "the usage plan").await?;
    wait::until("the subscription", limit, || async {
        let held = world::list(account).await?;
        Ok(held.iter().any(|o| o == "subscription antes@example.com").then_some(()))
    })
    .await?;
    let providers = apply.providers();
    ensure!(!providers.is_empty(), "no provider runs while terraform applies");
    for provider in &providers {
        signal(*provider, Signal::KILL);
    }
    ensure!(
        apply.wait(limit)?.code != Some(0),
        "an apply without its provider succeeded"
    );
    lost.end();
    wait::until("the provider's end", limit, || async {
        Ok((!providers.iter().any(|id| process::runs(*id))).then_some(()))
    })
    .await?;
    set_lease(account, Timestamp::now() - SignedDuration::from_secs(1)).await
}

/// No state tells of what a provider made that was killed: the next apply looks for it.
#[tokio::test]
async fn what_a_killed_apply_made_and_the_next_does_not_want_is_removed() -> Result<()> {
    let account = account(false).await?;
    let gate = Gate::before(&account)?;
    let more = stack(&format!(
        "{EXECUTOR}\n  api = {{}}\n  notification_emails = [\"antes@example.com\"]"
    ));
    let less = stack(EXECUTOR);
    let terraform = Terraform::new(&gate.account(&account), &more)?;
    apply_killed(&account, &gate, &terraform).await?;
    terraform.write("main.tf", &less)?;
    terraform.apply(&[])?.succeeded("apply without the API")?;
    let unwanted = |held: Vec<String>| -> Vec<String> {
        let of_the_api = |o: &String| o.to_lowercase().contains("api") || o.starts_with("usage plan");
        held.into_iter().filter(of_the_api).collect()
    };
    let held = world::list(&account).await?;
    ensure!(
        !held.iter().any(|o| o.starts_with("subscription")),
        "an address that nobody wants is still told: {held:#?}"
    );
    assert_eq!(unwanted(held), Vec::<String>::new());
    ensure!(
        terraform.plan_summary(&[])?.is_empty(),
        "the plan after the create is not empty"
    );

    // The same while the complete stack is changed: the state does not know of the API, and the configuration neither.
    terraform.write("main.tf", &more)?;
    apply_killed(&account, &gate, &terraform).await?;
    terraform.write("main.tf", &less)?;
    let plan = terraform.plan_summary(&[])?;
    assert_eq!(plan.action(STACK), "update");
    let before = &plan.raw["resource_changes"][0]["change"]["before"]["components"];
    assert_eq!(
        before["marker"]["drift"],
        serde_json::json!(["Unfinished: true → false"])
    );
    terraform.apply(&[])?.succeeded("apply without the API again")?;
    assert_eq!(unwanted(world::list(&account).await?), Vec::<String>::new());
    ensure!(
        terraform.plan_summary(&[])?.is_empty(),
        "the plan after the update is not empty"
    );
    terraform.destroy(&[])?.succeeded("destroy")?;
    assert_holds(&account, &[]).await
}
