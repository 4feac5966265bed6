//! Listings over the local AWS, page by page, while processes and runs come, go and move between the pages.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use acceptance::account::Account;
use acceptance::ministack::{MiniStack, Options};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType,
};
use kairos::history::{DayCursor, History, RunKey, newest, of_day};
use kairos::ids::{IdEjecucion, IdProceso};
use kairos::instant::Timestamp;
use kairos::names::{Names, Place};
use kairos::proceso::{Definition, InvocationMode, Proceso};
use kairos::registry::{Catalog, Listing, Registry, Store};
use kairos::run::{Ejecucion, EstadoDia, EstadoEjecucion};
use kairos::schedule::Schedule;
use kairos_aws::clock::SystemClock;
use kairos_aws::history::DynamoHistory;
use kairos_aws::items;
use kairos_aws::scheduler::EventBridgeScheduler;
use kairos_aws::store::DynamoStore;
use serde::Serialize;

const HOURLY: &str = "cron(0 * * * ? *)";
const DAILY: &str = "cron(0 3 * * ? *)";

/// The tables of an installation, with the indexes that it has.
struct Installation {
    account: Account,
    names: Names,
}

impl Installation {
    async fn create() -> Self {
        let account = MiniStack::shared(Options::default()).unwrap().account();
        let place = Place {
            partition: "aws".into(),
            account: account.id.clone(),
            region: account.region.clone(),
        };
        let here = Self {
            names: Names::new("Demo", place),
            account,
        };
        let on_schedule = Projection::builder()
            .projection_type(ProjectionType::Include)
            .non_key_attributes("Habilitado")
            .non_key_attributes("FechaAsignacion");
        let by_schedule = index(
            "PorIdCalendarizacion",
            "IdCalendarizacion",
            "IdProceso",
            on_schedule.build(),
        );
        here.table(
            &here.names.procesos_table(),
            "IdProceso",
            &["IdCalendarizacion"],
            vec![by_schedule],
        )
        .await;
        let all = Projection::builder().projection_type(ProjectionType::All).build();
        let by_process = index("PorProceso", "IdProceso", "FechaProgramada", all.clone());
        let by_day = index("PorEstadoDia", "EstadoDia", "FechaProgramada", all);
        here.table(
            &here.names.ejecuciones_table(),
            "IdEjecucion",
            &["IdProceso", "EstadoDia", "FechaProgramada"],
            vec![by_process, by_day],
        )
        .await;
        here
    }

    async fn table(&self, name: &str, key: &str, others: &[&str], indexes: Vec<GlobalSecondaryIndex>) {
        let mut create = self.account.dynamodb().create_table().table_name(name);
        for attribute in others.iter().chain([&key]) {
            let attribute = AttributeDefinition::builder()
                .attribute_name(*attribute)
                .attribute_type(ScalarAttributeType::S);
            create = create.attribute_definitions(attribute.build().unwrap());
        }
        create
            .key_schema(element(key, KeyType::Hash))
            .set_global_secondary_indexes(Some(indexes))
            .billing_mode(BillingMode::PayPerRequest)
            .send()
            .await
            .unwrap();
    }

    fn store(&self) -> DynamoStore {
        DynamoStore::new(self.account.dynamodb(), &self.names)
    }

    fn registry(&self) -> Registry<DynamoStore, EventBridgeScheduler, SystemClock> {
        let scheduler = EventBridgeScheduler::new(self.account.scheduler(), self.names.clone(), "role");
        Registry::new(self.names.clone(), self.store(), scheduler, SystemClock)
    }

    fn history(&self) -> DynamoHistory {
        DynamoHistory::new(self.account.dynamodb(), &self.names)
    }

    async fn put(&self, table: &str, record: &impl Serialize) {
        let put = self.account.dynamodb().put_item().table_name(table);
        put.set_item(Some(items::write(record).unwrap())).send().await.unwrap();
    }

    /// A run, with its place in the index by state and day.
    async fn put_run(&self, run: &Ejecucion) {
        let mut item = items::write(run).unwrap();
        item.insert("EstadoDia".into(), AttributeValue::S(run.estado_dia()));
        let put = self.account.dynamodb().put_item();
        let put = put.table_name(self.names.ejecuciones_table()).set_item(Some(item));
        put.send().await.unwrap();
    }

    async fn delete(&self, table: &str, key: &str, id: &str) {
        let delete = self.account.dynamodb().delete_item().table_name(table);
        let id = AttributeValue::S(id.to_owned());
        delete.key(key, id).send().await.unwrap();
    }
}

fn element(name: &str, kind: KeyType) -> KeySchemaElement {
    KeySchemaElement::builder()
        .attribute_name(name)
        .key_type(kind)
        .build()
        .unwrap()
}

fn index(name: &str, partition: &str, sort: &str, projection: Projection) -> GlobalSecondaryIndex {
    GlobalSecondaryIndex::builder()
        .index_name(name)
        .key_schema(element(partition, KeyType::Hash))
        .key_schema(element(sort, KeyType::Range))
        .projection(projection)
        .build()
        .unwrap()
}

fn proceso(n: u32, cron: &str, habilitado: bool) -> Proceso {
    let definition = Definition {
        nombre: format!("proceso {n}"),
        schedule: Schedule::parse(cron, None, None, None, None).unwrap(),
        arn_rol: "arn:aws:iam::123456789012:role/demo".into(),
        arn_proceso: "arn:aws:sqs:us-east-1:123456789012:trabajo".into(),
        parametros: None,
        habilitado,
        reintentos: 3,
        modo_invocacion: InvocationMode::Event,
        tiempo_maximo_segundos: None,
    };
    definition.create(Timestamp::UNIX_EPOCH)
}

/// The run `n`; three of them are due at the same time.
fn run(n: u32) -> Ejecucion {
    Ejecucion {
        id_ejecucion: format!("00000000-0000-5000-8000-0000000{:05x}", n * 7919 % 65_537)
            .parse()
            .unwrap(),
        id_proceso: "proceso-a".parse().unwrap(),
        id_calendarizacion: "calendarizacion-a".parse().unwrap(),
        fecha_programada: Timestamp::from_second(1_800_000_000 + i64::from(n / 3)).unwrap(),
        estado: EstadoEjecucion::EjecutadoOk,
        intentos: 1,
        arrendado_hasta: None,
        dueno: None,
        fecha_inicio: None,
        fecha_termino: None,
        duracion_ms: None,
        respuesta: Some("id".into()),
        error: None,
        ttl: 1,
    }
}

/// Numbers below a bound, the same every time.
struct Dice(u64);

impl Dice {
    fn throw(&mut self, below: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        u32::try_from(self.0 % u64::from(below)).unwrap()
    }
}

#[tokio::test]
async fn what_a_listing_shows_all_the_while_is_on_one_page() {
    let here = Installation::create().await;
    let (registry, table) = (here.registry(), here.names.procesos_table());
    let hourly = proceso(0, HOURLY, true).id_calendarizacion;
    let on = |habilitado| Listing::On {
        id: hourly.clone(),
        habilitado,
    };
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    for listing in [Listing::All, on(None), on(Some(true))] {
        for n in 0..40 {
            let cron = if n % 4 == 0 { DAILY } else { HOURLY };
            here.put(&table, &proceso(n, cron, n % 3 != 0)).await;
        }
        let (mut staying, mut shown) = (BTreeSet::new(), Vec::new());
        for n in 0..40 {
            let id = proceso(n, HOURLY, true).id_proceso;
            let held = here.store().proceso(&id).await.unwrap().unwrap();
            if listing.shows(&held) {
                staying.insert(held.id_proceso);
            }
        }
        assert!(staying.len() > 10);
        let (mut cursor, mut pages): (Option<IdProceso>, u32) = (None, 0);
        loop {
            let limit = 3 + dice.throw(4);
            let page = registry.procesos(&listing, cursor.as_ref(), limit).await.unwrap();
            assert!(page.items.len() <= limit as usize && page.items.iter().all(|held| listing.shows(held)));
            shown.extend(page.items.into_iter().map(|held| held.id_proceso));
            pages += 1;
            cursor = page.next;
            let Some(last) = &cursor else { break };
            // Now and then, what the cursor points at is itself what goes away.
            if dice.throw(2) == 0 {
                here.delete(&table, "IdProceso", last.as_str()).await;
                staying.remove(last);
            }
            for _ in 0..3 {
                let n = dice.throw(60);
                let changed = match dice.throw(3) {
                    0 => proceso(n, DAILY, true),
                    1 => proceso(n, HOURLY, dice.throw(2) == 0),
                    _ => {
                        let id = proceso(n, HOURLY, true).id_proceso;
                        here.delete(&table, "IdProceso", id.as_str()).await;
                        staying.remove(&id);
                        continue;
                    }
                };
                here.put(&table, &changed).await;
                if !listing.shows(&changed) {
                    staying.remove(&changed.id_proceso);
                }
            }
        }
        let once: BTreeSet<IdProceso> = shown.iter().cloned().collect();
        assert!(pages > 4, "{pages} pages");
        assert_eq!(once.len(), shown.len(), "none is shown twice");
        assert!(staying.is_subset(&once), "{listing:?}: {once:?} of {staying:?}");
    }
}

#[tokio::test]
async fn the_history_is_paged_from_the_newest_while_it_grows_and_is_forgotten() {
    let here = Installation::create().await;
    let (history, table) = (here.history(), here.names.ejecuciones_table());
    let owner = run(0).id_proceso;
    for n in 0..30 {
        here.put(&table, &run(n)).await;
    }
    let other = Ejecucion {
        id_proceso: "proceso-b".parse().unwrap(),
        ..run(40)
    };
    here.put(&table, &other).await;
    let mut staying: BTreeSet<IdEjecucion> = (0..30).map(|n| run(n).id_ejecucion).collect();
    let (mut cursor, mut shown, mut n) = (None, Vec::new(), 30);
    loop {
        let page = newest(&history, &owner, cursor.as_ref(), 4).await.unwrap();
        assert!(page.items.len() <= 4 && page.items.iter().all(|run| run.id_proceso == owner));
        shown.extend(page.items.iter().map(RunKey::of));
        cursor = page.next;
        let Some(last) = cursor else { break };
        // A new run comes, and the one that the cursor points at is forgotten.
        here.put(&table, &run(n)).await;
        n += 1;
        here.delete(&table, "IdEjecucion", &last.id_ejecucion.to_string()).await;
        staying.remove(&last.id_ejecucion);
    }
    assert!(
        shown.is_sorted_by(|a, b| a.fecha_programada >= b.fecha_programada),
        "{shown:?}"
    );
    let once: BTreeSet<IdEjecucion> = shown.iter().map(|key| key.id_ejecucion).collect();
    assert_eq!(once.len(), shown.len(), "none is shown twice");
    assert!(staying.is_subset(&once), "{once:?} of {staying:?}");

    assert_eq!(history.ejecucion(run(0).id_ejecucion).await.unwrap(), Some(run(0)));
    assert_eq!(history.ejecucion(run(99).id_ejecucion).await.unwrap(), None);
    let nobody = "proceso-c".parse().unwrap();
    let none = newest(&history, &nobody, None, 4).await.unwrap();
    assert!(none.items.is_empty() && none.next.is_none());
}

#[tokio::test]
async fn a_day_is_paged_from_the_newest_while_runs_come_change_their_state_and_are_forgotten() {
    let here = Installation::create().await;
    let (history, table) = (here.history(), here.names.ejecuciones_table());
    // Fifteen are due at each second, in all parts of the index; every fifth failed, and the last ones are due another day.
    let due = |n: u32| Timestamp::from_second(1_800_057_600 - 4 + i64::from(n / 15)).unwrap();
    let run = |n: u32| Ejecucion {
        estado: if n.is_multiple_of(5) {
            EstadoEjecucion::ErrorAlEjecutar
        } else {
            EstadoEjecucion::EjecutadoOk
        },
        fecha_programada: due(n),
        ..run(n)
    };
    let well = |dia: &str| EstadoDia {
        estado: EstadoEjecucion::EjecutadoOk,
        dia: dia.parse().unwrap(),
    };
    let today = well("2027-01-15");
    for n in 0..75 {
        here.put_run(&run(n)).await;
    }
    let of = |of: EstadoDia| (0..75).map(run).filter(move |run| EstadoDia::of(run) == of);
    let mut staying: BTreeSet<IdEjecucion> = of(today).map(|run| run.id_ejecucion).collect();
    assert_eq!(staying.len(), 48);
    let (mut cursor, mut shown, mut n) = (None::<DayCursor>, Vec::new(), 0);
    loop {
        let page = of_day(&history, today, cursor.as_ref(), 7).await.unwrap();
        assert!(page.items.len() <= 7 && page.items.iter().all(|run| EstadoDia::of(run) == today));
        shown.extend(page.items.iter().map(RunKey::of));
        let Some(next) = page.next else { break };
        cursor = Some(next.to_string().parse().unwrap());
        // The run that the page ends with is forgotten, and another one fails.
        let last = page.items.last().unwrap().id_ejecucion;
        here.delete(&table, "IdEjecucion", &last.to_string()).await;
        staying.remove(&last);
        n += 4;
        let failed = Ejecucion {
            estado: EstadoEjecucion::ErrorAlEjecutar,
            ..run(n)
        };
        here.put_run(&failed).await;
        staying.remove(&failed.id_ejecucion);
    }
    assert!(
        shown.is_sorted_by(|a, b| a.fecha_programada >= b.fecha_programada),
        "{shown:?}"
    );
    let once: BTreeSet<IdEjecucion> = shown.iter().map(|key| key.id_ejecucion).collect();
    assert_eq!(once.len(), shown.len(), "none is shown twice");
    assert!(staying.is_subset(&once), "{once:?} of {staying:?}");

    for (of_what, count) in [(well("2027-01-16"), 12), (well("2027-01-17"), 0)] {
        let page = of_day(&history, of_what, None, 100).await.unwrap();
        assert_eq!((page.items.len(), page.next), (count, None), "{of_what}");
        assert_eq!(of(of_what).count(), count);
    }
}

#[tokio::test]
async fn rows_come_in_the_order_asked_for_and_those_that_are_gone_are_left_out() {
    let here = Installation::create().await;
    let (store, table) = (here.store(), here.names.procesos_table());
    for n in 0..3 {
        here.put(&table, &proceso(n, HOURLY, n != 1)).await;
    }
    let ids = [2, 7, 0, 1].map(|n| proceso(n, HOURLY, true).id_proceso);
    let rows = store.rows(&ids).await.unwrap();
    let names: Vec<_> = rows.iter().map(|held| held.nombre.as_str()).collect();
    assert_eq!(names, ["proceso 2", "proceso 0", "proceso 1"]);
    assert!(store.rows(&[]).await.unwrap().is_empty());
    let members = store.members(&rows[0].id_calendarizacion, None, 10).await.unwrap();
    let disabled: Vec<_> = members.items.iter().filter(|member| !member.habilitado).collect();
    assert_eq!((members.items.len(), members.next), (3, None));
    assert_eq!(disabled[0].id_proceso, proceso(1, HOURLY, true).id_proceso);
    assert!(store.proceso(&ids[1]).await.unwrap().is_none());
}
