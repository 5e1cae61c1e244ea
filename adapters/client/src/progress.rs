//! How far a request to a source is, for all who wait for its answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::manners::SILENCE_THAT_COUNTS;

/// How far a request is.
#[derive(Debug)]
pub(super) struct Progress {
    /// When it was sent.
    sent: Instant,
    /// When the source's own time for it is over.
    pub(super) deadline: Instant,
    /// Microseconds from `sent` on until something came last.
    came: AtomicU64,
    /// Whether somebody has said that it takes too long.
    is_late: AtomicBool,
    /// The trace that it was sent in.
    pub(super) traceparent: Option<Arc<str>>,
}

impl Progress {
    pub(super) fn new(sent: Instant, deadline: Instant, traceparent: Option<Arc<str>>) -> Arc<Self> {
        Arc::new(Self {
            sent,
            deadline,
            came: AtomicU64::new(0),
            is_late: AtomicBool::new(false),
            traceparent,
        })
    }

    /// The source has sent something.
    pub(super) fn has_come(&self, now: Instant) {
        let after = u64::try_from(now.saturating_duration_since(self.sent).as_micros()).unwrap_or(u64::MAX);
        self.came.store(after, Ordering::Relaxed);
    }

    /// Whether the source is silent for so long that it counts.
    pub(super) fn is_silent(&self) -> bool {
        let came = Duration::from_micros(self.came.load(Ordering::Relaxed));
        self.sent.elapsed().saturating_sub(came) >= SILENCE_THAT_COUNTS
    }

    /// Whether this is the first to say that it takes too long: one exchange counts once.
    pub(super) fn is_first_to_leave(&self) -> bool {
        !self.is_late.swap(true, Ordering::Relaxed)
    }
}
