#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod connections;
mod in_time;
mod refused;
mod waited;
mod world;

use std::time::Duration;

use kairos::run::EstadoEjecucion;
use kairos_aws::error::Class;
use serde_json::json;

use super::*;
use world::{World, aws_error, id_ejecucion, message, record};

/// Runs messages in an invocation that begins now and has two minutes.
async fn run(world: &World, records: Vec<Record>) -> Vec<String> {
    run_as(world, "request-1", records).await
}

async fn run_as(world: &World, request_id: &str, records: Vec<Record>) -> Vec<String> {
    let executor = Arc::new(Executor::new(world.clone()));
    run_with(&executor, world, request_id, records).await
}

async fn run_with(executor: &Arc<Executor<World>>, world: &World, id: &str, records: Vec<Record>) -> Vec<String> {
    let deadline = world.now().saturating_add(Duration::from_mins(2)).unwrap();
    let invocation = Invocation {
        request_id: id.to_owned(),
        deadline,
    };
    let answer = executor.handle(Batch { records }, &invocation).await;
    answer
        .batch_item_failures
        .into_iter()
        .map(|stays| stays.item_identifier)
        .collect()
}

/// The wait of a message whose run may be claimed: a second longer than the lease, which ends ten after the deadline.
fn after_the_lease(message: &str) -> (String, Duration) {
    (format!("receipt-{message}"), Duration::from_secs(131))
}

#[tokio::test]
async fn a_run_is_claimed_then_started_then_recorded() {
    let world = World::with(["a"]);
    assert!(run(&world, vec![record("m1", "a")]).await.is_empty());
    assert_eq!(
        world.log(),
        [
            "read a",
            "claim a 1",
            "assume role-a as proceso-a",
            "start a",
            "record a 1 EjecutadoOk"
        ]
    );
    let held = world.held("a");
    assert_eq!(held.estado, EstadoEjecucion::EjecutadoOk);
    assert_eq!(held.respuesta.as_deref(), Some("Aceptado: answer-a"));
    assert_eq!(held.dueno.as_deref(), Some("request-1/0"));
}

#[tokio::test]
async fn placeholders_are_replaced_by_what_is_true_of_the_run() {
    let world = World::with(["a"]);
    world.change("a", |p| {
        p.parametros = Some(
            r#"{"id":"<kairos.id-ejecucion>","de":"<kairos.id-proceso>","a":"<kairos.fecha-programada>","n":<kairos.intento>}"#
                .into(),
        );
    });
    run(&world, vec![record("m1", "a")]).await;
    let sent: serde_json::Value = serde_json::from_str(&world.calls()[0].payload).unwrap();
    assert_eq!(
        sent,
        json!({"id": id_ejecucion("a"), "de": "proceso-a", "a": "2026-01-02T12:00:00.000Z", "n": 1})
    );
}

#[tokio::test]
async fn a_process_without_parameters_sends_an_empty_object() {
    let world = World::with(["a"]);
    run(&world, vec![record("m1", "a")]).await;
    assert_eq!(world.calls()[0].payload, "{}");
}

#[tokio::test]
async fn deleted_and_disabled_processes_are_omitted_and_their_messages_done() {
    let world = World::with(["b"]);
    world.change("b", |p| p.habilitado = false);
    assert!(run(&world, vec![record("m1", "a"), record("m2", "b")]).await.is_empty());
    for process in ["a", "b"] {
        assert_eq!(world.held(process).estado, EstadoEjecucion::Omitido);
    }
    assert!(world.held("a").error.unwrap().contains("deleted"));
    assert!(world.calls().is_empty());
}

#[tokio::test]
async fn a_run_that_ended_well_is_not_started_again() {
    let world = World::with(["a"]);
    run(&world, vec![record("m1", "a")]).await;
    assert!(run_as(&world, "request-2", vec![record("m2", "a")]).await.is_empty());
    assert_eq!(world.calls().len(), 1);
    world.remove("a");
    assert!(run_as(&world, "request-3", vec![record("m3", "a")]).await.is_empty());
    assert_eq!(
        world.held("a").estado,
        EstadoEjecucion::EjecutadoOk,
        "nor omitted afterwards"
    );
}

#[tokio::test]
async fn of_two_copies_of_a_message_in_one_batch_one_is_started() {
    let world = World::with(["a"]);
    let stays = run(&world, vec![record("m1", "a"), record("m2", "a")]).await;
    assert_eq!(stays, ["m2"]);
    assert_eq!(world.calls().len(), 1);
    // It comes back a second after the lease, which ends ten seconds after the invocation's deadline.
    assert_eq!(world.delays(), [("receipt-m2".to_owned(), Duration::from_secs(131))]);
}

#[tokio::test]
async fn a_run_that_another_executor_leases_stays_on_the_queue_until_the_lease_ends() {
    let world = World::with(["a"]);
    world.lease("a", "other", 1, Duration::from_secs(30));
    assert_eq!(run(&world, vec![record("m1", "a")]).await, ["m1"]);
    assert!(world.calls().is_empty());
    world.advance(Duration::from_secs(31));
    assert!(run_as(&world, "request-2", vec![record("m1", "a")]).await.is_empty());
    let held = world.held("a");
    assert_eq!(
        (held.estado, held.intentos),
        (EstadoEjecucion::EjecutadoOk, 2),
        "the crashed attempt counts"
    );
}

#[tokio::test]
async fn a_leased_run_is_not_omitted() {
    let world = World::with(["a"]);
    world.lease("a", "other", 1, Duration::from_secs(30));
    world.remove("a");
    assert_eq!(run(&world, vec![record("m1", "a")]).await, ["m1"]);
    assert_eq!(world.held("a").estado, EstadoEjecucion::EnEjecucion);
}

#[tokio::test]
async fn the_processes_of_a_batch_are_read_at_once() {
    let world = World::with(["a", "b"]);
    run(&world, vec![record("m1", "a"), record("m2", "b"), record("m3", "a")]).await;
    assert_eq!(
        world
            .log()
            .iter()
            .filter(|line| line.starts_with("read"))
            .collect::<Vec<_>>(),
        ["read a b"]
    );
}

#[tokio::test]
async fn a_role_is_assumed_once_for_many_runs_of_a_process_across_batches() {
    let world = World::with(["a"]);
    let executor = Arc::new(Executor::new(world.clone()));
    for n in 0..3 {
        let records =
            (0..10).map(|m| world::record_at(&format!("m{m}"), "a", &format!("2026-01-02T{n:02}:{m:02}:00Z")));
        assert!(
            run_with(&executor, &world, &format!("request-{n}"), records.collect())
                .await
                .is_empty()
        );
    }
    assert_eq!(world.calls().len(), 30);
    assert_eq!(world.log().iter().filter(|line| line.starts_with("assume")).count(), 1);
}

#[tokio::test]
async fn a_transient_failure_is_recorded_and_goes_back_with_a_growing_delay() {
    let world = World::with(["a"]);
    world.fail_start("a", Failure::transient("throttled"));
    for (attempt, seconds) in [(1, 30), (2, 60), (3, 120)] {
        assert_eq!(
            run_as(&world, &format!("request-{attempt}"), vec![record("m1", "a")]).await,
            ["m1"]
        );
        let held = world.held("a");
        assert_eq!(
            (held.estado, held.intentos),
            (EstadoEjecucion::ErrorAlEjecutar, attempt)
        );
        assert_eq!(held.error.as_deref(), Some("throttled"));
        assert_eq!(
            world.delays().last().unwrap(),
            &("receipt-m1".to_owned(), Duration::from_secs(seconds))
        );
        world.advance(Duration::from_secs(seconds));
    }
    assert!(world.buried().is_empty());
    let ids: std::collections::BTreeSet<_> = world.calls().iter().map(|call| call.id_ejecucion).collect();
    assert_eq!(ids.len(), 1, "every attempt of a run has the run's id");
}

#[tokio::test]
async fn a_copy_of_a_message_does_not_cut_the_pause_before_the_next_attempt_short() {
    let world = World::with(["a"]);
    world.fail_start("a", Failure::transient("throttled"));
    assert_eq!(run(&world, vec![record("m1", "a")]).await, ["m1"]);
    world.heal("a");
    world.advance(Duration::from_secs(10));
    assert_eq!(run_as(&world, "request-2", vec![record("m2", "a")]).await, ["m2"]);
    assert_eq!(world.calls().len(), 1, "the copy started nothing");
    // The message itself comes back after 30 s, and finds the run free a second before.
    assert_eq!(
        world.delays(),
        [
            ("receipt-m1".to_owned(), Duration::from_secs(30)),
            ("receipt-m2".to_owned(), Duration::from_secs(20))
        ]
    );
    world.advance(Duration::from_secs(19));
    assert!(run_as(&world, "request-3", vec![record("m1", "a")]).await.is_empty());
    assert!(run_as(&world, "request-4", vec![record("m2", "a")]).await.is_empty());
    let held = world.held("a");
    assert_eq!(
        (held.estado, held.intentos, world.calls().len()),
        (EstadoEjecucion::EjecutadoOk, 2, 2)
    );
}

#[tokio::test]
async fn the_last_failed_attempt_buries_the_message_intact_with_the_reason() {
    let world = World::with(["a"]);
    world.change("a", |p| p.reintentos = 1);
    world.fail_start("a", Failure::transient("throttled"));
    assert_eq!(run(&world, vec![record("m1", "a")]).await, ["m1"]);
    world.advance(Duration::from_secs(30));
    assert!(run_as(&world, "request-2", vec![record("m1", "a")]).await.is_empty());
    let buried = world.buried();
    assert_eq!(buried.len(), 1);
    assert_eq!(
        (buried[0].body.as_str(), buried[0].group.as_deref()),
        (message("a").as_str(), Some("group-m1"))
    );
    let attributes: Vec<_> = buried[0]
        .attributes
        .iter()
        .map(|(n, v)| (n.as_str(), v.as_str()))
        .collect();
    let id = id_ejecucion("a");
    assert_eq!(
        attributes,
        [
            ("Clase", "Agotado"),
            ("Motivo", "throttled"),
            ("IdEjecucion", id.as_str()),
            ("Intentos", "2")
        ]
    );
    let held = world.held("a");
    assert_eq!(held.estado, EstadoEjecucion::ErrorAlEjecutar);
    assert_eq!(held.arrendado_hasta, None, "a redrive works at once");
}

#[tokio::test]
async fn a_terminal_failure_is_buried_at_once_and_a_redriven_run_runs_again() {
    let world = World::with(["a"]);
    world.fail_start("a", aws_error("Invoke", Class::Denied).into());
    assert!(run(&world, vec![record("m1", "a")]).await.is_empty());
    let reason = world.held("a").error.unwrap();
    assert!(reason.contains("AccessDenied"), "{reason}");
    assert_eq!(world.buried()[0].attributes[0].1, "Terminal");
    assert!(world.buried()[0].attributes[1].1.contains("AccessDenied"));

    world.heal("a");
    assert!(run_as(&world, "request-2", vec![record("m2", "a")]).await.is_empty());
    let held = world.held("a");
    assert_eq!(
        (held.estado, held.intentos, held.error),
        (EstadoEjecucion::EjecutadoOk, 2, None)
    );
}

#[tokio::test]
async fn a_role_that_may_not_be_assumed_is_a_terminal_failure() {
    let world = World::with(["a"]);
    world.deny_role("role-a");
    assert!(run(&world, vec![record("m1", "a")]).await.is_empty());
    assert!(world.calls().is_empty());
    assert!(world.buried()[0].attributes[1].1.contains("AssumeRole"));
}

#[tokio::test]
async fn what_is_no_message_is_buried_and_does_not_hold_up_the_others() {
    let world = World::with(["a"]);
    let garbage = Record {
        body: "garbage".into(),
        ..record("m1", "a")
    };
    assert!(run(&world, vec![garbage, record("m2", "a")]).await.is_empty());
    assert_eq!(world.buried()[0].body, "garbage");
    assert_eq!(world.calls().len(), 1);
}

#[tokio::test]
async fn a_row_that_nobody_can_read_buries_its_own_run_only() {
    let world = World::with(["a", "b"]);
    world.corrupt("a");
    assert!(run(&world, vec![record("m1", "a"), record("m2", "b")]).await.is_empty());
    assert_eq!(world.buried().len(), 1);
    assert_eq!(world.held("a").estado, EstadoEjecucion::ErrorAlEjecutar);
    assert_eq!(world.held("b").estado, EstadoEjecucion::EjecutadoOk);
}

#[tokio::test]
async fn a_panic_fails_its_own_attempt_only() {
    let world = World::with(["a", "b"]);
    world.change("a", |p| p.reintentos = 1);
    world.panic_at_start("a");
    assert_eq!(run(&world, vec![record("m1", "a"), record("m2", "b")]).await, ["m1"]);
    assert_eq!(world.held("b").estado, EstadoEjecucion::EjecutadoOk);
    let held = world.held("a");
    assert_eq!(
        (held.estado, held.error.as_deref()),
        (
            EstadoEjecucion::ErrorAlEjecutar,
            Some("the executor panicked: as the test wants it")
        )
    );
    assert_eq!(world.delays(), [("receipt-m1".to_owned(), Duration::from_secs(30))]);
    // It has as many attempts as any failure, and then an end.
    world.advance(Duration::from_secs(30));
    assert!(run_as(&world, "request-2", vec![record("m1", "a")]).await.is_empty());
    assert!(world.buried()[0].attributes[1].1.contains("panicked"));
}

#[tokio::test]
async fn a_target_that_hangs_is_given_up_in_time_and_the_others_are_done() {
    let world = World::with(["a", "b"]);
    world.hang_at_start("a");
    assert_eq!(run(&world, vec![record("m1", "a"), record("m2", "b")]).await, ["m1"]);
    let held = world.held("a");
    assert_eq!(held.estado, EstadoEjecucion::ErrorAlEjecutar);
    assert_eq!(
        held.error.unwrap(),
        "\"arn:aws:lambda:sa-east-1:123456789012:function:a\" did not answer within 114 s, as long as the executor can \
         wait: it may have been started all the same"
    );
    assert_eq!(world.held("b").estado, EstadoEjecucion::EjecutadoOk);
}

#[tokio::test]
async fn a_failure_that_cannot_be_recorded_is_not_buried() {
    let world = World::with(["a"]);
    world.fail_start("a", Failure::terminal("no"));
    world.fail_records(99);
    assert_eq!(run(&world, vec![record("m1", "a")]).await, ["m1"]);
    assert!(world.buried().is_empty());
    assert_eq!(world.failed_records(), 4, "nothing runs twice for it");
    assert_eq!(world.delays(), [after_the_lease("m1")]);
}

#[tokio::test]
async fn a_message_that_cannot_be_buried_stays() {
    let world = World::with(["a"]);
    world.fail_start("a", Failure::terminal("no"));
    world.fail_burials();
    assert_eq!(run(&world, vec![record("m1", "a")]).await, ["m1"]);
    assert_eq!(world.delays(), [("receipt-m1".to_owned(), Duration::from_secs(30))]);
}

#[tokio::test]
async fn a_failure_after_the_run_was_lost_to_another_changes_nothing() {
    let world = World::with(["a"]);
    world.fail_start("a", Failure::transient("late"));
    world.steal_at_start("a");
    assert_eq!(run(&world, vec![record("m1", "a")]).await, ["m1"]);
    let held = world.held("a");
    assert_eq!(
        (held.estado, held.dueno.as_deref()),
        (EstadoEjecucion::EjecutadoOk, Some("thief"))
    );
}

#[tokio::test]
async fn a_claim_holds_ten_seconds_beyond_the_deadline() {
    let world = World::with(["a"]);
    world.deny_records();
    run(&world, vec![record("m1", "a")]).await;
    let until = world.now().saturating_add(Duration::from_secs(130)).unwrap();
    assert_eq!(world.held("a").arrendado_hasta, Some(until));
}
