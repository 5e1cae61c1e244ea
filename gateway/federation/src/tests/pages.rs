//! Pages over several sources: whatever they hold, decide and fail at, a walk visits each entity once, in one order, and costs
//! what its pages cost.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::stream;
use kakehashi_adapters::PlaceStream;

use super::*;
use crate::pages::place::Place;

/// What a source was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Request {
    /// A part of its list.
    Candidates(Page),
    /// All of its list.
    Everything,
    /// So many by their ids.
    Ids(usize),
    Count,
}

/// A source that makes its entities as they are asked for.
#[derive(Debug, Clone)]
struct Made {
    id: SourceId,
    /// The numbers of its entities: the first, how many, and how far apart.
    numbers: (usize, usize, usize),
    /// What the values depend on beside the number.
    seed: usize,
    /// How it decides conditions.
    coverage: Coverage,
    /// Whether it can begin in the middle of its list.
    from_the_middle: bool,
    /// Every so many places hold nothing new.
    repeats: Option<usize>,
    is_dead: Arc<AtomicBool>,
    asked: Arc<Mutex<Vec<Request>>>,
}

impl Made {
    fn entity(&self, number: usize) -> Entity {
        let id = EntityId::parse(&format!("urn:ngsi-ld:AED:{number:06}")).unwrap();
        let mut entity = Entity::new(id, aed());
        // One value is the same everywhere, one of the source; where both sources say something, who wins is decided elsewhere.
        for (name, value) in [("height", number * 7 % 10), ("maxCapacity", (number + self.seed) % 5)] {
            let value = AttributeValue::Property(Value::Number((value as u64).into()));
            let mut instance = Instance::new(value);
            instance.observed_at = Some(DateTime::parse("2026-04-01T00:00:00Z").unwrap());
            entity.attributes.push(Attribute::new(attribute(name), instance));
        }
        entity
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
    fn list(&self, query: &SourceQuery) -> Box<dyn Iterator<Item = Option<Yielded>> + Send> {
        let (first, count, step) = self.numbers;
        let (source, query) = (self.clone(), query.clone());
        let entities = (0..count).map(move |place| first + place * step);
        let all = entities.filter_map(move |number| {
            let entity = source.entity(number);
            let is_meant = query.ids.is_empty() || query.ids.contains(&entity.id);
            (is_meant && source.meets(&query, number, &entity)).then_some(Yielded::Entity(entity))
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
        if self.is_dead.load(Ordering::Relaxed) {
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

    async fn may_hold_relationships(&self, _: &[AttributeName], _: &Call) -> Result<bool, AdapterError> {
        Ok(false)
    }
}

#[async_trait]
impl PreparedQuery for AskedOf<Made> {
    fn push_down(&self) -> PushDown {
        PushDown {
            selection: Coverage::Exact,
            id_pattern: Coverage::Exact,
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
        let list = self.source.list(&self.query).skip(page.offset).take(page.limit);
        Some(stream::iter(list.map(Ok)).boxed())
    }

    async fn count(&self, _: &Call) -> Result<Counted, AdapterError> {
        self.source.note(Request::Count)?;
        let list = self.source.list(&self.query).flatten();
        Ok(Counted::entities(list.count() as u64))
    }
}

/// Sources, and what all of them together show.
struct World {
    sources: Vec<Made>,
    registry: Registry,
    question: Question,
}

impl World {
    /// `own`: whether the ids of each are known to be no other's.
    fn new(sources: Vec<Made>, filter: Option<&str>, own: bool) -> Self {
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
            question: Question {
                query,
                ..Question::default()
            },
        }
    }

    /// The list by looking at everything, one entity after the other.
    fn list(&self) -> Vec<Entity> {
        let filter = self.question.query.filter.as_ref();
        let meets = |entity: &Entity| filter.is_none_or(|filter| filter.matches(entity));
        let held: Vec<Vec<Entity>> = self
            .sources
            .iter()
            .map(|source| {
                let (first, count, step) = source.numbers;
                (0..count).map(|place| source.entity(first + place * step)).collect()
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

    fn page(&self, page: Page, from: Option<Place>, count: bool) -> (Collected, Option<Place>) {
        let (asker, mut request) = (BENCH.asker(&self.registry), BENCH.request());
        request.scan = 1_000;
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
    fn asked(&self) -> Vec<Vec<Request>> {
        let asked = self
            .sources
            .iter()
            .map(|source| std::mem::take(&mut *source.asked.lock().unwrap()));
        asked.collect()
    }
}

fn ids(entities: &[Entity]) -> Vec<&str> {
    entities.iter().map(|entity| entity.id.as_str()).collect()
}

fn made(place: usize, numbers: (usize, usize, usize)) -> Made {
    Made {
        id: SourceId::new(format!("made-{place}")),
        numbers,
        seed: place,
        coverage: Coverage::Exact,
        from_the_middle: true,
        repeats: None,
        is_dead: Arc::default(),
        asked: Arc::default(),
    }
}

prop_compose! {
    fn any_made(place: usize)(
        first in 0usize..60, count in 0usize..90, step in 1usize..4,
        coverage in prop::sample::select(vec![Coverage::Exact, Coverage::Narrows, Coverage::None]),
        from_the_middle in prop::bool::weighted(0.8),
        repeats in prop::option::of(2usize..6),
    ) -> Made {
        Made { coverage, from_the_middle, repeats, ..made(place, (first, count, step)) }
    }
}

fn any_sources() -> impl Strategy<Value = Vec<Made>> {
    (2usize..6).prop_flat_map(|count| (0..count).map(any_made).collect::<Vec<_>>())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Walked by cursors, with pages of changing sizes, with and without counts.
    #[test]
    fn a_walk_visits_each_entity_once_and_in_order(
        sources in any_sources(),
        filter in prop::option::of(prop::sample::select(vec![
            "height>4", "maxCapacity>2", "height>2;maxCapacity<3", "height==1|maxCapacity==1", "height>100",
        ])),
        limits in prop::collection::vec(1usize..40, 1..4),
        counts in prop::bool::ANY,
    ) {
        // What a source counts is its places: where some hold nothing new, its counts are not those of the view.
        let sources = sources.into_iter().map(|source| Made {
            repeats: source.repeats.filter(|_| !counts),
            ..source
        });
        let world = World::new(sources.collect(), filter, false);
        let list = world.list();
        let (mut walked, mut from, mut turn) = (Vec::new(), None, 0);
        loop {
            let limit = limits[turn % limits.len()];
            let count = counts && turn % 2 == 0;
            let page = Page { limit, offset: walked.len() };
            let (found, next) = world.page(page, from, count);
            prop_assert_eq!(&found.warnings, &Vec::new());
            prop_assert_eq!(found.count, count.then_some(list.len() as u64));
            prop_assert!(found.entities.len() <= limit);
            prop_assert_eq!(found.more, walked.len() + found.entities.len() < list.len());
            walked.extend(found.entities);
            turn += 1;
            from = next;
            if !found.more {
                break;
            }
            prop_assert!(turn < 1_000);
        }
        prop_assert_eq!(ids(&walked), ids(&list));
        prop_assert_eq!(walked.into_iter().map(sorted).collect::<Vec<_>>(), list.into_iter().map(sorted).collect::<Vec<_>>());
    }

    /// Any page of it, by its offset.
    #[test]
    fn a_page_at_an_offset_is_that_part_of_the_list(
        sources in any_sources(), own in any::<bool>(), limit in 1usize..30, offset in 0usize..200, count in any::<bool>(),
    ) {
        // Where they say that nobody else has their ids, it is so.
        let mut before = 0;
        let sources = sources.into_iter().map(|mut source| {
            source.repeats = None;
            if own {
                source.numbers.0 += before;
                before = source.numbers.0 + source.numbers.1 * source.numbers.2;
            }
            source
        });
        let world = World::new(sources.collect(), None, own);
        let list = world.list();
        let (found, _) = world.page(Page { limit, offset }, None, count);
        let part: Vec<Entity> = list.iter().skip(offset).take(limit).cloned().collect();
        prop_assert_eq!(ids(&found.entities), ids(&part));
        prop_assert_eq!(found.more, offset + part.len() < list.len());
        prop_assert_eq!(found.count, count.then_some(list.len() as u64));
    }

    /// A source that is dead for some pages costs what it has, and nobody else's part; nothing comes twice.
    #[test]
    fn whoever_dies_and_revives_between_pages_costs_its_own_part(
        sources in any_sources(), deaths in prop::collection::vec(prop::option::of(0usize..6), 1..6), limit in 5usize..40,
    ) {
        let world = World::new(sources, None, false);
        let list = world.list();
        let (mut walked, mut from, mut turn): (Vec<Entity>, _, usize) = (Vec::new(), None, 0);
        let mut died: Vec<usize> = Vec::new();
        loop {
            let dead = deaths[turn % deaths.len()];
            for (place, source) in world.sources.iter().enumerate() {
                source.is_dead.store(dead == Some(place), Ordering::Relaxed);
            }
            let (found, next) = world.page(Page { limit, offset: 0 }, from, false);
            for warning in &found.warnings {
                prop_assert_eq!(Some(&warning.source), dead.and_then(|dead| world.sources.get(dead)).map(|dead| &dead.id));
                died.extend(dead);
            }
            walked.extend(found.entities);
            turn += 1;
            prop_assert!(turn < 1_000);
            match next {
                Some(next) => from = Some(next),
                None => break,
            }
        }
        // Whatever only the living have is there.
        for entity in &list {
            let holders = world.sources.iter().enumerate().filter(|(_, source)| {
                let (first, count, step) = source.numbers;
                (0..count).any(|place| source.entity(first + place * step).id == entity.id)
            });
            let all_lived = holders.into_iter().all(|(place, _)| !died.contains(&place));
            let times = walked.iter().filter(|one| one.id == entity.id).count();
            prop_assert!(!all_lived || times == 1, "{} came {times} times", entity.id.as_str());
        }
    }
}

#[test]
fn a_first_page_asks_each_source_once_and_a_count_once_more() {
    let sources: Vec<Made> = (0..3).map(|place| made(place, (place * 100_000, 100_000, 1))).collect();
    let world = World::new(sources, None, true);
    let page = Page { limit: 20, offset: 0 };
    let wanted = Request::Candidates(Page { limit: 21, offset: 0 });
    let (found, next) = world.page(page, None, false);
    assert_eq!(found.entities.len(), 20);
    assert_eq!(world.asked(), vec![vec![wanted.clone()]; 3]);
    let (found, _) = world.page(page, next, false);
    assert_eq!(found.entities[0].id.as_str(), "urn:ngsi-ld:AED:000020");
    let further = Request::Candidates(Page { limit: 21, offset: 20 });
    assert_eq!(
        world.asked(),
        vec![vec![further], vec![wanted.clone()], vec![wanted.clone()]]
    );
    let (found, _) = world.page(page, None, true);
    assert_eq!(found.count, Some(300_000));
    for asked in world.asked() {
        assert_eq!(asked.len(), 2, "{asked:?}");
        assert!(asked.contains(&wanted) && asked.contains(&Request::Count));
    }
    // Far behind: the counts tell where it is.
    let far = Page {
        limit: 20,
        offset: 150_000,
    };
    let (found, _) = world.page(far, None, false);
    assert_eq!(found.entities[0].id.as_str(), "urn:ngsi-ld:AED:150000");
    let asked = world.asked();
    assert_eq!(asked[0], [Request::Count]);
    assert_eq!(
        asked[1],
        [
            Request::Count,
            Request::Candidates(Page {
                limit: 21,
                offset: 50_000
            })
        ]
    );
    assert_eq!(asked[2], [Request::Count, wanted]);
}

#[test]
fn sources_that_may_share_ids_are_asked_once_more_for_each_pair() {
    let sources: Vec<Made> = (0..3).map(|place| made(place, (place * 100_000, 100_000, 1))).collect();
    let world = World::new(sources, None, false);
    let page = Page { limit: 20, offset: 0 };
    let (found, _) = world.page(page, None, false);
    assert_eq!(found.entities.len(), 20);
    let wanted = Request::Candidates(Page { limit: 21, offset: 0 });
    let asked = world.asked();
    assert_eq!(asked[0], std::slice::from_ref(&wanted));
    for other in &asked[1..] {
        assert_eq!(*other, [wanted.clone(), Request::Ids(21)]);
    }
    // What has said all that it has is not asked again.
    let few: Vec<Made> = (0..3).map(|place| made(place, (place * 4, 6, 1))).collect();
    let world = World::new(few, None, false);
    let (found, _) = world.page(page, None, false);
    assert_eq!(ids(&found.entities), ids(&world.list()));
    assert_eq!(world.asked(), vec![vec![wanted]; 3]);
}

#[test]
fn what_cannot_be_counted_within_the_bound_comes_without_its_count() {
    let sources: Vec<Made> = (0..2).map(|place| made(place, (0, 1_500, 1))).collect();
    let world = World::new(sources, None, false);
    let page = Page { limit: 20, offset: 0 };
    let (found, _) = world.page(page, None, true);
    assert_eq!((found.entities.len(), found.count, found.more), (20, None, true));
    assert_eq!(found.warnings.len(), 1);
    assert_eq!(found.warnings[0].missing, Missing::Count);
    let (asker, mut request) = (BENCH.asker(&world.registry), BENCH.request());
    request.scan = 1_000;
    let alone = Page { limit: 0, offset: 0 };
    let question = Arc::new(world.question.clone());
    let alone = BENCH
        .runtime
        .block_on(query::query(&question, alone, None, true, &asker, &request));
    assert!(alone.is_err(), "a count alone is no answer without itself");
}

#[test]
fn a_page_that_is_not_full_at_the_bound_leads_on() {
    // Nothing meets the condition in the first 2,500, and the source does not decide it.
    let mut none = made(0, (0, 2_500, 10));
    none.coverage = Coverage::None;
    let mut some = made(1, (1, 10, 10));
    some.coverage = Coverage::None;
    let world = World::new(vec![none, some], Some("height==7"), true);
    let (found, next) = world.page(Page { limit: 20, offset: 0 }, None, false);
    assert!(found.entities.is_empty() && found.more, "{:?}", found.warnings);
    assert_eq!(found.warnings[0].missing, Missing::Part(ErrorKind::TooMany.into()));
    let mut from = next;
    let mut walked = Vec::new();
    while let Some(place) = from {
        let (found, next) = world.page(Page { limit: 20, offset: 0 }, Some(place), false);
        walked.extend(found.entities);
        from = next;
    }
    assert_eq!(walked.len(), 10);
}
