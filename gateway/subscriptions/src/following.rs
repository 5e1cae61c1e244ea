//! Reading the outboxes of the store's partitions, each by one task, in the order of the commits.
//!
//! What this process has written it knows whole (`own_writes`); what others have written is told as `elsewhere` says. With no
//! subscription at all nothing is read. A reader begins at the newest change: what was changed while no gateway was running is
//! told to nobody.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use futures::StreamExt;
use kakehashi_adapters::{Adapter, AdapterError, Call, Notifies, Position, Told};
use kakehashi_federation::registry::RegisteredSource;
use kakehashi_resources::pause;
use kakehashi_revision::Process;
use tokio::sync::watch;

use super::elsewhere::{Deferred, Elsewhere};
use super::own_writes::{Partition, PartitionName};
use super::{Entry, Subscriptions};

/// How often a partition is looked at for what other processes have written: so late it is told at most. With a hundred
/// partitions that are some fifty small questions a second to files.
const LOOK_INTERVAL: Duration = Duration::from_secs(2);

/// How long one look may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a subscription that is made waits for the places at which the outboxes are to be read from then on.
const PATIENCE_TO_BEGIN: Duration = Duration::from_secs(2);

/// Partitions that are asked at once for their newest change when the first subscription is made.
const ASKED_AT_ONCE: usize = 16;

/// Somebody is about to subscribe: until this is gone the outboxes are read.
pub(super) struct Wanting<'a>(&'a Subscriptions);

impl Drop for Wanting<'_> {
    fn drop(&mut self) {
        self.0
            .awakened
            .send_modify(|wanting| *wanting = wanting.saturating_sub(1));
    }
}

impl Subscriptions {
    /// Whether somebody wants to be told of changes, or is about to.
    fn is_wanted(&self) -> bool {
        *self.awakened.borrow() > 0 || self.are_any()
    }

    /// Somebody is about to subscribe.
    pub(super) fn wanting(&self) -> Wanting<'_> {
        self.awakened.send_modify(|wanting| *wanting += 1);
        Wanting(self)
    }

    /// Begins to read every outbox, so that whatever is changed from now on is told.
    pub(super) async fn begin_reading(self: &Arc<Self>) {
        let Some(process) = self.process.get() else { return };
        let is_first = !self.are_any() && *self.awakened.borrow() == 1;
        let revision = process.revision.now();
        let begin = |source: &Arc<RegisteredSource>| {
            let partition = self.partition((source.id.clone(), source.tenant.clone()));
            let source = Arc::clone(source);
            // Nobody is told of what was changed before the first subscription.
            let left = partition.rest_unless(|| !is_first);
            left.into_iter().for_each(|write| self.tell_own(write));
            async move {
                if let Some(notifies) = source.adapter.notifies()
                    && partition.position().is_none()
                    && let Ok(newest) = notifies.newest_change(&call()).await
                {
                    partition.begin_at(newest);
                }
            }
        };
        let sources = revision.registry.configured().iter();
        let sources = sources.filter(|source| source.adapter.notifies().is_some());
        let beginning: Vec<_> = sources.map(begin).collect();
        let beginning = futures::stream::iter(beginning).for_each_concurrent(ASKED_AT_ONCE, |begin| begin);
        // Of what cannot be read now the reader finds the place as soon as it can be.
        let _in_time = tokio::time::timeout(PATIENCE_TO_BEGIN, beginning).await;
    }

    /// Follows every partition that there is, and that later revisions bring.
    pub(super) fn follow_partitions(self: &Arc<Self>) {
        let subscriptions = Arc::downgrade(self);
        let following = self
            .tasks
            .upkeep
            .keep_running(move || follow_all(Weak::clone(&subscriptions)));
        if let Err(error) = following {
            tracing::error!(%error, "nobody is told of what other processes write to the store");
        }
    }

    fn follow_those_of(self: &Arc<Self>, process: &Process) {
        let revision = process.revision.now();
        for source in revision.registry.configured() {
            if source.adapter.notifies().is_none() {
                continue;
            }
            let name = (source.id.clone(), source.tenant.clone());
            if !self.partition(name.clone()).follow() {
                continue;
            }
            let subscriptions = Arc::downgrade(self);
            let following = self
                .tasks
                .upkeep
                .keep_running(move || follow(Weak::clone(&subscriptions), name.clone()));
            if let Err(error) = following {
                tracing::error!(source_id = %source.id, %error, "nobody is told of what other processes write to the store");
                self.unfollow(&self.partition((source.id.clone(), source.tenant.clone())));
            }
        }
    }

    /// Nobody reads a partition any more. What this process has written to it is told all the same.
    fn unfollow(self: &Arc<Self>, partition: &Partition) {
        for write in partition.unfollow() {
            self.tell_own(write);
        }
    }

    /// Reads some of an outbox. Nothing: there is no such partition any more.
    async fn read_some(self: &Arc<Self>, name: &PartitionName, kept: &mut Kept) -> Option<Read> {
        let process = self.process.get()?;
        let revision = process.revision.now();
        let partition = self.partition(name.clone());
        let source = revision.registry.find(&name.0, &name.1);
        let notifying = source.and_then(|source| Some((source, source.adapter.notifies()?)));
        let Some((source, notifies)) = notifying else {
            self.unfollow(&partition);
            // It may have come back meanwhile.
            self.follow_those_of(process);
            return None;
        };
        // Another may stand in its place, with an order of its own.
        let adapter = Arc::downgrade(&source.adapter);
        let former = kept.adapter.replace(Weak::clone(&adapter));
        if former.is_some_and(|former| !former.ptr_eq(&adapter)) {
            kept.deferred.clear();
            let left = partition.rest_unless(|| false);
            left.into_iter().for_each(|write| self.tell_own(write));
        }
        // Asked for before the outbox is read: what is committed from now on tells.
        let commits = notifies.commits();
        let left = partition.rest_unless(|| self.is_wanted());
        left.into_iter().for_each(|write| self.tell_own(write));
        if !self.is_wanted() {
            kept.deferred.clear();
            return Some(Read {
                commits,
                has_more: false,
            });
        }
        let reading = Reading {
            notifies,
            partition: &partition,
            elsewhere: Elsewhere {
                subscriptions: self,
                revision: &revision,
                source,
                call: call(),
            },
        };
        let read = reading.some(&mut kept.deferred).await;
        let was_failing = std::mem::replace(&mut kept.is_failing, read.is_err());
        let has_more = match read {
            Ok(has_more) => has_more,
            Err(error) => {
                if !was_failing {
                    tracing::warn!(source_id = %source.id, tenant = %source.tenant, kind = %error.kind,
                        detail = %error.detail, "changes cannot be read now; they are told later");
                }
                false
            }
        };
        Some(Read { commits, has_more })
    }

    /// Changes were not told to these subscriptions.
    pub(super) fn missed(&self, source: &RegisteredSource, why: &'static str, entries: &[Arc<Entry>]) {
        if entries.is_empty() {
            return;
        }
        let count = entries.len();
        tracing::warn!(source_id = %source.id, tenant = %source.tenant, why, subscriptions = count, "changes were not told");
        for entry in entries {
            self.count("missed");
            entry.record().failed(super::now(), None);
        }
    }
}

/// What a reader remembers.
#[derive(Default)]
struct Kept {
    adapter: Option<Weak<dyn Adapter>>,
    deferred: Deferred,
    is_failing: bool,
}

/// What came of reading some.
struct Read {
    commits: watch::Receiver<u64>,
    has_more: bool,
}

fn call() -> Call {
    Call::until(Instant::now() + PATIENCE)
}

async fn follow_all(subscriptions: Weak<Subscriptions>) {
    loop {
        let Some(all) = subscriptions.upgrade() else { return };
        let Some(process) = all.process.get() else { return };
        // Asked for before the revision: one that holds from now on tells.
        let mut replacements = process.revision.replacements();
        all.follow_those_of(process);
        // Those of partitions that are gone end.
        all.awakened.send_modify(|_| {});
        drop(all);
        if replacements.changed().await.is_err() {
            return;
        }
    }
}

async fn follow(subscriptions: Weak<Subscriptions>, name: PartitionName) {
    let mut kept = Kept::default();
    loop {
        let Some(all) = subscriptions.upgrade() else { return };
        let mut awakened = all.awakened.subscribe();
        let Some(Read { mut commits, has_more }) = all.read_some(&name, &mut kept).await else {
            return;
        };
        if has_more {
            pause().await;
            continue;
        }
        let is_wanted = all.is_wanted();
        drop(all);
        if !is_wanted {
            if awakened.changed().await.is_err() {
                return;
            }
            continue;
        }
        tokio::select! {
            woken = commits.changed() => if woken.is_err() {
                // Its partition was closed: another may be in its place by then.
                tokio::time::sleep(LOOK_INTERVAL).await;
            },
            () = tokio::time::sleep(LOOK_INTERVAL) => {}
        }
    }
}

/// Reads one outbox.
struct Reading<'a> {
    notifies: &'a dyn Notifies,
    partition: &'a Partition,
    elsewhere: Elsewhere<'a>,
}

impl Reading<'_> {
    /// Reads some, and tells of it. Whether there may be more.
    async fn some(&self, deferred: &mut Deferred) -> Result<bool, AdapterError> {
        let call = &self.elsewhere.call;
        let Some(position) = self.partition.position() else {
            let newest = self.notifies.newest_change(call).await?;
            self.partition.settled().await;
            self.partition.begin_at(newest);
            return Ok(true);
        };
        match self.notifies.changes_after(position, call).await {
            Ok(Told::Changes(changes)) if changes.is_empty() => Ok(false),
            Ok(Told::Changes(changes)) => {
                if changes.iter().any(|change| !self.partition.has(change.position)) {
                    self.partition.settled().await;
                }
                for change in changes {
                    let position = change.position;
                    if !self.tell_own(position, deferred) {
                        self.elsewhere.tell(change, deferred).await;
                    }
                    self.partition.read_up_to(position);
                    pause().await;
                }
                Ok(true)
            }
            Ok(Told::FellBehind { newest }) => {
                self.fell_behind(newest, deferred).await;
                Ok(true)
            }
            // What cannot be read later either is in the way of everything after it.
            Err(error) if !error.kind.is_retryable() => {
                let newest = self.notifies.newest_change(call).await?;
                self.fell_behind(newest, deferred).await;
                Err(error)
            }
            Err(error) => Err(error),
        }
    }

    /// Tells what this process has written up to a position. Whether the change at the position is among that.
    fn tell_own(&self, position: Position, deferred: &mut Deferred) -> bool {
        let mut is_own = false;
        for write in self.partition.take_up_to(position) {
            is_own = write.position == position;
            self.elsewhere.tell_own(write, deferred);
        }
        is_own
    }

    /// Changes up to the newest are gone. What this process has written is told all the same.
    async fn fell_behind(&self, newest: Position, deferred: &mut Deferred) {
        self.partition.settled().await;
        self.tell_own(newest, deferred);
        deferred.clear();
        self.elsewhere.missed("the reader fell behind");
        self.partition.read_on_at(newest);
    }
}
