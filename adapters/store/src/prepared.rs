//! One question to a partition, prepared: its conditions are compiled, and become a statement for whatever is asked.

use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt, TryStreamExt};
use ngsi_ld::query::Ordering;
use ngsi_ld::{Entity, EntityId};

use super::backend::Selecting;
use super::backend::sql::{Compiled, Dialect, Statement, Way, compile};
use super::body::Wanted;
use super::in_place::{self, Found};
use super::long_statements::Few;
use super::names::NameTable;
use super::ordered::InOrder;
use super::partition::StorePartition;
use super::ways::{Asking, Patience};
use super::{StoreError, adapter_error, read};
use kakehashi_contract::{
    AdapterError, AskedRequest, AttributeSelection, Call, Counted, EntityStream, Foremost, Page, PlaceStream,
    PreparedQuery, PushDown, SourceId, SourceQuery, Yielded,
};

/// The statements that one query may become, whoever runs them.
#[derive(Debug)]
pub(super) struct Statements {
    compiled: Compiled,
    dialect: &'static dyn Dialect,
    few: Few,
}

impl Statements {
    pub(super) fn of(query: &SourceQuery, dialect: &'static dyn Dialect, few: Few) -> Self {
        Self {
            compiled: compile(query, dialect),
            dialect,
            few,
        }
    }

    pub(super) fn push_down(&self) -> PushDown {
        self.compiled.push_down
    }

    /// How it is asked where somebody reads.
    fn asking<'a>(&'a self, selecting: &'a dyn Selecting, names: &'a Arc<NameTable>) -> Asking<'a> {
        Asking {
            selecting,
            names,
            compiled: &self.compiled,
            dialect: self.dialect,
            few: self.few,
        }
    }

    /// The statement in the order of ids.
    //= 5.7.2.4-9
    fn in_order(&self, page: Option<Page>) -> Statement {
        self.compiled.select(Way::InOrder, page, self.dialect)
    }

    /// What reads a page, or all, or what comes behind an entity.
    fn reads(self: &Arc<Self>, part: Part) -> read::Reads {
        let this = Arc::clone(self);
        Box::new(move |selecting, names, take| {
            let asking = this.asking(selecting, names);
            match part {
                Part::Page(page) => asking.page_apart(page, take),
                Part::All => {
                    let statement = this.compiled.select(asking.way_to_all()?, None, this.dialect);
                    selecting.look_through(&statement, names, take)
                }
                Part::Behind(id) => {
                    let statement = asking.behind(asking.way_to_all()?, &id);
                    selecting.look_through(&statement, names, take)
                }
            }
        })
    }

    /// What would be asked, to be told.
    pub(super) fn asked(&self, page: Option<Page>) -> AskedRequest {
        let Statement { text, bindings, .. } = self.in_order(page);
        AskedRequest::Sql {
            statement: text,
            bindings: bindings.iter().map(ToString::to_string).collect(),
        }
    }
}

/// Which part of what matches, in the order of ids.
#[derive(Debug, Clone)]
enum Part {
    Page(Page),
    All,
    /// What comes behind an entity.
    Behind(EntityId),
}

/// One partition, and what it is asked.
#[derive(Debug)]
pub(super) struct PreparedStatements {
    source: SourceId,
    partition: StorePartition,
    statements: Arc<Statements>,
    wanted: Arc<Wanted>,
    query: Arc<SourceQuery>,
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
            statements: Arc::new(Statements::of(query, partition.dialect(), partition.few())),
            partition: partition.clone(),
            wanted: Arc::new(wanted),
            query: Arc::new(query.clone()),
            is_named: names_what_it_asks_for(query),
        }
    }
}

impl PreparedStatements {
    /// The entities of a page, or all: where the request arrived if they are so few and found at once, else as they arrive.
    fn read(&self, page: Option<Page>, call: &Call) -> EntityStream {
        let (partition, wanted, call) = (self.partition.clone(), Arc::clone(&self.wanted), call.clone());
        let statements = Arc::clone(&self.statements);
        let reading = async move {
            partition.remove_expired_before_reading().await;
            let Some(page) = page else {
                return read::all(partition, statements.reads(Part::All), wanted, call).boxed();
            };
            let chooses = |selecting: &dyn Selecting, names: &Arc<NameTable>| {
                let asking = statements.asking(selecting, names);
                asking.page(asking.way_to_page(Patience::Little)?, page)
            };
            match in_place::entities(&partition, &chooses, &wanted, page.limit, &call) {
                Some(found) => at_hand(found),
                None => read::all(partition, statements.reads(Part::Page(page)), wanted, call).boxed(),
            }
        };
        self.yielded(futures::stream::once(reading).flatten())
    }

    /// The candidates from one place of the list on: those that are likely to be enough where the request arrived, if they are found
    /// at once, and those behind them in the same way once they are asked for.
    fn read_on(&self, from: Option<Page>, first: usize, call: &Call) -> EntityStream {
        let candidates = Candidates {
            partition: self.partition.clone(),
            statements: Arc::clone(&self.statements),
            wanted: Arc::clone(&self.wanted),
            // Some are left over of what a box around a circle holds.
            many: first.saturating_add(first / 3).clamp(1, in_place::MOST_ENTITIES),
            call: call.clone(),
        };
        let part = from.map_or(Part::All, Part::Page);
        self.yielded(candidates.of(part))
    }

    fn yielded(&self, entities: impl Stream<Item = Result<Entity, StoreError>> + Send + 'static) -> EntityStream {
        let source = self.source.clone();
        entities
            .map_ok(Yielded::Entity)
            .map_err(move |error| adapter_error(&source, &error))
            .boxed()
    }
}

/// Candidates that are read as they are needed.
struct Candidates {
    partition: StorePartition,
    statements: Arc<Statements>,
    wanted: Arc<Wanted>,
    /// How many are read together in place.
    many: usize,
    call: Call,
}

impl Candidates {
    /// Those of a part, in the order of ids.
    fn of(self, part: Part) -> BoxStream<'static, Result<Entity, StoreError>> {
        let reading = async move {
            self.partition.remove_expired_before_reading().await;
            let chooses = |selecting: &dyn Selecting, names: &Arc<NameTable>| {
                let asking = self.statements.asking(selecting, names);
                let way = asking.way_to_page(Patience::Little)?;
                match &part {
                    Part::Page(page) => asking.page(way, *page),
                    Part::All => Ok(asking.compiled.select(way, None, asking.dialect)),
                    Part::Behind(id) => Ok(asking.behind(way, id)),
                }
            };
            let found = in_place::entities(&self.partition, &chooses, &self.wanted, self.many, &self.call);
            let Some(found) = found else {
                let reads = self.statements.reads(part);
                return read::all(self.partition, reads, self.wanted, self.call).boxed();
            };
            let last = found.as_ref().ok().filter(|found| found.has_more);
            match last.and_then(|found| found.entities.last()) {
                Some(last) => {
                    let behind = Part::Behind(last.id.clone());
                    let others = async {
                        // Whoever takes all that is there is not to be given what nobody has asked for yet.
                        tokio::task::yield_now().await;
                        self.of(behind)
                    };
                    at_hand(found).chain(futures::stream::once(others).flatten()).boxed()
                }
                None => at_hand(found),
            }
        };
        futures::stream::once(reading).flatten().boxed()
    }
}

/// What was read in place, counted until the last of it was taken.
fn at_hand(found: Result<Found, StoreError>) -> BoxStream<'static, Result<Entity, StoreError>> {
    match found {
        Ok(Found { entities, held, .. }) => {
            let handed_out = move |entity| {
                let _counted = &held;
                Ok(entity)
            };
            futures::stream::iter(entities).map(handed_out).boxed()
        }
        Err(error) => futures::stream::iter([Err(error)]).boxed(),
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
        let statement = self.statements.in_order(None);
        self.partition.remove_expired_before_reading().await;
        if self.is_named
            && let Some(found) = read::looked_up(&self.partition, &statement, &self.wanted, call)
        {
            return Ok(found.map(Yielded::Entity));
        }
        let reads = self.statements.reads(Part::All);
        read::first(&self.partition, reads, &self.wanted, call)
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
        Some(self.read_on(from, page.limit, call).map_ok(Some).boxed())
    }

    fn candidates_go_on(&self) -> bool {
        true
    }

    fn ordered(&self, order: &Ordering, first: Foremost, call: &Call) -> Option<EntityStream> {
        let in_order = InOrder::of(order, first, &self.query)?;
        let statements = Arc::clone(&self.statements);
        let calling = call.clone();
        let reads: read::Reads =
            Box::new(move |selecting, names, take| in_order.read(&statements.asking(selecting, names), &calling, take));
        let read = read::all(self.partition.clone(), reads, Arc::clone(&self.wanted), call.clone());
        Some(self.yielded(read))
    }

    async fn count(&self, call: &Call) -> Result<Counted, AdapterError> {
        let shape = self.statements.compiled.count(Way::InOrder, self.statements.dialect);
        self.partition.remove_expired_before_reading().await;
        let counts = |selecting: &dyn Selecting, names: &Arc<NameTable>| {
            self.statements.asking(selecting, names).count(Patience::Little)
        };
        if let Some(count) = in_place::count(&self.partition, &shape, &counts, call) {
            return Ok(Counted::entities(count));
        }
        let statements = Arc::clone(&self.statements);
        let counts = move |selecting: &dyn Selecting, names: &Arc<NameTable>| {
            statements.asking(selecting, names).count(Patience::Much)
        };
        read::count(&self.partition, counts, call)
            .await
            .map(Counted::entities)
            .map_err(|error| adapter_error(&self.source, &error))
    }
}
