//! Federation over generated sources: whatever is left to a source, the answer is that of looking at the whole
//! entities.

mod additions;
mod conditional;
mod dates;
mod in_memory;
mod known_lists;
mod left_out;
mod made;
mod maps;
mod ordered_lists;
mod pages;
mod prepared;
mod registered;
mod scan;
mod shares;

use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures::StreamExt;
use kakehashi_adapters::{
    Adapter, AdapterError, AskedRequest, AttributeSelection, Call, Counted, Coverage, EntityStream, ErrorKind, Page,
    PreparedQuery, PushDown, SourceId, SourceQuery, Yielded,
};
use kakehashi_config::{Config, ConfigOverrides, Environment};
use kakehashi_core::names::TenantId;
use kakehashi_policy::inspection::{Actions, Inspection};
use kakehashi_policy::{Classification, Operation, PersonalData};
use kakehashi_telemetry::{FindingCounter, Metrics};
use ngsi_ld::context::Context;
use ngsi_ld::entity::{Attribute, AttributeValue, DateTime, Instance, Value};
use ngsi_ld::merge::{Clock, Part, merge_parts};
use ngsi_ld::query::{Expression, Query, TypeSelection};
use ngsi_ld::{AttributeName, Entity, EntityId, TypeName};
use proptest::prelude::*;

use self::in_memory::{AskedOf, InMemory};
use super::entities::EntityPage;
use super::flawed::Flawed;
use super::gather::Request;
use super::pages::known_list::KnownLists;
use super::plan::Asker;
use super::registry::{OwnIds, ProvidedIds, Provision, RegisteredSource, Registration, Registry};
use super::tenant_limits::TenantLimiters;
use super::warning::{self, Missing};
use super::{Question, Warning, query, retrieve};

/// What a test asks with: the committed policies, under which `bousai-map` reads AEDs of every tenant.
struct Bench {
    config: Config,
    consumer: &'static str,
    metrics: Metrics,
    limits: TenantLimiters,
    known_lists: KnownLists,
    runtime: tokio::runtime::Runtime,
}

/// One for all generated cases: reading the policies takes longer than asking.
static BENCH: LazyLock<Bench> = LazyLock::new(Bench::new);

impl Bench {
    fn new() -> Self {
        Self::on(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."), "bousai-map")
    }

    /// With the configuration in a folder, for one of its consumers.
    fn on(root: &Path, consumer: &'static str) -> Self {
        let mut overrides = ConfigOverrides::default();
        overrides.secrets.insert("SANO_API_KEY".to_owned(), "unused".to_owned());
        let config = Config::load_with(
            &root.join("tenants.toml"),
            &root.join("policies"),
            &Environment::of_process(),
            &overrides,
        );
        Self {
            config: config.unwrap_or_else(|findings| panic!("{findings}")),
            consumer,
            metrics: Metrics::new().unwrap(),
            limits: TenantLimiters::default(),
            known_lists: KnownLists::default(),
            runtime: tokio::runtime::Builder::new_multi_thread()
                .worker_threads(1)
                .enable_all()
                .build()
                .unwrap(),
        }
    }

    fn asker<'a>(&'a self, registry: &'a Registry) -> Asker<'a> {
        Asker {
            consumer: self.config.consumers.get(self.consumer).unwrap(),
            operation: Operation::QueryEntity,
            policies: &self.config.policy,
            registry,
            tenant_limits: &self.limits,
            fan_out: 128,
            extensions: self.config.gateway.extensions,
            known_lists: &self.known_lists,
        }
    }

    fn request(&self) -> Request {
        let call = Call::until(Instant::now() + Duration::from_secs(60));
        Request {
            call,
            metrics: Arc::clone(&self.metrics.sources),
            scan: 100_000,
            has_part_of_the_time: false,
        }
    }

    fn ask(&self, registry: &Registry, question: &Question, page: Page) -> Collected {
        let (known_lists, request) = (KnownLists::default(), self.request());
        let asker = Asker {
            known_lists: &known_lists,
            ..self.asker(registry)
        };
        let question = Arc::new(question.clone());
        self.runtime.block_on(async {
            let answer = query::query(&question, page, None, true, &asker, &request)
                .await
                .unwrap();
            collected(answer).await
        })
    }
}

/// An answer whose entities have all arrived.
struct Collected {
    entities: Vec<Entity>,
    count: Option<u64>,
    more: bool,
    warnings: Vec<Warning>,
}

async fn collected(mut answer: EntityPage) -> Collected {
    let question = Arc::clone(answer.entities.question());
    let mut entities: Vec<Entity> = Vec::new();
    loop {
        match answer.entities.next().await {
            Ok(next) if next.is_empty() => break,
            Ok(next) => entities.extend(next.into_iter().map(|mut entity| {
                question.reduce(&mut entity);
                entity
            })),
            Err(error) => {
                entities.clear();
                warning::add(&mut answer.warnings, [Warning::from(&error)]);
                break;
            }
        }
    }
    let (count, warnings) = answer.entities.settle(answer.count).await;
    warning::add(&mut answer.warnings, warnings);
    Collected {
        entities,
        count,
        more: answer.entities.more().await,
        warnings: answer.warnings,
    }
}

const OWNERS: [&str; 3] = ["sano", "nasushiobara", "yaita"];

fn aed() -> TypeName {
    Context::kakehashi().expand_type("AED").unwrap()
}

fn attribute(name: &str) -> AttributeName {
    Context::kakehashi().expand_attribute(name).unwrap()
}

/// The part of entity `number` that a source holds: an attribute for each of the given names.
fn part(number: u8, values: &[(&str, i64)]) -> Entity {
    let id = EntityId::parse(&format!("urn:ngsi-ld:AED:{number:03}")).unwrap();
    let mut entity = Entity::new(id, aed());
    for (name, value) in values {
        let value = AttributeValue::Property(Value::Number((*value).into()));
        let mut instance = Instance::new(value);
        instance.observed_at = Some(DateTime::parse("2026-04-01T00:00:00Z").unwrap());
        entity.attributes.push(Attribute::new(attribute(name), instance));
    }
    entity
}

/// A source of a tenant that provides this and holds nothing.
pub(super) fn source_providing(owner: &str, provides: Vec<Provision>) -> RegisteredSource {
    let id = SourceId::new(format!("{owner}-source"));
    RegisteredSource {
        id: id.clone(),
        tenant: TenantId::new(owner),
        adapter: Arc::new(InMemory {
            id,
            parts: Vec::new(),
            fails: false,
            lies: false,
            exact: false,
        }),
        provides,
        registration: Registration::default(),
        personal_data: PersonalData::None,
        is_store: false,
        writable: false,
        inspection: Inspection::new(Actions::default(), &Classification::default()),
        findings: FindingCounter::new().unwrap(),
        flawed: Flawed::default(),
        owns_ids: OwnIds::default(),
        credential_from: None,
    }
}

fn registry(parts_by_source: &[Vec<Entity>], authoritative: usize, failing: Option<usize>) -> Registry {
    let sources = parts_by_source.iter().enumerate().map(|(index, parts)| {
        let id = SourceId::new(format!("source-{index}"));
        let provided = Provision {
            authoritative: index == authoritative,
            ..Provision::of_type(aed())
        };
        RegisteredSource {
            id: id.clone(),
            adapter: Arc::new(InMemory {
                id,
                parts: parts.clone(),
                fails: failing == Some(index),
                lies: false,
                exact: false,
            }),
            ..source_providing(OWNERS[index % OWNERS.len()], vec![provided])
        }
    });
    Registry::new(sources.collect())
}

fn question(filter: &str, split_entities: bool) -> Question {
    Question {
        query: Query {
            types: Some(TypeSelection::Type(aed())),
            filter: Some(Expression::parse(filter, Context::kakehashi()).unwrap()),
            ..Query::default()
        },
        split_entities,
        ..Question::default()
    }
}

/// Every entity as it is when all its parts are seen: one without its owner's part is not shown.
fn whole_entities(parts_by_source: &[Vec<Entity>], authoritative: usize) -> Vec<Entity> {
    let now = DateTime::parse("2026-11-21T00:00:00Z").unwrap();
    let mut ids: Vec<EntityId> = parts_by_source.iter().flatten().map(|part| part.id.clone()).collect();
    ids.sort();
    ids.dedup();
    let is_held = |place: usize, id: &EntityId| parts_by_source[place].iter().any(|part| part.id == *id);
    ids.iter()
        .filter(|id| authoritative >= parts_by_source.len() || is_held(authoritative, id))
        .map(|id| {
            let parts = parts_by_source.iter().enumerate().flat_map(|(index, parts)| {
                let own = parts.iter().filter(|part| part.id == *id);
                own.map(move |part| Part {
                    entity: part.clone(),
                    authoritative: index == authoritative,
                })
            });
            merge_parts(parts.collect(), &Clock::at(now.clone())).unwrap()
        })
        .collect()
}

/// The same entity with its attributes in one order: several sources may add them in any.
fn sorted(mut entity: Entity) -> Entity {
    entity.attributes.sort_by(|a, b| a.name.cmp(&b.name));
    entity
}

/// The same in the order of their ids.
fn by_id(entities: Vec<Entity>) -> Vec<Entity> {
    let mut entities: Vec<Entity> = entities.into_iter().map(sorted).collect();
    entities.sort_by(|a, b| a.id.cmp(&b.id));
    entities
}

prop_compose! {
    fn generated_part()(number in 0u8..8, capacity in prop::option::of(0i64..4), height in prop::option::of(0i64..4)) -> Entity {
        let values = [("maxCapacity", capacity), ("height", height)];
        let values: Vec<(&str, i64)> = values.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        part(number, &values)
    }
}

/// Parts of up to eight entities in three sources, each id at most once in a source.
fn generated_sources() -> impl Strategy<Value = Vec<Vec<Entity>>> {
    let source = prop::collection::vec(generated_part(), 0..8).prop_map(|mut parts| {
        parts.sort_by(|a, b| a.id.cmp(&b.id));
        parts.dedup_by(|a, b| a.id == b.id);
        parts
    });
    prop::collection::vec(source, 3)
}

const FILTERS: [&str; 6] = [
    "height==1",
    "height!=1",
    "maxCapacity>1;height<3",
    "maxCapacity==0|height==3",
    "height",
    "maxCapacity==1..2",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    //= 5.7.2.4-10
    fn split_entities_are_judged_by_the_whole_entity(
        sources in generated_sources(), authoritative in 0usize..4, filter in prop::sample::select(&FILTERS[..]),
    ) {
        let bench = &*BENCH;
        let question = question(filter, true);
        let answer = bench.ask(&registry(&sources, authoritative, None), &question, Page { limit: 1000, offset: 0 });
        let expected: Vec<Entity> = whole_entities(&sources, authoritative)
            .into_iter()
            .filter(|entity| question.query.matches(entity))
            .map(sorted)
            .collect();
        prop_assert_eq!(answer.count, Some(expected.len() as u64));
        prop_assert_eq!(by_id(answer.entities), expected);
    }

    #[test]
    fn what_one_source_can_find_is_found_whole(
        sources in generated_sources(), authoritative in 0usize..4, filter in prop::sample::select(&FILTERS[..]),
    ) {
        let bench = &*BENCH;
        let question = question(filter, false);
        let answer = bench.ask(&registry(&sources, authoritative, None), &question, Page { limit: 1000, offset: 0 });
        let expected: Vec<Entity> = whole_entities(&sources, authoritative)
            .into_iter()
            .filter(|entity| question.query.matches(entity))
            .filter(|entity| {
                sources.iter().flatten().any(|part| part.id == entity.id && question.query.matches(part))
            })
            .map(sorted)
            .collect();
        prop_assert_eq!(by_id(answer.entities), expected);
    }

    #[test]
    fn pages_neither_repeat_nor_skip(sources in generated_sources(), limit in 1usize..5) {
        let bench = &*BENCH;
        let registry = registry(&sources, 0, None);
        let question = Question { query: Query { filter: None, ..question("height", false).query }, ..question("height", false) };
        let all = bench.ask(&registry, &question, Page { limit: 1000, offset: 0 });
        let mut walked = Vec::new();
        loop {
            let page = bench.ask(&registry, &question, Page { limit, offset: walked.len() });
            prop_assert_eq!(page.count, all.count);
            walked.extend(page.entities);
            if !page.more {
                break;
            }
        }
        prop_assert_eq!(walked, all.entities);
    }
}

#[test]
fn the_authoritative_value_decides_whether_an_entity_matches() {
    let bench = Bench::new();
    let sources = [vec![part(1, &[("height", 2)])], vec![part(1, &[("height", 1)])]];
    let authoritative_first = registry(&sources, 0, None);
    let page = Page { limit: 10, offset: 0 };
    let by_copy = bench.ask(&authoritative_first, &question("height==1", false), page);
    assert_eq!(by_copy.entities.len(), 0, "the copy's value is not the entity's");
    let by_owner = bench.ask(&authoritative_first, &question("height==2", false), page);
    assert_eq!(by_owner.entities.len(), 1);
}

#[test]
fn a_failing_source_costs_its_own_part_and_is_named() {
    let bench = Bench::new();
    let sources = [vec![part(1, &[("height", 1)])], vec![part(2, &[("height", 1)])]];
    let second_fails = registry(&sources, 0, Some(1));
    let answer = bench.ask(
        &second_fails,
        &question("height==1", false),
        Page { limit: 10, offset: 0 },
    );
    assert_eq!(answer.entities.len(), 1);
    let named = Warning {
        source: SourceId::new("source-1"),
        missing: Missing::Part(ErrorKind::Unreachable.into()),
    };
    assert_eq!(answer.warnings, [named]);
}

#[test]
fn a_hidden_attribute_is_neither_asked_for_nor_a_condition() {
    let bench = Bench::new();
    let sources = [vec![part(1, &[("managerName", 1), ("height", 1)])]];
    let registry = registry(&sources, 0, None);
    let page = Page { limit: 10, offset: 0 };
    for filter in [
        "managerName==1",
        "managerName",
        "managerName!=2",
        "managerName==1;height==1",
    ] {
        assert_eq!(
            bench.ask(&registry, &question(filter, false), page).entities.len(),
            0,
            "{filter}"
        );
    }
    let beside = bench.ask(&registry, &question("managerName==1|height==1", false), page);
    assert_eq!(beside.entities.len(), 1);
    assert!(beside.entities[0].attribute(&attribute("managerName")).is_none());
}

#[test]
fn what_a_lying_source_sends_unasked_goes_no_further() {
    let bench = Bench::new();
    let resident = TypeName::new(ngsi_ld::Iri::new("https://kakehashi.example.jp/vocab/Resident"));
    let mut foreign_type = part(2, &[("height", 1)]);
    foreign_type.types[0] = resident;
    let mut foreign_id = part(3, &[("height", 1)]);
    foreign_id.id = EntityId::parse("urn:ngsi-ld:AED:of-another-city").unwrap();
    let with_hidden = part(1, &[("height", 1), ("managerName", 7)]);
    let id = SourceId::new("liar");
    let provided = Provision {
        ids: ProvidedIds::Matching(ngsi_ld::query::IdPattern::parse("AED:0").unwrap()),
        ..Provision::of_type(aed())
    };
    let liar = RegisteredSource {
        id: id.clone(),
        adapter: Arc::new(InMemory {
            id,
            parts: vec![with_hidden, foreign_type, foreign_id],
            fails: false,
            lies: true,
            exact: false,
        }),
        ..source_providing("sano", vec![provided])
    };
    let registry = Registry::new(vec![liar]);
    for filter in ["height", "height|managerName"] {
        let answer = bench.ask(&registry, &question(filter, true), Page { limit: 10, offset: 0 });
        let ids: Vec<&str> = answer.entities.iter().map(|entity| entity.id.as_str()).collect();
        assert_eq!(ids, ["urn:ngsi-ld:AED:001"]);
        assert_eq!(answer.entities[0].attributes.len(), 1, "{:?}", answer.entities);
    }
}

#[test]
fn retrieving_merges_what_querying_merges() {
    let bench = Bench::new();
    let sources = [
        vec![part(1, &[("height", 2)])],
        vec![part(1, &[("height", 1), ("maxCapacity", 3)])],
    ];
    let registry = registry(&sources, 0, None);
    let by_query = bench.ask(&registry, &question("height==2", false), Page { limit: 10, offset: 0 });
    let mut by_id = question("height", false);
    by_id.query = Query {
        ids: vec![EntityId::parse("urn:ngsi-ld:AED:001").unwrap()],
        ..Query::default()
    };
    let (asker, request) = (bench.asker(&registry), bench.request());
    let retrieved = bench
        .runtime
        .block_on(retrieve::retrieve(&by_id, &asker, &request, |_| ()))
        .unwrap();
    assert_eq!(retrieved.entity.as_ref(), by_query.entities.first());
}

#[test]
fn a_tenant_over_its_limit_costs_its_own_part() {
    let mut bench = Bench::new();
    let mut tenant = bench.config.tenant("sano").unwrap().clone();
    tenant.limits = Some(kakehashi_config::TenantLimits {
        requests_per_second: std::num::NonZeroU32::MIN,
        burst: std::num::NonZeroU32::MIN,
    });
    bench.limits = TenantLimiters::new(&[tenant]);
    let sources = [vec![part(1, &[("height", 1)])], vec![part(2, &[("height", 1)])]];
    let registry = registry(&sources, 9, None);
    let page = Page { limit: 10, offset: 0 };
    assert_eq!(
        bench.ask(&registry, &question("height==1", false), page).entities.len(),
        2
    );
    let over = bench.ask(&registry, &question("height==1", false), page);
    assert_eq!(over.entities.len(), 1);
    assert_eq!(
        over.warnings,
        [Warning {
            source: SourceId::new("source-0"),
            missing: Missing::Part(ErrorKind::Overloaded.into())
        }]
    );
}

#[test]
fn nothing_is_asked_for_that_no_condition_and_no_answer_needs() {
    let bench = Bench::new();
    let sources = [vec![part(1, &[("height", 1)])]];
    let registry = registry(&sources, 0, None);
    let mut wanted = question("height==1", false);
    wanted.shown = Some(vec![attribute("name")]);
    wanted.query.attributes = vec![attribute("name")];
    let planned = bench
        .runtime
        .block_on(super::plan::plan(
            &wanted,
            &bench.asker(&registry),
            &bench.request().call,
        ))
        .unwrap();
    let asked = planned
        .sub_queries
        .first()
        .map(|sub_query| sub_query.query.attributes.clone());
    assert_eq!(
        asked,
        Some(AttributeSelection::only(vec![attribute("name"), attribute("height")]))
    );
}
