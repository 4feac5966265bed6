//! The world as the API sees it: one type that names every port, and one value that holds them.
//!
//! Invariant: handlers reach AWS through these ports only, so that tests run them over a world in memory.

use kairos::registry::{Clock, Scheduler, Store};

/// A world: which implementation each port has. Handlers are generic over it alone.
///
/// A new port is an associated type here, a field of [`Ports`], and a line where worlds are made (`aws.rs` and the tests).
pub trait World: Send + Sync + 'static {
    /// The tables of processes and calendarizaciones.
    type Store: Store + 'static;
    /// EventBridge Scheduler.
    type Scheduler: Scheduler + 'static;
    /// Time and chance.
    type Clock: Clock + Clone + 'static;
}

/// The ports of a world.
pub struct Ports<W: World> {
    /// The tables of processes and calendarizaciones.
    pub store: W::Store,
    /// EventBridge Scheduler.
    pub scheduler: W::Scheduler,
    /// Time and chance.
    pub clock: W::Clock,
}
