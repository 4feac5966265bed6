//! The module: it tells all that it takes and gives, and its own example runs, with the real hashicorp/aws.

use std::fs;

use acceptance::fixtures::TargetFunction;
use acceptance::{Account, Terraform, peer};
use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::common::{account, assert_holds};
use crate::example::{applied_and_nothing_to_do, copied, counted, folder as example, run_now};

/// What the test has another way than the module's example: a stack that it may destroy, and an API to start a process by.
const OTHERWISE: &str = r#"module "kairos" {
  name                = "Prueba"
  api                 = true
  deletion_protection = false
}
"#;

const API: &str = r#"output "api_url" {
  value = module.kairos.api_url
}

output "api_key" {
  value     = module.kairos.stack.api_key
  sensitive = true
}

output "roles" {
  value = module.kairos.roles
}
"#;

#[test]
fn the_module_tells_of_every_input_and_output() -> Result<()> {
    let module = example("module");
    let readme = fs::read_to_string(module.join("README.md"))?;
    let declared = |file: &str, block: &str| -> Result<Vec<String>> {
        let text = fs::read_to_string(module.join(file))?;
        let names = text
            .lines()
            .filter_map(|line| line.strip_prefix(&format!("{block} \"")));
        Ok(names
            .filter_map(|rest| rest.split('"').next().map(str::to_owned))
            .collect())
    };
    let told = |section: &str| -> Vec<String> {
        let (_, rest) = readme.split_once(&format!("## {section}\n")).unwrap_or_default();
        let rows = rest.split("\n## ").next().unwrap_or_default().lines();
        rows.filter_map(|row| row.strip_prefix("| `")?.split('`').next().map(str::to_owned))
            .collect()
    };
    let (inputs, outputs) = (declared("variables.tf", "variable")?, declared("outputs.tf", "output")?);
    ensure!(!inputs.is_empty() && !outputs.is_empty(), "nothing is declared");
    assert_eq!(told("Inputs"), inputs);
    assert_eq!(told("Outputs"), outputs);
    Ok(())
}

#[tokio::test]
async fn the_modules_example_runs() -> Result<()> {
    if let Err(reason) = peer::mirror() {
        peer::skipped("apply of examples/module/examples/basic", reason);
        return Ok(());
    }
    let account = account(false).await?;
    let function = TargetFunction::create(&account, "cierre").await?;
    let terraform = written(&account)?;
    applied_and_nothing_to_do(&terraform)?;

    // A role for each process that brings none, as the provider says that it must be.
    let roles = terraform.output("roles")?;
    let role = |name: &str| format!("arn:aws:iam::{}:role/proceso-{name}", account.id);
    let wanted = serde_json::json!({ "Aviso semanal": role("Aviso-semanal"), "Cierre diario": role("Cierre-diario") });
    assert_eq!(roles, wanted);
    let procesos = terraform.output("procesos")?;
    let names: Vec<&String> = procesos.as_object().context("no processes")?.keys().collect();
    assert_eq!(names, ["Aviso semanal", "Cierre diario", "Inventario"]);

    let run = run_now(
        &account,
        &terraform,
        procesos["Cierre diario"].as_str().context("no id")?,
    )
    .await?;
    assert_eq!((run.estado.as_str(), &run.error), ("EjecutadoOk", &None), "{run:?}");
    let seen = function.seen_at_least(1).await?;
    assert_eq!(
        seen.iter().map(|event| &event["ejecucion"]).collect::<Vec<_>>(),
        [&Value::from(run.id)]
    );
    // Its log is the last thing that an invocation writes, and may not come back after the group is deleted.
    counted(&account, "Ejecutadas", 1).await?;

    terraform.destroy(&[])?.succeeded("destroy")?;
    function.delete().await?;
    assert_holds(&account, &[]).await
}

/// The module's example, with targets of the test's account.
fn written(account: &Account) -> Result<Terraform> {
    let folder = example("module/examples/basic");
    let terraform = copied(account, &folder)?;
    let procesos = fs::read_to_string(folder.join("procesos.yaml")).context("reading the processes")?;
    let procesos = procesos
        .replace("123456789012", &account.id)
        .replace("sa-east-1", &account.region);
    terraform.write("procesos.yaml", &procesos)?;
    terraform.write("main_override.tf", OTHERWISE)?;
    terraform.write("api.tf", API)?;
    Ok(terraform)
}
