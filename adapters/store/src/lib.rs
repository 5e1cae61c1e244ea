//! The prefecture's own store: entities in a database of their tenant's.
//!
//! | module | owns |
//! |---|---|
//! | `tenant_name`, `error` | which tenants can have a partition; what can go wrong with one |
//! | `names` | numbers for expanded names |
//! | `body`, `index`, `rows` | an entity as a row, and as rows that comparisons look at |
//! | `backend` | what a partition rests in: from questions to SQL, and every statement; SQLite |
//! | `mark` | what was changed, as it rests in the outbox |
//! | `partition` | one tenant's database, and what is known of it while it is open |
//! | `read` | running statements, within the deadline |
//! | `dates`, `change` | the dates that the store keeps; one transaction that changes entities and leaves their marks |
//! | `outbox` | reading the marks in order; what may rest there |
//! | `expiry`, `upkeep` | what has expired is removed; what is done from time to time |
//! | `write` | entities from outside |
//! | `writer`, `notifying`, `unopened` | the store as a source that takes writes and tells of them; a partition that is planned for and not opened |
//! | `kind` | the kind `store`: its keys, how they are read, and its factory |
//!
//! Each knows those above it and none below. The store knows nothing of policies: what it is asked is narrowed already, and
//! what may rest in the outbox it is told. It never writes anywhere but into the partitions, and no error or log line of
//! it holds a value.

mod backend;
mod body;
mod change;
mod dates;
mod error;
mod expiry;
mod index;
mod kind;
#[cfg(test)]
mod layers_tests;
mod mark;
mod names;
mod notifying;
mod outbox;
#[cfg(test)]
mod outbox_tests;
mod partition;
mod read;
mod rows;
#[cfg(test)]
mod samples;
mod tenant_name;
#[cfg(test)]
mod tests;
mod unopened;
mod upkeep;
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
pub use self::kind::{StoreKind, StoreSource};
pub use self::mark::LONGEST_AGE;
pub use self::partition::{StoreOptions, StorePartition};
pub use self::tenant_name::MAX_TENANT_BYTES;
pub use self::unopened::UnopenedPartition;
pub use self::upkeep::Upkeep;
pub use self::write::Loaded;

use self::backend::sql::{Dialect, Statement, compile};
use self::body::Wanted;
use kakehashi_contract::{
    Adapter, AdapterError, AskedRequest, AttributeSelection, Call, Counted, EntityStream, EntityWriter, Notifies,
    PushDown, SourceId, SourceQuery, Yielded,
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

/// Whether a query asks for one entity by its id, and for nothing that would have to be looked for.
fn names_what_it_asks_for(query: &SourceQuery) -> bool {
    query.ids.len() == 1
        && query.id_pattern.is_none()
        && query.any_attribute.is_empty()
        && query.filter.is_none()
        && query.geo.is_none()
        && query.scope.is_none()
}

/// The statement that a query is.
fn selecting(query: &SourceQuery, dialect: &dyn Dialect) -> Statement {
    compile(query, dialect).select(query, dialect)
}

/// The statement that a query is, to be told.
fn asked(query: &SourceQuery, dialect: &dyn Dialect) -> AskedRequest {
    let Statement { text, bindings } = selecting(query, dialect);
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
        compile(query, self.partition.dialect()).push_down
    }

    fn asked(&self, query: &SourceQuery) -> Result<Vec<AskedRequest>, AdapterError> {
        Ok(vec![asked(query, self.partition.dialect())])
    }

    async fn retrieve(&self, query: &SourceQuery, call: &Call) -> Result<Option<Yielded>, AdapterError> {
        let statement = selecting(query, self.partition.dialect());
        self.partition.remove_expired_before_reading().await;
        let wanted = wanted(query);
        if names_what_it_asks_for(query)
            && let Some(found) = read::looked_up(&self.partition, &statement, &wanted, call)
        {
            return Ok(found.map(Yielded::Entity));
        }
        read::first(&self.partition, statement, &wanted, call)
            .await
            .map(|found| found.map(Yielded::Entity))
            .map_err(|error| adapter_error(&self.source, &error))
    }

    fn query(&self, query: &SourceQuery, call: &Call) -> EntityStream {
        let statement = selecting(query, self.partition.dialect());
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
        let dialect = self.partition.dialect();
        let statement = compile(query, dialect).count(dialect);
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

    fn notifies(&self) -> Option<&dyn Notifies> {
        Some(self)
    }

    fn writer(&self) -> Option<&dyn EntityWriter> {
        Some(self)
    }
}
