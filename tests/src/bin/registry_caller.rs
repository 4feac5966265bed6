//! Several callers of the registry in one process, for a test that kills it: each line of the standard input asks for
//! something, each line of the standard output is an answer, with the number of what was asked.

use std::io::{Write, stdin, stdout};
use std::sync::Arc;
use std::time::Duration;

use acceptance::Account;
use anyhow::{Context, Result, bail};
use aws_config::timeout::TimeoutConfig;
use kairos::ids::IdProceso;
use kairos::names::{Names, Place};
use kairos::proceso::{Definition, InvocationMode, Proceso};
use kairos::registry::{Registration, Registry, RegistryError};
use kairos::schedule::Schedule;
use kairos_aws::clock::SystemClock;
use kairos_aws::scheduler::EventBridgeScheduler;
use kairos_aws::store::DynamoStore;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

/// How long a connection, and one attempt of a call, may take.
const CONNECT: Duration = Duration::from_secs(10);
const ATTEMPT: Duration = Duration::from_secs(30);

type Live = Registry<DynamoStore, EventBridgeScheduler, SystemClock>;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [endpoint, account, region] = arguments.as_slice() else {
        bail!("usage: registry_caller ENDPOINT ACCOUNT REGION");
    };
    let registry = Arc::new(registry(&Account::new(endpoint, account, region)));
    let runtime = Runtime::new().context("starting the runtime")?;
    for line in stdin().lines() {
        let asked: Value = serde_json::from_str(&line?).context("reading what is asked for")?;
        let registry = Arc::clone(&registry);
        runtime.spawn(async move {
            let answer = ask(&registry, &asked).await.unwrap_or_else(|error| failed(&error));
            // Where nobody listens any more, nobody needs the answer.
            let _ = writeln!(stdout().lock(), "{}", json!([asked["number"], answer]));
        });
    }
    Ok(())
}

fn registry(account: &Account) -> Live {
    let place = Place {
        partition: "aws".into(),
        account: account.id.clone(),
        region: account.region.clone(),
    };
    let names = Names::new("Demo", place);
    // A slow machine may lose an answer: then it is asked for again, as the product does.
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT)
        .operation_attempt_timeout(ATTEMPT)
        .build();
    let config = account.sdk_config().into_builder().timeout_config(timeouts).build();
    let store = DynamoStore::new(aws_sdk_dynamodb::Client::new(&config), &names);
    let role = format!("arn:aws:iam::{}:role/Demo-us-east-1-SchedulerRole", account.id);
    let scheduler = EventBridgeScheduler::new(aws_sdk_scheduler::Client::new(&config), names.clone(), role);
    Registry::new(names, store, scheduler, SystemClock)
}

/// Asks the registry; what it answers, as a word and, where there is one, the process.
async fn ask(registry: &Live, asked: &Value) -> Result<Value> {
    let nombre = asked["nombre"].as_str().context("a name is asked for")?;
    let id = IdProceso::of(nombre);
    let habilitado = asked["habilitado"].as_bool().unwrap_or_default();
    let answer = match asked["act"].as_str() {
        Some("register") => registry.register(&definition(asked)?).await.map(|done| match done {
            Registration::New(proceso) => seen("new", &proceso),
            Registration::Same(proceso) => seen("same", &proceso),
        }),
        Some("change") => registry
            .change(&id, &definition(asked)?)
            .await
            .map(|done| seen("changed", &done)),
        Some("enable") => registry
            .set_enabled(&id, habilitado)
            .await
            .map(|done| seen("changed", &done)),
        Some("delete") => registry.delete(&id).await.map(|done| seen("deleted", &done)),
        other => bail!("\"{other:?}\" is nothing that can be asked for"),
    };
    Ok(answer.unwrap_or_else(|error| match error {
        RegistryError::NameTaken { .. } => json!(["taken"]),
        RegistryError::NotFound { .. } => json!(["absent"]),
        RegistryError::Port { error, .. } if error.ambiguous => json!(["unknown", null, error.to_string()]),
        RegistryError::Port { error, .. } if error.is_transient() => json!(["refused", null, error.to_string()]),
        error @ RegistryError::Conflict { .. } => json!(["refused", null, error.to_string()]),
        error => json!(["failed", null, error.to_string()]),
    }))
}

fn definition(asked: &Value) -> Result<Definition> {
    let text = |name: &str| asked[name].as_str().with_context(|| format!("\"{name}\" is asked for"));
    let schedule = Schedule::parse(text("cron")?, None, None, None, None);
    let Ok(schedule) = schedule else {
        bail!("\"{}\" is no schedule", asked["cron"])
    };
    Ok(Definition {
        nombre: text("nombre")?.to_owned(),
        schedule,
        arn_rol: "arn:aws:iam::123456789012:role/demo".into(),
        arn_proceso: "arn:aws:sqs:us-east-1:123456789012:trabajo".into(),
        parametros: None,
        habilitado: asked["habilitado"].as_bool().context("enabled or not is asked for")?,
        reintentos: u8::try_from(asked["mark"].as_u64().context("a mark is asked for")?)?,
        modo_invocacion: InvocationMode::Event,
        tiempo_maximo_segundos: None,
    })
}

/// A process as an answer: what tells its definitions and versions apart.
fn seen(word: &str, proceso: &Proceso) -> Value {
    let Proceso {
        id_calendarizacion,
        habilitado,
        reintentos,
        version,
        ..
    } = proceso;
    json!([word, [id_calendarizacion.as_str(), habilitado, reintentos, version]])
}

fn failed(error: &anyhow::Error) -> Value {
    json!(["failed", null, format!("{error:#}")])
}
