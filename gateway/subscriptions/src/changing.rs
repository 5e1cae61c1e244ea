//! Storing, replacing and deleting subscriptions. What was begun is finished, whoever waits for it: what notifies is what
//! is stored.

use std::sync::Arc;

use jiff::Timestamp;
use kakehashi_config::Proof;
use kakehashi_core::consumer::{Consumer, ConsumerLimits};
use kakehashi_core::names::ConsumerId;
use kakehashi_runtime::TooMany;
use kakehashi_runtime::tasks::BrokenOff;
use kakehashi_state::StateError;
use tokio::sync::OwnedMutexGuard;

use super::definition::{Subscription, SubscriptionStatus};
use super::storage::Added;
use super::{Entry, Key, Maker, Subscriptions, now, periodic};

/// What part of a consumer's requests its periodic subscriptions may take, so that it can still ask for something.
const SHARE_OF_LIMITS: f64 = 0.5;

const SECONDS_OF_A_DAY: f64 = 24.0 * 60.0 * 60.0;

/// Why a subscription is not stored.
#[derive(Debug, thiserror::Error)]
pub enum CannotStore {
    /// There is one of that id.
    #[error("you have a subscription of that id")]
    Exists,
    /// The consumer has as many as it may.
    #[error("you have as many subscriptions as you may; delete one")]
    Full,
    /// The consumer's limits can never serve its periodic subscriptions.
    #[error(
        "member `timeInterval`: your periodic subscriptions would be evaluated {wanted:.3} times a second, and your \
         limits leave {left:.3} times a second for them, half of what you may ask; choose a longer interval or delete one"
    )]
    TooOften {
        /// With this one.
        wanted: f64,
        /// What they may take.
        left: f64,
    },
    /// Too much is being stored at once.
    #[error("{0}")]
    Busy(#[from] TooMany),
    /// A fault of the gateway.
    #[error("{0}")]
    BrokenOff(#[from] BrokenOff),
    /// The storage.
    #[error(transparent)]
    State(#[from] StateError),
}

/// The turn to change the subscriptions of one consumer: two changes at once must not undo each other.
#[derive(Debug)]
pub struct Change {
    _turn: OwnedMutexGuard<()>,
}

impl Subscriptions {
    /// Waits for the turn to change a consumer's subscriptions.
    pub async fn change(&self, owner: &ConsumerId) -> Change {
        let turn = Arc::clone(&self.changing.entry(owner.clone()).or_default());
        Change {
            _turn: turn.lock_owned().await,
        }
    }

    /// Whether the limits of a consumer can serve its periodic subscriptions, with this one among them in the place of
    /// the one that has its key. A change that asks less often than before is always possible.
    ///
    /// # Errors
    /// [`CannotStore::TooOften`]
    pub fn check_rate(&self, consumer: &Consumer, key: &Key, subscription: &Subscription) -> Result<(), CannotStore> {
        let (mut others, mut earlier) = (0.0, 0.0);
        for entry in self.directory.of(&key.owner) {
            let rate = rate(&entry.subscription);
            if entry.key == *key {
                earlier = rate;
            } else {
                others += rate;
            }
        }
        check_rates(others, earlier, rate(subscription), &consumer.limits)
    }

    /// Stores a new subscription, which notifies from then on.
    ///
    /// # Errors
    /// [`CannotStore`]
    //= 5.8.1.4-4
    pub async fn add(
        self: &Arc<Self>,
        change: Change,
        key: Key,
        maker: Maker,
        subscription: Subscription,
    ) -> Result<(), CannotStore> {
        let subscriptions = Arc::clone(self);
        let owner = key.owner.clone();
        let adding = async move {
            let _change = change;
            // Before it is there, so that it is told of whatever is changed once its consumer knows of it.
            let _wanting = subscriptions.wanting();
            subscriptions.begin_reading().await;
            let created_at = Timestamp::now();
            let document = subscription.to_document();
            let storage = &subscriptions.storage;
            match storage.add(&key, &maker, &document, created_at).await? {
                Added::Exists => return Err(CannotStore::Exists),
                Added::Full => return Err(CannotStore::Full),
                Added::Done => {}
            }
            subscriptions.put(Entry {
                key,
                subscription,
                maker,
                created_at,
                modified_at: created_at,
                record: Arc::default(),
            });
            Ok(())
        };
        self.tasks.state.spawn_for(&owner, adding)?.await?
    }

    /// Puts a changed subscription in the place of the earlier. From then on it stands on what its consumer has proved
    /// itself by now.
    ///
    /// # Errors
    /// [`CannotStore`]
    pub async fn replace(
        self: &Arc<Self>,
        change: Change,
        earlier: &Arc<Entry>,
        proof: Proof,
        subscription: Subscription,
    ) -> Result<(), CannotStore> {
        let (subscriptions, earlier) = (Arc::clone(self), Arc::clone(earlier));
        let owner = earlier.key.owner.clone();
        let replacing = async move {
            let _change = change;
            let modified_at = Timestamp::now();
            let document = subscription.to_document();
            let storage = &subscriptions.storage;
            let maker = Maker {
                purpose: earlier.maker.purpose.clone(),
                proof: Some(proof),
            };
            if storage.replace(&earlier.key, &maker, &document, modified_at).await? {
                subscriptions.put(Entry {
                    key: earlier.key.clone(),
                    subscription,
                    maker,
                    created_at: earlier.created_at,
                    modified_at,
                    record: Arc::clone(&earlier.record),
                });
            }
            Ok(())
        };
        self.tasks.state.spawn_for(&owner, replacing)?.await?
    }

    /// Removes a subscription, if it is still there. What waits to be sent for it is not sent.
    ///
    /// # Errors
    /// [`CannotStore`]
    //= 5.8.5.4-3
    pub async fn delete(self: &Arc<Self>, change: Change, entry: &Arc<Entry>) -> Result<(), CannotStore> {
        let (subscriptions, entry) = (Arc::clone(self), Arc::clone(entry));
        let owner = entry.key.owner.clone();
        let deleting = async move {
            let _change = change;
            subscriptions.storage.delete(&entry.key).await?;
            subscriptions.directory.remove(&entry.key);
            periodic::stop(&subscriptions, &entry);
            Ok(())
        };
        self.tasks.state.spawn_for(&owner, deleting)?.await?
    }

    fn put(self: &Arc<Self>, entry: Entry) {
        let entry = Arc::new(entry);
        self.directory.put(Arc::clone(&entry));
        periodic::start(self, &entry);
    }
}

/// How often a second a subscription is evaluated, whatever changes.
fn rate(subscription: &Subscription) -> f64 {
    let interval = subscription.interval();
    let is_active = subscription.status(&now()) == SubscriptionStatus::Active;
    interval
        .filter(|_| is_active)
        .map_or(0.0, |interval| 1.0 / interval.as_secs_f64())
}

fn check_rates(others: f64, earlier: f64, own: f64, limits: &ConsumerLimits) -> Result<(), CannotStore> {
    let per_second = f64::from(limits.requests_per_second.get());
    let per_day = limits
        .requests_per_day
        .map_or(f64::INFINITY, |requests| f64::from(requests.get()));
    let left = per_second.min(per_day / SECONDS_OF_A_DAY) * SHARE_OF_LIMITS;
    let wanted = others + own;
    // What adds up to the limit is within it, however fractions of seconds are rounded.
    if own <= earlier || wanted <= left * (1.0 + 1e-9) {
        return Ok(());
    }
    Err(CannotStore::TooOften { wanted, left })
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    fn limits(per_second: u32, per_day: Option<u32>) -> ConsumerLimits {
        ConsumerLimits {
            requests_per_second: NonZeroU32::new(per_second).unwrap(),
            burst: NonZeroU32::MIN,
            requests_per_day: per_day.and_then(NonZeroU32::new),
            concurrency: NonZeroU32::MIN,
        }
    }

    #[test]
    fn half_of_what_a_consumer_may_ask_is_for_its_periodic_subscriptions() {
        let every_five_seconds = 0.2;
        for (others, limits, fits) in [
            (0.2, limits(1, None), true),
            (0.3, limits(1, None), true),
            (0.4, limits(1, None), false),
            (9.8, limits(20, None), true),
            (9.9, limits(20, None), false),
            // 0.5 a second for half of a day's requests.
            (0.3, limits(20, Some(86_400)), true),
            (0.4, limits(20, Some(86_400)), false),
            (0.0, limits(20, Some(100)), false),
        ] {
            let checked = check_rates(others, 0.0, every_five_seconds, &limits);
            assert_eq!(checked.is_ok(), fits, "{others} with {limits:?}: {checked:?}");
        }
    }

    #[test]
    fn who_asks_less_often_than_before_is_not_refused_for_limits_that_were_lowered() {
        let limits = limits(1, None);
        assert!(check_rates(5.0, 0.2, 0.2, &limits).is_ok());
        assert!(check_rates(5.0, 0.2, 0.1, &limits).is_ok());
        let refused = check_rates(5.0, 0.1, 0.2, &limits).unwrap_err().to_string();
        assert!(refused.contains("5.200") && refused.contains("0.500"), "{refused}");
    }
}
