//! Why a firing could not be dispatched.

use kairos::ids::IdCalendarizacion;
use kairos::message::InvalidDisparo;
use kairos::registry::PortError;
use kairos_aws::error::AwsError;

/// Why an invocation failed. Lambda repeats it twice, and then keeps the event in the dispatcher's dead-letter queue.
#[derive(Debug, thiserror::Error)]
pub enum DispatchError {
    /// The event is none of ours.
    #[error("the event cannot be dispatched: {0}")]
    Event(#[from] InvalidDisparo),
    /// The event has no scheduled time, and there is no row to take the latest one from.
    #[error(
        "the event of \"{id}\" has no FechaProgramada, and there is no such calendarización to take the latest from"
    )]
    Unknown {
        /// The calendarización that is missing.
        id: IdCalendarizacion,
    },
    /// The row of the calendarización does not describe a schedule.
    #[error("\"{id}\" has no schedule that can be read: {why}")]
    Schedule {
        /// The calendarización.
        id: IdCalendarizacion,
        /// All that is wrong with it.
        why: String,
    },
    /// The row of the calendarización could not be read.
    #[error("reading the calendarización: {0}")]
    Row(PortError),
    /// The index could not be read.
    #[error("reading what is due: {0}")]
    Read(AwsError),
    /// Messages that the queue did not take, after every repetition.
    #[error("{count} messages could not be queued: {cause}")]
    Rejected {
        /// How many.
        count: usize,
        /// Why, of the first of them.
        cause: Box<AwsError>,
    },
    /// The continuation could not be sent.
    #[error("sending the continuation: {0}")]
    Continue(AwsError),
    /// Too many continuations.
    #[error("\"{id}\" is still not dispatched after {hops} continuations: raise the dispatcher's timeout or memory")]
    TooManyHops {
        /// The calendarización.
        id: IdCalendarizacion,
        /// The continuation that was refused.
        hops: u32,
    },
}

impl DispatchError {
    /// The kind of failure, as the function's answer and its dead letters name it.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Event(_) => "InvalidEvent",
            Self::Unknown { .. } => "UnknownCalendarizacion",
            Self::Schedule { .. } => "UnreadableSchedule",
            Self::Row(_) | Self::Read(_) => "ReadFailed",
            Self::Rejected { .. } => "SendFailed",
            Self::Continue(_) => "ContinuationFailed",
            Self::TooManyHops { .. } => "TooManyContinuations",
        }
    }
}
