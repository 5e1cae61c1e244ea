//! Whom a change may concern, and letting it be compared with what they have subscribed to.

use std::sync::Arc;

use kakehashi_federation::registry::RegisteredSource;
use kakehashi_revision::Revision;
use kakehashi_runtime::Slots;
use ngsi_ld::{Entity, TypeName};

use super::changes::Changes;
use super::entity_written::{EntityWritten, Known};
use super::own_writes::{Partition, PartitionName};
use super::{Entry, Subscriptions, now};

impl Subscriptions {
    /// Writes to a partition wait for each other, so that notifications come in the order of the writes. In the line each
    /// consumer stands once.
    #[must_use]
    pub fn turns(&self, source: &RegisteredSource) -> Slots {
        let partition = self.partition((source.id.clone(), source.tenant.clone()));
        partition.turns.clone()
    }

    pub(super) fn partition(&self, name: PartitionName) -> Arc<Partition> {
        let new = || Arc::new(Partition::new(&self.bytes_of_own_writes));
        Arc::clone(&self.partitions.entry(name).or_insert_with(new))
    }

    /// The subscriptions that a change of entities of these types may concern now.
    pub(super) fn concerned<'a>(&self, types: impl IntoIterator<Item = &'a TypeName>) -> Vec<Arc<Entry>> {
        let mut entries = self.directory.about(types.into_iter());
        entries.retain(|entry| entry.is_told_of_changes());
        entries
    }

    /// A write to a source that keeps no order of its changes has been committed: whom it concerns is found out and notified, in
    /// the order of these calls.
    //= 5.5.11.3-1
    pub fn committed(
        self: &Arc<Self>,
        revision: &Arc<Revision>,
        source: &Arc<RegisteredSource>,
        before: Option<Entity>,
        after: Option<Entity>,
    ) {
        let types = before.iter().chain(&after).flat_map(|entity| &entity.types);
        let entries = self.concerned(types);
        if !entries.is_empty() {
            let written = EntityWritten::new(revision, source, (before, after), Known::All);
            self.tell(written, entries);
        }
    }

    /// Lets a change be compared with these subscriptions.
    pub(super) fn tell(self: &Arc<Self>, written: EntityWritten, entries: Vec<Arc<Entry>>) {
        for entry in Changes::push(self, written, entries) {
            self.not_told(&entry);
        }
    }

    /// A subscription is not told of something, because too much waits for it already.
    pub(super) fn not_told(&self, entry: &Entry) {
        tracing::warn!(owner = %entry.key.owner, "too many changes or notifications wait; one is dropped");
        self.count("dropped");
        entry.record().failed(now(), None);
    }
}
