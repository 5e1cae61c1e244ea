//! The prefecture's own store: entities in a database of their tenant's.
//!
//! | module | owns |
//! |---|---|
//! | `tenant_name`, `error` | which tenants can have a partition; what can go wrong with one |
//! | `names` | numbers for expanded names |
//! | `body`, `index`, `rows` | an entity as a row, and as rows that comparisons look at |
//! | `judged` | what a question asks that the database cannot say by itself |
//! | `backend` | what a partition rests in: from questions to SQL, and every statement; SQLite |
//! | `mark` | what was changed, as it rests in the outbox |
//! | `partition` | one tenant's database, and what is known of it while it is open |
//! | `long_statements`, `in_place` | what is short is read where the request arrived |
//! | `read` | running statements, within the deadline |
//! | `ways` | which of several ways a question takes through a partition |
//! | `ordered` | what matches in an order that is asked for |
//! | `prepared` | one question to a partition: what it decides, and its statements |
//! | `dates`, `change` | the dates that the store keeps; one transaction that changes entities and leaves their marks |
//! | `outbox` | reading the marks in order; what may rest there |
//! | `expiry`, `upkeep` | what has expired is removed; what is done from time to time |
//! | `write`, `load` | entities from outside: writes one by one; very many at once |
//! | `copy` | backups, putting one back, and whether a partition is whole |
//! | `writer`, `notifying`, `unopened` | the store as a source that takes writes and tells of them; a partition that is planned for and not opened |
//! | `kind` | the kind `store`: its keys, how they are read, and its factory |
//!
//! Each knows those above it and none below. The store knows nothing of policies: what it is asked is narrowed already, and
//! what may rest in the outbox it is told. It never writes anywhere but into the partitions, and no error or log line of
//! it holds a value.

mod backend;
mod body;
mod change;
mod copy;
mod dates;
#[cfg(test)]
mod deciding_tests;
mod error;
mod expiry;
mod in_place;
mod index;
mod judged;
mod kind;
#[cfg(test)]
mod layers_tests;
mod load;
mod long_statements;
mod mark;
mod names;
mod notifying;
mod ordered;
mod outbox;
#[cfg(test)]
mod outbox_tests;
mod partition;
mod prepared;
mod read;
mod rows;
#[cfg(test)]
mod samples;
mod tenant_name;
#[cfg(test)]
mod tests;
mod unopened;
mod upkeep;
mod ways;
mod write;
mod writer;
#[cfg(test)]
mod writer_tests;

use std::sync::Arc;

use async_trait::async_trait;
use kakehashi_trouble::Trouble;
use ngsi_ld::{AttributeName, TypeName};

pub use self::backend::sqlite::Stamp;
pub use self::copy::PartitionCopy;
pub use self::dates::set_system_dates;
pub use self::error::{NotRestored, StoreError};
pub use self::kind::{StoreKind, StoreSource};
pub use self::load::Loaded;
pub use self::mark::LONGEST_AGE;
pub use self::partition::{StoreOptions, StorePartition};
pub use self::tenant_name::MAX_TENANT_BYTES;
pub use self::unopened::UnopenedPartition;
pub use self::upkeep::Upkeep;

use self::prepared::PreparedStatements;
use kakehashi_contract::{Adapter, AdapterError, Call, EntityWriter, Notifies, PreparedQuery, SourceId, SourceQuery};

/// A partition of the store as a source.
#[derive(Debug)]
pub struct StoreAdapter {
    source: SourceId,
    partition: StorePartition,
}

impl StoreAdapter {
    /// The source of that name, backed by a partition.
    #[must_use]
    pub fn new(source: SourceId, partition: StorePartition) -> Self {
        Self { source, partition }
    }

    /// What it is backed by.
    #[must_use]
    pub fn partition(&self) -> &StorePartition {
        &self.partition
    }
}

/// The error as the contract tells it.
fn adapter_error(source: &SourceId, error: &StoreError) -> AdapterError {
    if let StoreError::Exhausted(exhausted) = error {
        return AdapterError::exhausted(source, *exhausted);
    }
    AdapterError::new(source, error.kind(), error.to_string())
}

#[async_trait]
impl Adapter for StoreAdapter {
    fn source(&self) -> &SourceId {
        &self.source
    }

    fn prepare(&self, query: &SourceQuery) -> Arc<dyn PreparedQuery> {
        Arc::new(PreparedStatements::of(&self.source, &self.partition, query))
    }

    async fn has_entities_of_several_types(&self, _: &[TypeName], call: &Call) -> Result<bool, AdapterError> {
        if let Some(some) = in_place::has_entities_of_several_types(&self.partition, call) {
            return Ok(some);
        }
        read::has_entities_of_several_types(&self.partition, call)
            .await
            .map_err(|error| adapter_error(&self.source, &error))
    }

    async fn may_hold_relationships(&self, names: &[AttributeName], call: &Call) -> Result<bool, AdapterError> {
        if let Some(held) = in_place::holds_uris(&self.partition, names, call) {
            return Ok(held);
        }
        read::holds_uris(&self.partition, names, call)
            .await
            .map_err(|error| adapter_error(&self.source, &error))
    }

    async fn held_types(&self, call: &Call) -> Result<Vec<TypeName>, AdapterError> {
        self.partition.remove_expired_before_reading().await;
        read::held_types(&self.partition, call)
            .await
            .map_err(|error| adapter_error(&self.source, &error))
    }

    async fn told_attributes(&self, _: &TypeName, call: &Call) -> Result<Option<Vec<AttributeName>>, AdapterError> {
        read::known_names(&self.partition, call)
            .await
            .map_err(|error| adapter_error(&self.source, &error))
    }

    fn trouble(&self) -> Option<Trouble> {
        self.partition.trouble()
    }

    fn notifies(&self) -> Option<&dyn Notifies> {
        Some(self)
    }

    fn writer(&self) -> Option<&dyn EntityWriter> {
        Some(self)
    }
}
