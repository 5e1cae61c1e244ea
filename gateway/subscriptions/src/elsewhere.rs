//! Changes that another process has made, and entities that have expired: what of them the outbox has, and the entity as it is
//! now, are all that is known. What cannot be told is counted.
//!
//! The outbox keeps the whole of an entity where all of it may rest. Otherwise the entity is read as it is now, and
//! what of it has a date from the change on is what was changed. Where it has been changed again since, it is told with that
//! later change, once. Of what is gone its id and types are known: that is enough for subscriptions without conditions.

use std::sync::Arc;

use futures::StreamExt;
use hashbrown::HashMap;
use kakehashi_adapters::{Call, Change, Changed, Fate, SourceQuery, Values, Yielded};
use kakehashi_federation::registry::RegisteredSource;
use kakehashi_resources::pause;
use kakehashi_revision::Revision;
use ngsi_ld::entity::{Attribute, DateTime};
use ngsi_ld::{Entity, EntityId, TypeName};

use super::access::Access;
use super::definition::Trigger;
use super::entity_written::{EntityWritten, Known};
use super::matching::{is_judged_by_name, may_be_subscribed, wants_ends};
use super::own_writes::OwnWrite;
use super::{Entry, Subscriptions};

/// Most entities of a load that are told one by one: half of what may wait for one consumer. Of a larger one nobody is told.
pub const MOST_OF_A_LOAD: u64 = 500;

/// Most entities that are looked at to find those of a load.
const MOST_LOOKED_AT: usize = 20_000;

/// Most entities that are told with a later change. More are not told.
const MOST_DEFERRED: usize = 10_000;

/// Entities that were changed again since, each with when it was first changed: they are told with the later change.
#[derive(Debug, Default)]
pub(super) struct Deferred(HashMap<EntityId, DateTime>);

impl Deferred {
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    fn earlier(&mut self, id: &EntityId, at: DateTime) -> DateTime {
        self.0
            .remove(id)
            .filter(|earlier| earlier.unix_micros() < at.unix_micros())
            .unwrap_or(at)
    }

    /// Whether there was room.
    fn add(&mut self, id: EntityId, since: DateTime) -> bool {
        let has_room = self.0.len() < MOST_DEFERRED;
        if has_room {
            self.0.insert(id, since);
        }
        has_room
    }
}

/// Tells of what others have changed in one partition.
pub(super) struct Elsewhere<'a> {
    pub(super) subscriptions: &'a Arc<Subscriptions>,
    pub(super) revision: &'a Arc<Revision>,
    pub(super) source: &'a Arc<RegisteredSource>,
    pub(super) call: Call,
}

impl Elsewhere<'_> {
    /// Tells of one change.
    pub(super) async fn tell(&self, change: Change, deferred: &mut Deferred) {
        match change.changed {
            Changed::Load { created, replaced } => {
                let count = created.saturating_add(replaced);
                if let Err(why) = self.tell_load(&change.at, count, deferred).await {
                    self.missed(why);
                }
            }
            Changed::Entity { id, types, fate, .. } if fate.is_end() => {
                deferred.0.remove(&id);
                self.tell_end(id, &types);
            }
            Changed::Entity {
                id,
                before: before @ (Values::Nothing | Values::Kept(_)),
                after: Values::Kept(after),
                is_whole: true,
                ..
            } if !deferred.0.contains_key(&id) => {
                let before = match before {
                    Values::Kept(before) => Some(*before),
                    Values::Nothing | Values::NotKept => None,
                };
                self.tell_written((before, Some(*after)), Known::All);
            }
            Changed::Entity {
                id,
                types,
                fate: Fate::PartExpired,
                gone,
                ..
            } => {
                // No date of what is left has moved: whatever else has changed since is told for itself.
                let entries = self.subscriptions.concerned(&types);
                if let Some(entity) = self.found((id, types), &entries).await {
                    self.tell_written((None, Some(entity)), Known::Gone(gone));
                }
            }
            Changed::Entity { id, types, fate, .. } => {
                let since = deferred.earlier(&id, change.at.clone());
                let entries = self.subscriptions.concerned(&types);
                if let Some(entity) = self.found((id, types), &entries).await {
                    self.tell_found(entity, fate == Fate::Created, since, &change.at, deferred);
                }
            }
        }
    }

    /// Changes that nobody can name were not told.
    pub(super) fn missed(&self, why: &'static str) {
        self.missed_by(self.told_of_changes(), why);
    }

    /// A change was not told to these.
    fn missed_by(&self, mut entries: Vec<Arc<Entry>>, why: &'static str) {
        entries.retain(|entry| self.may_be_told(entry));
        self.subscriptions.missed(self.source, why, &entries);
    }

    fn told_of_changes(&self) -> Vec<Arc<Entry>> {
        let mut entries = self.subscriptions.directory.all();
        entries.retain(|entry| entry.is_told_of_changes());
        entries
    }

    fn may_be_told(&self, entry: &Entry) -> bool {
        self.may(entry, |access| access.may_be_told_of(self.source, &entry.subscription))
    }

    fn may(&self, entry: &Entry, may: impl FnOnce(&Access<'_>) -> bool) -> bool {
        entry.consumer(self.revision).is_some_and(|consumer| {
            may(&Access {
                revision: self.revision,
                consumer: &consumer,
                tenant: entry.key.tenant.as_ref(),
            })
        })
    }

    /// Tells what this process has written. What was left of an earlier change of the same entity is told before.
    pub(super) fn tell_own(&self, write: OwnWrite, deferred: &mut Deferred) {
        let written = write.concerning.as_ref().map(|concerning| &concerning.written);
        if let Some(before) = written.and_then(|written| written.before.as_ref())
            && let Some(since) = deferred.0.remove(&before.id)
        {
            self.tell_changed(before.clone(), false, since);
        }
        self.subscriptions.tell_own(write);
    }

    fn tell_written(&self, (before, after): (Option<Entity>, Option<Entity>), known: Known) {
        let types = before.iter().chain(&after).flat_map(|entity| &entity.types);
        let entries = self.subscriptions.concerned(types);
        if !entries.is_empty() {
            let written = EntityWritten::new(self.revision, self.source, (before, after), known);
            self.subscriptions.tell(written, entries);
        }
    }

    /// Of an entity that is gone its id and types are known.
    fn tell_end(&self, id: EntityId, types: &[TypeName]) {
        let mut entries = self.subscriptions.concerned(types);
        let Some((first, others)) = types.split_first() else {
            return;
        };
        let mut entity = Entity::new(id, first.clone());
        entity.types.extend(others.iter().cloned());
        entries.retain(|entry| wants_ends(&entry.subscription) && may_be_subscribed(&entry.subscription, &entity));
        let (told, mut unknown): (Vec<_>, Vec<_>) = entries.into_iter().partition(|entry| {
            let triggers = &entry.subscription.triggers;
            is_judged_by_name(&entry.subscription) && triggers.contains(&Trigger::EntityDeleted)
        });
        // Whoever may see some entities of the type only is not even told that one of them may have gone.
        unknown.retain(|entry| self.may(entry, |access| access.covers_every_entity(self.source, types)));
        self.missed_by(
            unknown,
            "an entity is gone, and whether it met the conditions is not known",
        );
        if !told.is_empty() {
            let written = EntityWritten::new(self.revision, self.source, (Some(entity), None), Known::Name);
            self.subscriptions.tell(written, told);
        }
    }

    /// An entity as it is now, where it concerns somebody; nothing, where it has gone since or is of other types: that is
    /// another change.
    async fn found(&self, (id, types): (EntityId, Vec<TypeName>), entries: &[Arc<Entry>]) -> Option<Entity> {
        if entries.is_empty() {
            return None;
        }
        let query = SourceQuery {
            ids: vec![id],
            system_attributes: true,
            ..SourceQuery::of_types(types)
        };
        match self.source.adapter.prepare(&query).retrieve(&self.call).await {
            Ok(found) => found.and_then(Yielded::entity),
            Err(_) => {
                self.missed_by(entries.to_vec(), "an entity that was changed could not be read");
                None
            }
        }
    }

    /// An entity was found, changed at a time and for the first time since it was told at another.
    fn tell_found(&self, entity: Entity, is_new: bool, since: DateTime, at: &DateTime, deferred: &mut Deferred) {
        if entity
            .system
            .modified_at()
            .is_some_and(|modified_at| is_after(modified_at, at))
        {
            if !deferred.add(entity.id, since) {
                let entries = self.subscriptions.concerned(&entity.types);
                self.missed_by(entries, "too many entities were changed again before they were told");
            }
            return;
        }
        self.tell_changed(entity, is_new, since);
    }

    /// Tells of an entity of which something has changed since a time.
    fn tell_changed(&self, entity: Entity, is_new: bool, since: DateTime) {
        let created_at = entity.system.dates().and_then(|dates| dates.created_at.as_ref());
        let is_new = is_new || created_at.is_some_and(|created_at| !is_after(&since, created_at));
        let known = if is_new { Known::All } else { Known::Since(since) };
        self.tell_written((None, Some(entity)), known);
    }

    /// Looks for the entities of a load, by its time.
    async fn tell_load(&self, at: &DateTime, count: u64, deferred: &mut Deferred) -> Result<(), &'static str> {
        let mut entries = self.told_of_changes();
        entries.retain(|entry| self.may_be_told(entry));
        if entries.is_empty() {
            return Ok(());
        }
        if count > MOST_OF_A_LOAD {
            return Err("more was loaded at once than is told one by one");
        }
        let mut types: Vec<TypeName> = Vec::new();
        let named = entries.iter().filter_map(|entry| entry.subscription.types());
        types.extend(named.flatten().cloned());
        if entries.iter().any(|entry| entry.subscription.types().is_none()) {
            types.extend(self.source.adapter.held_types(&self.call).await.map_err(|_| UNREAD)?);
        }
        types.sort_unstable();
        types.dedup();
        types.retain(|name| self.source.may_hold(name, &[]));
        if types.is_empty() {
            return Ok(());
        }
        let query = SourceQuery {
            system_attributes: true,
            ..SourceQuery::of_types(types)
        };
        let mut entities = self.source.adapter.prepare(&query).query(None, &self.call);
        let mut looked_at = 0_usize;
        while let Some(yielded) = entities.next().await {
            looked_at += 1;
            if looked_at > MOST_LOOKED_AT {
                return Err("too much has to be looked at to find what was loaded");
            }
            if let Some(entity) = yielded.map_err(|_| UNREAD)?.entity()
                && is_of_time(&entity, at)
            {
                self.tell_found(entity, false, at.clone(), at, deferred);
            }
            pause().await;
        }
        Ok(())
    }
}

const UNREAD: &str = "what was loaded could not be read";

fn is_after(one: &DateTime, other: &DateTime) -> bool {
    one.unix_micros() > other.unix_micros()
}

/// Whether something of an entity was created or modified at that time.
fn is_of_time(entity: &Entity, at: &DateTime) -> bool {
    let is_it = |date: Option<&DateTime>| date.is_some_and(|date| date.unix_micros() == at.unix_micros());
    let of = |system: &ngsi_ld::entity::SystemAttributes| {
        let created_at = system.dates().and_then(|dates| dates.created_at.as_ref());
        is_it(created_at) || is_it(system.modified_at())
    };
    fn any(attributes: &[Attribute], of: &dyn Fn(&ngsi_ld::entity::SystemAttributes) -> bool) -> bool {
        let mut instances = attributes.iter().flat_map(|attribute| &attribute.instances);
        instances.any(|instance| of(&instance.system) || any(&instance.sub_attributes, of))
    }
    of(&entity.system) || any(&entity.attributes, &of)
}
