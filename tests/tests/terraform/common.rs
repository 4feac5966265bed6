//! What several tests need: small configurations, and a stack that is up.

use std::time::Duration;

use acceptance::fixtures::{self, ProcesoRole, TargetFunction};
use acceptance::history::{self, Run};
use acceptance::ministack::Options;
use acceptance::terraform::{Diagnostic, REQUIRED_PROVIDERS};
use acceptance::{Account, MiniStack, Terraform, wait, world};
use anyhow::{Context, Result, ensure};
use aws_sdk_lambda::primitives::Blob;
use jiff::Timestamp;
use serde_json::{Value, json};

/// The stack's name in every test: accounts keep them apart.
pub(crate) const APP: &str = "Prueba";

/// An account with what a stack with an API asks of it.
pub(crate) async fn account(auth: bool) -> Result<Account> {
    let account = MiniStack::shared(Options { auth })?.account();
    fixtures::api_gateway_logging(&account).await?;
    Ok(account)
}

/// A configuration of the stack `Prueba` and more.
pub(crate) fn configuration(more: &str) -> String {
    stack(r#"executor = { role_prefix = "proceso-" }"#) + more
}

/// A configuration of the stack `Prueba` with these attributes.
pub(crate) fn stack(attributes: &str) -> String {
    format!(
        r#"{REQUIRED_PROVIDERS}
provider "kairos" {{}}

resource "kairos_stack" "this" {{
  name                = "{APP}"
  deletion_protection = false
  {attributes}
}}
"#
    )
}

/// A configuration of the one process `kairos_proceso.p` of a stack that is elsewhere.
pub(crate) fn only_proceso(attributes: &str) -> String {
    format!("{REQUIRED_PROVIDERS}\nprovider \"kairos\" {{}}\n")
        + &proceso("p", &format!("stack = \"{APP}\"\n  {attributes}"))
}

/// A process's block.
pub(crate) fn proceso(label: &str, attributes: &str) -> String {
    format!("resource \"kairos_proceso\" \"{label}\" {{\n  {attributes}\n}}\n")
}

/// The role that the executor has in a test's account.
pub(crate) fn executor_role(account: &Account) -> String {
    format!("arn:aws:iam::{}:role/{APP}-{}-ExecutorRole", account.id, account.region)
}

/// A role that may invoke `function`.
pub(crate) async fn role_for(account: &Account, function: &TargetFunction) -> Result<ProcesoRole> {
    ProcesoRole::create(
        account,
        "proceso-destino",
        &executor_role(account),
        "lambda:InvokeFunction",
        &function.arn,
    )
    .await
}

/// Invokes the dispatcher as Scheduler does, and waits for its answer.
pub(crate) async fn dispatch(account: &Account, event: &Value) -> Result<()> {
    let payload = Blob::new(event.to_string());
    let answer = account
        .lambda()
        .invoke()
        .function_name(format!("{APP}Dispatcher"))
        .payload(payload)
        .send()
        .await?;
    let body = answer
        .payload()
        .map(|blob| String::from_utf8_lossy(blob.as_ref()).into_owned())
        .unwrap_or_default();
    ensure!(answer.function_error().is_none(), "the dispatcher failed: {body}");
    Ok(())
}

/// The event of a schedule's firing, with the context filled in as AWS does.
pub(crate) fn firing(id_calendarizacion: &str, programada: &str) -> Value {
    json!({ "IdCalendarizacion": id_calendarizacion, "FechaProgramada": programada, "Intento": "1" })
}

/// Waits until `count` runs have ended.
pub(crate) async fn ended_runs(account: &Account, count: usize) -> Result<Vec<Run>> {
    wait::until(&format!("{count} ended runs"), Duration::from_mins(3), || async {
        let runs = history::runs(account, APP).await?;
        let ended = runs.iter().filter(|run| run.termino.is_some()).count();
        Ok((ended >= count).then_some(runs))
    })
    .await
}

/// A text attribute of a resource in the state.
pub(crate) fn text(terraform: &Terraform, address: &str, attribute: &str) -> Result<String> {
    let resource = terraform.resource(address)?;
    resource[attribute]
        .as_str()
        .map(str::to_owned)
        .with_context(|| format!("{address} has no text \"{attribute}\""))
}

/// Fails unless the account holds exactly `expected`.
pub(crate) async fn assert_holds(account: &Account, expected: &[&str]) -> Result<()> {
    let held = world::list(account).await?;
    ensure!(held == expected, "the account holds {held:#?}, not {expected:#?}");
    Ok(())
}

/// What the stack's marker says.
pub(crate) async fn marker(account: &Account) -> Result<Value> {
    let name = format!("/{APP}/Kairos/Instalacion");
    let answer = account.ssm().get_parameter().name(name).send().await?;
    let text = answer
        .parameter()
        .and_then(|p| p.value())
        .context("the marker is empty")?;
    serde_json::from_str(text).context("reading the marker")
}

/// Whether somebody holds the stack's marker now.
pub(crate) async fn is_held(account: &Account) -> Result<bool> {
    let until = marker(account).await?["arriendo"]["hasta"]
        .as_str()
        .unwrap_or_default()
        .parse::<Timestamp>()?;
    Ok(until > Timestamp::now())
}

/// Makes the lease of the stack's marker end then, as if time had gone by or somebody renewed it.
pub(crate) async fn set_lease(account: &Account, until: Timestamp) -> Result<()> {
    let mut marker = marker(account).await?;
    marker["arriendo"]["hasta"] = until.to_string().into();
    let call = account.ssm().put_parameter().name(format!("/{APP}/Kairos/Instalacion"));
    call.value(marker.to_string()).overwrite(true).send().await?;
    Ok(())
}

/// Fails unless one of the errors has this text.
pub(crate) fn assert_told(errors: &[Diagnostic], text: &str) {
    let told: Vec<String> = errors.iter().map(Diagnostic::text).collect();
    assert!(
        told.iter().any(|error| error.contains(text)),
        "no error has {text:?}: {told:#?}"
    );
}

/// What users are told of operations that end half-way.
const GUIDE: &str = include_str!("../../../docs/guides/tainted-stack.md");

/// The same, and that the guide quotes it.
pub(crate) fn assert_guided(errors: &[Diagnostic], text: &str) {
    assert_told(errors, text);
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words(GUIDE).contains(&words(text)), "the guide does not quote {text:?}");
}
