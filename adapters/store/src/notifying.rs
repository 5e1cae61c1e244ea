//! The store as a source that tells of its changes.

use async_trait::async_trait;
use kakehashi_contract::{AdapterError, Call, MayRest, Notifies, Position, Told};
use tokio::sync::watch;

use super::{StoreAdapter, adapter_error};

#[async_trait]
impl Notifies for StoreAdapter {
    async fn newest_change(&self, call: &Call) -> Result<Position, AdapterError> {
        let newest = self.partition.newest_change(call).await;
        newest.map_err(|error| adapter_error(&self.source, &error))
    }

    async fn changes_after(&self, position: Position, call: &Call) -> Result<Told, AdapterError> {
        let told = self.partition.changes_after(position, call).await;
        told.map_err(|error| adapter_error(&self.source, &error))
    }

    fn commits(&self) -> watch::Receiver<u64> {
        self.partition.commits()
    }

    fn let_rest(&self, may_rest: MayRest) {
        self.partition.let_rest(may_rest);
    }
}
