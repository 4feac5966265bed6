//! The API's document: OpenAPI 3.1, made from the routes and from the types that the handlers use.
//!
//! Invariant: every operation of [`OPERATIONS`] is described, with exactly its statuses, and nothing else is.
//! Invariant: the function serves `docs/api/openapi.json` as it is; a test tells when that is not what the code says.

mod example;
mod operations;
mod parts;

use std::collections::BTreeMap;

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use kairos::message::{Disparo, Mensaje};
use schemars::JsonSchema;
use schemars::generate::{SchemaGenerator, SchemaSettings};
use serde_json::{Map, Value, json};

use crate::routes::{OPERATIONS, Operation};

pub use parts::GATEWAY_STATUSES;

/// The document as it is served: building it at each request, or at each start, would be work for the same answer.
const SERVED: &str = include_str!("../../../docs/api/openapi.json");

/// Where schemas are in the document.
const SCHEMAS: &str = "/components/schemas";

/// `GET /openapi.json`.
pub(crate) async fn serve() -> Response {
    let kind = (header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    ([kind], SERVED).into_response()
}

/// The document.
pub fn document() -> Value {
    let mut schemas = Schemas::new();
    let mut paths = BTreeMap::<usize, (&str, Map<String, Value>)>::new();
    for (place, operation) in OPERATIONS.iter().enumerate() {
        let Some(described) = operations::describe(operation, &mut schemas) else {
            continue;
        };
        let first = OPERATIONS.iter().position(|other| other.path == operation.path);
        let (_, methods) = paths
            .entry(first.unwrap_or(place))
            .or_insert_with(|| (operation.path, Map::new()));
        methods.insert(operation.method.to_ascii_lowercase(), described.told(operation));
    }
    let paths: Map<String, Value> = paths
        .into_values()
        .map(|(path, methods)| (path.to_owned(), methods.into()))
        .collect();
    let components = parts::components(&mut schemas);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Kairos",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "Procesos programados en AWS.",
            "description": parts::DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"}
        },
        "servers": [{"url": "./", "description": "La API que sirve este documento."}],
        "security": [{parts::API_KEY: []}],
        "tags": parts::tags(),
        "paths": paths,
        "components": schemas.into_components(components),
    })
}

/// The JSON Schemas of what the parts send each other: the queue's message and the dispatcher's event.
pub fn messages() -> Value {
    let mut generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let schemas = [
        generator.subschema_for::<Mensaje>().to_value(),
        generator.subschema_for::<Disparo>().to_value(),
    ];
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Mensajes de Kairos",
        "description": "Lo que las partes se envían: el mensaje de la cola (Mensaje) y el evento del dispatcher (Disparo). \
                        Ambos cambian solo agregando campos.",
        "anyOf": schemas,
        "$defs": generator.take_definitions(true),
    })
}

/// A document as it is written: in lines, for people and for diffs.
pub fn written(document: &Value) -> String {
    format!("{document:#}\n")
}

/// The schemas of what is written, and of what is read: where a type may be left out differs between the two.
struct Schemas {
    answers: SchemaGenerator,
    requests: SchemaGenerator,
}

impl Schemas {
    fn new() -> Self {
        let settings = || {
            SchemaSettings::draft2020_12().with(|settings| {
                settings.definitions_path = SCHEMAS.into();
                settings.meta_schema = None;
            })
        };
        Self {
            answers: settings().for_serialize().into_generator(),
            requests: settings().for_deserialize().into_generator(),
        }
    }

    /// The schema of what an answer has.
    fn answer<T: JsonSchema>(&mut self) -> Value {
        self.answers.subschema_for::<T>().to_value()
    }

    /// The schema of what a request has.
    fn request<T: JsonSchema>(&mut self) -> Value {
        self.requests.subschema_for::<T>().to_value()
    }

    /// A type's own schema, not by reference.
    fn inline<T: JsonSchema>(&mut self) -> Value {
        T::json_schema(&mut self.requests).to_value()
    }

    fn into_components(mut self, mut components: Map<String, Value>) -> Value {
        let mut schemas = self.answers.take_definitions(true);
        schemas.extend(self.requests.take_definitions(true));
        schemas.sort_keys();
        components.insert("schemas".into(), schemas.into());
        components.into()
    }
}

/// What the document says of an operation, beside its problems.
struct Described {
    id: &'static str,
    tag: &'static str,
    summary: &'static str,
    description: String,
    parameters: Vec<Value>,
    body: Option<Value>,
    /// The answers that are no problems.
    answers: Vec<(u16, Value)>,
}

impl Described {
    /// The operation as the document has it: its own answers, and a problem for every other status that it has.
    fn told(self, operation: &Operation) -> Value {
        let own: BTreeMap<u16, Value> = self.answers.into_iter().collect();
        let mut statuses: Vec<u16> = operation.statuses.to_vec();
        statuses.extend(GATEWAY_STATUSES);
        statuses.extend(own.keys());
        statuses.sort_unstable();
        statuses.dedup();
        let responses: Map<String, Value> = statuses
            .into_iter()
            .map(|status| {
                let answer = own.get(&status).cloned();
                (status.to_string(), answer.unwrap_or_else(|| parts::problem(status)))
            })
            .collect();
        let mut told = Map::new();
        let mut put = |key: &str, value: Value| told.insert(key.to_owned(), value);
        put("operationId", self.id.into());
        put("tags", json!([self.tag]));
        put("summary", self.summary.into());
        put("description", self.description.into());
        if !self.parameters.is_empty() {
            put("parameters", self.parameters.into());
        }
        if let Some(body) = self.body {
            put("requestBody", body);
        }
        put("responses", responses.into());
        told.into()
    }
}

#[cfg(test)]
mod tests;
