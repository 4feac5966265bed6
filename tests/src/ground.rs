//! What an executor works on, on an endpoint of our own: as many processes as are asked for, claims that succeed, roles that
//! may be assumed, and functions that take what they are given after a fixed time.

use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Result;
use serde_json::{Map, Value, json};

use crate::edge::{self, Binary, Edge};
use crate::endpoint::{Call, Endpoint, Reply};

const ACCOUNT: &str = "123456789012";

/// Session tokens of STS have about this length.
const TOKEN: usize = 900;

/// The endpoint, for as long as it is held.
#[derive(Debug)]
pub struct Ground {
    endpoint: Endpoint,
    /// Which sessions targets accept: each is of the generation in which its role was assumed.
    generation: Arc<AtomicUsize>,
}

/// How often an executor called what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Calls {
    /// Batched reads of processes.
    pub reads: usize,
    /// Writes of runs: claims and results.
    pub writes: usize,
    /// Roles that were assumed.
    pub roles: usize,
    /// Targets that were started.
    pub targets: usize,
    /// Messages that were given back to the queue.
    pub returned: usize,
    /// Anything else.
    pub others: usize,
}

impl Calls {
    /// All of them.
    pub fn all(self) -> usize {
        self.reads + self.writes + self.roles + self.targets + self.returned + self.others
    }
}

impl Ground {
    /// Tables and roles that answer after `tables`, and targets that answer after `targets`.
    ///
    /// # Errors
    /// See [`Endpoint::start`].
    pub fn start(tables: Duration, targets: Duration) -> Result<Self> {
        Self::of(tables, targets, Duration::ZERO)
    }

    /// Processes that cannot be read within minutes; all else answers at once.
    ///
    /// # Errors
    /// See [`Endpoint::start`].
    pub fn unread() -> Result<Self> {
        Self::of(Duration::ZERO, Duration::ZERO, Duration::from_mins(10))
    }

    fn of(tables: Duration, targets: Duration, reading: Duration) -> Result<Self> {
        let longer = targets.saturating_sub(tables);
        let generation = Arc::<AtomicUsize>::default();
        let now = Arc::clone(&generation);
        let endpoint = Endpoint::start(tables, move |call| match call.operation {
            "BatchGetItem" => Reply::value(&rows(&call.json())).after(reading),
            "ChangeMessageVisibility" => Reply::json("{}"),
            "UpdateItem" => Reply::value(&written(&call.json())),
            "AssumeRole" => Reply::of(200, "text/xml", assumed(call.body, &now)),
            _ if invokes(call) && !is_of(call, &now) => Reply::error(403, "AccessDeniedException", "not this session"),
            _ if invokes(call) => Reply::of(202, "application/json", "").after(longer),
            _ => Reply::error(400, "UnknownOperationException", call.operation),
        })?;
        Ok(Self { endpoint, generation })
    }

    /// From now on targets refuse every session that was given so far, as after roles were deleted and made again.
    pub fn revoke_sessions(&self) {
        self.generation.fetch_add(1, Ordering::SeqCst);
    }

    /// The environment of an executor that works here.
    pub fn environment(&self) -> Vec<(String, String)> {
        let mut environment = edge::environment("executor");
        environment.push(("AWS_ENDPOINT_URL".to_owned(), self.endpoint.url()));
        environment
    }

    /// An executor that works here, in one process.
    ///
    /// # Errors
    /// See [`Edge::start`].
    pub async fn executor(&self, binary: &Binary) -> Result<Edge> {
        Edge::start(binary, &self.environment(), 1).await
    }

    /// What was called since this was last asked.
    pub fn take(&self) -> Calls {
        let mut calls = Calls::default();
        for (operation, count) in self.endpoint.take() {
            match operation.as_str() {
                "BatchGetItem" => calls.reads += count,
                "UpdateItem" => calls.writes += count,
                "AssumeRole" => calls.roles += count,
                "ChangeMessageVisibility" => calls.returned += count,
                invoked if invoked.ends_with("/invocations") => calls.targets += count,
                _ => calls.others += count,
            }
        }
        calls
    }
}

/// The event with a batch of messages, each a process and the number of one of its runs.
pub fn batch(runs: impl IntoIterator<Item = (usize, usize)>) -> Value {
    let records: Vec<Value> = runs
        .into_iter()
        .enumerate()
        .map(|(index, (process, run))| {
            let body = json!({
                "IdEjecucion": format!("00000000-0000-5000-{:04x}-{run:012x}", 0x8000 | process),
                "IdProceso": format!("proceso-{process}"), "IdCalendarizacion": "calendarizacion-bench",
                "FechaProgramada": "2026-01-02T03:04:00.000Z"
            });
            json!({
                "messageId": format!("message-{index}"), "receiptHandle": format!("receipt-{index}"),
                "body": body.to_string(), "attributes": {"ApproximateReceiveCount": "1"},
                "eventSource": "aws:sqs", "awsRegion": "us-east-1"
            })
        })
        .collect();
    json!({ "Records": records })
}

/// The role of a process, by the process's number.
pub fn role(process: impl Display) -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/bench-{process}")
}

fn invokes(call: &Call<'_>) -> bool {
    call.path.ends_with("/invocations")
}

/// Whether a call is signed by a session of now.
fn is_of(call: &Call<'_>, generation: &AtomicUsize) -> bool {
    let signed = call.headers.get("authorization").and_then(|value| value.to_str().ok());
    let key = key_prefix(generation);
    signed.is_some_and(|signed| signed.contains(&format!("Credential={key}")))
}

fn key_prefix(generation: &AtomicUsize) -> String {
    format!("ASIA{:04}", generation.load(Ordering::SeqCst))
}

/// A row for every key.
fn rows(asked: &Value) -> Value {
    let mut responses = Map::new();
    for (table, wanted) in asked["RequestItems"].as_object().into_iter().flatten() {
        let keys = wanted["Keys"].as_array().into_iter().flatten();
        let found = keys.filter_map(|key| key["IdProceso"]["S"].as_str()).map(row);
        responses.insert(table.clone(), found.collect());
    }
    json!({ "Responses": responses, "UnprocessedKeys": {} })
}

fn row(id: &str) -> Value {
    let name = id.trim_start_matches("proceso-");
    let since = json!({"S": "2026-01-01T00:00:00.000Z"});
    json!({
        "IdProceso": {"S": id}, "Nombre": {"S": name}, "ArnRol": {"S": role(name)},
        "ArnProceso": {"S": format!("arn:aws:lambda:us-east-1:{ACCOUNT}:function:bench")},
        "Parametros": {"S": r#"{"run":"<kairos.id-ejecucion>"}"#}, "Habilitado": {"BOOL": true}, "Reintentos": {"N": "3"},
        "ModoInvocacion": {"S": "Event"}, "IdCalendarizacion": {"S": "calendarizacion-bench"},
        "FechaAsignacion": &since, "FechaCreacion": &since, "FechaActualizacion": &since, "Version": {"N": "1"}
    })
}

/// What a write leaves, where it asks for that: the run as a claim makes it.
fn written(asked: &Value) -> Value {
    if asked["ReturnValues"] != "ALL_NEW" {
        return json!({});
    }
    let values = &asked["ExpressionAttributeValues"];
    json!({"Attributes": {
        "IdEjecucion": asked["Key"]["IdEjecucion"], "IdProceso": values[":proceso"],
        "IdCalendarizacion": values[":calendarizacion"], "FechaProgramada": values[":programada"],
        "Estado": values[":estado"], "Intentos": {"N": "1"}, "Dueno": values[":dueno"],
        "ArrendadoHasta": values[":hasta"], "TTL": values[":ttl"]
    }})
}

/// Credentials for an hour, with a key that tells for which role and when.
fn assumed(form: &[u8], generation: &AtomicUsize) -> String {
    let key = key_prefix(generation);
    let form = String::from_utf8_lossy(form);
    let role = form.split('&').find_map(|pair| pair.strip_prefix("RoleArn="));
    let name = role.and_then(|role| role.rsplit("bench-").next()).unwrap_or_default();
    let expiry = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(1);
    let token = "t".repeat(TOKEN);
    format!(
        "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult><Credentials>\
         <AccessKeyId>{key}{name:0>12}</AccessKeyId><SecretAccessKey>secret</SecretAccessKey>\
         <SessionToken>{token}</SessionToken><Expiration>{expiry}</Expiration></Credentials></AssumeRoleResult>\
         </AssumeRoleResponse>"
    )
}
