//! What is decided about one entity as it stands, within the transaction that writes it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kakehashi_policy::{GrantSet, Operation};
use ngsi_ld::query::TypeSelection;
use ngsi_ld::update::{Applied, Instances, Update};
use ngsi_ld::{AttributeName, Entity};

use super::hidden_parts::Before;
use super::{
    Decision, EntityChange, EntityChanged, Outcome, Provider, Purge, Purged, RegisteredSource, Ungranted, UpdateResult,
    Write, WriteError, WriteRefusal, Written, hidden_parts,
};
use crate::ungranted::Why;

/// One write that is being decided. A source asks once within each attempt; the last answer counts.
pub(super) struct Judging<'a> {
    provider: &'a Provider<'a>,
    source: &'a Arc<RegisteredSource>,
    write: &'a Write,
    is_watched: bool,
    told: Mutex<Told>,
}

/// An entity, what its writer is granted of it, and what of that it is shown.
struct Granted<'e> {
    whole: &'e Entity,
    granted: Entity,
    shown: Entity,
    grants: GrantSet,
}

/// What is known once it was decided.
#[derive(Default)]
struct Told {
    refusal: Option<WriteRefusal>,
    update: Option<UpdateResult>,
    /// Where somebody wants to be told of it.
    before: Option<Entity>,
    after: Option<Entity>,
}

impl<'a> Judging<'a> {
    pub(super) fn new(
        provider: &'a Provider<'a>,
        source: &'a Arc<RegisteredSource>,
        write: &'a Write,
        is_watched: bool,
    ) -> Self {
        Self {
            provider,
            source,
            write,
            is_watched,
            told: Mutex::default(),
        }
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        // Nothing panics while it is held.
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What becomes of the entity as it stands.
    pub(super) fn decide(&self, existing: Option<&Entity>) -> Decision {
        *self.told() = Told::default();
        let decided = match &self.write.change {
            EntityChange::Create(entity) => self.create(entity, existing),
            EntityChange::Put(entity) => self.put(entity, existing),
            EntityChange::Update {
                types,
                update,
                otherwise,
                ..
            } => match (existing, otherwise) {
                (Some(existing), None) if self.is_hidden(existing, &update.attributes().collect::<Vec<_>>()) => {
                    Err(WriteRefusal::NotFound)
                }
                (Some(existing), _) => self.update(existing, types.as_ref(), update, otherwise.is_some()),
                (None, Some(entity)) => self.check_precondition(None).map(|()| Decision::Write(entity.clone())),
                (None, None) => Err(WriteRefusal::NotFound),
            },
            EntityChange::Delete { types, .. } => self.delete(existing, types.as_ref()),
            EntityChange::Purge { purge, .. } => self.purge(existing, purge),
        };
        let mut told = self.told();
        match decided {
            Ok(decision) => {
                if self.is_watched {
                    told.before = existing.cloned();
                    told.after = match &decision {
                        Decision::Write(entity) => Some(Entity::clone(entity)),
                        Decision::Leave | Decision::Delete => None,
                    };
                }
                decision
            }
            Err(refusal) => {
                told.refusal = Some(refusal);
                Decision::Leave
            }
        }
    }

    /// What is told of it, by what the source says.
    pub(super) fn outcome(&self, written: Result<Written, WriteError>) -> Outcome {
        let mut told = self.told();
        if let Some(refusal) = told.refusal.take() {
            return Err(refusal);
        }
        match written? {
            Written::Created(_) => Ok(EntityChanged::Created),
            Written::Deleted(_) => Ok(EntityChanged::Deleted),
            Written::Replaced(_) | Written::Left => Ok(match told.update.take() {
                Some(update) => EntityChanged::Updated(Box::new(update)),
                None => EntityChanged::Replaced,
            }),
        }
    }

    /// The entity before and after it, where somebody wants to be told.
    pub(super) fn take_entities(&self) -> (Option<Entity>, Option<Entity>) {
        let mut told = self.told();
        (told.before.take(), told.after.take())
    }

    //= 5.6.1.4-1, 5.6.1.4-2
    fn create(&self, entity: &Entity, existing: Option<&Entity>) -> Result<Decision, WriteRefusal> {
        let Some(existing) = existing else {
            self.check_precondition(None)?;
            return Ok(Decision::Write(Box::new(entity.clone())));
        };
        // That it exists is told to whoever may know of it.
        if self.provider.may_know_of(existing, self.source.personal_data) {
            Err(WriteRefusal::AlreadyExists)
        } else {
            Err(WriteRefusal::Forbidden(Ungranted::Id))
        }
    }

    fn put(&self, entity: &Entity, existing: Option<&Entity>) -> Result<Decision, WriteRefusal> {
        let Some(existing) = existing else {
            self.check_precondition(None)?;
            return Ok(Decision::Write(Box::new(entity.clone())));
        };
        self.check_whole(existing, true)?;
        self.check_precondition(Some(existing))?;
        let seen = self.granted(existing, true)?;
        self.becoming(&seen, entity, &[])
    }

    /// Of an entity that the consumer may not see it is told what it is told of one that does not exist.
    //= 5.6.6.4-2, 5.6.6.4-4
    fn delete(&self, existing: Option<&Entity>, types: Option<&TypeSelection>) -> Result<Decision, WriteRefusal> {
        let existing = existing.filter(|existing| !self.is_hidden(existing, &[]));
        let existing = existing.ok_or(WriteRefusal::NotFound)?;
        self.check_selected(existing, types)?;
        self.check_whole(existing, false)?;
        self.check_precondition(Some(existing))?;
        Ok(Decision::Delete)
    }

    /// What is not there, not seen, or does not meet the conditions any more is none of what is purged.
    //= 5.6.21.4-7, 5.6.21.4-8, 5.6.21.4-9
    fn purge(&self, existing: Option<&Entity>, purge: &Purge) -> Result<Decision, WriteRefusal> {
        let existing = existing.ok_or(WriteRefusal::NotFound)?;
        let seen = self.granted(existing, false).map_err(|_| WriteRefusal::NotFound)?;
        if !purge.question.is_met_by(&seen.shown) {
            return Err(WriteRefusal::NotFound);
        }
        let is_kept = |name: &AttributeName| match &purge.purged {
            Purged::Entities => false,
            Purged::Attributes(dropped) => !dropped.contains(name),
            Purged::AllBut(kept) => kept.contains(name),
        };
        if !matches!(purge.purged, Purged::Attributes(_)) {
            self.check_whole(existing, false)?;
        }
        if purge.purged == Purged::Entities {
            return Ok(Decision::Delete);
        }
        let mut left = seen.shown.clone();
        left.attributes.retain(|attribute| is_kept(&attribute.name));
        if left.attributes.len() == seen.shown.attributes.len() {
            return Err(WriteRefusal::NotFound);
        }
        self.becoming(&seen, &left, &[])
    }

    fn update(
        &self,
        existing: &Entity,
        types: Option<&TypeSelection>,
        update: &Update,
        may_create: bool,
    ) -> Result<Decision, WriteRefusal> {
        self.check_selected(existing, types)?;
        let of_all = matches!(
            update,
            Update::DeleteAttribute {
                instances: Instances::All,
                ..
            }
        );
        if update.covers_all() || of_all {
            self.check_whole(existing, may_create)?;
        }
        let seen = self.granted(existing, may_create)?;
        self.check_precondition(Some(existing))?;
        let Applied {
            entity,
            updated,
            not_updated,
        } = update.apply(&seen.shown)?;
        // Types, scopes and the end of an entity decide who sees all of it, and whether there is any.
        let is_of_the_whole = entity.types != seen.shown.types
            || entity.scopes != seen.shown.scopes
            || entity.system.expires_at() != seen.shown.system.expires_at();
        if is_of_the_whole {
            self.check_whole(existing, may_create)?;
        }
        let decision = self.becoming(&seen, &entity, &updated)?;
        self.told().update = Some(UpdateResult { updated, not_updated });
        Ok(decision)
    }

    /// The entity as the operation's grant shows it.
    fn granted<'e>(&self, existing: &'e Entity, may_create: bool) -> Result<Granted<'e>, WriteRefusal> {
        let (provider, personal_data) = (self.provider, self.source.personal_data);
        let grants = provider.grants(provider.asker.operation, &existing.types, personal_data);
        let mut granted = grants.project(existing.clone());
        if let Some(granted) = &mut granted {
            // What the source is not believed is not there, and stays.
            self.source.keep_provided(granted);
        }
        let shown = granted.as_ref().and_then(|granted| {
            let inspection = &self.source.inspection;
            inspection.inspect(granted.clone(), &mut |_| {})
        });
        match (granted, shown) {
            (Some(granted), Some(shown)) => Ok(Granted {
                whole: existing,
                granted,
                shown,
                grants,
            }),
            _ => Err(self.unseen(existing, may_create)),
        }
    }

    /// What becomes of an entity by a change of what its writer is shown of it, if it may become that. `named`: attributes that
    /// the change names.
    fn becoming(
        &self,
        seen: &Granted<'_>,
        changed: &Entity,
        named: &[AttributeName],
    ) -> Result<Decision, WriteRefusal> {
        let (provider, personal_data) = (self.provider, self.source.personal_data);
        let before = Before {
            whole: seen.whole,
            granted: &seen.granted,
            shown: &seen.shown,
        };
        let (after, touched) = hidden_parts::laid_back(before, changed.clone());
        // All of it follows from what is sent and from what is shown, but for what is touched of what is hidden.
        let ungranted = provider.ungranted_of(changed, &after, personal_data);
        if let Some(ungranted @ Ungranted::Type(..)) = ungranted {
            return Err(WriteRefusal::Forbidden(ungranted));
        }
        provider.check_guard(changed, Some(&seen.shown), self.source)?;
        if let Some(ungranted) = ungranted {
            return Err(WriteRefusal::Forbidden(ungranted));
        }
        // What becomes granted by the change itself was not granted to it.
        if let Some(name) = named.iter().find(|name| !seen.grants.grants_of(seen.whole, name)) {
            return Err(WriteRefusal::Forbidden(Ungranted::Attribute(
                name.clone(),
                Why::NoPermit,
            )));
        }
        let hidden = |name: AttributeName| WriteRefusal::Forbidden(Ungranted::HiddenPart(name));
        if let Some(name) = touched {
            return Err(hidden(name));
        }
        // What may not rest as one of its hidden types is not taken either, and of that type nothing is told.
        if after.types.len() > changed.types.len()
            && let Err(WriteRefusal::NotTaken(not_taken)) = provider.check_guard(&after, Some(seen.whole), self.source)
        {
            return Err(match not_taken.names() {
                (_, Some(name)) => hidden(name.clone()),
                (_, None) => WriteRefusal::Forbidden(Ungranted::Everything),
            });
        }
        Ok(Decision::Write(Box::new(after)))
    }

    /// What is hidden selects nothing.
    fn check_selected(&self, existing: &Entity, types: Option<&TypeSelection>) -> Result<(), WriteRefusal> {
        let Some(types) = types else { return Ok(()) };
        let is_selected = |entity: &Entity| types.selects(&entity.types);
        let personal_data = self.source.personal_data;
        let writable = self.provider.ungranted(existing, personal_data).is_none() && is_selected(existing);
        let seen = self.provider.seen(existing, personal_data);
        let operation = self.provider.asker.operation;
        let grants = self.provider.grants(operation, &existing.types, personal_data);
        let written = grants.project(existing.clone());
        if writable || seen.as_ref().is_some_and(is_selected) || written.as_ref().is_some_and(is_selected) {
            Ok(())
        } else {
            Err(WriteRefusal::NotFound)
        }
    }

    /// Whether the consumer may change the whole of an entity: decided by its grant alone, whatever the entity has.
    fn check_whole(&self, existing: &Entity, may_create: bool) -> Result<(), WriteRefusal> {
        let (provider, personal_data) = (self.provider, self.source.personal_data);
        let grants = provider.grants(provider.asker.operation, &existing.types, personal_data);
        if grants.project(existing.clone()).is_none() {
            return Err(self.unseen(existing, may_create));
        }
        if !grants.covers_everything_of(existing, self.source.holds()) {
            return Err(WriteRefusal::Forbidden(Ungranted::NotWhole));
        }
        match provider.ungranted(existing, personal_data) {
            // What the store does not take any more may lie there from before.
            Some(_) => Err(WriteRefusal::Forbidden(Ungranted::NotWhole)),
            None => Ok(()),
        }
    }

    /// What is told of an entity of which nothing may be written. A writer that would create it is told what it is told of an
    /// id that it may not use.
    fn unseen(&self, existing: &Entity, may_create: bool) -> WriteRefusal {
        let is_seen = self.provider.seen(existing, self.source.personal_data).is_some()
            && !(self.provider).is_part_hidden(Operation::RetrieveEntity, self.source, existing, &[]);
        match (is_seen, may_create) {
            (true, _) => WriteRefusal::Forbidden(Ungranted::Everything),
            (false, true) => WriteRefusal::Forbidden(Ungranted::Id),
            (false, false) => WriteRefusal::NotFound,
        }
    }

    /// Whether nothing, or one of these attributes, may be written of what the source holds of an entity.
    fn is_hidden(&self, existing: &Entity, named: &[&AttributeName]) -> bool {
        let operation = self.provider.asker.operation;
        self.provider.is_part_hidden(operation, self.source, existing, named)
    }

    /// Whether the entity is still what the consumer wants to change, as the consumer sees it.
    fn check_precondition(&self, existing: Option<&Entity>) -> Result<(), WriteRefusal> {
        let Some(precondition) = &self.write.precondition else {
            return Ok(());
        };
        let personal_data = self.source.personal_data;
        let seen = existing.and_then(|existing| {
            let mut granted = self.provider.seen(existing, personal_data)?;
            self.source.keep_provided(&mut granted);
            self.source.inspection.inspect(granted, &mut |_| {})
        });
        if precondition(seen.as_ref()) {
            Ok(())
        } else {
            Err(WriteRefusal::PreconditionFailed)
        }
    }
}
