//! An example as a test takes it: copied, given its variables, applied.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use acceptance::emf::{self, Document};
use acceptance::fixtures::ProcesoRole;
use acceptance::history::{self, Run};
use acceptance::http::Api;
use acceptance::{Account, Terraform, wait, workspace};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::common::APP;

/// A state elsewhere is the user's: here it stays in the folder.
const LOCAL_BACKEND: (&str, &str) = ("backend_override.tf", "terraform {\n  backend \"local\" {}\n}\n");

/// The folder of an example.
pub(crate) fn folder(name: &str) -> PathBuf {
    workspace::root().join("examples").join(name)
}

/// An example in a folder of terraform's, not yet initialised.
pub(crate) fn copied(account: &Account, example: &Path) -> Result<Terraform> {
    let terraform = Terraform::bare(account)?;
    let files = files(example)?;
    for (name, text) in &files {
        terraform.write(name, &at_home(example, text))?;
    }
    if files.iter().any(|(_, text)| text.contains("backend \"")) {
        terraform.write(LOCAL_BACKEND.0, LOCAL_BACKEND.1)?;
    }
    // What stands alone has no block of its own that says where the provider comes from.
    if !files.iter().any(|(_, text)| text.contains("required_providers")) {
        terraform.write("providers.tf", acceptance::terraform::REQUIRED_PROVIDERS)?;
    }
    Ok(terraform)
}

/// The configuration in a folder, by names.
pub(crate) fn files(folder: &Path) -> Result<Vec<(String, String)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("reading \"{}\"", folder.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "tf") {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("main.tf");
            files.push((name.to_owned(), fs::read_to_string(&path)?));
        }
    }
    Ok(files)
}

/// Sets the variables of an example.
pub(crate) fn variables(terraform: &Terraform, variables: &Value) -> Result<()> {
    terraform.write("terraform.tfvars.json", &format!("{variables:#}\n"))
}

/// Applies an example, after which a plan must have nothing to do.
pub(crate) fn applied_and_nothing_to_do(terraform: &Terraform) -> Result<()> {
    terraform.init()?;
    terraform.apply(&[])?.succeeded("apply")?;
    nothing_to_do(terraform)
}

/// Fails where a plan has something to do.
pub(crate) fn nothing_to_do(terraform: &Terraform) -> Result<()> {
    let plan = terraform.run(&["plan", "-no-color", "-detailed-exitcode"])?;
    assert_eq!(
        plan.code,
        Some(0),
        "the plan after apply: {}{}",
        plan.stdout,
        plan.stderr
    );
    Ok(())
}

/// A text among an example's outputs.
pub(crate) fn output(terraform: &Terraform, name: &str) -> Result<String> {
    let value = terraform.output(name)?;
    let text = value.as_str().map(str::to_owned);
    text.with_context(|| format!("the output \"{name}\" is {value}"))
}

/// Makes a role as an example says that it must be: an object of `nombre`, `ruta`, `confianza` and `permisos`.
pub(crate) async fn role(account: &Account, rol: &Value) -> Result<ProcesoRole> {
    let text = |member: &str| {
        rol[member]
            .as_str()
            .with_context(|| format!("no \"{member}\" in {rol}"))
    };
    ensure!(text("ruta")? == "/", "{rol}");
    ProcesoRole::written(account, text("nombre")?, text("confianza")?, text("permisos")?).await
}

/// Runs a process now, by the API of an example (its outputs `api_url` and `api_key`), and waits until the run has ended.
pub(crate) async fn run_now(account: &Account, terraform: &Terraform, id_proceso: &str) -> Result<Run> {
    let api = Api::new(account, &output(terraform, "api_url")?, &output(terraform, "api_key")?)?;
    let asked = api.post(&format!("/Procesos/{id_proceso}/Ejecuciones"), &json!({}))?;
    ensure!(asked.status == 202, "the API answered {asked:?}");
    let id = asked.body["IdEjecucion"].as_str().context("no run")?;
    wait::until(&format!("the end of the run {id}"), Duration::from_mins(3), || async {
        let runs = history::runs(account, APP).await?;
        Ok(runs.into_iter().find(|run| run.id == id && run.termino.is_some()))
    })
    .await
}

/// The line of metrics of the executor's invocation in which the runs that `metric` counts came to be `count`: the last thing
/// that an invocation does.
pub(crate) async fn counted(account: &Account, metric: &str, count: usize) -> Result<Document> {
    let group = format!("/aws/lambda/{APP}Executor");
    let what = format!("{count} of \"{metric}\" among the executor's metrics");
    wait::until(&what, Duration::from_mins(3), || async {
        let mut lines = emf::of_group(account, &group).await?;
        lines.retain(|line| line.metrics.contains_key(metric));
        #[expect(clippy::cast_precision_loss, reason = "a test counts few runs")]
        let enough = emf::sum(&lines, metric) >= count as f64;
        Ok(lines.pop().filter(|_| enough))
    })
    .await
}

/// A configuration of `example` whose modules are where they were: below it (`./kairos`), or above it (`../..`).
fn at_home(example: &Path, text: &str) -> String {
    let lines = text.lines().map(|line| match line.split_once('"') {
        Some((before, rest)) if before.trim_start().starts_with("source ") && rest.starts_with('.') => {
            let from = example.join(rest.trim_end_matches('"'));
            let from = from.canonicalize().unwrap_or(from);
            format!("{before}{:?}\n", from.display().to_string())
        }
        _ => format!("{line}\n"),
    });
    lines.collect()
}
