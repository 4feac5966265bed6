//! Targets that refuse the caller: whether its credentials are too old is found out at once, and by the target's refusal
//! alone.

use super::*;

/// An executor that has run process `a` once, and so keeps its role's credentials.
async fn warm(world: &World) -> Arc<Executor<World>> {
    let executor = Arc::new(Executor::new(world.clone()));
    let first = world::record_at("m0", "a", "2026-01-02T11:00:00Z");
    assert!(run_with(&executor, world, "request-0", vec![first]).await.is_empty());
    executor
}

fn since_warm(world: &World) -> Vec<String> {
    let log = world.log();
    let lines = log.iter().skip_while(|line| !line.starts_with("record a")).skip(1);
    lines.cloned().collect()
}

#[tokio::test]
async fn a_role_that_was_made_anew_is_assumed_again_at_once() {
    let world = World::with(["a"]);
    let executor = warm(&world).await;
    world.revoke_sessions();
    assert!(
        run_with(&executor, &world, "request-1", vec![record("m1", "a")])
            .await
            .is_empty()
    );
    assert_eq!(
        since_warm(&world),
        [
            "read a",
            "claim a 1",
            "refuse a",
            "assume role-a as proceso-a",
            "start a",
            "record a 1 EjecutadoOk"
        ]
    );
    assert!(world.buried().is_empty());
}

#[tokio::test]
async fn ten_runs_that_were_refused_assume_the_role_once() {
    let world = World::with(["a"]);
    let executor = warm(&world).await;
    world.revoke_sessions();
    let records = (0..10).map(|n| world::record_at(&format!("m{n}"), "a", &format!("2026-01-02T12:00:{n:02}Z")));
    assert!(
        run_with(&executor, &world, "request-1", records.collect())
            .await
            .is_empty()
    );
    let log = since_warm(&world);
    let count = |start: &str| log.iter().filter(|line| line.starts_with(start)).count();
    assert_eq!((count("refuse"), count("assume"), count("start")), (10, 1, 10));
}

#[tokio::test]
async fn credentials_of_now_that_are_refused_end_the_run() {
    let world = World::with(["a"]);
    world.revoke_all_sessions();
    assert!(run(&world, vec![record("m1", "a")]).await.is_empty());
    let log = world.log();
    assert_eq!(
        log[2..],
        ["assume role-a as proceso-a", "refuse a", "record a 1 ErrorAlEjecutar"]
    );
    assert_eq!(world.buried()[0].attributes[0].1, "Terminal");
}

#[tokio::test]
async fn a_permission_that_is_missing_is_found_out_with_a_second_call_and_no_third() {
    let world = World::with(["a"]);
    let executor = warm(&world).await;
    world.revoke_all_sessions();
    assert!(
        run_with(&executor, &world, "request-1", vec![record("m1", "a")])
            .await
            .is_empty()
    );
    let log = since_warm(&world);
    assert_eq!(
        log[2..],
        [
            "refuse a",
            "assume role-a as proceso-a",
            "refuse a",
            "record a 1 ErrorAlEjecutar"
        ]
    );
    assert!(world.held("a").error.unwrap().contains("AccessDenied"));
}

#[tokio::test]
async fn a_role_that_is_gone_is_the_reason() {
    let world = World::with(["a"]);
    let executor = warm(&world).await;
    world.revoke_sessions();
    world.deny_role("role-a");
    assert!(
        run_with(&executor, &world, "request-1", vec![record("m1", "a")])
            .await
            .is_empty()
    );
    let reason = world.held("a").error.unwrap();
    assert!(reason.contains("AssumeRole"), "{reason}");
    assert_eq!(world.buried()[0].attributes[0].1, "Terminal");
}

#[tokio::test]
async fn what_is_no_refusal_is_called_once_whatever_the_credentials() {
    for failure in [
        Failure::transient("no answer"),
        Failure::terminal("no such function"),
        aws_error("Invoke", Class::NotFound).into(),
    ] {
        let world = World::with(["a"]);
        let executor = warm(&world).await;
        world.fail_start("a", failure);
        run_with(&executor, &world, "request-1", vec![record("m1", "a")]).await;
        let log = since_warm(&world);
        let started = log.iter().filter(|line| *line == "start a").count();
        assert_eq!(started, 1, "{log:?}");
        assert!(!log.iter().any(|line| line.starts_with("assume")), "{log:?}");
    }
}
