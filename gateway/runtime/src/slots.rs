//! Places for work that waits for its turn: so many for one consumer, so many for all.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hashbrown::HashMap;
use kakehashi_core::names::ConsumerId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The places. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Slots(Arc<Inside>);

#[derive(Debug)]
struct Inside {
    of_all: Arc<Semaphore>,
    of_one: usize,
    consumers: Mutex<HashMap<ConsumerId, Arc<Semaphore>>>,
}

/// A place that is taken, until it is dropped.
#[derive(Debug)]
pub struct Slot {
    _of_all: OwnedSemaphorePermit,
    _of_one: OwnedSemaphorePermit,
    // Looks whether anybody is left, after the places are given back.
    _own: Own,
}

/// The places of one consumer, remembered for as long as it has or wants one.
#[derive(Debug)]
struct Own {
    slots: Slots,
    consumer: ConsumerId,
    places: Arc<Semaphore>,
}

impl Slots {
    /// So many places for one consumer, and for all together.
    #[must_use]
    pub fn new(of_one: usize, of_all: usize) -> Self {
        Self(Arc::new(Inside {
            of_all: Arc::new(Semaphore::new(of_all)),
            of_one,
            consumers: Mutex::default(),
        }))
    }

    /// Waits for a place. One of the consumer's own is waited for first: in the line for those of all, each consumer
    /// stands with no more than it may have, so that nobody waits behind everything that one of them wants.
    pub async fn take(&self, consumer: &ConsumerId) -> Option<Slot> {
        let own = self.own(consumer);
        // Nobody closes them, so that both are had in the end.
        let of_one = Arc::clone(&own.places).acquire_owned().await.ok()?;
        let of_all = Arc::clone(&self.0.of_all).acquire_owned().await.ok()?;
        Some(Slot {
            _of_all: of_all,
            _of_one: of_one,
            _own: own,
        })
    }

    fn own(&self, consumer: &ConsumerId) -> Own {
        let mut consumers = self.consumers();
        let places = consumers
            .entry(consumer.clone())
            .or_insert_with(|| Arc::new(Semaphore::new(self.0.of_one)));
        Own {
            slots: self.clone(),
            consumer: consumer.clone(),
            places: Arc::clone(places),
        }
    }

    fn consumers(&self) -> MutexGuard<'_, HashMap<ConsumerId, Arc<Semaphore>>> {
        // Nothing panics while it is held.
        self.0.consumers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        let mut consumers = self.slots.consumers();
        // This one and the table's: whoever wants another takes its share while the table is locked.
        if Arc::strong_count(&self.places) == 2 {
            consumers.remove(&self.consumer);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn what_one_consumer_wants_leaves_room_for_the_others_and_is_forgotten_in_the_end() {
        let slots = Slots::new(2, 3);
        let (greedy, modest) = (ConsumerId::new("greedy"), ConsumerId::new("modest"));
        let taken = [slots.take(&greedy).await.unwrap(), slots.take(&greedy).await.unwrap()];
        let mut third = Box::pin(slots.take(&greedy));
        assert!(third.as_mut().now_or_never().is_none(), "its own places are taken");
        let other = slots.take(&modest).now_or_never().flatten();
        assert!(other.is_some(), "one of all is left, whoever waits for its own");
        assert!(slots.take(&modest).now_or_never().is_none(), "no place of all is left");
        drop(taken);
        drop(third.await);
        drop(other);
        assert!(slots.consumers().is_empty());
        assert!(slots.take(&modest).now_or_never().is_some());
    }
}
