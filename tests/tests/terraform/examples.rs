//! The examples as their users take them: complete, and applied where the local AWS has what they need.
//!
//! The quickstart is the demo's, those of data sources and functions are in the files of these, and whatever is larger has a
//! file of its own. That all are valid is shown in `hcl.rs`.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;
use std::time::Duration;

use acceptance::fixtures::TargetFunction;
use acceptance::http::Api;
use acceptance::wait;
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::common::{APP, account, assert_holds, role_for, text};
use crate::example::{applied_and_nothing_to_do, copied, folder as example, variables};

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
