//! From an installation of the earlier system to a stack: its processes run, change and go as they are, and are imported
//! (docs/guides/migration.md).

use acceptance::fixtures::{ProcesoRole, TargetFunction};
use acceptance::terraform::REQUIRED_PROVIDERS;
use acceptance::{Account, Terraform, history};
use anyhow::{Context, Result, ensure};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType, Tag,
};
use aws_sdk_scheduler::types::{FlexibleTimeWindow, FlexibleTimeWindowMode, Tag as GroupTag, Target};
use serde_json::json;

use crate::common::{APP, account, assert_holds, dispatch, ended_runs, proceso, role_for, stack, text};

const STACK: &str = "kairos_stack.this";

/// A process as the earlier system kept it: its id is the base64 of its name, that of its schedule of the expression.
struct Earlier {
    label: &'static str,
    nombre: &'static str,
    id: &'static str,
    cron: &'static str,
    calendarizacion: &'static str,
}

/// `CIERRE DIARIO`, `RESPALDO` and `COBRO` at 3:00, 3:00 and on Mondays.
const EARLIER: [Earlier; 3] = [
    Earlier {
        label: "cierre",
        nombre: "Cierre diario",
        id: "proceso-Q0lFUlJFIERJQVJJTw..",
        cron: "0 3 * * ? *",
        calendarizacion: "calendarizacion-MCAzICogKiA_ICo.",
    },
    Earlier {
        label: "respaldo",
        nombre: "Respaldo",
        id: "proceso-UkVTUEFMRE8.",
        cron: "0 3 * * ? *",
        calendarizacion: "calendarizacion-MCAzICogKiA_ICo.",
    },
    Earlier {
        label: "cobro",
        nombre: "Cobro",
        id: "proceso-Q09CUk8.",
        cron: "30 6 ? * MON *",
        calendarizacion: "calendarizacion-MzAgNiA_ICogTU9OICo.",
    },
];

#[tokio::test]
async fn an_earlier_installation_becomes_a_stack_and_its_processes_run_change_and_go() -> Result<()> {
    let account = account(false).await?;
    let function = TargetFunction::create(&account, "Destino").await?;
    let role = role_for(&account, &function).await?;
    what_stays(&account).await?;
    for earlier in &EARLIER {
        row(&account, earlier, &role, &function).await?;
    }

    // The tables and the group are taken over with what is in them, and the rest is made around them.
    let base = stack("executor = { role_prefix = \"proceso-\" }\n  force_destroy = true");
    let terraform = Terraform::new(&account, &base)?;
    terraform
        .run(&["import", "-no-color", STACK, APP])?
        .succeeded("import of the stack")?;
    terraform.apply(&[])?.succeeded("apply of the stack")?;
    ensure!(terraform.plan_summary(&[])?.is_empty(), "the stack is not complete");

    // As they are, they run: one process at a time that its own schedule tells.
    let cobro = &EARLIER[2];
    let firing = json!({
        "IdCalendarizacion": cobro.calendarizacion, "FechaProgramada": "2026-01-05T06:30:00Z", "Intento": "1"
    });
    dispatch(&account, &firing).await?;
    // And one at a time that nobody tells, as their schedules did.
    dispatch(&account, &json!({ "IdCalendarizacion": EARLIER[0].calendarizacion })).await?;
    let runs = ended_runs(&account, 3).await?;
    let mut ran: Vec<&str> = runs.iter().map(|run| run.id_proceso.as_str()).collect();
    ran.sort_unstable();
    let mut all = EARLIER.map(|earlier| earlier.id);
    all.sort_unstable();
    assert_eq!(ran, all);
    ensure!(runs.iter().all(|run| run.estado == "EjecutadoOk"), "{runs:#?}");
    assert_eq!(function.seen_at_least(3).await?.len(), 3);

    imported(&account, &terraform, &base, &role, &function).await?;

    terraform.write("main.tf", &base)?;
    terraform.apply(&[])?.succeeded("apply without processes")?;
    ensure!(
        schedules(&account).await?.is_empty(),
        "a schedule outlives its processes"
    );
    terraform.destroy(&[])?.succeeded("destroy")?;
    function.delete().await?;
    role.delete().await?;
    assert_holds(&account, &[]).await
}

/// Processes are imported by the ids that they have; the next apply puts them on schedules that others can share.
async fn imported(
    account: &Account,
    terraform: &Terraform,
    base: &str,
    role: &ProcesoRole,
    function: &TargetFunction,
) -> Result<()> {
    let blocks: String = EARLIER.iter().map(import_block).collect();
    // Terraform can write what nobody has written down.
    let other = Terraform::new(
        account,
        &format!("{REQUIRED_PROVIDERS}\nprovider \"kairos\" {{}}\n{blocks}"),
    )?;
    other
        .plan(&["-generate-config-out=generated.tf"])?
        .succeeded("plan that writes the configuration")?;
    let generated = std::fs::read_to_string(other.dir().join("generated.tf"))?;
    for part in ["America/Santiago", "cron(0 3 * * ? *)", "Cierre diario"] {
        ensure!(generated.contains(part), "no {part:?} in: {generated}");
    }

    let resources: String = EARLIER
        .iter()
        .map(|earlier| resource(earlier, role, function, "{ a = 1 }"))
        .collect();
    terraform.write("main.tf", &format!("{base}{blocks}{resources}"))?;
    let plan = terraform.plan_summary(&[])?;
    for earlier in &EARLIER {
        let address = format!("kairos_proceso.{}", earlier.label);
        let changes = plan.raw["resource_changes"].as_array().context("no changes")?;
        let change = changes.iter().find(|change| change["address"] == address.as_str());
        let change = &change.context("not in the plan")?["change"];
        assert_eq!(change["actions"], json!(["update"]), "{address}");
        let (before, after) = (&change["before"], &change["after"]);
        let names = after.as_object().context("nothing planned")?.keys();
        let differing: Vec<&String> = names.filter(|name| before[*name] != after[*name]).collect();
        assert!(
            differing
                .iter()
                .all(|name| ["id_calendarizacion", "estado"].contains(&name.as_str())),
            "{address} changes {differing:?}"
        );
        assert_eq!(before["id_calendarizacion"], earlier.calendarizacion);
    }
    terraform.apply(&[])?.succeeded("apply of the imports")?;
    ensure!(
        terraform.plan_summary(&[])?.is_empty(),
        "the imports leave something to do"
    );
    for earlier in &EARLIER {
        let address = format!("kairos_proceso.{}", earlier.label);
        assert_eq!(text(terraform, &address, "id")?, earlier.id);
        assert_eq!(text(terraform, &address, "fecha_creacion")?, "2023-08-14T13:30:00.123Z");
    }
    let now = schedules(account).await?;
    assert_eq!(now.len(), 2, "one for each time: {now:?}");
    ensure!(
        now.iter()
            .all(|name| EARLIER.iter().all(|earlier| name != earlier.calendarizacion)),
        "an earlier schedule is left: {now:?}"
    );

    // From here on they are like any other.
    let resources = resources.replace("{ a = 1 }", "{ a = 2 }");
    terraform.write("main.tf", &format!("{base}{resources}"))?;
    terraform.apply(&[])?.succeeded("apply of a change")?;
    let before = history::runs(account, APP).await?.len();
    let id = text(terraform, "kairos_proceso.cobro", "id_calendarizacion")?;
    let tomorrow = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24);
    dispatch(account, &crate::common::firing(&id, &tomorrow.to_string())).await?;
    ended_runs(account, before + 1).await?;
    let seen = function.seen_at_least(4).await?;
    ensure!(
        seen.contains(&json!({ "a": 2 })),
        "the change did not reach the target: {seen:?}"
    );
    Ok(())
}

fn import_block(earlier: &Earlier) -> String {
    format!(
        "import {{\n  to = kairos_proceso.{}\n  id = \"{APP}/{}\"\n}}\n",
        earlier.label, earlier.id
    )
}

fn resource(earlier: &Earlier, role: &ProcesoRole, function: &TargetFunction, parametros: &str) -> String {
    proceso(
        earlier.label,
        &format!(
            r#"stack        = kairos_stack.this.name
  nombre       = "{}"
  cron         = "{}"
  zona_horaria = "America/Santiago"
  arn_rol      = "{}"
  arn_proceso  = "{}"
  parametros   = jsonencode({parametros})"#,
            earlier.nombre, earlier.cron, role.arn, function.arn
        ),
    )
}

/// What the guide says to keep: the two tables with their rows and the schedules with their group, all with the stack's
/// tag, and the schedules still on the function of the earlier system.
async fn what_stays(account: &Account) -> Result<()> {
    let owner = format!("{}/{APP}", account.region);
    for (table, key) in [("Procesos", "IdProceso"), ("Calendarizaciones", "IdCalendarizacion")] {
        account
            .dynamodb()
            .create_table()
            .table_name(format!("{APP}{table}"))
            .billing_mode(BillingMode::PayPerRequest)
            .attribute_definitions(
                AttributeDefinition::builder()
                    .attribute_name(key)
                    .attribute_type(ScalarAttributeType::S)
                    .build()?,
            )
            .key_schema(
                KeySchemaElement::builder()
                    .attribute_name(key)
                    .key_type(KeyType::Hash)
                    .build()?,
            )
            .tags(Tag::builder().key("kairos:stack").value(&owner).build()?)
            .send()
            .await
            .context("creating an earlier table")?;
    }
    let group = account
        .scheduler()
        .create_schedule_group()
        .name(format!("{APP}ScheduleGroup"));
    group
        .tags(GroupTag::builder().key("kairos:stack").value(&owner).build()?)
        .send()
        .await?;
    let (id, region) = (&account.id, &account.region);
    for earlier in &EARLIER[1..] {
        let target = Target::builder()
            .arn(format!("arn:aws:lambda:{region}:{id}:function:{APP}Despachador"))
            .role_arn(format!("arn:aws:iam::{id}:role/{APP}Programador"))
            .input(json!({ "IdCalendarizacion": earlier.calendarizacion }).to_string())
            .build()?;
        account
            .scheduler()
            .create_schedule()
            .name(earlier.calendarizacion)
            .group_name(format!("{APP}ScheduleGroup"))
            .schedule_expression(format!("cron({})", earlier.cron))
            .schedule_expression_timezone("America/Santiago")
            .flexible_time_window(
                FlexibleTimeWindow::builder()
                    .mode(FlexibleTimeWindowMode::Off)
                    .build()?,
            )
            .target(target)
            .send()
            .await
            .context("creating an earlier schedule")?;
        let item = [
            ("IdCalendarizacion", earlier.calendarizacion),
            ("Cron", earlier.cron),
            ("FechaCreacion", "2023-08-14T09:30:00.1234567-04:00"),
        ];
        put(account, "Calendarizaciones", &item, None).await?;
    }
    Ok(())
}

async fn row(account: &Account, earlier: &Earlier, role: &ProcesoRole, function: &TargetFunction) -> Result<()> {
    let item = [
        ("IdProceso", earlier.id),
        ("IdCalendarizacion", earlier.calendarizacion),
        ("Nombre", earlier.nombre),
        ("ArnRol", &role.arn),
        ("ArnProceso", &function.arn),
        ("Parametros", r#"{"a":1}"#),
        ("FechaCreacion", "2023-08-14T09:30:00.1234567-04:00"),
    ];
    put(account, "Procesos", &item, Some(true)).await
}

async fn put(account: &Account, table: &str, item: &[(&str, &str)], habilitado: Option<bool>) -> Result<()> {
    let mut call = account.dynamodb().put_item().table_name(format!("{APP}{table}"));
    for (name, value) in item {
        call = call.item(*name, AttributeValue::S((*value).to_owned()));
    }
    if let Some(habilitado) = habilitado {
        call = call.item("Habilitado", AttributeValue::Bool(habilitado));
    }
    call.send().await.context("writing an earlier row").map(drop)
}

/// The names of the schedules in the stack's group.
async fn schedules(account: &Account) -> Result<Vec<String>> {
    let listed = account
        .scheduler()
        .list_schedules()
        .group_name(format!("{APP}ScheduleGroup"))
        .send()
        .await?;
    let names = listed.schedules().iter().filter_map(|schedule| schedule.name());
    Ok(names.map(str::to_owned).collect())
}
