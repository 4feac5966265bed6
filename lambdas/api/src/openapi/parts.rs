//! What operations share: parameters, headers, problems, and what API Gateway answers by itself.

use axum::http::StatusCode;
use schemars::JsonSchema;
use serde_json::{Map, Value, json};

use super::Schemas;
use crate::edge::REQUEST_ID;
use crate::problem::{Kind, Problem};

/// The security scheme.
pub(super) const API_KEY: &str = "claveDeApi";

/// What API Gateway answers before a request reaches the function: without a key of a usage plan, and above its limits.
pub const GATEWAY_STATUSES: [u16; 2] = [403, 429];

pub(super) const DESCRIPTION: &str = "\
API de una instalación de Kairos: registra procesos que se ejecutan según una calendarización, los cambia, los elimina, \
los ejecuta en el momento y muestra su historia.

- Toda solicitud lleva su clave en el encabezado `x-api-key`.
- Las claves de los cuerpos de solicitud se aceptan sin distinguir mayúsculas de minúsculas.
- Los instantes son RFC 3339 en UTC, con milisegundos.
- Lo que sale mal se responde como `application/problem+json` (RFC 9457), con un `type` estable.
- Cada respuesta trae en `x-id-solicitud` el id con el que la solicitud está en los registros de la instalación.
- Los listados se leen por páginas: `Cursor` de una respuesta es el parámetro `cursor` de la siguiente, y no está en la última.";

/// The tags, in the order in which they are shown.
pub(super) fn tags() -> Value {
    json!([
        {"name": "Procesos", "description": "Registrar, leer, cambiar y eliminar procesos."},
        {"name": "Ejecuciones", "description": "Ejecutar en el momento, repetir un disparo y leer la historia."},
        {"name": "Calendarizaciones", "description": "Leer las calendarizaciones en las que están los procesos."},
        {"name": "API", "description": "La API misma."}
    ])
}

/// The components, without schemas.
pub(super) fn components(schemas: &mut Schemas) -> Map<String, Value> {
    let problem = schemas.answer::<Problem>();
    let mut responses = Map::new();
    for status in statuses() {
        responses.insert(problem_name(status), problem_response(status, &problem));
    }
    for (status, description) in [
        (
            GATEWAY_STATUSES[0],
            "La clave de API falta o no vale aquí. Lo responde API Gateway.",
        ),
        (GATEWAY_STATUSES[1], "Demasiadas solicitudes. Lo responde API Gateway."),
    ] {
        let schema =
            json!({"type": "object", "properties": {"message": {"type": ["string", "null"]}}, "required": ["message"]});
        responses.insert(
            problem_name(status),
            json!({"description": description, "content": {"application/json": {"schema": schema}}}),
        );
    }
    let mut components = Map::new();
    components.insert("responses".into(), responses.into());
    components.insert("headers".into(), headers());
    components.insert(
        "securitySchemes".into(),
        json!({API_KEY: {
            "type": "apiKey", "in": "header", "name": "x-api-key",
            "description": "La clave que la instalación da a quienes llaman a su API."
        }}),
    );
    components
}

/// The statuses of problems that operations answer. Unknown routes and other methods belong to no operation.
fn statuses() -> Vec<u16> {
    let mut statuses: Vec<u16> = Kind::ALL.iter().map(|kind| kind.status().as_u16()).collect();
    statuses.retain(|status| *status != StatusCode::METHOD_NOT_ALLOWED.as_u16());
    statuses.sort_unstable();
    statuses.dedup();
    statuses
}

fn problem_name(status: u16) -> String {
    format!("Problema{status}")
}

fn problem_response(status: u16, problem: &Value) -> Value {
    let kinds = Kind::ALL
        .iter()
        .filter(|kind| kind.status().as_u16() == status && **kind != Kind::NoRoute);
    let (urns, titles): (Vec<_>, Vec<_>) = kinds.map(|kind| (kind.urn(), kind.title())).unzip();
    let mut headers = Map::new();
    headers.insert(REQUEST_ID.into(), header_ref(REQUEST_ID));
    if status == StatusCode::SERVICE_UNAVAILABLE.as_u16() {
        headers.insert("Retry-After".into(), header_ref("Retry-After"));
    }
    json!({
        "description": format!("{}.", titles.join("; o: ")),
        "headers": headers,
        "content": {"application/problem+json": {"schema": {
            "allOf": [problem, {"properties": {"type": {"enum": urns}, "status": {"const": status}}}]
        }}}
    })
}

/// The answer of an operation that is a problem.
pub(super) fn problem(status: u16) -> Value {
    json!({"$ref": format!("#/components/responses/{}", problem_name(status))})
}

fn headers() -> Value {
    let text = |description: &str| json!({"description": description, "required": true, "schema": {"type": "string", "minLength": 1}});
    json!({
        REQUEST_ID: text("El id de la solicitud en los registros de la instalación."),
        "ETag": {
            "description": "La versión del proceso, para `If-Match`.", "required": true,
            "schema": {"type": "string", "pattern": "^\"[^\"]+\"$"}
        },
        "Location": text("Dónde está lo creado, relativo a esta dirección."),
        "Retry-After": {
            "description": "Segundos después de los cuales conviene repetir la solicitud.", "required": true,
            "schema": {"type": "integer", "minimum": 1}
        }
    })
}

/// A header of the components.
pub(super) fn header_ref(name: &str) -> Value {
    json!({"$ref": format!("#/components/headers/{name}")})
}

/// An answer with a body.
pub(super) fn answer(description: &str, schema: &Value, example: &Value) -> Value {
    json!({
        "description": description,
        "headers": {REQUEST_ID: header_ref(REQUEST_ID)},
        "content": {"application/json": {"schema": schema, "example": example}}
    })
}

/// An answer without a body.
pub(super) fn empty(description: &str) -> Value {
    json!({"description": description, "headers": {REQUEST_ID: header_ref(REQUEST_ID)}})
}

/// The same answer with one more header.
pub(super) fn with_header(mut answer: Value, name: &str) -> Value {
    answer["headers"][name] = header_ref(name);
    answer
}

/// The same answer with links to operations: name, operation, parameters.
pub(super) fn with_links(mut answer: Value, links: &[(&str, &str, Value)]) -> Value {
    for (name, operation, parameters) in links {
        answer["links"][*name] = json!({"operationId": operation, "parameters": parameters});
    }
    answer
}

/// A body that is required.
pub(super) fn body(description: &str, schema: &Value, example: &Value) -> Value {
    json!({
        "description": description, "required": true,
        "content": {"application/json": {"schema": schema, "example": example}}
    })
}

/// An id in the path.
pub(super) fn in_path<T: JsonSchema>(schemas: &mut Schemas, example: &Value) -> Value {
    json!({"name": "id", "in": "path", "required": true, "schema": schemas.answer::<T>(), "example": example})
}

/// A header of a request.
pub(super) fn in_header(name: &str, description: &str, schema: &Value, example: &str) -> Value {
    json!({
        "name": name, "in": "header", "required": false, "description": description, "schema": schema, "example": example
    })
}

/// The parameters of a query: the fields of the type that reads them.
pub(super) fn in_query<T: JsonSchema>(schemas: &mut Schemas) -> Vec<Value> {
    let schema = schemas.inline::<T>();
    let properties = schema["properties"].as_object().cloned().unwrap_or_default();
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    properties
        .into_iter()
        .map(|(name, mut schema)| {
            let description = schema.as_object_mut().and_then(|schema| schema.remove("description"));
            as_parameter(&mut schema);
            let required = required.contains(&Value::from(name.as_str()));
            json!({"name": name, "in": "query", "required": required, "description": description, "schema": schema})
        })
        .collect()
}

/// A query has no null: what is not wanted is left out. It has no empty text either.
fn as_parameter(schema: &mut Value) {
    let mut only = None;
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|kind| kind != "null");
        only = types.first().cloned().filter(|_| types.len() == 1);
    }
    if let Some(kind) = only {
        schema["type"] = kind;
    }
    let mut only = None;
    if let Some(Value::Array(choices)) = schema.get_mut("anyOf") {
        choices.retain(|choice| choice["type"] != "null");
        only = choices.first().cloned().filter(|_| choices.len() == 1);
    }
    if let Some(choice) = only {
        *schema = choice;
    }
    if schema["type"] == "string" && schema.get("pattern").is_none() {
        schema["pattern"] = json!(r"\S");
    }
}
