//! What every part of the running process shares, whatever it does.

use std::sync::Arc;

use arc_swap::ArcSwap;
use kakehashi_runtime::{Admission, ConsumerLimiters};
use kakehashi_telemetry::Metrics;
use tokio::sync::watch;

use crate::Revision;

/// The revision that holds now. Clones see the same one.
#[derive(Debug, Clone)]
pub struct RunningRevision {
    now: Arc<ArcSwap<Revision>>,
    replaced: watch::Sender<u64>,
}

impl RunningRevision {
    /// Begins with this revision.
    #[must_use]
    pub fn new(revision: Revision) -> Self {
        revision.say_what_may_rest(None);
        Self {
            now: Arc::new(ArcSwap::from_pointee(revision)),
            replaced: watch::Sender::new(0),
        }
    }

    /// The revision that holds now. A request takes it once and keeps it to its end.
    #[must_use]
    pub fn now(&self) -> Arc<Revision> {
        self.now.load_full()
    }

    /// Lets another revision hold from now on. Requests under way keep theirs.
    pub fn replace(&self, revision: Arc<Revision>) {
        // First, so that nothing is written in between that may not rest any more.
        let earlier = self.now();
        revision.say_what_may_rest(Some(&earlier));
        // Likewise nothing is kept, or read from what is, in between that may not be any more.
        revision.erase_what_is_not_held_after(&earlier);
        self.now.store(revision);
        self.replaced.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Tells whenever another revision holds.
    #[must_use]
    pub fn replacements(&self) -> watch::Receiver<u64> {
        self.replaced.subscribe()
    }
}

/// What is shared by requests and by what is done beside them. Clones share all of it.
#[derive(Debug, Clone)]
pub struct Process {
    /// The revision that holds now.
    pub revision: RunningRevision,
    /// Who is let in, and what each may use.
    pub admission: Arc<Admission>,
    /// What consumers have left of their limits.
    pub limiters: Arc<ConsumerLimiters>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}
