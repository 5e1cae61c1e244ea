//! What requests and the reading of a source share: what is known of it, and what is wanted.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use kakehashi_contract::{Adapter, AdapterError, SourceId};
use kakehashi_index::{Finders, FoundByAttribute, Holding, Judge, NotHeld, Snapshot, SourceMemory};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use crate::memory::HeldMemory;

/// What requests and the reading share.
pub(crate) struct Shared {
    pub(crate) itself: Arc<dyn Adapter>,
    pub(crate) hold: Duration,
    pub(crate) holding: Holding,
    pub(crate) judge: Judge,
    pub(crate) memory: SourceMemory,
    pub(crate) state: watch::Sender<State>,
    /// Somebody needs something that is not there.
    pub(crate) wanted: Arc<Notify>,
    found_by: Finders,
    pub(crate) readings: AtomicU64,
    pub(crate) failures: AtomicU64,
}

/// What is known of the source.
#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    pub(crate) snapshot: Option<Arc<Snapshot>>,
    /// The latest reading, if it failed: when, and how.
    pub(crate) failed: Option<(Instant, AdapterError)>,
    /// When it turned out that what the source holds is not kept, and why.
    pub(crate) not_held: Option<(Instant, NotHeld)>,
    /// Nothing may be kept any more.
    pub(crate) is_erased: bool,
}

impl Shared {
    /// Nothing is known yet.
    pub(crate) fn new(
        itself: Arc<dyn Adapter>,
        hold: Duration,
        holding: Holding,
        judge: Judge,
        memory: &HeldMemory,
    ) -> Self {
        Self {
            itself,
            hold,
            holding,
            judge,
            memory: memory.0.of_source(),
            state: watch::Sender::new(State::default()),
            wanted: Arc::default(),
            found_by: Finders::default(),
            readings: AtomicU64::new(0),
            failures: AtomicU64::new(0),
        }
    }

    pub(crate) fn source(&self) -> &SourceId {
        self.itself.source()
    }

    /// Something is needed: whoever reads the source looks what.
    pub(crate) fn want(&self) {
        self.wanted.notify_one();
    }

    /// Entities are to be found by an attribute, now and after each further reading.
    pub(crate) fn want_to_find_by(&self, wanted: FoundByAttribute) {
        if self.found_by.want(wanted) {
            self.want();
        }
    }

    /// What entities are to be found by.
    pub(crate) fn found_by(&self) -> Vec<FoundByAttribute> {
        self.found_by.all()
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // So that whoever reads it learns that nobody is left.
        self.wanted.notify_one();
    }
}

/// Nothing of what is kept.
impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held")
            .field("itself", &self.itself)
            .field("hold", &self.hold)
            .finish_non_exhaustive()
    }
}
