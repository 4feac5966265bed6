//! Many processes, in time that is counted and not spent.

use kairos_aws::queue::BATCH;

use super::paced::{Pace, Paced};
use super::*;
use crate::window::MOST;

/// The dispatcher's default time-out.
const TIMEOUT: Duration = Duration::from_mins(15);

/// Dispatches a firing, and all its continuations one after the other: what each invocation did.
fn dispatch_all(world: &Paced, timeout: Duration) -> Vec<Summary> {
    let dispatcher = Dispatcher::new(world, names(&World::with(0, 1)));
    let mut event = firing();
    let mut summaries = Vec::new();
    loop {
        let deadline = Ports::now(&world).saturating_add(timeout).unwrap();
        let summary = world.run(dispatcher.handle(event, deadline)).unwrap();
        let goes_on = summary.continua;
        summaries.push(summary);
        assert_eq!(world.continuations().len(), summaries.len() - usize::from(!goes_on));
        if !goes_on {
            return summaries;
        }
        event = serde_json::to_value(world.continuations().last().unwrap()).unwrap();
    }
}

/// A million processes, or a part of them in calls that take that many times as long: the time is the same.
fn million(part: u32, pace: Pace) -> Paced {
    Paced::new(Pace {
        processes: 1_000_000 / usize::try_from(part).unwrap(),
        send: pace.send * part,
        page: pace.page * part,
        send_cpu: pace.send_cpu * part,
        page_cpu: pace.page_cpu * part,
        ..pace
    })
}

#[test]
fn a_million_processes_need_at_most_two_hops() {
    // `cargo xtask bench dispatch` measures the processor time; of a 256 MB function it is a seventh of a processor's. Here a
    // call takes twice as much as it was measured to, and the services answer slowly.
    let share = 7;
    let slow = Pace {
        send: Duration::from_millis(40),
        page: Duration::from_millis(80),
        send_cpu: Duration::from_micros(500) * share,
        page_cpu: Duration::from_millis(6) * share,
        ..Pace::default()
    };
    let part = if std::env::var_os("KAIROS_CASES").is_some() {
        1
    } else {
        50
    };
    let world = million(part, slow);
    let summaries = dispatch_all(&world, TIMEOUT);
    assert!(summaries.len() <= 3, "{} hops", summaries.len() - 1);
    let found: u64 = summaries.iter().map(|summary| summary.encontrados).sum();
    assert_eq!(world.taken(), (usize::try_from(found).unwrap(), 0));
    assert_eq!(found, 1_000_000 / u64::from(part));
}

#[test]
fn answers_that_come_late_are_waited_for_side_by_side() {
    // 1,000 calls of 100 ms each; the pages are read meanwhile.
    let world = Paced::new(Pace {
        send: Duration::from_millis(100),
        ..Pace::default()
    });
    dispatch_all(&world, TIMEOUT);
    assert_eq!(world.taken(), (10_000, 0));
    let one_by_one = Duration::from_millis(100) * 1_000;
    assert!(world.elapsed() < one_by_one / 10, "{:?}", world.elapsed());
}

#[test]
fn a_queue_that_throttles_is_sent_less_and_everything_once() {
    let world = Paced::new(Pace {
        processes: 50_000,
        capacity: 12,
        ..Pace::default()
    });
    let summaries = dispatch_all(&world, TIMEOUT);
    assert_eq!(world.taken(), (50_000, 0));
    let (calls, throttled) = world.calls();
    assert_eq!(calls - throttled, 5_000, "no batch is split or sent in vain");
    assert!(
        throttled > 0 && throttled < calls / 5,
        "{throttled} of {calls} calls were throttled"
    );
    assert_eq!(summaries[0].rechazados, (throttled * BATCH) as u64);
    // 12 calls in each 10 ms would be the best; with one at a time it would be 50 s.
    assert!(world.elapsed() < Duration::from_secs(10), "{:?}", world.elapsed());
}

#[test]
fn one_batch_that_is_not_taken_holds_up_no_more_than_memory_allows() {
    let world = Paced::new(Pace {
        stuck: Some((3, Duration::from_secs(20))),
        ..Pace::default()
    });
    dispatch_all(&world, TIMEOUT);
    assert_eq!(world.taken(), (10_000, 0));
}

#[test]
fn a_continuation_begins_before_the_first_batch_that_was_not_taken() {
    // The time ends while the 101st batch is refused: what ran ahead of it is sent again, and nothing is left out.
    let world = Paced::new(Pace {
        processes: 20_000,
        stuck: Some((1_000, Duration::from_secs(41))),
        ..Pace::default()
    });
    let summaries = dispatch_all(&world, Duration::from_secs(40));
    assert_eq!(summaries.len(), 2);
    let rest = &world.continuations()[0];
    assert_eq!(
        rest.cursor.as_ref().map(ToString::to_string).as_deref(),
        Some("proceso-0000999")
    );
    let (once, again) = world.taken();
    assert_eq!(once + again, 20_000);
    assert!(
        (1..4 * MOST * BATCH).contains(&again),
        "{again} messages were sent twice"
    );
}

#[test]
fn a_page_without_anything_due_is_done_with() {
    // The time ends behind pages that are left out as a whole: the continuation does not read them again.
    let world = World {
        page_takes: Duration::from_secs(16),
        ..World::with(100, 10)
    };
    let early = json!({"IdCalendarizacion": CALENDARIZACION, "FechaProgramada": "2025-12-31T00:00:00Z"});
    let deadline = (&world).now().saturating_add(Duration::from_mins(1)).unwrap();
    let summary = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(Dispatcher::new(&world, names(&world)).handle(early, deadline))
        .unwrap();
    assert_eq!((summary.enviados, summary.descartados, summary.continua), (0, 30, true));
    assert_eq!(
        world.continuations()[0].cursor.as_ref().unwrap().as_str(),
        "proceso-000029"
    );
}
