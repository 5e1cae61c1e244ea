//! The adapter around another: it answers from memory what it can, and hands everything else on.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures::future::BoxFuture;
use kakehashi_contract::{
    Adapter, AdapterError, Call, EntityWriter, History, Notifies, PreparedQuery, SourceId, SourceQuery, SourceStatus,
};
use kakehashi_resources::share::Share;
use kakehashi_trouble::Trouble;
use ngsi_ld::{AttributeName, TypeName};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use crate::holding::{Holding, Judge, NotHeld};
use crate::memory::HeldMemory;
use crate::prepared::PreparedHeld;
use crate::reading;
use crate::snapshot::{FoundByAttribute, MOST_COLUMNS, Snapshot};

/// Begins what reads the source beside requests, and begins it again if it has broken off. It ends by itself once nothing is
/// kept any more.
pub type Upkeep = Box<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>;

/// An [`Adapter`] that keeps what another has read.
pub struct HeldSource {
    shared: Arc<Shared>,
}

/// What is kept of a source now, for metrics and administrators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeldStatus {
    /// For how long it is kept.
    pub hold: Duration,
    /// How many entities.
    pub entities: usize,
    /// About how many bytes.
    pub bytes: usize,
    /// How long ago it was read; `None`: nothing is kept.
    pub age: Option<Duration>,
    /// How often the source was read.
    pub readings: u64,
    /// How often that failed.
    pub failures: u64,
    /// Why nothing is kept.
    pub not_held: Option<NotHeld>,
}

/// What requests and the reading share.
pub(crate) struct Shared {
    pub(crate) itself: Arc<dyn Adapter>,
    pub(crate) hold: Duration,
    pub(crate) holding: Holding,
    pub(crate) judge: Judge,
    pub(crate) share: Arc<Share>,
    pub(crate) state: watch::Sender<State>,
    /// Somebody needs something that is not there.
    wanted: Arc<Notify>,
    found_by: Mutex<Vec<FoundByAttribute>>,
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

impl HeldSource {
    /// Around an adapter. `holding` says what may be kept for `hold`, `judge` what of an entity. What reads the source has to run
    /// as long as this is there.
    #[must_use]
    pub fn new(
        itself: Arc<dyn Adapter>,
        hold: Duration,
        holding: Holding,
        judge: Judge,
        memory: &HeldMemory,
    ) -> (Self, Upkeep) {
        let shared = Arc::new(Shared {
            itself,
            hold,
            holding,
            judge,
            share: memory.share(),
            state: watch::Sender::new(State::default()),
            wanted: Arc::default(),
            found_by: Mutex::default(),
            readings: AtomicU64::new(0),
            failures: AtomicU64::new(0),
        });
        let upkeep = reading::upkeep(&shared, &shared.wanted);
        (Self { shared }, upkeep)
    }

    /// The source without what is kept of it.
    #[must_use]
    pub fn itself(&self) -> &Arc<dyn Adapter> {
        &self.shared.itself
    }

    /// For how long something is kept.
    #[must_use]
    pub fn hold(&self) -> Duration {
        self.shared.hold
    }

    /// What is kept.
    #[must_use]
    pub fn holding(&self) -> &Holding {
        &self.shared.holding
    }

    /// Forgets everything, and keeps nothing from now on: the source is asked itself. What an answer under way has taken
    /// already it still gives.
    pub fn erase(&self) {
        self.shared.state.send_modify(|state| {
            *state = State {
                is_erased: true,
                ..State::default()
            };
        });
        self.shared.want();
    }

    /// What is kept now.
    #[must_use]
    pub fn status(&self) -> HeldStatus {
        let state = self.shared.state.borrow().clone();
        let snapshot = state.snapshot.as_deref();
        HeldStatus {
            hold: self.shared.hold,
            entities: snapshot.map_or(0, Snapshot::len),
            bytes: snapshot.map_or(0, Snapshot::bytes),
            age: snapshot.map(|snapshot| snapshot.begun.elapsed()),
            readings: self.shared.readings.load(Ordering::Relaxed),
            failures: self.shared.failures.load(Ordering::Relaxed),
            not_held: state.not_held.map(|(_, why)| why),
        }
    }
}

impl Shared {
    pub(crate) fn source(&self) -> &SourceId {
        self.itself.source()
    }

    /// Something is needed: whoever reads the source looks what.
    pub(crate) fn want(&self) {
        self.wanted.notify_one();
    }

    /// Entities are to be found by an attribute, now and after each further reading.
    pub(crate) fn want_to_find_by(&self, wanted: FoundByAttribute) {
        let mut all = self.found_by.lock().unwrap_or_else(PoisonError::into_inner);
        if !all.contains(&wanted) && all.len() < MOST_COLUMNS {
            all.push(wanted);
            drop(all);
            self.want();
        }
    }

    /// What entities are to be found by.
    pub(crate) fn found_by(&self) -> Vec<FoundByAttribute> {
        self.found_by.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // So that whoever reads it learns that nobody is left.
        self.wanted.notify_one();
    }
}

impl fmt::Debug for HeldSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.shared, f)
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

#[async_trait]
impl Adapter for HeldSource {
    fn source(&self) -> &SourceId {
        self.shared.source()
    }

    fn prepare(&self, query: &SourceQuery) -> Arc<dyn PreparedQuery> {
        if self.shared.may_answer(query) {
            Arc::new(PreparedHeld::of(&self.shared, query))
        } else {
            self.shared.itself.prepare(query)
        }
    }

    async fn has_entities_of_several_types(&self, call: &Call) -> Result<bool, AdapterError> {
        self.shared.itself.has_entities_of_several_types(call).await
    }

    async fn may_hold_relationships(&self, names: &[AttributeName], call: &Call) -> Result<bool, AdapterError> {
        self.shared.itself.may_hold_relationships(names, call).await
    }

    async fn held_types(&self, call: &Call) -> Result<Vec<TypeName>, AdapterError> {
        self.shared.itself.held_types(call).await
    }

    fn status(&self) -> Option<SourceStatus> {
        self.shared.itself.status()
    }

    fn trouble(&self) -> Option<Trouble> {
        self.shared.itself.trouble()
    }

    fn notifies(&self) -> Option<&dyn Notifies> {
        self.shared.itself.notifies()
    }

    fn history(&self) -> Option<&dyn History> {
        self.shared.itself.history()
    }

    fn writer(&self) -> Option<&dyn EntityWriter> {
        self.shared.itself.writer()
    }
}
