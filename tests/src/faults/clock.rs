//! Virtual time: a runtime in which nobody waits. Where all tasks sleep, the clock goes on to the one that wakes first.
//!
//! Invariant: a task sees no time pass unless all others wait as well, so that a run of the simulation follows from its seed.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use kairos::instant::Timestamp;
use tokio::runtime::{Builder, Runtime};

/// When virtual time begins: 2026-01-02T12:00:00Z, in milliseconds since 1970.
const BEGIN: i64 = 1_767_355_200_000;

/// A clock; a copy is the same clock.
#[derive(Debug, Clone, Default)]
pub(super) struct Clock(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// Milliseconds since the beginning.
    now: u64,
    next: u64,
    due: BinaryHeap<Reverse<(u64, u64)>>,
    sleeping: HashMap<u64, Waker>,
    stalled: bool,
    watcher: Option<Waker>,
}

impl Clock {
    /// A runtime of one thread whose time this clock is.
    pub(super) fn runtime(&self) -> io::Result<Runtime> {
        let clock = self.clone();
        Builder::new_current_thread()
            .on_thread_park(move || clock.advance())
            .build()
    }

    /// Milliseconds since the beginning.
    pub(super) fn millis(&self) -> u64 {
        self.state().now
    }

    /// The time.
    pub(super) fn now(&self) -> Timestamp {
        timestamp(self.millis())
    }

    /// Waits.
    pub(super) fn sleep(&self, time: Duration) -> Sleep {
        let time = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        self.sleep_until(self.millis().saturating_add(time))
    }

    /// Waits until so many milliseconds since the beginning.
    pub(super) fn sleep_until(&self, at: u64) -> Sleep {
        Sleep {
            clock: self.clone(),
            at,
            id: None,
        }
    }

    /// Ends when nothing can happen any more: every task waits, and none of them for the time.
    pub(super) fn stalled(&self) -> Stalled {
        Stalled(self.clone())
    }

    fn advance(&self) {
        let mut state = self.state();
        let mut woken = Vec::new();
        while let Some(Reverse((at, id))) = state.due.peek().copied() {
            if !woken.is_empty() && at > state.now {
                break;
            }
            state.due.pop();
            // Who stopped waiting moves no clock.
            if let Some(waker) = state.sleeping.remove(&id) {
                state.now = state.now.max(at);
                woken.push(waker);
            }
        }
        if woken.is_empty() {
            state.stalled = true;
            woken.extend(state.watcher.take());
        }
        drop(state);
        woken.into_iter().for_each(Waker::wake);
    }

    /// Nothing is left half done under this lock.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The instant so many milliseconds after the beginning.
pub(super) fn timestamp(millis: u64) -> Timestamp {
    let millis = i64::try_from(millis).unwrap_or(i64::MAX);
    Timestamp::from_millisecond(BEGIN.saturating_add(millis)).unwrap_or(Timestamp::MAX)
}

/// A task that waits for its time.
#[derive(Debug)]
pub(super) struct Sleep {
    clock: Clock,
    at: u64,
    id: Option<u64>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.clock.state();
        if state.now >= self.at {
            return Poll::Ready(());
        }
        let id = self.id.unwrap_or_else(|| {
            let id = state.next;
            state.next += 1;
            state.due.push(Reverse((self.at, id)));
            id
        });
        state.sleeping.insert(id, context.waker().clone());
        drop(state);
        self.id = Some(id);
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            self.clock.state().sleeping.remove(&id);
        }
    }
}

/// See [`Clock::stalled`].
#[derive(Debug)]
pub(super) struct Stalled(Clock);

impl Future for Stalled {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.0.state();
        if state.stalled {
            return Poll::Ready(());
        }
        state.watcher = Some(context.waker().clone());
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Result;
    use futures_util::future::{join, select};

    #[test]
    fn time_passes_only_where_all_wait_and_at_once() -> Result<()> {
        let clock = Clock::default();
        let order = Mutex::new(Vec::new());
        let note = |word: &'static str| {
            let entry = (word, clock.millis());
            order.lock().unwrap_or_else(PoisonError::into_inner).push(entry);
        };
        clock.runtime()?.block_on(join(
            async {
                clock.sleep(Duration::from_hours(2)).await;
                note("two hours");
            },
            async {
                clock.sleep(Duration::from_millis(5)).await;
                note("at once");
                clock.sleep(Duration::from_hours(1)).await;
                note("an hour");
            },
        ));
        let expected = [("at once", 5), ("an hour", 3_600_005), ("two hours", 7_200_000)];
        assert_eq!(*order.lock().unwrap_or_else(PoisonError::into_inner), expected);
        Ok(())
    }

    #[test]
    fn who_stopped_waiting_moves_no_clock_and_a_stall_is_seen() -> Result<()> {
        let clock = Clock::default();
        clock.runtime()?.block_on(async {
            let (long, short) = (
                clock.sleep(Duration::from_hours(9)),
                clock.sleep(Duration::from_secs(1)),
            );
            drop(select(long, short).await);
            let never = std::pin::pin!(std::future::pending::<()>());
            drop(select(never, clock.stalled()).await);
        });
        assert_eq!(clock.millis(), 1_000);
        assert_eq!(clock.now().to_string(), "2026-01-02T12:00:01Z");
        Ok(())
    }
}
