//! The notifications that wait to be sent: in memory alone, bounded, each endpoint's in their order, and none waiting
//! for another endpoint's.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hashbrown::HashMap;
use kakehashi_core::names::ConsumerId;
use kakehashi_revision::Revision;
use kakehashi_runtime::{Slots, Spawner};
use tokio::sync::watch;

use super::entity_written::EntityWritten;
use super::notification::Content;
use super::{Entry, Key, Subscriptions};

/// Most notifications of one consumer that wait. More means that its endpoints do not keep up.
const MOST_WAITING: usize = 1000;

/// Most bytes of entities that wait for one consumer.
pub(super) const MOST_WAITING_BYTES: usize = 8 * 1024 * 1024;

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
    pub(super) cause: Cause,
    /// What it weighs: about the bytes of its entities.
    pub(super) bytes: usize,
    /// The revision that has decided what is in it.
    pub(super) revision: Arc<Revision>,
}

/// Why something is notified: what has to be looked at again when another revision holds by the time it is sent.
#[derive(Debug, Clone)]
pub(super) enum Cause {
    /// A change.
    Written(Arc<EntityWritten>),
    /// The time has come (`timeInterval`).
    Time,
}

/// Whose notifications go to which server: those keep their order.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Lane {
    consumer: ConsumerId,
    origin: String,
}

/// The notifications of one lane: those that wait, and the subscription of the one that is under way.
#[derive(Debug, Default)]
struct Line {
    waiting: VecDeque<Pending>,
    under_way: Option<Arc<Entry>>,
}

#[derive(Debug, Default)]
struct Waiting {
    lanes: HashMap<Lane, Line>,
    consumers: HashMap<ConsumerId, Held>,
    bytes: usize,
    /// Nothing is taken any more: the process ends.
    is_closed: bool,
}

/// What one consumer holds of what waits.
#[derive(Debug, Default)]
struct Held {
    count: usize,
    bytes: usize,
}

/// How many notifications of one subscription are not sent because the process ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    /// Which.
    pub key: Key,
    /// How many.
    pub count: usize,
}

/// All notifications that wait or are under way.
#[derive(Debug)]
pub(super) struct WaitingNotifications {
    spawner: Spawner,
    waiting: Mutex<Waiting>,
    slots: Slots,
    /// How many wait or are under way.
    count: watch::Sender<usize>,
}

impl WaitingNotifications {
    pub(super) fn new(spawner: Spawner) -> Self {
        Self {
            spawner,
            waiting: Mutex::default(),
            slots: Slots::new(MOST_AT_ONCE_OF_ONE_CONSUMER, MOST_AT_ONCE),
            count: watch::Sender::new(0),
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        // Nothing panics while it is held.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a notification wait for its turn; `false` when too many wait already.
    pub(super) fn push(subscriptions: &Arc<Subscriptions>, pending: Pending) -> bool {
        let notifications = &subscriptions.notifications;
        let consumer = pending.entry.key.owner.clone();
        let lane = Lane {
            origin: pending.entry.endpoint_origin(),
            consumer: consumer.clone(),
        };
        let mut waiting = notifications.waiting();
        let in_all = waiting.bytes.saturating_add(pending.bytes);
        let (count, of_consumer) = match waiting.consumers.get(&consumer) {
            Some(held) => (held.count, held.bytes.saturating_add(pending.bytes)),
            None => (0, pending.bytes),
        };
        if waiting.is_closed
            || count >= MOST_WAITING
            || of_consumer > MOST_WAITING_BYTES
            || in_all > MOST_WAITING_BYTES_IN_ALL
        {
            return false;
        }
        if !waiting.lanes.contains_key(&lane) {
            let work = run(Arc::clone(subscriptions), lane.clone());
            if notifications.spawner.spawn(work).is_err() {
                return false;
            }
        }
        // The lane is looked at by what was spawned once this is let go.
        waiting.lanes.entry(lane).or_default().waiting.push_back(pending);
        let held = waiting.consumers.entry(consumer).or_default();
        held.count = count + 1;
        held.bytes = of_consumer;
        waiting.bytes = in_all;
        notifications.count.send_modify(|count| *count += 1);
        true
    }

    /// The first of a lane. An empty lane ends.
    fn next(&self, lane: &Lane) -> Option<Pending> {
        let mut waiting = self.waiting();
        let line = waiting.lanes.get_mut(lane)?;
        let first = line.waiting.pop_front();
        line.under_way = first.as_ref().map(|first| Arc::clone(&first.entry));
        if first.is_none() {
            waiting.lanes.remove(lane);
        }
        first
    }

    /// Gives back what a notification weighed.
    fn done(&self, lane: &Lane, bytes: usize) {
        let mut waiting = self.waiting();
        if let Some(line) = waiting.lanes.get_mut(lane) {
            line.under_way = None;
        }
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

    /// Takes nothing any more and sends nothing any more. How much of each subscription waited or was under way.
    pub(super) fn close(&self) -> Vec<Lost> {
        self.spawner.cancel();
        let mut waiting = self.waiting();
        waiting.is_closed = true;
        let mut lost: HashMap<Key, usize> = HashMap::new();
        for line in waiting.lanes.drain().map(|(_, line)| line) {
            let entries = line.waiting.iter().map(|pending| &pending.entry);
            for entry in entries.chain(&line.under_way) {
                *lost.entry(entry.key.clone()).or_default() += 1;
            }
        }
        lost.into_iter().map(|(key, count)| Lost { key, count }).collect()
    }
}

/// Sends the notifications of a lane, one after the other.
async fn run(subscriptions: Arc<Subscriptions>, lane: Lane) {
    let notifications = &subscriptions.notifications;
    while let Some(pending) = notifications.next(&lane) {
        let bytes = pending.bytes;
        let _slot = notifications.slots.take(&lane.consumer).await;
        // It must cost this notification alone, not those behind it.
        if notifications
            .spawner
            .guarded(subscriptions.send(pending))
            .await
            .is_none()
        {
            subscriptions.count("internal");
        }
        notifications.done(&lane, bytes);
    }
}
