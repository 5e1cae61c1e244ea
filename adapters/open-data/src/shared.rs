//! What requests and the reading of a source share: what is known of it, and what is wanted.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use hashbrown::HashSet;
use kakehashi_contract::{AdapterError, Call, ErrorKind, SourceId};
use kakehashi_index::{Finders, FoundByAttribute, Holding, Judge, Snapshot, SourceMemory};
use kakehashi_kind::{HeldBack, Keeps, ReadStatus, Remembers};
use kakehashi_mapping::Mapping;
use kakehashi_mapping::record::Outside;
use ngsi_ld::AttributeName;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, timeout_at};

use crate::found::Known;
use crate::origin::Origin;

/// What requests and the reading share.
pub(crate) struct Shared {
    pub(crate) source: SourceId,
    pub(crate) origin: Origin,
    /// How records become entities; `None`: they are entities.
    pub(crate) mapping: Option<Arc<Mapping>>,
    /// What is known of the source beside its records.
    pub(crate) outside: Outside,
    /// The files that the mapping names, each once.
    pub(crate) paths: Vec<String>,
    pub(crate) refresh: Duration,
    pub(crate) about: About,
    pub(crate) holding: Holding,
    pub(crate) judge: Judge,
    pub(crate) memory: SourceMemory,
    pub(crate) remembers: Arc<dyn Remembers>,
    pub(crate) state: watch::Sender<State>,
    /// It is to be read now.
    pub(crate) wanted: Arc<Notify>,
    pub(crate) finders: Finders,
    /// What is held back is to be taken when it is read once more.
    pub(crate) is_accepted: AtomicBool,
    pub(crate) readings: AtomicU64,
    pub(crate) unchanged: AtomicU64,
    pub(crate) failures: AtomicU64,
}

/// What a source says of its use.
#[derive(Debug, Clone, Default)]
pub(crate) struct About {
    pub(crate) licence: Option<String>,
    pub(crate) attribution: Option<String>,
}

/// What is known of the source.
#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    pub(crate) data: Option<Arc<Data>>,
    /// When it was known last that the files say that.
    pub(crate) known_at: Option<Instant>,
    /// Why the latest reading failed, and how many have in a row.
    pub(crate) failed: Option<(AdapterError, u32)>,
    pub(crate) held_back: Option<HeldBack>,
    /// Nothing may be kept any more.
    pub(crate) is_erased: bool,
}

/// What was read.
#[derive(Debug)]
pub(crate) struct Data {
    pub(crate) snapshot: Arc<Snapshot>,
    /// Attributes that are a Relationship in some entity.
    pub(crate) relationships: HashSet<AttributeName>,
    /// Records that are no entities, or of which nothing may be kept.
    pub(crate) left_out: usize,
    /// What of the files could not be used.
    pub(crate) told: Vec<String>,
    pub(crate) known: Known,
}

impl Shared {
    pub(crate) fn error(&self, kind: ErrorKind, detail: &'static str) -> AdapterError {
        AdapterError::new(&self.source, kind, detail)
    }

    /// What answers a question. Where nothing was read yet, it waits for that.
    pub(crate) async fn what_answers(&self, call: &Call) -> Result<Arc<Data>, AdapterError> {
        let deadline = Instant::from_std(call.deadline);
        let mut states = self.state.subscribe();
        loop {
            let state = states.borrow_and_update().clone();
            if state.is_erased {
                let detail = "what may be kept of the source has changed since the request began";
                return Err(self.error(ErrorKind::Unreachable, detail));
            }
            if let Some(data) = state.data {
                let age = state.known_at.map_or(Duration::ZERO, |at| at.elapsed());
                let is_stale = state.failed.is_some() || state.held_back.is_some();
                call.freshness.note(&self.source, age, is_stale);
                return Ok(data);
            }
            if let Some((error, _)) = state.failed {
                return Err(error);
            }
            if state.held_back.is_some() {
                let detail = "what was read is held back until an administrator agrees, and there is nothing before it";
                return Err(self.error(ErrorKind::InvalidPayload, detail));
            }
            if !matches!(timeout_at(deadline, states.changed()).await, Ok(Ok(()))) {
                return Err(self.error(ErrorKind::Timeout, "the source was not read in time"));
            }
        }
    }

    /// Entities are to be found by an attribute, now and after each further reading.
    pub(crate) fn want_to_find_by(&self, wanted: FoundByAttribute) {
        if self.finders.want(wanted) {
            self.wanted.notify_one();
        }
    }
}

impl Keeps for Shared {
    fn erase(&self) {
        self.state.send_modify(|state| {
            *state = State {
                is_erased: true,
                ..State::default()
            };
        });
        self.wanted.notify_one();
    }

    fn status(&self) -> ReadStatus {
        let state = self.state.borrow().clone();
        let data = state.data.as_deref();
        ReadStatus {
            refresh: self.refresh,
            entities: data.map_or(0, |data| data.snapshot.len()),
            bytes: data.map_or(0, |data| data.snapshot.bytes()),
            left_out: data.map_or(0, |data| data.left_out),
            told: data.map_or_else(Vec::new, |data| data.told.clone()),
            age: data.and(state.known_at).map(|at| at.elapsed()),
            readings: self.readings.load(Ordering::Relaxed),
            unchanged: self.unchanged.load(Ordering::Relaxed),
            failures: self.failures.load(Ordering::Relaxed),
            failed: state
                .failed
                .map(|(error, _)| format!("{}: {}", error.kind, error.detail)),
            held_back: state.held_back,
            licence: self.about.licence.clone(),
            attribution: self.about.attribution.clone(),
        }
    }

    fn accept(&self) -> bool {
        let is_held_back = self.state.borrow().held_back.is_some();
        if is_held_back {
            self.is_accepted.store(true, Ordering::Relaxed);
            self.read_now();
        }
        is_held_back
    }

    fn read_now(&self) {
        self.wanted.notify_one();
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // So that whoever reads it learns that nobody is left.
        self.wanted.notify_one();
    }
}

/// Nothing of what was read.
impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenData")
            .field("source", &self.source)
            .field("refresh", &self.refresh)
            .finish_non_exhaustive()
    }
}
