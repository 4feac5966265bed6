//! The policies that the guide to targets shows for the roles of its examples: those that `kairos_rol_ejecucion` writes.

use std::fmt::Write;
use std::fs;

use acceptance::ministack::Options;
use acceptance::terraform::REQUIRED_PROVIDERS;
use acceptance::{Account, MiniStack, Terraform, workspace};
use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// What the data source is told beside the process: the roles and the objects that its ARN does not say.
const BESIDE: [(&str, &str, [&str; 2]); 2] = [
    (
        "tarea",
        "roles_a_pasar",
        [
            "arn:aws:iam::123456789012:role/informe-tarea",
            "arn:aws:iam::123456789012:role/informe-ejecucion",
        ],
    ),
    (
        "comando",
        "recursos",
        [
            "arn:aws:ssm:sa-east-1::document/AWS-RunPatchBaseline",
            "arn:aws:ec2:sa-east-1:123456789012:instance/*",
        ],
    ),
];

/// A stack that is only planned: the data source asks AWS nothing about it.
const STACK: &str = r#"
provider "kairos" {}

resource "kairos_stack" "this" {
  name     = "Kairos"
  executor = { role_prefix = "proceso-" }
}

locals {
  stack = kairos_stack.this.name
}
"#;

#[test]
fn the_policies_of_the_guide_to_targets_are_those_that_the_provider_writes() -> Result<()> {
    let guide = guide()?;
    let told: Vec<Value> = blocks(&guide, "json")
        .into_iter()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()?;
    let names: Vec<&str> = blocks(&guide, "terraform")
        .iter()
        .filter_map(|block| first_name(block))
        .collect();
    ensure!(names.len() > 10, "only {} examples", names.len());
    ensure!(told.len() == names.len(), "{} policies for {names:?}", told.len());

    let server = MiniStack::shared(Options::default())?;
    let account = Account::new(server.url(), "123456789012", "sa-east-1");
    let terraform = Terraform::new(&account, &format!("{REQUIRED_PROVIDERS}{STACK}"))?;
    terraform.write("roles.tf", &asked(&blocks(&guide, "terraform").join("\n"), &names)?)?;
    terraform.plan(&[])?.succeeded("plan of the guide's roles")?;
    let shown = terraform.run(&["show", "-json", "plan.bin"])?;
    let plan: Value = serde_json::from_str(&shown.stdout).context("reading the plan")?;
    for (name, told) in names.iter().zip(told) {
        let written = plan["planned_values"]["outputs"][name]["value"].as_str();
        let written = written.with_context(|| format!("the plan does not know the policy of \"{name}\""))?;
        let written: Value = serde_json::from_str(written)?;
        ensure!(
            told == written,
            "\"{name}\": the guide says {told:#}, the provider {written:#}"
        );
    }
    Ok(())
}

fn guide() -> Result<String> {
    let guide = workspace::root().join("docs/guides/targets.md");
    fs::read_to_string(&guide).with_context(|| format!("reading {}", guide.display()))
}

fn blocks<'a>(guide: &'a str, language: &str) -> Vec<&'a str> {
    guide
        .split(&format!("```{language}\n"))
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect()
}

/// The first process of a block, whose policy the guide shows.
fn first_name(block: &str) -> Option<&str> {
    let (_, rest) = block.split_once("resource \"kairos_proceso\" \"")?;
    rest.split('"').next()
}

/// The guide's processes as data sources that write the policies of their roles, with an output for each of `names`.
fn asked(processes: &str, names: &[&str]) -> Result<String> {
    const OTHER: [&str; 5] = [
        "nombre ",
        "cron ",
        "arn_rol ",
        "modo_invocacion ",
        "tiempo_maximo_segundos ",
    ];
    let mut text = String::new();
    for line in processes.lines() {
        let attribute = line.strip_prefix("  ").unwrap_or_default();
        if OTHER.iter().any(|other| attribute.starts_with(other)) {
            continue;
        }
        if attribute.starts_with("stack ") {
            writeln!(text, "  stack = local.stack")?;
            continue;
        }
        writeln!(
            text,
            "{}",
            line.replace("resource \"kairos_proceso\"", "data \"kairos_rol_ejecucion\"")
        )?;
        for (_, attribute, values) in BESIDE
            .iter()
            .filter(|(name, ..)| line.ends_with(&format!("\"{name}\" {{")))
        {
            writeln!(text, "  {attribute} = {values:?}")?;
        }
    }
    for name in names {
        writeln!(
            text,
            "output \"{name}\" {{\n  value = data.kairos_rol_ejecucion.{name}.politica_permisos\n}}"
        )?;
    }
    Ok(text)
}
