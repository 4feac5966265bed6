//! What the executor needs of the world.

use std::future::Future;
use std::time::Duration;

use aws_credential_types::Credentials;
use kairos::ids::IdProceso;
use kairos::instant::Timestamp;
use kairos::message::Mensaje;
use kairos::proceso::Proceso;
use kairos_aws::claim::{Claim, Recorded};
use kairos_aws::error::AwsError;
use kairos_aws::processes::Rows;
use kairos_aws::queue::Outgoing;
use kairos_aws::runs::Outcome;

use crate::failure::Failure;
use crate::targets::{Answer, Call};

/// A process, or why its row cannot be understood.
pub type Row = Result<Proceso, AwsError>;

/// The world as the executor sees it.
pub trait Ports: Send + Sync + 'static {
    /// The rows of these processes as they are now; those that do not exist are missing.
    fn processes(&self, ids: &[IdProceso]) -> impl Future<Output = Result<Rows, AwsError>> + Send;

    /// Claims a run for `owner` until `lease`.
    fn claim(
        &self,
        run: &Mensaje,
        owner: &str,
        lease: Timestamp,
    ) -> impl Future<Output = Result<Claim, AwsError>> + Send;

    /// Records that a run is left out; where it has ended or is under way, the answer says so.
    fn omit(&self, run: &Mensaje, reason: &str) -> impl Future<Output = Result<Claim, AwsError>> + Send;

    /// Records the outcome of `owner`'s `attempt`, whose call to the target took so long; none where there was no call.
    fn record(
        &self,
        run: &Mensaje,
        owner: &str,
        attempt: u32,
        outcome: &Outcome,
        took: Option<Duration>,
    ) -> impl Future<Output = Result<Recorded, AwsError>> + Send;

    /// Assumes a role under a session's name.
    fn assume(&self, role: &str, session: &str) -> impl Future<Output = Result<Credentials, AwsError>> + Send;

    /// Starts a target with these credentials.
    fn start(&self, call: &Call, credentials: &Credentials) -> impl Future<Output = Result<Answer, Failure>> + Send;

    /// Keeps a received message from being received again for `delay`.
    fn delay(&self, receipt: &str, delay: Duration) -> impl Future<Output = Result<(), AwsError>> + Send;

    /// Sends a message to the dead-letter queue.
    fn bury(&self, message: &Outgoing) -> impl Future<Output = Result<(), AwsError>> + Send;

    /// The time.
    fn now(&self) -> Timestamp;

    /// Waits.
    fn sleep(&self, time: Duration) -> impl Future<Output = ()> + Send;
}
