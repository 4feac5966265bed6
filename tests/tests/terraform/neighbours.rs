//! Neighbours and rivals: other stacks are not touched, and a name has one owner, however many want it.

use std::time::Duration;

use acceptance::gate::Act;
use acceptance::terraform::{Diagnostic, Report};
use acceptance::{Account, Gate, Snapshot, Terraform, fixtures, world};
use anyhow::{Context, Result, ensure};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use uuid::Uuid;

use crate::common::{APP, account, assert_holds, configuration, stack, text};

const STACK: &str = "kairos_stack.this";

/// How long two applies may take that wait for each other.
const LIMIT: Duration = Duration::from_mins(10);

/// A stack whose name begins with ours.
const LONGER: &str = "PruebaDos";

const WITH_API: &str = r#"
  executor            = { role_prefix = "proceso-" }
  api                 = {}
  notification_emails = ["operaciones@example.com"]
  tags                = { equipo = "vecina" }
"#;

/// Another configuration of the same stack: everything that can differ in place does.
const CHANGED: &str = r#"
  executor           = { role_prefix = "otro-", memory_size = 512, timeout = 60, batch_size = 5 }
  dispatcher         = { memory_size = 512 }
  log_retention_days = 7
  tracing            = false
  tags               = { equipo = "nuestro" }
"#;

#[tokio::test]
async fn two_stacks_side_by_side_do_not_touch_each_other() -> Result<()> {
    let account = account(false).await?;
    let neighbour = Terraform::new(&account, &stack(WITH_API).replace(APP, LONGER))?;
    neighbour.apply(&[])?.succeeded("apply of the neighbour")?;
    live_beside(&account, &neighbour, &account).await
}

#[tokio::test]
async fn the_same_name_in_two_regions_is_two_stacks_that_do_not_touch_each_other() -> Result<()> {
    let here = account(false).await?;
    let there = here.in_region("eu-west-1");
    fixtures::api_gateway_logging(&there).await?;
    let neighbour = Terraform::new(&there, &stack(WITH_API))?;
    neighbour.apply(&[])?.succeeded("apply in the other region")?;
    live_beside(&here, &neighbour, &there).await?;
    assert_holds(&there, &[]).await
}

/// The whole life of a stack in `account`; all the while, nothing of the neighbour's in `region` changes.
async fn live_beside(account: &Account, neighbour: &Terraform, region: &Account) -> Result<()> {
    let before = Snapshot::take(region).await?;
    ensure!(before.len() > 40, "the neighbour has but {} objects", before.len());
    let untouched = async |after: &str| -> Result<()> {
        let now = Snapshot::take(region).await?;
        now.still_holds(&before)
            .with_context(|| format!("after the {after} of a stack beside it"))
    };
    let ours = Terraform::new(account, &stack(WITH_API))?;
    ours.apply(&[])?.succeeded("apply")?;
    untouched("creation").await?;

    ours.write("main.tf", &stack(CHANGED))?;
    ours.apply(&[])?.succeeded("apply of the change")?;
    untouched("change").await?;

    drift(account).await?;
    ours.apply(&[])?.succeeded("apply of the repair")?;
    untouched("repair").await?;

    ours.destroy(&[])?.succeeded("destroy")?;
    untouched("destruction").await?;
    assert_eq!(Snapshot::take(region).await?, before, "nothing of ours is left");
    ensure!(
        neighbour.plan_summary(&[])?.is_empty(),
        "the neighbour's plan is not empty"
    );
    neighbour.destroy(&[])?.succeeded("destroy of the neighbour")?;
    assert_holds(account, &[]).await
}

/// Somebody changes, deletes and adds by hand.
async fn drift(account: &Account) -> Result<()> {
    let change = account.lambda().update_function_configuration();
    change
        .function_name(format!("{APP}Dispatcher"))
        .memory_size(1024)
        .send()
        .await?;
    let alarm = format!("{APP}DeadLetterQueueAlarm");
    account.cloudwatch().delete_alarms().alarm_names(alarm).send().await?;
    let topic = format!("arn:aws:sns:{}:{}:{APP}Notificaciones", account.region, account.id);
    let tag = aws_sdk_sns::types::Tag::builder()
        .key("equipo")
        .value("nadie")
        .build()?;
    account
        .sns()
        .tag_resource()
        .resource_arn(topic)
        .tags(tag)
        .send()
        .await?;
    Ok(())
}

#[tokio::test]
async fn a_second_configuration_of_a_name_changes_and_destroys_nothing() -> Result<()> {
    let account = account(false).await?;
    let owner = Terraform::new(&account, &configuration(""))?;
    owner.apply(&[])?.succeeded("apply")?;
    let before = Snapshot::take(&account).await?;

    let second = Terraform::new(&account, &stack(CHANGED))?;
    taken(&second.apply(&[])?.failed("apply of a second configuration")?)?;
    second.destroy(&[])?.succeeded("destroy by who owns nothing")?;
    assert_eq!(
        Snapshot::take(&account).await?,
        before,
        "the second configuration touched something"
    );
    ensure!(owner.plan_summary(&[])?.is_empty(), "the owner's plan is not empty");

    // Somebody keeps the state of an installation that is no more: the name is another's now.
    let late = Terraform::new(&account, &configuration(""))?;
    std::fs::copy(
        owner.dir().join("terraform.tfstate"),
        late.dir().join("terraform.tfstate"),
    )?;
    owner.destroy(&[])?.succeeded("destroy")?;
    owner.apply(&[])?.succeeded("apply anew")?;
    let before = Snapshot::take(&account).await?;
    late.write("main.tf", &stack(CHANGED))?;
    let installation = text(&owner, STACK, "installation_id")?;
    for (what, report) in [("apply", late.apply(&[])?), ("destroy", late.destroy(&[])?)] {
        let error = only(&report.failed(what)?)?;
        ensure!(
            error.contains(&installation) && error.contains("terraform state rm"),
            "the {what} does not say whose the stack is, and what to do: {error}"
        );
    }
    assert_eq!(
        Snapshot::take(&account).await?,
        before,
        "an outdated state touched something"
    );

    owner.destroy(&[])?.succeeded("destroy of the new stack")?;
    assert_holds(&account, &[]).await
}

#[tokio::test]
async fn of_two_creates_at_once_one_gets_the_name() -> Result<()> {
    race(&account(false).await?, "/Kairos/Instalacion").await
}

#[tokio::test]
async fn of_two_that_take_an_unfinished_creation_over_one_gets_it() -> Result<()> {
    let account = account(false).await?;
    // What a create leaves that was killed before its first object, once its lease has run out.
    let marker = json!({
        "instalacion": Uuid::new_v4().to_string(),
        "fase": "creando",
        "arriendo": { "id": Uuid::new_v4().to_string(), "hasta": Timestamp::now() - SignedDuration::from_secs(5) },
    });
    let put = account.ssm().put_parameter().name(format!("/{APP}/Kairos/Instalacion"));
    put.value(marker.to_string())
        .r#type(aws_sdk_ssm::types::ParameterType::String)
        .send()
        .await?;
    race(&account, "/Kairos/Toma/").await
}

/// Two configurations of one name are applied at once: one owns it, the other is told so, and can destroy nothing. Each
/// has found the name free when the first writes: what both write below `at` is kept back until both are there.
async fn race(account: &Account, at: &'static str) -> Result<()> {
    let gate = Gate::before(account)?;
    let start = gate.rule(Act::KeepRequest, move |request| request.asks("PutParameter", at));
    let through = gate.account(account);
    let rivals = [
        Terraform::new(&through, &configuration(""))?,
        Terraform::new(&through, &configuration(""))?,
    ];
    let [first, second] = [0, 1].map(|i| rivals[i].start(&["apply", "-json", "-auto-approve"]));
    let (first, second) = (first?, second?);
    start.reached(2, "both at the marker").await?;
    start.end();
    let reports = [first.wait(LIMIT)?, second.wait(LIMIT)?].map(|output| Report::of_lines(&output));
    let won: Vec<bool> = reports.iter().map(|report| report.success).collect();
    let (winner, loser) = match won[..] {
        [true, false] => (0, 1),
        [false, true] => (1, 0),
        _ => anyhow::bail!("not one of the two got the name: {reports:#?}"),
    };
    taken(&reports[loser].errors())?;
    let (winner, loser) = (&rivals[winner], &rivals[loser]);
    ensure!(winner.plan_summary(&[])?.is_empty(), "the winner's plan is not empty");
    let held = world::list(account).await?;
    ensure!(
        !held.iter().any(|object| object.contains("/Toma/")),
        "a claim is left: {held:#?}"
    );

    let before = Snapshot::take(account).await?;
    loser.destroy(&[])?.succeeded("destroy by the loser")?;
    assert_eq!(Snapshot::take(account).await?, before, "the loser touched something");
    winner.destroy(&[])?.succeeded("destroy by the winner")?;
    assert_holds(account, &[]).await
}

/// One error, which says that the name is taken and how to manage the stack that has it.
fn taken(errors: &[Diagnostic]) -> Result<()> {
    let error = only(errors)?;
    ensure!(
        error.contains(&format!("\"{APP}\" exists")) && error.contains(&format!("terraform import <address> {APP}")),
        "the error does not say that the name is taken, and how to import it: {error}"
    );
    Ok(())
}

fn only(errors: &[Diagnostic]) -> Result<String> {
    ensure!(errors.len() == 1, "not one clear error: {errors:#?}");
    Ok(errors[0].text())
}
