#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod paced;
mod scale;
mod world;

use std::collections::BTreeSet;

use kairos::message::Mensaje;
use serde_json::{Value, json};

use super::*;
use kairos_aws::error::Class;
use world::{CALENDARIZACION, World, candidate, error};

const AT: &str = "2026-01-02T12:00:00.000Z";

fn firing() -> Value {
    json!({"IdCalendarizacion": CALENDARIZACION, "FechaProgramada": AT, "Intento": "1"})
}

fn names(world: &World) -> Names {
    let place = kairos::names::Place {
        partition: world.partition.into(),
        account: "123456789012".into(),
        region: "sa-east-1".into(),
    };
    Names::new("demo", place)
}

/// Dispatches an event at 12:00:05, with a minute to go.
async fn dispatch(world: &World, event: Value) -> Result<Summary, DispatchError> {
    let deadline = world.now().saturating_add(Duration::from_mins(1)).unwrap();
    Dispatcher::new(world, names(world)).handle(event, deadline).await
}

fn messages(world: &World) -> Vec<Mensaje> {
    world
        .taken()
        .iter()
        .map(|m| serde_json::from_str(&m.body).unwrap())
        .collect()
}

#[tokio::test]
async fn every_process_of_every_page_gets_one_message() {
    let world = World::with(2_345, 1_000);
    let summary = dispatch(&world, firing()).await.unwrap();
    assert_eq!(
        (summary.enviados, summary.descartados, summary.continua),
        (2_345, 0, false)
    );
    assert_eq!(
        (summary.encontrados, summary.habilitados, summary.rechazados),
        (2_345, 2_345, 0)
    );
    let ids: BTreeSet<_> = messages(&world).into_iter().map(|m| m.id_proceso).collect();
    assert_eq!((ids.len(), world.taken().len()), (2_345, 2_345));
    assert!(world.batches().iter().all(|size| (1..=10).contains(size)));
}

#[tokio::test]
async fn a_message_says_what_runs_and_shares_the_queue_by_calendarizacion() {
    let world = World::with(1, 10);
    dispatch(&world, firing()).await.unwrap();
    let sent = &world.taken()[0];
    assert_eq!(sent.group.as_deref(), Some(CALENDARIZACION));
    let body: Value = serde_json::from_str(&sent.body).unwrap();
    assert_eq!(body["FechaProgramada"], AT);
    assert_eq!(body["IdCalendarizacion"], CALENDARIZACION);
    assert_eq!(body["IdProceso"], "proceso-000000");
    let arn = names(&world).schedule_arn(CALENDARIZACION);
    let id = kairos::ids::IdEjecucion::scheduled(&arn, &AT.parse().unwrap(), &"proceso-000000".parse().unwrap());
    assert_eq!(body["IdEjecucion"], id.to_string());
}

#[tokio::test]
async fn the_same_firing_gives_the_same_run_ids_however_often_it_arrives() {
    let world = World::with(30, 7);
    dispatch(&world, firing()).await.unwrap();
    dispatch(
        &world,
        json!({"IdCalendarizacion": CALENDARIZACION, "FechaProgramada": AT, "Intento": "2"}),
    )
    .await
    .unwrap();
    let ids: BTreeSet<_> = messages(&world).into_iter().map(|m| m.id_ejecucion).collect();
    assert_eq!((ids.len(), world.taken().len()), (30, 60));
}

#[tokio::test]
async fn the_ids_are_of_the_partition_of_the_installation() {
    let (china, world) = (
        World {
            partition: "aws-cn",
            ..World::with(1, 10)
        },
        World::with(1, 10),
    );
    dispatch(&china, firing()).await.unwrap();
    dispatch(&world, firing()).await.unwrap();
    assert_ne!(messages(&china)[0].id_ejecucion, messages(&world)[0].id_ejecucion);
}

#[tokio::test]
async fn disabled_processes_and_those_assigned_at_or_after_the_scheduled_time_are_left_out() {
    let world = World::holding(vec![
        candidate("proceso-a", true, "2026-01-02T11:59:59.999Z"),
        candidate("proceso-b", true, AT),
        candidate("proceso-c", true, "2026-01-02T12:00:01.000Z"),
        candidate("proceso-d", false, "2026-01-01T00:00:00.000Z"),
        kairos_aws::processes::Candidate {
            fecha_asignacion: None,
            ..candidate("proceso-e", true, AT)
        },
    ]);
    let summary = dispatch(&world, firing()).await.unwrap();
    let sent: Vec<_> = messages(&world).into_iter().map(|m| m.id_proceso.to_string()).collect();
    assert_eq!(sent, ["proceso-a", "proceso-e"]);
    assert_eq!((summary.enviados, summary.descartados), (2, 3));
    assert_eq!((summary.encontrados, summary.habilitados), (5, 4));
}

#[tokio::test]
async fn memory_holds_two_pages_and_a_bounded_number_of_batches() {
    let world = World::with(10_000, 500);
    dispatch(&world, firing()).await.unwrap();
    assert_eq!(world.pages_ahead(), 1, "pages read beyond the one that is being sent");
    let most = world.most_in_flight();
    assert!((2..=MOST_IN_FLIGHT).contains(&most), "{most} batches in flight");
}

#[tokio::test]
async fn batches_are_full_whatever_the_pages() {
    let world = World::with(2_005, 7);
    dispatch(&world, firing()).await.unwrap();
    let (sizes, last) = (world.batches(), 5);
    assert_eq!(sizes.iter().filter(|size| **size == 10).count(), 200);
    assert_eq!((sizes.len(), sizes.iter().min()), (201, Some(&last)));
    let ids: BTreeSet<_> = messages(&world).into_iter().map(|m| m.id_proceso).collect();
    assert_eq!((ids.len(), world.taken().len()), (2_005, 2_005));
}

#[tokio::test]
async fn the_next_page_is_read_while_one_is_sent() {
    // The queue takes nothing of a page before the next one has been asked for: a dispatcher that waits would hang.
    let world = World {
        sends_await_next_page: true,
        ..World::with(40, 20)
    };
    let summary = tokio::time::timeout(Duration::from_secs(30), dispatch(&world, firing()))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(summary.enviados, 40);
}

#[tokio::test]
async fn rejected_messages_are_sent_again_until_they_are_taken() {
    let world = World::with(25, 100);
    world.reject("proceso-000003", 2);
    world.reject("proceso-000024", 1);
    let summary = dispatch(&world, firing()).await.unwrap();
    assert_eq!((summary.enviados, summary.rechazados), (25, 3));
    let ids: BTreeSet<_> = messages(&world).into_iter().map(|m| m.id_proceso).collect();
    assert_eq!((ids.len(), world.taken().len()), (25, 25));
    assert!(world.slept() >= Duration::from_millis(300), "with a growing pause");
}

#[tokio::test]
async fn a_message_that_is_never_taken_fails_the_invocation() {
    let world = World::with(25, 100);
    world.reject("proceso-000003", u32::MAX);
    let error = dispatch(&world, firing()).await.unwrap_err();
    assert!(matches!(error, DispatchError::Rejected { count: 1, .. }), "{error}");
    assert_eq!(world.taken().len(), 24, "the others were sent");
}

#[tokio::test]
async fn a_message_that_the_queue_will_never_take_is_not_sent_again_and_keeps_no_other_back() {
    let world = World {
        rejection: Class::Terminal,
        ..World::with(2_500, 100)
    };
    world.reject("proceso-000003", 1);
    let error = dispatch(&world, firing()).await.unwrap_err();
    assert!(matches!(error, DispatchError::Rejected { count: 1, .. }), "{error}");
    assert_eq!((world.taken().len(), world.slept()), (2_499, Duration::ZERO));
}

#[tokio::test]
async fn a_queue_that_takes_no_call_is_given_up() {
    let world = World::with(10_000, 100);
    world.fail_sends(std::iter::repeat_n(error(Class::Denied), 1_000));
    let error = dispatch(&world, firing()).await.unwrap_err();
    let few = |count| count <= MOST_IN_FLIGHT * 10;
    assert!(
        matches!(error, DispatchError::Rejected { count, .. } if few(count)),
        "{error}"
    );
}

#[tokio::test]
async fn a_queue_that_fails_for_a_moment_is_asked_again_and_one_that_denies_is_not() {
    let world = World::with(5, 100);
    world.fail_sends([error(Class::Transient), error(Class::Transient)]);
    dispatch(&world, firing()).await.unwrap();
    assert_eq!(world.taken().len(), 5);

    let world = World::with(5, 100);
    world.fail_sends([error(Class::Denied)]);
    let error = dispatch(&world, firing()).await.unwrap_err();
    assert!(matches!(error, DispatchError::Rejected { count: 5, .. }), "{error}");
    assert_eq!(world.slept(), Duration::ZERO);
}

#[tokio::test]
async fn a_page_that_cannot_be_read_fails_the_invocation_after_what_was_read_is_sent() {
    let world = World {
        unreadable_page: Some(1),
        ..World::with(40, 20)
    };
    let error = dispatch(&world, firing()).await.unwrap_err();
    assert!(matches!(error, DispatchError::Read(_)), "{error}");
    assert_eq!(world.taken().len(), 20);
}

#[tokio::test]
async fn near_the_deadline_a_continuation_carries_on_after_the_last_process_sent() {
    // Each page takes 16 s of the minute: after the third, less than a quarter is left.
    let world = World {
        page_takes: Duration::from_secs(16),
        ..World::with(100, 10)
    };
    let summary = dispatch(&world, firing()).await.unwrap();
    assert_eq!((summary.enviados, summary.continua), (30, true));
    let rest = world.continuations();
    assert_eq!(
        serde_json::to_value(&rest).unwrap(),
        json!([{"IdCalendarizacion": CALENDARIZACION, "FechaProgramada": AT, "Intento": 1,
                "Cursor": "proceso-000029", "Saltos": 1}])
    );
    let event = serde_json::to_value(&rest[0]).unwrap();
    dispatch(&world, event).await.unwrap();
    let ids: BTreeSet<_> = messages(&world).into_iter().map(|m| m.id_proceso.to_string()).collect();
    let expected: BTreeSet<_> = (0..60).map(|n| format!("proceso-{n:06}")).collect();
    assert_eq!(
        (ids, world.taken().len()),
        (expected, 60),
        "nothing twice, nothing left out"
    );
    assert_eq!(world.continuations()[1].saltos, 2);
}

#[tokio::test]
async fn twelve_continuations_are_enough() {
    let event = |hops: u32| json!({"IdCalendarizacion": CALENDARIZACION, "FechaProgramada": AT, "Cursor": "proceso-000009", "Saltos": hops});
    let slow = || World {
        page_takes: Duration::from_secs(50),
        ..World::with(100, 10)
    };
    let world = slow();
    dispatch(&world, event(11)).await.unwrap();
    assert_eq!(world.continuations()[0].saltos, 12);

    let world = slow();
    let error = dispatch(&world, event(12)).await.unwrap_err();
    assert!(matches!(error, DispatchError::TooManyHops { hops: 13, .. }), "{error}");
    assert!(world.continuations().is_empty());

    let error = dispatch(&slow(), event(13)).await.unwrap_err();
    assert!(matches!(error, DispatchError::TooManyHops { hops: 13, .. }), "{error}");
}

#[tokio::test]
async fn a_continuation_that_cannot_be_sent_fails_the_invocation() {
    let world = World {
        page_takes: Duration::from_secs(50),
        deaf: true,
        ..World::with(100, 10)
    };
    let error = dispatch(&world, firing()).await.unwrap_err();
    assert!(matches!(error, DispatchError::Continue(_)), "{error}");
}

#[tokio::test]
async fn a_missing_or_unsubstituted_time_is_the_latest_occurrence() {
    for event in [
        json!({"IdCalendarizacion": CALENDARIZACION}),
        json!({"IdCalendarizacion": CALENDARIZACION, "FechaProgramada": "<aws.scheduler.scheduled-time>",
               "Intento": "<aws.scheduler.attempt-number>"}),
    ] {
        let world = World::with(1, 10);
        let summary = dispatch(&world, event).await.unwrap();
        assert_eq!(
            (summary.fecha_programada, summary.continua),
            (Some(AT.parse().unwrap()), true)
        );
        dispatch(&world, serde_json::to_value(&world.continuations()[0]).unwrap())
            .await
            .unwrap();
        assert_eq!(
            messages(&world)[0].fecha_programada,
            AT.parse().unwrap(),
            "the minute that has just begun"
        );
    }
}

#[tokio::test]
async fn a_firing_without_a_time_stays_the_same_one_however_late_lambda_repeats_it() {
    // Lambda repeats an event that failed after a minute, and again after two: a schedule of every minute has fired since.
    let world = World::with(40, 20);
    let cursor = json!({"IdCalendarizacion": CALENDARIZACION, "Cursor": "proceso-000009"});
    dispatch(&world, cursor).await.unwrap();
    assert!(
        world.taken().is_empty(),
        "nothing is sent for an event whose repetition would be another firing"
    );
    let [rest] = world.continuations().try_into().unwrap();
    let rest = serde_json::to_value(&rest).unwrap();
    assert_eq!(
        rest,
        json!({"IdCalendarizacion": CALENDARIZACION, "FechaProgramada": AT, "Cursor": "proceso-000009"})
    );

    world.fail_sends([error(Class::Denied)]);
    dispatch(&world, rest.clone()).await.unwrap_err();
    world.later(Duration::from_secs(90));
    dispatch(&world, rest).await.unwrap();
    let runs: BTreeSet<_> = messages(&world)
        .into_iter()
        .map(|m| (m.fecha_programada, m.id_proceso))
        .collect();
    assert_eq!(runs.len(), 30, "each process at one time");
}

#[tokio::test]
async fn a_time_that_cannot_be_handed_on_fails_before_anything_is_sent() {
    let world = World {
        deaf: true,
        ..World::with(1, 10)
    };
    let event = json!({"IdCalendarizacion": CALENDARIZACION});
    let error = dispatch(&world, event).await.unwrap_err();
    assert!(matches!(error, DispatchError::Continue(_)), "{error}");
    assert!(world.taken().is_empty());
}

#[tokio::test]
async fn without_a_time_and_without_a_row_the_event_is_refused() {
    let world = World {
        row: None,
        ..World::with(1, 10)
    };
    let error = dispatch(&world, json!({"IdCalendarizacion": CALENDARIZACION}))
        .await
        .unwrap_err();
    assert!(matches!(error, DispatchError::Unknown { .. }), "{error}");
    assert!(error.to_string().contains(CALENDARIZACION));
    dispatch(&world, firing()).await.unwrap();
    assert_eq!(world.taken().len(), 1, "with a time the row is not needed");
}

#[tokio::test]
async fn a_calendarizacion_that_has_not_fired_yet_dispatches_nothing() {
    let mut world = World::with(1, 10);
    world.row.as_mut().unwrap().inicio = Some("2027-01-01T00:00:00Z".parse().unwrap());
    let summary = dispatch(&world, json!({"IdCalendarizacion": CALENDARIZACION}))
        .await
        .unwrap();
    assert_eq!(summary, Summary::default());
    assert!(world.taken().is_empty());
}

#[tokio::test]
async fn the_body_of_the_dispatchers_dead_letter_queue_is_dispatched_as_it_is() {
    let world = World::with(3, 10);
    let body =
        json!({"version": "1.0", "requestContext": {"condition": "RetriesExhausted"}, "requestPayload": firing()});
    dispatch(&world, body).await.unwrap();
    assert_eq!(messages(&world)[2].fecha_programada, AT.parse().unwrap());
}

#[tokio::test]
async fn what_is_no_event_is_refused() {
    let error = dispatch(&World::with(1, 10), json!({"hola": 1})).await.unwrap_err();
    assert!(matches!(error, DispatchError::Event(_)), "{error}");
}

#[test]
fn the_answer_is_spelled_in_the_products_words() {
    let summary = Summary {
        fecha_programada: Some(AT.parse().unwrap()),
        encontrados: 4,
        habilitados: 3,
        enviados: 2,
        descartados: 2,
        rechazados: 1,
        milisegundos: 7,
        continua: false,
    };
    assert_eq!(
        serde_json::to_value(summary).unwrap(),
        json!({"FechaProgramada": AT, "Encontrados": 4, "Habilitados": 3, "Enviados": 2, "Descartados": 2, "Rechazados": 1,
               "Milisegundos": 7, "Continua": false})
    );
}
