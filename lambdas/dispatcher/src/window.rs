//! How many calls to the queue may be in flight: additive increase, multiplicative decrease.
//!
//! Invariant: from [`LEAST`] to [`MOST`], whatever the queue answers.

/// In flight from the start: what a function of the default 256 MB can keep going. A call takes some 0.2 ms of a processor, of which
/// it has a seventh, while SQS answers within 10 to 20 ms.
const FIRST: usize = 10;

/// At most: twice that, for more memory and slower answers. Each holds a connection, whose handshake costs more than many calls.
pub(crate) const MOST: usize = 20;

/// At least: a queue that takes nothing is asked by one call at a time.
const LEAST: usize = 1;

/// The window.
#[derive(Debug)]
pub(crate) struct Window {
    limit: usize,
    /// Calls that succeeded since the last growth.
    taken: usize,
    /// How often it shrank.
    generation: u32,
}

impl Default for Window {
    fn default() -> Self {
        Self {
            limit: FIRST,
            taken: 0,
            generation: 0,
        }
    }
}

impl Window {
    /// How many calls may be in flight now.
    pub(crate) const fn limit(&self) -> usize {
        self.limit
    }

    /// What a call that begins now is to be judged by.
    pub(crate) const fn generation(&self) -> u32 {
        self.generation
    }

    /// The queue took a call as a whole: one more in flight for each round of calls.
    pub(crate) fn grow(&mut self) {
        self.taken += 1;
        if self.taken >= self.limit {
            self.taken = 0;
            self.limit = (self.limit + 1).min(MOST);
        }
    }

    /// The queue refused a call for now: half as many. Calls that were in flight together are one refusal: a call that began
    /// before the window last shrank says nothing of what it is now. True where it shrank.
    pub(crate) fn shrink(&mut self, generation: u32) -> bool {
        if generation != self.generation {
            return false;
        }
        self.limit = (self.limit / 2).max(LEAST);
        self.taken = 0;
        self.generation += 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_grows_by_one_a_round_up_to_its_limit() {
        let mut window = Window::default();
        for _ in 0..FIRST {
            assert_eq!(window.limit(), FIRST);
            window.grow();
        }
        assert_eq!(window.limit(), FIRST + 1);
        for _ in 0..MOST * MOST {
            window.grow();
        }
        assert_eq!(window.limit(), MOST);
    }

    #[test]
    fn it_halves_once_for_calls_that_were_in_flight_together() {
        let mut window = Window::default();
        let together = window.generation();
        assert!(window.shrink(together));
        assert!(!window.shrink(together));
        assert_eq!(window.limit(), FIRST / 2);
        for _ in 0..10 {
            window.shrink(window.generation());
        }
        assert_eq!(window.limit(), LEAST);
        window.grow();
        assert_eq!(window.limit(), LEAST + 1, "and grows again");
    }
}
