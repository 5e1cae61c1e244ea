//! Several sources with more entities than a request may hold: what is counted, and who is named, does not depend on who is
//! first to send.

use std::sync::OnceLock;

use super::super::Refusal;
use super::super::scan::{MAX_CANDIDATES, MAX_FROM_ONE_SOURCE};
use super::*;

/// A source that sends so many entities, with a pause now and then, and fails after them or not.
#[derive(Debug, Clone)]
struct Sending {
    id: SourceId,
    /// The number of its first entity.
    first: usize,
    count: usize,
    fails: bool,
    /// After how many it pauses, again and again.
    pauses: usize,
}

/// Entities with the numbers from 0 on, made once.
fn numbered(number: usize) -> Entity {
    static MADE: OnceLock<Vec<Entity>> = OnceLock::new();
    let made = MADE.get_or_init(|| {
        let one = |number: usize| {
            let mut entity = part(0, &[]);
            entity.id = EntityId::parse(&format!("urn:ngsi-ld:AED:{number:06}")).unwrap();
            entity
        };
        (0..6 * MAX_CANDIDATES).map(one).collect()
    });
    made[number].clone()
}

#[async_trait]
impl Adapter for Sending {
    fn source(&self) -> &SourceId {
        &self.id
    }

    fn prepare(&self, query: &SourceQuery) -> Arc<dyn PreparedQuery> {
        Arc::new(AskedOf {
            source: self.clone(),
            query: query.clone(),
        })
    }
}

#[async_trait]
impl PreparedQuery for AskedOf<Sending> {
    fn push_down(&self) -> PushDown {
        PushDown {
            selection: Coverage::Exact,
            id_pattern: Coverage::Exact,
            any_attribute: Coverage::Exact,
            filter: Coverage::Exact,
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

    fn query(&self, _: Option<Page>, _: &Call) -> EntityStream {
        let pauses = self.source.pauses;
        let sent = futures::stream::iter(self.source.first..self.source.first + self.source.count).then(
            move |number| async move {
                if number % pauses == 0 {
                    tokio::task::yield_now().await;
                }
                Ok(Yielded::Entity(numbered(number)))
            },
        );
        let ids = self.query.ids.clone();
        let sent = sent.filter(move |one| {
            let is_meant = |one: &Entity| ids.is_empty() || ids.contains(&one.id);
            let is_meant = matches!(one, Ok(Yielded::Entity(one)) if is_meant(one));
            async move { is_meant }
        });
        let failure = AdapterError::new(&self.source.id, ErrorKind::InvalidPayload, "as the test wants it");
        let failure = self.source.fails.then_some(Err(failure));
        sent.chain(futures::stream::iter(failure)).boxed()
    }

    async fn count(&self, _: &Call) -> Result<Counted, AdapterError> {
        Ok(Counted::entities(self.source.count as u64))
    }
}

/// A source: how many it sends, whether it fails after that, and after how many it pauses.
type Sends = (usize, bool, usize);

fn sources(sends: &[Sends]) -> Registry {
    let model = registry(&vec![Vec::new(); OWNERS.len()], 9, None);
    let mut first = 0;
    let sources = sends.iter().enumerate().map(|(index, (count, fails, pauses))| {
        let source = &model.configured()[index % OWNERS.len()];
        let id = SourceId::new(format!("source-{index}"));
        let adapter = Sending {
            id: id.clone(),
            first,
            count: *count,
            fails: *fails,
            pauses: *pauses,
        };
        first += count;
        RegisteredSource {
            id,
            tenant: source.tenant.clone(),
            adapter: Arc::new(adapter),
            provides: source.provides.clone(),
            registration: source.registration.clone(),
            personal_data: PersonalData::None,
            is_store: false,
            writable: false,
            inspection: source.inspection.clone(),
            findings: source.findings.clone(),
            flawed: Flawed::default(),
            owns_ids: OwnIds::default(),
            credential_from: None,
        }
    });
    Registry::new(sources.collect())
}

/// The count and the sources that are named, or the refusal.
type Said = Result<(Option<u64>, Vec<String>), Refusal>;

/// What is said.
fn ask(sends: &[Sends]) -> Said {
    let registry = sources(sends);
    let (known_lists, request) = (KnownLists::default(), BENCH.request());
    let asker = Asker {
        known_lists: &known_lists,
        ..BENCH.asker(&registry)
    };
    let question = Arc::new(Question {
        query: Query {
            types: Some(TypeSelection::Type(aed())),
            ..Query::default()
        },
        ..Question::default()
    });
    let answer = BENCH.runtime.block_on(async {
        let answer = query::query(&question, Page { limit: 3, offset: 0 }, None, true, &asker, &request).await?;
        Ok(collected(answer).await)
    });
    answer.map(|answer| {
        let mut named: Vec<String> = answer
            .warnings
            .iter()
            .map(|warning| warning.source.to_string())
            .collect();
        named.sort();
        (answer.count, named)
    })
}

/// Whether that is what holds for these sources, whoever is first. All of them are read to count them; where there are too many
/// for that, their ids are.
fn is_right(sends: &[Sends], said: &Said) -> bool {
    let Ok((count, named)) = said else {
        return false;
    };
    let failing = sends.iter().enumerate().filter(|(_, one)| one.1);
    let fails: Vec<String> = failing.map(|(index, _)| format!("source-{index}")).collect();
    let shown: usize = sends.iter().filter(|one| !one.1).map(|one| one.0).sum();
    *count == Some(shown as u64) && *named == fails
}

#[test]
fn each_source_has_its_own_share_however_they_take_turns() {
    let (large, full, small) = (MAX_FROM_ONE_SOURCE + 1, MAX_FROM_ONE_SOURCE, 500);
    let orders = [
        [large, full, small],
        [large, small, full],
        [full, large, small],
        [full, small, large],
        [small, large, full],
        [small, full, large],
    ];
    for round in 0..18_usize {
        let sends: Vec<Sends> = (orders[round % orders.len()].iter().enumerate())
            .map(|(index, count)| (*count, false, 1 + (round * 7 + index * 13) % 40))
            .collect();
        let said = ask(&sends);
        assert!(is_right(&sends, &said), "{sends:?} {said:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn what_is_said_depends_on_what_they_hold_alone(
        sends in prop::collection::vec(
            (
                prop_oneof![0usize..40, 6_000usize..7_000, (MAX_FROM_ONE_SOURCE - 1)..(MAX_FROM_ONE_SOURCE + 3)],
                prop::bool::weighted(0.2),
                1usize..200,
            ),
            2..6,
        ),
    ) {
        let said = ask(&sends);
        prop_assert!(is_right(&sends, &said), "{:?} {:?}", sends, said);
    }
}
