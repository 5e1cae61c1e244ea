//! Platforms unlike Sano's: offsets, links, pages without a total, and platforms that do not keep their word.

use ngsi_ld::EntityId;
use ngsi_ld::entity::{AttributeValue, Value};
use serde_json::json;
use stand_ins::server::Server;

use super::platform::{Town, facility};
use super::*;
use kakehashi_contract::ErrorKind;
use kakehashi_mapping::Finding;

async fn start(town: Town) -> (Server, RestAdapter) {
    let server = town.start().await;
    let adapter = adapter(
        &format!("{}/api", server.url()),
        mapping(TOWN_MAPPING, "town.toml"),
        None,
    );
    (server, adapter)
}

#[tokio::test]
async fn every_style_of_paging_gives_every_record_once() {
    let (_server, adapter) = start(Town::default()).await;
    for name in ["PublicFacility", "RiverLevelObserved", "TouristFacility"] {
        let found = ids(&adapter, &of_type(name)).await;
        let unique: hashbrown::HashSet<_> = found.iter().collect();
        assert_eq!((found.len(), unique.len()), (25, 25), "{name}");
        assert_eq!(
            adapter.prepare(&of_type(name)).count(&call()).await.unwrap().entities,
            25,
            "{name}"
        );
        let mut walked = Vec::new();
        for offset in (0..30).step_by(7) {
            walked.extend(ids_of_page(&adapter, &of_type(name), offset, 7).await);
        }
        assert_eq!(walked, found, "{name}");
    }
}

#[tokio::test]
async fn fields_of_every_form_are_read() {
    let (_server, adapter) = start(Town::default()).await;
    let query = SourceQuery {
        system_attributes: true,
        ids: vec![EntityId::parse("urn:ngsi-ld:PublicFacility:099999:%E5%85%AC%E6%B0%91%E9%A4%A8:7").unwrap()],
        ..of_type("PublicFacility")
    };
    let hall = adapter.prepare(&query).retrieve(&call()).await.unwrap();
    let hall = hall.and_then(Yielded::entity).unwrap();
    let value = |name: &str| match &hall.attribute(&attribute_name(name)).unwrap().instances[0].value {
        AttributeValue::Property(value) => value.clone(),
        other => panic!("no Property: {other:?}"),
    };
    assert_eq!(value("name"), "第7公民館".into());
    assert_eq!(value("totalFloorArea_MTK"), Value::Number(1200.5.into()));
    assert_eq!(value("wheelchairAccessible"), true.into());
    assert!(matches!(value("serviceDay"), Value::Json(json) if json.as_str() == r#"["月","火","水"]"#));
    assert_eq!(hall.system.modified_at().unwrap().as_str(), "2026-04-01T00:00:00Z");
    assert_eq!(hall.attributes.len(), 7);
}

#[tokio::test]
async fn a_platform_that_cuts_pages_down_loses_nothing() {
    let town = Town {
        largest: 4,
        ..Town::default()
    };
    let (_server, adapter) = start(town).await;
    for name in ["PublicFacility", "RiverLevelObserved", "TouristFacility"] {
        assert_eq!(ids_of_page(&adapter, &of_type(name), 5, 10).await.len(), 10, "{name}");
        assert_eq!(ids(&adapter, &of_type(name)).await.len(), 25, "{name}");
    }
}

#[tokio::test]
async fn records_without_an_id_and_second_records_of_one_id_are_left_out_and_counted() {
    let mut facilities: Vec<_> = (0..12).map(facility).collect();
    facilities.insert(3, json!({"label": {"ja": "名無し"}}));
    facilities.insert(11, facility(2));
    let town = Town {
        facilities,
        ..Town::default()
    };
    let (_server, adapter) = start(town).await;
    let query = of_type("PublicFacility");
    let whole = yielded(&adapter, &query).await;
    let left_out = whole.iter().filter(|one| **one == Yielded::LeftOut(Flaw::NoId)).count();
    assert_eq!((whole.len(), left_out), (13, 1));
    assert_eq!(adapter.findings(Finding::LeavesOut(Flaw::NoId)), 1);
    assert_eq!(adapter.findings(Finding::DuplicateId), 1);
    let counted = adapter.prepare(&query).count(&call()).await.unwrap();
    assert_eq!((counted.entities, counted.left_out.total()), (12, 1));
    for offset in 0..13 {
        assert_eq!(
            page_of(&adapter, &of_type("PublicFacility"), offset, 1).await,
            whole[offset..=offset],
            "{offset}"
        );
    }
}

#[tokio::test]
async fn what_is_left_out_keeps_its_place_in_the_pages_that_the_platform_cuts() {
    let mut facilities: Vec<_> = (0..25).map(facility).collect();
    facilities[7] = json!({"label": {"ja": "名無し"}});
    let town = Town {
        facilities,
        ..Town::default()
    };
    let (server, adapter) = start(town).await;
    let mut walked = Vec::new();
    for offset in (0..25).step_by(5) {
        walked.extend(page_of(&adapter, &of_type("PublicFacility"), offset, 5).await);
    }
    assert_eq!(server.requests().len(), 5, "each page is one of the platform's");
    assert_eq!(walked, yielded(&adapter, &of_type("PublicFacility")).await);
    assert_eq!(walked[7], Yielded::LeftOut(Flaw::NoId));
    let counted = adapter
        .prepare(&of_type("PublicFacility"))
        .count(&call())
        .await
        .unwrap();
    assert_eq!(
        (counted.entities, counted.left_out.total()),
        (24, 1),
        "the declared 25 are not the view's"
    );
}

#[tokio::test]
async fn a_page_that_is_lost_between_others_is_never_passed_over() {
    let town = Town {
        lost: Some(10),
        ..Town::default()
    };
    let (_server, adapter) = start(town).await;
    let error = all(&adapter, &of_type("PublicFacility")).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::InvalidPayload);
    // One that is lost at the end may have gone since the first was read.
    let town = Town {
        lost: Some(20),
        ..Town::default()
    };
    let (_server, adapter) = start(town).await;
    assert_eq!(ids(&adapter, &of_type("PublicFacility")).await.len(), 20);
}

#[tokio::test]
async fn a_total_that_cannot_be_true_ends_no_walk_and_begins_none_without_an_end() {
    for declared in [0, 1, 9, 10, 25, 1_000, u64::MAX - 1, u64::MAX] {
        let town = Town {
            declared: Some(declared),
            ..Town::default()
        };
        let (server, adapter) = start(town).await;
        let found = ids(&adapter, &of_type("PublicFacility")).await.len();
        // That it has ten, and a page of ten, nothing contradicts.
        assert_eq!(found, if declared == 10 { 10 } else { 25 }, "{declared}");
        assert!(server.requests().len() < 10, "{declared}: {}", server.requests().len());
    }
}

#[tokio::test]
async fn a_declared_total_that_the_pages_do_not_bear_out_is_not_believed() {
    let town = Town {
        facilities: (0..7).map(facility).collect(),
        declared: Some(9),
        ..Town::default()
    };
    let (_server, adapter) = start(town).await;
    assert_eq!(
        adapter
            .prepare(&of_type("PublicFacility"))
            .count(&call())
            .await
            .unwrap()
            .entities,
        7
    );
    assert_eq!(ids_of_page(&adapter, &of_type("PublicFacility"), 5, 5).await.len(), 2);
}

#[tokio::test]
async fn links_of_any_form_are_followed_on_the_platform_itself() {
    for links in [
        "https://elsewhere.example/api/levels",
        "/api/levels",
        "/levels",
        "",
        "levels",
    ] {
        let town = Town {
            links,
            ..Town::default()
        };
        let (_server, adapter) = start(town).await;
        assert_eq!(ids(&adapter, &of_type("RiverLevelObserved")).await.len(), 25, "{links}");
    }
}

#[tokio::test]
async fn a_link_that_leads_nowhere_is_an_error_and_not_the_end() {
    for links in ["/other", "../levels", "http://["] {
        let town = Town {
            links,
            ..Town::default()
        };
        let (_server, adapter) = start(town).await;
        let error = all(&adapter, &of_type("RiverLevelObserved")).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::InvalidPayload, "{links}");
    }
}

#[tokio::test]
async fn an_error_that_comes_with_status_200_is_no_empty_answer() {
    for body in [r#"{"error":{"code":"busy"}}"#, "{}", r#"{"message":"後で"}"#] {
        let server = Server::start(0, Explains(body)).await.unwrap();
        let adapter = adapter(server.url(), mapping(TOWN_MAPPING, "town.toml"), None);
        for name in ["PublicFacility", "RiverLevelObserved", "TouristFacility"] {
            let error = all(&adapter, &of_type(name)).await.unwrap_err();
            assert_eq!(error.kind, ErrorKind::InvalidPayload, "{name}: {body}");
            assert!(!error.to_string().contains("busy"), "no text of the platform");
        }
    }
}

struct Explains(&'static str);

impl stand_ins::server::Service for Explains {
    fn answer(&self, _: &stand_ins::LoggedRequest) -> http::Response<bytes::Bytes> {
        stand_ins::server::response(http::StatusCode::OK, "application/json", self.0)
    }
}

#[tokio::test]
async fn pages_that_repeat_are_an_error_and_not_an_endless_walk() {
    let town = Town {
        ignores_pages: true,
        ..Town::default()
    };
    let (_server, adapter) = start(town).await;
    let error = all(&adapter, &of_type("TouristFacility")).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::InvalidPayload);
}

#[tokio::test]
async fn large_answers_are_read_whole() {
    let long = "あ".repeat(20_000);
    let town = Town {
        spots: (0..9)
            .map(|id| json!({"uri": format!("urn:spot:{id}"), "name": long}))
            .collect(),
        ..Town::default()
    };
    let (_server, adapter) = start(town).await;
    assert_eq!(ids(&adapter, &of_type("TouristFacility")).await.len(), 9);
}

#[tokio::test]
async fn a_stream_that_nobody_reads_on_asks_for_no_more_pages() {
    let town = Town {
        levels: (0..1000).map(|id| json!({"id": id})).collect(),
        ..Town::default()
    };
    let (server, adapter) = start(town).await;
    let mut stream = adapter.prepare(&of_type("RiverLevelObserved")).query(None, &call());
    assert!(stream.try_next().await.unwrap().is_some());
    drop(stream);
    assert!(server.requests().len() < 10, "{}", server.requests().len());
}
