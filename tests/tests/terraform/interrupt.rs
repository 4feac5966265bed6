//! Ctrl-C once and twice while a stack is created, changed and destroyed: the next command goes on, and nothing is orphaned.
//!
//! The middle of an operation is exact: a gate in front of the local AWS keeps one object from becoming ready, or one answer
//! from coming, until the test says so.

use std::time::Duration;

use acceptance::gate::{Act, Answer, Gate, Request, Rule};
use acceptance::terraform::Running;
use acceptance::{Account, Terraform, process, wait};
use anyhow::{Context, Result, ensure};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::common::{
    APP, account, assert_guided, assert_holds, assert_told, configuration, is_held, marker, set_lease, stack,
};

const STACK: &str = "kairos_stack.this";
/// How long terraform may take to end: a loaded machine takes minutes for what takes seconds.
const LIMIT: Duration = Duration::from_mins(5);
const APPLY: &[&str] = &["apply", "-json", "-auto-approve"];
const DESTROY: &[&str] = &["destroy", "-json", "-auto-approve"];

/// Lambda never gets done with the executor's function.
fn stuck_function(gate: &Gate) -> Rule {
    let stuck = |answer: Answer| match serde_json::from_str::<Value>(&answer.body) {
        Ok(mut function) if answer.status == 200 => {
            function["State"] = "Pending".into();
            function["LastUpdateStatus"] = "InProgress".into();
            let body = function.to_string();
            Answer { body, ..answer }
        }
        _ => answer,
    };
    let path = format!("GET /2015-03-31/functions/{APP}Executor/configuration");
    gate.rule(Act::Change(Box::new(stuck)), move |r| r.operation == path)
}

/// Scheduler never gets done with the deletion of the group.
fn stuck_deletion(gate: &Gate) -> Rule {
    let name = format!("{APP}ScheduleGroup");
    let path = format!("GET /schedule-groups/{name}");
    let stuck = move |answer: Answer| match answer.status {
        404 => Answer {
            status: 200,
            body: json!({ "Name": name, "State": "DELETING" }).to_string(),
        },
        _ => answer,
    };
    gate.rule(Act::Change(Box::new(stuck)), move |r| r.operation == path)
}

/// Keeps the answer to one request back.
fn lost_answer(gate: &Gate, is: impl Fn(&Request) -> bool + Send + Sync + 'static) -> Rule {
    gate.rule(Act::KeepAnswer, is)
}

fn creates_executor(request: &Request) -> bool {
    request.operation == "POST /2015-03-31/functions" && request.body.contains(&format!("{APP}Executor\""))
}

fn changes_executor(request: &Request) -> bool {
    request.operation == format!("PUT /2015-03-31/functions/{APP}Executor/configuration")
}

fn deletes_group(request: &Request) -> bool {
    request.operation == format!("DELETE /schedule-groups/{APP}ScheduleGroup")
}

/// Interrupts once; terraform ends by itself.
fn interrupted(command: Running, what: &str) -> Result<Vec<acceptance::terraform::Diagnostic>> {
    command.interrupt();
    command.wait(LIMIT)?.report().failed(what)
}

/// Interrupts twice: terraform ends at once, and takes its provider with it, whatever that is waiting for.
async fn cut_off(mut command: Running, what: &str) -> Result<()> {
    let providers = command.providers();
    ensure!(!providers.is_empty(), "no provider runs during {what}");
    command.interrupt();
    wait::until("terraform to heed the first interrupt", LIMIT, || async {
        Ok(command.so_far().contains("Interrupt received").then_some(()))
    })
    .await?;
    command.interrupt();
    let output = command.wait(LIMIT)?;
    ensure!(output.code != Some(0), "{what} succeeded: {}", output.stdout);
    ensure!(
        output.stderr.contains("Two interrupts received"),
        "{what} ended by itself: {}",
        output.stderr
    );
    wait::until("the provider's end", LIMIT, || async {
        Ok((!providers.iter().any(|id| process::runs(*id))).then_some(()))
    })
    .await
}

/// The state file.
fn state(terraform: &Terraform) -> Result<String> {
    let path = terraform.dir().join("terraform.tfstate");
    std::fs::read_to_string(path).context("reading the state")
}

/// Terraform writes its state in place, and warns that a second interrupt may lose it: then its backup is put back, as a
/// user does.
fn restore_if_lost(terraform: &Terraform, backup: &str) -> Result<()> {
    if state(terraform).is_ok_and(|now| now.contains("\"kairos_stack\"")) {
        return Ok(());
    }
    let path = terraform.dir().join("terraform.tfstate");
    std::fs::write(path, backup).context("putting the state back")
}

/// The lease that was left behind has run out.
async fn a_minute_later(account: &Account) -> Result<()> {
    set_lease(account, Timestamp::now() - SignedDuration::from_secs(1)).await
}

#[tokio::test]
async fn a_create_interrupted_once_is_tainted_and_the_next_apply_completes() -> Result<()> {
    let account = account(false).await?;
    let gate = Gate::before(&account)?;
    let terraform = Terraform::new(&gate.account(&account), &configuration(""))?;

    let stuck = stuck_function(&gate);
    let apply = terraform.start(APPLY)?;
    stuck.reached(1, "the wait for the executor's function").await?;
    let errors = interrupted(apply, "interrupted apply")?;
    assert_guided(
        &errors,
        &format!("CreateFunction of \"{APP}Executor\" failed: it was still in progress after "),
    );
    assert_guided(
        &errors,
        " s, when the operation was interrupted; run the same command again",
    );
    // Others may not have been tried either: that is the machine's speed.
    assert_guided(&errors, "Not tried (the operation was interrupted): ");
    assert_told(&errors, "executor_event_source");
    assert_guided(&errors, "Terraform holds the stack as tainted.");
    assert_eq!(
        (marker(&account).await?["fase"].as_str(), is_held(&account).await?),
        (Some("creando"), false)
    );

    stuck.end();
    assert_eq!(terraform.plan_summary(&[])?.action(STACK), "delete+create");
    terraform.apply(&[])?.succeeded("next apply")?;
    ensure!(
        terraform.plan_summary(&[])?.is_empty(),
        "the plan after it is not empty"
    );
    terraform.destroy(&[])?.succeeded("destroy")?;
    assert_holds(&account, &[]).await
}

#[tokio::test]
async fn an_update_and_a_destroy_interrupted_once_go_on_from_there() -> Result<()> {
    let account = account(false).await?;
    let gate = Gate::before(&account)?;
    let terraform = Terraform::new(&gate.account(&account), &configuration(""))?;
    terraform.apply(&[])?.succeeded("apply")?;

    terraform.write(
        "main.tf",
        &stack("executor = { role_prefix = \"proceso-\", memory_size = 512 }"),
    )?;
    let stuck = stuck_function(&gate);
    let apply = terraform.start(APPLY)?;
    stuck.reached(1, "the wait for the executor's function").await?;
    let errors = interrupted(apply, "interrupted update")?;
    assert_told(
        &errors,
        &format!("UpdateFunctionConfiguration of \"{APP}Executor\" failed: it was still in progress after "),
    );
    assert_guided(
        &errors,
        "The state holds what was achieved: the same command again goes on from there.",
    );
    assert_eq!(
        (marker(&account).await?["fase"].as_str(), is_held(&account).await?),
        (Some("completa"), false)
    );
    stuck.end();
    terraform.apply(&[])?.succeeded("apply after the interrupted update")?;
    ensure!(
        terraform.plan_summary(&[])?.is_empty(),
        "the plan after the update is not empty"
    );

    let stuck = stuck_deletion(&gate);
    let destroy = terraform.start(DESTROY)?;
    stuck.reached(1, "the wait for the group's deletion").await?;
    let errors = interrupted(destroy, "interrupted destroy")?;
    assert_told(
        &errors,
        &format!("DeleteScheduleGroup of \"{APP}ScheduleGroup\" failed: it was still DELETING after "),
    );
    assert_guided(&errors, "Not tried (the operation was interrupted): ");
    assert_told(&errors, "dispatcher_function");
    let left = terraform.resource(STACK)?["components"].clone();
    ensure!(
        left["dispatcher_function"]["status"] == "in_sync" && !left["schedule_group"].is_null(),
        "the state does not hold what is left: {left:#}"
    );
    assert_eq!(
        (marker(&account).await?["fase"].as_str(), is_held(&account).await?),
        (Some("destruyendo"), false)
    );
    stuck.end();
    terraform.destroy(&[])?.succeeded("destroy after the interrupted one")?;
    assert_holds(&account, &[]).await
}

#[tokio::test]
async fn a_create_interrupted_twice_is_taken_up_once_its_lease_has_run_out() -> Result<()> {
    let account = account(false).await?;
    let gate = Gate::before(&account)?;
    let terraform = Terraform::new(&gate.account(&account), &configuration(""))?;

    let lost = lost_answer(&gate, creates_executor);
    let apply = terraform.start(&["apply", "-auto-approve", "-no-color"])?;
    lost.reached(1, "the executor's function").await?;
    cut_off(apply, "apply").await?;
    lost.end();

    // Nobody can tell a provider that was killed from one that is at work: while its lease runs, others are warned.
    set_lease(&account, Timestamp::now() + SignedDuration::from_hours(1)).await?;
    let plan = terraform.plan(&[])?.succeeded("plan")?;
    let warned = format!("Somebody is working on the stack \"{APP}\"");
    ensure!(
        plan.warnings().iter().any(|warning| warning.summary == warned),
        "no warning of the lease: {:#?}",
        plan.warnings()
    );
    a_minute_later(&account).await?;
    terraform.apply(&[])?.succeeded("next apply")?;
    ensure!(
        terraform.plan_summary(&[])?.is_empty(),
        "the plan after it is not empty"
    );
    terraform.destroy(&[])?.succeeded("destroy")?;
    assert_holds(&account, &[]).await
}

#[tokio::test]
async fn an_update_and_a_destroy_interrupted_twice_are_repeated() -> Result<()> {
    let account = account(false).await?;
    let gate = Gate::before(&account)?;
    let terraform = Terraform::new(&gate.account(&account), &configuration(""))?;
    terraform.apply(&[])?.succeeded("apply")?;

    terraform.write(
        "main.tf",
        &stack("executor = { role_prefix = \"proceso-\", memory_size = 512 }"),
    )?;
    let backup = state(&terraform)?;
    let lost = lost_answer(&gate, changes_executor);
    let apply = terraform.start(&["apply", "-auto-approve", "-no-color"])?;
    lost.reached(1, "the executor's new memory").await?;
    cut_off(apply, "the update").await?;
    restore_if_lost(&terraform, &backup)?;
    lost.end();
    a_minute_later(&account).await?;
    terraform
        .apply(&[])?
        .succeeded("apply after the update that was cut off")?;
    ensure!(
        terraform.plan_summary(&[])?.is_empty(),
        "the plan after the update is not empty"
    );

    let backup = state(&terraform)?;
    let lost = lost_answer(&gate, deletes_group);
    let destroy = terraform.start(&["destroy", "-auto-approve", "-no-color"])?;
    lost.reached(1, "the group's deletion").await?;
    cut_off(destroy, "the destroy").await?;
    restore_if_lost(&terraform, &backup)?;
    lost.end();
    a_minute_later(&account).await?;
    terraform
        .destroy(&[])?
        .succeeded("destroy after the one that was cut off")?;
    assert_holds(&account, &[]).await
}
