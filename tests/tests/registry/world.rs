//! An installation of which only tables and schedule group exist, and what its tables and Scheduler hold.

use std::collections::{BTreeMap, HashMap};
use std::thread;
use std::time::{Duration, Instant};

use acceptance::Account;
use acceptance::ministack::{MiniStack, Options};
use aws_sdk_dynamodb::types::{AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType};
use futures_util::future::join_all;
use kairos::calendarizacion::{Calendarizacion, EstadoCalendarizacion};
use kairos::names::{Names, Place};
use kairos::proceso::Proceso;
use kairos::registry::{Registry, Scheduler, Store};
use kairos::schedule::Schedule;
use kairos_aws::clock::SystemClock;
use kairos_aws::scheduler::EventBridgeScheduler;
use kairos_aws::store::DynamoStore;
use tokio::runtime::Runtime;

use crate::history::Seen;

/// A schedule of its own for each number, that never fires while the test runs.
pub(crate) fn cron(number: usize) -> String {
    format!("cron({number} 3 1 1 ? 2090)")
}

pub(crate) fn schedule(cron: &str) -> Schedule {
    Schedule::parse(cron, None, None, None, None).unwrap()
}

/// How long what was sent last may take to have its effect, and how often it is looked for.
const QUIET: Duration = Duration::from_mins(1);
const LOOK: Duration = Duration::from_millis(250);

/// The installation.
pub(crate) struct World {
    pub(crate) account: Account,
    names: Names,
    runtime: Runtime,
}

/// All that is there.
struct Inventory {
    procesos: Vec<Proceso>,
    rows: Vec<Calendarizacion>,
    /// The names of all schedules.
    schedules: Vec<String>,
    /// Expression and state of those that have a row.
    held: HashMap<String, (String, bool)>,
}

impl World {
    pub(crate) fn create() -> Self {
        let runtime = Runtime::new().unwrap();
        let account = MiniStack::shared(Options::default()).unwrap().account();
        let place = Place {
            partition: "aws".into(),
            account: account.id.clone(),
            region: account.region.clone(),
        };
        let names = Names::new("Demo", place);
        runtime.block_on(async {
            table(&account, &names.procesos_table(), "IdProceso").await;
            table(&account, &names.calendarizaciones_table(), "IdCalendarizacion").await;
            let group = account.scheduler().create_schedule_group();
            group.name(names.schedule_group()).send().await.unwrap();
        });
        Self {
            account,
            names,
            runtime,
        }
    }

    fn store(&self) -> DynamoStore {
        DynamoStore::new(self.account.dynamodb(), &self.names)
    }

    fn scheduler(&self) -> EventBridgeScheduler {
        let role = format!("arn:aws:iam::{}:role/Demo-us-east-1-SchedulerRole", self.account.id);
        EventBridgeScheduler::new(self.account.scheduler(), self.names.clone(), role)
    }

    fn registry(&self) -> Registry<DynamoStore, EventBridgeScheduler, SystemClock> {
        Registry::new(self.names.clone(), self.store(), self.scheduler(), SystemClock)
    }

    /// Repairs all calendarizaciones, waiting for the guards of those that were killed; how many there are.
    pub(crate) fn repair_all(&self) -> usize {
        let registry = self.registry();
        let rows = self.inventory().rows;
        // All at once: each may have to wait for a guard.
        let repairs = rows.iter().map(|row| registry.repair(&row.id_calendarizacion));
        for repaired in self.runtime.block_on(join_all(repairs)) {
            repaired.unwrap();
        }
        rows.len()
    }

    /// Deletes what is left; how many processes that were.
    pub(crate) fn delete_all(&self) -> usize {
        let registry = self.registry();
        let procesos = self.inventory().procesos;
        let deletions = procesos.iter().map(|proceso| registry.delete(&proceso.id_proceso));
        for deleted in self.runtime.block_on(join_all(deletions)) {
            deleted.unwrap();
        }
        procesos.len()
    }

    /// The processes by name.
    pub(crate) fn stored(&self) -> BTreeMap<String, Seen> {
        let procesos = self.inventory().procesos.into_iter();
        procesos
            .map(|p| {
                (
                    p.nombre,
                    (p.id_calendarizacion.to_string(), p.habilitado, p.reintentos, p.version),
                )
            })
            .collect()
    }

    fn inventory(&self) -> Inventory {
        self.runtime.block_on(async {
            let (store, scheduler) = (self.store(), self.scheduler());
            let procesos = all_of(store.procesos(None, 1_000).await.unwrap());
            let rows = all_of(store.calendarizaciones(None, 1_000).await.unwrap());
            let group = self.names.schedule_group();
            let listed = self
                .account
                .scheduler()
                .list_schedules()
                .group_name(group)
                .send()
                .await
                .unwrap();
            assert_eq!(listed.next_token(), None, "the local AWS lists all at once");
            let mut held = HashMap::new();
            for row in &rows {
                if let Some(schedule) = scheduler.get(&row.id_calendarizacion).await.unwrap() {
                    held.insert(
                        row.id_calendarizacion.to_string(),
                        (schedule.expression, schedule.enabled),
                    );
                }
            }
            let schedules = listed.schedules.into_iter().filter_map(|schedule| schedule.name);
            Inventory {
                procesos,
                rows,
                schedules: schedules.collect(),
                held,
            }
        })
    }

    /// Checks what holds at every moment. What the killed ones sent last may still be under way: until then it is looked
    /// at again.
    pub(crate) fn assert_unbroken(&self, when: &str) {
        let start = Instant::now();
        loop {
            let broken = self.inventory().broken();
            if broken.is_empty() {
                return;
            }
            assert!(start.elapsed() < QUIET, "{when}: {broken:#?}");
            thread::sleep(LOOK);
        }
    }

    /// Checks what holds at rest, now that nobody is left.
    pub(crate) fn assert_at_rest(&self, when: &str) {
        let here = self.inventory();
        assert_eq!(here.broken(), Vec::<String>::new(), "{when}");
        assert_eq!(here.restless(), Vec::<String>::new(), "{when}");
    }

    pub(crate) fn assert_empty(&self) {
        let here = self.inventory();
        let left = (here.procesos.len(), here.rows.len(), here.schedules.len());
        assert_eq!(left, (0, 0, 0), "processes, rows and schedules are left");
    }
}

impl Inventory {
    /// What must hold at every moment and does not: counters that are true, and a live schedule for each enabled process.
    fn broken(&self) -> Vec<String> {
        let mut broken = Vec::new();
        for proceso in &self.procesos {
            let schedule = self.held.get(proceso.id_calendarizacion.as_str());
            if proceso.habilitado && !schedule.is_some_and(|(_, enabled)| *enabled) {
                broken.push(format!("{proceso:?} has {schedule:?}"));
            }
            if !self
                .rows
                .iter()
                .any(|row| row.id_calendarizacion == proceso.id_calendarizacion)
            {
                broken.push(format!("{proceso:?} has no row"));
            }
        }
        for row in &self.rows {
            let on = self
                .procesos
                .iter()
                .filter(|held| held.id_calendarizacion == row.id_calendarizacion);
            let enabled: Vec<bool> = on.map(|proceso| proceso.habilitado).collect();
            let count = (enabled.len(), enabled.iter().filter(|enabled| **enabled).count());
            let told = [row.cant_procesos, row.cant_habilitados].map(|count| usize::try_from(count).unwrap());
            if count != told.into() {
                broken.push(format!("{row:?} has {count:?}"));
            }
        }
        broken
    }

    /// What must hold at rest and does not: each schedule has a row and a process, is enabled as they need it, and nobody
    /// guards it.
    fn restless(&self) -> Vec<String> {
        let mut restless = Vec::new();
        for row in &self.rows {
            let held = self.held.get(row.id_calendarizacion.as_str());
            let right = held == Some(&(row.expresion.clone(), row.cant_habilitados > 0));
            let active = row.estado == EstadoCalendarizacion::Activa && row.guardia.is_none();
            if !right || !active || row.cant_procesos == 0 {
                restless.push(format!("{row:?} has {held:?}"));
            }
        }
        let row = |name: &&String| {
            self.rows
                .iter()
                .any(|row| row.id_calendarizacion.as_str() == name.as_str())
        };
        let orphans = self.schedules.iter().filter(|name| !row(name));
        restless.extend(orphans.map(|name| format!("{name} has no row")));
        restless
    }
}

fn all_of<T, C: std::fmt::Debug + PartialEq>(page: kairos::registry::Page<T, C>) -> Vec<T> {
    assert_eq!(page.next, None, "one page holds all");
    page.items
}

async fn table(account: &Account, name: &str, key: &str) {
    let attribute = AttributeDefinition::builder()
        .attribute_name(key)
        .attribute_type(ScalarAttributeType::S);
    let key = KeySchemaElement::builder().attribute_name(key).key_type(KeyType::Hash);
    account
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
