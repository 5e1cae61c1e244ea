//! The store as a source that takes writes. A call is given up at its deadline, or when nobody waits for it any more, until it is
//! about to be committed: then it is finished, and whoever still waits is told.

use async_trait::async_trait;
use ngsi_ld::entity::DateTime;

use super::{StoreAdapter, adapter_error};
use kakehashi_contract::{Call, EntityWrite, EntityWriter, WriteError, WriteOffer, WriteOperation, Written};

/// What a partition can do, opened or not: each call is one transaction of its database.
pub(super) const OFFER: WriteOffer = WriteOffer {
    operations: WriteOperation::ALL,
    is_atomic: true,
};

#[async_trait]
impl EntityWriter for StoreAdapter {
    fn offer(&self) -> WriteOffer {
        OFFER
    }

    async fn write(&self, writes: &[EntityWrite<'_>], now: &DateTime, call: &Call) -> Vec<Result<Written, WriteError>> {
        match self.partition.write_each(writes, now, Some(call.deadline)).await {
            Ok(written) => {
                let each = written.into_iter();
                each.map(|one| one.map_err(WriteError::CannotHold)).collect()
            }
            Err(error) => {
                let error = WriteError::Source(adapter_error(&self.source, &error));
                vec![Err(error); writes.len()]
            }
        }
    }
}
