//! Writing: entities from outside into a partition.

use std::time::{Instant, SystemTime};

use ngsi_ld::EntityId;
use ngsi_ld::entity::DateTime;

use super::StoreError;
use super::change::{End, Writer};
use super::partition::StorePartition;
use kakehashi_contract::{Decision, EntityWrite, Fate, Written};

/// Entities that one transaction deletes: few enough that a writer hardly waits.
const DELETED_AT_ONCE: usize = 200;

impl StorePartition {
    /// Deletes an entity. Whether it existed.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn delete(&self, id: &EntityId) -> Result<bool, StoreError> {
        self.remove_expired_before_reading().await;
        Ok(self.delete_all(std::slice::from_ref(id)).await? > 0)
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

    /// Makes writes in one transaction. What cannot be stored has an error of its own, and the others are made.
    ///
    /// # Errors
    /// [`StoreError`]; then none is made.
    pub(super) async fn write_each(
        &self,
        writes: &[EntityWrite<'_>],
        now: &DateTime,
        deadline: Option<Instant>,
    ) -> Result<Vec<Result<Written, String>>, StoreError> {
        self.remove_expired(now, deadline).await?;
        let writing = self.change(deadline, async |writer| {
            let mut written = Vec::with_capacity(writes.len());
            for write in writes {
                let one = match write_one(writer, write, now).await {
                    Ok(one) => Ok(one),
                    Err(StoreError::Entity { reason, .. }) => Err(reason),
                    Err(other) => return Err(other),
                };
                written.push(one);
                // A transaction holds the connection that writes: its deadline counts between what never waits, too.
                tokio::task::consume_budget().await;
            }
            let changes = |one: &Result<Written, String>| !matches!(one, Err(_) | Ok(Written::Left));
            Ok(match written.iter().any(changes) {
                true => End::Commit(written),
                false => End::RollBack(written),
            })
        });
        writing.await
    }
}

/// Makes one write: nothing of it, where its entity cannot be stored.
async fn write_one(writer: &mut Writer<'_>, write: &EntityWrite<'_>, now: &DateTime) -> Result<Written, StoreError> {
    let existing = writer.existing(write.id).await?;
    let before = existing.as_ref().map(|(_, entity)| entity);
    match ((write.decide)(before), &existing) {
        (Decision::Leave, _) | (Decision::Delete, None) => Ok(Written::Left),
        (Decision::Delete, Some((key, entity))) => {
            let position = writer.remove(*key, entity, Fate::Deleted, now).await?;
            Ok(Written::Deleted(Some(position)))
        }
        (Decision::Write(mut entity), _) => {
            writer.write(&mut entity, existing.as_ref(), now, 1).await?;
            let fate = before.map_or(Fate::Created, |_| Fate::Replaced);
            let position = Some(writer.mark(fate, before, &entity, now).await?);
            Ok(before.map_or(Written::Created(position), |_| Written::Replaced(position)))
        }
    }
}
