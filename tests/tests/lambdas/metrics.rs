//! What the real binaries write as metrics is what was done: counted beside them, from what they were asked and what they left.

use std::time::Duration;

use acceptance::edge::{self, Binary, Edge};
use acceptance::emf::{Document, documents, sum, values};
use acceptance::fixtures::{ProcesoRole, TargetQueue};
use acceptance::{history, wait};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::installation::{Installation, ROLE_PREFIX};

const CALENDARIZACION: &str = "calendarizacion-aaaa";
const LIMIT: Duration = Duration::from_mins(5);

/// Processes that feed a queue, one that may not, and two that are disabled.
const FEED: usize = 6;
const DISABLED: usize = 2;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dispatcher_and_executor_write_what_they_did() -> Result<()> {
    let installation = scene().await?;
    let dispatcher = start(&installation, "dispatcher", "INFO").await?;
    let firing = json!({"IdCalendarizacion": CALENDARIZACION, "FechaProgramada": "2026-01-02T03:04:00Z"});
    dispatcher.invoke(&firing).await.with_context(|| dispatcher.log())?;
    let dispatched = metrics(&dispatcher)?;
    let counted = ["Encontradas", "Descartadas", "Despachadas", "Rechazadas"].map(|name| sum(&dispatched, name));
    assert_counts(counted, [FEED + 1 + DISABLED, DISABLED, FEED + 1, 0], &dispatcher);
    assert_eq!(values(&dispatched, "DuracionDespacho").len(), 1);
    assert!(dispatcher.invoke(&json!({"no": "event"})).await.is_err());
    assert_eq!(
        values(&metrics(&dispatcher)?, "DuracionDespacho").len(),
        2,
        "an invocation that failed is written as well: {}",
        dispatcher.log()
    );

    // Of the executor only errors are logged: its metrics come all the same.
    let executor = start(&installation, "executor", "ERROR").await?;
    let mut messages = messages(&installation, FEED + 1).await?;
    let gone = json!({"IdEjecucion": "00000000-0000-5000-8000-000000000001", "IdProceso": "proceso-gone",
                      "IdCalendarizacion": CALENDARIZACION, "FechaProgramada": "2026-01-02T03:04:00.000Z"});
    messages.extend([record("gone", &gone.to_string()), record("unreadable", "no message")]);
    executor
        .invoke(&json!({ "Records": messages }))
        .await
        .with_context(|| executor.log())?;
    let executed = metrics(&executor)?;
    let names = [
        "Ejecutadas",
        "Fallidas",
        "Reintentadas",
        "Omitidas",
        "Ilegibles",
        "DuplicadosSuprimidos",
    ];
    assert_counts(names.map(|name| sum(&executed, name)), [FEED, 1, 0, 1, 1, 0], &executor);
    let runs = history::runs(&installation.account, &installation.names.app).await?;
    let done = runs.iter().filter(|run| run.estado == "EjecutadoOk").count();
    let failed = runs.iter().filter(|run| run.estado == "ErrorAlEjecutar").count();
    assert_eq!((done, failed), (FEED, 1), "the history says the same");
    let lags = values(&executed, "Retraso");
    assert_eq!(lags.len(), FEED + 1, "{}", executor.log());
    assert!(lags.iter().all(|lag| *lag > 0.0), "{lags:?}");
    let attempts: Vec<_> = executed
        .iter()
        .filter(|line| line.metrics.contains_key("Duracion"))
        .collect();
    assert!(
        attempts.iter().all(|line| line.dimensions["Destino"] == "sqs"),
        "{attempts:?}"
    );
    assert_eq!(values(&executed, "Duracion").len(), FEED + 1);
    assert!(
        executed.len() <= 2,
        "a line for the stack and one for the kind of target: {executed:?}"
    );
    assert!(
        executed.iter().all(|line| line.line["level"] == "ERROR"),
        "Lambda lets them pass: {executed:?}"
    );

    // The same messages once more, without the one whose run failed: that one would be tried again.
    let denied = |message: &Value| {
        message["body"]
            .as_str()
            .is_some_and(|body| body.contains("proceso-negado"))
    };
    messages
        .retain(|message| !denied(message) && message["messageId"] != "unreadable" && message["messageId"] != "gone");
    executor
        .invoke(&json!({ "Records": messages }))
        .await
        .with_context(|| executor.log())?;
    let executed = metrics(&executor)?;
    assert_counts(
        names.map(|name| sum(&executed, name)),
        [FEED, 1, 0, 1, 1, FEED],
        &executor,
    );
    assert_eq!(values(&executed, "Retraso").len(), FEED + 1, "nothing began");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_api_writes_each_request_with_its_route() -> Result<()> {
    let installation = Installation::create().await?;
    let api = start(&installation, "api", "INFO").await?;
    let asked = [
        ("/salud", 200, json!("GET /salud")),
        ("/Procesos/proceso-none", 404, json!("GET /Procesos/{id}")),
        ("/Procesos?limite=many", 400, json!("GET /Procesos")),
        ("/anything/else", 404, Value::Null),
    ];
    let addresses = asked
        .clone()
        .map(|(path, status, _)| (format!("{}{path}", api.url()), status));
    tokio::task::spawn_blocking(move || -> Result<()> {
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .build()
            .new_agent();
        for (address, status) in addresses {
            let answered = agent.get(&address).call()?.status().as_u16();
            ensure!(answered == status, "{address}: {answered}");
        }
        Ok(())
    })
    .await?
    .with_context(|| api.log())?;
    let lines = metrics(&api)?;
    assert_counts(
        ["Peticiones", "Fallas4xx", "Fallas5xx"].map(|name| sum(&lines, name)),
        [4, 3, 0],
        &api,
    );
    let routes: Vec<_> = lines.iter().map(|line| line.line["Ruta"].clone()).collect();
    assert_eq!(routes, asked.map(|(_, _, route)| route), "a line for each request");
    let latencies = values(&lines, "Latencia");
    assert!(
        latencies.len() == 4 && latencies.iter().all(|took| *took > 0.0),
        "{latencies:?}"
    );
    assert!(
        lines.iter().all(|line| line.dimensions.len() == 1),
        "only the stack: {lines:?}"
    );
    Ok(())
}

/// What a function wrote, every line of which Lambda can filter.
fn metrics(function: &Edge) -> Result<Vec<Document>> {
    let log = function.log();
    for line in log.lines() {
        let line: Value = serde_json::from_str(line).with_context(|| format!("no JSON: {line}"))?;
        ensure!(line["level"].is_string(), "no level: {line}");
        let time = line["timestamp"].as_str().unwrap_or_default();
        ensure!(time.parse::<jiff::Timestamp>().is_ok(), "no time: {line}");
    }
    let documents = documents(&log)?;
    for document in &documents {
        ensure!(
            document.namespace == "Kairos" && document.dimensions["Stack"] == "Demo",
            "{document:?}"
        );
        ensure!(document.line["Solicitud"].is_string(), "{document:?}");
    }
    Ok(documents)
}

#[track_caller]
fn assert_counts<const N: usize>(counted: [f64; N], expected: [usize; N], function: &Edge) {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small counts")]
    let counted = counted.map(|count| count as usize);
    assert_eq!(counted, expected, "{}", function.log());
}

async fn scene() -> Result<Installation> {
    let installation = Installation::create().await?;
    let account = &installation.account;
    let queue = TargetQueue::create(account, "Destino").await?;
    // The functions act as the account's root here.
    let root = format!("arn:aws:iam::{}:root", account.id);
    let role = |name: &str| format!("{ROLE_PREFIX}{name}");
    let sends = ProcesoRole::create(account, &role("envia"), &root, "sqs:SendMessage", &queue.arn).await?;
    let denied = ProcesoRole::create(account, &role("negado"), &root, "sqs:ListQueues", &queue.arn).await?;
    let feed = (0..FEED).map(|number| (format!("cola-{number}"), &sends, true));
    let disabled = (0..DISABLED).map(|number| (format!("pausado-{number}"), &sends, false));
    for (name, role, enabled) in feed.chain(disabled).chain([("negado".to_owned(), &denied, true)]) {
        let row = json!({
            "IdProceso": format!("proceso-{name}"), "Nombre": name, "ArnRol": role.arn, "ArnProceso": queue.arn,
            "Parametros": "{}", "Habilitado": enabled, "Reintentos": 3, "ModoInvocacion": "Event",
            "IdCalendarizacion": CALENDARIZACION, "FechaAsignacion": "2026-01-01T00:00:00.000Z",
            "FechaCreacion": "2026-01-01T00:00:00.000Z", "FechaActualizacion": "2026-01-01T00:00:00.000Z", "Version": 1
        });
        installation.put(&installation.names.procesos_table(), row).await?;
    }
    Ok(installation)
}

/// A function's binary over the installation's tables and queues, with the log of a stack's functions.
async fn start(installation: &Installation, function: &str, level: &str) -> Result<Edge> {
    let names = &installation.names;
    let mut environment = edge::environment(function);
    let own = [
        ("KAIROS_STACK", names.app.clone()),
        ("KAIROS_ACCOUNT", names.place.account.clone()),
        ("KAIROS_QUEUE_URL", installation.queue_url(&names.queue())),
        (
            "KAIROS_DEAD_LETTER_QUEUE_URL",
            installation.queue_url(&names.queue_dlq()),
        ),
        ("KAIROS_ROLE_PREFIX", ROLE_PREFIX.to_owned()),
        ("AWS_LAMBDA_LOG_FORMAT", "JSON".to_owned()),
        ("AWS_LAMBDA_LOG_LEVEL", level.to_owned()),
    ];
    let all = own.into_iter().chain(installation.account.environment());
    environment.extend(all.map(|(name, value)| (name.to_owned(), value)));
    Edge::start(&binary(function)?, &environment, 1).await
}

/// The packed binary, or another one that `KAIROS_{FUNCTION}_BINARY` names.
fn binary(function: &str) -> Result<Binary> {
    match std::env::var_os(format!("KAIROS_{}_BINARY", function.to_uppercase())) {
        Some(path) => Ok(Binary::at(path)),
        None => Binary::packed(function),
    }
}

/// Takes so many messages off the queue, as an event source hands them to the executor.
async fn messages(installation: &Installation, count: usize) -> Result<Vec<Value>> {
    let url = installation.queue_url(&installation.names.queue());
    let mut taken: Vec<Value> = Vec::new();
    let sqs = installation.account.sqs();
    while taken.len() < count {
        let batch = wait::until("the messages", LIMIT, || async {
            let receive = sqs.receive_message().queue_url(&url).max_number_of_messages(10);
            let batch = receive.send().await?;
            Ok((!batch.messages().is_empty()).then_some(batch))
        })
        .await?;
        taken.extend(batch.messages().iter().map(|message| {
            let mut record = record(
                message.message_id().unwrap_or_default(),
                message.body().unwrap_or_default(),
            );
            record["receiptHandle"] = json!(message.receipt_handle());
            record
        }));
    }
    Ok(taken)
}

fn record(id: &str, body: &str) -> Value {
    json!({"messageId": id, "receiptHandle": id, "body": body, "attributes": {"ApproximateReceiveCount": "1"},
           "messageAttributes": {}, "eventSource": "aws:sqs"})
}
