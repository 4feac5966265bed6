//! Listings, page by page, while the tables change between the pages.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// What somebody does between two pages.
#[derive(Debug, Clone, Copy)]
enum Change {
    /// A process comes, or is moved here, or is enabled or disabled.
    Put {
        n: u8,
        daily: bool,
        habilitado: bool,
    },
    Delete(u8),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        3 => (0_u8..24, any::<bool>(), any::<bool>())
            .prop_map(|(n, daily, habilitado)| Change::Put { n, daily, habilitado }),
        1 => (0_u8..24).prop_map(Change::Delete),
    ]
}

fn listing() -> impl Strategy<Value = Listing> {
    let on = |habilitado| Listing::On {
        id: schedule(HOURLY).id(),
        habilitado,
    };
    prop_oneof![
        Just(Listing::All),
        Just(on(None)),
        Just(on(Some(true))),
        Just(on(Some(false)))
    ]
}

fn apply(memory: &Memory, change: Change) {
    let mut world = memory.world();
    match change {
        Change::Put { n, daily, habilitado } => {
            let definition = Definition {
                habilitado,
                ..definition(&format!("proceso {n}"), if daily { DAILY } else { HOURLY })
            };
            let proceso = definition.create(world.now);
            world.tables.procesos.insert(proceso.id_proceso.clone(), proceso);
        }
        Change::Delete(n) => {
            world.tables.procesos.remove(&id(&format!("proceso {n}")));
        }
    }
}

/// The ids of what the listing shows at this moment.
fn shown_now(memory: &Memory, listing: &Listing) -> BTreeSet<IdProceso> {
    let world = memory.world();
    let shown = world.tables.procesos.values().filter(|proceso| listing.shows(proceso));
    shown.map(|proceso| proceso.id_proceso.clone()).collect()
}

proptest! {
    #[test]
    fn what_a_listing_shows_all_the_while_is_on_one_page(
        listing in listing(),
        at_first in prop::collection::vec(change(), 0..30),
        pages in prop::collection::vec((1_u32..6, prop::collection::vec(change(), 0..5)), 40),
    ) {
        let (memory, registry) = world();
        for change in at_first {
            apply(&memory, change);
        }
        let mut staying = shown_now(&memory, &listing);
        let (mut cursor, mut shown, mut ended) = (None, Vec::new(), false);
        for (limit, changes) in pages {
            let before = memory.world().items_read;
            let page = run(registry.procesos(&listing, cursor.as_ref(), limit)).unwrap();
            let read = memory.world().items_read - before;
            let rows = if listing == Listing::All { 0 } else { page.items.len() };
            prop_assert!(read <= limit as usize + 1 + rows, "{read} items for a page of {limit}");
            prop_assert!(page.items.len() <= limit as usize);
            prop_assert!(page.items.iter().all(|proceso| listing.shows(proceso)));
            shown.extend(page.items.into_iter().map(|proceso| proceso.id_proceso));
            cursor = page.next;
            if cursor.is_none() {
                ended = true;
                break;
            }
            for change in changes {
                apply(&memory, change);
                staying = &staying & &shown_now(&memory, &listing);
            }
        }
        prop_assert!(ended);
        let once: BTreeSet<IdProceso> = shown.iter().cloned().collect();
        prop_assert_eq!(once.len(), shown.len(), "none is shown twice");
        prop_assert!(staying.is_subset(&once), "{:?} of {:?}", once, staying);
    }
}

#[test]
fn what_the_index_does_not_know_yet_does_not_break_a_page() {
    let (memory, registry) = world();
    for n in 0..8 {
        run(registry.register(&definition(&format!("proceso {n}"), HOURLY))).unwrap();
    }
    let listing = Listing::On {
        id: schedule(HOURLY).id(),
        habilitado: Some(true),
    };
    memory.lag();
    run(registry.delete(&id("proceso 0"))).unwrap();
    run(registry.change(&id("proceso 1"), &definition("proceso 1", DAILY))).unwrap();
    run(registry.set_enabled(&id("proceso 2"), false)).unwrap();
    run(registry.register(&definition("proceso 8", HOURLY))).unwrap();
    let (mut cursor, mut shown, mut pages) = (None, BTreeSet::new(), 0);
    loop {
        let page = run(registry.procesos(&listing, cursor.as_ref(), 2)).unwrap();
        shown.extend(page.items.into_iter().map(|proceso| proceso.nombre));
        pages += 1;
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    let expected: BTreeSet<String> = (3..8).map(|n| format!("proceso {n}")).collect();
    assert_eq!((shown, pages), (expected, 4));
    memory.catch_up();
    let page = run(registry.procesos(&listing, None, 100)).unwrap();
    assert_eq!((page.items.len(), page.next), (6, None), "the new one is there now");
}

#[test]
fn a_name_is_a_key() {
    let (memory, registry) = world();
    run(registry.register(&definition("Uno", HOURLY))).unwrap();
    let before = memory.world().journal.len();
    let listing = Listing::Nombre(" UNO ".into());
    let page = run(registry.procesos(&listing, None, 1)).unwrap();
    assert_eq!((page.items.len(), page.next), (1, None));
    assert_eq!(memory.world().journal.len() - before, 2, "two reads by key");
    let after = run(registry.procesos(&listing, Some(&page.items[0].id_proceso), 1)).unwrap();
    assert!(after.items.is_empty());
    let none = run(registry.procesos(&Listing::Nombre("dos".into()), None, 1)).unwrap();
    assert!(none.items.is_empty() && none.next.is_none());
}

#[test]
fn calendarizaciones_are_paged_and_a_full_last_page_is_the_last() {
    let (memory, registry) = world();
    for (n, cron) in [HOURLY, DAILY, ONCE].iter().enumerate() {
        run(registry.register(&definition(&format!("proceso {n}"), cron))).unwrap();
    }
    let before = memory.world().items_read;
    let first = run(registry.calendarizaciones(None, 2)).unwrap();
    assert_eq!(memory.world().items_read - before, 3);
    assert_eq!(first.items.len(), 2);
    // The one where the next page begins goes away.
    let at = first.next.unwrap();
    memory.world().tables.calendarizaciones.remove(&at);
    let last = run(registry.calendarizaciones(Some(&at), 1)).unwrap();
    assert_eq!((last.items.len(), last.next), (1, None));
}
