//! `GET /entities?type=EvacuationSite&count=true`: every site once, copies merged, the count exact.

use std::collections::HashMap;

use serde_json::Value;
use stand_ins::prefecture::TOCHIGI_ENTITIES;

use super::harness::{
    ORION, Platform, change_source, nasushiobara_sites, planted, sano_sites, section, site_ids, yaita_sites,
};

/// 58 of Sano, 19 of Nasushiobara and 25 of Yaita; the five planted copies are Sano's and add nothing.
const SITES: usize = 58 + 19 + 25;

#[tokio::test]
//= 5.7.2.4-14
async fn every_site_of_the_prefecture_is_listed_once() {
    assert_eq!(
        (sano_sites().len(), nasushiobara_sites().len(), yaita_sites().len()),
        (58, 19, 25)
    );
    let platform = Platform::start().await;
    let answer = platform
        .entities("type=EvacuationSite&count=true&limit=1000")
        .await
        .ok();
    let mut ids = answer.ids();
    ids.sort();
    assert_eq!(ids, site_ids());
    assert_eq!(ids.len(), SITES);
    assert_eq!(answer.count(), SITES);
    assert_eq!(answer.warnings(), [""; 0]);
}

#[tokio::test]
//= 4.13-1, 6.3.13-1
async fn the_count_is_exact_whatever_the_page() {
    let platform = Platform::start().await;
    for page in ["", "&limit=1", "&limit=7&offset=98", "&limit=1000", "&offset=5000"] {
        let answer = platform
            .entities(format!("type=EvacuationSite&count=true{page}"))
            .await
            .ok();
        assert_eq!(answer.count(), SITES, "{page}");
    }
    let counted = platform.entities("type=EvacuationSite&count=true&limit=0").await.ok();
    assert_eq!((counted.count(), counted.entities().len()), (SITES, 0));
    let as_clients_write_it = platform
        .entities("type=EvacuationSite&options=keyValues,count&limit=1")
        .await
        .ok();
    assert_eq!(as_clients_write_it.count(), SITES);
    let not_asked_for = platform.entities("type=EvacuationSite").await.ok();
    assert_eq!(not_asked_for.header("ngsild-results-count"), None);
}

#[tokio::test]
async fn every_site_is_what_its_publisher_says() {
    let platform = Platform::start().await;
    let answer = platform.entities("type=EvacuationSite&limit=1000").await.ok();
    let by_id: HashMap<String, Value> = answer
        .entities()
        .into_iter()
        .map(|entity| (entity["id"].as_str().unwrap().to_owned(), entity))
        .collect();
    for place in [sano_sites(), nasushiobara_sites(), yaita_sites()].concat() {
        let entity = &by_id[&place.id];
        assert_eq!(entity["type"], "EvacuationSite", "{place:?}");
        assert_eq!(entity["name"]["type"], "Property", "{place:?}");
        assert_eq!(entity["name"]["value"], place.name.as_str());
        assert_eq!(entity["fullAddress"]["value"], place.address.as_str());
        assert_eq!(entity["location"]["type"], "GeoProperty", "{place:?}");
        let coordinates = &entity["location"]["value"]["coordinates"];
        for (axis, expected) in [place.longitude, place.latitude].into_iter().enumerate() {
            let difference = coordinates[axis].as_f64().unwrap() - expected;
            assert!(difference.abs() < 1e-7, "{coordinates} for {place:?}");
        }
    }
}

#[tokio::test]
//= 5.7.1.4-7
async fn sano_is_authoritative_for_its_sites_and_the_prefecture_adds_what_only_it_knows() {
    let platform = Platform::start().await;
    for (place, number) in planted().into_iter().zip(1..) {
        let entity = platform.entity(&place.id).await.ok().json();
        assert_eq!(
            entity["name"]["value"],
            place.name.as_str(),
            "Sano's name, not the prefecture's copy"
        );
        assert_eq!(
            entity["prefecturalNote"]["value"],
            format!("県の点検 第{number}号 実施済み")
        );
        assert_eq!(entity["commonId"]["value"].as_str(), place.id.rsplit(':').next());
        assert_eq!(entity["type"], "EvacuationSite");
    }
    let noted = platform
        .query(&[("type", "EvacuationSite"), ("q", "prefecturalNote"), ("count", "true")])
        .await
        .ok();
    assert_eq!(noted.count(), 5);
    let mut ids = noted.ids();
    ids.sort();
    assert_eq!(ids, planted().into_iter().map(|place| place.id).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_newer_date_does_not_override_the_authoritative_source() {
    // The prefecture's copies, as if they had been observed long after Sano's.
    let newer = TOCHIGI_ENTITIES.replace("2025-10-01T00:00:00Z", "2026-10-01T00:00:00Z");
    assert_ne!(newer, TOCHIGI_ENTITIES);
    let platform = Platform::builder().await.store("tochigi", newer).start().await;
    for place in planted() {
        let entity = platform.entity(&place.id).await.ok().json();
        assert_eq!(entity["name"]["value"], place.name.as_str(), "{entity}");
        assert_eq!(
            entity["prefecturalNote"]["observedAt"], "2026-10-01T00:00:00Z",
            "{entity}"
        );
        let listed = platform
            .entities(format!("type=EvacuationSite&id={}", place.id))
            .await
            .ok();
        assert_eq!(listed.entities(), [entity]);
    }
}

#[tokio::test]
async fn where_nobody_is_authoritative_the_newest_observation_wins() {
    let id = "urn:ngsi-ld:WeatherObserved:092134-01";
    for (observed, stands_in_store) in [("2026-11-20T01:00:00Z", true), ("2026-11-19T23:00:00Z", false)] {
        let copy = format!(
            r#"[{{"id":"{id}","type":"WeatherObserved","temperature":{{"type":"Property","value":-3,"observedAt":"{observed}"}}}}]"#
        );
        // The city has not claimed it.
        let builder = Platform::builder().await.store("tochigi", copy).tenants(|table| {
            change_source(table, ORION, |source| {
                for entry in source["provides"].as_array_mut().unwrap() {
                    entry.as_table_mut().unwrap().remove("authoritative");
                }
            });
        });
        let platform = builder.start().await;
        let entity = platform.entity(id).await.ok().json();
        let expected = if stands_in_store { -3.0 } else { 8.4 };
        assert_eq!(
            entity["temperature"]["value"].as_f64(),
            Some(expected),
            "{observed}: {entity}"
        );
        assert_eq!(
            entity["relativeHumidity"]["value"], 0.62,
            "what only one knows is kept: {entity}"
        );
    }
}

#[tokio::test]
//= 5.7.2.4-21
async fn conditions_hold_for_the_merged_entity_not_for_a_part_of_it() {
    let platform = Platform::start().await;
    // The prefecture's copies are named so; the merged sites are not.
    let overruled = platform
        .query(&[
            ("type", "EvacuationSite"),
            ("q", "name~=\".*県登録名.*\""),
            ("count", "true"),
        ])
        .await
        .ok();
    assert_eq!((overruled.count(), overruled.ids().len()), (0, 0));
    // One condition is met by Sano's part, the other by the prefecture's.
    let place = &planted()[2];
    let both = format!("prefecturalNote;name==\"{}\"", place.name);
    let split = [
        ("type", "EvacuationSite"),
        ("q", both.as_str()),
        ("splitEntities", "true"),
        ("count", "true"),
    ];
    let answer = platform.query(&split).await.ok();
    assert_eq!((answer.count(), answer.ids()), (1, vec![place.id.clone()]));
    // A part that a condition did not find is still shown with the rest.
    let noted = platform
        .query(&[
            ("type", "EvacuationSite"),
            ("q", "prefecturalNote==\"県の点検 第3号 実施済み\""),
        ])
        .await
        .ok();
    assert_eq!(noted.entities()[0]["name"]["value"], place.name.as_str());
    assert_eq!(noted.entities().len(), 1);
}

#[tokio::test]
async fn whether_parts_may_meet_conditions_together_is_configured_where_a_request_does_not_say_it() {
    let place = &planted()[2];
    // Sano's part has the name, the prefecture's the note.
    let both = format!("prefecturalNote;name==\"{}\"", place.name);
    let asked = [("type", "EvacuationSite"), ("q", both.as_str()), ("local", "false")];
    let ids = async |split_entities: bool, said: Option<&str>| {
        let builder = Platform::builder().await.tenants(|table| {
            section(table, "gateway").insert("split_entities".into(), split_entities.into());
        });
        let platform = builder.start().await;
        let mut asked = asked.to_vec();
        asked.extend(said.map(|said| ("splitEntities", said)));
        let answer = platform.query(&asked).await.ok();
        // No condition on attributes is left to a source that looks at its own part alone.
        let told = platform
            .asked_of_orion()
            .iter()
            .any(|request| request.parameter("q").is_some());
        (answer.ids(), told)
    };
    for (split_entities, said, is_split) in [
        (true, None, true),
        (true, Some("false"), false),
        (false, None, false),
        (false, Some("true"), true),
    ] {
        let (ids, told) = ids(split_entities, said).await;
        assert_eq!(told, !is_split, "{split_entities} {said:?}");
        if is_split {
            assert_eq!(ids, [place.id.as_str()], "{split_entities} {said:?}");
        }
    }
}
