//! The world as the API sees it: one type that names every port, and one value that holds them.
//!
//! Invariant: handlers reach AWS through these ports only, so that tests run them over a world in memory.

use kairos::history::History;
use kairos::instant::Timestamp;
use kairos::message::{Disparo, Mensaje};
use kairos::registry::{Catalog, Clock, PortError, Scheduler};
use kairos::run::Ejecucion;

/// A world: which implementation each port has. Handlers are generic over it alone.
///
/// A new port is an associated type here, a field of [`Ports`], and a line where worlds are made (`aws.rs` and the tests).
pub trait World: Send + Sync + 'static {
    /// The tables of processes and calendarizaciones.
    type Store: Catalog + 'static;
    /// The table of runs, as far as it is read.
    type History: History + 'static;
    /// EventBridge Scheduler.
    type Scheduler: Scheduler + 'static;
    /// Time and chance.
    type Clock: Clock + Clone + 'static;
    /// Where runs that are asked for begin.
    type Launcher: Launcher + 'static;
    /// The dispatcher.
    type Dispatcher: Dispatcher + 'static;
}

/// Where runs that are asked for begin: the table of runs and the work queue.
pub trait Launcher: Send + Sync {
    /// Records a run as `Pendiente`, unless it is known: then it answers with the run as it is, and nothing is changed.
    fn open(&self, run: &Mensaje, now: Timestamp) -> impl Future<Output = Result<Option<Ejecucion>, PortError>> + Send;

    /// Sends a run's message to the executors.
    fn send(&self, run: &Mensaje) -> impl Future<Output = Result<(), PortError>> + Send;
}

/// The dispatcher, as it is invoked: it is not waited for.
pub trait Dispatcher: Send + Sync {
    /// Has a firing dispatched.
    fn fire(&self, firing: &Disparo) -> impl Future<Output = Result<(), PortError>> + Send;
}

/// The ports of a world.
pub struct Ports<W: World> {
    /// The tables of processes and calendarizaciones.
    pub store: W::Store,
    /// The table of runs, as far as it is read.
    pub history: W::History,
    /// EventBridge Scheduler.
    pub scheduler: W::Scheduler,
    /// Time and chance.
    pub clock: W::Clock,
    /// Where runs that are asked for begin.
    pub launcher: W::Launcher,
    /// The dispatcher.
    pub dispatcher: W::Dispatcher,
}
