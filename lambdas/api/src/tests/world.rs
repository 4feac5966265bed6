//! The API over a world in memory, and the requests and answers of API Gateway.

use std::fmt;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::to_bytes;
use axum::http::HeaderMap;
use kairos::history;
use kairos::ids::{IdCalendarizacion, IdProceso};
use kairos::instant::Timestamp;
use kairos::message::{Disparo, Mensaje};
use kairos::names::Place;
use kairos::registry::memory::Memory;
use kairos::registry::{PortError, PortErrorKind};
use kairos::run::{Ejecucion, EstadoEjecucion};
use serde_json::{Value, json};

use crate::*;

pub(crate) const ROLE: &str = "arn:aws:iam::123456789012:role/KairosProceso-cobro";
pub(crate) const TARGET: &str = "arn:aws:lambda:sa-east-1:123456789012:function:cobro";

/// Everything in memory.
pub(crate) struct InMemory;

impl crate::World for InMemory {
    type Store = Memory;
    type History = history::Memory;
    type Scheduler = Memory;
    type Clock = Memory;
    type Launcher = Outbox;
    type Dispatcher = Outbox;
}

/// What was sent to executors and to the dispatcher.
#[derive(Clone, Default)]
pub(crate) struct Outbox {
    history: history::Memory,
    sent: Arc<Mutex<Sent>>,
}

#[derive(Default)]
pub(crate) struct Sent {
    pub(crate) messages: Vec<Mensaje>,
    pub(crate) firings: Vec<Disparo>,
    /// What the next message or firing fails with.
    pub(crate) fault: Option<PortErrorKind>,
}

impl Outbox {
    pub(crate) fn sent(&self) -> std::sync::MutexGuard<'_, Sent> {
        self.sent.lock().unwrap()
    }

    fn put(&self, what: impl FnOnce(&mut Sent)) -> Result<(), PortError> {
        let mut sent = self.sent();
        if let Some(kind) = sent.fault.take() {
            return Err(PortError::new(kind, false, "the words of AWS"));
        }
        what(&mut sent);
        Ok(())
    }
}

impl Launcher for Outbox {
    async fn open(&self, run: &Mensaje, _: Timestamp) -> Result<Option<Ejecucion>, PortError> {
        let mut held = self.history.held();
        if let Some(known) = held.runs.get(&run.id_ejecucion) {
            return Ok(Some(known.clone()));
        }
        let fresh = Ejecucion {
            id_ejecucion: run.id_ejecucion,
            id_proceso: run.id_proceso.clone(),
            id_calendarizacion: run.id_calendarizacion.clone(),
            fecha_programada: run.fecha_programada,
            estado: EstadoEjecucion::Pendiente,
            intentos: 0,
            arrendado_hasta: None,
            dueno: None,
            fecha_inicio: None,
            fecha_termino: None,
            duracion_ms: None,
            respuesta: None,
            error: None,
            ttl: 1,
        };
        held.runs.insert(run.id_ejecucion, fresh);
        Ok(None)
    }

    async fn send(&self, run: &Mensaje) -> Result<(), PortError> {
        assert!(
            self.history.held().runs.contains_key(&run.id_ejecucion),
            "recorded before it is sent"
        );
        self.put(|sent| sent.messages.push(run.clone()))
    }
}

impl Dispatcher for Outbox {
    async fn fire(&self, firing: &Disparo) -> Result<(), PortError> {
        self.put(|sent| sent.firings.push(firing.clone()))
    }
}

/// The API over an empty world in memory, at noon.
pub(crate) struct World {
    pub(crate) memory: Memory,
    pub(crate) history: history::Memory,
    pub(crate) outbox: Outbox,
    pub(crate) router: Router,
}

/// A request to be.
pub(crate) struct Ask {
    pub(crate) event: Value,
}

/// An answer, checked against the list of routes.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl World {
    pub(crate) fn new() -> Self {
        let memory = Memory::new("2026-01-02T12:00:00Z".parse().unwrap());
        let place = Place {
            partition: "aws".into(),
            account: "123456789012".into(),
            region: "sa-east-1".into(),
        };
        let names = Names::new("demo", place);
        let history = history::Memory::default();
        let outbox = Outbox {
            history: history.clone(),
            ..Outbox::default()
        };
        let ports = Ports::<InMemory> {
            store: memory.clone(),
            history: history.clone(),
            scheduler: memory.clone(),
            clock: memory.clone(),
            launcher: outbox.clone(),
            dispatcher: outbox.clone(),
        };
        let router = routes::router(Api::new(ports, names, "KairosProceso".into(), Some(120)));
        Self {
            memory,
            history,
            outbox,
            router,
        }
    }

    /// Sends a request as API Gateway hands it over, and shows the answer.
    pub(crate) async fn ask(&self, method: &str, path: &str, body: &str) -> String {
        self.send(Ask::new(method, path).body(body)).await.to_string()
    }

    pub(crate) async fn ask_as(&self, event: &Value) -> String {
        self.send(Ask { event: event.clone() }).await.to_string()
    }

    pub(crate) async fn register(&self, body: &Value) -> String {
        self.ask("POST", "/Procesos", &body.to_string()).await
    }

    /// The one process that is registered.
    pub(crate) fn only(&self) -> IdProceso {
        self.memory.world().tables.procesos.keys().next().unwrap().clone()
    }

    /// The one calendarización that there is.
    pub(crate) fn calendarizacion(&self) -> IdCalendarizacion {
        self.memory
            .world()
            .tables
            .calendarizaciones
            .keys()
            .next()
            .unwrap()
            .clone()
    }

    /// Sends a request, and checks that its status is listed.
    pub(crate) async fn send(&self, ask: Ask) -> Answer {
        let request = lambda_http::request::from_str(&ask.event.to_string()).unwrap();
        let method = request.method().as_str().replace("HEAD", "GET");
        let path = path::below(&request);
        let answer = answer(self.router.clone(), request).await;
        let status = answer.status().as_u16();
        let template = routes::template(&path);
        let of_path: Vec<_> = routes::OPERATIONS
            .iter()
            .filter(|operation| Some(operation.path) == template)
            .collect();
        match of_path.iter().find(|operation| operation.method == method) {
            Some(operation) => assert!(operation.statuses.contains(&status), "{status}: {operation:?}"),
            None => assert_eq!(status, if of_path.is_empty() { 404 } else { 405 }, "{method} {path}"),
        }
        let headers = answer.headers().clone();
        assert_eq!(headers["x-id-solicitud"], "solicitud-1");
        assert!(!headers.keys().any(|name| name.as_str().starts_with("access-control")));
        let body = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        Answer {
            status,
            headers,
            text: String::from_utf8(body.to_vec()).unwrap(),
        }
    }
}

impl Ask {
    pub(crate) fn new(method: &str, path: &str) -> Self {
        let proxy = path.trim_start_matches('/');
        let event = event(method, &format!("/{proxy}"), Some(proxy), "/{proxy+}", "");
        Self { event }.header("Content-Type", "application/json")
    }

    pub(crate) fn body(mut self, body: &str) -> Self {
        self.event["body"] = if body.is_empty() { Value::Null } else { json!(body) };
        self
    }

    /// The header with this value instead of others.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.event["headers"][name] = json!(value);
        self.event["multiValueHeaders"][name] = json!([value]);
        self
    }

    /// The header once more. API Gateway tells the last line of a header apart as well, which lambda_http then takes for all
    /// of them; without that one, all arrive.
    pub(crate) fn also(mut self, name: &str, value: &str) -> Self {
        self.event["headers"].as_object_mut().unwrap().remove(name);
        self.event["multiValueHeaders"][name]
            .as_array_mut()
            .unwrap()
            .push(json!(value));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        for headers in ["headers", "multiValueHeaders"] {
            self.event[headers].as_object_mut().unwrap().remove(name);
        }
        self
    }
}

impl Answer {
    /// The body.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    /// A header as text; none where there is none.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// What is wrong with the first field that is, and its name.
    pub(crate) fn fault(&self) -> (String, String) {
        let fault = &self.json()["errores"][0];
        let text = |key: &str| fault[key].as_str().unwrap_or_default().to_owned();
        (text("campo"), text("detalle"))
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status = axum::http::StatusCode::from_u16(self.status).unwrap();
        writeln!(f, "{status}")?;
        for name in ["content-type", "etag", "retry-after", "allow", "x-id-solicitud"] {
            if let Some(value) = self.header(name) {
                writeln!(f, "{name}: {value}")?;
            }
        }
        match serde_json::from_str::<Value>(&self.text) {
            Ok(value) => write!(f, "\n{}", serde_json::to_string_pretty(&value).unwrap()),
            Err(_) => write!(f, "\n{}", self.text),
        }
    }
}

pub(crate) fn event(method: &str, path: &str, proxy: Option<&str>, resource: &str, body: &str) -> Value {
    json!({
        "resource": resource, "path": path, "httpMethod": method,
        "headers": {"Host": "abc.execute-api.sa-east-1.amazonaws.com"},
        "multiValueHeaders": {"Host": ["abc.execute-api.sa-east-1.amazonaws.com"]},
        "queryStringParameters": null, "multiValueQueryStringParameters": null,
        "pathParameters": proxy.map(|proxy| json!({"proxy": proxy})), "stageVariables": null,
        "requestContext": {
            "accountId": "123456789012", "apiId": "abc", "stage": "prod", "requestId": "solicitud-1",
            "resourcePath": resource, "resourceId": "r", "httpMethod": method, "path": format!("/prod{path}"),
            "identity": {"sourceIp": "203.0.113.1"}
        },
        "body": body, "isBase64Encoded": false
    })
}

pub(crate) fn proceso() -> Value {
    json!({"nombre": "Cobro diario", "cron": "0 3 * * ? *", "arnRol": ROLE, "arnProceso": TARGET,
           "parametros": "{\"id\":\"<kairos.id-ejecucion>\"}", "habilitado": true})
}

/// The same, with these fields instead.
pub(crate) fn with(changes: &Value) -> Value {
    let mut body = proceso();
    for (key, value) in changes.as_object().unwrap() {
        body[key] = value.clone();
    }
    body
}

pub(crate) fn status(answer: &str) -> &str {
    answer.split(' ').next().unwrap()
}
