//! What cannot be decided by a source is looked through up to a bound; behind it the list goes on.

use super::super::Refusal;
use super::*;

/// Sends entities until nobody listens, or some and then nothing more, as long as anybody waits.
#[derive(Debug, Clone)]
struct Unending {
    id: SourceId,
    /// After how many it falls silent.
    sends: usize,
}

#[async_trait]
impl Adapter for Unending {
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
impl PreparedQuery for AskedOf<Unending> {
    fn push_down(&self) -> PushDown {
        let none_if = |given: bool| if given { Coverage::None } else { Coverage::Exact };
        PushDown {
            selection: Coverage::Exact,
            id_pattern: Coverage::Exact,
            any_attribute: Coverage::Exact,
            filter: none_if(self.query.filter.is_some()),
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
        let entities = (0..self.source.sends).map(|number| {
            let mut entity = part(0, &[("maxCapacity", 1)]);
            entity.id = EntityId::parse(&format!("urn:ngsi-ld:AED:{number}")).unwrap();
            Ok(Yielded::Entity(entity))
        });
        futures::stream::iter(entities)
            .chain(futures::stream::pending())
            .boxed()
    }

    async fn count(&self, _: &Call) -> Result<Counted, AdapterError> {
        Ok(Counted::default())
    }
}

/// The source that never ends, of Sano, and sources of the other owners that hold one entity each.
fn with_others(sends: usize, others: usize) -> Registry {
    let small = registry(&vec![vec![part(7, &[("maxCapacity", 2)])]; 3], 9, None);
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
        flawed: Flawed::default(),
        owns_ids: OwnIds::default(),
        credential_from: None,
    };
    let unending = Unending {
        id: SourceId::new("unending"),
        sends,
    };
    let mut sources = vec![of_source(&small.configured()[0], Arc::new(unending))];
    let rest = small.configured()[1..].iter().take(others);
    sources.extend(rest.map(|source| of_source(source, Arc::clone(&source.adapter))));
    Registry::new(sources)
}

fn ask(registry: &Registry, limit: usize, scan: usize, patience: Duration) -> Result<Collected, Refusal> {
    let asker = BENCH.asker(registry);
    let mut request = BENCH.request();
    request.scan = scan;
    request.call.deadline = Instant::now() + patience;
    let question = Arc::new(question("maxCapacity>1", false));
    let page = Page { limit, offset: 0 };
    BENCH.runtime.block_on(async {
        let answer = query::query(&question, page, None, true, &asker, &request).await?;
        Ok(collected(answer).await)
    })
}

const PATIENT: Duration = Duration::from_secs(60);
const IMPATIENT: Duration = Duration::from_millis(100);

fn missing(answer: &Collected) -> Vec<(&str, Missing)> {
    let warnings = answer.warnings.iter();
    warnings
        .map(|warning| (warning.source.as_str(), warning.missing))
        .collect()
}

fn too_many() -> [(&'static str, Missing); 2] {
    [
        ("unending", Missing::Part(ErrorKind::TooMany.into())),
        ("unending", Missing::Count),
    ]
}

#[test]
fn the_only_source_that_has_too_many_is_not_counted_and_its_list_goes_on_behind_the_bound() {
    let only = with_others(1_000_000, 0);
    let answer = ask(&only, 5, 500, PATIENT).unwrap();
    assert_eq!(missing(&answer), too_many());
    assert_eq!((answer.entities.len(), answer.count, answer.more), (0, None, true));
    // A count alone has nothing else to say.
    assert!(matches!(ask(&only, 0, 500, PATIENT), Err(Refusal::ScanTooWide)));
}

#[test]
fn of_several_the_one_that_has_too_many_is_named_and_the_list_goes_on_behind_the_bound() {
    let several = with_others(1_000_000, 2);
    let answer = ask(&several, 5, 500, PATIENT).unwrap();
    assert_eq!(missing(&answer), too_many());
    assert_eq!((answer.entities.len(), answer.count, answer.more), (0, None, true));
    assert!(matches!(ask(&several, 0, 500, PATIENT), Err(Refusal::ScanTooWide)));
}

#[test]
fn time_that_runs_out_over_a_scan_is_too_much_and_a_source_that_says_nothing_is_late() {
    let answer = ask(&with_others(2_000, 0), 5, 10_000, IMPATIENT).unwrap();
    assert_eq!((answer.entities.len(), answer.count), (0, None));
    assert!(missing(&answer).contains(&("unending", Missing::Count)));
    // Whoever has come no further than that was held up by something else.
    for sent in [0, 3] {
        let answer = ask(&with_others(sent, 0), 5, 10_000, IMPATIENT).unwrap();
        assert_eq!(answer.warnings[0].missing, Missing::Part(ErrorKind::Timeout.into()));
    }
}
