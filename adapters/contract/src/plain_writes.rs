//! The plain writes, for whoever decides by yes or no: what the tests of each kind of source are written in.

use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use ngsi_ld::entity::DateTime;
use ngsi_ld::{Entity, EntityId, TypeName};

use crate::call::Call;
use crate::writing::{Decide, Decision, EntityWrite, EntityWriter, WriteError, WriteOperation, Written};

/// Whether the entity, as it stands, may be changed, or told of.
pub type MayChange<'a> = &'a (dyn Fn(&Entity) -> bool + Send + Sync);

/// Why nothing was written.
#[derive(Debug, Clone, thiserror::Error)]
pub enum NotWritten {
    /// There is an entity of that id.
    #[error("an entity of that id exists")]
    AlreadyExists,
    /// There is none.
    #[error("no entity of that id exists")]
    NotFound,
    /// The answer was no.
    #[error("the entity may not be changed")]
    Refused,
    /// The source has not done it.
    #[error(transparent)]
    Failed(#[from] WriteError),
}

/// The plain writes of every source that takes writes, one entity at a time.
#[async_trait]
pub trait PlainWrites {
    /// Creates an entity that must not exist; that it does is told if it may be.
    async fn create(
        &self,
        entity: Entity,
        may_tell_of: MayChange<'_>,
        now: DateTime,
        call: &Call,
    ) -> Result<Written, NotWritten>;

    /// Creates an entity or replaces the one of its id, if that may be changed.
    async fn put(
        &self,
        entity: Entity,
        may_change: MayChange<'_>,
        now: DateTime,
        call: &Call,
    ) -> Result<Written, NotWritten>;

    /// Deletes an entity of one of these types, if it may be changed.
    async fn delete(
        &self,
        id: &EntityId,
        types: &[TypeName],
        may_change: MayChange<'_>,
        call: &Call,
    ) -> Result<Written, NotWritten>;
}

#[async_trait]
impl<W: EntityWriter + ?Sized> PlainWrites for W {
    async fn create(
        &self,
        entity: Entity,
        may_tell_of: MayChange<'_>,
        now: DateTime,
        call: &Call,
    ) -> Result<Written, NotWritten> {
        let is_told = AtomicBool::new(false);
        let decide = |existing: Option<&Entity>| match existing {
            Some(existing) => {
                is_told.store(may_tell_of(existing), Ordering::Relaxed);
                Decision::Leave
            }
            None => Decision::Write(Box::new(entity.clone())),
        };
        let (id, types) = (entity.id.clone(), entity.types.clone());
        match one(self, &id, &types, WriteOperation::Create, &decide, &now, call).await? {
            Written::Left if is_told.load(Ordering::Relaxed) => Err(NotWritten::AlreadyExists),
            Written::Left => Err(NotWritten::Refused),
            written => Ok(written),
        }
    }

    async fn put(
        &self,
        entity: Entity,
        may_change: MayChange<'_>,
        now: DateTime,
        call: &Call,
    ) -> Result<Written, NotWritten> {
        let decide = |existing: Option<&Entity>| match existing.is_none_or(may_change) {
            true => Decision::Write(Box::new(entity.clone())),
            false => Decision::Leave,
        };
        let (id, types) = (entity.id.clone(), entity.types.clone());
        match one(self, &id, &types, WriteOperation::Replace, &decide, &now, call).await? {
            Written::Left => Err(NotWritten::Refused),
            written => Ok(written),
        }
    }

    async fn delete(
        &self,
        id: &EntityId,
        types: &[TypeName],
        may_change: MayChange<'_>,
        call: &Call,
    ) -> Result<Written, NotWritten> {
        let exists = AtomicBool::new(false);
        let decide = |existing: Option<&Entity>| {
            exists.store(existing.is_some(), Ordering::Relaxed);
            match existing.is_some_and(may_change) {
                true => Decision::Delete,
                false => Decision::Leave,
            }
        };
        let now = DateTime::from_system_time(std::time::SystemTime::now());
        match one(self, id, types, WriteOperation::Delete, &decide, &now, call).await? {
            Written::Left if exists.load(Ordering::Relaxed) => Err(NotWritten::Refused),
            Written::Left => Err(NotWritten::NotFound),
            written => Ok(written),
        }
    }
}

async fn one<W: EntityWriter + ?Sized>(
    writer: &W,
    id: &EntityId,
    types: &[TypeName],
    operation: WriteOperation,
    decide: Decide<'_>,
    now: &DateTime,
    call: &Call,
) -> Result<Written, WriteError> {
    let write = EntityWrite {
        id,
        types,
        operation,
        decide,
    };
    let written = writer.write(&[write], now, call).await.into_iter().next();
    written.unwrap_or(Err(WriteError::NotOffered(operation)))
}
