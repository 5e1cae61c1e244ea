//! The notifications that wait to be sent: in memory alone, bounded, each endpoint's in their order, and none waiting
//! for another endpoint's.

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use hashbrown::HashMap;
use tokio::sync::{Semaphore, watch};

use super::notification::Content;
use super::{Entry, Subscriptions};
use crate::Revision;
use crate::config::ConsumerId;

/// Most notifications of one consumer that wait. More means that its endpoints do not keep up.
const MOST_WAITING: usize = 1000;

/// Most bytes of entities that wait for one consumer.
const MOST_WAITING_BYTES: usize = 8 * 1024 * 1024;

/// Most bytes of entities that wait for all consumers together: what the process may spend on endpoints that do not
/// keep up.
const MOST_WAITING_BYTES_IN_ALL: usize = 256 * 1024 * 1024;

/// Notifications of one consumer under way at once: slow endpoints of one consumer cost the others nothing.
const MOST_AT_ONCE_OF_ONE_CONSUMER: usize = 8;

/// Notifications under way at once.
const MOST_AT_ONCE: usize = 512;

/// A notification that waits.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) entry: Arc<Entry>,
    pub(super) content: Content,
    /// What it weighs: about the bytes of its entities.
    pub(super) bytes: usize,
    /// The revision when the change was made, for its @contexts.
    pub(super) revision: Arc<Revision>,
}

/// Whose notifications go to which server: those keep their order.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Lane {
    consumer: ConsumerId,
    origin: String,
}

#[derive(Debug)]
struct Waiting {
    lanes: HashMap<Lane, VecDeque<Pending>>,
    consumers: HashMap<ConsumerId, Held>,
    bytes: usize,
}

/// What one consumer holds of the outbox.
#[derive(Debug)]
struct Held {
    count: usize,
    bytes: usize,
    slots: Arc<Semaphore>,
}

/// All notifications that wait or are under way.
#[derive(Debug)]
pub(super) struct Outbox {
    waiting: Mutex<Waiting>,
    slots: Arc<Semaphore>,
    /// How many wait or are under way.
    count: watch::Sender<usize>,
}

impl Outbox {
    pub(super) fn new() -> Self {
        Self {
            waiting: Mutex::new(Waiting {
                lanes: HashMap::new(),
                consumers: HashMap::new(),
                bytes: 0,
            }),
            slots: Arc::new(Semaphore::new(MOST_AT_ONCE)),
            count: watch::Sender::new(0),
        }
    }

    /// Lets a notification wait for its turn; `false` when too many wait already.
    pub(super) fn push(subscriptions: &Arc<Subscriptions>, pending: Pending) -> bool {
        let outbox = &subscriptions.outbox;
        let consumer = pending.entry.key.owner.clone();
        let lane = Lane {
            origin: pending.entry.endpoint_origin(),
            consumer: consumer.clone(),
        };
        let mut waiting = outbox.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let in_all = waiting.bytes.saturating_add(pending.bytes);
        let held = waiting.consumers.entry(consumer).or_insert_with(|| Held {
            count: 0,
            bytes: 0,
            slots: Arc::new(Semaphore::new(MOST_AT_ONCE_OF_ONE_CONSUMER)),
        });
        let of_consumer = held.bytes.saturating_add(pending.bytes);
        if held.count >= MOST_WAITING || of_consumer > MOST_WAITING_BYTES || in_all > MOST_WAITING_BYTES_IN_ALL {
            return false;
        }
        held.count += 1;
        held.bytes = of_consumer;
        waiting.bytes = in_all;
        outbox.count.send_modify(|count| *count += 1);
        match waiting.lanes.entry(lane.clone()) {
            hashbrown::hash_map::Entry::Occupied(mut queue) => queue.get_mut().push_back(pending),
            hashbrown::hash_map::Entry::Vacant(queue) => {
                queue.insert(VecDeque::from([pending]));
                tokio::spawn(run(Arc::clone(subscriptions), lane));
            }
        }
        true
    }

    /// The first of a lane, and the consumer's slots. An empty lane ends.
    fn next(&self, lane: &Lane) -> Option<(Pending, Arc<Semaphore>)> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let first = waiting.lanes.get_mut(lane).and_then(VecDeque::pop_front);
        let slots = waiting
            .consumers
            .get(&lane.consumer)
            .map(|held| Arc::clone(&held.slots));
        if first.is_none() {
            waiting.lanes.remove(lane);
        }
        first.zip(slots)
    }

    /// Gives back what a notification weighed.
    fn done(&self, lane: &Lane, bytes: usize) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.bytes = waiting.bytes.saturating_sub(bytes);
        if let Some(held) = waiting.consumers.get_mut(&lane.consumer) {
            held.count = held.count.saturating_sub(1);
            held.bytes = held.bytes.saturating_sub(bytes);
            if held.count == 0 {
                waiting.consumers.remove(&lane.consumer);
            }
        }
        drop(waiting);
        self.count.send_modify(|count| *count = count.saturating_sub(1));
    }

    /// Waits until nothing waits or is under way, at most as long as told. Whether that was reached.
    pub(super) async fn empty_within(&self, patience: Duration) -> bool {
        let mut count = self.count.subscribe();
        let emptied = tokio::time::timeout(patience, count.wait_for(|count| *count == 0)).await;
        emptied.is_ok()
    }
}

/// Sends the notifications of a lane, one after the other.
async fn run(subscriptions: Arc<Subscriptions>, lane: Lane) {
    while let Some((pending, of_consumer)) = subscriptions.outbox.next(&lane) {
        let bytes = pending.bytes;
        // Never closed, so that both are had in the end.
        let (_own, _shared) = (of_consumer.acquire().await, subscriptions.outbox.slots.acquire().await);
        // A panic is a fault of ours; it must cost this notification alone, not those behind it.
        let sent = AssertUnwindSafe(subscriptions.send(pending)).catch_unwind().await;
        if sent.is_err() {
            tracing::error!("sending a notification panicked");
        }
        subscriptions.outbox.done(&lane, bytes);
    }
}
