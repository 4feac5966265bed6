//! Functions that are waited for: their answers and errors, how long they take, and how long they may.

use kairos::proceso::InvocationMode;

use super::*;
use crate::targets::Answer;

/// A process `a` whose function is waited for, so many seconds or as long as possible.
fn waiting(seconds: Option<u32>) -> World {
    let world = World::with(["a"]);
    world.change("a", |p| {
        p.modo_invocacion = InvocationMode::RequestResponse;
        p.tiempo_maximo_segundos = seconds;
    });
    world
}

#[tokio::test]
async fn a_function_that_is_waited_for_leaves_its_answer_and_how_long_it_took() {
    let world = waiting(Some(20));
    world.answer("a", Answer::Completed("request-1: {\"saldo\":3}".into()));
    world.take("a", Duration::from_millis(1_234));
    assert!(run(&world, vec![record("m1", "a")]).await.is_empty());
    let held = world.held("a");
    assert_eq!(
        (held.estado, held.respuesta.as_deref(), held.duracion_ms),
        (
            EstadoEjecucion::EjecutadoOk,
            Some("Completado: request-1: {\"saldo\":3}"),
            Some(1_234)
        )
    );
    assert_eq!(world.calls()[0].mode, InvocationMode::RequestResponse);
}

#[tokio::test]
async fn a_long_answer_is_cut_to_what_the_history_holds() {
    let world = waiting(None);
    world.answer("a", Answer::Completed("ñ".repeat(100_000)));
    run(&world, vec![record("m1", "a")]).await;
    let respuesta = world.held("a").respuesta.unwrap();
    assert_eq!(respuesta.chars().count(), 2_001);
    assert!(respuesta.starts_with("Completado: ñ") && respuesta.ends_with("ñ…"));
}

#[tokio::test]
async fn a_target_that_is_waited_for_has_its_own_limit() {
    for (seconds, limit) in [
        (Some(20), "20 s, its tiempo_maximo_segundos"),
        (Some(114), "114 s, its tiempo_maximo_segundos"),
        // The stack's executor got less time than it had when the process was registered.
        (Some(600), "114 s, as long as the executor can wait"),
        (None, "114 s, as long as the executor can wait"),
    ] {
        let world = waiting(seconds);
        world.hang_at_start("a");
        assert_eq!(run(&world, vec![record("m1", "a")]).await, ["m1"], "tried again");
        let error = world.held("a").error.unwrap();
        let expected = format!("did not answer within {limit}: it may still be running");
        assert!(error.ends_with(&expected), "{error}");
        assert_eq!(world.delays(), [("receipt-m1".to_owned(), Duration::from_secs(30))]);
    }
}

#[tokio::test]
async fn the_limit_of_a_process_is_its_targets_and_not_its_roles() {
    let world = waiting(Some(20));
    world.hang_at_assume("role-a");
    assert_eq!(run(&world, vec![record("m1", "a")]).await, ["m1"]);
    let held = world.held("a");
    assert_eq!(
        (held.error.as_deref(), held.duracion_ms),
        (Some("the role \"role-a\" was not assumed within 114 s"), None)
    );
    assert!(world.calls().is_empty());
}

#[tokio::test]
async fn a_function_that_fails_is_tried_again_as_often_as_its_process_says() {
    let world = waiting(Some(20));
    world.change("a", |p| p.reintentos = 2);
    world.fail_start("a", Failure::transient("Error: sin saldo"));
    world.take("a", Duration::from_secs(3));
    for (attempt, pause) in [(1, 30), (2, 60)] {
        let id = format!("request-{attempt}");
        assert_eq!(run_as(&world, &id, vec![record("m1", "a")]).await, ["m1"]);
        assert_eq!(world.delays().last().unwrap().1, Duration::from_secs(pause));
        assert_eq!(world.held("a").duracion_ms, Some(3_000));
        world.advance(Duration::from_secs(pause));
    }
    assert!(run_as(&world, "request-3", vec![record("m1", "a")]).await.is_empty());
    let held = world.held("a");
    assert_eq!(
        (held.estado, held.intentos, held.duracion_ms),
        (EstadoEjecucion::ErrorAlEjecutar, 3, Some(3_000))
    );
    assert_eq!(held.error.as_deref(), Some("Error: sin saldo"));
    assert_eq!(world.buried()[0].attributes[0].1, "Agotado");
}
