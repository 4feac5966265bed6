//! What one run has seen of the calendarizaciones behind its processes: each is looked at once and mended once, however
//! many processes are on it.
//!
//! Invariant: looking never writes.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use kairos::ids::IdCalendarizacion;
use kairos::registry::examine::Examined;
use kairos::registry::{Count, RegistryError};
use kairos::schedule::Schedule;
use tokio::sync::OnceCell;

use super::stacks::Registro;

/// So many calendarizaciones have their processes counted by a query each; for more of them, the whole index is read once.
const QUERIES: usize = 8;

/// What was seen of the calendarizaciones of one stack.
#[derive(Debug, Default)]
pub struct Watch {
    looks: Mutex<HashMap<IdCalendarizacion, Look>>,
    tally: OnceCell<BTreeMap<IdCalendarizacion, Count>>,
    /// Those that a process comes onto, and whether they are broken.
    met: Mutex<HashMap<IdCalendarizacion, Arc<OnceCell<bool>>>>,
    repairs: Mutex<HashMap<IdCalendarizacion, Arc<OnceCell<()>>>>,
}

/// A calendarización that somebody asked about, as the how-many-eth.
#[derive(Debug, Clone)]
struct Look {
    at: usize,
    seen: Arc<OnceCell<Arc<Seen>>>,
}

/// A calendarización as it was seen.
#[derive(Debug)]
pub struct Seen {
    /// Its row, and what is wrong.
    pub examined: Examined,
    /// What is wrong in one line, as users read it.
    pub status: String,
}

impl Watch {
    /// A calendarización, and whether this is the first time that it is asked for. A failure is not remembered.
    ///
    /// # Errors
    /// AWS cannot be asked.
    pub async fn look(&self, registry: &Registro, id: &IdCalendarizacion) -> Result<(Arc<Seen>, bool), RegistryError> {
        let look = {
            let mut looks = lock(&self.looks);
            let at = looks.len();
            let fresh = || Look {
                at,
                seen: Arc::default(),
            };
            looks.entry(id.clone()).or_insert_with(fresh).clone()
        };
        let mut first = false;
        let seen = look
            .seen
            .get_or_try_init(|| async {
                first = true;
                let tally = if look.at < QUERIES {
                    None
                } else {
                    Some(self.tally.get_or_try_init(|| Box::pin(registry.tally())).await?)
                };
                let examined = Box::pin(registry.examine(id, tally)).await?;
                let status = examined.status();
                Ok::<_, RegistryError>(Arc::new(Seen { examined, status }))
            })
            .await?;
        Ok((Arc::clone(seen), first))
    }

    /// Looks at a calendarización that a process is about to come onto, unless that has been done. One that does not exist
    /// yet costs one read. Its processes are counted by a query of its own, since others of this run may be moving.
    ///
    /// # Errors
    /// AWS cannot be asked.
    pub async fn meet(&self, registry: &Registro, id: &IdCalendarizacion) -> Result<(), RegistryError> {
        let cell = Arc::clone(lock(&self.met).entry(id.clone()).or_default());
        let broken = async {
            if Box::pin(registry.calendarizacion(id)).await?.is_none() {
                return Ok(false);
            }
            let examined = Box::pin(registry.examine(id, None)).await?;
            Ok(examined.row.is_some() && !examined.findings.is_empty())
        };
        cell.get_or_try_init(|| broken).await.map(drop)
    }

    /// Whether something is wrong with a calendarización that a process comes onto.
    pub fn is_broken(&self, id: &IdCalendarizacion) -> bool {
        lock(&self.met).get(id).is_some_and(|met| met.get() == Some(&true))
    }

    /// Mends the calendarización of a schedule.
    ///
    /// # Errors
    /// As [`kairos::registry::Registry::repair`]; that is not remembered.
    pub async fn repair(&self, registry: &Registro, schedule: &Schedule) -> Result<(), RegistryError> {
        let cell = Arc::clone(lock(&self.repairs).entry(schedule.id()).or_default());
        cell.get_or_try_init(|| Box::pin(registry.repair_as(schedule)))
            .await
            .copied()
    }

    /// The same where only its id is known.
    ///
    /// # Errors
    /// As [`kairos::registry::Registry::repair`]; that is not remembered.
    pub async fn repair_left(&self, registry: &Registro, id: &IdCalendarizacion) -> Result<(), RegistryError> {
        let cell = Arc::clone(lock(&self.repairs).entry(id.clone()).or_default());
        cell.get_or_try_init(|| Box::pin(registry.repair(id))).await.copied()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // Each of these maps is changed by one call, so that a panic elsewhere leaves it whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
