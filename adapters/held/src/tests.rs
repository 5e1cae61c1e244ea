//! What is kept, for how long, and when the source is asked: with a clock that the test sets.

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
            ..crate::conditions::UNDECIDED
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
            .map(|entity| entity.id.as_str()[17..].to_owned());
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
        freshness: Freshness::of_request(false),
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

#[tokio::test(start_paused = true)]
async fn an_hour_of_questions_is_one_reading_for_each_hold() {
    let world = World::sites(100);
    for second in 0..3600 {
        let (ids, age, is_stale) = world.find(&all()).await.unwrap();
        assert_eq!((ids.len(), is_stale), (100, false), "after {second} s");
        assert!(age.unwrap() < HOLD, "after {second} s: {age:?}");
        advance(Duration::from_secs(1)).await;
    }
    assert_eq!(world.times_asked(), 60);
}

#[tokio::test(start_paused = true)]
async fn however_many_ask_at_once_one_reading_answers_them() {
    let world = World::sites(100);
    let call = call();
    let query = all();
    let asking = (0..200).map(|_| world.ask(&query, &call));
    let answers = futures::future::join_all(asking).await;
    assert!(answers.iter().all(|answer| answer.as_ref().unwrap().len() == 100));
    assert_eq!(world.times_asked(), 1);
    // Nothing but what is open was asked for, of the type alone, and nothing else can be in it.
    let asked = world.source.asked.lock().unwrap().remove(0);
    let expected = SourceQuery {
        system_attributes: true,
        ..all()
    };
    assert_eq!(asked, expected);
}

#[tokio::test(start_paused = true)]
async fn nobody_asks_and_nothing_is_read() {
    let world = World::sites(3);
    world.find(&all()).await.unwrap();
    advance(HOLD * 100).await;
    settle().await;
    assert_eq!(world.times_asked(), 1);
    // What is much older than the hold answers nothing.
    let (_, age, _) = world.find(&all()).await.unwrap();
    assert_eq!((age, world.times_asked()), (Some(Duration::ZERO), 2));
}

#[tokio::test(start_paused = true)]
async fn a_source_that_takes_long_is_read_before_the_hold_is_over() {
    let world = World::sites(3);
    let slow = async {
        world.source.may_answer.forget_permits(usize::MAX);
        tokio::time::sleep(Duration::from_secs(2)).await;
        world.source.may_answer.add_permits(1);
    };
    let query = all();
    let (found, ()) = tokio::join!(world.find(&query), slow);
    assert_eq!(found.unwrap().1, Some(Duration::from_secs(2)));
    advance(Duration::from_secs(53)).await;
    world.find(&query).await.unwrap();
    settle().await;
    assert_eq!(world.times_asked(), 1);
    advance(Duration::from_secs(1)).await;
    // The question itself does not wait.
    let (_, age, is_stale) = world.find(&query).await.unwrap();
    assert_eq!((age, is_stale), (Some(Duration::from_secs(56)), false));
    settle().await;
    assert_eq!(world.times_asked(), 2);
    world.source.may_answer.add_permits(1_000);
    settle().await;
    assert_eq!(world.find(&query).await.unwrap().1, Some(Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn a_source_that_is_down_answers_for_one_more_hold_and_says_so() {
    let world = World::sites(3);
    world.find(&all()).await.unwrap();
    world.fail(Some(ErrorKind::Unreachable));
    advance(HOLD + Duration::from_secs(1)).await;
    let (ids, age, is_stale) = world.find(&all()).await.unwrap();
    assert_eq!((ids.len(), age, is_stale), (3, Some(Duration::from_secs(61)), true));
    // However many ask it is not read by each of them.
    for _ in 0..100 {
        assert!(world.find(&all()).await.unwrap().2);
    }
    assert_eq!(world.times_asked(), 2);
    advance(HOLD).await;
    let error = world.find(&all()).await.unwrap_err();
    assert_eq!((error.kind, error.source_id.as_str()), (ErrorKind::Unreachable, "town"));
    for _ in 0..100 {
        assert!(world.find(&all()).await.is_err());
    }
    assert_eq!(world.times_asked(), 3);
    world.fail(None);
    advance(Duration::from_secs(5)).await;
    let (ids, age, is_stale) = world.find(&all()).await.unwrap();
    assert_eq!((ids.len(), age, is_stale), (3, Some(Duration::ZERO), false));
}

#[tokio::test(start_paused = true)]
async fn a_source_that_hangs_makes_nobody_wait_long_for_what_is_there() {
    let world = World::sites(3);
    world.find(&all()).await.unwrap();
    world.source.may_answer.forget_permits(usize::MAX);
    advance(HOLD + Duration::from_secs(1)).await;
    let began = Instant::now();
    let (_, _, is_stale) = world.find(&all()).await.unwrap();
    assert!(is_stale);
    assert_eq!(began.elapsed(), Duration::from_secs(1));
    // Where nothing is there the question waits as long as it has time.
    advance(HOLD).await;
    let began = Instant::now();
    let error = world.find(&all()).await.unwrap_err();
    assert_eq!(
        (error.kind, began.elapsed()),
        (ErrorKind::Timeout, Duration::from_secs(10))
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_not_kept_or_wanted_anew_is_asked_of_the_source() {
    let world = World::sites(3);
    world.find(&all()).await.unwrap();
    let with_note = SourceQuery {
        attributes: AttributeSelection::Only(names(&["name", "note"])),
        ..all()
    };
    let fresh = SourceQuery { fresh: true, ..all() };
    for (asked, query) in [with_note, fresh].into_iter().enumerate() {
        let (ids, age, _) = world.find(&query).await.unwrap();
        assert_eq!((ids.len(), age), (3, None));
        assert_eq!(world.times_asked(), 2 + asked);
    }
}

#[tokio::test(start_paused = true)]
async fn answers_hold_what_is_asked_for_and_nothing_else() {
    let world = World::sites(3);
    let query = SourceQuery {
        attributes: AttributeSelection::Only(names(&["size"])),
        ..all()
    };
    let found = world.ask(&query, &call()).await.unwrap();
    for (number, one) in found.into_iter().enumerate() {
        let mut expected = site(number);
        expected
            .attributes
            .retain(|attribute| query.attributes.includes(&attribute.name));
        assert_eq!(one, Yielded::Entity(expected));
    }
}

#[tokio::test(start_paused = true)]
async fn conditions_pages_and_counts_are_decided_here() {
    let world = World::sites(1000);
    let near = GeoQuery::parse("near;maxDistance==1500", "Point", "[101, 36.3]", None, Context::core()).unwrap();
    let questions = [
        (filtered("size==7"), vec!["0007"]),
        (filtered("size==5..7;name!=\"site 6\""), vec!["0005", "0007"]),
        (filtered("name==\"site 1\",\"site 12\""), vec!["0001", "0012"]),
        (filtered("size>=998"), vec!["0998", "0999"]),
        (filtered("size<2"), vec!["0000", "0001"]),
        (filtered("size==3|name==\"site 9\""), vec!["0003", "0009"]),
        (filtered("name~=\".*99.$\""), (990..1000).map(|_| "").collect()),
        (
            SourceQuery {
                geo: Some(near.into()),
                ..all()
            },
            vec!["0099", "0100", "0101"],
        ),
        (
            SourceQuery {
                ids: ["urn:ngsi-ld:Site:0500", "urn:ngsi-ld:Site:0004", "urn:x"]
                    .map(|id| EntityId::parse(id).unwrap())
                    .into(),
                ..all()
            },
            vec!["0004", "0500"],
        ),
        (
            SourceQuery {
                id_pattern: Some(IdPattern::parse("042[0-2]$").unwrap()),
                ..all()
            },
            vec!["0420", "0421", "0422"],
        ),
    ];
    // The first time without anything that would find them, the second with it.
    for _ in 0..2 {
        for (query, expected) in &questions {
            let (ids, ..) = world.find(query).await.unwrap();
            assert_eq!(ids.len(), expected.len(), "{query:?}: {ids:?}");
            if expected.iter().all(|id| !id.is_empty()) {
                assert_eq!(ids, *expected);
            }
            let prepared = world.held.prepare(query);
            let counted = prepared.count(&call()).await.unwrap();
            assert_eq!(counted.entities, expected.len() as u64);
            let page = Page { limit: 1, offset: 1 };
            let of_page: Vec<Yielded> = prepared.query(Some(page), &call()).try_collect().await.unwrap();
            let of_page: Vec<String> = of_page
                .into_iter()
                .filter_map(Yielded::entity)
                .map(|entity| entity.id.as_str()[17..].to_owned())
                .collect();
            assert_eq!(of_page, ids[1.min(ids.len())..2.min(ids.len())]);
        }
        settle().await;
    }
    let snapshot = world.held.status();
    assert!(snapshot.bytes > 1000 * 300, "{snapshot:?}");
    assert_eq!(world.times_asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn one_is_retrieved_by_its_id() {
    let world = World::sites(10);
    let of = |id: &str| SourceQuery {
        ids: vec![EntityId::parse(id).unwrap()],
        ..all()
    };
    let found = world
        .held
        .prepare(&of("urn:ngsi-ld:Site:0003"))
        .retrieve(&call())
        .await
        .unwrap();
    assert_eq!(found.unwrap().entity().unwrap().id.as_str(), "urn:ngsi-ld:Site:0003");
    let none = world
        .held
        .prepare(&of("urn:ngsi-ld:Site:0011"))
        .retrieve(&call())
        .await
        .unwrap();
    assert_eq!((none, world.times_asked()), (None, 1));
}

#[tokio::test(start_paused = true)]
async fn what_is_wrong_takes_its_place_and_is_asked_of_the_source_by_its_id() {
    let mut yielded: Vec<Yielded> = (0..3).map(site).map(Yielded::Entity).collect();
    yielded.insert(1, Yielded::LeftOut(Flaw::NoId));
    let world = World::with(yielded, Arc::new(|_| Judged::Whole), &HeldMemory::default());
    for _ in 0..2 {
        let counted = world.held.prepare(&filtered("size>0")).count(&call()).await.unwrap();
        assert_eq!((counted.entities, counted.places()), (2, 3));
        let page = Page { limit: 2, offset: 0 };
        let first: Vec<Yielded> = world
            .held
            .prepare(&all())
            .query(Some(page), &call())
            .try_collect()
            .await
            .unwrap();
        assert_eq!(first[1], Yielded::LeftOut(Flaw::NoId));
        settle().await;
    }
    let unknown = SourceQuery {
        ids: vec![EntityId::parse("urn:ngsi-ld:Site:0011").unwrap()],
        ..all()
    };
    assert_eq!(world.times_asked(), 1);
    world.held.prepare(&unknown).retrieve(&call()).await.unwrap();
    assert_eq!(world.times_asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_is_erased_is_gone_at_once_and_nothing_is_kept_again() {
    let world = World::sites(3);
    world.find(&all()).await.unwrap();
    let prepared_before = world.held.prepare(&filtered("size>0"));
    assert!(world.held.status().bytes > 0);
    world.held.erase();
    let erased = world.held.status();
    assert_eq!((erased.entities, erased.bytes, erased.age), (0, 0, None));
    // A question that was prepared before is the source's, and still right.
    let call = call();
    assert_eq!(prepared_before.count(&call).await.unwrap().entities, 2);
    let page = Page { limit: 5, offset: 1 };
    let second: Vec<Yielded> = prepared_before.query(Some(page), &call).try_collect().await.unwrap();
    assert_eq!(second.len(), 1);
    assert_eq!(call.freshness.age(), None);
    for _ in 0..3 {
        assert_eq!(world.find(&all()).await.unwrap().1, None);
        settle().await;
    }
    assert_eq!((world.held.status().entities, world.times_asked()), (0, 1 + 2 + 3));
}

#[tokio::test(start_paused = true)]
async fn a_reading_under_way_when_it_is_erased_keeps_nothing() {
    let world = World::sites(3);
    world.source.may_answer.forget_permits(usize::MAX);
    let query = all();
    let erasing = async {
        settle().await;
        assert_eq!(world.times_asked(), 1);
        world.held.erase();
        world.source.may_answer.add_permits(10);
    };
    let (found, ()) = tokio::join!(world.find(&query), erasing);
    assert_eq!(found.unwrap().1, None);
    settle().await;
    assert_eq!(world.held.status().entities, 0);
}

#[tokio::test(start_paused = true)]
async fn who_may_see_more_is_told_by_the_source_where_something_is_missing() {
    let judge: Judge = Arc::new(|entity| match entity.id.as_str().ends_with('2') {
        true => Judged::Without(names(&["name"]).to_vec()),
        false => Judged::Whole,
    });
    let entities = (0..5).map(site).map(Yielded::Entity).collect();
    let world = World::with(entities, judge, &HeldMemory::default());
    let beyond = |short: &[&str]| SourceQuery {
        attributes: AttributeSelection::Only(names(short)),
        beyond_open: true,
        ..all()
    };
    // Before anybody knows that something is missing, and afterwards.
    for asked in [2, 3] {
        assert_eq!(world.find(&beyond(&["name"])).await.unwrap().1, None);
        assert_eq!(world.times_asked(), asked);
    }
    assert!(world.find(&beyond(&["size"])).await.unwrap().1.is_some());
    assert!(world.find(&all()).await.unwrap().1.is_some());
    assert_eq!(world.times_asked(), 3);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_kept_is_asked_of_the_source_and_read_again_seldom() {
    let guarded: Judge = Arc::new(|_| Judged::Nothing);
    let whole: Judge = Arc::new(|_| Judged::Whole);
    let mut other = site(4);
    other.types.push(r#type("Resident"));
    let entities = |all: Vec<Entity>| all.into_iter().map(Yielded::Entity).collect::<Vec<_>>();
    let cases = [
        (
            entities(vec![site(1)]),
            guarded,
            HeldMemory::default(),
            NotHeld::Guarded,
        ),
        (
            entities(vec![site(1), site(1)]),
            Arc::clone(&whole),
            HeldMemory::default(),
            NotHeld::RepeatedId,
        ),
        (
            entities(vec![other]),
            Arc::clone(&whole),
            HeldMemory::default(),
            NotHeld::SeveralTypes,
        ),
        (
            entities((0..9).map(site).collect()),
            Arc::clone(&whole),
            HeldMemory::of(2_000),
            NotHeld::NoRoom,
        ),
    ];
    for (yielded, judge, memory, why) in cases {
        let world = World::with(yielded, judge, &memory);
        let first = world.find(&all()).await.unwrap();
        assert_eq!((first.1, world.held.status().not_held), (None, Some(why)));
        assert_eq!((world.held.status().entities, memory.used()), (0, 0), "{why:?}");
        assert_eq!(world.times_asked(), 2, "read, and asked");
        for _ in 0..10 {
            world.find(&all()).await.unwrap();
            settle().await;
        }
        assert_eq!(world.times_asked(), 12);
        advance(Duration::from_secs(600)).await;
        world.find(&all()).await.unwrap();
        settle().await;
        assert_eq!(world.times_asked(), 14, "asked, and read again");
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_that_is_too_large_is_not_kept() {
    let world = World::with(
        vec![Yielded::LeftOut(Flaw::NoId); crate::memory::MOST_ENTITIES + 1],
        Arc::new(|_| Judged::Whole),
        &HeldMemory::default(),
    );
    let (page, call) = (Page { limit: 3, offset: 2 }, call());
    let prepared = world.held.prepare(&all());
    let first: Vec<Yielded> = prepared.query(Some(page), &call).try_collect().await.unwrap();
    assert_eq!((first.len(), call.freshness.age()), (3, None));
    assert_eq!(world.held.status().not_held, Some(NotHeld::TooMany));
    // Whoever was about to be answered from memory looks through no more than would have been there.
    assert_eq!(prepared.count(&call).await.unwrap_err().kind, ErrorKind::TooMany);
    assert!(
        !world.held.prepare(&all()).push_down().is_exact(),
        "the next is the source's own"
    );
    let world = World::sites(1);
    world.fail(Some(ErrorKind::TooMany));
    assert!(world.find(&all()).await.is_err());
    assert_eq!(world.held.status().not_held, Some(NotHeld::TooMany));
}

#[tokio::test(start_paused = true)]
async fn what_reads_ends_when_nobody_is_left_and_memory_is_given_back() {
    let memory = HeldMemory::default();
    let source = World::with(vec![Yielded::Entity(site(1))], Arc::new(|_| Judged::Whole), &memory);
    source.find(&all()).await.unwrap();
    assert!(memory.used() > 0);
    let World { source, held } = source;
    drop(held);
    settle().await;
    assert_eq!(memory.used(), 0);
    assert_eq!(Arc::strong_count(&source), 1, "nothing holds the source any more");
}

#[tokio::test(start_paused = true)]
async fn an_entity_whose_time_is_over_is_not_shown_any_more() {
    let mut over = site(1);
    over.system.dates_mut().expires_at = Some(ngsi_ld::entity::DateTime::parse("2020-01-01T00:00:00Z").unwrap());
    let world = World::of([site(0), over]);
    assert_eq!(world.find(&all()).await.unwrap().0, ["0000"]);
    assert_eq!(world.held.prepare(&all()).count(&call()).await.unwrap().entities, 1);
}
