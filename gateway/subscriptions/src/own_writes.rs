//! What this process writes to a partition, until whoever reads the partition's outbox comes to it: the whole of it, which no
//! outbox keeps, and whom it concerned when it was written. In memory alone, and bounded: what finds no room is told as what
//! others have written.
//!
//! Writes to a partition have turns, so that they come here in the order of their positions. A change that is read while a
//! write is under way may be that write's: whoever reads waits for its end before a change is taken for another's.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kakehashi_adapters::{Position, SourceId};
use kakehashi_core::names::TenantId;
use kakehashi_federation::provide::WatchedWrite;
use kakehashi_federation::registry::RegisteredSource;
use kakehashi_revision::Revision;
use kakehashi_runtime::Slots;
use ngsi_ld::Entity;
use tokio::sync::watch;

use super::entity_written::{EntityWritten, Known};
use super::{Entry, Subscriptions};

/// Most writes to one partition that wait to be read: those of some seconds. They are read whenever one was made.
const MOST_WAITING: usize = 4096;

/// Most bytes of their entities: what an owner may let wait once they are read is not more than twice that.
const MOST_WAITING_BYTES: usize = 8 * 1024 * 1024;

/// The same of all partitions together: partitions that cannot be read now leave the others half of what may wait to be
/// compared.
const MOST_WAITING_BYTES_IN_ALL: usize = 64 * 1024 * 1024;

/// Which partition.
pub(super) type PartitionName = (SourceId, TenantId);

/// A write, and the subscriptions that it may concern.
#[derive(Debug)]
pub(super) struct Concerning {
    pub(super) written: EntityWritten,
    pub(super) entries: Vec<Arc<Entry>>,
}

/// A write of this process that waits to be read; nothing: it concerns nobody.
#[derive(Debug)]
pub(super) struct OwnWrite {
    pub(super) position: Position,
    pub(super) concerning: Option<Box<Concerning>>,
}

/// One partition: who writes to it, what was written, and how far its outbox was read.
#[derive(Debug)]
pub(super) struct Partition {
    /// Who writes: one at a time, so that what is notified comes in the order of the writes.
    pub(super) turns: Slots,
    state: Mutex<State>,
    /// How many writes have ended.
    ended: watch::Sender<usize>,
    bytes_in_all: Arc<AtomicUsize>,
}

#[derive(Debug, Default)]
struct State {
    /// How many writes have begun.
    begun: usize,
    waiting: VecDeque<OwnWrite>,
    bytes: usize,
    /// Up to where the outbox was read; `None`: it is not read now.
    position: Option<Position>,
    /// Whether somebody reads it, or will when something has to be told.
    is_followed: bool,
}

impl Partition {
    pub(super) fn new(bytes_in_all: &Arc<AtomicUsize>) -> Self {
        Self {
            turns: Slots::new(1, 1),
            state: Mutex::default(),
            ended: watch::Sender::new(0),
            bytes_in_all: Arc::clone(bytes_in_all),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until every write has ended that has begun by now: then it waits here, or has come to nothing.
    pub(super) async fn settled(&self) {
        let begun = self.state().begun;
        let mut ended = self.ended.subscribe();
        // The sender is here.
        let _ended = ended.wait_for(|ended| *ended >= begun).await;
    }

    /// Keeps a write until it is read. It is given back where nobody reads; what finds no room is given up, and will be read
    /// as if another process had made it.
    fn keep(&self, write: OwnWrite) -> Result<bool, OwnWrite> {
        let bytes = write.bytes();
        let mut state = self.state();
        if !state.is_followed && state.position.is_none() {
            return Err(write);
        }
        let in_all = self.bytes_in_all.load(Ordering::Relaxed).saturating_add(bytes);
        if state.waiting.len() >= MOST_WAITING
            || state.bytes.saturating_add(bytes) > MOST_WAITING_BYTES
            || in_all > MOST_WAITING_BYTES_IN_ALL
        {
            return Ok(false);
        }
        state.bytes = state.bytes.saturating_add(bytes);
        self.bytes_in_all.fetch_add(bytes, Ordering::Relaxed);
        state.waiting.push_back(write);
        Ok(true)
    }

    /// Whether the write at that position waits here.
    pub(super) fn has(&self, position: Position) -> bool {
        let state = self.state();
        let place = state.waiting.binary_search_by_key(&position, |write| write.position);
        place.is_ok()
    }

    /// Takes the writes up to a position.
    pub(super) fn take_up_to(&self, position: Position) -> Vec<OwnWrite> {
        let mut state = self.state();
        let count = state.waiting.partition_point(|write| write.position <= position);
        let taken: Vec<OwnWrite> = state.waiting.drain(..count).collect();
        self.give_back(&mut state, &taken);
        taken
    }

    fn give_back(&self, state: &mut State, taken: &[OwnWrite]) {
        let bytes = taken.iter().map(OwnWrite::bytes).sum();
        state.bytes = state.bytes.saturating_sub(bytes);
        self.bytes_in_all.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Up to where the outbox was read.
    pub(super) fn position(&self) -> Option<Position> {
        self.state().position
    }

    /// The outbox was read up to there, unless it was begun to be read anew meanwhile.
    pub(super) fn read_up_to(&self, position: Position) {
        let mut state = self.state();
        if state.position.is_some_and(|earlier| earlier < position) {
            state.position = Some(position);
        }
    }

    /// The outbox is read from there on.
    pub(super) fn read_on_at(&self, position: Position) {
        self.state().position = Some(position);
    }

    /// Begins to read at the newest change, unless it is read already. What waits here is read, too.
    pub(super) fn begin_at(&self, newest: Position) {
        let mut state = self.state();
        if state.position.is_none() {
            let first = state.waiting.front();
            let before = first.map(|write| Position::of(write.position.number().saturating_sub(1)));
            state.position = Some(before.map_or(newest, |before| before.min(newest)));
        }
    }

    /// Reads nothing more, if nobody wants to be told. What waits here is given.
    pub(super) fn rest_unless(&self, is_wanted: impl FnOnce() -> bool) -> Vec<OwnWrite> {
        let mut state = self.state();
        if is_wanted() {
            return Vec::new();
        }
        state.position = None;
        self.empty(&mut state)
    }

    /// Somebody reads the outbox from now on. Whether nobody has.
    pub(super) fn follow(&self) -> bool {
        !std::mem::replace(&mut self.state().is_followed, true)
    }

    /// Nobody reads the outbox any more. What waits here is given.
    pub(super) fn unfollow(&self) -> Vec<OwnWrite> {
        let mut state = self.state();
        state.is_followed = false;
        state.position = None;
        self.empty(&mut state)
    }

    fn empty(&self, state: &mut State) -> Vec<OwnWrite> {
        let taken: Vec<OwnWrite> = state.waiting.drain(..).collect();
        self.give_back(state, &taken);
        taken
    }
}

impl OwnWrite {
    fn bytes(&self) -> usize {
        self.concerning
            .as_ref()
            .map_or(0, |concerning| concerning.written.bytes)
    }
}

/// A write that has its turn.
#[derive(Debug)]
pub struct WriteUnderWay {
    subscriptions: Arc<Subscriptions>,
    revision: Arc<Revision>,
    source: Arc<RegisteredSource>,
    partition: Arc<Partition>,
}

impl Subscriptions {
    /// A write has its turn; `None`: nobody has subscribed to anything.
    #[must_use]
    pub fn begin_write(
        self: &Arc<Self>,
        revision: &Arc<Revision>,
        source: &Arc<RegisteredSource>,
    ) -> Option<WriteUnderWay> {
        if !self.are_any() {
            return None;
        }
        let partition = self.partition((source.id.clone(), source.tenant.clone()));
        partition.state().begun += 1;
        Some(WriteUnderWay {
            subscriptions: Arc::clone(self),
            revision: Arc::clone(revision),
            source: Arc::clone(source),
            partition,
        })
    }

    /// Tells of a write of this process that was read.
    pub(super) fn tell_own(self: &Arc<Self>, write: OwnWrite) {
        if let Some(concerning) = write.concerning {
            self.tell(concerning.written, concerning.entries);
            self.changes.waits_no_more();
        }
    }
}

impl WatchedWrite for WriteUnderWay {
    //= 5.5.11.3-1
    fn committed(&self, position: Option<Position>, before: Option<Entity>, after: Option<Entity>) {
        let Some(position) = position else {
            self.subscriptions
                .committed(&self.revision, &self.source, before, after);
            return;
        };
        let types = before.iter().chain(&after).flat_map(|entity| &entity.types);
        let entries = self.subscriptions.concerned(types);
        let written = EntityWritten::new(&self.revision, &self.source, (before, after), Known::All);
        let concerning = (!entries.is_empty()).then(|| Box::new(Concerning { written, entries }));
        let waits = concerning.is_some();
        match self.partition.keep(OwnWrite { position, concerning }) {
            Ok(true) if waits => self.subscriptions.changes.waits(),
            Ok(_) => {}
            Err(write) => {
                if let Some(concerning) = write.concerning {
                    self.subscriptions.tell(concerning.written, concerning.entries);
                }
            }
        }
    }
}

impl Drop for WriteUnderWay {
    fn drop(&mut self) {
        self.partition.ended.send_modify(|ended| *ended += 1);
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    fn partition() -> Partition {
        Partition::new(&Arc::default())
    }

    fn at(position: i64) -> OwnWrite {
        OwnWrite {
            position: Position::of(position),
            concerning: None,
        }
    }

    fn positions(writes: &[OwnWrite]) -> Vec<i64> {
        writes.iter().map(|write| write.position.number()).collect()
    }

    #[test]
    fn what_was_written_before_the_newest_change_was_asked_for_is_read_all_the_same() {
        let partition = partition();
        assert!(partition.keep(at(1)).is_err(), "nobody reads");
        assert!(partition.follow() && !partition.follow(), "one reader");
        assert_eq!(partition.keep(at(7)).ok(), Some(true));
        assert_eq!(partition.keep(at(9)).ok(), Some(true));
        partition.begin_at(Position::of(20));
        assert_eq!(partition.position(), Some(Position::of(6)));
        partition.begin_at(Position::of(30));
        assert_eq!(partition.position(), Some(Position::of(6)), "it has begun");
        assert!(partition.has(Position::of(9)) && !partition.has(Position::of(8)));
        assert_eq!(positions(&partition.take_up_to(Position::of(8))), [7]);
        partition.read_up_to(Position::of(8));
        partition.read_up_to(Position::of(5));
        assert_eq!(partition.position(), Some(Position::of(8)), "never back");
        assert_eq!(positions(&partition.unfollow()), [9]);
        assert_eq!(partition.position(), None);
    }

    #[test]
    fn whoever_reads_on_after_it_was_begun_anew_does_not_turn_it_back() {
        let partition = partition();
        partition.follow();
        partition.begin_at(Position::of(3));
        assert!(partition.rest_unless(|| true).is_empty());
        assert_eq!(partition.position(), Some(Position::of(3)), "somebody wants to be told");
        partition.rest_unless(|| false);
        partition.read_up_to(Position::of(4));
        assert_eq!(partition.position(), None);
        partition.begin_at(Position::of(50));
        partition.read_up_to(Position::of(5));
        assert_eq!(partition.position(), Some(Position::of(50)));
        partition.read_on_at(Position::of(2));
        assert_eq!(
            partition.position(),
            Some(Position::of(2)),
            "a file in the place of another"
        );
    }

    #[test]
    fn what_finds_no_room_is_given_up() {
        let partition = partition();
        partition.follow();
        for position in 1..=4096 {
            assert_eq!(partition.keep(at(position)).ok(), Some(true));
        }
        assert_eq!(partition.keep(at(5000)).ok(), Some(false));
        assert_eq!(partition.take_up_to(Position::of(100)).len(), 100);
        assert_eq!(partition.keep(at(5001)).ok(), Some(true));
        assert!(!partition.has(Position::of(5000)));
    }

    #[tokio::test]
    async fn a_write_that_begins_later_is_not_waited_for() {
        let partition = partition();
        partition.settled().await;
        partition.state().begun += 1;
        let mut settled = Box::pin(partition.settled());
        assert!(settled.as_mut().now_or_never().is_none(), "one is under way");
        partition.ended.send_modify(|ended| *ended += 1);
        partition.state().begun += 1;
        assert!(settled.now_or_never().is_some());
    }
}
