//! What an entity map is made of, and what else than a walk goes by one: a retrieval (clause 5.7.1.4) and a purge (6.4.3.3).

use http::Method;
use serde_json::json;

use super::entity_maps::{MAPS, WALKED, aed, map_of, members, numbers, put, with_aeds};

//= 5.5.14-2
#[tokio::test]
async fn a_map_lives_as_long_as_is_asked_for() {
    let platform = with_aeds(1).await;
    let mut ends = Vec::new();
    for lifetime in [
        "&entityMapLifetime=PT1M",
        "",
        "&entityMapLifetime=PT30M",
        "&entityMapLifetime=PT50M",
    ] {
        let made = platform.get(format!("{MAPS}?{WALKED}{lifetime}")).await;
        ends.push(made.json()["expiresAt"].as_str().unwrap().to_owned());
    }
    assert!(ends.is_sorted_by(|one, other| one < other), "{ends:?}");
}

//= 5.14.4.3-3, 5.14.4.4-5, 5.14.4.4-6, 5.14.4.4-7
#[tokio::test]
async fn the_conditions_of_a_map_are_read_and_met_as_those_of_a_query() {
    let platform = with_aeds(2).await;
    let mut listed = aed(60, "");
    listed["name"] = json!({"type": "VocabProperty", "vocab": "listed"});
    put(&platform, &listed).await;
    let mut scoped = aed(61, "walked");
    scoped["scope"] = json!("/Yaita/East");
    put(&platform, &scoped).await;
    for (conditions, found) in [
        ("q=name==%22listed%22&expandValues=name", vec!["urn:ngsi-ld:AED:map-60"]),
        ("q=name==%22listed%22", vec![]),
        ("scopeQ=/Yaita/East", vec!["urn:ngsi-ld:AED:map-61"]),
        ("scopeQ=/Yaita/West", vec![]),
    ] {
        let made = platform.get(format!("{MAPS}?type=AED&{conditions}")).await;
        assert_eq!(
            (made.status, members(&made)),
            (201, found.into_iter().map(str::to_owned).collect()),
            "{conditions}"
        );
    }
    for wrong in [
        "id=no%20uri",
        "q=name==",
        "georel=near&geometry=Point&coordinates=%5B1,2%5D",
        "csf=)",
        "pick=name%7Bname%7D",
        "join=inline&joinLevel=1&pick=name%7Bname%7Bname%7D%7D",
        "geometryProperty=location",
    ] {
        let refused = platform.get(format!("{MAPS}?type=AED&{wrong}")).await;
        assert_eq!(
            (refused.status, refused.error_type().as_str()),
            (400, "BadRequestData"),
            "{wrong}: {refused}"
        );
    }
}

//= 5.5.14-4, 5.5.14-5, 5.7.1.4-13, 6.5.3.1-3
#[tokio::test]
async fn by_a_map_no_entity_is_retrieved_that_is_not_in_it() {
    let platform = with_aeds(3).await;
    let map = map_of(&platform.get(format!("{MAPS}?{WALKED}")).await);
    put(&platform, &aed(50, "walked")).await;
    let get = |number: usize, query: &str| {
        let path = format!("/ngsi-ld/v1/entities/urn:ngsi-ld:AED:map-{number:02}?{query}");
        platform.get(path)
    };
    let by_map = |number: usize, query: &str| get(number, query).header("ngsild-entitymap", &map);
    // The conditions for which a retrieval has no words are those of the map.
    let in_it = by_map(1, "type=AED").await.ok();
    assert_eq!(
        (map_of(&in_it), &in_it.json()["id"]),
        (map.clone(), &json!("urn:ngsi-ld:AED:map-01"))
    );
    // What came since is in no map, and what left it is not asked for any more.
    assert_eq!(get(50, "type=AED").await.status, 200);
    let came_since = by_map(50, "type=AED").await;
    assert_eq!(
        (came_since.status, came_since.warnings().len()),
        (404, 0),
        "{came_since}"
    );
    let page = platform
        .entities(format!("{WALKED}&limit=3"))
        .header("ngsild-entitymap", &map);
    put(&platform, &aed(2, "another")).await;
    assert_eq!(numbers(&page.await.ok()), [0, 1]);
    assert_eq!(by_map(2, "type=AED").await.status, 404);
    assert_eq!(get(2, "type=AED").await.status, 200);
    for another in [
        "",
        "type=Shelter",
        "type=AED&attrs=name",
        "type=AED&local=true",
        "type=AED&datasetId=@none",
    ] {
        let refused = by_map(1, another).await;
        assert_eq!(refused.status, 400, "{another}: {refused}");
        assert!(
            refused.json()["detail"]
                .as_str()
                .unwrap()
                .contains("made for another question"),
            "{refused}"
        );
    }
}

//= 6.4.3.3-3
#[tokio::test]
async fn a_purge_by_a_map_takes_what_is_in_it_and_still_meets_its_conditions() {
    let platform = with_aeds(3).await;
    let map = map_of(&platform.get(format!("{MAPS}?{WALKED}")).by("yaita-writer").await);
    put(&platform, &aed(50, "walked")).await;
    put(&platform, &aed(2, "another")).await;
    let purge = |query: &str, map: &str| {
        let path = format!("/ngsi-ld/v1/entities?{query}");
        let purge = platform.request(Method::DELETE, path).by("yaita-writer");
        purge.header("ngsild-entitymap", map)
    };
    let others = map_of(&platform.get(format!("{MAPS}?{WALKED}")).await);
    for (query, map, status) in [
        ("type=AED", map.as_str(), 400),
        (WALKED, others.as_str(), 404),
        (WALKED, "urn:ngsi-ld:EntityMap:none", 404),
        (WALKED, " ", 400),
    ] {
        let refused = purge(query, map).await;
        assert_eq!(refused.status, status, "{query} by {map}: {refused}");
    }
    let left = || platform.entities("type=AED&idPattern=AED:map-&limit=1000");
    assert_eq!(numbers(&left().await.ok()), [0, 1, 2, 50]);
    let purged = purge(WALKED, &map).await;
    assert_eq!((purged.status, map_of(&purged)), (204, map), "{purged}");
    assert_eq!(numbers(&left().await.ok()), [2, 50], "what came since is in no map");
}

//= 5.7.1.4-6, 6.5.3.1-8, 6.32.3.1-1
#[tokio::test]
async fn one_entity_that_is_retrieved_has_a_map_of_its_own() {
    let platform = with_aeds(2).await;
    let id = "urn:ngsi-ld:AED:map-01";
    let get = |more: &str| platform.get(format!("/ngsi-ld/v1/entities/{id}?{more}"));
    let first = get("entityMap=true").await.ok();
    let map = map_of(&first);
    assert_eq!(members(&platform.get(map.clone()).await.ok()), [id]);
    assert_eq!(map_of(&get("").header("ngsild-entitymap", &map).await.ok()), map);
    let unknown = get("")
        .header("ngsild-entitymap", "urn:ngsi-ld:EntityMap:none")
        .await
        .ok();
    assert_ne!(map_of(&unknown), map);
    assert!(get("").await.ok().header("ngsild-entitymap").is_none());
    assert_eq!(get("entityMapLifetime=PT1M").await.status, 400);
}
