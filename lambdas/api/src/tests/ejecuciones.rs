//! Runs that are asked for, and firings that are dispatched once more.

use kairos::run::EstadoEjecucion;
use serde_json::Value;

use super::*;

const UUID: &str = "0f0e1c52-7a53-4b62-9d9e-2f6f0a5c8d11";

async fn registered(world: &World, changes: &Value) -> String {
    assert_eq!(status(&world.register(&with(changes)).await), "201");
    format!("/Procesos/{}/Ejecuciones", world.only())
}

fn keyed(path: &str, key: &str) -> Ask {
    Ask::new("POST", path).header("Idempotency-Key", key)
}

#[tokio::test]
async fn a_run_is_recorded_and_then_sent() {
    let world = World::new();
    let path = registered(&world, &json!({})).await;
    let answer = world.send(Ask::new("POST", &path)).await;
    assert_eq!(answer.status, 202, "{answer}");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let sent = world.outbox.sent().messages.clone();
    assert_eq!(answer.json(), json!({"IdEjecucion": sent[0].id_ejecucion}));
    assert_eq!(
        serde_json::to_value(&sent[0]).unwrap(),
        json!({"IdEjecucion": answer.json()["IdEjecucion"], "IdProceso": world.only(),
               "IdCalendarizacion": world.calendarizacion(), "FechaProgramada": "2026-01-02T12:00:00.000Z"})
    );
    let held = world.history.held().runs[&sent[0].id_ejecucion].clone();
    assert_eq!(
        (held.estado, held.fecha_programada),
        (EstadoEjecucion::Pendiente, sent[0].fecha_programada)
    );
    // Without a key, each is a run of its own.
    let other = world.send(Ask::new("POST", &path).body("{}")).await;
    assert_ne!(other.json(), answer.json());
}

#[tokio::test]
async fn one_key_is_one_run() {
    let world = World::new();
    let path = registered(&world, &json!({})).await;
    let first = world.send(keyed(&path, UUID)).await;
    let later = "2026-01-02T12:05:00Z".parse().unwrap();
    world.memory.world().now = later;
    let again = world.send(keyed(&path, UUID)).await;
    assert_eq!((again.status, again.json()), (202, first.json()));
    {
        let sent = world.outbox.sent();
        assert_eq!(
            sent.messages.len(),
            2,
            "nobody had begun: the first message may be lost"
        );
        assert_eq!(
            sent.messages[0], sent.messages[1],
            "the same message, with the first one's date"
        );
    }
    assert_ne!(world.send(keyed(&path, "otra")).await.json(), first.json());
    // Once somebody has begun, a message more could only run it again.
    for estado in [
        EstadoEjecucion::EnEjecucion,
        EstadoEjecucion::EjecutadoOk,
        EstadoEjecucion::ErrorAlEjecutar,
        EstadoEjecucion::Omitido,
    ] {
        for run in world.history.held().runs.values_mut() {
            run.estado = estado;
        }
        let sent = world.outbox.sent().messages.len();
        let again = world.send(keyed(&path, UUID)).await;
        assert_eq!((again.status, again.json()), (202, first.json()), "{estado}");
        assert_eq!(world.outbox.sent().messages.len(), sent, "{estado}");
    }
}

#[tokio::test]
async fn a_run_that_could_not_be_sent_is_sent_when_it_is_asked_for_again() {
    let world = World::new();
    let path = registered(&world, &json!({})).await;
    world.outbox.sent().fault = Some(PortErrorKind::Transient);
    let failed = world.send(keyed(&path, UUID)).await;
    assert_eq!((failed.status, failed.header("retry-after")), (503, Some("2")));
    assert!(!failed.text.contains("the words of AWS"));
    assert_eq!(world.history.held().runs.len(), 1, "recorded before it is sent");
    let done = world.send(keyed(&path, UUID)).await;
    assert_eq!(done.status, 202);
    assert_eq!(world.outbox.sent().messages.len(), 1);
    assert_eq!(world.history.held().runs.len(), 1);
    world.outbox.sent().fault = Some(PortErrorKind::Denied);
    assert_eq!(world.send(Ask::new("POST", &path)).await.status, 500);
}

#[tokio::test]
async fn keys_have_a_form_and_are_given_once() {
    let world = World::new();
    let path = registered(&world, &json!({})).await;
    let longest = "k".repeat(255);
    for right in ["a", UUID, "\"quoted\"", "2026-01-02T03:04:00Z", longest.as_str()] {
        assert_eq!(world.send(keyed(&path, right)).await.status, 202, "{right}");
    }
    let too_long = "k".repeat(256);
    // The time of a firing in the form that ids are made of would be that firing's run.
    for wrong in ["", "con espacio", "ñ", too_long.as_str(), "2026-01-02T03:04:00.000Z"] {
        let answer = world.send(keyed(&path, wrong)).await;
        assert_eq!(
            (answer.status, answer.fault().0.as_str()),
            (400, "Idempotency-Key"),
            "{wrong}"
        );
    }
    let twice = world.send(keyed(&path, "a").also("Idempotency-Key", "b")).await;
    assert_snapshot!("key_twice", twice.to_string());
}

#[tokio::test]
async fn what_cannot_be_run_is_refused() {
    let world = World::new();
    let path = registered(&world, &json!({"habilitado": false})).await;
    assert_snapshot!("disabled", world.ask("POST", &path, "").await);
    for unknown in ["/Procesos/proceso-nadie/Ejecuciones", "/Procesos/otra-cosa/Ejecuciones"] {
        assert_eq!(world.send(Ask::new("POST", unknown)).await.status, 404);
    }
    for (body, field) in [("{\"fecha\": 1}", "fecha"), ("[]", "")] {
        let answer = world.send(Ask::new("POST", &path).body(body)).await;
        assert_eq!((answer.status, answer.fault().0.as_str()), (400, field), "{answer}");
    }
    assert!(world.history.held().runs.is_empty());
}

fn replay(world: &World, body: &Value) -> Ask {
    let path = format!("/Calendarizaciones/{}/Ejecuciones", world.calendarizacion());
    Ask::new("POST", &path).body(&body.to_string())
}

#[tokio::test]
async fn a_firing_is_handed_to_the_dispatcher_as_it_was_due() {
    let world = World::new();
    registered(
        &world,
        &json!({"cron": "0 3 * * ? *", "zonaHoraria": "America/Santiago"}),
    )
    .await;
    // 03:00 in summer is 06:00 UTC.
    for (spelled, key) in [
        ("2026-01-02T06:00:00Z", "fechaProgramada"),
        ("2026-01-02T03:00:00.000-03:00", "FECHAPROGRAMADA"),
    ] {
        let answer = world.send(replay(&world, &json!({key: spelled}))).await;
        assert_eq!(answer.status, 202, "{answer}");
        let said = json!({"IdCalendarizacion": world.calendarizacion(), "FechaProgramada": "2026-01-02T06:00:00.000Z"});
        assert_eq!(answer.json(), said);
        let fired = world.outbox.sent().firings.pop().unwrap();
        assert_eq!(serde_json::to_value(fired).unwrap(), said);
    }
}

#[tokio::test]
async fn what_is_no_occurrence_is_refused_with_what_would_be_right() {
    let world = World::new();
    registered(&world, &json!({"cron": "0 3 * * ? *", "fin": "2026-06-01T00:00:00Z"})).await;
    assert_snapshot!(
        "no_occurrence",
        world
            .send(replay(&world, &json!({"fechaProgramada": "2026-01-01T04:00:00Z"})))
            .await
            .to_string()
    );
    for (body, right) in [
        (
            json!({"fechaProgramada": "2026-01-03T03:00:00Z"}),
            "aún no llega: ahora es 2026-01-02T12:00:00.000Z",
        ),
        (
            json!({"fechaProgramada": "2026-01-02T03:00:00.001Z"}),
            "la más cercana es 2026-01-02T03:00:00.000Z",
        ),
        (
            json!({"fechaProgramada": "ayer"}),
            "debe ser una fecha y hora con desfase (RFC 3339)",
        ),
        (
            json!({"fechaProgramada": "2026-01-02T03:00:00"}),
            "debe ser una fecha y hora con desfase (RFC 3339)",
        ),
        (
            json!({"fechaProgramada": ""}),
            "debe ser una fecha y hora con desfase (RFC 3339)",
        ),
        (json!({"fechaProgramada": 5}), "debe ser un texto entre comillas"),
        (json!({"fechaProgramada": null}), "es obligatorio"),
        (json!({}), "es obligatorio"),
    ] {
        let answer = world.send(replay(&world, &body)).await;
        let (field, detail) = answer.fault();
        assert_eq!((answer.status, field.as_str()), (400, "fechaProgramada"), "{body}");
        assert!(detail.contains(right), "{detail}");
    }
    let unknown = world.send(replay(&world, &json!({"fecha": 1}))).await;
    assert_eq!((unknown.status, unknown.fault().0.as_str()), (400, "fecha"));
    for path in [
        "/Calendarizaciones/calendarizacion-nadie/Ejecuciones",
        "/Calendarizaciones/x/Ejecuciones",
    ] {
        let body = json!({"fechaProgramada": "2026-01-02T03:00:00Z"}).to_string();
        let answer = world.send(Ask::new("POST", path).body(&body)).await;
        assert_eq!(
            (answer.status, &answer.json()["type"]),
            (404, &json!("urn:kairos:problema:calendarizacion-inexistente"))
        );
    }
    assert!(world.outbox.sent().firings.is_empty());
}

#[tokio::test]
async fn a_rate_is_taken_within_what_aws_may_lag_behind() {
    let world = World::new();
    registered(&world, &json!({"cron": "rate(1 hour)"})).await;
    world.memory.world().now = "2026-01-02T14:30:00Z".parse().unwrap();
    for (at, status) in [
        ("2026-01-02T13:00:00Z", 202),
        ("2026-01-02T13:00:07Z", 202),
        ("2026-01-02T13:01:01Z", 400),
        ("2026-01-02T12:59:59Z", 400),
        ("2026-01-02T11:00:00Z", 400),
    ] {
        let answer = world.send(replay(&world, &json!({"fechaProgramada": at}))).await;
        assert_eq!(answer.status, status, "{at}: {answer}");
    }
}

#[tokio::test]
async fn a_row_of_the_earlier_system_does_not_say_when_it_fires() {
    let world = World::new();
    registered(&world, &json!({})).await;
    for row in world.memory.world().tables.calendarizaciones.values_mut() {
        row.expresion = String::new();
    }
    let answer = world
        .send(replay(&world, &json!({"fechaProgramada": "2026-01-01T04:00:00Z"})))
        .await;
    assert_eq!(answer.status, 202, "{answer}");
}

#[tokio::test]
async fn a_dispatcher_that_aws_throttles_is_503() {
    let world = World::new();
    registered(&world, &json!({})).await;
    world.outbox.sent().fault = Some(PortErrorKind::Transient);
    let answer = world
        .send(replay(&world, &json!({"fechaProgramada": "2026-01-02T03:00:00Z"})))
        .await;
    assert_eq!(answer.status, 503);
}
