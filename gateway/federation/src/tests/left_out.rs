//! Sources that hold entities which are wrong: each costs itself, is told, and does not count.

use kakehashi_adapters::Flaw;

use super::super::gather::MAX_TOTAL;
use super::*;

/// A source in memory that decides everything itself. Some of its entities are wrong.
#[derive(Debug, Clone)]
pub(super) struct Flawed {
    pub(super) id: SourceId,
    pub(super) held: Vec<Yielded>,
    /// The total that it tells; `None`: how many it holds.
    pub(super) total: Option<u64>,
}

#[async_trait]
impl Adapter for Flawed {
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
impl PreparedQuery for AskedOf<Flawed> {
    fn push_down(&self) -> PushDown {
        let exact_if = |none: bool| if none { Coverage::Exact } else { Coverage::None };
        PushDown {
            selection: Coverage::Exact,
            id_pattern: Coverage::Exact,
            any_attribute: Coverage::Exact,
            filter: exact_if(self.query.filter.is_none()),
            geo: Coverage::Exact,
            scope: Coverage::Exact,
        }
    }

    fn asked(&self, _: Option<Page>) -> Result<Vec<AskedRequest>, AdapterError> {
        Ok(Vec::new())
    }

    async fn retrieve(&self, _: &Call) -> Result<Option<Yielded>, AdapterError> {
        Ok(self.source.held.first().cloned())
    }

    fn query(&self, page: Option<Page>, _: &Call) -> EntityStream {
        let page = page.unwrap_or(Page {
            limit: usize::MAX,
            offset: 0,
        });
        let page = self.source.held.iter().skip(page.offset).take(page.limit).cloned();
        futures::stream::iter(page.map(Ok).collect::<Vec<_>>()).boxed()
    }

    /// As systems do that count without looking.
    async fn count(&self, _: &Call) -> Result<Counted, AdapterError> {
        Ok(Counted::entities(
            self.source.total.unwrap_or(self.source.held.len() as u64),
        ))
    }
}

fn held(flawed: &[bool]) -> Vec<Yielded> {
    let one = |(number, flawed): (usize, &bool)| match flawed {
        true => Yielded::LeftOut(Flaw::Malformed),
        false => part(u8::try_from(number).unwrap(), &[("height", 1)]).into(),
    };
    flawed.iter().enumerate().map(one).collect()
}

/// The source that holds these, of Sano, and others with one entity each.
fn sources(held: Vec<Yielded>, others: usize) -> Registry {
    telling(held, None, others)
}

/// The same, where it tells this total.
fn telling(held: Vec<Yielded>, total: Option<u64>, others: usize) -> Registry {
    let small = registry(&vec![vec![part(200, &[("height", 2)])]; 3], 9, None);
    let of_source = |source: &RegisteredSource, adapter: Arc<dyn Adapter>| RegisteredSource {
        id: adapter.source().clone(),
        tenant: source.tenant.clone(),
        adapter,
        provides: source.provides.clone(),
        registration: source.registration.clone(),
        personal_data: PersonalData::None,
        is_store: false,
        writable: false,
        inspection: source.inspection.clone(),
        findings: source.findings.clone(),
        flawed: super::Flawed::default(),
        owns_ids: OwnIds::default(),
        credential_from: None,
    };
    let flawed = Flawed {
        id: SourceId::new("flawed"),
        held,
        total,
    };
    let mut sources = vec![of_source(&small.configured()[0], Arc::new(flawed))];
    let rest = small.configured()[1..].iter().take(others);
    sources.extend(rest.map(|source| of_source(source, Arc::clone(&source.adapter))));
    Registry::new(sources)
}

/// How many entities the warnings say are left out; nothing else is told.
pub(super) fn told(answer: &Collected) -> u64 {
    let of_warning = |warning: &Warning| match warning.missing {
        Missing::Entities(count) | Missing::OwnerMissing(count) => count,
        Missing::Part(_) | Missing::Count => panic!("{warning:?}"),
    };
    assert!(answer.warnings.len() <= 1, "{:?}", answer.warnings);
    answer.warnings.iter().map(of_warning).sum()
}

pub(super) fn everything() -> Question {
    Question {
        query: Query {
            types: Some(TypeSelection::Type(aed())),
            ..Query::default()
        },
        ..Question::default()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn pages_show_each_good_entity_once_and_the_count_is_what_is_shown(
        flawed in prop::collection::vec(prop::bool::weighted(0.2), 0..12), limit in 1usize..5,
    ) {
        let registry = sources(held(&flawed), 0);
        let all = flawed.len();
        let wrong = flawed.iter().filter(|flawed| **flawed).count();
        let (mut shown, mut offset, mut was_told) = (Vec::new(), 0, 0);
        loop {
            let page = BENCH.ask(&registry, &everything(), Page { limit, offset });
            let on_page = flawed.iter().skip(offset).take(limit).filter(|flawed| **flawed).count();
            was_told = was_told.max(told(&page));
            prop_assert!(told(&page) >= on_page as u64);
            // What no page has shown yet nobody knows of.
            let expected = if was_told > 0 { all - wrong } else { all };
            prop_assert_eq!(page.count, Some(expected as u64));
            prop_assert_eq!(page.more, offset + limit < all);
            shown.extend(page.entities);
            offset += limit;
            if !page.more {
                break;
            }
        }
        let good: Vec<Entity> = held(&flawed).into_iter().filter_map(Yielded::entity).collect();
        prop_assert_eq!(shown, good);
        prop_assert_eq!(was_told, wrong as u64);
        let counted = BENCH.ask(&registry, &everything(), Page { limit: 0, offset: 0 });
        prop_assert_eq!((counted.count, told(&counted)), (Some((all - wrong) as u64), wrong as u64));
    }

    #[test]
    fn what_is_looked_at_here_is_counted_here(
        flawed in prop::collection::vec(any::<bool>(), 0..8), others in 0usize..3,
    ) {
        let question = question("height>0", false);
        let registry = sources(held(&flawed), others);
        let answer = BENCH.ask(&registry, &question, Page { limit: 1000, offset: 0 });
        let good = flawed.iter().filter(|flawed| !**flawed).count() + others.min(1);
        prop_assert_eq!((answer.entities.len(), answer.count), (good, Some(good as u64)));
        prop_assert_eq!(told(&answer) as usize, flawed.len() + others.min(1) - good);
    }
}

#[test]
fn the_entity_that_is_asked_for_is_missing_with_a_warning() {
    let registry = sources(held(&[true, false]), 1);
    let mut question = everything();
    question.query.ids = vec![part(200, &[]).id];
    let asker = BENCH.asker(&registry);
    let answer = BENCH
        .runtime
        .block_on(retrieve::retrieve(&question, &asker, &BENCH.request(), |_| ()))
        .unwrap();
    assert_eq!(
        answer.entity.map(|entity| entity.id),
        question.query.ids.pop(),
        "the other source's part"
    );
    assert_eq!(answer.warnings[0].missing, Missing::Entities(1));
}

#[test]
fn a_type_is_known_by_an_entity_that_can_be_shown() {
    let registry = sources(held(&[true, true, false]), 0);
    let asker = BENCH.asker(&registry);
    let question = Question::default();
    let request = BENCH.request();
    let asking = super::super::types::types(&question, &asker, &request);
    let answer = BENCH.runtime.block_on(asking).unwrap();
    assert_eq!(answer.types, [aed()]);
    assert_eq!(answer.warnings[0].missing, Missing::Entities(2));
}

/// Whatever a source tells as its total: where a page contradicts it, or it can be no total at all, the count is what is there.
#[test]
fn a_total_that_is_contradicted_is_not_believed() {
    let held = held(&[false; 6]);
    for total in [
        0,
        1,
        2,
        3,
        5,
        6,
        7,
        1_000,
        MAX_TOTAL,
        MAX_TOTAL + 1,
        u64::MAX - 1,
        u64::MAX,
    ] {
        let registry = telling(held.clone(), Some(total), 0);
        for (offset, limit) in [
            (0, 1),
            (0, 3),
            (0, 6),
            (0, 10),
            (3, 2),
            (3, 3),
            (3, 9),
            (5, 1),
            (6, 3),
            (9, 2),
            (usize::MAX, 5),
        ] {
            let page = BENCH.ask(&registry, &everything(), Page { limit, offset });
            let until = (offset.saturating_add(limit)) as u64;
            let count = page.count.unwrap();
            let is_seen_to_the_end = offset < 6 && offset + limit >= 6;
            // What the page says nothing against is believed: that there are others behind it, or none where it stands.
            let is_possible = total <= MAX_TOTAL
                && if offset >= 6 {
                    total <= offset as u64
                } else {
                    total > until
                };
            let expected = if is_possible && !is_seen_to_the_end { total } else { 6 };
            assert_eq!(count, expected, "{total} at {offset} + {limit}");
            assert_eq!(
                (page.more, page.warnings.len()),
                (offset.saturating_add(limit) < 6, 0),
                "{total} at {offset}"
            );
        }
    }
}
