#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod edge;
mod ejecuciones;
mod listas;
mod reemplazo;
mod world;

use insta::assert_snapshot;
use kairos::registry::PortErrorKind;
use kairos::registry::memory::Fault;
use serde_json::json;

use super::*;
pub(crate) use world::{Answer, Ask, ROLE, TARGET, World, event, proceso, status, with};

#[tokio::test]
async fn a_new_process_is_201_the_same_again_200_and_another_one_of_its_name_409() {
    let world = World::new();
    assert_snapshot!("new", world.register(&proceso()).await);
    let again = with(&json!({"cron": "cron(00 3 * * ? *)", "parametros": "{ \"id\" : \"<kairos.id-ejecucion>\" }"}));
    assert_snapshot!("same", world.register(&again).await);
    let other = with(&json!({"nombre": "  COBRO   diario", "cron": "0 4 * * ? *"}));
    assert_snapshot!("taken", world.register(&other).await);
    assert_eq!(world.memory.world().tables.procesos.len(), 1);
    assert_eq!(world.memory.world().schedules.len(), 1);
}

#[tokio::test]
async fn keys_are_accepted_in_any_case_and_all_fields_are_kept() {
    let world = World::new();
    let body = json!({
        "NOMBRE": "Todo", "Cron": "rate(5 minutes)", "arnrol": ROLE, "ARNPROCESO": TARGET, "Parametros": "{}",
        "habilitado": false, "zonahoraria": "America/Santiago", "VentanaFlexibleMinutos": 15,
        "inicio": "2026-02-01T00:00:00Z", "fin": "2027-02-01T00:00:00Z", "reintentos": 0,
        "modoInvocacion": "RequestResponse", "tiempoMaximoSegundos": 20
    });
    assert_eq!(status(&world.register(&body).await), "201");
    let id = world.memory.world().tables.procesos.keys().next().unwrap().to_string();
    assert_snapshot!("one", world.ask("GET", &format!("/Procesos/{id}"), "").await);
}

#[tokio::test]
async fn a_deleted_process_is_204_and_then_404() {
    let world = World::new();
    world.register(&proceso()).await;
    let id = world.memory.world().tables.procesos.keys().next().unwrap().to_string();
    assert_snapshot!("deleted", world.ask("DELETE", &format!("/Procesos/{id}"), "").await);
    assert!(world.memory.world().schedules.is_empty(), "its schedule went with it");
    assert_snapshot!("unknown", world.ask("DELETE", &format!("/Procesos/{id}"), "").await);
    assert_snapshot!("unknown_too", world.ask("GET", "/Procesos/otra-cosa", "").await);
}

#[tokio::test]
async fn every_field_that_is_wrong_is_named_with_what_would_be_right() {
    let world = World::new();
    let wrong = json!({
        "nombre": " ", "cron": "0 25 * * ? *", "zonaHoraria": "America/Santigo", "ventanaFlexibleMinutos": 0,
        "inicio": "ayer", "arnRol": "arn:aws:iam::123456789012:role/Otro", "arnProceso": "arn:aws:lambda:sa-east-1:123456789012:function:demoExecutor",
        "parametros": "secreto", "reintentos": 11, "modoInvocacion": "Rapido", "tiempoMaximoSegundos": 5
    });
    let answer = world.register(&wrong).await;
    assert!(!answer.contains("secreto"), "a payload is never repeated");
    assert_snapshot!("invalid", answer);
    assert_snapshot!("missing", world.register(&json!({})).await);
    let payload = with(&json!({"parametros": "{\"a\":\n secreto}"}));
    let answer = world.register(&payload).await;
    assert!(!answer.contains("secreto"), "a payload is never repeated");
    assert_snapshot!("payload", answer);
    assert!(world.memory.world().journal.is_empty(), "nothing was asked of AWS");
}

#[tokio::test]
async fn arns_are_refused_in_spanish() {
    let world = World::new();
    for (name, changes) in [
        ("arn_prefix", json!({"arnProceso": "aws:lambda"})),
        (
            "arn_partition",
            json!({"arnRol": "arn:aws-cn:iam::123456789012:role/KairosProceso-cobro"}),
        ),
        (
            "arn_account",
            json!({"arnRol": "arn:aws:iam::999999999999:role/KairosProceso-cobro"}),
        ),
        ("arn_no_role", json!({"arnRol": TARGET})),
        (
            "target_of_another_account",
            json!({"arnProceso": "arn:aws:glue:sa-east-1:210987654321:job/carga"}),
        ),
        (
            "target_lacks_a_member",
            json!({"arnProceso": "arn:aws:ecs:sa-east-1:123456789012:cluster/noche", "parametros": null}),
        ),
        (
            "target_does_not_take_a_member",
            json!({
                "arnProceso": "arn:aws:codebuild:sa-east-1:123456789012:project/imagen",
                "parametros": "{\"environmentVariables\":[]}"
            }),
        ),
        (
            "target_is_contradicted",
            json!({
                "arnProceso": "arn:aws:batch:sa-east-1:123456789012:job-queue/noche",
                "parametros": "{\"jobDefinition\":\"cierre\",\"jobQueue\":\"dia\"}"
            }),
        ),
        (
            "target_is_left",
            json!({
                "arnProceso": "arn:aws:execute-api:sa-east-1:123456789012:abc/prod/GET/clientes/*",
                "parametros": "{\"path\":\"/otros\"}"
            }),
        ),
        (
            "target_gets_another_kind",
            json!({
                "arnProceso": "arn:aws:events:sa-east-1:123456789012:event-bus/ventas",
                "parametros": "{\"Detail\":{},\"Time\":\"ayer\"}"
            }),
        ),
        (
            "arn_unknown",
            json!({"arnProceso": "arn:aws:s3:sa-east-1:123456789012:cubo"}),
        ),
    ] {
        assert_snapshot!(name, world.register(&with(&changes)).await);
    }
}

#[tokio::test]
async fn what_is_wrong_with_an_arn_is_told_in_spanish() {
    let world = World::new();
    for bad in [
        "x",
        "arn:x:lambda:r:1:f",
        "arn:aws:LAMBDA:r:1:f",
        "arn:aws:lambda:R:1:f",
        "arn:aws:lambda:r:1:f",
        "arn:aws:lambda:r:123456789012:",
    ] {
        let answer = world.register(&with(&json!({"arnProceso": bad}))).await;
        assert!(answer.contains("debe") || answer.contains("no puede"), "{answer}");
        assert!(!answer.contains(" must "), "{answer}");
    }
}

#[tokio::test]
async fn a_one_time_schedule_in_the_past_is_400() {
    let world = World::new();
    assert_snapshot!(
        "past",
        world.register(&with(&json!({"cron": "at(2026-01-02T11:59:59)"}))).await
    );
}

#[tokio::test]
async fn what_is_no_process_is_400_with_the_place_or_the_key() {
    let world = World::new();
    assert_snapshot!("not_json", world.ask("POST", "/Procesos", "{\n  nombre: 1").await);
    assert_snapshot!("no_object", world.ask("POST", "/Procesos", "[1]").await);
    let body =
        r#"{"nombre": 5, "cron": null, "Cron": "x", "habilitado": "si", "reintentos": 1.5, "zona_horaria": "UTC"}"#;
    assert_snapshot!("types", world.ask("POST", "/Procesos", body).await);
}

#[tokio::test]
async fn a_body_that_is_too_large_is_413() {
    let world = World::new();
    let body = with(&json!({"parametros": "x".repeat(MAX_BODY)}));
    assert_snapshot!("too_large", world.register(&body).await);
}

#[tokio::test]
async fn health_needs_no_aws() {
    let world = World::new();
    assert_snapshot!("health", world.ask("GET", "/salud", "").await);
    assert!(world.memory.world().journal.is_empty());
}

#[tokio::test]
async fn unknown_routes_are_404_and_other_methods_405() {
    let world = World::new();
    assert_snapshot!("no_route", world.ask("GET", "/Nada", "").await);
    assert_snapshot!("no_method", world.ask("PATCH", "/Procesos", "").await);
    assert_eq!(status(&world.ask_as(&event("GET", "/", None, "/", "")).await), "404");
}

#[tokio::test]
async fn stage_and_mapping_key_are_no_part_of_the_path() {
    let world = World::new();
    for path in [
        "/salud",
        "/prod/salud",
        "/kairos/salud",
        "/kairos/v1/salud",
        "/Procesos/salud",
    ] {
        let answer = world.ask_as(&event("GET", path, Some("salud"), "/{proxy+}", "")).await;
        assert_eq!(status(&answer), "200", "{path}");
    }
    let root = world.ask_as(&event("GET", "/salud", None, "/", "")).await;
    assert_eq!(
        status(&root),
        "404",
        "the root of a mapping key that reads like a route"
    );
}

#[tokio::test]
async fn ids_are_decoded_once() {
    let world = World::new();
    world.register(&proceso()).await;
    let id = world.memory.world().tables.procesos.keys().next().unwrap().to_string();
    let once = id.replace('-', "%2D");
    assert_eq!(status(&world.ask("GET", &format!("/Procesos/{once}"), "").await), "200");
    let twice = id.replace('-', "%252D");
    assert_eq!(
        status(&world.ask("GET", &format!("/Procesos/{twice}"), "").await),
        "404"
    );
    for odd in ["con espacio", "ñandú", "a?b#c", "%zz", "%ff", "\"<>"] {
        assert_eq!(
            status(&world.ask("GET", &format!("/Procesos/{odd}"), "").await),
            "404",
            "{odd}"
        );
    }
}

#[tokio::test]
async fn a_body_in_base64_is_read() {
    let world = World::new();
    let mut event = event(
        "POST",
        "/Procesos",
        Some("Procesos"),
        "/{proxy+}",
        "eyJub21icmUiOiAxfQ==",
    );
    event["isBase64Encoded"] = json!(true);
    assert!(world.ask_as(&event).await.contains("nombre: debe ser un texto"));
}

#[tokio::test]
async fn what_aws_denies_is_500_without_its_words_and_what_it_throttles_503() {
    let world = World::new();
    world.memory.fail_after(0, Fault::Refused(PortErrorKind::Denied));
    assert_snapshot!("denied", world.register(&proceso()).await);
    world.memory.fail_after(0, Fault::Refused(PortErrorKind::Transient));
    assert_snapshot!("throttled", world.register(&proceso()).await);
}

#[tokio::test]
async fn a_role_that_aws_does_not_know_everywhere_yet_is_503() {
    let world = World::new();
    world.memory.fail_after(0, Fault::Refused(PortErrorKind::Propagation));
    let answer = world.register(&proceso()).await;
    assert_eq!(status(&answer), "503", "{answer}");
    assert!(answer.contains("retry-after: 2"), "{answer}");
}

#[tokio::test]
async fn a_schedule_that_would_never_fire_is_400_and_says_why() {
    let world = World::new();
    for (changes, why) in [
        (
            json!({"fin": "2026-01-02T12:30:00Z"}),
            "fin: no deja ninguna ejecución: la próxima sería 2026-01-03T03:00:00",
        ),
        (json!({"cron": "0 3 * * ? 2025"}), "cron: no volverá a ocurrir"),
    ] {
        let answer = world.register(&with(&changes)).await;
        assert_eq!(status(&answer), "400", "{answer}");
        assert!(answer.contains(why), "{answer}");
    }
    assert!(world.memory.world().tables.procesos.is_empty());
}
