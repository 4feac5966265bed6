//! The registry on the local AWS: real calls, many callers at once, and what the tables and Scheduler hold in the end.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use acceptance::account::Account;
use acceptance::ministack::{MiniStack, Options};
use aws_sdk_dynamodb::types::{AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType};
use aws_sdk_scheduler::types::{ActionAfterCompletion, FlexibleTimeWindowMode, ScheduleState};
use futures_util::future::join_all;
use kairos::calendarizacion::{Calendarizacion, EstadoCalendarizacion};
use kairos::ids::IdProceso;
use kairos::names::{Names, Place};
use kairos::proceso::{Definition, InvocationMode};
use kairos::registry::{
    CommitError, Count, Given, Listing, PortErrorKind, Registration, Registry, RegistryError, Store, Was, Write,
};
use kairos::schedule::Schedule;
use kairos_aws::clock::SystemClock;
use kairos_aws::scheduler::EventBridgeScheduler;
use kairos_aws::store::DynamoStore;

const HOURLY: &str = "cron(0 * * * ? *)";
const DAILY: &str = "cron(0 3 * * ? *)";
const ROLE: &str = "arn:aws:iam::123456789012:role/Demo-us-east-1-SchedulerRole";

type Live = Registry<DynamoStore, EventBridgeScheduler, SystemClock>;

/// An installation of which only tables and schedule group exist.
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
        let installation = Self {
            names: Names::new("Demo", place),
            account,
        };
        installation
            .table(&installation.names.procesos_table(), "IdProceso")
            .await;
        installation
            .table(&installation.names.calendarizaciones_table(), "IdCalendarizacion")
            .await;
        let group = installation.account.scheduler().create_schedule_group();
        group.name(installation.names.schedule_group()).send().await.unwrap();
        installation
    }

    async fn table(&self, name: &str, key: &str) {
        let attribute = AttributeDefinition::builder()
            .attribute_name(key)
            .attribute_type(ScalarAttributeType::S);
        let key = KeySchemaElement::builder().attribute_name(key).key_type(KeyType::Hash);
        self.account
            .dynamodb()
            .create_table()
            .table_name(name)
            .attribute_definitions(attribute.build().unwrap())
            .key_schema(key.build().unwrap())
            .billing_mode(BillingMode::PayPerRequest)
            .send()
            .await
            .unwrap();
    }

    fn store(&self) -> DynamoStore {
        DynamoStore::new(self.account.dynamodb(), &self.names)
    }

    fn registry(&self) -> Live {
        let scheduler = EventBridgeScheduler::new(self.account.scheduler(), self.names.clone(), ROLE);
        Registry::new(self.names.clone(), self.store(), scheduler, SystemClock)
    }

    /// The state of every schedule, by name.
    async fn schedules(&self) -> BTreeMap<String, ScheduleState> {
        let listed = self
            .account
            .scheduler()
            .list_schedules()
            .group_name(self.names.schedule_group())
            .send()
            .await;
        let schedules = listed.unwrap().schedules;
        schedules
            .into_iter()
            .map(|s| (s.name.unwrap(), s.state.unwrap()))
            .collect()
    }

    async fn row(&self, cron: &str) -> Option<Calendarizacion> {
        self.store().calendarizacion(&schedule(cron).id()).await.unwrap()
    }

    /// Whether counters, processes and schedules agree, and nobody holds a guard.
    async fn assert_at_rest(&self) {
        let rows = self.store().calendarizaciones(None, 100).await.unwrap().items;
        let mut schedules = self.schedules().await;
        for row in rows {
            let counted = self.store().count(&row.id_calendarizacion).await.unwrap();
            let held = Count {
                procesos: row.cant_procesos,
                habilitados: row.cant_habilitados,
            };
            assert_eq!(held, counted, "{row:?}");
            assert!(held.procesos > 0, "{row:?}");
            assert_eq!((row.estado, &row.guardia), (EstadoCalendarizacion::Activa, &None));
            let expected = if held.habilitados > 0 {
                ScheduleState::Enabled
            } else {
                ScheduleState::Disabled
            };
            assert_eq!(
                schedules.remove(row.id_calendarizacion.as_str()),
                Some(expected),
                "{row:?}"
            );
        }
        assert!(schedules.is_empty(), "schedules without a row: {schedules:?}");
    }
}

fn schedule(cron: &str) -> Schedule {
    Schedule::parse(cron, Some("America/Santiago"), None, None, None).unwrap()
}

fn definition(nombre: &str, cron: &str) -> Definition {
    Definition {
        nombre: nombre.into(),
        schedule: schedule(cron),
        arn_rol: "arn:aws:iam::123456789012:role/demo".into(),
        arn_proceso: "arn:aws:sqs:us-east-1:123456789012:trabajo".into(),
        parametros: Some("{\"a\": [1, \"ñ\"]}".into()),
        habilitado: true,
        reintentos: 3,
        modo_invocacion: InvocationMode::Event,
        tiempo_maximo_segundos: None,
    }
}

fn disabled(nombre: &str, cron: &str) -> Definition {
    Definition {
        habilitado: false,
        ..definition(nombre, cron)
    }
}

#[tokio::test]
async fn a_process_lives_from_registration_to_deletion() {
    let here = Installation::create().await;
    let registry = here.registry();
    let Registration::New(first) = registry.register(&definition("Cierre diario", HOURLY)).await.unwrap() else {
        unreachable!("it is new")
    };
    assert_eq!(
        here.store().proceso(&first.id_proceso).await.unwrap(),
        Some(first.clone())
    );
    assert_schedule(&here).await;

    let same = registry.register(&definition("CIERRE  diario", HOURLY)).await.unwrap();
    assert_eq!(same, Registration::Same(first.clone()));
    let taken = registry
        .register(&definition("cierre diario", DAILY))
        .await
        .unwrap_err();
    assert!(matches!(taken, RegistryError::NameTaken { existing } if *existing == first));

    registry.register(&disabled("otro", HOURLY)).await.unwrap();
    registry.set_enabled(&first.id_proceso, false).await.unwrap();
    here.assert_at_rest().await;
    registry.set_enabled(&first.id_proceso, true).await.unwrap();
    here.assert_at_rest().await;

    let moved = registry
        .change(&first.id_proceso, &definition("Cierre diario", DAILY))
        .await
        .unwrap();
    assert!(moved.fecha_asignacion > first.fecha_asignacion);
    let counters = here
        .row(HOURLY)
        .await
        .map(|row| (row.cant_procesos, row.cant_habilitados));
    assert_eq!(counters, Some((1, 0)));
    here.assert_at_rest().await;

    let found = registry.find_by_nombre("CIERRE DIARIO").await.unwrap().unwrap();
    assert_eq!(found.proceso, moved);
    assert_eq!(found.calendarizacion.unwrap().schedule().unwrap(), schedule(DAILY));

    registry.delete(&first.id_proceso).await.unwrap();
    registry.delete(&IdProceso::of("otro")).await.unwrap();
    assert!(matches!(
        registry.delete(&first.id_proceso).await,
        Err(RegistryError::NotFound { .. })
    ));
    assert!(here.schedules().await.is_empty());
    assert_eq!((here.row(HOURLY).await, here.row(DAILY).await), (None, None));
}

/// The schedule, as AWS holds it.
async fn assert_schedule(here: &Installation) {
    let id = schedule(HOURLY).id();
    let held = here
        .account
        .scheduler()
        .get_schedule()
        .name(id.as_str())
        .group_name(here.names.schedule_group());
    let held = held.send().await.unwrap();
    assert_eq!(held.arn(), Some(here.names.schedule_arn(id.as_str()).as_str()));
    assert_eq!(held.schedule_expression(), Some(HOURLY));
    assert_eq!(held.schedule_expression_timezone(), Some("America/Santiago"));
    assert_eq!(held.state(), Some(&ScheduleState::Enabled));
    assert_eq!(held.action_after_completion(), Some(&ActionAfterCompletion::None));
    assert_eq!(held.description(), Some(schedule(HOURLY).describe().as_str()));
    assert_eq!(
        held.flexible_time_window().map(|window| &window.mode),
        Some(&FlexibleTimeWindowMode::Off)
    );
    let target = held.target().unwrap();
    assert_eq!(target.arn(), here.names.function_arn("DemoDispatcher"));
    assert_eq!(target.role_arn(), ROLE);
    assert_eq!(target.input(), Some(kairos::message::schedule_input(&id).as_str()));
    let dead = target.dead_letter_config().and_then(|dead| dead.arn());
    assert_eq!(dead, Some(here.names.queue_arn("DemoScheduleDeadLetterQueue").as_str()));
    let retry = target.retry_policy().unwrap();
    assert_eq!(
        (retry.maximum_retry_attempts(), retry.maximum_event_age_in_seconds()),
        (Some(5), Some(3_600))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn many_callers_at_once_leave_counters_and_schedules_in_order() {
    const PROCESSES: usize = 24;
    let here = Installation::create().await;
    let name = |n: usize| format!("proceso {n}");
    let registered = join_all((0..PROCESSES).map(|n| {
        let registry = here.registry();
        let define = if n % 3 == 0 { disabled } else { definition };
        async move { registry.register(&define(&name(n), HOURLY)).await }
    }));
    for registration in registered.await {
        assert!(matches!(registration.unwrap(), Registration::New(_)));
    }
    here.assert_at_rest().await;
    assert_eq!(here.row(HOURLY).await.unwrap().cant_procesos, 24);

    // A third is deleted, a third disabled, a third moved, all at once.
    let changed = join_all((0..PROCESSES).map(|n| {
        let registry = here.registry();
        async move {
            let id = IdProceso::of(&name(n));
            match n % 3 {
                0 => registry.delete(&id).await.map(drop),
                1 => registry.set_enabled(&id, false).await.map(drop),
                _ => registry.change(&id, &definition(&name(n), DAILY)).await.map(drop),
            }
        }
    }));
    for change in changed.await {
        change.unwrap();
    }
    here.assert_at_rest().await;
    let counters = |row: Option<Calendarizacion>| row.map(|row| (row.cant_procesos, row.cant_habilitados));
    assert_eq!(counters(here.row(HOURLY).await), Some((8, 0)));
    assert_eq!(counters(here.row(DAILY).await), Some((8, 8)));

    let page = here.registry().procesos(&Listing::All, None, 5).await.unwrap();
    assert!(page.items.len() == 5 && page.next.is_some());

    // The last ones go while new ones come to the same calendarización.
    let swapped = join_all((0..PROCESSES).filter(|n| n % 3 == 1).map(|n| {
        let (leaving, coming) = (here.registry(), here.registry());
        async move {
            let (gone, new) = (IdProceso::of(&name(n)), definition(&name(n + 1_000), HOURLY));
            let (left, came) = tokio::join!(leaving.delete(&gone), coming.register(&new));
            left.map(drop).and(came.map(drop))
        }
    }));
    for swap in swapped.await {
        swap.unwrap();
    }
    here.assert_at_rest().await;
    assert_eq!(counters(here.row(HOURLY).await), Some((8, 8)));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_definitions_of_one_name_one_is_registered() {
    let here = Installation::create().await;
    for n in 0..5 {
        let (one, two) = (here.registry(), here.registry());
        let name = format!("proceso {n}");
        let (first, second) = (definition(&name, HOURLY), definition(&name, DAILY));
        let (first, second) = tokio::join!(one.register(&first), two.register(&second));
        let taken = [&first, &second]
            .into_iter()
            .filter(|a| matches!(a, Err(RegistryError::NameTaken { .. })))
            .count();
        assert_eq!(
            (taken, first.is_ok() != second.is_ok()),
            (1, true),
            "{first:?} {second:?}"
        );
        here.assert_at_rest().await;
    }
}

#[tokio::test]
async fn a_transaction_with_a_token_is_carried_out_once_and_says_what_it_rejects() {
    let here = Installation::create().await;
    let store = here.store();
    let process = definition("uno", HOURLY).create("2026-01-01T00:00:00Z".parse().unwrap());
    let row = Calendarizacion {
        estado: EstadoCalendarizacion::Activa,
        cant_habilitados: 1,
        cant_procesos: 1,
        ..Calendarizacion::new(&schedule(HOURLY), &here.names, process.fecha_creacion)
    };
    store
        .commit(1, &[Write::InsertCalendarizacion(row.clone())])
        .await
        .unwrap();
    let count = |given| Write::Count {
        id: row.id_calendarizacion.clone(),
        procesos: 1,
        habilitados: 1,
        given,
    };
    let writes = [Write::InsertProceso(process.clone()), count(Given::Live)];
    store.commit(2, &writes).await.unwrap();
    store.commit(2, &writes).await.unwrap();
    let held = store.calendarizacion(&row.id_calendarizacion).await.unwrap().unwrap();
    assert_eq!((held.cant_procesos, held.cant_habilitados, held.version), (2, 2, 2));

    let rejected = store.commit(3, &writes).await;
    assert!(matches!(rejected, Err(CommitError::Rejected(0))), "{rejected:?}");
    let rejected = store.commit(4, &[count(Given::Guarded("nobody".into()))]).await;
    assert!(matches!(rejected, Err(CommitError::Rejected(0))), "{rejected:?}");
    let stale = Write::ReplaceCalendarizacion {
        row: held.clone(),
        version: 1,
    };
    let rejected = store.commit(5, &[stale]).await;
    assert!(matches!(rejected, Err(CommitError::Rejected(0))), "{rejected:?}");
    let rejected = store
        .commit(
            6,
            &[Write::DeleteProceso {
                id: process.id_proceso.clone(),
                was: Was {
                    version: 9,
                    ..Was::from(&process)
                },
            }],
        )
        .await;
    assert!(matches!(rejected, Err(CommitError::Rejected(0))), "{rejected:?}");
    assert_eq!(
        store.calendarizacion(&row.id_calendarizacion).await.unwrap(),
        Some(held)
    );
}

#[tokio::test]
async fn an_installation_that_is_not_there_is_named() {
    let here = Installation::create().await;
    let names = Names::new("Other", here.names.place.clone());
    let scheduler = EventBridgeScheduler::new(here.account.scheduler(), names.clone(), ROLE);
    let store = DynamoStore::new(here.account.dynamodb(), &names);
    let registry = Registry::new(names, store, scheduler, SystemClock);
    let error = registry.register(&definition("uno", HOURLY)).await.unwrap_err();
    assert!(
        matches!(&error, RegistryError::Port { error, .. } if error.kind == PortErrorKind::NotFound),
        "{error:?}"
    );
    assert!(error.to_string().contains("OtherProcesos"), "{error}");
}
