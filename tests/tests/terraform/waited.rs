//! Functions that are waited for: what a process may ask of its stack's executor, told by the plan, and changed in place.

use acceptance::Terraform;
use anyhow::{Context, Result, ensure};

use crate::common::{APP, account, assert_told, only_proceso, proceso, stack};
use crate::registered::{procesos, rows, told};

const STACK: &str = "kairos_stack.this";
const PROCESO: &str = "kairos_proceso.p";

/// A process with a function for a target, and more.
fn attributes(id: &str, region: &str, more: &str) -> String {
    format!(
        r#"nombre      = "Cierre"
  cron        = "0 3 1 1 ? *"
  arn_rol     = "arn:aws:iam::{id}:role/proceso-cierre"
  arn_proceso = "arn:aws:lambda:{region}:{id}:function:cierre"
  {more}"#
    )
}

#[tokio::test]
async fn a_process_is_waited_for_no_longer_than_its_stack_can_and_changes_in_place() -> Result<()> {
    let account = account(false).await?;
    let of = |more: &str| attributes(&account.id, &account.region, more);
    let waited = |seconds: u32, reintentos: u32| {
        of(&format!(
            "modo_invocacion = \"RequestResponse\"\n  tiempo_maximo_segundos = {seconds}\n  reintentos = {reintentos}"
        ))
    };
    let both = |timeout: u32, attributes: &str| {
        stack(&format!(
            "executor = {{ role_prefix = \"proceso-\", timeout = {timeout} }}"
        )) + &proceso("p", &format!("stack = kairos_stack.this.name\n  {attributes}"))
    };
    let row = async || -> Result<[String; 3]> {
        let rows = rows(&account).await?;
        let row = rows.values().next().context("no process")?;
        Ok(["ModoInvocacion", "TiempoMaximoSegundos", "Reintentos"].map(|attribute| told(row, attribute)))
    };

    // The stack of the same configuration says how long, before there is one.
    let terraform = Terraform::new(&account, &both(60, &waited(100, 1)))?;
    let errors = terraform.plan(&[])?.failed("plan of what the executor cannot wait")?;
    let expected = "tiempo_maximo_segundos \"100\": must be at most 54: the stack's executor has a timeout of 60 s, and keeps the rest \
                    to record what came of it; give the stack an executor.timeout of 106 s or more to wait that long";
    assert_told(&errors, expected);
    ensure!(errors.len() == 1, "{errors:#?}");

    terraform.write("main.tf", &both(60, &waited(54, 1)))?;
    terraform.apply(&[])?.succeeded("apply")?;
    assert_eq!(row().await?, ["RequestResponse", "54", "1"]);

    // More time for both, at once.
    terraform.write("main.tf", &both(206, &waited(200, 0)))?;
    let plan = terraform.plan_summary(&[])?;
    assert_eq!((plan.action(STACK), plan.action(PROCESO)), ("update", "update"));
    terraform.apply(&["plan.bin"])?.succeeded("apply of more time")?;
    assert_eq!(row().await?, ["RequestResponse", "200", "0"]);

    // Where the stack is elsewhere, AWS says what the executor has.
    let beside = Terraform::new(
        &account,
        &only_proceso(&waited(201, 3).replace("\"Cierre\"", "\"Otro\"")),
    )?;
    let errors = beside.plan(&[])?.failed("plan beside the stack")?;
    assert_told(&errors, "tiempo_maximo_segundos \"201\": must be at most 200");
    assert_told(&errors, "executor.timeout of 207 s or more");
    assert_eq!(rows(&account).await?.len(), 1, "nothing is written of {APP}");
    beside.write("main.tf", &procesos(&[("p", format!("  {}\n", waited(895, 3)))]))?;
    assert_told(
        &beside.validate()?.failed("validation of what no executor can wait")?,
        "must be between 1 and 894",
    );

    terraform.write(
        "main.tf",
        &both(206, &of("modo_invocacion = \"Event\"\n  reintentos = 2")),
    )?;
    let plan = terraform.plan_summary(&[])?;
    assert_eq!((plan.action(STACK), plan.action(PROCESO)), ("no-op", "update"));
    terraform.apply(&["plan.bin"])?.succeeded("apply of no waiting")?;
    assert_eq!(row().await?, ["Event", "", "2"]);
    terraform.destroy(&[])?.succeeded("destroy")?;
    Ok(())
}
