//! The adapter around another: it answers from memory what it can, and hands everything else on.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use kakehashi_contract::{
    Adapter, AdapterError, Call, EntityWriter, History, Notifies, PreparedQuery, SourceId, SourceQuery, SourceStatus,
};
use kakehashi_index::{Holding, Judge, NotHeld, Snapshot};
use kakehashi_trouble::Trouble;
use ngsi_ld::{AttributeName, TypeName};

use crate::memory::HeldMemory;
use crate::prepared::PreparedHeld;
use crate::reading::{self, Upkeep};
use crate::shared::{Shared, State};

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
        let shared = Arc::new(Shared::new(itself, hold, holding, judge, memory));
        let upkeep = reading::upkeep(&shared);
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

impl fmt::Debug for HeldSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.shared, f)
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

    async fn has_entities_of_several_types(&self, among: &[TypeName], call: &Call) -> Result<bool, AdapterError> {
        self.shared.itself.has_entities_of_several_types(among, call).await
    }

    async fn may_hold_relationships(&self, names: &[AttributeName], call: &Call) -> Result<bool, AdapterError> {
        self.shared.itself.may_hold_relationships(names, call).await
    }

    async fn held_types(&self, call: &Call) -> Result<Vec<TypeName>, AdapterError> {
        self.shared.itself.held_types(call).await
    }

    async fn told_attributes(&self, of: &TypeName, call: &Call) -> Result<Option<Vec<AttributeName>>, AdapterError> {
        self.shared.itself.told_attributes(of, call).await
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
