//! What the dispatcher needs of the world.

use std::future::Future;
use std::time::Duration;

use kairos::calendarizacion::Calendarizacion;
use kairos::ids::{IdCalendarizacion, IdProceso};
use kairos::instant::Timestamp;
use kairos::message::Disparo;
use kairos::registry::PortError;
use kairos_aws::error::AwsError;
use kairos_aws::processes::Page;
use kairos_aws::queue::{Outgoing, Rejected};

/// The world as the dispatcher sees it.
pub trait Ports: Send + Sync {
    /// The processes of a calendarización by id, from the first after `after`.
    fn page(
        &self,
        id: &IdCalendarizacion,
        after: Option<&IdProceso>,
    ) -> impl Future<Output = Result<Page, AwsError>> + Send;

    /// A calendarización's row.
    fn calendarizacion(
        &self,
        id: &IdCalendarizacion,
    ) -> impl Future<Output = Result<Option<Calendarizacion>, PortError>> + Send;

    /// Sends at most ten messages; what the queue rejected comes back.
    fn send(&self, batch: Vec<Outgoing>) -> impl Future<Output = Result<Vec<Rejected>, AwsError>> + Send;

    /// Hands the rest of a firing to another invocation of the dispatcher.
    fn go_on(&self, rest: &Disparo) -> impl Future<Output = Result<(), AwsError>> + Send;

    /// The time.
    fn now(&self) -> Timestamp;

    /// Waits.
    fn sleep(&self, time: Duration) -> impl Future<Output = ()> + Send;
}
