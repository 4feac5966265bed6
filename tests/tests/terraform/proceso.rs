//! Processes: how they move between schedules, how payloads are compared, and how they are taken over.

use acceptance::terraform::{Diagnostic, PlanSummary};
use acceptance::{Account, Terraform};
use anyhow::{Context, Result, ensure};

use crate::common::{APP, account, assert_holds, assert_told, text};
use crate::registered::{
    ID_CALENDARIZACION, assert_in_order, attributes, calendarizaciones, names, procesos, rows, schedule, stack_up, told,
};

const HOURLY: &str = "cron(0 * * * ? *)";
const DAILY: &str = "cron(0 3 * * ? *)";

/// The processes of a test, by label.
struct Ground {
    account: Account,
    stack: Terraform,
    terraform: Terraform,
}

impl Ground {
    async fn new() -> Result<Self> {
        let account = account(false).await?;
        let stack = stack_up(&account)?;
        let terraform = Terraform::new(&account, &procesos(&[]))?;
        Ok(Self {
            account,
            stack,
            terraform,
        })
    }

    /// Plans these processes: label, schedule, and more attributes.
    fn plan(&self, blocks: &[(&str, &str, &str)]) -> Result<PlanSummary> {
        let blocks: Vec<(&str, String)> = blocks
            .iter()
            .map(|(label, cron, more)| (*label, attributes(&self.account, label, cron, more)))
            .collect();
        self.terraform.write("main.tf", &procesos(&blocks))?;
        self.terraform.plan_summary(&[])
    }

    /// Applies what was planned: afterwards tables and Scheduler agree, and there is nothing left to do.
    async fn apply(&self, what: &str) -> Result<()> {
        self.terraform
            .run(&["apply", "-json", "plan.bin"])?
            .report()
            .succeeded(what)?;
        assert_in_order(&self.account)
            .await
            .with_context(|| format!("after {what}"))?;
        let plan = self.terraform.plan_summary(&[])?;
        ensure!(
            plan.is_empty(),
            "the plan after {what} is not empty: {:#?}",
            plan.changes
        );
        Ok(())
    }

    /// Plans and applies what must be updates of exactly these processes.
    async fn updates(&self, what: &str, blocks: &[(&str, &str, &str)], expected: &[&str]) -> Result<()> {
        let plan = self.plan(blocks)?;
        let expected: Vec<(String, String)> = expected
            .iter()
            .map(|label| (format!("kairos_proceso.{label}"), "update".to_owned()))
            .collect();
        assert_eq!(plan.changes, expected, "{what}");
        self.apply(what).await
    }

    /// What a process's row has for an attribute.
    async fn row(&self, nombre: &str, attribute: &str) -> Result<String> {
        let rows = rows(&self.account).await?;
        let row = rows.values().find(|row| told(row, "Nombre") == nombre);
        Ok(told(row.with_context(|| format!("no row of {nombre}"))?, attribute))
    }

    async fn ends(self) -> Result<()> {
        self.terraform.destroy(&[])?.succeeded("destroy of the processes")?;
        ensure!(calendarizaciones(&self.account).await?.is_empty() && names(&self.account).await?.is_empty());
        self.stack.destroy(&[])?.succeeded("destroy of the stack")?;
        assert_holds(&self.account, &[]).await
    }
}

#[tokio::test]
async fn a_process_moves_between_schedules_in_place_and_leaves_the_others_alone() -> Result<()> {
    let ground = Ground::new().await?;
    ground.plan(&[("a", HOURLY, ""), ("b", HOURLY, ""), ("c", DAILY, "habilitado = false")])?;
    ground.apply("the creation").await?;
    let (hourly, daily) = (
        ground.row("a", ID_CALENDARIZACION).await?,
        ground.row("c", ID_CALENDARIZACION).await?,
    );
    let others = async || -> Result<Vec<String>> {
        Ok(vec![
            ground.row("b", "Version").await?,
            ground.row("b", "FechaAsignacion").await?,
            ground.row("c", "Version").await?,
        ])
    };
    let before = others().await?;
    let (created, assigned) = (
        ground.row("a", "FechaCreacion").await?,
        ground.row("a", "FechaAsignacion").await?,
    );

    // Onto a schedule that is there, and whose only process is disabled: it is enabled for the one that comes.
    ground
        .updates(
            "a move onto another's schedule",
            &[("a", DAILY, ""), ("b", HOURLY, ""), ("c", DAILY, "habilitado = false")],
            &["a"],
        )
        .await?;
    assert_eq!(ground.row("a", ID_CALENDARIZACION).await?, daily);
    assert_eq!(ground.row("a", "FechaCreacion").await?, created);
    ensure!(
        ground.row("a", "FechaAsignacion").await? > assigned,
        "it is assigned anew"
    );
    assert_eq!(others().await?, before);
    assert_eq!(names(&ground.account).await?, sorted(&[&hourly, &daily]));

    // The last one of a schedule takes it along; the one that is left is disabled with its process.
    ground
        .updates(
            "a move to a schedule of its own",
            &[
                ("a", DAILY, "zona_horaria = \"America/Santiago\""),
                ("b", HOURLY, ""),
                ("c", DAILY, "habilitado = false"),
            ],
            &["a"],
        )
        .await?;
    let zoned = ground.row("a", ID_CALENDARIZACION).await?;
    ensure!(zoned != daily, "a zone makes another schedule");
    assert_eq!(others().await?, before);

    // All swap at once, two of them with a window, an end and a one-time schedule.
    ground
        .updates(
            "a swap",
            &[
                ("a", HOURLY, "ventana_flexible_minutos = 15"),
                ("b", DAILY, "fin = \"2040-01-01T00:00:00Z\""),
                ("c", "at(2040-01-01T00:00:00)", "habilitado = false"),
            ],
            &["a", "b", "c"],
        )
        .await?;
    let now = names(&ground.account).await?;
    ensure!(
        now.len() == 3 && ![hourly, daily, zoned].iter().any(|left| now.contains(left)),
        "an orphan is left: {now:#?}"
    );
    ground.ends().await
}

fn sorted(names: &[&String]) -> Vec<String> {
    let mut names: Vec<String> = names.iter().map(|name| (*name).clone()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn forms_that_mean_the_same_are_no_change_and_everything_else_updates_in_place() -> Result<()> {
    let ground = Ground::new().await?;
    let (one, other) = (
        r#"parametros = jsonencode({ a = 1, b = [1, 2], c = { d = "<kairos.intento>" } })"#,
        r#"parametros = "{ \"c\": {\"d\": \"<kairos.intento>\"},\n\"b\": [1,2], \"a\": 1 }""#,
    );
    ground.plan(&[("p", DAILY, one)])?;
    ground.apply("the creation").await?;
    let stored = ground.row("p", "Parametros").await?;

    // Terraform sees other texts, the provider the same process: nothing is planned, nothing is written.
    for same in [
        ("0 3 * * ? *", other),
        ("cron(00 03 ? * 1-7 *)", one),
        (
            DAILY,
            &*format!("{other}\n  zona_horaria = \"UTC\"\n  reintentos = 3\n  habilitado = true"),
        ),
    ] {
        let plan = ground.plan(&[("p", same.0, same.1)])?;
        ensure!(plan.is_empty(), "{same:?} is planned as a change: {:#?}", plan.changes);
    }
    assert_eq!(ground.row("p", "Parametros").await?, stored);
    assert_eq!(ground.row("p", "Version").await?, "1");

    // Another order of a list, another value, text that is no JSON, none: changes, in place, on the same schedule.
    let assigned = ground.row("p", "FechaAsignacion").await?;
    for (what, changed, row) in [
        (
            "another order of a list",
            r#"parametros = jsonencode({ a = 1, b = [2, 1], c = { d = "<kairos.intento>" } })"#,
            r#"{"a":1,"b":[2,1],"c":{"d":"\u003ckairos.intento\u003e"}}"#,
        ),
        ("a text", r#"parametros = "hola ""#, "hola "),
        ("more retries", "reintentos = 7", ""),
    ] {
        ground.updates(what, &[("p", DAILY, changed)], &["p"]).await?;
        assert_eq!(ground.row("p", "Parametros").await?, row, "{what}");
    }
    assert_eq!(ground.row("p", "Reintentos").await?, "7");
    assert_eq!(ground.row("p", "FechaAsignacion").await?, assigned, "it stays assigned");

    // A pause and its end reach the schedule.
    let id = ground.row("p", ID_CALENDARIZACION).await?;
    for (habilitado, expected) in [(false, "DISABLED"), (true, "ENABLED")] {
        let more = format!("reintentos = 7\n  habilitado = {habilitado}");
        ground.updates("a pause", &[("p", DAILY, &more)], &["p"]).await?;
        let held = schedule(&ground.account, &id).await?;
        assert_eq!(held.state().map(ToString::to_string).as_deref(), Some(expected));
    }
    ground.ends().await
}

#[tokio::test]
async fn processes_are_taken_over_by_name_and_by_id() -> Result<()> {
    let ground = Ground::new().await?;
    let more = "parametros = jsonencode({ a = 1 })\n  zona_horaria = \"America/Santiago\"\n  reintentos = 1";
    let blocks = [
        ("uno", HOURLY, ""),
        ("dos", "0 3 ? * MON-FRI *", more),
        (
            "tres",
            "rate(5 minutes)",
            "habilitado = false\n  inicio = \"2020-01-01T00:00:00Z\"",
        ),
    ];
    ground.plan(&blocks)?;
    ground.apply("the creation").await?;
    let id = text(&ground.terraform, "kairos_proceso.dos", "id")?;
    let written = std::fs::read_to_string(ground.terraform.dir().join("main.tf"))?;

    // By the command.
    let second = Terraform::new(&ground.account, &written)?;
    for (address, wanted) in [
        ("kairos_proceso.uno", format!("{APP}/uno")),
        ("kairos_proceso.dos", format!("{APP}/{id}")),
        // The name is compared without regard to case and spaces.
        ("kairos_proceso.tres", format!("{APP}/ TRES ")),
    ] {
        second
            .run(&["import", "-no-color", address, &wanted])?
            .succeeded(&format!("import of {wanted}"))?;
    }
    let plan = second.plan_summary(&[])?;
    ensure!(
        plan.is_empty(),
        "the plan after the imports is not empty: {:#?}",
        plan.changes
    );
    for label in ["uno", "dos", "tres"] {
        let address = format!("kairos_proceso.{label}");
        let (mut held, mut imported) = (ground.terraform.resource(&address)?, second.resource(&address)?);
        // Forms that mean the same may differ: an import knows only the canonical one.
        for form in ["cron", "inicio", "nombre"] {
            for side in [&mut held, &mut imported] {
                side.as_object_mut().context("no attributes")?.remove(form);
            }
        }
        assert_eq!(held, imported, "{address}");
    }

    // By blocks, in the plan that they are in.
    let imports = format!(
        "import {{\n  to = kairos_proceso.uno\n  id = \"{APP}/uno\"\n}}\nimport {{\n  to = kairos_proceso.dos\n  id = \
         \"{APP}/{id}\"\n}}\nimport {{\n  to = kairos_proceso.tres\n  id = \"{APP}/tres\"\n}}\n"
    );
    let third = Terraform::new(&ground.account, &(written + &imports))?;
    let plan = third.plan_summary(&[])?;
    ensure!(plan.is_empty(), "the imports change something: {:#?}", plan.changes);
    third.apply(&[])?.succeeded("apply of the imports")?;
    ensure!(
        third.plan_summary(&[])?.is_empty(),
        "the plan after the imports is not empty"
    );

    for (wanted, tells) in [
        ("uno".to_owned(), "<stack>/<nombre>"),
        (format!("{APP}/"), "<stack>/<nombre>"),
        (format!("{APP}/otro"), "has no process"),
        (format!("{APP}/proceso-otro"), "has no process"),
        ("Otro/uno".to_owned(), "There is no stack"),
    ] {
        let fourth = Terraform::new(
            &ground.account,
            &procesos(&[("x", attributes(&ground.account, "x", DAILY, ""))]),
        )?;
        fourth.write(
            "import.tf",
            &format!("import {{\n  to = kairos_proceso.x\n  id = \"{wanted}\"\n}}\n"),
        )?;
        assert_told(&fourth.plan(&[])?.failed(&format!("import of {wanted}"))?, tells);
    }
    ground.ends().await
}

#[tokio::test]
async fn a_name_that_exists_is_refused_with_the_import_that_takes_it_over() -> Result<()> {
    let ground = Ground::new().await?;
    ground.plan(&[("uno", HOURLY, "reintentos = 1")])?;
    ground.apply("the creation").await?;

    for (what, more) in [("the same", "reintentos = 1"), ("another", "reintentos = 2")] {
        let again = Terraform::new(
            &ground.account,
            &procesos(&[("mio", attributes(&ground.account, "UNO", HOURLY, more))]),
        )?;
        let errors = again.apply(&[])?.failed("creation of a name that exists")?;
        let error = errors.iter().find(|error| error.summary.contains("exists already"));
        let error: &Diagnostic = error.with_context(|| format!("{what} is not refused: {errors:#?}"))?;
        ensure!(
            error.code.as_deref().is_some_and(|code| code.starts_with("nombre")),
            "{error:#?}"
        );

        // The block that the error shows works as it stands, with the address filled in.
        let from = error.detail.find("  import {").context("no block")?;
        let block = error.detail[from..].replace("<this resource>", "mio");
        again.write("import.tf", &block)?;
        let plan = again.plan_summary(&[])?;
        let expected = if what == "the same" { "no-op" } else { "update" };
        assert_eq!(plan.action("kairos_proceso.mio"), expected, "{what}");
        again.apply(&[])?.succeeded("apply of the import")?;
        ensure!(
            again.plan_summary(&[])?.is_empty(),
            "the plan after the import is not empty"
        );
    }
    assert_eq!(ground.row("uno", "Reintentos").await?, "2");
    assert_eq!(rows(&ground.account).await?.len(), 1);
    ground.ends().await
}
