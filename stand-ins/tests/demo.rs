//! The demo's servers hold what they say they hold.

// clippy.toml exempts tests, but not what they call.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod client;

use std::collections::HashSet;

use client::{TestClient, ask, client, json};
use http::Request;
use http_body_util::{BodyExt, Full};
use serde_json::Value;
use stand_ins::nasushiobara::{SERVICE, SESSION_COOKIE, canaries, personal_entity_ids};
use stand_ins::{Demo, Orion, Ports, SANO_DEMO_API_KEY};

const KEY: [(&str, &str); 1] = [("x-api-key", SANO_DEMO_API_KEY)];

async fn demo() -> (Demo, TestClient) {
    (Demo::start(Ports::FREE).await.unwrap(), client())
}

async fn total(client: &TestClient, orion: &Orion, query: &str) -> usize {
    let url = format!("{}/v2/entities?options=count&limit=1&{query}", orion.url());
    let answer = ask(client, &url, &[("fiware-service", SERVICE)]).await.unwrap();
    assert_eq!(answer.status(), 200, "{query}");
    answer.headers()["fiware-total-count"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap()
}

#[tokio::test]
async fn nasushiobara_holds_its_real_places_of_refuge() {
    let (demo, client) = demo().await;
    let orion = demo.orion();
    for (query, count) in [
        ("type=EvacuationSite", 19),
        ("type=DesignatedShelter", 68),
        ("type=EvacuationSite,DesignatedShelter", 87),
        ("type=WeatherObserved", 3),
        ("type=Resident", 8),
        ("type=MaternalHandbook", 4),
        ("type=EvacuationSite&q=typeOfDisasterFlood==true", 18),
        (
            "type=EvacuationSite&q=name~=%E5%85%AC%E6%B0%91%E9%A4%A8;typeOfDisasterEruption==true",
            1,
        ),
        (
            "type=EvacuationSite&georel=coveredBy&geometry=box&coords=36,139;38,141",
            19,
        ),
    ] {
        assert_eq!(total(&client, orion, query).await, count, "{query}");
    }
    let url = format!("{}/v2/entities/E0921300004201", orion.url());
    let (status, site) = json(&client, &url, &[("fiware-service", SERVICE)]).await;
    assert_eq!(status, 200);
    assert_eq!(site["name"]["value"], "那須塩原市大山公民館");
    assert_eq!(site["location"]["value"]["coordinates"][1], 36.872525);
    assert_eq!(site["name"]["metadata"]["TimeInstant"]["type"], "DateTime");
}

#[tokio::test]
async fn places_are_kept_in_both_ways_that_cities_use() {
    let (demo, client) = demo().await;
    let url = format!("{}/v2/entities?type=EvacuationSite&limit=100", demo.orion().url());
    let (_, sites) = json(&client, &url, &[("fiware-service", SERVICE)]).await;
    let kinds: HashSet<&str> = sites
        .as_array()
        .unwrap()
        .iter()
        .map(|site| site["location"]["type"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, HashSet::from(["geo:json", "geo:point"]));
}

#[tokio::test]
async fn every_canary_is_in_the_city_os_and_in_no_open_entity() {
    let (demo, client) = demo().await;
    let url = |query: &str| format!("{}/v2/entities?limit=1000{query}", demo.orion().url());
    let headers = [("fiware-service", SERVICE)];
    let everything = json(&client, &url(""), &headers).await.1.to_string();
    let open = json(&client, &url("&type=EvacuationSite,WeatherObserved"), &headers)
        .await
        .1;
    for canary in canaries() {
        assert!(everything.contains(&canary), "{canary}");
        assert!(!open.to_string().contains(&canary), "{canary}");
    }
    for id in personal_entity_ids() {
        assert!(everything.contains(&id), "{id}");
    }
}

#[tokio::test]
async fn other_services_see_nothing_of_it() {
    let (demo, client) = demo().await;
    let url = format!("{}/v2/entities", demo.orion().url());
    assert_eq!(json(&client, &url, &[]).await.1, Value::Array(vec![]));
}

#[tokio::test]
async fn sano_pages_from_one_and_is_empty_beyond_the_end() {
    let (demo, client) = demo().await;
    let base = format!("{}/api/v1/sites", demo.sano().url());
    let mut ids = HashSet::new();
    for (page, expected) in [(1, 20), (2, 20), (3, 18), (4, 0)] {
        let (status, body) = json(&client, &format!("{base}?page={page}"), &KEY).await;
        assert_eq!(status, 200);
        assert_eq!(body["meta"]["total"], 58);
        assert_eq!(body["meta"]["pages"], 3);
        let items = body["items"].as_array().unwrap();
        assert_eq!(items.len(), expected);
        ids.extend(items.iter().map(|item| item["kyotsu_id"].to_string()));
    }
    assert_eq!(ids.len(), 58);
    let (_, body) = json(&client, &format!("{base}?per_page=500"), &KEY).await;
    assert_eq!(body["meta"]["per_page"], 50);
    assert_eq!(json(&client, &format!("{base}?page=x"), &KEY).await.0, 400);
}

#[tokio::test]
async fn sano_gives_one_record_by_its_common_id() {
    let (demo, client) = demo().await;
    let base = format!("{}/api/v1/sites", demo.sano().url());
    let (status, site) = json(&client, &format!("{base}/E0920400001201"), &KEY).await;
    assert_eq!(status, 200);
    assert_eq!(site["namae"], "葛生あくと福祉センター");
    assert_eq!(site["ido"], "36.407608");
    let (_, page) = json(&client, &format!("{base}?kyotsu_id=E0920400001201"), &KEY).await;
    assert_eq!(page["items"][0], site);
    assert_eq!(page["meta"]["total"], 1);
    let (status, error) = json(&client, &format!("{base}/E0000000000000"), &KEY).await;
    assert_eq!((status, &error["error"]["code"]), (404, &Value::from("E404")));
}

#[tokio::test]
async fn sano_serves_its_other_data_too() {
    let (demo, client) = demo().await;
    let base = format!("{}/api/v1", demo.sano().url());
    let (_, shelters) = json(&client, &format!("{base}/shelters.geojson?offset=50"), &KEY).await;
    assert_eq!(shelters["features"].as_array().unwrap().len(), 8);
    assert!(shelters["features"][0]["properties"]["共通ID"].is_string());
    let (_, aed) = json(&client, &format!("{base}/aed"), &KEY).await;
    assert_eq!(aed.as_array().unwrap().len(), 12);
    let (_, rain) = json(&client, &format!("{base}/rain"), &KEY).await;
    assert_eq!(rain["stations"].as_array().unwrap().len(), 6);
}

#[tokio::test]
async fn sano_refuses_a_wrong_or_missing_key() {
    let (demo, client) = demo().await;
    let url = format!("{}/api/v1/sites", demo.sano().url());
    for headers in [&[][..], &[("x-api-key", "wrong")][..]] {
        let (status, error) = json(&client, &url, headers).await;
        assert_eq!(status, 401);
        assert_eq!(error["error"]["code"], "E401");
    }
}

#[tokio::test]
async fn the_personal_data_module_wants_a_session_and_tells_that_it_was_asked() {
    let (demo, client) = demo().await;
    let module = demo.personal_data();
    assert!(module.requests().is_empty());
    let url = format!("{}/book-operate/share", module.url());
    let request = |cookie: &str| {
        let request = Request::post(&url).header("cookie", cookie);
        request.body(Full::default()).unwrap()
    };
    let refused = client.request(request("other=1")).await.unwrap();
    assert_eq!(refused.status(), 401);
    let session = format!("{SESSION_COOKIE}=abc");
    let answer = client.request(request(&session)).await.unwrap();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    let body = String::from_utf8(body.to_vec()).unwrap();
    assert!(body.contains(&canaries()[0]));
    let url = format!("{}/document/nsb-0001", module.url());
    let (status, record) = json(&client, &url, &[("cookie", &session)]).await;
    assert_eq!(
        (status, &record["record"]["fullName"]),
        (200, &Value::from(canaries()[0].clone()))
    );
    assert_eq!(module.requests().len(), 3);
}

#[tokio::test]
async fn the_demo_can_be_stopped_and_its_parts_too() {
    let (demo, client) = demo().await;
    demo.sano().stop().await;
    let url = format!("{}/api/v1/aed", demo.sano().url());
    assert!(ask(&client, &url, &KEY).await.is_err());
    assert_eq!(total(&client, demo.orion(), "type=Resident").await, 8);
    demo.stop().await;
}
