//! A thousand processes on two hundred schedules: created, planned again, changed and destroyed in one apply each, and how
//! little is asked of AWS for it.

use std::collections::BTreeMap;

use acceptance::gate::Request;
use acceptance::terraform::REQUIRED_PROVIDERS;
use acceptance::{Account, Gate, Terraform};
use anyhow::{Context, Result, ensure};

use crate::common::{APP, account, assert_holds};
use crate::registered::{Item, assert_in_order, calendarizaciones, names, rows, stack_up, told};

/// Processes, and how many share a schedule.
const PROCESOS: usize = 1_000;
const PER_SCHEDULE: usize = 5;
const SCHEDULES: usize = PROCESOS / PER_SCHEDULE;

/// So many calls may be made again, since their answers were lost: of many at once a busy local AWS loses some.
const LOST: usize = 20;
/// Every so many-th process moves to another schedule, and every so many-th gets another payload: 400 of them in all.
const MOVES: usize = 4;
const PAYLOADS: usize = 5;

/// The processes of a for_each: the n-th runs at the minute of its group, which `shift` moves on for those that move; the
/// payload of those that get another one has `version`.
fn configuration(account: &Account, shift: usize, version: usize) -> String {
    format!(
        r#"{REQUIRED_PROVIDERS}
provider "kairos" {{}}

locals {{
  procesos = {{
    for n in range({PROCESOS}) : format("proceso-%04d", n) => {{
      minuto  = floor(n / {PER_SCHEDULE}) + (n % {MOVES} == 0 ? {shift} : 0)
      version = n % {PAYLOADS} == 0 ? {version} : 1
    }}
  }}
}}

resource "kairos_proceso" "this" {{
  for_each    = local.procesos
  stack       = "{APP}"
  nombre      = each.key
  cron        = "cron(${{each.value.minuto % 60}} ${{floor(each.value.minuto / 60)}} * * ? *)"
  arn_rol     = "arn:aws:iam::{id}:role/proceso-destino"
  arn_proceso = "arn:aws:sqs:{region}:{id}:Destino"
  parametros  = jsonencode({{ proceso = each.key, version = each.value.version }})
  habilitado  = each.value.minuto % 10 != 0
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
    // Each schedule is created once, and none is looked at, since all are new; the SDK repeats a call whose answer was lost.
    ensure!(
        (SCHEDULES..=SCHEDULES + LOST).contains(&of(&asked, "POST schedule")),
        "{asked:#?}"
    );
    ensure!(of(&asked, "GET schedule") <= LOST, "{asked:#?}");
    // A process is looked for under its own id, the earlier system's, and on its calendarización, whose row is read when it is
    // planned and when it is created: more than four items, most of them in one call with others.
    let reads = of(&asked, "BatchGetItem") + of(&asked, "GetItem");
    ensure!(reads <= 3 * PROCESOS, "reads are not batched: {asked:#?}");
    // One transaction for each process, and three for each schedule; those that meet others are made again.
    ensure!(of(&asked, "TransactWriteItems") <= 4 * PROCESOS, "{asked:#?}");

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
    ensure!(
        (SCHEDULES..=SCHEDULES + LOST).contains(&of(&asked, "GET schedule")),
        "{asked:#?}"
    );
    // The index and the table are read as a whole, in pages; nothing is looked for in them, as where something is wrong.
    let scans = seen.iter().filter(|request| request.operation == "Scan");
    let scans: Vec<&Request> = scans.collect();
    let looks = scans.iter().any(|scan| scan.body.contains("FilterExpression"));
    ensure!(!looks && (1..=LOST).contains(&scans.len()), "{scans:#?}");
    ensure!(of(&asked, "Query") <= 8 + LOST, "{asked:#?}");
    // Fewer calls than items, by far where the machine is not too slow to ask for several at once.
    let reads = of(&asked, "BatchGetItem") + of(&asked, "GetItem");
    ensure!(reads <= PROCESOS, "reads are not batched: {asked:#?}");
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

    // A quarter moves to other schedules, some of them new, and a fifth has another payload.
    terraform.write("main.tf", &configuration(&account, SCHEDULES / 2, 2))?;
    let plan = terraform.plan_summary(&[])?;
    let both = PROCESOS / (MOVES * PAYLOADS);
    ensure!(
        plan.changes.len() == PROCESOS / MOVES + PROCESOS / PAYLOADS - both
            && plan.changes.iter().all(|(_, action)| action == "update"),
        "{} are changed, or not in place: {:#?}",
        plan.changes.len(),
        plan.changes.first()
    );
    terraform
        .run(&["apply", "-json", "plan.bin"])?
        .report()
        .succeeded("apply of the change")?;
    assert_in_order(&account).await?;
    let changed = rows(&account).await?;
    let other = |row: &&Item| told(row, "Parametros").contains("\"version\":2");
    assert_eq!(changed.len(), PROCESOS);
    assert_eq!(changed.values().filter(other).count(), PROCESOS / PAYLOADS);
    // Every fourth of a schedule's five processes leaves it, so that none is left behind empty; new ones come in between.
    assert_eq!(calendarizaciones(&account).await?.len(), SCHEDULES + SCHEDULES / 2);
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
