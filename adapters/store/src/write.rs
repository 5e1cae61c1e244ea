//! Writing: entities from outside into a partition.

use std::time::{Instant, SystemTime};

use ngsi_ld::entity::DateTime;
use ngsi_ld::{Entity, EntityId};

use super::StoreError;
use super::change::End;
use super::partition::StorePartition;
use kakehashi_contract::{Fate, MayChange, MayTellOf, Position};

/// Entities that one transaction deletes: few enough that a writer hardly waits.
const DELETED_AT_ONCE: usize = 200;

/// What a load has done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Loaded {
    /// Entities that did not exist before.
    pub created: u64,
    /// Entities that did, and were replaced.
    pub replaced: u64,
}

impl StorePartition {
    /// Creates entities, or replaces those that exist: all of them or, after an error, none.
    ///
    /// `createdAt` and `modifiedAt` are the store's: `modifiedAt` becomes `now`; `createdAt` too, unless the
    /// entity existed. Of entities with one id the last counts.
    ///
    /// # Errors
    /// [`StoreError`]; [`StoreError::Entity`] names the entity that cannot be stored.
    pub async fn load<I>(&self, entities: I, now: DateTime) -> Result<Loaded, StoreError>
    where
        I: IntoIterator<Item = Entity>,
    {
        self.remove_expired(&now, None).await?;
        let loading = self.change(None, async |writer| {
            let mut loaded = Loaded::default();
            for (mut entity, position) in entities.into_iter().zip(1_u64..) {
                let existing = writer.existing(&entity.id).await?;
                match existing {
                    None => loaded.created += 1,
                    Some(_) => loaded.replaced += 1,
                }
                writer.write(&mut entity, existing.as_ref(), &now, position).await?;
            }
            if loaded != Loaded::default() {
                writer.mark_load(loaded.created, loaded.replaced, &now).await?;
            }
            Ok(End::Commit(loaded))
        });
        let loaded = loading.await?;
        if let Err(error) = self.backend().tidy().await {
            tracing::warn!(%error, "the store could not be tidied after a load");
        }
        Ok(loaded)
    }

    /// Deletes an entity. Whether it existed.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn delete(&self, id: &EntityId) -> Result<bool, StoreError> {
        let deletion = self.delete_if(id, &|_| true, None).await?;
        Ok(matches!(deletion, Deletion::Done(_)))
    }

    /// Deletes entities, some in one transaction, so that nobody who writes waits for all of them. How many existed.
    ///
    /// # Errors
    /// [`StoreError`]; then some may be deleted.
    pub async fn delete_all(&self, ids: &[EntityId]) -> Result<u64, StoreError> {
        let mut deleted = 0;
        for some in ids.chunks(DELETED_AT_ONCE) {
            let now = DateTime::from_system_time(SystemTime::now());
            let deleting = self.change(None, async |writer| {
                let mut count = 0;
                for id in some {
                    if let Some((key, entity)) = writer.existing(id).await? {
                        writer.remove(key, &entity, Fate::Deleted, &now).await?;
                        count += 1;
                    }
                }
                Ok(End::Commit(count))
            });
            deleted += deleting.await?;
        }
        if let Err(error) = self.backend().tidy().await {
            tracing::warn!(%error, "the store could not be tidied after entities were deleted");
        }
        Ok(deleted)
    }

    /// Deletes an entity if it may be.
    pub(super) async fn delete_if(
        &self,
        id: &EntityId,
        may_change: MayChange<'_>,
        deadline: Option<Instant>,
    ) -> Result<Deletion, StoreError> {
        self.remove_expired_before_reading().await;
        let now = DateTime::from_system_time(SystemTime::now());
        let deleting = self.change(deadline, async |writer| {
            let Some((key, entity)) = writer.existing(id).await? else {
                return Ok(End::RollBack(Deletion::Nothing));
            };
            if !may_change(&entity) {
                return Ok(End::RollBack(Deletion::Refused));
            }
            let position = writer.remove(key, &entity, Fate::Deleted, &now).await?;
            Ok(End::Commit(Deletion::Done(position)))
        });
        deleting.await
    }

    /// Writes one entity, unless `existing` refuses what there is of its id.
    pub(super) async fn write_one(
        &self,
        entity: Entity,
        existing: Existing<'_>,
        now: &DateTime,
        deadline: Option<Instant>,
    ) -> Result<Written, StoreError> {
        self.remove_expired(now, deadline).await?;
        let writing = self.change(deadline, async |writer| {
            let replaced = writer.existing(&entity.id).await?;
            if let Some((_, replaced)) = &replaced {
                match existing {
                    Existing::StaysAndIsToldIf(may_tell_of) => {
                        let told = if may_tell_of(replaced) {
                            Written::Exists
                        } else {
                            Written::Refused
                        };
                        return Ok(End::RollBack(told));
                    }
                    Existing::IsReplacedIf(may_change) if !may_change(replaced) => {
                        return Ok(End::RollBack(Written::Refused));
                    }
                    Existing::IsReplacedIf(_) => {}
                }
            }
            let mut entity = entity;
            writer.write(&mut entity, replaced.as_ref(), now, 1).await?;
            let before = replaced.as_ref().map(|(_, before)| before);
            let fate = before.map_or(Fate::Created, |_| Fate::Replaced);
            let position = writer.mark(fate, before, &entity, now).await?;
            let written = before.map_or(Written::Created(position), |_| Written::Replaced(position));
            Ok(End::Commit(written))
        });
        writing.await
    }
}

/// What a deletion has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deletion {
    Done(Position),
    Nothing,
    Refused,
}

/// What becomes of an entity that has the id of one that is written.
pub(super) enum Existing<'a> {
    /// It stays, and nothing is written. That it exists is told if it may be.
    StaysAndIsToldIf(MayTellOf<'a>),
    /// It is replaced if it may be changed.
    IsReplacedIf(MayChange<'a>),
}

/// What writing one entity has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    Created(Position),
    Replaced(Position),
    Exists,
    Refused,
}
