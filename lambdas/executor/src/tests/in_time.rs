//! An invocation's time: what is begun, what is left to another one, and when a message that stays comes back.

use kairos::proceso::InvocationMode;

use super::*;

fn back(message: &str, seconds: u64) -> (String, Duration) {
    (format!("receipt-{message}"), Duration::from_secs(seconds))
}

/// A message that has been received so often.
fn received(times: u32) -> Record {
    let mut record = record("m1", "a");
    record.attributes.approximate_receive_count = times;
    record
}

#[tokio::test]
async fn when_nothing_can_be_read_the_whole_batch_stays_and_nothing_is_claimed() {
    let world = World::with(["a", "b"]);
    world.fail_reads();
    let mut third = record("m2", "b");
    third.attributes.approximate_receive_count = 3;
    assert_eq!(run(&world, vec![record("m1", "a"), third]).await, ["m1", "m2"]);
    assert_eq!(world.log(), ["read a b"]);
    assert_eq!(world.delays(), [back("m1", 30), back("m2", 120)]);
}

#[tokio::test]
async fn a_read_that_hangs_does_not_take_the_invocation_along() {
    let world = World::with(["a", "b"]);
    world.hang_at_read();
    assert_eq!(
        run(&world, vec![record("m1", "a"), record("m2", "b")]).await,
        ["m1", "m2"]
    );
    assert_eq!(world.delays(), [back("m1", 30), back("m2", 30)]);
    assert!(world.log().is_empty());
}

#[tokio::test]
async fn a_run_that_cannot_be_begun_in_time_is_not_claimed() {
    let world = World::with(["a"]);
    world.take_for_reading(Duration::from_secs(110));
    for (times, pause) in [(1, 1), (2, 2), (5, 16), (15, 900)] {
        assert_eq!(run(&world, vec![received(times)]).await, ["m1"]);
        assert_eq!(world.delays().last(), Some(&back("m1", pause)));
    }
    assert!(world.log().iter().all(|line| line == "read a"), "{:?}", world.log());
    world.take_for_reading(Duration::from_secs(108));
    assert!(run(&world, vec![received(16)]).await.is_empty(), "in time");
}

#[tokio::test]
async fn a_run_that_is_waited_for_is_left_to_an_invocation_that_can_wait() {
    let world = World::with(["a", "b"]);
    world.change("a", |p| {
        p.modo_invocacion = InvocationMode::RequestResponse;
        p.tiempo_maximo_segundos = Some(60);
    });
    world.take_for_reading(Duration::from_secs(55));
    assert_eq!(run(&world, vec![record("m1", "a"), record("m2", "b")]).await, ["m1"]);
    assert_eq!(world.held("b").estado, EstadoEjecucion::EjecutadoOk);
    assert!(!world.log().iter().any(|line| line == "claim a 1"));
    world.take_for_reading(Duration::from_secs(50));
    assert!(run(&world, vec![record("m1", "a")]).await.is_empty());
}

#[tokio::test]
async fn a_target_that_answers_at_its_end_is_given_the_time_that_its_service_gives() {
    let world = World::with(["a"]);
    world.change("a", |p| {
        p.arn_proceso = "arn:aws:rds:sa-east-1:123456789012:cluster:ventas".into();
        p.parametros = Some(r#"{"sql":"x","secretArn":"y"}"#.into());
    });
    world.take_for_reading(Duration::from_secs(70));
    assert_eq!(run(&world, vec![record("m1", "a")]).await, ["m1"], "44 s are left");
    assert!(!world.log().iter().any(|line| line == "claim a 1"));
    world.take_for_reading(Duration::from_mins(1));
    assert!(run(&world, vec![record("m1", "a")]).await.is_empty(), "54 s are left");
}

#[tokio::test]
async fn a_claim_that_hangs_may_have_been_written_so_its_message_waits_for_the_lease() {
    let world = World::with(["a", "b"]);
    world.hang_at_claim("a");
    assert_eq!(run(&world, vec![record("m1", "a"), record("m2", "b")]).await, ["m1"]);
    assert_eq!(world.delays(), [after_the_lease("m1")]);
    assert_eq!(world.held("b").estado, EstadoEjecucion::EjecutadoOk);
    assert_eq!(world.calls().len(), 1);
}

#[tokio::test]
async fn a_claim_that_fails_is_repeated_later_each_time() {
    let world = World::with(["a"]);
    world.fail_claims();
    for (times, pause) in [(1, 30), (4, 240), (19, 900)] {
        assert_eq!(run(&world, vec![received(times)]).await, ["m1"]);
        assert_eq!(world.delays().last(), Some(&back("m1", pause)));
    }
    assert!(world.calls().is_empty());
}

#[tokio::test]
async fn that_a_target_was_started_is_written_until_it_is_in_the_table() {
    let world = World::with(["a"]);
    world.fail_records(20);
    assert!(run(&world, vec![record("m1", "a")]).await.is_empty());
    assert_eq!(
        (world.held("a").estado, world.calls().len(), world.failed_records()),
        (EstadoEjecucion::EjecutadoOk, 1, 20)
    );
}

#[tokio::test]
async fn what_cannot_be_written_ends_with_the_invocation() {
    let world = World::with(["a", "b"]);
    world.fail_records(u32::MAX);
    assert_eq!(
        run(&world, vec![record("m1", "a"), record("m2", "b")]).await,
        ["m1", "m2"]
    );
    assert!(world.failed_records() > 20);
    assert_eq!(world.delays(), [after_the_lease("m1"), after_the_lease("m2")]);

    // Permissions do not come back by themselves.
    let world = World::with(["a"]);
    world.deny_records();
    assert_eq!(run(&world, vec![record("m1", "a")]).await, ["m1"]);
    assert_eq!(
        (world.failed_records(), world.delays()),
        (4, vec![after_the_lease("m1")])
    );
}
