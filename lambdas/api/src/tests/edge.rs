//! What holds for every request: methods, bodies, paths, ids, time.

use std::future::pending;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::routing::get;
use lambda_http::RequestExt;
use serde_json::Value;

use super::*;

#[tokio::test]
async fn routes_and_their_list_say_the_same() {
    let world = World::new();
    for operation in routes::OPERATIONS {
        let path = operation.path.replace("{id}", "x");
        let of_path = || routes::OPERATIONS.iter().filter(|other| other.path == operation.path);
        for method in [
            "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW",
        ] {
            let listed = of_path().any(|other| other.method == method || other.method == "GET" && method == "HEAD");
            let answer = world.send(Ask::new(method, &path)).await;
            assert_eq!(answer.status == 405, !listed, "{method} {path}: {answer}");
            if listed {
                continue;
            }
            let allowed: Vec<_> = answer.header("allow").unwrap().split(',').collect();
            assert!(of_path().all(|other| allowed.contains(&other.method)), "{allowed:?}");
            assert!(!allowed.contains(&method));
            assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        }
    }
}

#[tokio::test]
async fn what_is_asked_without_being_allowed_says_what_is() {
    let world = World::new();
    assert_snapshot!("options", world.ask("OPTIONS", "/Procesos/proceso-x", "").await);
}

#[tokio::test]
async fn head_is_get_without_a_body() {
    let world = World::new();
    world.register(&proceso()).await;
    for path in ["/salud".to_owned(), format!("/Procesos/{}", world.only())] {
        let full = world.send(Ask::new("GET", &path)).await;
        let head = world.send(Ask::new("HEAD", &path)).await;
        assert_eq!((head.status, head.text.as_str()), (200, ""));
        assert_eq!(head.header("etag"), full.header("etag"));
        assert_eq!(head.header("content-type"), full.header("content-type"));
    }
    let missing = world.send(Ask::new("HEAD", "/Procesos/proceso-x")).await;
    assert_eq!((missing.status, missing.text.as_str()), (404, ""));
}

#[tokio::test]
async fn slashes_at_the_end_of_a_path_do_not_matter() {
    let world = World::new();
    world.register(&proceso()).await;
    for path in ["/salud/", "/Procesos/{id}/", "/Procesos/{id}//"] {
        let path = path.replace("{id}", world.only().as_str());
        assert_eq!(world.send(Ask::new("GET", &path)).await.status, 200, "{path}");
    }
    for path in ["/", "/procesos", "/Procesos/a/b", "/Salud", "/%53alud"] {
        let answer = world.send(Ask::new("GET", path)).await;
        assert_eq!(answer.json()["type"], "urn:kairos:problema:ruta-inexistente", "{path}");
    }
}

#[tokio::test]
async fn a_body_is_said_to_be_json_or_nothing() {
    let world = World::new();
    let body = proceso().to_string();
    for right in [
        "application/json",
        "Application/JSON; charset=UTF-8",
        "application/json;charset=\"utf-8\"",
        "application/vnd.kairos+json",
    ] {
        let ask = Ask::new("POST", "/Procesos").body(&body).header("Content-Type", right);
        assert!([200, 201].contains(&world.send(ask).await.status), "{right}");
    }
    let untyped = Ask::new("POST", "/Procesos").body(&body).without("Content-Type");
    assert_eq!(world.send(untyped).await.status, 200);
    for wrong in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/json; charset=latin1",
        "json",
        "",
        "ñ",
    ] {
        let ask = Ask::new("POST", "/Procesos").body(&body).header("Content-Type", wrong);
        let answer = world.send(ask).await;
        assert_eq!(
            (answer.status, &answer.json()["type"]),
            (415, &json!("urn:kairos:problema:tipo-de-contenido-no-admitido")),
            "{wrong}"
        );
    }
    // No body has no type.
    let path = format!("/Procesos/{}/Ejecuciones", world.only());
    let ask = Ask::new("POST", &path).header("Content-Type", "text/plain");
    assert_eq!(world.send(ask).await.status, 202);
}

#[tokio::test]
async fn a_key_is_given_once_and_known() {
    let world = World::new();
    let body = r#"{"nombre": "a", "nombre": "a", "cron": "x", "CRON": "x", "zona_horaria": "UTC", "parametros": {"secreto": 1}}"#;
    let answer = world.ask("POST", "/Procesos", body).await;
    assert!(!answer.contains("secreto"), "a payload is never repeated");
    assert_snapshot!("keys", answer);
    for (body, kind) in [
        ("", "json-invalido"),
        ("null", "json-invalido"),
        ("5", "json-invalido"),
        ("{} {}", "json-invalido"),
        ("{\"a\": 1,}", "json-invalido"),
        ("{\"nombre\": \"\\ud800\"}", "json-invalido"),
        (&"[".repeat(100_000), "json-invalido"),
        (&format!("{{\"nombre\": {}}}", "[".repeat(1_000)), "json-invalido"),
    ] {
        let answer = world.send(Ask::new("POST", "/Procesos").body(body)).await;
        assert_eq!(
            (answer.status, answer.json()["type"].clone()),
            (400, json!(format!("urn:kairos:problema:{kind}"))),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_answered_in_time() {
    let stuck = Router::new().route("/salud", get(|| async { pending::<()>().await }));
    let deadline = SystemTime::now() + Duration::from_millis(400);
    let millis = deadline.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis();
    let mut context = lambda_http::Context::default();
    context.deadline = u64::try_from(millis).unwrap();
    let event = event("GET", "/salud", Some("salud"), "/{proxy+}", "");
    let request = lambda_http::request::from_str(&event.to_string()).unwrap();
    let answer = answer(stuck, request.with_lambda_context(context)).await;
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.headers()["retry-after"], "2");
    assert_eq!(answer.headers()[REQUEST_ID], "solicitud-1");
    let body = axum::body::to_bytes(answer.into_body(), usize::MAX).await.unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["type"], "urn:kairos:problema:tiempo-agotado");
}

/// Where a test's log goes.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_request_is_one_line_in_the_log_and_its_body_none() {
    let log = Log::default();
    let to = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_writer(move || to.clone())
        .finish();
    // Of a single subscriber, tracing asks the thread that comes by first whether it listens, and keeps the answer for all: the
    // other tests do not. A second one makes it ask both.
    let _second = tracing::Dispatch::new(tracing_subscriber::registry());
    let _until_the_end = tracing::subscriber::set_default(subscriber);
    tracing::callsite::rebuild_interest_cache();
    let world = World::new();
    let secret = with(&json!({"parametros": "{\"clave\":\"secreta\"}"}));
    for path in ["/Procesos", "/secreta"] {
        world.send(Ask::new("POST", path).body(&secret.to_string())).await;
    }
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(!text.contains("secreta"), "{text}");
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<_> = lines.iter().filter(|line| line["message"] == "answered").collect();
    let facts = |line: &Value| ["metodo", "ruta", "estado", "solicitud"].map(|key| line[key].clone());
    assert_eq!(told.len(), 2);
    assert_eq!(
        facts(told[0]),
        [json!("POST"), json!("/Procesos"), json!(201), json!("solicitud-1")]
    );
    assert_eq!(
        facts(told[1]),
        [json!("POST"), Value::Null, json!(404), json!("solicitud-1")]
    );
    assert!(told.iter().all(|line| line["ms"].is_u64()));
}
