//! The prefecture's own store: entities in SQLite, one file a tenant.
//!
//! | module | owns |
//! |---|---|
//! | `partition` | one tenant's file and its connections |
//! | `schema` | its tables, and how older files become new ones |
//! | `names` | numbers for expanded names |
//! | `body`, `index` | an entity as a row, and as rows that comparisons look at |
//! | `compile` | from a [`SourceQuery`] to SQL, and what that decides; pure |
//! | `write`, `dates` | transactions that write; the dates that the store keeps |
//! | `expiry` | what has expired is removed |
//! | `writer` | the store as a source that takes writes |
//! | `kind` | its settings in the configuration, and the factory |
//! | `unopened` | a partition that is planned for and not opened |
//! | `read` | running statements, within the deadline |
//!
//! It knows nothing of policies: what it is asked is narrowed already. It never writes anywhere but into the
//! partitions, and no error or log line of it holds a value.

mod body;
mod compile;
mod dates;
mod error;
mod expiry;
mod index;
mod kind;
mod names;
mod partition;
mod read;
#[cfg(test)]
mod samples;
mod schema;
#[cfg(test)]
mod tests;
mod unopened;
mod write;
mod writer;
#[cfg(test)]
mod writer_tests;

use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt};
use kakehashi_database::Trouble;
use ngsi_ld::{AttributeName, TypeName};

pub use self::dates::set_system_dates;
pub use self::error::StoreError;
pub use self::expiry::Expiring;
pub use self::kind::{StoreKind, StoreSource};
pub use self::partition::{MAX_TENANT_BYTES, StoreOptions, StorePartition};
pub use self::unopened::UnopenedPartition;
pub use self::write::Loaded;

use self::body::Wanted;
use self::compile::{Sqlite, Statement, compile};
use kakehashi_contract::{
    Adapter, AdapterError, AskedRequest, AttributeSelection, Call, Counted, EntityStream, EntityWriter, PushDown,
    SourceId, SourceQuery, Yielded,
};

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

fn wanted(query: &SourceQuery) -> Wanted {
    Wanted {
        attributes: match &query.attributes {
            AttributeSelection::All => None,
            AttributeSelection::Only(names) => Some(names.to_vec()),
        },
        system_attributes: query.system_attributes,
    }
}

/// The statement that a query is.
fn selecting(query: &SourceQuery) -> Statement {
    compile(query, &Sqlite).select(query, &Sqlite)
}

/// The statement that a query is, to be told.
fn asked(query: &SourceQuery) -> AskedRequest {
    let Statement { text, bindings } = selecting(query);
    AskedRequest::Sql {
        statement: text,
        bindings: bindings.iter().map(ToString::to_string).collect(),
    }
}

#[async_trait]
impl Adapter for StoreAdapter {
    fn source(&self) -> &SourceId {
        &self.source
    }

    fn push_down(&self, query: &SourceQuery) -> PushDown {
        compile(query, &Sqlite).push_down
    }

    fn asked(&self, query: &SourceQuery) -> Result<Vec<AskedRequest>, AdapterError> {
        Ok(vec![asked(query)])
    }

    async fn retrieve(&self, query: &SourceQuery, call: &Call) -> Result<Option<Yielded>, AdapterError> {
        let statement = selecting(query);
        self.partition.remove_expired_before_reading().await;
        read::first(&self.partition, statement, &wanted(query), call)
            .await
            .map(|found| found.map(Yielded::Entity))
            .map_err(|error| adapter_error(&self.source, &error))
    }

    fn query(&self, query: &SourceQuery, call: &Call) -> EntityStream {
        let statement = selecting(query);
        let source = self.source.clone();
        read::all(self.partition.clone(), statement, wanted(query), call.clone())
            .map_ok(Yielded::Entity)
            .map_err(move |error| adapter_error(&source, &error))
            .boxed()
    }

    async fn has_entities_of_several_types(&self, call: &Call) -> Result<bool, AdapterError> {
        read::has_entities_of_several_types(&self.partition, call)
            .await
            .map_err(|error| adapter_error(&self.source, &error))
    }

    async fn may_hold_relationships(&self, names: &[AttributeName], call: &Call) -> Result<bool, AdapterError> {
        read::holds_uris(&self.partition, names, call)
            .await
            .map_err(|error| adapter_error(&self.source, &error))
    }

    async fn count(&self, query: &SourceQuery, call: &Call) -> Result<Counted, AdapterError> {
        let statement = compile(query, &Sqlite).count(&Sqlite);
        self.partition.remove_expired_before_reading().await;
        read::count(&self.partition, statement, call)
            .await
            .map(Counted::entities)
            .map_err(|error| adapter_error(&self.source, &error))
    }

    async fn held_types(&self, call: &Call) -> Result<Vec<TypeName>, AdapterError> {
        self.partition.remove_expired_before_reading().await;
        read::held_types(&self.partition, call)
            .await
            .map_err(|error| adapter_error(&self.source, &error))
    }

    fn trouble(&self) -> Option<Trouble> {
        self.partition.trouble()
    }

    fn writer(&self) -> Option<&dyn EntityWriter> {
        Some(self)
    }
}
