//! The store as a source that takes writes.

use std::time::Instant;

use async_trait::async_trait;
use ngsi_ld::entity::DateTime;
use ngsi_ld::{Entity, EntityId};

use super::write::{Deletion, Existing, Written};
use super::{StoreAdapter, StoreError, adapter_error};
use crate::contract::Call;
use crate::writing::{EntityWriter, MayChange, Put, WriteError};

#[async_trait]
impl EntityWriter for StoreAdapter {
    async fn create(&self, entity: Entity, now: DateTime, call: &Call) -> Result<(), WriteError> {
        let written = self.partition.write_one(entity, Existing::Stays, &now);
        match within(call.deadline, written)
            .await
            .map_err(|error| self.error(error))?
        {
            Written::Created | Written::Replaced => Ok(()),
            Written::Exists => Err(WriteError::AlreadyExists),
            Written::Refused => Err(WriteError::Refused),
        }
    }

    async fn put(
        &self,
        entity: Entity,
        may_change: MayChange<'_>,
        now: DateTime,
        call: &Call,
    ) -> Result<Put, WriteError> {
        let written = self
            .partition
            .write_one(entity, Existing::IsReplacedIf(may_change), &now);
        match within(call.deadline, written)
            .await
            .map_err(|error| self.error(error))?
        {
            Written::Created => Ok(Put::Created),
            Written::Replaced => Ok(Put::Replaced),
            Written::Exists | Written::Refused => Err(WriteError::Refused),
        }
    }

    async fn delete(&self, id: &EntityId, may_change: MayChange<'_>, call: &Call) -> Result<(), WriteError> {
        let deleted = self.partition.delete_if(id, may_change);
        match within(call.deadline, deleted)
            .await
            .map_err(|error| self.error(error))?
        {
            Deletion::Done => Ok(()),
            Deletion::Nothing => Err(WriteError::NotFound),
            Deletion::Refused => Err(WriteError::Refused),
        }
    }
}

impl StoreAdapter {
    fn error(&self, error: StoreError) -> WriteError {
        match error {
            StoreError::Entity { reason, .. } => WriteError::CannotHold(reason),
            other => adapter_error(&self.source, &other).into(),
        }
    }
}

/// Gives a write up at the deadline. A transaction that is dropped before its commit changes nothing.
async fn within<T>(deadline: Instant, work: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    if Instant::now() >= deadline {
        return Err(StoreError::Timeout);
    }
    tokio::time::timeout_at(deadline.into(), work)
        .await
        .unwrap_or(Err(StoreError::Timeout))
}
