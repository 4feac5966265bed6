//! The HTTP API's latency at the Lambda's edge, route by route, against a function that answers at once.
//!
//! Both binaries run as Lambda runs them, one request at a time; each request of a route is followed by one of the empty
//! function, so that what else the machine does meets both. The API's AWS is the local one, behind a counter.

use std::time::Instant;

use anyhow::{Context, Result, bail};
use jiff::ToSpan;
use jiff::tz::TimeZone;
use kairos::names::{Names, Place};
use serde_json::{Value, json};

use super::count::Counter;
use super::report::{Report, Spread};
use super::stack::{STACK, logging_role};
use crate::edge::{self, Binary, Edge};
use crate::terraform::REQUIRED_PROVIDERS;
use crate::{Account, MiniStack, Terraform};

/// Requests of each route.
const REQUESTS: usize = 200;

/// Requests before it, which find connections not yet open.
const WARM_UP: usize = 20;

/// Five processes share a schedule.
const PER_SCHEDULE: usize = 5;

/// Names another binary of the API than the packed one.
const API_VARIABLE: &str = "KAIROS_API";

/// Names the binary of the empty function, lambdas/api/examples/empty.rs, built as the API is.
const EMPTY_VARIABLE: &str = "KAIROS_EMPTY";

/// A request: method, path, query, body.
type Asked = (&'static str, String, Option<(&'static str, String)>, Option<Value>);

/// What is known of the processes that the first route registers.
struct World<'a> {
    account: &'a Account,
    /// Yesterday's hour at which all schedules fire, so that none does while it is measured.
    hour: jiff::Zoned,
    /// The processes and their calendarizaciones, as they were registered.
    held: Vec<(String, String)>,
}

/// A route, and its request number `n`.
struct Route {
    name: &'static str,
    status: u64,
    ask: fn(&World<'_>, usize) -> Asked,
}

/// In this order: what is registered first is read, run, and deleted at the end.
const ROUTES: [Route; 14] = [
    Route::new("GET /salud", 200, |_, _| ("GET", "/salud".into(), None, None)),
    Route::new("GET /openapi.json", 200, |_, _| {
        ("GET", "/openapi.json".into(), None, None)
    }),
    Route::new("POST /Procesos", 201, |world, n| {
        ("POST", "/Procesos".into(), None, Some(world.process(n, 1)))
    }),
    Route::new("GET /Procesos/{id}", 200, |world, n| ("GET", world.one(n), None, None)),
    Route::new("GET /Procesos (50 of them)", 200, |_, _| {
        ("GET", "/Procesos".into(), None, None)
    }),
    Route::new("GET /Procesos?nombre", 200, |_, n| {
        ("GET", "/Procesos".into(), Some(("nombre", name(n))), None)
    }),
    Route::new("GET /Procesos?idCalendarizacion", 200, |world, n| {
        let id = world.of(n).1.clone();
        ("GET", "/Procesos".into(), Some(("idCalendarizacion", id)), None)
    }),
    Route::new("PUT /Procesos/{id}", 200, |world, n| {
        ("PUT", world.one(n), None, Some(world.process(n, 2)))
    }),
    Route::new("GET /Calendarizaciones (50 of them)", 200, |_, _| {
        ("GET", "/Calendarizaciones".into(), None, None)
    }),
    Route::new("GET /Calendarizaciones/{id}", 200, |world, n| {
        ("GET", format!("/Calendarizaciones/{}", world.of(n).1), None, None)
    }),
    Route::new("POST /Procesos/{id}/Ejecuciones", 202, |world, n| {
        ("POST", format!("{}/Ejecuciones", world.one(n)), None, None)
    }),
    Route::new("GET /Procesos/{id}/Ejecuciones", 200, |world, n| {
        ("GET", format!("{}/Ejecuciones", world.one(n)), None, None)
    }),
    Route::new("POST /Calendarizaciones/{id}/Ejecuciones", 202, |world, n| {
        let path = format!("/Calendarizaciones/{}/Ejecuciones", world.of(n).1);
        let body = json!({"fechaProgramada": world.fired(n)});
        ("POST", path, None, Some(body))
    }),
    Route::new("DELETE /Procesos/{id}", 204, |world, n| {
        ("DELETE", world.one(n), None, None)
    }),
];

/// Measures every route.
pub async fn measure(server: &MiniStack, report: &mut Report) -> Result<()> {
    let account = server.account();
    logging_role(&account).await?;
    let stack = Terraform::new(&account, &format!("{REQUIRED_PROVIDERS}{STACK}"))?;
    stack.apply(&[])?.succeeded("apply of the stack")?;
    // Runs that are asked for stay in the queue: executors would take the processor from what is measured.
    silence(&account).await?;

    let counter = Counter::before(&account)?;
    let api = named(API_VARIABLE).map_or_else(|| Binary::packed("api"), Ok)?;
    let mut api = Edge::start(&api, &environment(&counter.account(&account)).await?, 1).await?;
    let empty = named(EMPTY_VARIABLE)
        .with_context(|| format!("{EMPTY_VARIABLE} names no binary: run `cargo xtask bench api`, which builds it"))?;
    let empty = Edge::start(&empty, &edge::environment("empty"), 1).await?;

    let hour = jiff::Timestamp::now()
        .to_zoned(TimeZone::UTC)
        .saturating_sub(12.hours());
    let mut world = World {
        account: &account,
        hour: hour.with().minute(0).second(0).subsec_nanosecond(0).build()?,
        held: Vec::new(),
    };
    for route in &ROUTES {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        let (mut cpu, mut answered) = (0.0, Vec::new());
        counter.take();
        for n in 0..WARM_UP + REQUESTS {
            if n == WARM_UP {
                counter.take();
                counter.take_waited();
                cpu = api.cpu_seconds();
                ours.clear();
                theirs.clear();
            }
            let event = event((route.ask)(&world, n));
            let (milliseconds, said) = ask(&api, &event).await?;
            if said["statusCode"] != route.status {
                bail!("{} answered {said}; the API's log:\n{}", route.name, api.log());
            }
            ours.push(milliseconds);
            answered.push(said);
            theirs.push(ask(&empty, &event).await?.0);
        }
        let requests = counter.take();
        let cpu = api.cpu_seconds() - cpu;
        let what = format!("api: {}", route.name);
        report.spread(&what, Spread::of(ours), ("empty function", Spread::of(theirs)));
        let aws = counter.take_waited().as_secs_f64();
        let told = format!(
            "{:.2} calls, {:.2} ms waited for; {:.2} ms of CPU",
            per_request(requests),
            aws * 1e3 * per_request(1),
            cpu * 1e3 * per_request(1)
        );
        report.figure(&format!("{what}: per request, of AWS and of the handler"), &told);
        if route.status == 201 {
            world.held = answered.iter().map(registered).collect::<Result<_>>()?;
        }
    }
    drop((api, empty));
    stack.destroy(&[])?.succeeded("destroy of the stack")?;
    Ok(())
}

impl Route {
    const fn new(name: &'static str, status: u64, ask: fn(&World<'_>, usize) -> Asked) -> Self {
        Self { name, status, ask }
    }
}

impl World<'_> {
    fn of(&self, n: usize) -> &(String, String) {
        &self.held[n % self.held.len()]
    }

    fn one(&self, n: usize) -> String {
        format!("/Procesos/{}", self.of(n).0)
    }

    /// The body of a process.
    fn process(&self, n: usize, revision: usize) -> Value {
        let (id, region) = (&self.account.id, &self.account.region);
        json!({
            "nombre": name(n),
            "cron": format!("{} {} * * ? *", minute(n), self.hour.hour()),
            "arnRol": format!("arn:aws:iam::{id}:role/bench-role"),
            "arnProceso": format!("arn:aws:lambda:{region}:{id}:function:target"),
            "parametros": json!({"revision": revision}).to_string()
        })
    }

    /// A time at which the schedule of a process fired.
    fn fired(&self, n: usize) -> String {
        self.hour.saturating_add(minute(n).minutes()).timestamp().to_string()
    }
}

fn name(n: usize) -> String {
    format!("proceso-{n:04}")
}

fn minute(n: usize) -> i64 {
    i64::try_from(n / PER_SCHEDULE % 60).unwrap_or_default()
}

/// One request: how long it took, in milliseconds, and what the function returned.
async fn ask(edge: &Edge, event: &Value) -> Result<(f64, Value)> {
    let start = Instant::now();
    let said = edge.invoke(event).await?;
    Ok((start.elapsed().as_secs_f64() * 1e3, said))
}

fn registered(said: &Value) -> Result<(String, String)> {
    let body: Value = serde_json::from_str(said["body"].as_str().unwrap_or_default()).context("reading a process")?;
    let text = |key: &str| Some(body[key].as_str()?.to_owned());
    Some((text("IdProceso"), text("IdCalendarizacion")))
        .and_then(|(id, on)| Some((id?, on?)))
        .with_context(|| format!("a registered process without ids: {body}"))
}

#[expect(clippy::cast_precision_loss, reason = "some hundreds")]
fn per_request(count: usize) -> f64 {
    count as f64 / REQUESTS as f64
}

/// The event of a request, as API Gateway makes it.
fn event((method, path, query, body): Asked) -> Value {
    let one = query.as_ref().map(|(name, value)| json!({*name: value}));
    let all = query.as_ref().map(|(name, value)| json!({*name: [value]}));
    json!({
        "resource": "/{proxy+}", "path": path, "httpMethod": method,
        "headers": {"content-type": "application/json"}, "multiValueHeaders": {"content-type": ["application/json"]},
        "queryStringParameters": one, "multiValueQueryStringParameters": all,
        "pathParameters": {"proxy": path.trim_start_matches('/')}, "stageVariables": null,
        "requestContext": {
            "accountId": "123456789012", "apiId": "bench", "stage": "prod", "protocol": "HTTP/1.1", "requestId": "bench",
            "resourceId": "bench", "resourcePath": "/{proxy+}", "httpMethod": method, "path": format!("/prod{path}"),
            "identity": {"sourceIp": "127.0.0.1"}
        },
        "body": body.map(|body| body.to_string()), "isBase64Encoded": false
    })
}

/// The binary that a variable names.
fn named(variable: &str) -> Option<Binary> {
    std::env::var_os(variable).map(Binary::at)
}

/// The environment of the deployed function, with the account's credentials and endpoint.
async fn environment(account: &Account) -> Result<Vec<(String, String)>> {
    let place = Place {
        partition: "aws".into(),
        account: account.id.clone(),
        region: account.region.clone(),
    };
    let function = Names::new("Bench", place).api_function();
    let held = account.lambda().get_function_configuration().function_name(function);
    let held = held.send().await.context("reading the API's function")?;
    let held = held.environment().and_then(|environment| environment.variables());
    let own = held
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.clone(), value.clone()));
    let account = account
        .environment()
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value));
    Ok(edge::environment("api").into_iter().chain(own).chain(account).collect())
}

/// Takes the executor off its queue.
async fn silence(account: &Account) -> Result<()> {
    let lambda = account.lambda();
    let sources = lambda.list_event_source_mappings().send().await?;
    for source in sources.event_source_mappings() {
        lambda
            .update_event_source_mapping()
            .set_uuid(source.uuid.clone())
            .enabled(false)
            .send()
            .await?;
    }
    Ok(())
}
