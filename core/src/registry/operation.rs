//! One call of the registry's: who it is to others, how long it may take, and what it must not leave behind.

use std::time::Duration;

use crate::ids::IdCalendarizacion;
use crate::instant::Timestamp;

use super::error::RegistryError;
use super::ports::{Clock, PortErrorKind};

/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// The first pause; each is twice as long as the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(40);
/// Nobody gives up before so many pauses: who was suspended, as a Lambda can be, finds his time over when he wakes up.
const FEWEST_PAUSES: u32 = 3;
/// How often a call is made again for a transient failure: the client behind the port has tried several times itself.
const TRANSIENT_TRIES: u32 = 3;

/// One call of the registry's.
#[derive(Debug)]
pub(super) struct Operation {
    /// What guards are taken under.
    pub(super) owner: String,
    /// The calendarización that was made ready for a process which has not been added yet.
    pub(super) joined: Option<IdCalendarizacion>,
    /// Whether an answer was lost on the way.
    pub(super) ambiguous: bool,
    until: Timestamp,
    pauses: u32,
    transient: u32,
}

impl Operation {
    pub(super) fn new(clock: &impl Clock, patience: Duration) -> Self {
        Self {
            owner: format!("{:032x}", clock.random()),
            joined: None,
            ambiguous: false,
            until: clock.now().saturating_add(signed(patience)).unwrap_or(Timestamp::MAX),
            pauses: 0,
            transient: 0,
        }
    }

    /// The same caller, with time of its own to tidy up.
    pub(super) fn tidying(&self, clock: &impl Clock, patience: Duration) -> Self {
        Self {
            owner: self.owner.clone(),
            ..Self::new(clock, patience)
        }
    }

    /// Waits a moment, longer each time and never as long as somebody else.
    ///
    /// # Errors
    /// The time that the call may take is over.
    pub(super) async fn pause(
        &mut self,
        clock: &impl Clock,
        object: impl ToString + Send,
    ) -> Result<(), RegistryError> {
        if clock.now() >= self.until && self.pauses >= FEWEST_PAUSES {
            return Err(RegistryError::Conflict {
                object: object.to_string(),
            });
        }
        let longest = FIRST_PAUSE.saturating_mul(1 << self.pauses.min(8)).min(LONGEST_PAUSE);
        self.pauses += 1;
        // Between a half and the whole of it: 16 random bits are fine enough.
        let share = u32::try_from(clock.random() & 0xffff).unwrap_or_default();
        clock.sleep(longest / 2 + longest / 2 * share / 0xffff).await;
        Ok(())
    }

    /// Whether a failure is worth another try.
    pub(super) fn may_retry(&mut self, clock: &impl Clock, error: &RegistryError) -> bool {
        let RegistryError::Port { error, .. } = error else {
            return false;
        };
        match error.kind {
            PortErrorKind::Propagation => clock.now() < self.until,
            PortErrorKind::Transient => {
                self.transient += 1;
                self.transient <= TRANSIENT_TRIES && clock.now() < self.until
            }
            PortErrorKind::Denied | PortErrorKind::NotFound | PortErrorKind::Other => false,
        }
    }
}

/// A duration as the time library counts it.
pub(super) fn signed(duration: Duration) -> jiff::SignedDuration {
    jiff::SignedDuration::try_from(duration).unwrap_or(jiff::SignedDuration::MAX)
}
