//! One question to a partition, prepared: its conditions are compiled, and become a statement for whatever is asked.

use std::sync::Arc;

use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt};

use super::adapter_error;
use super::backend::sql::{Compiled, Dialect, Statement, compile};
use super::body::Wanted;
use super::partition::StorePartition;
use super::read;
use kakehashi_contract::{
    AdapterError, AskedRequest, AttributeSelection, Call, Counted, EntityStream, Page, PlaceStream, PreparedQuery,
    PushDown, SourceId, SourceQuery, Yielded,
};

/// The statements that one query may become, whoever runs them.
#[derive(Debug)]
pub(super) struct Statements {
    compiled: Compiled,
    dialect: &'static dyn Dialect,
}

impl Statements {
    pub(super) fn of(query: &SourceQuery, dialect: &'static dyn Dialect) -> Self {
        Self {
            compiled: compile(query, dialect),
            dialect,
        }
    }

    pub(super) fn push_down(&self) -> PushDown {
        self.compiled.push_down
    }

    fn selecting(&self, page: Option<Page>) -> Statement {
        self.compiled.select(page, self.dialect)
    }

    fn counting(&self) -> Statement {
        self.compiled.count(self.dialect)
    }

    /// What would be asked, to be told.
    pub(super) fn asked(&self, page: Option<Page>) -> AskedRequest {
        let Statement { text, bindings } = self.selecting(page);
        AskedRequest::Sql {
            statement: text,
            bindings: bindings.iter().map(ToString::to_string).collect(),
        }
    }
}

/// One partition, and what it is asked.
#[derive(Debug)]
pub(super) struct PreparedStatements {
    source: SourceId,
    partition: StorePartition,
    statements: Statements,
    wanted: Arc<Wanted>,
    /// Whether one entity is asked for by its id, and nothing that would have to be looked for.
    is_named: bool,
}

impl PreparedStatements {
    pub(super) fn of(source: &SourceId, partition: &StorePartition, query: &SourceQuery) -> Self {
        let wanted = Wanted {
            attributes: match &query.attributes {
                AttributeSelection::All => None,
                AttributeSelection::Only(names) => Some(names.to_vec()),
            },
            system_attributes: query.system_attributes,
        };
        Self {
            source: source.clone(),
            statements: Statements::of(query, partition.dialect()),
            partition: partition.clone(),
            wanted: Arc::new(wanted),
            is_named: names_what_it_asks_for(query),
        }
    }
}

impl PreparedStatements {
    fn read(&self, page: Option<Page>, call: &Call) -> EntityStream {
        let (source, wanted) = (self.source.clone(), Arc::clone(&self.wanted));
        read::all(
            self.partition.clone(),
            self.statements.selecting(page),
            wanted,
            call.clone(),
        )
        .map_ok(Yielded::Entity)
        .map_err(move |error| adapter_error(&source, &error))
        .boxed()
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

#[async_trait]
impl PreparedQuery for PreparedStatements {
    fn push_down(&self) -> PushDown {
        self.statements.push_down()
    }

    fn asked(&self, page: Option<Page>) -> Result<Vec<AskedRequest>, AdapterError> {
        Ok(vec![self.statements.asked(page)])
    }

    async fn retrieve(&self, call: &Call) -> Result<Option<Yielded>, AdapterError> {
        let statement = self.statements.selecting(None);
        self.partition.remove_expired_before_reading().await;
        if self.is_named
            && let Some(found) = read::looked_up(&self.partition, &statement, &self.wanted, call)
        {
            return Ok(found.map(Yielded::Entity));
        }
        read::first(&self.partition, statement, &self.wanted, call)
            .await
            .map(|found| found.map(Yielded::Entity))
            .map_err(|error| adapter_error(&self.source, &error))
    }

    fn query(&self, page: Option<Page>, call: &Call) -> EntityStream {
        // A page of candidates would be no page of the answer.
        self.read(page.filter(|_| self.push_down().is_exact()), call)
    }

    fn candidates(&self, page: Page, call: &Call) -> Option<PlaceStream> {
        // The rows come as they are taken: how many are wanted need not be known, and without a bound the database finds them by the
        // conditions and not by the order.
        let from = (page.offset > 0).then_some(Page {
            limit: usize::MAX,
            ..page
        });
        Some(self.read(from, call).map_ok(Some).boxed())
    }

    fn candidates_go_on(&self) -> bool {
        true
    }

    async fn count(&self, call: &Call) -> Result<Counted, AdapterError> {
        let statement = self.statements.counting();
        self.partition.remove_expired_before_reading().await;
        read::count(&self.partition, statement, call)
            .await
            .map(Counted::entities)
            .map_err(|error| adapter_error(&self.source, &error))
    }
}
