//! A partition that nobody has opened: it says what it would be asked and what it would decide, and answers nothing.
//! Whoever explains a configuration makes no file by it.

use async_trait::async_trait;
use futures::StreamExt;
use ngsi_ld::entity::DateTime;
use ngsi_ld::{Entity, EntityId};

use super::asked;
use super::backend::sql::compile;
use super::backend::sqlite::Sqlite;
use super::writer::OFFER;
use kakehashi_contract::{
    Adapter, AdapterError, AskedRequest, Call, Counted, EntityStream, EntityWriter, ErrorKind, MayChange, MayTellOf,
    PushDown, Put, SourceId, SourceQuery, WriteError, WriteOffer, Yielded,
};

/// A partition of the store that is not opened. Every question fails.
#[derive(Debug)]
pub struct UnopenedPartition {
    source: SourceId,
}

impl UnopenedPartition {
    /// The source of that name.
    #[must_use]
    pub fn new(source: SourceId) -> Self {
        Self { source }
    }

    fn error(&self) -> AdapterError {
        AdapterError::new(&self.source, ErrorKind::Internal, "the partition is not opened")
    }
}

#[async_trait]
impl Adapter for UnopenedPartition {
    fn source(&self) -> &SourceId {
        &self.source
    }

    fn push_down(&self, query: &SourceQuery) -> PushDown {
        compile(query, &Sqlite).push_down
    }

    fn asked(&self, query: &SourceQuery) -> Result<Vec<AskedRequest>, AdapterError> {
        Ok(vec![asked(query, &Sqlite)])
    }

    async fn retrieve(&self, _: &SourceQuery, _: &Call) -> Result<Option<Yielded>, AdapterError> {
        Err(self.error())
    }

    fn query(&self, _: &SourceQuery, _: &Call) -> EntityStream {
        futures::stream::iter([Err(self.error())]).boxed()
    }

    async fn has_entities_of_several_types(&self, _: &Call) -> Result<bool, AdapterError> {
        Err(self.error())
    }

    async fn count(&self, _: &SourceQuery, _: &Call) -> Result<Counted, AdapterError> {
        Err(self.error())
    }

    fn writer(&self) -> Option<&dyn EntityWriter> {
        Some(self)
    }
}

#[async_trait]
impl EntityWriter for UnopenedPartition {
    fn offer(&self) -> WriteOffer {
        OFFER
    }

    async fn create(&self, _: Entity, _: MayTellOf<'_>, _: DateTime, _: &Call) -> Result<(), WriteError> {
        Err(self.error().into())
    }

    async fn put(&self, _: Entity, _: MayChange<'_>, _: DateTime, _: &Call) -> Result<Put, WriteError> {
        Err(self.error().into())
    }

    async fn delete(&self, _: &EntityId, _: MayChange<'_>, _: &Call) -> Result<(), WriteError> {
        Err(self.error().into())
    }
}
