//! Loading: many entities at once, from files, with one mark in the outbox. What is as it was is not written again and told
//! to nobody.

use std::collections::HashSet;
use std::ops::AddAssign;

use ngsi_ld::entity::DateTime;
use ngsi_ld::{Entity, EntityId};

use super::StoreError;
use super::change::{Became, End, Writer};
use super::partition::StorePartition;

/// Entities whose ids are looked up together: enough that the way to the connection hardly counts, few enough to hold them.
const LOOKED_UP_AT_ONCE: usize = 500;

/// What a load has done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Loaded {
    /// Entities that did not exist before.
    pub created: u64,
    /// Entities that did, and were replaced.
    pub replaced: u64,
    /// Entities that are as they were.
    pub unchanged: u64,
}

impl AddAssign for Loaded {
    fn add_assign(&mut self, more: Self) {
        self.created += more.created;
        self.replaced += more.replaced;
        self.unchanged += more.unchanged;
    }
}

impl Loaded {
    fn count(&mut self, became: Became) {
        match became {
            Became::Created => self.created += 1,
            Became::Replaced => self.replaced += 1,
            Became::Unchanged => self.unchanged += 1,
        }
    }

    /// Whether something was written.
    #[must_use]
    pub const fn has_changed_something(&self) -> bool {
        self.created > 0 || self.replaced > 0
    }
}

impl StorePartition {
    /// Creates entities, or replaces those that exist and say something else: all of them or, after an error, none.
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
        let loaded = self.load_part(entities, now).await?;
        self.end_loading().await;
        Ok(loaded)
    }

    /// As [`StorePartition::load`], for one part of more. Whoever has loaded all of them calls [`StorePartition::end_loading`].
    ///
    /// # Errors
    /// [`StoreError`]; [`StoreError::Entity`] names the entity that cannot be stored.
    pub async fn load_part<I>(&self, entities: I, now: DateTime) -> Result<Loaded, StoreError>
    where
        I: IntoIterator<Item = Entity>,
    {
        self.remove_expired(&now, None).await?;
        let loading = self.change(None, async |writer| {
            let mut entities = entities.into_iter();
            let mut loaded = Loaded::default();
            let mut written = HashSet::new();
            let mut first = 1_u64;
            loop {
                let mut some: Vec<Entity> = entities.by_ref().take(LOOKED_UP_AT_ONCE).collect();
                if some.is_empty() {
                    break;
                }
                load_some(writer, &mut some, &mut written, (first, &now), &mut loaded).await?;
                first += some.len() as u64;
            }
            if !loaded.has_changed_something() {
                return Ok(End::RollBack(loaded));
            }
            writer.mark_load(loaded.created, loaded.replaced, &now).await?;
            Ok(End::Commit(loaded))
        });
        loading.await
    }

    /// What follows the last part of a load. It changes no answer.
    pub async fn end_loading(&self) {
        if let Err(error) = self.backend().tidy().await {
            tracing::warn!(%error, "the store could not be tidied after a load");
        }
    }

    /// Creates entities with the dates that they have, none of which there is yet, without a mark: those of another partition
    /// that is copied into this one, which nobody reads yet.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn copy_in(&self, entities: &[Entity], now: &DateTime) -> Result<(), StoreError> {
        let copying = self.change(None, async |writer| {
            for entity in entities {
                writer.write_copy(entity, now).await?;
            }
            Ok(End::Commit(()))
        });
        copying.await
    }
}

/// Loads some of the entities. `written`: the ids that the same transaction has written already.
async fn load_some(
    writer: &mut Writer<'_>,
    some: &mut [Entity],
    written: &mut HashSet<EntityId>,
    (first, now): (u64, &DateTime),
    loaded: &mut Loaded,
) -> Result<(), StoreError> {
    let unwritten = some.iter().map(|entity| &entity.id).filter(|id| !written.contains(*id));
    let mut existing = writer.existing_of(&unwritten.collect::<Vec<_>>()).await?;
    for (entity, position) in some.iter_mut().zip(first..) {
        let is_first = written.insert(entity.id.clone());
        let there = match is_first {
            true => existing.remove(&entity.id),
            false => writer.existing_with_row(&entity.id).await?,
        };
        let became = writer.write_if_changed(entity, there.as_ref(), now, position).await?;
        loaded.count(became);
    }
    Ok(())
}
