//! The circuit breaker of one source: after several failures in a row nobody waits for it for a while.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// Failures in a row that open the circuit. One or two happen when a source restarts; five do not.
pub(super) const FAILURES_TO_OPEN: u32 = 5;

/// How long the circuit stays open before one request tries the source again: long enough to spare a source
/// that is starting, short enough that its return is seen at once.
pub(super) const OPEN_FOR: Duration = Duration::from_secs(5);

/// Whether requests may go to the source.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    failures: u32,
    /// When a trial is allowed; `None` while the circuit is closed.
    retry_at: Option<Instant>,
    /// When the circuit was opened.
    opened_at: Option<SystemTime>,
}

impl Breaker {
    /// Whether a request may go out now. While the circuit is open, one request every [`OPEN_FOR`] may: the
    /// trial. A trial that is abandoned is followed by another after the same time.
    pub(super) fn admits(&self, now: Instant) -> bool {
        let mut state = self.lock();
        match state.retry_at {
            None => true,
            Some(retry_at) if retry_at <= now => {
                state.retry_at = Some(now + OPEN_FOR);
                true
            }
            Some(_) => false,
        }
    }

    /// The source has answered, to the end.
    pub(super) fn succeeded(&self) {
        *self.lock() = State::default();
    }

    /// The source could not be reached, or did not answer to the end in time.
    pub(super) fn failed(&self, now: Instant) {
        let mut state = self.lock();
        state.failures = state.failures.saturating_add(1);
        if state.failures >= FAILURES_TO_OPEN {
            state.retry_at = Some(now + OPEN_FOR);
            state.opened_at.get_or_insert_with(SystemTime::now);
        }
    }

    /// Since when requests are being held back; `None`: they are not.
    pub(super) fn open_since(&self) -> Option<SystemTime> {
        self.lock().opened_at
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is plain fields: whoever panicked has not left them half written.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_after_failures_in_a_row_and_one_trial_closes_it() {
        let breaker = Breaker::default();
        let start = Instant::now();
        for _ in 1..FAILURES_TO_OPEN {
            breaker.failed(start);
        }
        assert!(breaker.admits(start));
        breaker.succeeded();
        for _ in 0..FAILURES_TO_OPEN {
            assert!(breaker.open_since().is_none());
            assert!(breaker.admits(start));
            breaker.failed(start);
        }
        assert!(breaker.open_since().is_some());
        assert!(!breaker.admits(start + OPEN_FOR / 2));

        let trial = start + OPEN_FOR;
        assert!(breaker.admits(trial));
        assert!(!breaker.admits(trial), "one trial at a time");
        breaker.failed(trial);
        assert!(!breaker.admits(trial + OPEN_FOR / 2));
        assert!(breaker.admits(trial + OPEN_FOR));
        breaker.succeeded();
        assert!(breaker.open_since().is_none());
        assert!(breaker.admits(trial + OPEN_FOR));
    }
}
