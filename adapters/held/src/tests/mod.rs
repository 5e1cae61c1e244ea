//! A source that the tests answer for, with a clock that they set.

mod answers;
mod kept;
mod ordered;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt, stream};
use kakehashi_contract::{
    Adapter, AdapterError, AskedRequest, AttributeSelection, Call, Counted, Coverage, EntityStream, ErrorKind, Flaw,
    Freshness, Page, PreparedQuery, PushDown, SelectedNames, SourceId, SourceQuery, Yielded,
};
use ngsi_ld::context::Context;
use ngsi_ld::entity::parse::parse_entity;
use ngsi_ld::query::{Expression, GeoQuery, IdPattern};
use ngsi_ld::{Entity, EntityId, TypeName};
use tokio::sync::Semaphore;
use tokio::time::{Instant, advance};

use crate::{HeldMemory, HeldSource, HeldType, Holding, Judge, Judged, NotHeld, Others};

const HOLD: Duration = Duration::from_secs(60);

/// A source that decides nothing but the type, and remembers what it was asked.
#[derive(Debug)]
struct Source(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    id: SourceId,
    yielded: Mutex<Vec<Yielded>>,
    fails: Mutex<Option<ErrorKind>>,
    asked: Mutex<Vec<SourceQuery>>,
    /// Each answer takes one.
    may_answer: Semaphore,
    answered: AtomicUsize,
}

#[derive(Debug)]
struct Asked(Arc<Inner>, SourceQuery);

#[async_trait]
impl Adapter for Source {
    fn source(&self) -> &SourceId {
        &self.0.id
    }

    fn prepare(&self, query: &SourceQuery) -> Arc<dyn PreparedQuery> {
        Arc::new(Asked(Arc::clone(&self.0), query.clone()))
    }
}

#[async_trait]
impl PreparedQuery for Asked {
    fn push_down(&self) -> PushDown {
        PushDown {
            selection: Coverage::Exact,
            ..kakehashi_index::UNDECIDED
        }
    }

    fn asked(&self, _: Option<Page>) -> Result<Vec<AskedRequest>, AdapterError> {
        Ok(Vec::new())
    }

    async fn retrieve(&self, call: &Call) -> Result<Option<Yielded>, AdapterError> {
        self.query(None, call).next().await.transpose()
    }

    fn query(&self, _: Option<Page>, _: &Call) -> EntityStream {
        let (inner, query) = (Arc::clone(&self.0), self.1.clone());
        let answer = async move {
            inner.asked.lock().unwrap().push(query.clone());
            inner.may_answer.acquire().await.unwrap().forget();
            inner.answered.fetch_add(1, Ordering::SeqCst);
            if let Some(kind) = *inner.fails.lock().unwrap() {
                return Err(AdapterError::new(&inner.id, kind, "as the test wants it"));
            }
            let is_meant = |one: &Yielded| match one {
                Yielded::Entity(entity) => {
                    query.types.iter().any(|name| entity.has_type(name))
                        && (query.ids.is_empty() || query.ids.contains(&entity.id))
                }
                Yielded::LeftOut(_) => true,
            };
            let all = inner.yielded.lock().unwrap().clone();
            let yielded = all.into_iter().filter(is_meant).map(|one| match one {
                Yielded::Entity(mut entity) => {
                    entity
                        .attributes
                        .retain(|attribute| query.attributes.includes(&attribute.name));
                    Yielded::Entity(entity)
                }
                left_out @ Yielded::LeftOut(_) => left_out,
            });
            Ok(stream::iter(yielded.map(Ok).collect::<Vec<_>>()))
        };
        stream::once(answer).try_flatten().boxed()
    }

    async fn count(&self, _: &Call) -> Result<Counted, AdapterError> {
        unreachable!("it does not decide everything")
    }
}

/// A source with `hold`.
struct World {
    source: Arc<Inner>,
    held: HeldSource,
}

fn r#type(short: &str) -> TypeName {
    Context::core().expand_type(short).unwrap()
}

fn names(short: &[&str]) -> SelectedNames {
    SelectedNames::new(short.iter().map(|name| Context::core().expand_attribute(name).unwrap()))
}

/// A site number so and so many degrees east.
fn site(number: usize) -> Entity {
    let text = format!(
        r#"{{"id": "urn:ngsi-ld:Site:{number:04}", "type": "Site", "name": {{"type": "Property", "value": "site {number}"}},
            "size": {{"type": "Property", "value": {number}}}, "note": {{"type": "Property", "value": "not open"}},
            "location": {{"type": "GeoProperty", "value": {{"type": "Point", "coordinates": [{}, 36.3]}}}}}}"#,
        100.0 + number as f64 / 100.0
    );
    parse_entity(text.as_bytes(), Context::core()).unwrap()
}

/// The number of a site, as its id has it.
fn number_of(entity: &Entity) -> String {
    entity.id.as_str().rsplit(':').next().unwrap().to_owned()
}

impl World {
    fn with(entities: Vec<Yielded>, judge: Judge, memory: &HeldMemory) -> Self {
        let source = Arc::new(Inner {
            id: SourceId::new("town"),
            yielded: Mutex::new(entities),
            fails: Mutex::default(),
            asked: Mutex::default(),
            may_answer: Semaphore::new(1_000_000),
            answered: AtomicUsize::new(0),
        });
        let holding = Holding::of(vec![HeldType {
            name: r#type("Site"),
            attributes: names(&["name", "size", "location"]),
            others: Others::These(names(&["note"])),
        }]);
        let itself = Arc::new(Source(Arc::clone(&source)));
        let (held, upkeep) = HeldSource::new(itself, HOLD, holding, judge, memory);
        tokio::spawn(upkeep());
        Self { source, held }
    }

    fn of(entities: impl IntoIterator<Item = Entity>) -> Self {
        let entities = entities.into_iter().map(Yielded::Entity).collect();
        Self::with(entities, Arc::new(|_| Judged::Whole), &HeldMemory::default())
    }

    fn sites(count: usize) -> Self {
        Self::of((0..count).map(site))
    }

    async fn ask(&self, query: &SourceQuery, call: &Call) -> Result<Vec<Yielded>, AdapterError> {
        self.held.prepare(query).query(None, call).try_collect().await
    }

    /// The numbers of the sites that a question finds, and how old the answer is.
    async fn find(&self, query: &SourceQuery) -> Result<(Vec<String>, Option<Duration>, bool), AdapterError> {
        let call = call();
        let found = self.ask(query, &call).await?;
        let ids = found
            .into_iter()
            .filter_map(Yielded::entity)
            .map(|entity| number_of(&entity));
        Ok((ids.collect(), call.freshness.age(), !call.freshness.stale().is_empty()))
    }

    fn times_asked(&self) -> usize {
        self.source.asked.lock().unwrap().len()
    }

    fn fail(&self, kind: Option<ErrorKind>) {
        *self.source.fails.lock().unwrap() = kind;
    }
}

fn call() -> Call {
    let deadline = Instant::now() + Duration::from_secs(10);
    Call {
        freshness: Freshness::of_request(),
        ..Call::until(deadline.into_std())
    }
}

/// Everything that is open.
fn all() -> SourceQuery {
    SourceQuery {
        attributes: AttributeSelection::Only(names(&["name", "size", "location"])),
        ..SourceQuery::of_types(vec![r#type("Site")])
    }
}

fn filtered(q: &str) -> SourceQuery {
    SourceQuery {
        filter: Some(Expression::parse(q, Context::core()).unwrap().into()),
        ..all()
    }
}

/// Lets the task that reads do what it can.
async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}
