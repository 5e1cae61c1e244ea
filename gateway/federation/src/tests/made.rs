//! Sources that make their entities as they are asked for, and what all of them together show.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering as AtomicOrdering};

use futures::stream;
use kakehashi_adapters::{Foremost, PlaceStream};
use kakehashi_config::Extensions;

use super::*;
use crate::pages::place::Place;
use ngsi_ld::query::Ordering;

/// How many walks a property is tried with: so many, or in the proportion of a thousand that `KAKEHASHI_WALKS` asks for.
pub(super) fn walks(usually: u32) -> ProptestConfig {
    let asked = std::env::var("KAKEHASHI_WALKS").ok();
    let asked = asked.map(|asked| asked.parse::<u32>().unwrap());
    ProptestConfig::with_cases(asked.map_or(usually, |asked| asked / 1_000 * usually))
}

/// What a source was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Request {
    /// A part of its list.
    Candidates(Page),
    /// All of its list.
    Everything,
    /// So many by their ids.
    Ids(usize),
    Count,
    /// So many at least, in an order.
    Ordered,
}

/// What has changed in a source.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// Numbers that it has no more.
    pub(super) gone: HashSet<usize>,
    /// Numbers that it has beside its own, behind them.
    pub(super) new: Vec<usize>,
    /// By how much values differ from what they were.
    pub(super) shifted: HashMap<usize, usize>,
}

/// A source that makes its entities as they are asked for.
#[derive(Debug, Clone)]
pub(super) struct Made {
    pub(super) id: SourceId,
    /// The numbers of its entities: the first, how many, and how far apart.
    pub(super) numbers: (usize, usize, usize),
    /// What the values depend on beside the number.
    pub(super) seed: usize,
    /// How it decides conditions.
    pub(super) coverage: Coverage,
    /// Whether it can begin in the middle of its list.
    pub(super) from_the_middle: bool,
    /// Whether its candidates go on to the end of its list, however few are asked for.
    pub(super) goes_on: bool,
    /// Every so many places hold nothing new.
    pub(super) repeats: Option<usize>,
    /// Whether it can put its entities in an order.
    pub(super) orders: bool,
    /// The types that it holds, where some entity has several.
    pub(super) several: Option<Vec<TypeName>>,
    /// Every so many of its entities say nothing of one attribute.
    pub(super) lacks: Option<usize>,
    /// What has changed since it was made.
    pub(super) changes: Arc<Mutex<Changes>>,
    pub(super) is_dead: Arc<AtomicBool>,
    pub(super) asked: Arc<Mutex<Vec<Request>>>,
}

impl Made {
    pub(super) fn entity(&self, number: usize) -> Entity {
        let id = EntityId::parse(&format!("urn:ngsi-ld:AED:{number:06}")).unwrap();
        let mut entity = Entity::new(id, aed());
        // One value is the same everywhere, one of the source; where both sources say something, who wins is decided elsewhere.
        let shift = self.changes.lock().unwrap().shifted.get(&number).copied();
        let height = number * 7 + shift.unwrap_or_default();
        for (name, value) in [("height", height % 10), ("maxCapacity", (number + self.seed) % 5)] {
            if name == "maxCapacity" && self.lacks.is_some_and(|every| number.is_multiple_of(every)) {
                continue;
            }
            let value = AttributeValue::Property(Value::Number((value as u64).into()));
            let mut instance = Instance::new(value);
            instance.observed_at = Some(DateTime::parse("2026-04-01T00:00:00Z").unwrap());
            entity.attributes.push(Attribute::new(attribute(name), instance));
        }
        entity
    }

    /// The numbers that it has now, in its order.
    pub(super) fn numbers_now(&self) -> Vec<usize> {
        let (first, count, step) = self.numbers;
        let changes = self.changes.lock().unwrap();
        let own = (0..count).map(|place| first + place * step);
        let all = own.chain(changes.new.iter().copied());
        all.filter(|number| !changes.gone.contains(number)).collect()
    }

    /// Whether it yields an entity. One that only narrows yields some that do not meet the condition.
    fn meets(&self, query: &SourceQuery, number: usize, entity: &Entity) -> bool {
        let yields_anyway = match self.coverage {
            Coverage::None => true,
            Coverage::Narrows => number.is_multiple_of(3),
            Coverage::Exact => false,
        };
        yields_anyway || query.filter.as_ref().is_none_or(|filter| filter.matches(entity))
    }

    /// Its list: what it yields in each place.
    pub(super) fn list(&self, query: &SourceQuery) -> Box<dyn Iterator<Item = Option<Yielded>> + Send> {
        let (source, query) = (self.clone(), query.clone());
        let all = self.numbers_now().into_iter().filter_map(move |number| {
            let mut entity = source.entity(number);
            let is_meant = query.ids.is_empty() || query.ids.contains(&entity.id);
            let is_yielded = is_meant && source.meets(&query, number, &entity);
            let asked = |one: &Attribute| query.attributes.includes(&one.name);
            entity.attributes.retain(asked);
            is_yielded.then_some(Yielded::Entity(entity))
        });
        match self.repeats.filter(|_| self.from_the_middle) {
            None => Box::new(all.map(Some)),
            Some(every) => Box::new(all.enumerate().flat_map(move |(place, one)| {
                let nothing = (place % every == 0).then_some(None);
                std::iter::once(Some(one)).chain(nothing)
            })),
        }
    }

    fn note(&self, request: Request) -> Result<(), AdapterError> {
        self.asked.lock().unwrap().push(request);
        if self.is_dead.load(AtomicOrdering::Relaxed) {
            return Err(AdapterError::new(
                &self.id,
                ErrorKind::Unreachable,
                "as the test wants it",
            ));
        }
        Ok(())
    }
}

#[async_trait]
impl Adapter for Made {
    fn source(&self) -> &SourceId {
        &self.id
    }

    fn prepare(&self, query: &SourceQuery) -> Arc<dyn PreparedQuery> {
        Arc::new(AskedOf {
            source: self.clone(),
            query: query.clone(),
        })
    }

    async fn has_entities_of_several_types(&self, _: &[TypeName], _: &Call) -> Result<bool, AdapterError> {
        Ok(self.several.is_some())
    }

    async fn held_types(&self, _: &Call) -> Result<Vec<TypeName>, AdapterError> {
        Ok(self.several.clone().unwrap_or_default())
    }

    async fn may_hold_relationships(&self, _: &[AttributeName], _: &Call) -> Result<bool, AdapterError> {
        Ok(false)
    }
}

#[async_trait]
impl PreparedQuery for AskedOf<Made> {
    fn push_down(&self) -> PushDown {
        PushDown {
            selection: Coverage::Exact,
            id_pattern: if self.query.id_pattern.is_some() {
                Coverage::None
            } else {
                Coverage::Exact
            },
            any_attribute: Coverage::Exact,
            filter: if self.query.filter.is_some() {
                self.source.coverage
            } else {
                Coverage::Exact
            },
            geo: Coverage::Exact,
            scope: Coverage::Exact,
        }
    }

    fn asked(&self, _: Option<Page>) -> Result<Vec<AskedRequest>, AdapterError> {
        Ok(Vec::new())
    }

    async fn retrieve(&self, _: &Call) -> Result<Option<Yielded>, AdapterError> {
        Ok(None)
    }

    fn query(&self, page: Option<Page>, _: &Call) -> EntityStream {
        let request = match (self.query.ids.len(), page) {
            (0, None) => Request::Everything,
            (0, Some(page)) => Request::Candidates(page),
            (ids, _) => Request::Ids(ids),
        };
        if let Err(error) = self.source.note(request) {
            return stream::iter([Err(error)]).boxed();
        }
        let page = page.unwrap_or(Page {
            limit: usize::MAX,
            offset: 0,
        });
        let list = self.source.list(&self.query).skip(page.offset).take(page.limit);
        stream::iter(list.flatten().map(Ok)).boxed()
    }

    fn candidates(&self, page: Page, _: &Call) -> Option<PlaceStream> {
        if !self.source.from_the_middle {
            return None;
        }
        if let Err(error) = self.source.note(Request::Candidates(page)) {
            return Some(stream::iter([Err(error)]).boxed());
        }
        let limit = if self.source.goes_on { usize::MAX } else { page.limit };
        let list = self.source.list(&self.query).skip(page.offset).take(limit);
        // Others have their turn before the first arrives.
        let list: Vec<Option<Yielded>> = list.collect();
        let arriving = stream::once(tokio::task::yield_now());
        Some(
            arriving
                .flat_map(move |()| stream::iter(list.clone().into_iter().map(Ok)))
                .boxed(),
        )
    }

    fn candidates_go_on(&self) -> bool {
        self.source.goes_on
    }

    fn ordered(&self, order: &Ordering, first: Foremost, _: &Call) -> Option<EntityStream> {
        if !self.source.orders || first.sure_below.is_some() {
            return None;
        }
        if let Err(error) = self.source.note(Request::Ordered) {
            return Some(stream::iter([Err(error)]).boxed());
        }
        let list = self.source.list(&self.query).flatten();
        let entities = list.filter_map(|one| match one {
            Yielded::Entity(entity) => Some(entity),
            Yielded::LeftOut(_) => None,
        });
        let sorted = order.sort(entities.collect()).into_iter();
        Some(stream::iter(sorted.map(|one| Ok(Yielded::Entity(one)))).boxed())
    }

    async fn count(&self, _: &Call) -> Result<Counted, AdapterError> {
        self.source.note(Request::Count)?;
        let list = self.source.list(&self.query).flatten();
        Ok(Counted::entities(list.count() as u64))
    }
}

/// Sources, and what all of them together show.
pub(super) struct World {
    pub(super) sources: Vec<Made>,
    pub(super) registry: Registry,
    pub(super) question: Question,
    pub(super) known_lists: KnownLists,
}

impl World {
    /// `own`: whether the ids of each are known to be no other's.
    pub(super) fn new(sources: Vec<Made>, filter: Option<&str>, own: bool) -> Self {
        let registered = sources.iter().enumerate().map(|(place, made)| RegisteredSource {
            id: made.id.clone(),
            adapter: Arc::new(made.clone()),
            owns_ids: OwnIds::said(own),
            ..source_providing(OWNERS[place % OWNERS.len()], vec![Provision::of_type(aed())])
        });
        let query = Query {
            types: Some(TypeSelection::Type(aed())),
            filter: filter.map(|filter| Expression::parse(filter, Context::kakehashi()).unwrap()),
            ..Query::default()
        };
        Self {
            registry: Registry::new(registered.collect()),
            sources,
            known_lists: KnownLists::default(),
            question: Question {
                query,
                ..Question::default()
            },
        }
    }

    /// The same, where the ids of each source are known to begin so.
    pub(super) fn beginning(mut self, beginnings: &[&str]) -> Self {
        let sources = self.registry.configured().iter().zip(&self.sources).zip(beginnings);
        let sources = sources.map(|((registered, made), beginning)| RegisteredSource {
            id: made.id.clone(),
            adapter: Arc::new(made.clone()),
            owns_ids: OwnIds::said(false).beginning([(aed(), Box::from(*beginning))]),
            ..source_providing(registered.tenant.as_str(), vec![Provision::of_type(aed())])
        });
        self.registry = Registry::new(sources.collect());
        self
    }

    /// The same, where the sources may hold personal data.
    pub(super) fn that_may_hold_personal_data(mut self) -> Self {
        let sources = self.registry.configured().iter().zip(&self.sources);
        let sources = sources.map(|(registered, made)| RegisteredSource {
            id: made.id.clone(),
            adapter: Arc::new(made.clone()),
            owns_ids: OwnIds::said(true),
            credential_from: None,
            personal_data: PersonalData::Present,
            ..source_providing(registered.tenant.as_str(), vec![Provision::of_type(aed())])
        });
        self.registry = Registry::new(sources.collect());
        self
    }

    /// The list by looking at everything, one entity after the other.
    pub(super) fn list(&self) -> Vec<Entity> {
        let filter = self.question.query.filter.as_ref();
        let meets = |entity: &Entity| filter.is_none_or(|filter| filter.matches(entity));
        let held: Vec<Vec<Entity>> = self
            .sources
            .iter()
            .map(|source| {
                source
                    .numbers_now()
                    .into_iter()
                    .map(|number| source.entity(number))
                    .collect()
            })
            .collect();
        let mut placed: Vec<&EntityId> = Vec::new();
        let mut list = Vec::new();
        for (place, parts) in held.iter().enumerate() {
            let narrows = self.sources[place].coverage != Coverage::None;
            for part in parts.iter().filter(|part| !narrows || meets(part)) {
                if placed.contains(&&part.id) {
                    continue;
                }
                placed.push(&part.id);
                let of_it = held
                    .iter()
                    .filter_map(|parts| parts.iter().find(|other| other.id == part.id));
                let parts = of_it.map(|part| Part {
                    entity: part.clone(),
                    authoritative: false,
                });
                let whole = merge_parts(
                    parts.collect(),
                    &Clock::at(DateTime::parse("2026-11-21T00:00:00Z").unwrap()),
                );
                list.extend(whole.filter(meets));
            }
        }
        list
    }

    pub(super) fn asker(&self) -> Asker<'_> {
        Asker {
            known_lists: &self.known_lists,
            extensions: Extensions { federated_order: true },
            ..BENCH.asker(&self.registry)
        }
    }

    pub(super) fn page(&self, page: Page, from: Option<Place>, count: bool) -> (Collected, Option<Place>) {
        self.page_within(1_000, page, from, count)
    }

    /// The same where a hundred thousand entities may be looked at.
    pub(super) fn wide_page(&self, page: Page, from: Option<Place>, count: bool) -> (Collected, Option<Place>) {
        self.page_within(100_000, page, from, count)
    }

    pub(super) fn page_within(
        &self,
        scan: usize,
        page: Page,
        from: Option<Place>,
        count: bool,
    ) -> (Collected, Option<Place>) {
        let mut request = BENCH.request();
        request.scan = scan;
        let asker = self.asker();
        let question = Arc::new(self.question.clone());
        BENCH.runtime.block_on(async {
            let answer = query::query(&question, page, from, count, &asker, &request)
                .await
                .unwrap();
            let next = answer.next;
            (collected(answer).await, next)
        })
    }

    /// What each source was asked since the last time.
    pub(super) fn asked(&self) -> Vec<Vec<Request>> {
        let asked = self
            .sources
            .iter()
            .map(|source| std::mem::take(&mut *source.asked.lock().unwrap()));
        asked.collect()
    }
}

pub(super) fn ids(entities: &[Entity]) -> Vec<&str> {
    entities.iter().map(|entity| entity.id.as_str()).collect()
}

pub(super) fn made(place: usize, numbers: (usize, usize, usize)) -> Made {
    Made {
        id: SourceId::new(format!("made-{place}")),
        numbers,
        seed: place,
        coverage: Coverage::Exact,
        from_the_middle: true,
        goes_on: false,
        repeats: None,
        orders: false,
        several: None,
        lacks: None,
        changes: Arc::default(),
        is_dead: Arc::default(),
        asked: Arc::default(),
    }
}

prop_compose! {
    pub(super) fn any_made(place: usize)(
        first in 0usize..60, count in 0usize..90, step in 1usize..4,
        coverage in prop::sample::select(vec![Coverage::Exact, Coverage::Narrows, Coverage::None]),
        from_the_middle in prop::bool::weighted(0.8),
        goes_on in prop::bool::weighted(0.3),
        repeats in prop::option::of(2usize..6),
        lacks in prop::option::of(2usize..5),
    ) -> Made {
        Made { coverage, from_the_middle, goes_on, repeats, lacks, ..made(place, (first, count, step)) }
    }
}

pub(super) fn any_sources() -> impl Strategy<Value = Vec<Made>> {
    (2usize..6).prop_flat_map(|count| (0..count).map(any_made).collect::<Vec<_>>())
}
