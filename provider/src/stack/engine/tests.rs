//! The engine over a world in memory, with a failure injected at every component, before and after the call.

#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod twin;
mod world;

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kairos_aws::Class;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::stack::bounds::{Bounds, Timeout};
use crate::stack::component::Component;
use crate::stack::kind::Owner;
use world::{Injection, NAMES, Object, World, apply, components, context, log, run, told};

#[tokio::test]
async fn a_stack_is_created_in_order_and_then_there_is_nothing_to_do() {
    let world = Arc::default();
    let (plan, report) = apply(&components(&world, 1, 1), &[]).await.unwrap();
    insta::assert_snapshot!(plan, @r"
    create a
    create b after create a
    create c after create a
    create d after create b
    create e
    ");
    assert!(report.is_complete());
    assert_eq!(log(&world).len(), 5);
    let (_, again) = apply(&components(&world, 1, 1), &[]).await.unwrap();
    assert!(again.outcomes.values().all(|o| *o == Outcome::Untouched));
    assert_eq!(log(&world), Vec::<String>::new());
}

#[tokio::test]
async fn deletion_runs_against_the_direction_of_creation() {
    let world = Arc::default();
    let all = components(&world, 1, 1);
    apply(&all, &[]).await.unwrap();
    let (plan, report) = apply(&[], &all).await.unwrap();
    insta::assert_snapshot!(plan, @r"
    delete a after delete b, delete c
    delete b after delete d
    delete c
    delete d
    delete e
    ");
    assert!(report.is_complete());
    assert!(world.lock().unwrap().objects.is_empty());
}

/// Injects one failure at every component and runs the operation twice: the first ends with every component accounted
/// for, the second converges. The outcomes are the golden file.
async fn check_converges(operation: &'static str) -> String {
    let mut golden = String::new();
    for name in NAMES {
        for after in [false, true] {
            let world: Arc<Mutex<World>> = Arc::default();
            let (first, second) = (components(&world, 1, 1), components(&world, 2, 1));
            let (desired, prior): (&[Component], &[Component]) = match operation {
                "create" => (&first, &[]),
                "update" => (&second, &first),
                _ => (&[], &first),
            };
            if operation != "create" {
                apply(&first, &[]).await.unwrap();
            }
            let injection = Injection {
                operation,
                name,
                after,
                class: Class::Terminal,
                times: 1,
            };
            world.lock().unwrap().injection = Some(injection);
            let (_, report) = apply(desired, prior).await.unwrap();
            let when = if after { "after" } else { "before" };
            writeln!(golden, "{operation} {name} {when}: {}", told(&report)).unwrap();
            assert_eq!(report.failures().count(), 1);

            let (_, report) = apply(desired, prior).await.unwrap();
            assert!(report.is_complete(), "{operation} {name} {when}: {}", told(&report));
            let objects = world.lock().unwrap().objects.clone();
            assert_eq!(objects.len(), desired.len(), "{operation} {name} {when}");
            let made = world.lock().unwrap().made;
            assert_eq!(made, 5, "nothing is created twice: {operation} {name} {when}");
            let size = if operation == "update" { 2 } else { 1 };
            assert!(objects.values().all(|o| o.size == size));
        }
    }
    golden
}

#[tokio::test]
async fn a_failure_at_any_component_is_reported_and_the_next_run_converges() {
    let mut golden = String::new();
    for operation in ["create", "update", "delete"] {
        golden += &check_converges(operation).await;
    }
    insta::assert_snapshot!(golden);
}

#[tokio::test]
async fn a_replaced_object_makes_room_first_and_what_refers_to_it_is_pointed_to_the_new_one() {
    let world = Arc::default();
    apply(&components(&world, 1, 1), &[]).await.unwrap();
    log(&world);
    let (plan, report) = apply(&components(&world, 1, 2), &components(&world, 1, 1))
        .await
        .unwrap();
    insta::assert_snapshot!(plan, @r"
    delete a
    create a after delete a
    keep b after create a
    repoint c after create a
    keep d after keep b
    keep e
    ");
    assert!(report.is_complete(), "{}", told(&report));
    assert_eq!(log(&world), ["delete a", "create a", "update c"]);
    let world = world.lock().unwrap();
    assert_eq!(world.objects["c"].parent_id.as_ref(), Some(&world.objects["a"].id));
}

#[tokio::test]
async fn what_is_no_longer_wanted_is_deleted_and_the_rest_left_alone() {
    let world = Arc::default();
    let all = components(&world, 1, 1);
    apply(&all, &[]).await.unwrap();
    log(&world);
    let (_, report) = apply(&all[..3], &all).await.unwrap();
    assert!(report.is_complete());
    assert_eq!(log(&world), ["delete d", "delete e"]);
}

#[tokio::test]
async fn an_object_that_is_wanted_under_another_name_is_not_deleted() {
    let world = Arc::default();
    let all = components(&world, 1, 1);
    apply(&all, &[]).await.unwrap();
    log(&world);
    let renamed = |name: &str| Component {
        name: name.into(),
        ..all[4].clone()
    };
    let prior: Vec<Component> = all[..4].iter().cloned().chain([renamed("e (earlier)")]).collect();
    let (plan, report) = apply(&all, &prior).await.unwrap();
    insta::assert_snapshot!(plan, @r"
    keep a
    keep b after keep a
    keep c after keep a
    keep d after keep b
    keep e
    ");
    assert!(report.is_complete());
    assert_eq!(log(&world), Vec::<String>::new());
}

#[tokio::test]
async fn anothers_object_refuses_the_whole_plan() {
    let world: Arc<Mutex<World>> = Arc::default();
    let other = Object {
        id: "b-0".into(),
        size: 1,
        shape: 0,
        parent_id: None,
        owner: Owner::Foreign(Some("sa-east-1/other".into())),
    };
    world.lock().unwrap().objects.insert("b".into(), other);
    let refusals = apply(&components(&world, 1, 1), &[]).await.unwrap_err();
    let words: Vec<String> = refusals.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(words.join("\n"), @r#"component "b": the Test::Fake "b-0" exists already and belongs to the stack "sa-east-1/other" (its tag "kairos:stack")"#);
    assert_eq!(log(&world), Vec::<String>::new());
    // Destroying leaves it alone.
    let (_, report) = apply(&[], &components(&world, 1, 1)).await.unwrap();
    assert!(report.is_complete());
    assert_eq!(world.lock().unwrap().objects.len(), 1);
}

#[tokio::test]
async fn propagation_and_settling_are_awaited_and_nothing_else_is() {
    for (class, times, complete) in [
        (Class::Propagation, 3, true),
        (Class::Conflict, 5, true),
        (Class::Transient, 1, false),
        (Class::Denied, 1, false),
    ] {
        let world: Arc<Mutex<World>> = Arc::default();
        world.lock().unwrap().injection = Some(Injection {
            operation: "create",
            name: "b",
            after: false,
            class,
            times,
        });
        let (_, report) = apply(&components(&world, 1, 1), &[]).await.unwrap();
        assert_eq!(report.is_complete(), complete, "{class:?}: {}", told(&report));
    }
}

#[tokio::test]
async fn once_stopped_nothing_starts_and_every_component_is_accounted_for() {
    let world = Arc::default();
    let desired = components(&world, 1, 1);
    let stop = CancellationToken::new();
    let run = run(context().within(Bounds::interruptible(&stop)));
    let observed = observe(&desired, &run.context, &run.limits).await.unwrap();
    let plan = plan(&desired, &[], &observed, &[]).unwrap();
    stop.cancel();
    let report = execute(&plan, &run).await;
    assert_eq!(report.skipped().count(), 5);
    assert!(report.skipped().all(|(_, why)| why == "the operation was interrupted"));
    assert_eq!(log(&world), Vec::<String>::new());
}

#[tokio::test]
async fn what_settles_for_ever_ends_with_the_operations_time() {
    let world: Arc<Mutex<World>> = Arc::default();
    let endless = Injection {
        operation: "create",
        name: "a",
        after: false,
        class: Class::Conflict,
        times: u32::MAX,
    };
    world.lock().unwrap().injection = Some(endless);
    let desired = components(&world, 1, 1);
    let observed = observe(&desired, &context(), &Limits::default()).await.unwrap();
    let timeout = Timeout {
        limit: Duration::from_secs(2),
        attribute: Some("timeouts.create"),
    };
    let run = run(context().within(Bounds::new(&CancellationToken::new(), timeout)));
    let report = execute(&plan(&desired, &[], &observed, &[]).unwrap(), &run).await;
    insta::assert_snapshot!(told(&report), @r#"a failed; b skipped (the operation's time was over ("timeouts.create" is "2s")); c skipped (the operation's time was over ("timeouts.create" is "2s")); d skipped (the operation's time was over ("timeouts.create" is "2s")); e done; "#);
    let (_, why) = report.failures().next().unwrap();
    let (begin, end) = why.split_once("tried again for ").unwrap();
    assert_eq!(begin, "create of \"a\" failed: Injected: injected; ");
    let told = "the operation's time was over (\"timeouts.create\" is \"2s\"); raise \"timeouts.create\" and run the same command again";
    assert!(end.ends_with(told), "{why}");
}

/// A kind that makes room for its replacement is not stopped between the two without saying so; what was only read was not
/// tried.
#[tokio::test]
async fn what_was_interrupted_before_its_first_write_was_not_tried() {
    let world: Arc<Mutex<World>> = Arc::default();
    let desired = components(&world, 1, 1);
    let stop = CancellationToken::new();
    let run = run(context().within(Bounds::interruptible(&stop)));
    let observed = observe(&desired, &run.context, &run.limits).await.unwrap();
    let plan = plan(&desired, &[], &observed, &[]).unwrap();
    // The user interrupts while the engine looks whether "a" and "e" are there already.
    world.lock().unwrap().on_observe = Some(stop);
    let report = execute(&plan, &run).await;
    assert_eq!(log(&world), Vec::<String>::new());
    assert_eq!((report.failures().count(), report.skipped().count()), (0, 5));
}
