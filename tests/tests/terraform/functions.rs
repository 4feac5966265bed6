//! The provider's functions in the real terraform: their examples, their errors, and that their documentation is theirs.

use std::fs;

use acceptance::terraform::REQUIRED_PROVIDERS;
use acceptance::{Account, Terraform, workspace};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

/// Terraform in a folder with a configuration. The functions need no AWS, so there is none.
fn with(configuration: &str) -> Result<Terraform> {
    let account = Account::new("http://127.0.0.1:1", "123456789012", "us-east-1");
    Terraform::new(&account, &format!("{REQUIRED_PROVIDERS}{configuration}"))
}

fn example(function: &str) -> Result<String> {
    let file = workspace::root()
        .join("examples")
        .join("functions")
        .join(function)
        .join("function.tf");
    fs::read_to_string(&file).with_context(|| format!("reading \"{}\"", file.display()))
}

#[test]
fn the_example_of_cron_canonico_gives_what_it_says() -> Result<()> {
    let terraform = with(&example("cron_canonico")?)?;
    terraform.apply(&[])?.succeeded("apply")?;
    ensure!(terraform.output("canonica")? == "cron(0 3 ? * 2-6 *)");
    ensure!(terraform.output("es_la_misma")? == true);
    ensure!(terraform.output("cron")? == "rate(1 hour)");
    let errors = terraform
        .plan(&["-var", "cron=0 3 * * *"])?
        .failed("plan with four fields")?;
    ensure!(
        errors
            .iter()
            .any(|error| error.text().contains("cron must be a schedule expression")),
        "{errors:#?}"
    );
    Ok(())
}

#[test]
fn the_example_of_proximas_ejecuciones_gives_what_it_says() -> Result<()> {
    let terraform = with(&example("proximas_ejecuciones")?)?;
    terraform.apply(&[])?.succeeded("apply")?;
    let midnights = terraform.output("medianoche")?;
    let expected = json!([
        "2026-09-05T04:00:00.000Z",
        "2026-09-07T03:00:00.000Z",
        "2026-09-08T03:00:00.000Z"
    ]);
    ensure!(midnights == expected, "{midnights}");
    ensure!(terraform.output("terminada")? == json!([]));
    let next: jiff::Timestamp = terraform
        .output("siguiente")?
        .as_str()
        .context("no next time")?
        .parse()?;
    let ahead = next.duration_since(jiff::Timestamp::now());
    ensure!(ahead.as_hours() < 73 && ahead.as_hours() > -1, "{next}");
    Ok(())
}

#[test]
fn an_argument_that_is_wrong_is_named_with_what_would_be_right() -> Result<()> {
    let from = "\"2026-01-01T00:00:00Z\"";
    for (call, argument, tells) in [
        (
            "cron_canonico(\"0 25 * * ? *\")".to_owned(),
            "expr",
            "\n\nHours must be between 0 and 23.",
        ),
        (
            "cron_canonico(\"0 25 * * ? *\")".to_owned(),
            "expr",
            "  0 25 * * ? *\n    ^^",
        ),
        (
            format!("proximas_ejecuciones(\"rate(0 days)\", \"UTC\", {from}, 1)"),
            "expr",
            "The number of a rate must be between 1 and 2982616",
        ),
        (
            format!("proximas_ejecuciones(\"rate(1 day)\", \"santiago\", {from}, 1)"),
            "zona",
            "did you mean America/Santiago?",
        ),
        (
            "proximas_ejecuciones(\"rate(1 day)\", \"UTC\", \"2026-01-01\", 1)".to_owned(),
            "desde",
            "must be a date and time with an offset (RFC 3339)",
        ),
        (
            format!("proximas_ejecuciones(\"rate(1 day)\", \"UTC\", {from}, 1001)"),
            "n",
            "it must be a whole number, 1 to 1000.",
        ),
    ] {
        let terraform = with(&format!("output \"o\" {{\n  value = provider::kairos::{call}\n}}\n"))?;
        let errors = terraform.plan(&[])?.failed(&call)?;
        let told = errors
            .iter()
            .map(acceptance::terraform::Diagnostic::text)
            .collect::<Vec<_>>()
            .join("\n");
        ensure!(
            told.contains(&format!("Invalid value for \"{argument}\" parameter")) && told.contains(tells),
            "{call} tells: {told}"
        );
    }
    Ok(())
}

#[test]
fn the_documentation_is_that_of_the_functions() -> Result<()> {
    let terraform = with("")?;
    let schemas = terraform
        .run(&["providers", "schema", "-json"])?
        .succeeded("providers schema")?;
    let schemas: Value = serde_json::from_str(&schemas.stdout)?;
    let schemas = schemas["provider_schemas"].as_object().context("no schemas")?;
    let functions = schemas.values().find_map(|schema| schema["functions"].as_object());
    let functions = functions.context("the provider has no functions")?;
    ensure!(functions.len() == 2, "{:?}", functions.keys());
    for (name, function) in functions {
        let file = workspace::root()
            .join("docs")
            .join("functions")
            .join(format!("{name}.md"));
        let page = fs::read_to_string(&file).with_context(|| format!("reading \"{}\"", file.display()))?;
        let told = |what: &str| ensure_contains(&page, what, name);
        told(function["summary"].as_str().context("no summary")?)?;
        told(function["description"].as_str().context("no description")?)?;
        told(&example(name)?)?;
        for (position, parameter) in function["parameters"]
            .as_array()
            .context("no parameters")?
            .iter()
            .enumerate()
        {
            let text = |key: &str| parameter[key].as_str().unwrap_or_default();
            let kind = match (text("type"), parameter["is_nullable"] == true) {
                ("number", _) => "Number",
                (_, true) => "String, Nullable",
                (_, false) => "String",
            };
            told(&format!(
                "{}. `{}` ({kind}) {}",
                position + 1,
                text("name"),
                text("description")
            ))?;
        }
    }
    Ok(())
}

fn ensure_contains(page: &str, what: &str, name: &str) -> Result<()> {
    ensure!(page.contains(what), "docs/functions/{name}.md lacks: {what}");
    Ok(())
}
