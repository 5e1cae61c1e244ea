//! Changes of entities that wait to be compared with the subscriptions that they may concern: of each owner in the order
//! in which they were made, by turns with whatever else is computed for that owner. Whoever has made subscriptions that
//! take long to compare holds up neither the writers nor other owners.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hashbrown::HashMap;
use kakehashi_core::consumer::Consumer;
use kakehashi_core::names::ConsumerId;
use kakehashi_resources::pause;
use kakehashi_revision::{Process, Revision};
use kakehashi_runtime::Spawner;
use ngsi_ld::{AttributeName, Entity};
use tokio::sync::watch;

use super::access::Access;
use super::entity_written::{EntityWritten, Known};
use super::matching::{self, Notice};
use super::notification::Content;
use super::waiting::{Cause, Pending};
use super::{Entry, Subscriptions};

/// Most changes of one owner that wait. More means that its subscriptions take longer to compare than entities change.
const MOST_WAITING: usize = 1000;

/// Most bytes of entities that wait for one owner.
const MOST_WAITING_BYTES: usize = 16 * 1024 * 1024;

/// Most bytes of entities that wait for all owners together.
const MOST_WAITING_BYTES_IN_ALL: usize = 128 * 1024 * 1024;

/// How long one change may take to be compared with the subscriptions of one owner. Its other changes wait meanwhile.
const PATIENCE: Duration = Duration::from_secs(10);

/// A change, and the subscriptions of one owner that it may concern.
#[derive(Debug)]
struct Concerning {
    written: Arc<EntityWritten>,
    entries: Vec<Arc<Entry>>,
}

/// What waits of one owner.
#[derive(Debug, Default)]
struct Line {
    waiting: VecDeque<Concerning>,
    bytes: usize,
}

#[derive(Debug, Default)]
struct Waiting {
    owners: HashMap<ConsumerId, Line>,
    bytes: usize,
    /// Nothing is taken any more: the process ends.
    is_closed: bool,
}

/// All changes that wait to be compared.
#[derive(Debug)]
pub(super) struct Changes {
    spawner: Spawner,
    waiting: Mutex<Waiting>,
    /// How many wait or are being compared.
    count: watch::Sender<usize>,
}

impl Changes {
    pub(super) fn new(spawner: Spawner) -> Self {
        Self {
            spawner,
            waiting: Mutex::default(),
            count: watch::Sender::new(0),
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        // Nothing panics while it is held.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a change wait to be compared with subscriptions. Those for whose owners too many wait already are given back.
    pub(super) fn push(
        subscriptions: &Arc<Subscriptions>,
        written: EntityWritten,
        entries: Vec<Arc<Entry>>,
    ) -> Vec<Arc<Entry>> {
        let written = Arc::new(written);
        let mut owners: HashMap<ConsumerId, Vec<Arc<Entry>>> = HashMap::new();
        for entry in entries {
            owners.entry(entry.key.owner.clone()).or_default().push(entry);
        }
        let mut refused = Vec::new();
        for (owner, entries) in owners {
            let concerning = Concerning {
                written: Arc::clone(&written),
                entries,
            };
            if let Err(concerning) = subscriptions.changes.push_one(subscriptions, owner, concerning) {
                refused.extend(concerning.entries);
            }
        }
        refused
    }

    fn push_one(
        &self,
        subscriptions: &Arc<Subscriptions>,
        owner: ConsumerId,
        concerning: Concerning,
    ) -> Result<(), Concerning> {
        let bytes = concerning.written.bytes;
        let mut waiting = self.waiting();
        let in_all = waiting.bytes.saturating_add(bytes);
        let (count, of_owner) = waiting.owners.get(&owner).map_or((0, bytes), |line| {
            (line.waiting.len(), line.bytes.saturating_add(bytes))
        });
        if waiting.is_closed
            || count >= MOST_WAITING
            || of_owner > MOST_WAITING_BYTES
            || in_all > MOST_WAITING_BYTES_IN_ALL
        {
            return Err(concerning);
        }
        if !waiting.owners.contains_key(&owner)
            && self
                .spawner
                .spawn(compare_all(Arc::clone(subscriptions), owner.clone()))
                .is_err()
        {
            return Err(concerning);
        }
        // The line is looked at by what was spawned once this is let go.
        let line = waiting.owners.entry(owner).or_default();
        line.waiting.push_back(concerning);
        line.bytes = of_owner;
        waiting.bytes = in_all;
        self.count.send_modify(|count| *count += 1);
        Ok(())
    }

    /// The next of an owner. An empty line ends.
    fn next(&self, owner: &ConsumerId) -> Option<Concerning> {
        let mut waiting = self.waiting();
        let line = waiting.owners.get_mut(owner)?;
        let next = line.waiting.pop_front();
        if next.is_none() {
            waiting.owners.remove(owner);
        }
        next
    }

    /// Gives back what a change weighed.
    fn done(&self, owner: &ConsumerId, bytes: usize) {
        let mut waiting = self.waiting();
        waiting.bytes = waiting.bytes.saturating_sub(bytes);
        if let Some(line) = waiting.owners.get_mut(owner) {
            line.bytes = line.bytes.saturating_sub(bytes);
        }
        drop(waiting);
        self.count.send_modify(|count| *count = count.saturating_sub(1));
    }

    /// Something waits to be read before it can be compared.
    pub(super) fn waits(&self) {
        self.count.send_modify(|count| *count += 1);
    }

    /// It was read, or never will be.
    pub(super) fn waits_no_more(&self) {
        self.count.send_modify(|count| *count = count.saturating_sub(1));
    }

    /// Waits until nothing waits, at most as long as told. Whether that was reached.
    pub(super) async fn compared_within(&self, patience: Duration) -> bool {
        let mut count = self.count.subscribe();
        let compared = tokio::time::timeout(patience, count.wait_for(|count| *count == 0)).await;
        compared.is_ok()
    }

    /// Takes nothing any more. How many changes of each owner were not compared.
    pub(super) fn close(&self) -> Vec<(ConsumerId, usize)> {
        let mut waiting = self.waiting();
        waiting.is_closed = true;
        let lines = waiting.owners.drain();
        let left = lines.map(|(owner, line)| (owner, line.waiting.len()));
        left.filter(|(_, count)| *count > 0).collect()
    }
}

/// Compares the changes of one owner, one after the other.
async fn compare_all(subscriptions: Arc<Subscriptions>, owner: ConsumerId) {
    let changes = &subscriptions.changes;
    while let Some(concerning) = changes.next(&owner) {
        let written = Arc::clone(&concerning.written);
        let bytes = written.bytes;
        let entries = concerning.entries.clone();
        // A fault must cost this change alone, not those behind it.
        let compared = changes
            .spawner
            .guarded(compare(&subscriptions, concerning))
            .await
            .flatten();
        match compared {
            Some(notices) => {
                for (entry, revision, notice) in notices {
                    subscriptions.push(Pending {
                        content: Content::Change(Box::new(notice)),
                        cause: Cause::Written(Arc::clone(&written)),
                        entry,
                        bytes,
                        revision,
                    });
                }
            }
            None => entries.iter().for_each(|entry| subscriptions.not_told(entry)),
        }
        changes.done(&owner, bytes);
    }
}

/// Whom of an owner's subscriptions a change is told to, and what; `None` when that took too long.
async fn compare(
    subscriptions: &Arc<Subscriptions>,
    concerning: Concerning,
) -> Option<Vec<(Arc<Entry>, Arc<Revision>, Notice)>> {
    let process = subscriptions.process.get()?;
    let revision = &concerning.written.revision;
    // Each may stand on another credential or purpose: that one of them is withdrawn silences none of the others.
    let owner = concerning.entries.iter().find_map(|entry| entry.consumer(revision));
    let Some(owner) = owner else {
        // Nobody is told any more.
        return Some(Vec::new());
    };
    let resources = process.admission.beside(&owner, Instant::now() + PATIENCE);
    resources.compute(notices(concerning)).await.ok()
}

async fn notices(concerning: Concerning) -> Vec<(Arc<Entry>, Arc<Revision>, Notice)> {
    let Concerning { written, entries } = concerning;
    let mut notices = Vec::new();
    for entry in entries {
        if let Some(notice) = notice(&written, &written.revision, &entry).await {
            notices.push((entry, Arc::clone(&written.revision), notice));
        }
        pause().await;
    }
    notices
}

/// What a subscription's owner is told of a change now, where another revision holds than when it was made.
pub(super) async fn content_now(
    process: &Process,
    revision: &Arc<Revision>,
    consumer: &Consumer,
    entry: &Arc<Entry>,
    written: &Arc<EntityWritten>,
) -> Option<Content> {
    let resources = process.admission.beside(consumer, Instant::now() + PATIENCE);
    let (revision, entry, written) = (Arc::clone(revision), Arc::clone(entry), Arc::clone(written));
    let notice = async move { notice(&written, &revision, &entry).await };
    let notice = resources.compute(notice).await.ok().flatten()?;
    Some(Content::Change(Box::new(notice)))
}

async fn notice(written: &EntityWritten, revision: &Revision, entry: &Entry) -> Option<Notice> {
    let EntityWritten {
        before, after, known, ..
    } = written;
    // As it is configured now: what it may tell may have changed, too.
    let source = revision.registry.configured().iter();
    let source = source
        .filter(|source| source.id == written.source.id)
        .find(|source| source.tenant == written.source.tenant)?;
    let consumer = entry.consumer(revision)?;
    let access = Access {
        revision,
        consumer: &consumer,
        tenant: entry.key.tenant.as_ref(),
    };
    let visible = |entity: &Option<Entity>| entity.as_ref().and_then(|entity| access.visible(source, entity));
    match known {
        Known::All => matching::notice(&entry.subscription, visible(before), visible(after)).await,
        Known::Since(since) => matching::notice_since(&entry.subscription, visible(after)?, since).await,
        Known::Gone(names) => {
            let after = after.as_ref()?;
            let is_shown = |name: &&AttributeName| access.always_shows(source, &after.types, name);
            let gone: Vec<AttributeName> = names.iter().filter(is_shown).cloned().collect();
            matching::notice_of_parts(&entry.subscription, access.visible(source, after)?, &gone).await
        }
        // What is not known may be what hides it.
        Known::Name if !access.covers_every_entity(source, &before.as_ref()?.types) => None,
        Known::Name if !matching::is_judged_by_name(&entry.subscription) => None,
        Known::Name => matching::notice(&entry.subscription, visible(before), None).await,
    }
}
