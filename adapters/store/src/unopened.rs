//! A partition that nobody has opened: it says what it would be asked and what it would decide, and answers nothing.
//! Whoever explains a configuration makes no file by it.

use std::sync::Arc;

use async_trait::async_trait;
use futures::StreamExt;
use ngsi_ld::TypeName;
use ngsi_ld::entity::DateTime;

use super::backend::sqlite::Sqlite;
use super::long_statements::Few;
use super::prepared::Statements;
use super::writer::OFFER;
use kakehashi_contract::{
    Adapter, AdapterError, AskedRequest, Call, Counted, EntityStream, EntityWrite, EntityWriter, ErrorKind, Page,
    PreparedQuery, PushDown, SourceId, SourceQuery, WriteError, WriteOffer, Written, Yielded,
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

    fn prepare(&self, query: &SourceQuery) -> Arc<dyn PreparedQuery> {
        Arc::new(Unanswered {
            error: self.error(),
            statements: Statements::of(query, &Sqlite, Few::USUAL),
        })
    }

    async fn has_entities_of_several_types(&self, _: &[TypeName], _: &Call) -> Result<bool, AdapterError> {
        Err(self.error())
    }

    async fn held_types(&self, _: &Call) -> Result<Vec<TypeName>, AdapterError> {
        Err(self.error())
    }

    fn writer(&self) -> Option<&dyn EntityWriter> {
        Some(self)
    }
}

/// What the partition would be asked.
#[derive(Debug)]
struct Unanswered {
    error: AdapterError,
    statements: Statements,
}

#[async_trait]
impl PreparedQuery for Unanswered {
    fn push_down(&self) -> PushDown {
        self.statements.push_down()
    }

    fn asked(&self, page: Option<Page>) -> Result<Vec<AskedRequest>, AdapterError> {
        Ok(vec![self.statements.asked(page)])
    }

    async fn retrieve(&self, _: &Call) -> Result<Option<Yielded>, AdapterError> {
        Err(self.error.clone())
    }

    fn query(&self, _: Option<Page>, _: &Call) -> EntityStream {
        futures::stream::iter([Err(self.error.clone())]).boxed()
    }

    async fn count(&self, _: &Call) -> Result<Counted, AdapterError> {
        Err(self.error.clone())
    }
}

#[async_trait]
impl EntityWriter for UnopenedPartition {
    fn offer(&self) -> WriteOffer {
        OFFER
    }

    async fn write(&self, writes: &[EntityWrite<'_>], _: &DateTime, _: &Call) -> Vec<Result<Written, WriteError>> {
        vec![Err(self.error().into()); writes.len()]
    }
}
