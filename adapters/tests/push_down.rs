//! The heart of the federation: what an adapter asks its source for, with what is left evaluated here, is what
//! evaluating everything here gives. Random entities are put into a source of each kind in its own language, and random
//! questions are asked of them.
//!
//! `KAKEHASHI_PUSH_DOWN_CASES` says how many questions each kind of source is asked; those that once failed are asked
//! first (`push_down/proptest-regressions/`).

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[path = "push_down/asked.rs"]
mod asked;
#[path = "push_down/held.rs"]
mod held;
#[path = "push_down/orion.rs"]
mod orion;
#[path = "push_down/platform.rs"]
mod platform;
#[path = "push_down/store.rs"]
mod store;
#[path = "push_down/thing.rs"]
mod thing;

use std::cell::RefCell;
use std::future::ready;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::TryStreamExt;
use kakehashi_adapters::{Adapter, Call, Coverage, Page, PreparedQuery, PushDown, SourceQuery, Yielded};
use ngsi_ld::context::Context;
use ngsi_ld::query::{Query, TypeSelection};
use ngsi_ld::{Entity, EntityId};
use proptest::prelude::*;
use proptest::test_runner::{Config as Cases, FileFailurePersistence, TestCaseError, TestRunner};

use self::asked::{Asked, asked};
use self::thing::{TYPES, Thing, things};

/// Questions that each kind of source is asked in every run.
const QUESTIONS: usize = 2_000;

/// Questions that memory is asked for each that a source is: it is quick, and has as many ways to find entities as there are
/// types of values.
const QUESTIONS_TO_MEMORY: usize = 10;

/// Questions about the same entities: putting them into a source takes longer than asking.
const QUESTIONS_A_WORLD: usize = 8;

/// A source that holds some entities, and its adapter.
struct World {
    adapter: Box<dyn Adapter>,
    /// How many entities of the view the source was given.
    given: usize,
    /// What must live as long as the adapter.
    _kept: Option<tempfile::TempDir>,
}

/// What was asked, in all.
#[derive(Debug, Default)]
struct Tally {
    questions: usize,
    /// Questions with some, but not all, of the entities as their answer.
    discerning: usize,
    /// Questions of which the source left out some entity itself, by a condition on attributes, scopes or places.
    narrowed: usize,
    /// Questions that the source decided whole.
    exact: usize,
}

fn context() -> &'static Arc<Context> {
    Context::core()
}

fn call() -> Call {
    Call::until(Instant::now() + Duration::from_secs(60))
}

async fn all(prepared: &dyn PreparedQuery, page: Option<Page>) -> Result<Vec<Entity>, TestCaseError> {
    let yielded: Result<Vec<Yielded>, _> = prepared.query(page, &call()).try_collect().await;
    let yielded = yielded.map_err(|error| TestCaseError::fail(format!("{prepared:?}: {error}")))?;
    let whole = |one: Yielded| one.entity().ok_or_else(|| TestCaseError::fail("left out"));
    yielded.into_iter().map(whole).collect()
}

/// The ids of all candidates, asked for by pages of so many places; `None`: the source has no such pages.
async fn by_pages(prepared: &dyn PreparedQuery, limit: usize) -> Result<Option<Vec<EntityId>>, TestCaseError> {
    let (mut found, mut offset) = (Vec::new(), 0);
    loop {
        let page = Page { limit, offset };
        let Some(places) = prepared.candidates(page, &call()) else {
            return Ok(None);
        };
        let places: Result<Vec<Option<Yielded>>, _> = places.try_collect().await;
        let places = places.map_err(|error| TestCaseError::fail(format!("{prepared:?}: {error}")))?;
        offset += places.len();
        let ends = places.len() < limit || prepared.candidates_go_on();
        found.extend(
            places
                .into_iter()
                .flatten()
                .filter_map(Yielded::entity)
                .map(|entity| entity.id),
        );
        if ends {
            return Ok(Some(found));
        }
    }
}

/// Everything that a source holds of the types that are asked for, as the view shows it.
async fn everything(adapter: &dyn Adapter, system_attributes: bool) -> Result<Vec<Entity>, TestCaseError> {
    let types = TYPES
        .iter()
        .map(|short| context().expand_type(short).unwrap())
        .collect();
    let query = SourceQuery {
        system_attributes,
        ..SourceQuery::of_types(types)
    };
    all(&*adapter.prepare(&query), None).await
}

/// The whole question, as the evaluator takes it, without the conditions of which `decided` says that they need no look.
fn question(query: &SourceQuery, decided: impl Fn(&str) -> bool) -> Query {
    let types = query.types.iter().cloned().map(TypeSelection::Type).collect();
    let mut question = Query {
        types: Some(TypeSelection::Any(types)),
        ids: query.ids.clone(),
        id_pattern: query.id_pattern.clone(),
        attributes: query.any_attribute.clone(),
        filter: query.filter.as_deref().cloned(),
        geo: query.geo.as_deref().cloned(),
        scope: query.scope.as_deref().cloned(),
    };
    if decided("selection") {
        question.types = None;
        question.ids.clear();
    }
    if decided("id_pattern") {
        question.id_pattern = None;
    }
    if decided("any_attribute") {
        question.attributes.clear();
    }
    if decided("filter") {
        question.filter = None;
    }
    if decided("geo") {
        question.geo = None;
    }
    if decided("scope") {
        question.scope = None;
    }
    question
}

/// What is left to evaluate of what the source has answered.
fn residual(query: &SourceQuery, push_down: &PushDown) -> Query {
    question(query, |condition| {
        let coverage = match condition {
            "selection" => push_down.selection,
            "id_pattern" => push_down.id_pattern,
            "any_attribute" => push_down.any_attribute,
            "filter" => push_down.filter,
            "geo" => push_down.geo,
            _ => push_down.scope,
        };
        coverage == Coverage::Exact
    })
}

/// In an order that does not depend on the source: by id, attributes by name. Nothing but what was asked for.
fn comparable(mut entities: Vec<Entity>, query: &SourceQuery) -> Vec<Entity> {
    for entity in &mut entities {
        entity
            .attributes
            .retain(|attribute| query.attributes.includes(&attribute.name));
        entity.attributes.sort_by(|a, b| a.name.cmp(&b.name));
    }
    entities.sort_by(|a, b| a.id.cmp(&b.id));
    entities
}

async fn judge(world: &World, asked: &Asked, tally: &RefCell<Tally>) -> Result<(), TestCaseError> {
    let adapter = world.adapter.as_ref();
    let query = asked.query();
    let held = everything(adapter, query.system_attributes).await?;
    prop_assert_eq!(held.len(), world.given, "the source shows whatever it was given");
    let whole = question(&query, |_| false);
    let expected: Vec<Entity> = held.iter().filter(|entity| whole.matches(entity)).cloned().collect();

    let prepared = adapter.prepare(&query);
    let push_down = prepared.push_down();
    let candidates = all(&*prepared, None).await?;
    let left = residual(&query, &push_down);
    let answer: Vec<Entity> = candidates
        .iter()
        .filter(|entity| left.matches(entity))
        .cloned()
        .collect();
    let requests = || prepared.asked(None).unwrap();
    prop_assert_eq!(
        comparable(answer, &query),
        comparable(expected.clone(), &query),
        "{:?}: {:?}, asked as {:?}",
        asked,
        push_down,
        requests()
    );
    let whole: Vec<_> = candidates.iter().map(|entity| &entity.id).collect();
    if let Some(found) = by_pages(&*prepared, asked.page.limit.max(1)).await? {
        prop_assert_eq!(
            found.iter().collect::<Vec<_>>(),
            whole,
            "{:?} of {:?}",
            asked.page,
            asked
        );
    }
    if push_down.is_exact() {
        // What is kept in memory comes to be found otherwise, once somebody has asked.
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        let count = prepared.count(&call()).await.unwrap().entities;
        prop_assert_eq!(count, expected.len() as u64, "{:?}, counted by {:?}", asked, requests());
        let Page { limit, offset } = asked.page;
        let of_page = all(&*prepared, Some(asked.page)).await?;
        let of_page: Vec<_> = of_page.into_iter().map(|entity| entity.id).collect();
        let of_all: Vec<_> = candidates.iter().map(|entity| entity.id.clone()).collect();
        let again = all(&*prepared, None).await?;
        prop_assert_eq!(&again, &candidates, "{:?}, asked again", asked);
        let in_order: Vec<_> = of_all.into_iter().skip(offset).take(limit).collect();
        prop_assert_eq!(of_page, in_order, "{:?} of {:?}", asked.page, asked);
    }

    let mut tally = tally.borrow_mut();
    let by_names = question(&query, |condition| condition != "selection");
    tally.questions += 1;
    tally.exact += usize::from(push_down.is_exact());
    tally.discerning += usize::from(!expected.is_empty() && expected.len() < held.len());
    tally.narrowed += usize::from(candidates.len() < held.iter().filter(|entity| by_names.matches(entity)).count());
    Ok(())
}

/// Tries random questions on random entities. `enter` puts them into a source.
fn holds_for<F>(kind: &str, enter: impl Fn(Vec<Thing>) -> F) -> Tally
where
    F: Future<Output = World>,
{
    holds_for_times(1, kind, enter)
}

/// The same for so many times as many questions.
fn holds_for_times<F>(times: usize, kind: &str, enter: impl Fn(Vec<Thing>) -> F) -> Tally
where
    F: Future<Output = World>,
{
    let questions = std::env::var("KAKEHASHI_PUSH_DOWN_CASES").map_or(QUESTIONS, |cases| cases.parse().unwrap());
    let questions = questions * times;
    let seeds = format!(
        "{}/tests/push_down/proptest-regressions/{kind}.txt",
        env!("CARGO_MANIFEST_DIR")
    );
    let mut runner = TestRunner::new(Cases {
        cases: u32::try_from(questions.div_ceil(QUESTIONS_A_WORLD)).unwrap(),
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(seeds.leak()))),
        max_shrink_iters: 1_000,
        ..Cases::default()
    });
    let tally = RefCell::new(Tally::default());
    let runtime = runtime();
    let all_asked = prop::collection::vec(asked(), QUESTIONS_A_WORLD);
    let outcome = runner.run(&(things(), all_asked), |(things, all_asked)| {
        runtime.block_on(async {
            let world = enter(things).await;
            for asked in &all_asked {
                judge(&world, asked, &tally).await?;
            }
            Ok(())
        })
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
    tally.into_inner()
}

thread_local! {
    static RUNTIME: std::rc::Rc<tokio::runtime::Runtime> = std::rc::Rc::new(
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap(),
    );
}

/// The runtime of a test: its stand-in must live in the one that asks.
fn runtime() -> std::rc::Rc<tokio::runtime::Runtime> {
    RUNTIME.with(std::rc::Rc::clone)
}

/// Questions to which everything or nothing is the answer prove little, and so does a source that leaves nothing out.
fn is_worth_something(tally: &Tally, narrowed_at_least: usize) {
    assert!(tally.discerning * 15 > tally.questions, "{tally:?}");
    assert!(tally.narrowed * 100 >= tally.questions * narrowed_at_least, "{tally:?}");
}

#[test]
fn what_orion_is_asked_and_what_is_left_is_what_evaluating_everything_gives() {
    let orion = runtime().block_on(orion::Orion::start());
    let tally = holds_for("orion", |things| ready(orion.enter(things)));
    is_worth_something(&tally, 20);
}

#[test]
fn what_a_platform_is_asked_and_what_is_left_is_what_evaluating_everything_gives() {
    let platform = runtime().block_on(platform::Platform::start());
    let tally = holds_for("platform", |things| ready(platform.enter(&things)));
    is_worth_something(&tally, 5);
}

#[test]
fn what_is_kept_in_memory_answers_as_evaluating_everything_does() {
    let tally = holds_for_times(QUESTIONS_TO_MEMORY, "held", |things| ready(held::enter(&things)));
    is_worth_something(&tally, 30);
    assert_eq!(tally.exact, tally.questions, "everything is decided from memory");
}

#[test]
fn what_the_store_is_asked_and_what_is_left_is_what_evaluating_everything_gives() {
    let tally = holds_for("store", store::enter);
    is_worth_something(&tally, 30);
    assert!(tally.exact * 8 > tally.questions, "{tally:?}");
}
