//! How far a request to a source is, for all who wait for its answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::time::Instant;

/// How far a request is.
#[derive(Debug)]
pub(super) struct Progress {
    /// When the source's own time for it is over.
    pub(super) deadline: Instant,
    /// Whether somebody has said that it takes too long.
    is_late: AtomicBool,
    /// The trace that it was sent in.
    pub(super) traceparent: Option<Arc<str>>,
}

impl Progress {
    pub(super) fn new(deadline: Instant, traceparent: Option<Arc<str>>) -> Arc<Self> {
        Arc::new(Self {
            deadline,
            is_late: AtomicBool::new(false),
            traceparent,
        })
    }

    /// Whether this is the first to say that it takes too long: one exchange counts once.
    pub(super) fn is_first_to_leave(&self) -> bool {
        !self.is_late.swap(true, Ordering::Relaxed)
    }
}
