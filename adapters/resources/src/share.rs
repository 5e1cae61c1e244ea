//! How much of something a caller may have while others want it, too: requests under way, bytes, computations.
//!
//! A caller may have as much as is left free ("dynamic threshold": A. K. Choudhury and E. L. Hahne, Dynamic queue length
//! thresholds for shared-memory packet switches, IEEE/ACM Transactions on Networking 6(2), 1998). One alone may have half
//! of everything, two a third each, and so on: once those who came first have given back what they had more. Nobody has to
//! be known beforehand, and nothing is set aside for callers that are not there.
//!
//! Callers may belong together (everybody who presents no credential): they weigh as one caller, and share what this
//! one may have in the same way. Because their number has no end, and they may keep what they have for long, each of them
//! may always take a little while a part of everything is left for others.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How much there is of something for everybody, and how much is in use.
#[derive(Debug)]
pub struct Pool {
    capacity: usize,
    used: AtomicUsize,
}

impl Pool {
    /// So much for everybody.
    #[must_use]
    pub fn new(capacity: usize) -> Arc<Self> {
        Arc::new(Self {
            capacity,
            used: AtomicUsize::new(0),
        })
    }

    /// How much there is.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// How much is in use.
    #[must_use]
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// What one of a group may take whatever the others of it have, who keep what they took before it came: a little, as long
    /// as that leaves enough for those outside of the group.
    fn least(&self, own: usize, free: usize) -> usize {
        let little = (self.capacity / LITTLE).max(1).saturating_sub(own);
        little.min(free.saturating_sub(self.capacity / KEPT_FOR_OTHERS))
    }
}

/// A little is this part of everything.
const LITTLE: usize = 64;

/// This part of everything is kept for those who are not of a group, when one of its members takes a little.
const KEPT_FOR_OTHERS: usize = 4;

/// What a caller has of a pool, or several callers that weigh as one.
#[derive(Debug)]
pub struct Share {
    pool: Arc<Pool>,
    /// The callers that it is one of, where they weigh as one.
    group: Option<Arc<Share>>,
    used: AtomicUsize,
}

impl Share {
    /// Of a caller that weighs as one.
    #[must_use]
    pub fn of(pool: &Arc<Pool>) -> Arc<Self> {
        Arc::new(Self {
            pool: Arc::clone(pool),
            group: None,
            used: AtomicUsize::new(0),
        })
    }

    /// Of one of several callers that weigh as one together.
    #[must_use]
    pub fn within(group: &Arc<Self>) -> Arc<Self> {
        Arc::new(Self {
            pool: Arc::clone(&group.pool),
            group: Some(Arc::clone(group)),
            used: AtomicUsize::new(0),
        })
    }

    /// How much it has.
    #[must_use]
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// Takes so much more, unless that is more than it may have. Several that take at the same moment may have a little
    /// more than that in all, and never more than there is.
    #[must_use]
    pub fn take(&self, amount: usize) -> bool {
        let before = self.pool.used.fetch_add(amount, Ordering::Relaxed);
        let own = self.used.fetch_add(amount, Ordering::Relaxed);
        let of_group = self
            .group
            .as_ref()
            .map(|group| group.used.fetch_add(amount, Ordering::Relaxed));
        let free = self.pool.capacity.saturating_sub(before);
        let allowed = match of_group {
            None => free.saturating_sub(own),
            Some(of_group) => {
                let others = before.saturating_sub(of_group);
                // What the group may have in all while nobody else takes more.
                let most = self.pool.capacity.saturating_sub(others) / 2;
                let left = most.saturating_sub(of_group);
                left.saturating_sub(own).max(self.pool.least(own, free)).min(free)
            }
        };
        let is_allowed = amount <= allowed;
        if !is_allowed {
            self.give_back(amount);
        }
        is_allowed
    }

    /// Gives back what was taken.
    pub fn give_back(&self, amount: usize) {
        self.pool.used.fetch_sub(amount, Ordering::Relaxed);
        self.used.fetch_sub(amount, Ordering::Relaxed);
        if let Some(group) = &self.group {
            group.used.fetch_sub(amount, Ordering::Relaxed);
        }
    }

    /// Takes one, for as long as what comes of it is kept.
    #[must_use]
    pub fn take_one(self: &Arc<Self>) -> Option<Taken> {
        self.take(1).then(|| Taken(Arc::clone(self)))
    }
}

/// One that was taken. Dropping it gives it back.
#[derive(Debug)]
pub struct Taken(Arc<Share>);

impl Drop for Taken {
    fn drop(&mut self) {
        self.0.give_back(1);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Takes one by one as long as that is allowed; how many that were.
    fn as_much_as_it_may(share: &Share) -> usize {
        (0..).take_while(|_| share.take(1)).count()
    }

    #[test]
    fn one_alone_may_have_half_and_leaves_as_much_to_the_next() {
        let pool = Pool::new(1000);
        let (first, second, third) = (Share::of(&pool), Share::of(&pool), Share::of(&pool));
        assert_eq!(as_much_as_it_may(&first), 500);
        assert_eq!(as_much_as_it_may(&second), 250);
        assert_eq!(as_much_as_it_may(&third), 125);
        // Who has more than its share gives back, and may not take it again before the others have theirs.
        first.give_back(250);
        let (second_more, first_more) = (as_much_as_it_may(&second), as_much_as_it_may(&first));
        assert!(second_more > 0 && first_more < 125, "{second_more}, {first_more}");
    }

    #[test]
    fn callers_that_weigh_as_one_have_together_what_one_has() {
        let pool = Pool::new(1000);
        let anonymous = Share::of(&pool);
        let addresses: Vec<Arc<Share>> = (0..100).map(|_| Share::within(&anonymous)).collect();
        let taken: Vec<usize> = addresses.iter().map(|share| as_much_as_it_may(share)).collect();
        assert_eq!(taken[..3], [250, 125, 63]);
        // Whoever comes late finds a little, until only what is kept for others is left.
        assert!(taken.iter().take(20).all(|taken| *taken >= 1000 / LITTLE), "{taken:?}");
        assert!(anonymous.used() <= 750);
        let known = Share::of(&pool);
        assert!(as_much_as_it_may(&known) >= 125);
    }

    #[test]
    fn what_is_refused_takes_nothing() {
        let pool = Pool::new(10);
        let share = Share::within(&Share::of(&pool));
        assert!(!share.take(11) && !share.take(usize::MAX / 4));
        assert_eq!((pool.used(), share.used()), (0, 0));
        assert!(share.take(2));
        share.give_back(2);
        assert_eq!((pool.used(), share.used()), (0, 0));
    }

    proptest! {
        #[test]
        fn nobody_is_locked_out_by_others(order in prop::collection::vec(0_usize..7, 1..4000)) {
            let pool = Pool::new(1000);
            let anonymous = Share::of(&pool);
            let callers: Vec<Arc<Share>> = (0..7)
                .map(|number| if number < 4 { Share::of(&pool) } else { Share::within(&anonymous) })
                .collect();
            for caller in order {
                let _ = callers[caller].take(1);
                prop_assert!(pool.used() <= pool.capacity());
            }
            prop_assert!(Share::of(&pool).take(1), "a newcomer finds something: {pool:?}");
        }
    }
}
