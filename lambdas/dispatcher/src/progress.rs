//! How far a firing has come: up to which process every message is known to be in the queue.
//!
//! Invariant: the cursor never passes a process whose message is not known to be there, in whatever order batches end.

use std::collections::VecDeque;

use kairos::ids::IdProceso;

/// Batches in the order of their processes, from the first that is not known to be sent.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    open: VecDeque<Batch>,
    /// The number of the first that is open.
    first: u64,
    /// The last process before it.
    cursor: Option<IdProceso>,
}

#[derive(Debug)]
struct Batch {
    last: IdProceso,
    done: bool,
}

impl Progress {
    /// A further batch, which ends with `last`, begins: its number.
    pub(crate) fn begin(&mut self, last: IdProceso) -> u64 {
        self.open.push_back(Batch { last, done: false });
        self.first + self.open.len() as u64 - 1
    }

    /// All messages of a batch are in the queue.
    pub(crate) fn done(&mut self, number: u64) {
        let place = number
            .checked_sub(self.first)
            .and_then(|place| usize::try_from(place).ok());
        if let Some(batch) = place.and_then(|place| self.open.get_mut(place)) {
            batch.done = true;
        }
        while let Some(batch) = self.open.pop_front_if(|batch| batch.done) {
            self.first += 1;
            self.cursor = Some(batch.last);
        }
    }

    /// How many batches lie between the first that is not known to be sent and the last that has begun.
    pub(crate) fn open(&self) -> usize {
        self.open.len()
    }

    /// The last process up to which all messages are in the queue; none before the first batch is.
    pub(crate) fn cursor(&self) -> Option<&IdProceso> {
        self.cursor.as_ref()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn the_cursor_waits_for_the_first_batch_that_is_open() {
        let id = |name: &str| -> IdProceso { format!("proceso-{name}").parse().unwrap() };
        let mut progress = Progress::default();
        let [a, b, c] = ["a", "b", "c"].map(|name| progress.begin(id(name)));
        assert_eq!((progress.cursor(), progress.open()), (None, 3));
        progress.done(b);
        assert_eq!((progress.cursor(), progress.open()), (None, 3));
        progress.done(a);
        assert_eq!((progress.cursor(), progress.open()), (Some(&id("b")), 1));
        let d = progress.begin(id("d"));
        progress.done(d);
        progress.done(a);
        assert_eq!((progress.cursor(), progress.open()), (Some(&id("b")), 2));
        progress.done(c);
        assert_eq!((progress.cursor(), progress.open()), (Some(&id("d")), 0));
    }
}
