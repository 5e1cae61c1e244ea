//! The store as a source that takes writes. A write is given up at its deadline, or when nobody waits for it any more,
//! until it is about to be committed: then it is finished, and whoever still waits is told.

use async_trait::async_trait;
use ngsi_ld::entity::DateTime;
use ngsi_ld::{Entity, EntityId};

use super::write::{Deletion, Existing, Written};
use super::{StoreAdapter, StoreError, adapter_error};
use kakehashi_contract::{
    Call, EntityWriter, MayChange, MayTellOf, Position, Put, WriteError, WriteOffer, WriteOperation,
};

/// What a partition can do, opened or not: each call is one transaction of its database.
pub(super) const OFFER: WriteOffer = WriteOffer {
    operations: &[WriteOperation::Create, WriteOperation::Replace, WriteOperation::Delete],
    is_atomic: true,
};

#[async_trait]
impl EntityWriter for StoreAdapter {
    fn offer(&self) -> WriteOffer {
        OFFER
    }

    async fn create(
        &self,
        entity: Entity,
        may_tell_of: MayTellOf<'_>,
        now: DateTime,
        call: &Call,
    ) -> Result<Option<Position>, WriteError> {
        let (existing, deadline) = (Existing::StaysAndIsToldIf(may_tell_of), Some(call.deadline));
        let written = self.partition.write_one(entity, existing, &now, deadline).await;
        match written.map_err(|error| self.error(error))? {
            Written::Created(position) | Written::Replaced(position) => Ok(Some(position)),
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
    ) -> Result<(Put, Option<Position>), WriteError> {
        let (existing, deadline) = (Existing::IsReplacedIf(may_change), Some(call.deadline));
        let written = self.partition.write_one(entity, existing, &now, deadline).await;
        match written.map_err(|error| self.error(error))? {
            Written::Created(position) => Ok((Put::Created, Some(position))),
            Written::Replaced(position) => Ok((Put::Replaced, Some(position))),
            Written::Exists | Written::Refused => Err(WriteError::Refused),
        }
    }

    async fn delete(
        &self,
        id: &EntityId,
        may_change: MayChange<'_>,
        call: &Call,
    ) -> Result<Option<Position>, WriteError> {
        let deleted = self.partition.delete_if(id, may_change, Some(call.deadline)).await;
        match deleted.map_err(|error| self.error(error))? {
            Deletion::Done(position) => Ok(Some(position)),
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
