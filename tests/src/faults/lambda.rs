//! Lambda and its event source: pollers that hand batches to instances, delete what is done, and start new instances.
//!
//! Invariant: a message is deleted only where an answer arrived that does not name it.

use std::collections::HashSet;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use executor::event::{Batch, BatchAnswer};
use executor::{Executor, Invocation};
use futures_util::future::{Either, select};
use serde_json::json;

use super::clock::timestamp;
use super::node::{Node, request_prefix};
use super::queue::Delivery;
use super::totals::Step;
use super::world::{Dead, TIMEOUT, World};

/// The most messages of a batch.
const BATCH: u64 = 10;

/// How long a poller waits for messages at most, in milliseconds.
const POLL: u64 = 20_000;

/// An instance and its warm state.
struct Instance {
    node: Node,
    executor: Arc<Executor<Node>>,
    invocations: u64,
}

/// Works until nothing is left on the queue.
pub(super) async fn poll(world: Arc<World>) -> Result<()> {
    let mut instance = Instance::start(&world);
    loop {
        let now = world.clock.millis();
        let batch = receive(&world, now);
        if batch.is_empty() {
            let (live, next) = {
                let state = world.state();
                (state.queue.live(), state.queue.next(now))
            };
            if live == 0 {
                return Ok(());
            }
            let next = next.unwrap_or(u64::MAX).clamp(now + 1, now + POLL);
            world.clock.sleep_until(next).await;
            continue;
        }
        hand_over(&world).await;
        if !instance.invoke(batch).await? {
            instance = Instance::start(&world);
        }
    }
}

fn receive(world: &World, now: u64) -> Vec<Delivery> {
    let mut state = world.state();
    let state = &mut *state;
    // Mostly as many as there may be, now and then fewer.
    let most = if world.plan.by_chance() && state.draw.happens(3_000) {
        1 + state.draw.below(BATCH)
    } else {
        BATCH
    };
    let most = usize::try_from(most).unwrap_or(1);
    let (received, dead) = state.queue.receive(most, now, &mut state.draw);
    for message in dead {
        if let Some(run) = state.by_body.get(&message.body).copied() {
            state.note(run, now, 0, "received too often: to the dead-letter queue", ());
        }
        state.dead.push(Dead {
            message,
            class: None,
            reason: None,
        });
    }
    for delivery in &received {
        if let Some(run) = state.by_body.get(&delivery.message.body).copied() {
            state.note(run, now, 0, "received, time", delivery.count);
        }
        state.totals.deliveries += 1;
    }
    received
}

/// Mostly a few milliseconds; where Lambda throttles the poller, minutes.
async fn hand_over(world: &World) {
    let millis = if world.plan.by_chance() {
        let draw = &mut world.state().draw;
        if draw.happens(100) {
            draw.below(300_000)
        } else {
            draw.below(50)
        }
    } else {
        1
    };
    world.clock.sleep(Duration::from_millis(millis)).await;
}

impl Instance {
    fn start(world: &Arc<World>) -> Self {
        let node = Node::start(world);
        Self {
            executor: Arc::new(Executor::new(node.clone())),
            node,
            invocations: 0,
        }
    }

    /// Runs a batch. Whether the instance lives on.
    async fn invoke(&mut self, batch: Vec<Delivery>) -> Result<bool> {
        self.invocations += 1;
        let world = Arc::clone(&self.node.world);
        world.state().totals.invocations += 1;
        let ends = world.clock.millis() + TIMEOUT;
        let invocation = Invocation {
            request_id: format!("{}{}", request_prefix(self.node.life.id), self.invocations),
            deadline: timestamp(ends),
        };
        let event = event(&batch)?;
        let handling = pin!(self.executor.handle(event, &invocation));
        let died = pin!(self.node.life.died.notified());
        let ended = select(died, world.clock.sleep_until(ends));
        let answer = match select(handling, ended).await {
            Either::Left((answer, _)) => answer,
            Either::Right((how, _)) => {
                let mut state = world.state();
                let what = match how {
                    Either::Left(_) => {
                        state.totals.killed += 1;
                        "its instance was killed"
                    }
                    Either::Right(_) => {
                        state.totals.timed_out += 1;
                        "its invocation ran out of time"
                    }
                };
                tell(&mut state, &batch, world.clock.millis(), self.node.life.id, what);
                drop(state);
                self.node.kill();
                return Ok(false);
            }
        };
        let mut state = world.state();
        state.invocation_ended(self.node.life.id, ends);
        state.calls_of(Step::Answer).made += 1;
        if world.plan.by_chance() && state.draw.happens(world.plan.faults.unanswered) {
            state.calls_of(Step::Answer).killed_before += 1;
            state.totals.killed += 1;
            let now = world.clock.millis();
            tell(
                &mut state,
                &batch,
                now,
                self.node.life.id,
                "its instance was killed before it answered",
            );
            drop(state);
            self.node.kill();
            return Ok(false);
        }
        let now = world.clock.millis();
        delete(&mut state, &batch, &answer, now, self.node.life.id);
        // Lambda ends an instance whenever it wants to.
        Ok(!(world.plan.by_chance() && state.draw.happens(50)))
    }
}

/// The event as the event source makes it.
fn event(batch: &[Delivery]) -> Result<Batch> {
    let records: Vec<_> = batch
        .iter()
        .map(|delivery| {
            json!({
                "messageId": delivery.message.id,
                "receiptHandle": delivery.receipt,
                "body": delivery.message.body.as_ref(),
                "attributes": {
                    "ApproximateReceiveCount": delivery.count.to_string(),
                    "MessageGroupId": delivery.message.group,
                },
                "messageAttributes": {},
                "eventSource": "aws:sqs",
            })
        })
        .collect();
    serde_json::from_value(json!({ "Records": records })).context("making an event")
}

fn delete(state: &mut super::world::State, batch: &[Delivery], answer: &BatchAnswer, now: u64, instance: u64) {
    let stays: HashSet<&str> = answer
        .batch_item_failures
        .iter()
        .map(|s| s.item_identifier.as_str())
        .collect();
    for delivery in batch {
        let run = state.by_body.get(&delivery.message.body).copied();
        let what = if stays.contains(delivery.message.id.as_str()) {
            "stays on the queue"
        } else if state.queue.delete(&delivery.receipt, now) {
            "deleted from the queue"
        } else {
            "not deleted: received again meanwhile"
        };
        if let Some(run) = run {
            state.note(run, now, instance, what, ());
        }
    }
}

fn tell(state: &mut super::world::State, batch: &[Delivery], now: u64, instance: u64, what: &'static str) {
    for delivery in batch {
        if let Some(run) = state.by_body.get(&delivery.message.body).copied() {
            state.note(run, now, instance, what, ());
        }
    }
}
