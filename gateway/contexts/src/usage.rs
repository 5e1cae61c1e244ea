//! How often a stored context was used, when last, and by whom. Counted in memory: it says how this process is used.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

use hashbrown::HashSet;
use jiff::Timestamp;
use kakehashi_core::names::ConsumerId;

/// Most consumers that are remembered for one context; more are counted and not remembered.
const MOST_USERS: usize = 10_000;

/// The usage of one context.
#[derive(Debug, Default)]
pub(crate) struct Usage {
    uses: AtomicU64,
    /// Uses that did not find it: the one for which it was downloaded.
    misses: u64,
    /// Milliseconds since 1970; 0: never.
    last: AtomicI64,
    users: RwLock<HashSet<ConsumerId>>,
}

impl Usage {
    /// That of a copy, whose first use is the one that had to wait for the download.
    pub(crate) fn of_download() -> Self {
        Self {
            misses: 1,
            ..Self::default()
        }
    }

    /// Counts one use.
    pub(crate) fn record(&self, consumer: &ConsumerId, now: Timestamp) {
        self.uses.fetch_add(1, Ordering::Relaxed);
        self.last.fetch_max(now.as_millisecond(), Ordering::Relaxed);
        if !self.is_user(consumer) {
            let mut users = self.users.write().unwrap_or_else(PoisonError::into_inner);
            if users.len() < MOST_USERS {
                users.insert(consumer.clone());
            }
        }
    }

    /// Whether the consumer has used it. An address may be known to nobody else.
    pub(crate) fn is_user(&self, consumer: &ConsumerId) -> bool {
        self.users
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(consumer)
    }

    /// How often it was found.
    pub(crate) fn hits(&self) -> u64 {
        self.uses.load(Ordering::Relaxed).saturating_sub(self.misses)
    }

    /// When it was used last, in milliseconds since 1970; 0: never.
    pub(crate) fn last_millisecond(&self) -> i64 {
        self.last.load(Ordering::Relaxed)
    }

    /// When it was used last.
    pub(crate) fn last(&self) -> Option<Timestamp> {
        let last = self.last_millisecond();
        (last != 0).then(|| Timestamp::from_millisecond(last).ok()).flatten()
    }
}
