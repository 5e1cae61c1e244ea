//! How often an address may present what proves nothing. Keys and tokens cannot be guessed; this keeps trying from
//! costing anything.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use kakehashi_core::ClientNetwork;

/// Attempts a second from one address in the long run. Behind one address of a city hall there may be a hundred
/// applications, each of which has a new token once in minutes.
const PER_SECOND: NonZeroU32 = NonZeroU32::MIN.saturating_add(9);

/// Attempts at once after a pause.
const AT_ONCE: NonZeroU32 = NonZeroU32::MIN.saturating_add(99);

/// Addresses that are remembered before those that have all attempts back are forgotten.
const MAX_ADDRESSES: usize = 100_000;

/// What each address has left.
#[derive(Debug)]
pub struct FailedAttempts {
    left: DefaultKeyedRateLimiter<ClientNetwork>,
    clock: DefaultClock,
}

impl Default for FailedAttempts {
    fn default() -> Self {
        Self {
            left: RateLimiter::keyed(Quota::per_second(PER_SECOND).allow_burst(AT_ONCE)),
            clock: DefaultClock::default(),
        }
    }
}

impl FailedAttempts {
    /// Counts an attempt that has failed, or that costs something to find out.
    ///
    /// # Errors
    /// How long the address has to wait, when it has none left.
    pub fn count(&self, address: ClientNetwork) -> Result<(), Duration> {
        if self.left.len() > MAX_ADDRESSES {
            self.left.retain_recent();
        }
        self.left
            .check_key(&address)
            .map_err(|not_until| not_until.wait_time_from(self.clock.now()))
    }
}
