//! What API Gateway makes of a request for a function of a REST API's `{proxy+}`, and of what the function returns.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::http::request::Parts;
use hyper::{Request, Response, StatusCode};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use super::Answer;
use super::runtime::Events;

/// How long API Gateway waits at most, and a function behind it may take.
const LIMIT: Duration = Duration::from_secs(29);

/// Answers a caller.
pub(super) async fn answer(events: Arc<Events>, request: Request<Incoming>) -> Answer {
    let (head, body) = request.into_parts();
    let Ok(body) = body.collect().await else {
        return message(StatusCode::BAD_REQUEST, "Bad Request");
    };
    let event = event(&head, &body.to_bytes());
    match events
        .invoke(event.to_string().into(), LIMIT)
        .await
        .and_then(|said| read(&said))
    {
        Ok(answer) => answer,
        // API Gateway says the same, without the reason.
        Err(error) => message(StatusCode::BAD_GATEWAY, &format!("Internal server error: {error:#}")),
    }
}

/// The event of a request.
fn event(head: &Parts, body: &[u8]) -> Value {
    let path = head.uri.path();
    let proxy = path.trim_start_matches('/');
    let resource = if proxy.is_empty() { "/" } else { "/{proxy+}" };
    let (mut headers, mut all_headers) = (Map::new(), Map::new());
    for name in head.headers.keys() {
        let values = head.headers.get_all(name).iter();
        // As ISO 8859-1, which has every byte.
        let values: Vec<Value> = values
            .map(|value| {
                value
                    .as_bytes()
                    .iter()
                    .map(|byte| char::from(*byte))
                    .collect::<String>()
            })
            .map(Value::from)
            .collect();
        headers.insert(name.to_string(), values.last().cloned().unwrap_or_default());
        all_headers.insert(name.to_string(), values.into());
    }
    let (query, all_query) = query(head.uri.query().unwrap_or_default());
    let method = head.method.as_str();
    json!({
        "resource": resource, "path": path, "httpMethod": method,
        "headers": headers, "multiValueHeaders": all_headers,
        "queryStringParameters": query, "multiValueQueryStringParameters": all_query,
        "pathParameters": (!proxy.is_empty()).then(|| json!({"proxy": proxy})), "stageVariables": null,
        "requestContext": {
            "accountId": "123456789012", "apiId": "edge", "stage": "prod", "protocol": "HTTP/1.1",
            "requestId": uuid::Uuid::new_v4().to_string(), "resourceId": "edge", "resourcePath": resource,
            "httpMethod": method, "path": format!("/prod{path}"), "identity": {"sourceIp": "127.0.0.1"}
        },
        "body": (!body.is_empty()).then(|| String::from_utf8_lossy(body)), "isBase64Encoded": false
    })
}

/// The parameters of a query, decoded: the last value of each, and all; null where there is none.
fn query(text: &str) -> (Value, Value) {
    let (mut last, mut all) = (Map::new(), Map::new());
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let [name, value] = [name, value].map(|part| {
            let spaced = part.replace('+', " ");
            percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
        });
        last.insert(name.clone(), value.clone().into());
        if let Value::Array(values) = all.entry(name).or_insert_with(|| json!([])) {
            values.push(value.into());
        }
    }
    if all.is_empty() {
        (Value::Null, Value::Null)
    } else {
        (last.into(), all.into())
    }
}

/// The answer that a function returned.
fn read(said: &[u8]) -> Result<Answer> {
    let said: Value = serde_json::from_slice(said).context("the function returned no JSON")?;
    let status = said["statusCode"].as_u64().context("the function returned no status")?;
    let mut answer = Response::builder().status(u16::try_from(status)?);
    let many = said["multiValueHeaders"].as_object();
    for (name, values) in many.into_iter().flatten() {
        for value in values.as_array().into_iter().flatten() {
            answer = answer.header(name, value.as_str().context("a header is no text")?);
        }
    }
    for (name, value) in said["headers"].as_object().into_iter().flatten() {
        if many.is_none_or(|many| !many.contains_key(name)) {
            answer = answer.header(name, value.as_str().context("a header is no text")?);
        }
    }
    let body = said["body"].as_str().unwrap_or_default();
    let body = if said["isBase64Encoded"] == true {
        STANDARD.decode(body).context("reading the body's base64")?
    } else {
        body.into()
    };
    answer.body(Full::new(body.into())).context("building the answer")
}

fn message(status: StatusCode, text: &str) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(json!({ "message": text }).to_string())));
    *answer.status_mut() = status;
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(method: &str, address: &str, body: &str) -> Result<Value> {
        let request = Request::builder().method(method).uri(address).header("x-a", "1");
        let (head, ()) = request.header("X-A", "2").body(())?.into_parts();
        Ok(event(&head, body.as_bytes()))
    }

    #[test]
    fn a_request_becomes_an_event() -> Result<()> {
        let event = of("POST", "/Procesos/a%2Fb?q=a%20b&q=c+d&e", "{}")?;
        assert_eq!(event["path"], "/Procesos/a%2Fb");
        assert_eq!(event["pathParameters"], json!({"proxy": "Procesos/a%2Fb"}));
        assert_eq!(event["queryStringParameters"], json!({"q": "c d", "e": ""}));
        assert_eq!(
            event["multiValueQueryStringParameters"],
            json!({"q": ["a b", "c d"], "e": [""]})
        );
        assert_eq!(event["headers"], json!({"x-a": "2"}));
        assert_eq!(event["multiValueHeaders"], json!({"x-a": ["1", "2"]}));
        assert_eq!(event["body"], "{}");
        let root = of("GET", "/", "")?;
        assert_eq!(
            (&root["resource"], &root["pathParameters"]),
            (&json!("/"), &Value::Null)
        );
        assert_eq!(
            (&root["body"], &root["queryStringParameters"]),
            (&Value::Null, &Value::Null)
        );
        Ok(())
    }

    #[test]
    fn what_a_function_returns_becomes_an_answer() -> Result<()> {
        let said = json!({"statusCode": 201, "headers": {"a": "last"}, "multiValueHeaders": {"a": ["1", "2"], "b": ["3"]},
                          "body": "eyJ9", "isBase64Encoded": true});
        let answer = read(said.to_string().as_bytes())?;
        assert_eq!(answer.status(), 201);
        assert_eq!(answer.headers().get_all("a").iter().collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(answer.headers()["b"], "3");
        assert!(read(b"{}").is_err(), "no status");
        assert!(read(b"no JSON").is_err());
        Ok(())
    }
}
