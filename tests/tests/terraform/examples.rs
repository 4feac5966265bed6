//! The examples as their users take them: formatted, valid, complete, and applied where the local AWS has what they need.
//!
//! The quickstart is the demo's, and those of data sources and functions are in the files of these.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use acceptance::fixtures::TargetFunction;
use acceptance::http::Api;
use acceptance::{peer, wait, workspace};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::common::{APP, account, assert_holds, role_for, text};
use crate::example::{applied_and_nothing_to_do, copied, files, folder as example, variables};

#[tokio::test]
async fn every_example_is_formatted_and_valid() -> Result<()> {
    let folder = workspace::root().join("examples");
    let formatted = Command::new(workspace::terraform()?)
        .args(["fmt", "-check", "-diff", "-recursive"])
        .arg(&folder)
        .output()
        .context("starting terraform fmt")?;
    ensure!(
        formatted.status.success(),
        "`terraform fmt -recursive examples` changes:\n{}{}",
        String::from_utf8_lossy(&formatted.stdout),
        String::from_utf8_lossy(&formatted.stderr)
    );
    let (mut validated, mut problems) = (0, Vec::new());
    for example in configurations(&folder)? {
        let name = example.strip_prefix(&folder).unwrap_or(&example).display().to_string();
        let needs_aws = files(&example)?
            .iter()
            .any(|(_, text)| text.contains("\"hashicorp/aws\""));
        if needs_aws && let Err(reason) = peer::mirror() {
            peer::skipped(&format!("validation of examples/{name}"), reason);
            continue;
        }
        let terraform = copied(&account(false).await?, &example)?;
        terraform
            .run(&["init", "-no-color", "-backend=false"])?
            .succeeded(&format!("init of examples/{name}"))?;
        if let Err(problem) = terraform.validate()?.succeeded(&format!("validate of examples/{name}")) {
            problems.push(format!("{problem:#}"));
        }
        validated += 1;
    }
    ensure!(problems.is_empty(), "{}", problems.join("\n"));
    ensure!(validated >= 4, "only {validated} examples were found");
    Ok(())
}

/// Blocks of the documentation are pieces as often as whole configurations, so they are only formatted here.
#[test]
fn every_block_of_the_documentation_is_formatted() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut count = 0;
    let mut waiting = vec![workspace::root().join("docs"), workspace::root().join("examples")];
    let mut pages = vec![workspace::root().join("README.md")];
    while let Some(next) = waiting.pop() {
        for entry in fs::read_dir(&next)? {
            let path = entry?.path();
            if path.is_dir() {
                waiting.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                pages.push(path);
            }
        }
    }
    for page in pages {
        let text = fs::read_to_string(&page)?;
        let blocks = text.split("\n```").skip(1).step_by(2);
        for block in blocks {
            let Some((language, code)) = block.split_once('\n') else {
                continue;
            };
            if ["terraform", "hcl"].contains(&language) {
                let page = page
                    .strip_prefix(workspace::root())
                    .unwrap_or(&page)
                    .display()
                    .to_string();
                let name = format!("{}-{count}.tf", page.replace('/', "-"));
                fs::write(folder.path().join(name), format!("{code}\n"))?;
                count += 1;
            }
        }
    }
    ensure!(count >= 10, "only {count} blocks were found");
    let formatted = Command::new(workspace::terraform()?)
        .args(["fmt", "-check", "-diff"])
        .arg(folder.path())
        .output()
        .context("starting terraform fmt")?;
    ensure!(
        formatted.status.success(),
        "blocks that `terraform fmt` changes:\n{}{}",
        String::from_utf8_lossy(&formatted.stdout),
        String::from_utf8_lossy(&formatted.stderr)
    );
    Ok(())
}

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
async fn the_complete_example_leaves_no_attribute_out() -> Result<()> {
    let terraform = copied(&account(false).await?, &example("complete"))?;
    terraform.init()?;
    let schemas = terraform
        .run(&["providers", "schema", "-json"])?
        .succeeded("providers schema")?;
    let schemas: Value = serde_json::from_str(&schemas.stdout)?;
    let resources = &schemas["provider_schemas"]["registry.terraform.io/kairos/kairos"]["resource_schemas"];
    let written = fs::read_to_string(example("complete").join("main.tf"))?;
    for resource in ["kairos_stack", "kairos_proceso"] {
        let wanted = settable(&resources[resource]["block"]["attributes"])?;
        assert_eq!(attributes_of(&written, resource), wanted, "{resource}");
    }
    Ok(())
}

#[tokio::test]
async fn the_complete_example_runs() -> Result<()> {
    let account = account(false).await?;
    let terraform = copied(&account, &example("complete"))?;
    variables(
        &terraform,
        &json!({
            "name": APP,
            "deletion_protection": false,
            "arn_funcion": format!("arn:aws:lambda:{}:{}:function:Destino", account.region, account.id),
            "arn_rol": format!("arn:aws:iam::{}:role/proceso-destino", account.id),
        }),
    )?;
    applied_and_nothing_to_do(&terraform)?;
    let next = terraform.output("siguientes")?;
    assert_eq!(next.as_array().map(Vec::len), Some(3), "{next}");
    assert_eq!(terraform.output("estado")?, "in_sync");
    terraform.destroy(&[])?.succeeded("destroy")?;
    assert_holds(&account, &[]).await
}

#[tokio::test]
async fn two_teams_have_a_stack_each() -> Result<()> {
    let account = account(false).await?;
    let terraform = copied(&account, &example("multi-team"))?;
    let proceso = |equipo: &str| {
        json!({
            "cron": "cron(0 3 * * ? *)",
            "arn_rol": format!("arn:aws:iam::{}:role/{equipo}/proceso-cierre", account.id),
            "arn_proceso": format!("arn:aws:sqs:{}:{}:{equipo}", account.region, account.id),
        })
    };
    let equipos = json!({
        "ventas": { "stack": "Ventas", "procesos": { "Cierre": proceso("ventas"), "Aviso": proceso("ventas") } },
        "datos": { "stack": "Datos", "procesos": { "Cierre": proceso("datos") } },
    });
    let of = |equipos: &Value| json!({ "equipos": equipos, "deletion_protection": false });
    variables(&terraform, &of(&equipos))?;
    applied_and_nothing_to_do(&terraform)?;
    let executors = terraform.output("executor_roles")?;
    let path = |equipo: &str| {
        executors[equipo]
            .as_str()
            .is_some_and(|arn| arn.contains(&format!(":role/{equipo}/")))
    };
    ensure!(path("ventas") && path("datos"), "{executors}");
    let procesos = terraform.output("procesos")?;
    assert_eq!(procesos.as_object().map(serde_json::Map::len), Some(3), "{procesos}");

    let mut crossed = equipos.clone();
    crossed["ventas"]["procesos"]["Cierre"] = proceso("datos");
    variables(&terraform, &of(&crossed))?;
    let errors = terraform.plan(&[])?.failed("a role of the other team")?;
    ensure!(
        errors.iter().any(|error| error.text().contains("ventas/")),
        "{errors:#?}"
    );

    variables(&terraform, &of(&equipos))?;
    terraform.destroy(&[])?.succeeded("destroy")?;
    assert_holds(&account, &[]).await
}

#[tokio::test]
async fn the_pipeline_deploys_and_its_smoke_test_starts_a_process() -> Result<()> {
    let folder = example("pipelines/github-actions");
    let account = account(false).await?;
    let function = TargetFunction::create(&account, "Destino").await?;
    let role = role_for(&account, &function).await?;
    let terraform = copied(&account, &folder)?;
    variables(
        &terraform,
        &json!({
            "region": account.region,
            "name": APP,
            "deletion_protection": false,
            "arn_funcion": function.arn,
            "arn_rol": role.arn,
        }),
    )?;
    terraform.init()?;
    terraform.apply(&[])?.succeeded("apply")?;
    let output = |name: &str| -> Result<String> {
        let value = terraform.output(name)?;
        value
            .as_str()
            .map(str::to_owned)
            .with_context(|| format!("no output \"{name}\""))
    };

    // The local AWS has another address for a stage, and asks for a header more: curl takes that from its own file.
    let api = Api::new(&account, &output("api_url")?, &output("api_key")?)?;
    let home = tempfile::tempdir()?;
    fs::write(
        home.path().join(".curlrc"),
        format!("header = \"authorization: {}\"\n", api.authorization()),
    )?;
    let smoke = |key: &str| -> Result<std::process::Output> {
        Command::new("bash")
            .arg(folder.join("smoke.sh"))
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", home.path())
            .env("API_URL", api.base())
            .env("API_KEY", key)
            .env("ID_PROCESO", output("id_proceso")?)
            .env("CLAVE", "github-1")
            .env("SEGUNDOS", "300")
            .output()
            .context("starting the smoke test")
    };
    let key = output("api_key")?;
    for attempt in ["the first", "a repeated"] {
        let said = smoke(&key)?;
        ensure!(
            said.status.success(),
            "{attempt} smoke test ended with {}: {}{}",
            said.status,
            String::from_utf8_lossy(&said.stdout),
            String::from_utf8_lossy(&said.stderr)
        );
    }
    let seen = wait::until("the target's record", Duration::from_mins(2), || async {
        let seen = function.seen().await?;
        Ok((!seen.is_empty()).then_some(seen))
    })
    .await?;
    assert_eq!(seen.len(), 1, "one key is one run: {seen:?}");
    ensure!(!smoke("another")?.status.success(), "another key is refused");

    terraform.destroy(&[])?.succeeded("destroy")?;
    assert_eq!(text(&terraform, "kairos_stack.this", "id").ok(), None);
    function.delete().await?;
    role.delete().await?;
    assert_holds(&account, &[]).await
}

/// The folders below `folder` that hold a configuration.
fn configurations(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut waiting = vec![folder.to_path_buf()];
    while let Some(next) = waiting.pop() {
        if !files(&next)?.is_empty() {
            found.push(next.clone());
        }
        for entry in fs::read_dir(&next)? {
            let path = entry?.path();
            let hidden = path
                .file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with('.'));
            if path.is_dir() && !hidden {
                waiting.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// What a configuration may say, with `outer.inner` for what is nested.
fn settable(attributes: &Value) -> Result<BTreeSet<String>> {
    let mut all = BTreeSet::new();
    for (name, attribute) in attributes.as_object().context("no schema")? {
        if attribute["required"] != true && attribute["optional"] != true {
            continue;
        }
        all.insert(name.clone());
        if let Some(nested) = attribute["nested_type"]["attributes"].as_object() {
            all.extend(nested.keys().map(|member| format!("{name}.{member}")));
        }
    }
    Ok(all)
}

/// What the blocks of a resource say in a configuration as `terraform fmt` writes it. What is in a map or a call, deeper than
/// an attribute that the schema nests, is left out: such a line is not an attribute's.
fn attributes_of(configuration: &str, resource: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut inside = false;
    let mut outer: Option<String> = None;
    for line in configuration.lines() {
        let indent = line.len() - line.trim_start().len();
        let line = line.split(" # ").next().unwrap_or_default().trim();
        if indent == 0 && !line.is_empty() {
            inside = line.starts_with(&format!("resource \"{resource}\""));
            outer = None;
            continue;
        }
        let Some((name, value)) = line.split_once('=').filter(|_| inside && !line.starts_with('#')) else {
            continue;
        };
        let (name, value) = (name.trim(), value.trim());
        match (indent, &outer) {
            (2, _) => {
                found.insert(name.to_owned());
                // A map of tags opens in the same way; the schema knows nothing inside it.
                let members = value == "{" && name != "tags";
                outer = members.then(|| name.to_owned());
            }
            (4, Some(outer)) => {
                found.insert(format!("{outer}.{name}"));
            }
            _ => {}
        }
    }
    found
}
