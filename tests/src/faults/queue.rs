//! A standard queue of SQS in memory: any order, each delivery with a receipt of its own, what is not deleted comes back.
//!
//! Invariant: only the newest receipt of a message that is in flight changes it or deletes it.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use super::draw::Draw;

/// A message as it was sent.
#[derive(Debug, Clone)]
pub(super) struct Sent {
    /// SQS's id. Copies that SQS itself delivers have the same one.
    pub(super) id: String,
    /// The body.
    pub(super) body: Arc<str>,
    /// The group that shares the queue fairly with others.
    pub(super) group: Option<String>,
}

/// One delivery of a message.
#[derive(Debug, Clone)]
pub(super) struct Delivery {
    /// What was delivered.
    pub(super) message: Sent,
    /// By what this delivery is changed.
    pub(super) receipt: String,
    /// How many times the message has been received.
    pub(super) count: u32,
}

/// A queue; its times are milliseconds of the simulation.
#[derive(Debug)]
pub(super) struct Queue {
    visibility: u64,
    most_receives: u32,
    held: Vec<Held>,
    live: usize,
    /// Those that become visible, by when. A message whose time has changed since has another entry.
    later: BinaryHeap<Reverse<(u64, usize)>>,
    visible: Vec<usize>,
}

#[derive(Debug)]
struct Held {
    message: Sent,
    received: u32,
    place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Not to be seen before this time: sent with a delay, or received.
    Hidden {
        until: u64,
    },
    Visible,
    Gone,
}

impl Queue {
    /// A queue whose deliveries come back after `visibility` milliseconds, `most_receives` times.
    pub(super) const fn new(visibility: u64, most_receives: u32) -> Self {
        Self {
            visibility,
            most_receives,
            held: Vec::new(),
            live: 0,
            later: BinaryHeap::new(),
            visible: Vec::new(),
        }
    }

    /// Takes a message that nobody receives before `at`.
    pub(super) fn send(&mut self, message: Sent, at: u64) {
        let place = Place::Hidden { until: at };
        self.later.push(Reverse((at, self.held.len())));
        self.live += 1;
        self.held.push(Held {
            message,
            received: 0,
            place,
        });
    }

    /// How many messages are neither deleted nor given to the dead-letter queue.
    pub(super) const fn live(&self) -> usize {
        self.live
    }

    /// When the next message becomes visible; now, where one is.
    pub(super) fn next(&self, now: u64) -> Option<u64> {
        if self.visible.is_empty() {
            self.later.peek().map(|Reverse((at, _))| *at)
        } else {
            Some(now)
        }
    }

    /// Receives up to `most` of the visible messages, in any order. Second, what has been received too often and goes to
    /// the dead-letter queue instead.
    pub(super) fn receive(&mut self, most: usize, now: u64, draw: &mut Draw) -> (Vec<Delivery>, Vec<Sent>) {
        self.appear(now);
        let (mut received, mut dead) = (Vec::new(), Vec::new());
        while received.len() < most && !self.visible.is_empty() {
            let index = self.visible.swap_remove(draw.place(self.visible.len()));
            let held = &mut self.held[index];
            if held.received >= self.most_receives {
                held.place = Place::Gone;
                self.live -= 1;
                dead.push(held.message.clone());
                continue;
            }
            held.received += 1;
            let until = now.saturating_add(self.visibility);
            held.place = Place::Hidden { until };
            self.later.push(Reverse((until, index)));
            received.push(Delivery {
                message: held.message.clone(),
                receipt: format!("{index}:{}", held.received),
                count: held.received,
            });
        }
        (received, dead)
    }

    /// Hides a message in flight for `delay` from now on. Whether the receipt was one that does so.
    pub(super) fn hide(&mut self, receipt: &str, delay: u64, now: u64) -> bool {
        let until = now.saturating_add(delay);
        let Some(index) = self.in_flight(receipt, now) else {
            return false;
        };
        self.held[index].place = Place::Hidden { until };
        self.later.push(Reverse((until, index)));
        true
    }

    /// Deletes a message in flight. Whether the receipt was one that does so.
    pub(super) fn delete(&mut self, receipt: &str, now: u64) -> bool {
        let Some(index) = self.in_flight(receipt, now) else {
            return false;
        };
        self.held[index].place = Place::Gone;
        self.live -= 1;
        true
    }

    /// The body of the message that has this receipt, whatever became of it.
    pub(super) fn body(&self, receipt: &str) -> Option<Arc<str>> {
        let (index, _) = receipt.split_once(':')?;
        let held = self.held.get(index.parse::<usize>().ok()?)?;
        Some(Arc::clone(&held.message.body))
    }

    fn in_flight(&mut self, receipt: &str, now: u64) -> Option<usize> {
        self.appear(now);
        let (index, received) = receipt.split_once(':')?;
        let index: usize = index.parse().ok()?;
        let held = self.held.get(index)?;
        let newest = received.parse() == Ok(held.received);
        (newest && matches!(held.place, Place::Hidden { .. })).then_some(index)
    }

    fn appear(&mut self, now: u64) {
        while let Some(Reverse((at, index))) = self.later.peek().copied() {
            if at > now {
                break;
            }
            self.later.pop();
            if self.held[index].place == (Place::Hidden { until: at }) {
                self.held[index].place = Place::Visible;
                self.visible.push(index);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn queue() -> Queue {
        let mut queue = Queue::new(100, 2);
        queue.send(
            Sent {
                id: "m".into(),
                body: "body".into(),
                group: None,
            },
            5,
        );
        queue
    }

    fn receive(queue: &mut Queue, now: u64) -> Option<String> {
        let (mut received, _) = queue.receive(10, now, &mut Draw::new(1));
        received.pop().map(|delivery| delivery.receipt)
    }

    #[test]
    fn what_is_not_deleted_comes_back_and_the_earlier_receipt_is_worth_nothing() {
        let mut queue = queue();
        assert_eq!((receive(&mut queue, 4), queue.next(4)), (None, Some(5)));
        assert_eq!(receive(&mut queue, 5).as_deref(), Some("0:1"));
        assert_eq!((receive(&mut queue, 104), queue.next(104)), (None, Some(105)));
        assert!(
            !queue.delete("0:1", 105),
            "visible again, so that it is in nobody's hands"
        );
        assert_eq!(receive(&mut queue, 105).as_deref(), Some("0:2"));
        assert!(!queue.delete("0:1", 106) && !queue.hide("0:1", 1, 106));
        assert!(queue.delete("0:2", 106) && !queue.delete("0:2", 106));
        assert_eq!((queue.live(), receive(&mut queue, 1_000)), (0, None));
    }

    #[test]
    fn a_message_in_flight_is_hidden_for_as_long_as_it_was_said_last() {
        let mut queue = queue();
        receive(&mut queue, 5);
        assert!(queue.hide("0:1", 10, 6));
        assert_eq!(receive(&mut queue, 15), None);
        assert_eq!(receive(&mut queue, 16).as_deref(), Some("0:2"));
        assert!(queue.hide("0:2", 500, 17));
        assert_eq!(receive(&mut queue, 116), None, "nor at the time that held before");
    }

    #[test]
    fn a_message_that_was_received_too_often_goes_to_the_dead_letter_queue() {
        let mut queue = queue();
        for now in [5, 105] {
            assert!(receive(&mut queue, now).is_some());
        }
        let (received, dead) = queue.receive(10, 205, &mut Draw::new(1));
        assert_eq!((received.len(), dead.len(), queue.live()), (0, 1, 0));
    }

    #[test]
    fn the_order_is_any() {
        let mut queue = Queue::new(100, 2);
        for number in 0..20 {
            let sent = Sent {
                id: number.to_string(),
                body: "body".into(),
                group: None,
            };
            queue.send(sent, 0);
        }
        let (received, _) = queue.receive(20, 0, &mut Draw::new(7));
        let ids: BTreeMap<_, _> = received
            .iter()
            .enumerate()
            .map(|(at, d)| (d.message.id.clone(), at))
            .collect();
        assert_eq!(ids.len(), 20);
        assert!(
            received
                .iter()
                .enumerate()
                .any(|(at, d)| d.message.id != at.to_string())
        );
    }
}
