//! The committed mapping of Sano's platform, against the stand-in of it.

use std::time::Duration;

use http::{HeaderName, HeaderValue};
use ngsi_ld::EntityId;
use ngsi_ld::entity::{AttributeValue, Geometry, Number, Value};
use ngsi_ld::query::IdPattern;
use stand_ins::{Fault, SANO_DEMO_API_KEY, Sano};

use super::*;
use kakehashi_contract::{AttributeSelection, Coverage, ErrorKind};
use kakehashi_mapping::Finding;

async fn sano() -> (Sano, RestAdapter) {
    let sano = Sano::start(0).await.unwrap();
    let credential = Credential::Header {
        name: HeaderName::from_static("x-api-key"),
        value: HeaderValue::from_static(SANO_DEMO_API_KEY),
    };
    let adapter = adapter(
        sano.url(),
        mapping(SANO_MAPPING, "mappings/sano.toml"),
        Some(credential),
    );
    (sano, adapter)
}

fn value<'e>(entity: &'e Entity, attribute: &str) -> Option<&'e AttributeValue> {
    entity
        .attribute(&attribute_name(attribute))
        .map(|attribute| &attribute.instances[0].value)
}

fn asked(sano: &Sano) -> Vec<String> {
    let requests = sano.requests();
    requests
        .iter()
        .map(|request| match request.query.as_str() {
            "" => request.path.clone(),
            query => format!("{}?{query}", request.path),
        })
        .collect()
}

#[tokio::test]
async fn every_site_arrives_once_in_a_stable_order() {
    let (sano, adapter) = sano().await;
    let first = ids(&adapter, &of_type("EvacuationSite")).await;
    assert_eq!(first.len(), 58);
    let unique: hashbrown::HashSet<_> = first.iter().collect();
    assert_eq!(unique.len(), 58);
    assert_eq!(first, ids(&adapter, &of_type("EvacuationSite")).await);
    assert_eq!(
        asked(&sano)[..2],
        ["/api/v1/sites?page=1&per_page=50", "/api/v1/sites?page=2&per_page=50"]
    );
    let odd: u64 = Finding::ALL.iter().map(|finding| adapter.findings(*finding)).sum();
    assert_eq!(odd, 0, "the mapping fits the platform");
}

#[tokio::test]
async fn a_site_is_what_its_record_says() {
    let (_sano, adapter) = sano().await;
    let entities = all(&adapter, &of_type("EvacuationSite")).await.unwrap();
    let site = entities
        .iter()
        .find(|site| site.id.as_str() == "urn:ngsi-ld:EvacuationSite:E0920400001201")
        .unwrap();
    let property = |value: Value| Some(AttributeValue::Property(value));
    assert_eq!(value(site, "name").cloned(), property("葛生あくと福祉センター".into()));
    assert_eq!(value(site, "commonId").cloned(), property("E0920400001201".into()));
    assert_eq!(value(site, "localGovernmentCode").cloned(), property("092045".into()));
    assert_eq!(
        value(site, "fullAddress").cloned(),
        property("栃木県佐野市あくと町3084".into())
    );
    assert_eq!(
        value(site, "remarks").cloned(),
        property("洪水時は使用制限のある避難所".into())
    );
    for (attribute, holds) in [
        ("typeOfDisasterFlood", false),
        ("typeOfDisasterLandslide", true),
        ("typeOfDisasterStormSurge", false),
        ("typeOfDisasterEarthquake", true),
        ("typeOfDisasterTsunami", false),
        ("typeOfDisasterFire", true),
        ("typeOfDisasterInlandFlood", false),
        ("typeOfDisasterEruption", false),
        ("alsoForShelter", true),
    ] {
        assert_eq!(value(site, attribute).cloned(), property(holds.into()), "{attribute}");
    }
    let point = Geometry::point(139.605_426, 36.407_608).unwrap();
    assert_eq!(
        value(site, "location"),
        Some(&AttributeValue::GeoProperty(Box::new(point)))
    );
    let name = site.attribute(&attribute_name("name")).unwrap();
    assert_eq!(
        name.instances[0].observed_at.as_ref().unwrap().as_str(),
        "2026-04-01T00:00:00Z"
    );
    assert_eq!(site.system.modified_at(), None, "not asked for");
}

#[tokio::test]
async fn system_attributes_come_when_they_are_wanted() {
    let (_sano, adapter) = sano().await;
    let query = SourceQuery {
        system_attributes: true,
        ..of_type("EvacuationSite")
    };
    let first = page_of(&adapter, &query, 0, 1).await.remove(0).entity().unwrap();
    assert_eq!(first.system.modified_at().unwrap().as_str(), "2026-04-01T00:00:00Z");
}

#[tokio::test]
async fn the_entity_read_by_id_is_the_one_in_the_list() {
    let (sano, adapter) = sano().await;
    for name in ["EvacuationSite", "DesignatedShelter", "AED", "WeatherObserved"] {
        let listed = all(&adapter, &of_type(name)).await.unwrap().pop().unwrap();
        sano.clear_requests();
        let query = SourceQuery {
            ids: vec![listed.id.clone()],
            ..of_type(name)
        };
        assert_eq!(
            adapter.prepare(&query).retrieve(&call()).await.unwrap(),
            Some(listed.clone().into()),
            "{name}"
        );
        if name == "EvacuationSite" {
            let id = listed.id.as_str().rsplit(':').next().unwrap();
            assert_eq!(asked(&sano), [format!("/api/v1/sites/{id}")]);
        }
    }
}

#[tokio::test]
async fn an_id_that_the_platform_does_not_have_is_nothing_and_another_systems_is_not_asked_for() {
    let (sano, adapter) = sano().await;
    for (id, requests) in [
        ("urn:ngsi-ld:EvacuationSite:E0000000000000", 1),
        ("urn:ngsi-ld:EvacuationSite:a%2F..%2Fb", 1),
        ("urn:ngsi-ld:EvacuationSite:..", 0),
        ("urn:ngsi-ld:AED:E0920400001201", 0),
        ("https://example.org/E0920400001201", 0),
    ] {
        sano.clear_requests();
        let query = SourceQuery {
            ids: vec![EntityId::parse(id).unwrap()],
            ..of_type("EvacuationSite")
        };
        assert_eq!(adapter.prepare(&query).retrieve(&call()).await.unwrap(), None, "{id}");
        assert_eq!(asked(&sano).len(), requests, "{id}");
    }
}

#[tokio::test]
async fn pages_are_those_of_the_whole_answer_and_ask_only_for_what_they_need() {
    let (sano, adapter) = sano().await;
    let whole = ids(&adapter, &of_type("EvacuationSite")).await;
    for (offset, limit) in [
        (0, 7),
        (7, 7),
        (56, 7),
        (5, 10),
        (49, 2),
        (57, 5),
        (58, 5),
        (1000, 1),
        (3, 100),
        (0, 58),
    ] {
        sano.clear_requests();
        let expected: Vec<_> = whole.iter().skip(offset).take(limit).cloned().collect();
        assert_eq!(
            ids_of_page(&adapter, &of_type("EvacuationSite"), offset, limit).await,
            expected,
            "{offset}+{limit}"
        );
        assert!(asked(&sano).len() <= 2, "{offset}+{limit}: {:?}", asked(&sano));
    }
    sano.clear_requests();
    ids_of_page(&adapter, &of_type("EvacuationSite"), 14, 7).await;
    assert_eq!(asked(&sano), ["/api/v1/sites?page=3&per_page=7"]);
    assert_eq!(ids_of_page(&adapter, &of_type("EvacuationSite"), 0, 0).await, [""; 0]);
}

#[tokio::test]
async fn pages_over_several_types_neither_repeat_nor_skip() {
    let (_sano, adapter) = sano().await;
    let types: Vec<_> = ["EvacuationSite", "DesignatedShelter", "AED"].map(type_name).into();
    let query = SourceQuery::of_types(types);
    let whole = ids(&adapter, &query).await;
    assert_eq!(
        whole.len() as u64,
        adapter.prepare(&query).count(&call()).await.unwrap().entities
    );
    let mut walked = Vec::new();
    loop {
        let part = ids_of_page(&adapter, &query, walked.len(), 9).await;
        if part.is_empty() {
            break;
        }
        walked.extend(part);
    }
    assert_eq!(walked, whole);
}

#[tokio::test]
async fn a_count_costs_one_request_where_the_platform_declares_a_total() {
    let (sano, adapter) = sano().await;
    assert_eq!(
        adapter
            .prepare(&of_type("EvacuationSite"))
            .count(&call())
            .await
            .unwrap()
            .entities,
        58
    );
    assert_eq!(asked(&sano).len(), 1);
    assert_eq!(
        adapter
            .prepare(&of_type("DesignatedShelter"))
            .count(&call())
            .await
            .unwrap()
            .entities,
        58
    );
    let aed = adapter.prepare(&of_type("AED")).count(&call()).await.unwrap().entities;
    assert_eq!(aed, 12);
}

#[tokio::test]
async fn conditions_on_ids_and_names_are_decided_here() {
    let (_sano, adapter) = sano().await;
    let some = IdPattern::parse("E09204000[0-2]").unwrap();
    let query = SourceQuery {
        id_pattern: Some(some),
        any_attribute: vec![attribute_name("remarks")],
        ..of_type("EvacuationSite")
    };
    assert!(adapter.prepare(&query).push_down().is_exact());
    let entities = all(&adapter, &query).await.unwrap();
    assert!(!entities.is_empty() && entities.len() < 58);
    assert!(entities.iter().all(|site| value(site, "remarks").is_some()));
    assert_eq!(
        adapter.prepare(&query).count(&call()).await.unwrap().entities,
        entities.len() as u64
    );
    let second = page_of(&adapter, &query, 1, 1).await.remove(0);
    assert_eq!(second.entity().as_ref(), Some(&entities[1]));
}

#[tokio::test]
async fn of_candidates_no_page_is_cut_whatever_condition_is_left() {
    let (_sano, adapter) = sano().await;
    let context = ngsi_ld::context::Context::core();
    let sites = || of_type("EvacuationSite");
    let filter = ngsi_ld::query::Expression::parse("name", context).unwrap();
    let geo = ngsi_ld::query::GeoQuery::parse("near;maxDistance==9", "Point", "[139,36]", None, context).unwrap();
    let scope = ngsi_ld::query::ScopeQuery::parse("/a").unwrap();
    for query in [
        SourceQuery {
            filter: Some(filter.into()),
            ..sites()
        },
        SourceQuery {
            geo: Some(geo.into()),
            ..sites()
        },
        SourceQuery {
            scope: Some(scope.into()),
            ..sites()
        },
    ] {
        assert!(!adapter.prepare(&query).push_down().is_exact());
        assert_eq!(ids_of_page(&adapter, &query, 1, 1).await.len(), 58, "{query:?}");
    }
}

#[tokio::test]
async fn conditions_on_values_are_left_to_the_gateway() {
    let (_sano, adapter) = sano().await;
    let filter = ngsi_ld::query::Expression::Condition(ngsi_ld::query::Condition {
        path: ngsi_ld::query::AttributePath {
            attribute: attribute_name("name"),
            sub_attributes: Vec::new(),
            members: Vec::new(),
            linked: None,
        },
        comparison: None,
    });
    let query = SourceQuery {
        filter: Some(filter.into()),
        ..of_type("AED")
    };
    let push_down = adapter.prepare(&query).push_down();
    assert_eq!((push_down.filter, push_down.geo), (Coverage::None, Coverage::Exact));
    assert_eq!(ids(&adapter, &query).await.len(), 12);
}

#[tokio::test]
async fn attributes_that_were_not_asked_for_do_not_come() {
    let (_sano, adapter) = sano().await;
    let query = SourceQuery {
        attributes: AttributeSelection::only(vec![attribute_name("name")]),
        ..of_type("AED")
    };
    for entity in all(&adapter, &query).await.unwrap() {
        let names: Vec<_> = entity.attributes.iter().map(|attribute| &attribute.name).collect();
        assert_eq!(names, [&attribute_name("name")]);
    }
}

#[tokio::test]
async fn rain_is_an_observation_with_its_unit_and_time() {
    let (_sano, adapter) = sano().await;
    let stations = all(&adapter, &of_type("WeatherObserved")).await.unwrap();
    let akiyama = stations
        .iter()
        .find(|one| one.id.as_str() == "urn:ngsi-ld:WeatherObserved:092045-R04")
        .unwrap();
    let rain = akiyama.attribute(&attribute_name("precipitation")).unwrap();
    let instance = &rain.instances[0];
    assert_eq!(
        instance.value,
        AttributeValue::Property(Value::Number(Number::Float(12.5)))
    );
    assert_eq!(instance.unit_code.as_deref(), Some("MMT"));
    assert_eq!(instance.observed_at.as_ref().unwrap().as_str(), "2026-11-20T00:00:00Z");
}

#[tokio::test]
async fn types_without_a_mapping_are_not_asked_for() {
    let (sano, adapter) = sano().await;
    assert_eq!(ids(&adapter, &of_type("Resident")).await, [""; 0]);
    assert_eq!(
        adapter
            .prepare(&of_type("Resident"))
            .count(&call())
            .await
            .unwrap()
            .entities,
        0
    );
    assert_eq!(asked(&sano), [""; 0]);
}

#[tokio::test]
async fn a_platform_in_trouble_is_an_error_of_its_kind() {
    for (fault, kind) in [
        (Fault::Status(500), ErrorKind::Status(500)),
        (Fault::Html, ErrorKind::InvalidPayload),
        (Fault::BrokenJson, ErrorKind::InvalidPayload),
        (Fault::EmptyBody, ErrorKind::InvalidPayload),
        (Fault::EndlessBody, ErrorKind::TooLarge),
        (Fault::Reset, ErrorKind::Unreachable),
    ] {
        let (sano, adapter) = sano().await;
        sano.set_fault(fault);
        let error = all(&adapter, &of_type("EvacuationSite")).await.unwrap_err();
        assert_eq!(error.kind, kind);
        assert_eq!(
            adapter.prepare(&of_type("AED")).count(&call()).await.unwrap_err().kind,
            kind
        );
    }
    let (sano, adapter) = sano().await;
    sano.set_fault(Fault::SlowBody);
    let soon = Call::until(Instant::now() + Duration::from_millis(100));
    let mut slow = adapter.prepare(&of_type("AED")).query(None, &soon);
    assert_eq!(slow.try_next().await.unwrap_err().kind, ErrorKind::Timeout);
}

#[tokio::test]
async fn a_wrong_key_is_the_platforms_401() {
    let sano = Sano::start(0).await.unwrap();
    let adapter = adapter(sano.url(), mapping(SANO_MAPPING, "mappings/sano.toml"), None);
    let error = all(&adapter, &of_type("AED")).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Status(401));
}
