//! What others do to processes and to what is behind them: the plan shows it, apply mends it, and the next plan is empty.

use std::collections::{BTreeMap, BTreeSet};

use acceptance::{Account, Terraform};
use anyhow::{Context, Result, ensure};
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_scheduler::operation::get_schedule::GetScheduleOutput;
use aws_sdk_scheduler::types::{
    ActionAfterCompletion, FlexibleTimeWindow, FlexibleTimeWindowMode, RetryPolicy, ScheduleState, Target,
};
use serde_json::Value;

use crate::common::{APP, account, assert_holds};
use crate::registered::{
    ID_CALENDARIZACION, ID_PROCESO, Item, assert_in_order, attributes, calendarizaciones, group, procesos, rows,
    schedule, schedules, stack_up, told,
};

const HOURLY: &str = "cron(0 * * * ? *)";
const DAILY: &str = "cron(0 3 * * ? *)";

/// `a` and `b` run hourly, `c` daily; `d` is paused, alone on its schedule; `e` has run once, long ago.
struct Ground {
    account: Account,
    stack: Terraform,
    terraform: Terraform,
    rows: BTreeMap<String, Item>,
    schedules: BTreeMap<String, String>,
}

impl Ground {
    async fn new() -> Result<Self> {
        let account = account(false).await?;
        let stack = stack_up(&account)?;
        let blocks = [
            ("a", HOURLY, ""),
            ("b", HOURLY, "parametros = jsonencode({ n = 1 })"),
            ("c", DAILY, ""),
            ("d", "cron(0 4 * * ? *)", "habilitado = false"),
        ];
        let blocks = blocks.map(|(label, cron, more)| (label, attributes(&account, label, cron, more)));
        let terraform = Terraform::new(&account, &procesos(&blocks))?;
        terraform.apply(&[])?.succeeded("apply of the processes")?;
        ensure!(terraform.plan_summary(&[])?.is_empty(), "the second plan is not empty");
        assert_in_order(&account).await?;
        let (rows, schedules) = (rows(&account).await?, schedules(&account).await?);
        Ok(Self {
            account,
            stack,
            terraform,
            rows,
            schedules,
        })
    }

    /// The id of the calendarización of a process, as it was created.
    fn id(&self, nombre: &str) -> Result<String> {
        let row = self.rows.values().find(|row| told(row, "Nombre") == nombre);
        Ok(told(row.context("no such process")?, ID_CALENDARIZACION))
    }

    /// The key of a process.
    fn proceso(&self, nombre: &str) -> Result<String> {
        let row = self.rows.values().find(|row| told(row, "Nombre") == nombre);
        Ok(told(row.context("no such process")?, ID_PROCESO))
    }

    /// The plan does `expected` (label, action, how `estado` begins where it shows) and nothing else; after the apply all is as
    /// it was made, and the next plan is empty. Answers the plan.
    async fn mends(&self, what: &str, expected: &[(&str, &str, &str)]) -> Result<Value> {
        let plan = self.terraform.plan_summary(&[])?;
        let actions: BTreeSet<(String, String)> = plan.changes.iter().cloned().collect();
        let wanted = expected
            .iter()
            .map(|(label, action, _)| (format!("kairos_proceso.{label}"), (*action).to_owned()));
        assert_eq!(actions, wanted.collect(), "{what}");
        for (label, _, estado) in expected {
            let (before, after) = values(&plan.raw, label)?;
            let shown = before["estado"].as_str().unwrap_or_default();
            ensure!(
                shown.starts_with(estado),
                "{what}: {label} is {shown:?}, not {estado:?}"
            );
            assert_eq!(after["estado"], "in_sync", "{what}: {label}");
        }
        self.terraform
            .run(&["apply", "-json", "plan.bin"])?
            .report()
            .succeeded(&format!("apply after {what}"))?;
        assert_in_order(&self.account)
            .await
            .with_context(|| format!("after {what}"))?;
        assert_eq!(schedules(&self.account).await?, self.schedules, "after {what}");
        assert_eq!(
            definitions(&rows(&self.account).await?),
            definitions(&self.rows),
            "after {what}"
        );
        let next = self.terraform.plan_summary(&[])?;
        ensure!(
            next.is_empty(),
            "the plan after {what} is not empty: {:#?}",
            next.changes
        );
        Ok(plan.raw)
    }

    /// Sets an attribute of an item by hand.
    async fn set(&self, table: &str, key: (&str, &str), attribute: &str, value: AttributeValue) -> Result<()> {
        let update = self
            .account
            .dynamodb()
            .update_item()
            .table_name(format!("{APP}{table}"));
        update
            .key(key.0, AttributeValue::S(key.1.to_owned()))
            .update_expression("SET #a = :v")
            .expression_attribute_names("#a", attribute)
            .expression_attribute_values(":v", value)
            .send()
            .await?;
        Ok(())
    }

    /// Deletes an item by hand.
    async fn delete(&self, table: &str, key: (&str, &str)) -> Result<()> {
        let delete = self
            .account
            .dynamodb()
            .delete_item()
            .table_name(format!("{APP}{table}"));
        delete.key(key.0, AttributeValue::S(key.1.to_owned())).send().await?;
        Ok(())
    }

    /// Changes a schedule by hand.
    async fn edit(&self, id: &str, edit: impl FnOnce(&mut GetScheduleOutput) + Send) -> Result<()> {
        let mut held = schedule(&self.account, id).await?;
        edit(&mut held);
        let update = self.account.scheduler().update_schedule().name(id).group_name(group());
        update
            .set_schedule_expression(held.schedule_expression)
            .set_schedule_expression_timezone(held.schedule_expression_timezone)
            .set_start_date(held.start_date)
            .set_end_date(held.end_date)
            .set_flexible_time_window(held.flexible_time_window)
            .set_state(held.state)
            .set_action_after_completion(held.action_after_completion)
            .set_target(held.target)
            .send()
            .await?;
        Ok(())
    }

    async fn ends(self) -> Result<()> {
        self.terraform.destroy(&[])?.succeeded("destroy of the processes")?;
        ensure!(calendarizaciones(&self.account).await?.is_empty() && rows(&self.account).await?.is_empty());
        self.stack.destroy(&[])?.succeeded("destroy of the stack")?;
        assert_holds(&self.account, &[]).await
    }
}

/// What the processes are, without what every change of them moves on.
fn definitions(rows: &BTreeMap<String, Item>) -> BTreeMap<String, Item> {
    let mut rows = rows.clone();
    for row in rows.values_mut() {
        for moved in ["Version", "FechaActualizacion", "FechaCreacion", "FechaAsignacion"] {
            row.remove(moved);
        }
    }
    rows
}

/// A process before and after, in a plan.
fn values(plan: &Value, label: &str) -> Result<(Value, Value)> {
    let changes = plan["resource_changes"].as_array().context("no changes")?;
    let address = format!("kairos_proceso.{label}");
    let change = changes.iter().find(|change| change["address"] == address);
    let change = &change.with_context(|| format!("{address} is not in the plan"))?["change"];
    Ok((change["before"].clone(), change["after"].clone()))
}

/// The key of a calendarización.
fn row(id: &str) -> (&'static str, &str) {
    (ID_CALENDARIZACION, id)
}

fn number(number: u32) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

#[tokio::test]
async fn what_is_done_to_a_schedule_shows_in_its_processes_and_is_undone() -> Result<()> {
    let ground = Ground::new().await?;
    let (hourly, daily, paused) = (ground.id("a")?, ground.id("c")?, ground.id("d")?);

    let delete = ground
        .account
        .scheduler()
        .delete_schedule()
        .name(&hourly)
        .group_name(group());
    delete.send().await?;
    let warnings = ground.terraform.plan(&[])?.warnings();
    let missed = warnings.iter().filter(|warning| warning.text().contains("missed runs"));
    assert_eq!(missed.count(), 1, "one warning for each schedule: {warnings:#?}");
    // Another one is disabled, and one is enabled that has no enabled process.
    for (id, state) in [(&daily, ScheduleState::Disabled), (&paused, ScheduleState::Enabled)] {
        ground.edit(id, |held| held.state = Some(state)).await?;
    }
    ground
        .mends(
            "a deleted, a disabled and an enabled schedule",
            &[
                ("a", "update", "missing: schedule"),
                ("b", "update", "missing: schedule"),
                ("c", "update", "drifted: State: DISABLED → ENABLED"),
                ("d", "update", "drifted: State: ENABLED → DISABLED"),
            ],
        )
        .await?;

    // Everything else of three schedules at once.
    ground
        .edit(&hourly, |held| {
            held.schedule_expression = Some("rate(1 hour)".into());
            held.schedule_expression_timezone = Some("America/Lima".into());
        })
        .await?;
    let window = FlexibleTimeWindow::builder()
        .mode(FlexibleTimeWindowMode::Flexible)
        .maximum_window_in_minutes(30)
        .build()?;
    ground
        .edit(&daily, |held| {
            held.flexible_time_window = Some(window);
            held.end_date = Some(aws_sdk_scheduler::primitives::DateTime::from_secs(2_000_000_000));
            held.action_after_completion = Some(ActionAfterCompletion::Delete);
        })
        .await?;
    let target = Target::builder()
        .arn(format!(
            "arn:aws:sqs:{}:{}:Otra",
            ground.account.region, ground.account.id
        ))
        .role_arn(format!("arn:aws:iam::{}:role/otro", ground.account.id))
        .input("{}")
        .retry_policy(RetryPolicy::builder().maximum_retry_attempts(1).build())
        .build()?;
    ground.edit(&paused, |held| held.target = Some(target)).await?;
    ground
        .mends(
            "edited schedules",
            &[
                (
                    "a",
                    "update",
                    "drifted: ScheduleExpression: rate(1 hour) → cron(0 * * * ? *); ScheduleExpressionTimezone",
                ),
                ("b", "update", "drifted: ScheduleExpression"),
                (
                    "c",
                    "update",
                    "drifted: FlexibleTimeWindow: 30 min → OFF; EndDate: 2033-",
                ),
                ("d", "update", "drifted: Target.Arn: arn:aws:sqs:"),
            ],
        )
        .await?;

    // Read never writes: a plan that is thrown away leaves what is wrong as it is.
    ground
        .edit(&daily, |held| held.state = Some(ScheduleState::Disabled))
        .await?;
    let broken = schedules(&ground.account).await?;
    assert_eq!(ground.terraform.plan_summary(&[])?.changes.len(), 1);
    ground.terraform.run(&["refresh", "-no-color"])?.succeeded("refresh")?;
    assert_eq!(schedules(&ground.account).await?, broken);
    // What was wrong goes with the process: another one comes onto the schedule and finds it right.
    ground.mends("a refresh", &[("c", "update", "drifted: State")]).await?;
    ground.ends().await
}

#[tokio::test]
async fn what_is_done_to_the_tables_shows_and_is_undone() -> Result<()> {
    let ground = Ground::new().await?;
    let (hourly, daily, paused) = (ground.id("a")?, ground.id("c")?, ground.id("d")?);
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let table = "Calendarizaciones";

    ground.set(table, row(&hourly), "CantProcesos", number(7)).await?;
    ground.set(table, row(&hourly), "CantHabilitados", number(0)).await?;
    ground.delete(table, row(&daily)).await?;
    ground.set(table, row(&paused), "Estado", text("Eliminando")).await?;
    let counters = "drifted: CantProcesos: 7 → 2; CantHabilitados: 0 → 2";
    ground
        .mends(
            "wrong counters, a deleted row, and a deletion that never ended",
            &[
                ("a", "update", counters),
                ("b", "update", counters),
                ("c", "update", "missing: row"),
                ("d", "update", "drifted: Estado: Eliminando → Activa"),
            ],
        )
        .await?;

    // What a process itself is shows as itself.
    let b = ground.proceso("b")?;
    let of_b = (ID_PROCESO, b.as_str());
    ground.set(table, row(&daily), "Expresion", text(HOURLY)).await?;
    ground.set("Procesos", of_b, "Reintentos", number(9)).await?;
    ground.set("Procesos", of_b, "Parametros", text(r#"{"n":2}"#)).await?;
    let plan = ground
        .mends(
            "another expression in a row, and a changed process",
            &[("c", "update", "drifted: Expresion"), ("b", "update", "in_sync")],
        )
        .await?;
    let (before, after) = values(&plan, "b")?;
    assert_eq!((&before["reintentos"], &after["reintentos"]), (&9.into(), &3.into()));
    assert_eq!(before["parametros"], r#"{"n":2}"#);

    // Paused by hand, past the counters: so do all that share the counters. Another form of a payload is no change.
    ground
        .set("Procesos", of_b, "Habilitado", AttributeValue::Bool(false))
        .await?;
    ground
        .set("Procesos", of_b, "Parametros", text("{ \"n\" : 1 }"))
        .await?;
    let counters = "drifted: CantHabilitados: 2 → 1";
    let both = [("a", "update", counters), ("b", "update", counters)];
    let plan = ground.mends("a pause by hand", &both).await?;
    let (before, after) = values(&plan, "b")?;
    assert_eq!(
        (&before["habilitado"], &after["habilitado"]),
        (&false.into(), &true.into())
    );
    assert_eq!(before["parametros"], r#"{"n":1}"#);

    // Deleted by hand, past the counters: one next to others, one alone on its schedule.
    for nombre in ["b", "d"] {
        let id = ground.proceso(nombre)?;
        ground.delete("Procesos", (ID_PROCESO, id.as_str())).await?;
    }
    let counters = "drifted: CantProcesos: 2 → 1";
    ground
        .mends(
            "deleted processes",
            &[("a", "update", counters), ("b", "create", ""), ("d", "create", "")],
        )
        .await?;
    ground.ends().await
}

#[tokio::test]
async fn what_another_configuration_does_to_a_process_shows_as_itself() -> Result<()> {
    let ground = Ground::new().await?;
    // Another state that owns the same processes is another client of the registry.
    let other = Terraform::new(
        &ground.account,
        &procesos(&[
            (
                "a",
                attributes(&ground.account, "a", "rate(2 hours)", "habilitado = false"),
            ),
            ("c", attributes(&ground.account, "c", DAILY, "")),
        ]),
    )?;
    for label in ["a", "c"] {
        let id = format!("{APP}/{label}");
        other
            .run(&["import", "-no-color", &format!("kairos_proceso.{label}"), &id])?
            .succeeded("import")?;
    }
    other.apply(&[])?.succeeded("apply of the other configuration")?;
    let plan = ground.terraform.plan_summary(&[])?;
    let (before, after) = values(&plan.raw, "a")?;
    assert_eq!(
        (&before["cron"], &after["cron"]),
        (&"rate(2 hours)".into(), &HOURLY.into())
    );
    assert_eq!(
        (&before["habilitado"], &after["habilitado"]),
        (&false.into(), &true.into())
    );
    ensure!(before["id_calendarizacion"] != after["id_calendarizacion"]);
    ground
        .mends("a change by another client", &[("a", "update", "in_sync")])
        .await?;

    other.destroy(&[])?.succeeded("destroy of the other configuration")?;
    ground
        .mends(
            "a deletion by another client",
            &[("a", "create", ""), ("c", "create", "")],
        )
        .await?;
    ground.ends().await
}

#[tokio::test]
async fn a_state_of_a_provider_that_knew_no_estado_is_no_change() -> Result<()> {
    let ground = Ground::new().await?;
    let file = ground.terraform.dir().join("terraform.tfstate");
    let forget = || -> Result<()> {
        let mut state: Value = serde_json::from_str(&std::fs::read_to_string(&file)?)?;
        for resource in state["resources"].as_array_mut().context("no resources")? {
            let instances = resource["instances"].as_array_mut().context("no instances")?;
            for attributes in instances
                .iter_mut()
                .filter_map(|instance| instance["attributes"].as_object_mut())
            {
                attributes.remove("estado").context("no estado in the state")?;
            }
        }
        Ok(std::fs::write(&file, state.to_string())?)
    };
    forget()?;
    for arguments in [&["-refresh=false"][..], &[]] {
        let plan = ground.terraform.plan_summary(arguments)?;
        ensure!(plan.is_empty(), "{arguments:?}: {:#?}", plan.changes);
    }
    // Without a refresh either, something else that changes brings it along.
    ground
        .edit(&ground.id("d")?, |held| held.state = Some(ScheduleState::Enabled))
        .await?;
    ground
        .mends("an upgrade", &[("d", "update", "drifted: State: ENABLED → DISABLED")])
        .await?;
    ground.ends().await
}
