//! The same entity read by its id equals the one in the list.

use std::collections::HashMap;

use serde_json::Value;

use super::harness::{Platform, encoded};

async fn list(platform: &Platform, query: &str) -> HashMap<String, Value> {
    let answer = platform.entities(query).await.ok();
    assert_eq!(answer.warnings(), [""; 0]);
    answer
        .entities()
        .into_iter()
        .map(|entity| (entity["id"].as_str().unwrap().to_owned(), entity))
        .collect()
}

#[tokio::test]
//= 5.7.1.4-5, 6.5.3.1-1
async fn every_entity_of_every_type_equals_the_one_in_the_list() {
    let platform = Platform::builder().await.log("info").start().await;
    for (r#type, expected) in [
        ("EvacuationSite", 102),
        ("DesignatedShelter", 58 + 68 + 25),
        ("AED", 12),
        ("WeatherObserved", 3 + 6),
    ] {
        let listed = list(&platform, &format!("type={type}&limit=1000")).await;
        assert_eq!(listed.len(), expected, "{type}");
        for (id, entity) in listed {
            let alone = platform.entity(&id).await.ok();
            assert_eq!(alone.json(), entity);
            assert_eq!(alone.warnings(), [""; 0], "{id}");
        }
    }
}

#[tokio::test]
async fn in_every_representation() {
    let platform = Platform::start().await;
    for options in [
        "options=keyValues",
        "options=concise",
        "options=sysAttrs",
        "format=simplified",
        "attrs=name,location",
        "pick=id,name",
        "pick=id,type,name&lang=ja",
        "omit=scope,location&datasetId=@none",
    ] {
        let listed = list(&platform, &format!("type=EvacuationSite&limit=1000&{options}")).await;
        for (id, entity) in listed.into_iter().step_by(9) {
            let alone = platform.get(format!("/ngsi-ld/v1/entities/{id}?{options}")).await.ok();
            assert_eq!(alone.json(), entity, "{options}");
        }
    }
}

#[tokio::test]
//= 5.5.1-1
async fn however_the_id_is_written_in_the_path() {
    let platform = Platform::start().await;
    for (id, entity) in list(&platform, "type=EvacuationSite&limit=1000")
        .await
        .into_iter()
        .step_by(20)
    {
        assert_eq!(platform.entity(&encoded(&id)).await.ok().json(), entity);
        assert_eq!(platform.entity(&format!("{id}/")).await.ok().json(), entity);
        assert_eq!(
            platform
                .get(format!("/ngsi-ld/v1/entities/{id}?type=EvacuationSite"))
                .await
                .ok()
                .json(),
            entity
        );
        let by_parameter = platform.entities(format!("type=EvacuationSite&id={id}")).await.ok();
        assert_eq!(by_parameter.entities(), [entity]);
    }
}

#[tokio::test]
//= 5.7.1.4-4
async fn with_another_type_it_is_not_there() {
    let platform = Platform::start().await;
    let id = "urn:ngsi-ld:EvacuationSite:E0920400001201";
    assert_eq!(
        platform.get(format!("/ngsi-ld/v1/entities/{id}?type=AED")).await.status,
        404
    );
    let missing = platform.entity("urn:ngsi-ld:EvacuationSite:E9999999999999").await;
    assert_eq!(
        (missing.status, missing.error_type().as_str()),
        (404, "ResourceNotFound")
    );
}
