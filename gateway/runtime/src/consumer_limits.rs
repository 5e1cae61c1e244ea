//! What each consumer may ask (GCRA, by governor). One consumer's use never costs another's.

use std::sync::Arc;
use std::time::Duration;

use dashmap::DashMap;
use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};
use kakehashi_core::ClientNetwork;
use kakehashi_core::consumer::{Consumer, ConsumerLimits};
use kakehashi_core::names::ConsumerId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Client addresses that are remembered for the anonymous consumer before the idle ones are forgotten.
const MAX_ADDRESSES: usize = 100_000;

/// A day, for `requests_per_day`.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A limiter with one state for each client address; known consumers use one state alone.
type Limiter = RateLimiter<ClientNetwork, DashMapStateStore<ClientNetwork>, DefaultClock, StateInformationMiddleware>;

/// The limiters of all consumers. They outlive revisions, so that a reload gives nobody new tokens.
#[derive(Debug, Default)]
pub struct ConsumerLimiters {
    by_consumer: DashMap<ConsumerId, Arc<Limits>>,
}

/// What one consumer has left.
#[derive(Debug)]
struct Limits {
    configured: ConsumerLimits,
    per_second: Limiter,
    per_day: Option<Limiter>,
    concurrency: DashMap<ClientNetwork, Arc<Semaphore>>,
    clock: DefaultClock,
}

/// A request that was let through.
#[derive(Debug)]
pub struct Admitted {
    /// What its consumer may ask.
    pub limits: ConsumerLimits,
    /// How many requests more it may send at once.
    pub remaining: u32,
    /// Until it is dropped the request is under way.
    pub permit: OwnedSemaphorePermit,
}

/// What was spent without a request; until it is dropped it counts among what the consumer has under way.
#[derive(Debug)]
pub struct Spent {
    _under_way: OwnedSemaphorePermit,
}

/// A request that was not.
#[derive(Debug)]
pub struct Refused {
    /// Which limit is used up, in words.
    pub reason: &'static str,
    /// After how long there is something left.
    pub wait: Duration,
}

impl ConsumerLimiters {
    /// Spends one token of the consumer. The anonymous consumer has tokens for each client address.
    ///
    /// # Errors
    /// [`Refused`]
    pub fn admit(&self, consumer: &Consumer, address: ClientNetwork) -> Result<Admitted, Refused> {
        let client = if consumer.is_anonymous() { address } else { 0 };
        self.of(&consumer.id, consumer.limits).admit(client)
    }

    /// Spends a token of a consumer that is not anonymous, for the benchmark of this step alone.
    #[doc(hidden)]
    #[must_use]
    pub fn admits(&self, consumer: &ConsumerId, configured: ConsumerLimits) -> bool {
        self.of(consumer, configured).admit(0).is_ok()
    }

    /// Spends what a request of the consumer would, for something that is done for it without one; `None`: a limit is
    /// used up. What is done for the anonymous consumer so counts as that of one address.
    #[must_use]
    pub fn spend(&self, consumer: &Consumer) -> Option<Spent> {
        let admitted = self.of(&consumer.id, consumer.limits).admit(0).ok()?;
        Some(Spent {
            _under_way: admitted.permit,
        })
    }

    fn of(&self, consumer: &ConsumerId, configured: ConsumerLimits) -> Arc<Limits> {
        if let Some(limits) = self.by_consumer.get(consumer)
            && limits.configured == configured
        {
            return Arc::clone(&limits);
        }
        // Looked at again while the entry is held: of two first requests at once, both must find the same limits.
        let mut limits = self
            .by_consumer
            .entry(consumer.clone())
            .or_insert_with(|| Arc::new(Limits::new(configured)));
        if limits.configured != configured {
            *limits = Arc::new(Limits::new(configured));
        }
        Arc::clone(&limits)
    }
}

impl Limits {
    fn new(configured: ConsumerLimits) -> Self {
        let quota = Quota::per_second(configured.requests_per_second).allow_burst(configured.burst);
        let per_day = configured.requests_per_day.and_then(|requests| {
            let period = DAY / requests.get();
            Quota::with_period(period).map(|quota| limiter(quota.allow_burst(requests)))
        });
        Self {
            configured,
            per_second: limiter(quota),
            per_day,
            concurrency: DashMap::new(),
            clock: DefaultClock::default(),
        }
    }

    fn admit(&self, client: ClientNetwork) -> Result<Admitted, Refused> {
        self.forget_idle_clients();
        let refused = |reason, wait| Refused { reason, wait };
        let semaphore = Arc::clone(
            &self
                .concurrency
                .entry(client)
                .or_insert_with(|| Arc::new(Semaphore::new(self.configured.concurrency.get() as usize))),
        );
        let permit = semaphore
            .try_acquire_owned()
            .map_err(|_| refused("requests under way at once", Duration::from_secs(1)))?;
        let snapshot = self
            .per_second
            .check_key(&client)
            .map_err(|not_until| refused("requests per second", not_until.wait_time_from(self.clock.now())))?;
        if let Some(per_day) = &self.per_day {
            per_day
                .check_key(&client)
                .map_err(|not_until| refused("requests per day", not_until.wait_time_from(self.clock.now())))?;
        }
        Ok(Admitted {
            limits: self.configured,
            remaining: snapshot.remaining_burst_capacity(),
            permit,
        })
    }

    /// Keeps memory bounded when very many addresses ask: who has all tokens back needs no state.
    fn forget_idle_clients(&self) {
        if self.per_second.len() > MAX_ADDRESSES {
            self.per_second.retain_recent();
        }
        if self.concurrency.len() > MAX_ADDRESSES {
            let all = self.configured.concurrency.get() as usize;
            self.concurrency
                .retain(|_, semaphore| semaphore.available_permits() < all);
        }
    }
}

fn limiter(quota: Quota) -> Limiter {
    RateLimiter::dashmap(quota).with_middleware::<StateInformationMiddleware>()
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;
    use std::sync::Barrier;
    use std::thread;

    use super::*;

    const CONFIGURED: ConsumerLimits = ConsumerLimits {
        requests_per_second: NonZeroU32::MIN,
        burst: NonZeroU32::MIN,
        requests_per_day: None,
        concurrency: NonZeroU32::MIN,
    };

    #[test]
    fn first_requests_at_once_share_one_allowance() {
        const THREADS: usize = 4;
        let limiters = ConsumerLimiters::default();
        let together = Barrier::new(THREADS);
        // One consumer after the other is asked for by all threads at once.
        for number in 0..2_000 {
            let consumer = ConsumerId::new(format!("consumer-{number}"));
            let found: Vec<Arc<Limits>> = thread::scope(|scope| {
                let asking: Vec<_> = (0..THREADS)
                    .map(|_| {
                        scope.spawn(|| {
                            together.wait();
                            limiters.of(&consumer, CONFIGURED)
                        })
                    })
                    .collect();
                asking.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            assert!(
                found.iter().all(|limits| Arc::ptr_eq(limits, &found[0])),
                "{consumer:?} has more than one"
            );
        }
    }

    #[test]
    fn changed_limits_hold_at_once_and_the_same_ones_give_nothing_back() {
        let limiters = ConsumerLimiters::default();
        let consumer = ConsumerId::new("consumer");
        assert!(limiters.admits(&consumer, CONFIGURED));
        assert!(!limiters.admits(&consumer, CONFIGURED), "the only token was spent");
        let wider = ConsumerLimits {
            burst: NonZeroU32::MAX,
            ..CONFIGURED
        };
        assert!(limiters.admits(&consumer, wider));
    }
}
