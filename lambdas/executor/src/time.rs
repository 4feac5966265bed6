//! What an invocation does with its time: until when it begins runs, how long it waits for targets, and when it answers.
//!
//! Invariant: the clock and the waits are the ports': nothing here or in its callers asks the machine for the time.

use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};
use kairos::instant::Timestamp;
use kairos::patience::patience;

use crate::ports::Ports;

/// How long before its deadline an invocation gives up on whatever still hangs.
const LAST_MOMENT: Duration = Duration::from_secs(1);

/// How long a claim holds beyond the deadline of its invocation: Lambda ends a function a little after its time.
const LEASE_BEYOND: Duration = Duration::from_secs(10);

/// How long assuming a role and starting a target that nobody waits for may take; it mostly takes a tenth of a second.
pub(crate) const START: Duration = Duration::from_secs(5);

/// The time of one invocation, from when it began to when Lambda ends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    begun: Timestamp,
    deadline: Timestamp,
}

impl Window {
    pub(crate) const fn new(begun: Timestamp, deadline: Timestamp) -> Self {
        Self { begun, deadline }
    }

    /// How long a target may be waited for at `now`. What the invocation keeps for itself does not shrink while it runs.
    pub(crate) fn patience(&self, now: Timestamp) -> Duration {
        let whole = between(self.begun, self.deadline);
        between(now, self.deadline).saturating_sub(whole.saturating_sub(patience(whole)))
    }

    /// How much later than `now` a run can still be begun that needs so much time; zero where it is too late.
    ///
    /// No run needs more than three quarters of what an invocation has when it begins: one that wants more is begun early
    /// in an invocation, and not never.
    pub(crate) fn until_too_late(&self, now: Timestamp, need: Duration) -> Duration {
        let most = self.patience(self.begun) * 3 / 4;
        self.patience(now).saturating_sub(need.min(most))
    }

    /// How much later than `now` the invocation answers, whatever hangs.
    pub(crate) fn until_last_moment(&self, now: Timestamp) -> Duration {
        between(now, self.deadline).saturating_sub(LAST_MOMENT)
    }

    /// How long the last calls may take that are made after the last moment.
    pub(crate) const LAST_CALLS: Duration = Duration::from_millis(500);

    /// Until when a claim of this invocation holds.
    pub(crate) fn lease(&self) -> Timestamp {
        later(self.deadline, LEASE_BEYOND)
    }

    /// How long a message waits whose run this invocation may have claimed, so that it finds the lease ended.
    pub(crate) fn after_lease(&self, now: Timestamp) -> Duration {
        after(self.lease(), now)
    }
}

/// How long a message waits at `now` so that it comes back after `until`: SQS counts whole seconds.
pub(crate) fn after(until: Timestamp, now: Timestamp) -> Duration {
    between(now, until) + Duration::from_secs(1)
}

/// From `since` to `until`; nothing where that is earlier.
pub(crate) fn between(since: Timestamp, until: Timestamp) -> Duration {
    Duration::try_from(until.duration_since(since)).unwrap_or_default()
}

pub(crate) fn later(now: Timestamp, delay: Duration) -> Timestamp {
    now.saturating_add(delay).unwrap_or(Timestamp::MAX)
}

/// What comes of `work` in time; none where it does not end in time.
pub(crate) async fn within<P: Ports, T>(ports: &P, time: Duration, work: impl Future<Output = T>) -> Option<T> {
    let (work, timer) = (pin!(work), pin!(ports.sleep(time)));
    match select(work, timer).await {
        Either::Left((done, _)) => Some(done),
        Either::Right(_) => None,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    const BEGUN: &str = "2026-01-02T12:00:00Z";

    fn window(seconds: u64) -> Window {
        let begun = BEGUN.parse().unwrap();
        Window::new(begun, later(begun, Duration::from_secs(seconds)))
    }

    fn at(seconds: u64) -> Timestamp {
        later(BEGUN.parse().unwrap(), Duration::from_secs(seconds))
    }

    #[test]
    fn what_is_kept_for_recording_stays_the_same() {
        let patience = |seconds: u64, passed: u64| window(seconds).patience(at(passed)).as_millis();
        assert_eq!(
            [patience(120, 0), patience(120, 100), patience(120, 115)],
            [114_000, 14_000, 0]
        );
        assert_eq!([patience(10, 0), patience(10, 9)], [7_500, 0]);
    }

    #[track_caller]
    fn check(passed: u64, need: Duration, left: Duration) {
        assert_eq!(window(120).until_too_late(at(passed), need), left, "after {passed} s");
    }

    #[test]
    fn a_run_is_begun_as_long_as_it_can_end() {
        check(0, START, Duration::from_secs(109));
        check(108, START, Duration::from_secs(1));
        check(109, START, Duration::ZERO);
        check(0, Duration::from_mins(1), Duration::from_secs(54));
        check(54, Duration::from_mins(1), Duration::ZERO);
    }

    #[test]
    fn whatever_it_needs_a_run_is_begun_in_the_first_quarter() {
        for need in [Duration::from_secs(114), Duration::from_mins(10), Duration::MAX] {
            check(0, need, Duration::from_millis(28_500));
            check(29, need, Duration::ZERO);
        }
        assert!(window(1).until_too_late(at(0), Duration::MAX) > Duration::ZERO);
    }

    #[test]
    fn a_message_comes_back_after_the_lease() {
        assert_eq!(window(120).after_lease(at(20)), Duration::from_secs(111));
        assert_eq!(window(120).until_last_moment(at(20)), Duration::from_secs(99));
        assert_eq!(window(120).until_last_moment(at(130)), Duration::ZERO);
    }
}
