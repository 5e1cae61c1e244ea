//! The contract, sentence by sentence.

use std::time::{Duration, Instant};

use futures::{StreamExt, TryStreamExt};
use kakehashi_adapters::{
    Adapter, AdapterError, AttributeSelection, Call, Coverage, ErrorKind, Page, PreparedQuery, SourceQuery, Yielded,
};
use ngsi_ld::query::{Expression, GeoQuery, IdPattern};
use ngsi_ld::{AttributeName, Entity, EntityId, TypeName};
use stand_ins::Fault;

use crate::fixture::{Fixture, SOURCE_TIMEOUT_MILLIS};
use crate::sample::{HIDDEN, context};

/// Far beyond what any answer needs here.
const PATIENCE: Duration = Duration::from_secs(60);

fn call() -> Call {
    Call::until(Instant::now() + PATIENCE)
}

fn type_name(short: &str) -> TypeName {
    context().expand_type(short).unwrap()
}

fn attribute(short: &str) -> AttributeName {
    context().expand_attribute(short).unwrap()
}

fn of_types(types: &[&str]) -> SourceQuery {
    SourceQuery::of_types(types.iter().map(|short| type_name(short)).collect())
}

/// Everything that the sample holds.
fn everything() -> SourceQuery {
    of_types(&["EvacuationSite", "AED"])
}

async fn all(adapter: &dyn Adapter, query: &SourceQuery) -> Vec<Entity> {
    let yielded: Vec<Yielded> = adapter.prepare(query).query(None, &call()).try_collect().await.unwrap();
    yielded.into_iter().map(whole).collect()
}

/// The entity: none of the sample is left out.
fn whole(yielded: Yielded) -> Entity {
    yielded.entity().unwrap()
}

async fn page_of(prepared: &dyn PreparedQuery, page: Page) -> Vec<Entity> {
    let yielded: Vec<Yielded> = prepared.query(Some(page), &call()).try_collect().await.unwrap();
    yielded.into_iter().map(whole).collect()
}

async fn retrieved(adapter: &dyn Adapter, query: &SourceQuery) -> Option<Entity> {
    adapter.prepare(query).retrieve(&call()).await.unwrap().map(whole)
}

/// In an order that does not depend on the source: by id, attributes by name.
fn sorted(mut entities: Vec<Entity>) -> Vec<Entity> {
    for entity in &mut entities {
        entity.attributes.sort_by(|a, b| a.name.cmp(&b.name));
    }
    entities.sort_by(|a, b| a.id.cmp(&b.id));
    entities
}

/// Whether the entity is what the query asks for, as far as `wanted` says of each condition.
fn matches(query: &SourceQuery, entity: &Entity, wanted: impl Fn(&str) -> bool) -> bool {
    let selected = query.types.iter().any(|r#type| entity.has_type(r#type))
        && (query.ids.is_empty() || query.ids.contains(&entity.id));
    let by_pattern = query
        .id_pattern
        .as_ref()
        .is_none_or(|pattern| pattern.matches(&entity.id));
    let by_attribute =
        query.any_attribute.is_empty() || query.any_attribute.iter().any(|name| entity.attribute(name).is_some());
    let by_filter = query.filter.as_ref().is_none_or(|filter| filter.matches(entity));
    let by_area = query.geo.as_ref().is_none_or(|geo| geo.matches(entity));
    (selected || !wanted("selection"))
        && (by_pattern || !wanted("id_pattern"))
        && (by_attribute || !wanted("any_attribute"))
        && (by_filter || !wanted("filter"))
        && (by_area || !wanted("geo"))
}

/// Asks, evaluates here what the source does not decide exactly, and compares with evaluating everything here.
/// What the source says to decide exactly is taken from it as it is.
async fn answer_equals_evaluation(fixture: &impl Fixture, query: &SourceQuery, about: &str) {
    let adapter = fixture.adapter();
    let prepared = adapter.prepare(query);
    let push_down = prepared.push_down();
    let residual = |condition: &str| {
        let coverage = match condition {
            "selection" => push_down.selection,
            "id_pattern" => push_down.id_pattern,
            "any_attribute" => push_down.any_attribute,
            "filter" => push_down.filter,
            _ => push_down.geo,
        };
        coverage != Coverage::Exact
    };
    let mut answer = all(adapter, query).await;
    if !push_down.is_exact() {
        let page = page_of(&*prepared, Page { limit: 1, offset: 1 }).await;
        assert_eq!(page, answer, "{about}: a page of candidates is no page of the answer");
    }
    answer.retain(|entity| matches(query, entity, residual));
    let mut expected = fixture.entities();
    expected.retain(|entity| matches(query, entity, |_| true));
    assert_eq!(sorted(answer), sorted(expected), "{about}: {push_down:?}");
}

pub(crate) async fn an_entity_is_found_by_its_id(fixture: &impl Fixture) {
    for expected in fixture.entities() {
        let query = SourceQuery {
            types: expected.types.to_vec(),
            ids: vec![expected.id.clone()],
            ..everything()
        };
        let found = retrieved(fixture.adapter(), &query).await;
        let found = found.unwrap_or_else(|| panic!("{:?} is not found", expected.id));
        assert_eq!(sorted(vec![found.clone()]), sorted(vec![expected.clone()]));
        let query = SourceQuery {
            ids: query.ids,
            ..everything()
        };
        assert_eq!(retrieved(fixture.adapter(), &query).await, Some(found));
    }
}

pub(crate) async fn what_is_not_there_is_no_error(fixture: &impl Fixture) {
    for id in [
        "urn:ngsi-ld:EvacuationSite:nowhere",
        "urn:x:(a=b)",
        "urn:避難所:1",
        "https://example.org/a,b",
    ] {
        let query = SourceQuery {
            ids: vec![EntityId::parse(id).unwrap()],
            ..everything()
        };
        assert_eq!(
            fixture.adapter().prepare(&query).retrieve(&call()).await.unwrap(),
            None,
            "{id}"
        );
    }
    // Of another type than may be asked for.
    let site = fixture
        .entities()
        .into_iter()
        .find(|entity| entity.has_type(&type_name("AED")))
        .unwrap();
    let query = SourceQuery {
        ids: vec![site.id],
        ..of_types(&["EvacuationSite"])
    };
    assert_eq!(fixture.adapter().prepare(&query).retrieve(&call()).await.unwrap(), None);
    assert_eq!(all(fixture.adapter(), &of_types(&["Resident"])).await, []);
}

pub(crate) async fn types_select_and_nothing_else_is_returned(fixture: &impl Fixture) {
    for types in [
        &["EvacuationSite"][..],
        &["AED"],
        &["AED", "EvacuationSite"],
        &["AED", "Resident"],
    ] {
        let query = of_types(types);
        answer_equals_evaluation(fixture, &query, &format!("{types:?}")).await;
        for entity in all(fixture.adapter(), &query).await {
            assert!(query.types.iter().any(|r#type| entity.has_type(r#type)), "{entity:?}");
        }
    }
}

pub(crate) async fn ids_and_patterns_select(fixture: &impl Fixture) {
    let ids: Vec<EntityId> = fixture.entities().into_iter().map(|entity| entity.id).collect();
    let some = vec![
        ids[0].clone(),
        EntityId::parse("urn:x:nowhere").unwrap(),
        ids[ids.len() - 1].clone(),
    ];
    for ids in [some, ids] {
        let query = SourceQuery { ids, ..everything() };
        answer_equals_evaluation(fixture, &query, "ids").await;
    }
    for pattern in [
        "^urn:ngsi-ld:AED",
        "00[1-3]$",
        "^urn:x:",
        "AED.*8",
        "Site",
        "^urn:ngsi-ld:EvacuationSite:00",
        ".",
    ] {
        let query = SourceQuery {
            id_pattern: Some(IdPattern::parse(pattern).unwrap()),
            ..everything()
        };
        answer_equals_evaluation(fixture, &query, pattern).await;
    }
}

/// Every operator, on every kind of value, where sources are likely to differ.
const FILTERS: &[&str] = &[
    "name",
    "nowhere",
    "maxCapacity==5",
    "maxCapacity==5,80",
    "maxCapacity!=5",
    "maxCapacity>5",
    "maxCapacity>=5",
    "maxCapacity<5",
    "maxCapacity<=80",
    "maxCapacity==1..80",
    "maxCapacity!=1..80",
    "maxCapacity==\"5\"",
    "waterLevel==0.5",
    "waterLevel<-1",
    "waterLevel>=0.5",
    "name==5",
    "name==\"5\"",
    "name==\"true\"",
    "name==true",
    "name==\"黒磯小学校\"",
    "name!=\"黒磯小学校\"",
    "name==\"黒磯小学校\",\"Park\"",
    "name==\"公園 (北) = 広場; \\\"仮\\\"\"",
    "name<\"Q\"",
    "name>=\"稲村小学校\"",
    "name~=\"小学校\"",
    "name~=\"小学校$\"",
    "name~=\"^黒磯\"",
    "name~=\"^黒磯.*学校$\"",
    "name~=\"^Pa.k$\"",
    "name!~=\"小学校\"",
    "opened==true",
    "opened!=true",
    "opened==\"true\"",
    "dateObserved==2026-01-01T00:00:00Z",
    "dateObserved>2026-01-01T00:00:00Z",
    "dateObserved<=2026-01-01T09:30:00.5Z",
    "dateObserved==2025-12-31T00:00:00Z..2026-01-01T00:00:00Z",
    "dateObserved!=2026-01-01T00:00:00Z",
    "name[member]==1",
    "location[type]==\"Point\"",
    "maxCapacity>0;opened==true",
    "maxCapacity==5|name==\"Park\"",
    "(maxCapacity==5|opened==true);waterLevel>0",
    "maxCapacity;waterLevel;opened",
    "nowhere==1|name==\"Park\"",
    "nowhere!=1",
    "name.note==\"x\"",
];

pub(crate) async fn filters_mean_what_the_evaluator_says(fixture: &impl Fixture) {
    for text in FILTERS {
        let filter = Expression::parse(text, &context()).unwrap_or_else(|error| panic!("{text}: {error}"));
        let query = SourceQuery {
            filter: Some(filter.into()),
            ..everything()
        };
        answer_equals_evaluation(fixture, &query, text).await;
    }
}

pub(crate) async fn areas_mean_what_the_evaluator_says(fixture: &impl Fixture) {
    let square = "[[[139.9,36.9],[140.0,36.9],[140.0,37.0],[139.9,37.0],[139.9,36.9]]]";
    for (georel, geometry, coordinates) in [
        ("near;maxDistance==100", "Point", "[139.9625,36.9625]"),
        ("near;maxDistance==2000", "Point", "[139.9625,36.9625]"),
        ("near;maxDistance==100000", "Point", "[139.9625,36.9625]"),
        ("near;minDistance==1000", "Point", "[139.9625,36.9625]"),
        ("near;maxDistance==5000", "LineString", "[[139.9,36.9],[140.0,37.0]]"),
        ("within", "Polygon", square),
        ("intersects", "Polygon", square),
        ("disjoint", "Polygon", square),
        ("equals", "Point", "[140.05,37.1]"),
        ("contains", "Point", "[140.05,37.1]"),
        ("overlaps", "Polygon", square),
    ] {
        let geo = GeoQuery::parse(georel, geometry, coordinates, None, &context()).unwrap();
        let query = SourceQuery {
            geo: Some(geo.into()),
            ..everything()
        };
        answer_equals_evaluation(fixture, &query, &format!("{georel} {geometry}")).await;
    }
    let elsewhere = GeoQuery::parse("within", "Polygon", square, Some("nowhere"), &context()).unwrap();
    let query = SourceQuery {
        geo: Some(elsewhere.into()),
        ..everything()
    };
    answer_equals_evaluation(fixture, &query, "another geoproperty").await;
}

pub(crate) async fn attributes_beyond_the_selection_are_neither_returned_nor_asked_for(fixture: &impl Fixture) {
    let hidden = attribute(HIDDEN);
    assert!(
        fixture
            .entities()
            .iter()
            .any(|entity| entity.attribute(&hidden).is_some())
    );
    let visible = vec![attribute("name"), attribute("location"), attribute("nowhere")];
    for names in [visible, vec![attribute("nowhere")], vec![]] {
        let query = SourceQuery {
            attributes: AttributeSelection::only(names),
            ..everything()
        };
        let mut expected = fixture.entities();
        for entity in &mut expected {
            entity
                .attributes
                .retain(|attribute| query.attributes.includes(&attribute.name));
        }
        assert_eq!(sorted(all(fixture.adapter(), &query).await), sorted(expected.clone()));
        for expected in sorted(expected) {
            let query = SourceQuery {
                ids: vec![expected.id.clone()],
                ..query.clone()
            };
            let found = retrieved(fixture.adapter(), &query).await.unwrap();
            assert_eq!(sorted(vec![found]), [expected]);
        }
        let total = fixture.adapter().prepare(&query).push_down().is_exact();
        if total {
            fixture.adapter().prepare(&query).count(&call()).await.unwrap();
        }
    }
    if let Some(requests) = fixture.requests().filter(|_| fixture.asks_for_attributes()) {
        assert!(!requests.is_empty());
        for request in requests {
            assert!(!request.contains(HIDDEN) && !request.contains('*'), "{request}");
        }
    }
}

pub(crate) async fn one_of_some_attributes_must_exist(fixture: &impl Fixture) {
    for names in [
        &["waterLevel"][..],
        &["waterLevel", "opened"],
        &["nowhere"],
        &["nowhere", "location"],
    ] {
        let query = SourceQuery {
            any_attribute: names.iter().map(|short| attribute(short)).collect(),
            ..everything()
        };
        answer_equals_evaluation(fixture, &query, &format!("{names:?}")).await;
    }
}

pub(crate) async fn pages_have_no_gaps_and_no_repeats(fixture: &impl Fixture) {
    let whole: Vec<EntityId> = all(fixture.adapter(), &everything())
        .await
        .into_iter()
        .map(|entity| entity.id)
        .collect();
    let again: Vec<EntityId> = all(fixture.adapter(), &everything())
        .await
        .into_iter()
        .map(|entity| entity.id)
        .collect();
    assert_eq!(whole, again, "the order is the same at every call");
    assert_eq!(whole.len(), fixture.entities().len());
    // One preparation serves every page.
    let whole_source = fixture.adapter().prepare(&everything());
    if !whole_source.push_down().is_exact() {
        return;
    }
    for limit in [1, 2, 4, whole.len(), 1000] {
        let mut walked = Vec::new();
        for offset in (0..=whole.len()).step_by(limit) {
            let page = page_of(&*whole_source, Page { limit, offset }).await;
            assert_eq!(
                page.len(),
                limit.min(whole.len() - offset),
                "limit {limit} offset {offset}"
            );
            walked.extend(page.into_iter().map(|entity| entity.id));
        }
        assert_eq!(walked, whole, "limit {limit}");
    }
}

/// Whatever the source decides of a condition, what it leaves is one list, in which a page can begin anywhere.
pub(crate) async fn candidates_stand_in_one_list(fixture: &impl Fixture) {
    for filter in [None, Some("name"), Some("maxCapacity>5")] {
        let query = SourceQuery {
            filter: filter.map(|text| Expression::parse(text, &context()).unwrap().into()),
            ..everything()
        };
        let prepared = fixture.adapter().prepare(&query);
        let read = async |page: Page| -> Option<Vec<Option<EntityId>>> {
            let places = prepared.candidates(page, &call())?.take(page.limit);
            let places: Vec<Option<Yielded>> = places.try_collect().await.unwrap();
            Some(places.into_iter().map(|place| Some(whole(place?).id)).collect())
        };
        let everything = Page {
            limit: 1_000,
            offset: 0,
        };
        // Whoever cannot begin in the middle of its list is read from the beginning.
        let Some(list) = read(everything).await else {
            continue;
        };
        let in_a_walk: Vec<EntityId> = all(fixture.adapter(), &query)
            .await
            .into_iter()
            .map(|one| one.id)
            .collect();
        let there: Vec<EntityId> = list.iter().flatten().cloned().collect();
        assert_eq!(there, in_a_walk, "{filter:?}: the same in the same order");
        for limit in [1, 3, list.len().max(1)] {
            for offset in 0..=list.len() {
                let part = read(Page { limit, offset }).await.unwrap();
                let end = (offset + limit).min(list.len());
                assert_eq!(part, list[offset..end], "{filter:?} limit {limit} offset {offset}");
            }
        }
    }
}

pub(crate) async fn counts_are_exact(fixture: &impl Fixture) {
    for types in [
        &["EvacuationSite"][..],
        &["AED"],
        &["AED", "EvacuationSite"],
        &["Resident"],
    ] {
        let query = of_types(types);
        let prepared = fixture.adapter().prepare(&query);
        if prepared.push_down().is_exact() {
            let expected = fixture
                .entities()
                .iter()
                .filter(|entity| matches(&query, entity, |_| true))
                .count();
            let count = prepared.count(&call()).await.unwrap().entities;
            assert_eq!(count, expected as u64, "{types:?}");
        }
    }
}

/// What a query and a retrieve fail with.
async fn failures(adapter: &dyn Adapter, call: &Call) -> [AdapterError; 2] {
    let mut entities = adapter.prepare(&everything()).query(None, call);
    let error = loop {
        match entities.next().await {
            Some(Ok(_)) => {}
            Some(Err(error)) => break error,
            None => panic!("the query succeeded"),
        }
    };
    assert!(entities.next().await.is_none(), "nothing follows an error");
    let query = SourceQuery {
        ids: vec![EntityId::parse("urn:ngsi-ld:EvacuationSite:001").unwrap()],
        ..everything()
    };
    [error, adapter.prepare(&query).retrieve(call).await.unwrap_err()]
}

pub(crate) async fn faults_are_named_and_end_within_the_deadline(fixture: &impl Fixture) {
    for (fault, expected) in [
        (Fault::Status(500), ErrorKind::Status(500)),
        (Fault::Status(401), ErrorKind::Status(401)),
        (Fault::Status(503), ErrorKind::Status(503)),
        (Fault::Html, ErrorKind::InvalidPayload),
        (Fault::BrokenJson, ErrorKind::InvalidPayload),
        (Fault::EmptyBody, ErrorKind::InvalidPayload),
        (Fault::EndlessBody, ErrorKind::TooLarge),
        (Fault::SlowBody, ErrorKind::Timeout),
        (Fault::Slow(PATIENCE * 2), ErrorKind::Timeout),
        (Fault::Reset, ErrorKind::Unreachable),
    ] {
        if !fixture.set_fault(Some(fault)) {
            continue;
        }
        let start = Instant::now();
        for error in failures(fixture.adapter(), &call()).await {
            assert_eq!(error.kind, expected, "{fault:?}: {error}");
            assert_eq!(error.source_id, *fixture.adapter().source());
            assert!(!error.to_string().contains("upstream"), "{error}");
        }
        assert!(start.elapsed() < PATIENCE, "{fault:?} took {:?}", start.elapsed());
        // What fails again and again is not asked any more.
        fixture.set_fault(None);
        all(fixture.adapter(), &everything()).await;
    }
}

pub(crate) async fn the_callers_deadline_holds(fixture: &impl Fixture) {
    if !fixture.set_fault(Some(Fault::Slow(PATIENCE * 2))) {
        return;
    }
    let start = Instant::now();
    let soon = Call::until(start + Duration::from_millis(SOURCE_TIMEOUT_MILLIS / 8));
    let [error, _] = failures(fixture.adapter(), &soon).await;
    assert_eq!(error.kind, ErrorKind::Timeout);
    assert!(
        start.elapsed() < Duration::from_millis(SOURCE_TIMEOUT_MILLIS),
        "{:?}",
        start.elapsed()
    );
}

pub(crate) async fn the_source_gets_its_credential(fixture: &impl Fixture) {
    all(fixture.adapter(), &everything()).await;
    assert_ne!(fixture.saw_credential(), Some(false));
}

pub(crate) async fn a_source_that_recovers_is_asked_again(fixture: &impl Fixture) {
    if fixture.set_fault(Some(Fault::Status(500))) {
        failures(fixture.adapter(), &call()).await;
        fixture.set_fault(None);
    }
    assert_eq!(
        all(fixture.adapter(), &everything()).await.len(),
        fixture.entities().len()
    );
}
