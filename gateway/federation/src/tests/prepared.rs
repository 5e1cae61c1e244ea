//! What a source can take is decided once for a question, whatever is asked of it afterwards.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::super::once_prepared::OncePrepared;
use super::*;

/// A source that counts how often it decides what it can take.
#[derive(Debug)]
struct Deciding {
    source: InMemory,
    decided: Arc<AtomicUsize>,
}

#[async_trait]
impl Adapter for Deciding {
    fn source(&self) -> &SourceId {
        &self.source.id
    }

    fn prepare(&self, query: &SourceQuery) -> Arc<dyn PreparedQuery> {
        self.decided.fetch_add(1, Ordering::Relaxed);
        self.source.prepare(query)
    }

    async fn may_hold_relationships(&self, names: &[AttributeName], call: &Call) -> Result<bool, AdapterError> {
        self.source.may_hold_relationships(names, call).await
    }
}

fn deciding(number: usize, parts: Vec<Entity>, exact: bool) -> Deciding {
    Deciding {
        source: InMemory {
            id: SourceId::new(format!("source-{number}")),
            parts,
            fails: false,
            lies: false,
            exact,
        },
        decided: Arc::default(),
    }
}

/// How often each source decides when a page of two is asked for, with the count.
fn decisions(sources: Vec<Deciding>, question: &Question) -> (Vec<usize>, Collected) {
    let counters: Vec<Arc<AtomicUsize>> = sources.iter().map(|source| Arc::clone(&source.decided)).collect();
    let registered = sources.into_iter().enumerate().map(|(number, adapter)| {
        let provided = Provision::of_type(aed());
        RegisteredSource {
            id: adapter.source.id.clone(),
            adapter: Arc::new(adapter),
            ..source_providing(OWNERS[number % OWNERS.len()], vec![provided])
        }
    });
    let registry = Registry::new(registered.collect());
    let answer = BENCH.ask(&registry, question, Page { limit: 2, offset: 0 });
    let decided = counters.iter().map(|counter| counter.load(Ordering::Relaxed));
    (decided.collect(), answer)
}

fn parts(numbers: std::ops::Range<u8>) -> Vec<Entity> {
    numbers.map(|number| part(number, &[("height", 1)])).collect()
}

#[test]
fn a_page_its_count_and_whether_another_follows_take_one_decision() {
    for exact in [true, false] {
        let (decided, answer) = decisions(vec![deciding(0, parts(0..5), exact)], &question("height==1", false));
        assert_eq!((answer.entities.len(), answer.count, answer.more), (2, Some(5), true));
        assert_eq!(decided, [1], "exact: {exact}");
    }
}

#[test]
fn what_completes_the_answer_of_another_source_is_a_question_of_its_own() {
    let sources = || vec![deciding(0, parts(0..3), false), deciding(1, parts(2..4), false)];
    let (decided, answer) = decisions(sources(), &question("height==1", false));
    assert_eq!(answer.count, Some(4));
    assert_eq!(decided, [2, 2], "each lacks something that the other has found");
    let (decided, answer) = decisions(sources(), &question("height==1", true));
    assert_eq!(answer.count, Some(4));
    assert_eq!(decided, [1, 1], "neither was told of the condition");
}

#[test]
fn an_entity_by_its_id_takes_one_decision() {
    let source = deciding(0, parts(0..3), true);
    let decided = Arc::clone(&source.decided);
    let provided = source_providing("sano", Vec::new());
    let provided = RegisteredSource {
        id: source.source.id.clone(),
        adapter: Arc::new(source),
        provides: vec![Provision::of_type(aed())],
        ..provided
    };
    let registry = Registry::new(vec![provided]);
    let mut by_id = question("height==1", false);
    by_id.query.filter = None;
    by_id.query.ids = vec![part(1, &[]).id];
    let bench = &*BENCH;
    let (asker, request) = (bench.asker(&registry), bench.request());
    let answer = bench
        .runtime
        .block_on(retrieve::retrieve(&by_id, &asker, &request, |_| ()));
    assert!(answer.unwrap().entity.is_some());
    assert_eq!(decided.load(Ordering::Relaxed), 1);
}

#[test]
fn whoever_changes_a_query_undoes_what_was_decided_of_it() {
    let source = deciding(0, Vec::new(), false);
    let decided = || source.decided.load(Ordering::Relaxed);
    let mut query = OncePrepared::from(SourceQuery::of_types(vec![aed()]));
    assert!(query.by(&source).push_down().is_exact());
    assert_eq!(query.types, [aed()]);
    assert!(query.shared().by(&source).push_down().is_exact());
    assert_eq!(decided(), 1, "to read it, or to share it, changes nothing");
    let of_another = query.shared();
    query.filter = question("height==1", false).query.filter.map(Arc::new);
    assert_eq!(query.by(&source).push_down().filter, Coverage::Narrows);
    assert_eq!(decided(), 2);
    assert!(of_another.by(&source).push_down().is_exact());
    assert_eq!(decided(), 2, "what was shared before stays as it was");
}
