//! The real clock, and real chance.

use std::time::Duration;

use jiff::Timestamp;
use kairos::registry::Clock;

/// The machine's clock, tokio's timer, and random UUIDs.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }

    fn random(&self) -> u128 {
        // 122 of its bits are random: enough for tokens and pauses.
        uuid::Uuid::new_v4().as_u128()
    }
}
