//! A thousand processes on two hundred schedules: created, planned again, changed and destroyed in one apply each, and how
//! little is asked of AWS for it.

use std::collections::BTreeMap;

use acceptance::gate::Request;
use acceptance::terraform::REQUIRED_PROVIDERS;
use acceptance::{Account, Gate, Terraform};
use anyhow::{Context, Result, ensure};

use crate::common::{APP, account, assert_holds};
use crate::registered::{assert_in_order, calendarizaciones, names, rows, stack_up, told};

/// Processes, and how many share a schedule.
const PROCESOS: usize = 1_000;
const PER_SCHEDULE: usize = 5;
const SCHEDULES: usize = PROCESOS / PER_SCHEDULE;

/// The processes of a for_each: the n-th runs at the minute of its group, which `shift` moves on for every fourth of them;
/// their payload has `version`.
fn configuration(account: &Account, shift: usize, version: usize) -> String {
    format!(
        r#"{REQUIRED_PROVIDERS}
provider "kairos" {{}}

locals {{
  grupos = {{ for n in range({PROCESOS}) : format("proceso-%04d", n) => floor(n / {PER_SCHEDULE}) + (n % 4 == 0 ? {shift} : 0) }}
}}

resource "kairos_proceso" "this" {{
  for_each    = local.grupos
  stack       = "{APP}"
  nombre      = each.key
  cron        = "cron(${{each.value % 60}} ${{floor(each.value / 60)}} * * ? *)"
  arn_rol     = "arn:aws:iam::{id}:role/proceso-destino"
  arn_proceso = "arn:aws:sqs:{region}:{id}:Destino"
  parametros  = jsonencode({{ proceso = each.key, version = {version} }})
  habilitado  = each.value % 10 != 0
}}
"#,
        id = account.id,
        region = account.region,
    )
}

/// How often each operation was asked for; schedules by what is done to them.
fn operations(requests: &[Request]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for request in requests {
        let operation = match request.operation.split_once(" /schedules/") {
            Some((method, _)) => format!("{method} schedule"),
            None => request.operation.clone(),
        };
        *counts.entry(operation).or_default() += 1;
    }
    counts
}

/// Runs terraform through a proxy that sees every request: what was asked for.
fn watched(
    terraform: &mut Terraform,
    account: &Account,
    run: impl FnOnce(&Terraform) -> Result<()>,
) -> Result<Vec<Request>> {
    let gate = Gate::before(account)?;
    terraform.set("AWS_ENDPOINT_URL", &gate.account(account).endpoint);
    run(terraform)?;
    terraform.set("AWS_ENDPOINT_URL", &account.endpoint);
    Ok(gate.seen())
}

#[tokio::test]
async fn a_thousand_processes_live_on_two_hundred_schedules() -> Result<()> {
    let account = account(false).await?;
    let stack = stack_up(&account)?;
    let mut terraform = Terraform::new(&account, &configuration(&account, 0, 1))?;

    let seen = watched(&mut terraform, &account, |terraform| {
        terraform.apply(&[])?.succeeded("apply").map(drop)
    })?;
    let asked = operations(&seen);
    let of = |asked: &BTreeMap<String, usize>, operation: &str| asked.get(operation).copied().unwrap_or_default();
    assert_in_order(&account).await?;
    assert_eq!(rows(&account).await?.len(), PROCESOS);
    assert_eq!(calendarizaciones(&account).await?.len(), SCHEDULES);
    assert_eq!(
        of(&asked, "POST schedule"),
        SCHEDULES,
        "each schedule is created once: {asked:#?}"
    );
    assert_eq!(of(&asked, "GET schedule"), 0, "a create examines nothing: {asked:#?}");
    // Its own id, the earlier system's and its calendarización's, for each process: three reads, of which one is a call.
    let reads = of(&asked, "BatchGetItem") + of(&asked, "GetItem");
    ensure!(reads <= 2 * PROCESOS, "reads are not batched: {asked:#?}");
    // The row, the schedule's guard and state, and one transaction for each process; a few are repeated on conflicts.
    ensure!(of(&asked, "TransactWriteItems") <= 3 * PROCESOS, "{asked:#?}");

    // Nothing to do: each process is read in a batch, each schedule once, and the index as a whole.
    let seen = watched(&mut terraform, &account, |terraform| {
        let plan = terraform.plan_summary(&[])?;
        ensure!(
            plan.is_empty(),
            "the second plan is not empty: {:#?}",
            plan.changes.first()
        );
        Ok(())
    })?;
    let asked = operations(&seen);
    assert_eq!(of(&asked, "GET schedule"), SCHEDULES, "{asked:#?}");
    // The index and the table are read as a whole, in pages; nothing is looked for in them, as where something is wrong.
    let scans = seen.iter().filter(|request| request.operation == "Scan");
    let scans: Vec<&Request> = scans.collect();
    let looks = scans.iter().any(|scan| scan.body.contains("FilterExpression"));
    ensure!(!looks && (1..=8).contains(&scans.len()), "{scans:#?}");
    ensure!(of(&asked, "Query") <= 8, "{asked:#?}");
    let reads = of(&asked, "BatchGetItem") + of(&asked, "GetItem");
    ensure!(reads <= PROCESOS / 2, "reads are not batched: {asked:#?}");
    let writes: Vec<&String> = asked
        .keys()
        .filter(|operation| {
            ![
                "BatchGetItem",
                "GetItem",
                "GET schedule",
                "Scan",
                "Query",
                "GetParameters",
                "GetCallerIdentity",
            ]
            .contains(&operation.as_str())
        })
        .collect();
    ensure!(writes.is_empty(), "a plan asks for {writes:?}");

    // A quarter moves to other schedules, some of them new, and all have another payload.
    terraform.write("main.tf", &configuration(&account, SCHEDULES / 2, 2))?;
    let plan = terraform.plan_summary(&[])?;
    ensure!(
        plan.changes.len() == PROCESOS && plan.changes.iter().all(|(_, action)| action == "update"),
        "not every process is changed in place: {:#?}",
        plan.changes.first()
    );
    terraform
        .run(&["apply", "-json", "plan.bin"])?
        .report()
        .succeeded("apply of the change")?;
    assert_in_order(&account).await?;
    let changed = rows(&account).await?;
    ensure!(
        changed.len() == PROCESOS
            && changed
                .values()
                .all(|row| told(row, "Parametros").contains("\"version\":2")),
        "not every process is changed"
    );
    ensure!(
        terraform.plan_summary(&[])?.is_empty(),
        "the plan after the change is not empty"
    );

    terraform.destroy(&[])?.succeeded("destroy")?;
    ensure!(rows(&account).await?.is_empty(), "processes are left");
    let left = (calendarizaciones(&account).await?, names(&account).await?);
    ensure!(left.0.is_empty() && left.1.is_empty(), "schedules are left: {left:?}");
    stack
        .destroy(&[])?
        .succeeded("destroy of the stack")
        .context("nothing is registered any more")?;
    assert_holds(&account, &[]).await
}
