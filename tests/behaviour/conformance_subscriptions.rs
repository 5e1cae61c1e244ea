//! What clauses 5.3.1 and 5.8 demand of subscriptions and notifications, and what no other behaviour looks at; see
//! docs/conformance.md.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use http::Method;
use ngsi_ld::entity::DateTime;
use serde_json::{Value, json};

use super::contexts::Origin;
use super::harness::{Answer, Client, PATIENCE};
use super::notifications::{aed, body_of, endpoint, notified, put};
use super::subscriptions::{SUBSCRIPTIONS, platform, shown, subscribe, subscribed, to_aeds};

/// An address that nobody listens at; nothing is ever sent to it here.
const NOWHERE: &str = "http://127.0.0.1:9/n";
const ID: &str = "urn:ngsi-ld:AED:told";

#[track_caller]
fn refused(answer: &Answer, status: u16, error_type: &str) {
    let told = (answer.status, answer.error_type());
    assert_eq!((told.0, told.1.as_str()), (status, error_type), "{answer}");
}

async fn patched(client: &Client, path: &str, fragment: &Value) -> Answer {
    client.request(Method::PATCH, path).by("watcher").json(fragment).await
}

/// A date so many seconds from now.
fn in_seconds(seconds: u64) -> String {
    DateTime::from_system_time(SystemTime::now() + Duration::from_secs(seconds))
        .as_str()
        .to_owned()
}

#[tokio::test]
//= 5.8.1.4-3
async fn without_an_id_it_is_given_one() {
    let platform = platform().await;
    let mut without = to_aeds(NOWHERE, &json!({}));
    without.as_object_mut().unwrap().remove("id");
    let mut paths = BTreeSet::new();
    for _ in 0..3 {
        let path = subscribed(&platform, "watcher", &without).await;
        let id = shown(&platform, "watcher", &path).await["id"]
            .as_str()
            .unwrap()
            .to_owned();
        assert!(id.starts_with("urn:") && path.ends_with(&id), "{path} {id}");
        paths.insert(path);
    }
    assert_eq!(paths.len(), 3, "each has its own");
}

#[tokio::test]
//= 5.8.2.4-1, 5.8.5.4-1
async fn an_id_that_is_no_uri_is_refused() {
    let platform = platform().await;
    let path = format!("{SUBSCRIPTIONS}/no-uri");
    for method in [Method::GET, Method::PATCH, Method::DELETE] {
        let ask = platform.request(method.clone(), &path).by("watcher");
        let answer = match method {
            Method::PATCH => ask.json(&json!({"isActive": false})).await,
            _ => ask.await,
        };
        refused(&answer, 400, "BadRequestData");
    }
}

#[tokio::test]
//= 5.8.1.4-11, 5.8.2.4-5
async fn a_context_that_is_none_refuses_it() {
    let platform = platform().await;
    let (origin, contexts) = Origin::start().await;
    origin.publish("/none.jsonld", &json!({"nothing": 1}), &[]);
    let none = json!({"jsonldContext": format!("{}/none.jsonld", contexts.url())});
    refused(
        &subscribe(&platform, "watcher", &to_aeds(NOWHERE, &none)).await,
        400,
        "BadRequestData",
    );
    let path = subscribed(&platform, "watcher", &to_aeds(NOWHERE, &json!({}))).await;
    let before = shown(&platform, "watcher", &path).await;
    refused(&patched(&platform, &path, &none).await, 400, "BadRequestData");
    let away = json!({"jsonldContext": "http://127.0.0.1:9/c.jsonld"});
    refused(&patched(&platform, &path, &away).await, 504, "LdContextNotAvailable");
    assert_eq!(shown(&platform, "watcher", &path).await, before);
}

#[tokio::test]
//= 5.8.1.4-5, 5.8.1.4-15, 5.8.2.4-7, 5.8.2.4-8
async fn when_it_ends_lies_in_the_future_and_is_told() {
    let (platform, server) = (platform().await, endpoint().await);
    let past = json!({"expiresAt": "2020-01-01T00:00:00Z"});
    refused(
        &subscribe(&platform, "watcher", &to_aeds(NOWHERE, &past)).await,
        400,
        "BadRequestData",
    );
    let to = |name: &str, more: Value| {
        let mut subscription = to_aeds(&format!("{}/{name}", server.url()), &more);
        subscription["id"] = json!(format!("urn:s:{name}"));
        subscription
    };
    let stays = subscribed(&platform, "watcher", &to("stays", json!({}))).await;
    let ends = subscribed(&platform, "watcher", &to("ends", json!({"expiresAt": in_seconds(1)}))).await;
    let status = async |path: &str| shown(&platform, "watcher", path).await["status"].clone();
    let ending = async { while status(&ends).await != "expired" {} };
    tokio::time::timeout(PATIENCE, ending)
        .await
        .expect("it expires by itself");
    put(&platform, &aed(ID, "a")).await;
    let told = notified(&server, 1).await;
    assert_eq!(told[0].path, "/stays");
    // Whether it is active says nothing while its time is over.
    for is_active in [true, false] {
        assert_eq!(
            patched(&platform, &ends, &json!({"isActive": is_active})).await.status,
            204
        );
        assert_eq!(status(&ends).await, "expired");
    }
    refused(&patched(&platform, &ends, &past).await, 400, "BadRequestData");
    let later = json!({"isActive": true, "expiresAt": in_seconds(3600)});
    assert_eq!(patched(&platform, &ends, &later).await.status, 204);
    assert_eq!(status(&ends).await, "active");
    for (is_active, expected) in [(false, "paused"), (true, "active")] {
        assert_eq!(
            patched(&platform, &stays, &json!({"isActive": is_active})).await.status,
            204
        );
        assert_eq!(status(&stays).await, expected);
    }
    put(&platform, &aed(ID, "b")).await;
    let paths: BTreeSet<String> = notified(&server, 3)
        .await
        .iter()
        .map(|told| told.path.clone())
        .collect();
    assert_eq!(paths.len(), 2, "both notify again");
}

#[tokio::test]
//= 5.3.1-2, 5.3.1-3
async fn each_notification_has_an_id_of_its_own_and_says_what_it_is() {
    let (platform, server) = (platform().await, endpoint().await);
    let path = subscribed(
        &platform,
        "watcher",
        &to_aeds(&format!("{}/n", server.url()), &json!({})),
    )
    .await;
    for name in ["a", "b", "c"] {
        put(&platform, &aed(ID, name)).await;
    }
    let mut ids = BTreeSet::new();
    for request in notified(&server, 3).await {
        let told = body_of(&request);
        assert_eq!(told["type"], "Notification");
        assert!(path.ends_with(told["subscriptionId"].as_str().unwrap()), "{told}");
        assert!(DateTime::parse(told["notifiedAt"].as_str().unwrap()).is_ok(), "{told}");
        assert_eq!(told["data"].as_array().map(Vec::len), Some(1), "{told}");
        let id = told["id"].as_str().unwrap().to_owned();
        assert!(id.starts_with("urn:"), "{told}");
        ids.insert(id);
    }
    assert_eq!(ids.len(), 3);
}

#[tokio::test]
//= 5.5.11.3-1
async fn each_update_of_a_batch_is_told_by_itself() {
    let (platform, server) = (platform().await, endpoint().await);
    put(&platform, &aed(ID, "before")).await;
    subscribed(
        &platform,
        "watcher",
        &to_aeds(&format!("{}/n", server.url()), &json!({})),
    )
    .await;
    let update = |name: &str| json!({"id": ID, "type": "AED", "name": {"type": "Property", "value": name}});
    let batch = json!([update("a"), update("b"), update("c")]);
    let target = "/ngsi-ld/v1/entityOperations/upsert?options=update";
    let answer = platform.post(target).by("writer").tenant("yaita").json(&batch).await;
    assert_eq!(answer.status, 204, "{answer}");
    let told = notified(&server, 3).await;
    let names: Vec<Value> = told
        .iter()
        .map(|told| body_of(told)["data"][0]["name"]["value"].clone())
        .collect();
    assert_eq!(names, ["a", "b", "c"]);
}

#[tokio::test]
//= 5.2.12-8, 5.8.6-12
async fn a_notification_is_of_the_version_that_is_asked_for() {
    let (platform, server) = (platform().await, endpoint().await);
    let version = json!({"ngsildConformance": "1.3"});
    subscribed(&platform, "watcher", &to_aeds(&format!("{}/n", server.url()), &version)).await;
    let mut told_later = aed(ID, "a");
    told_later["scope"] = json!("/a");
    told_later["name"] = json!({"type": "LanguageProperty", "languageMap": {"ja": "小学校"}});
    put(&platform, &told_later).await;
    let told = body_of(&notified(&server, 1).await[0])["data"][0].clone();
    assert_eq!(
        told["name"]["type"], "Property",
        "version 1.3 has no LanguageProperty: {told}"
    );
    assert_eq!(told["name"]["value"]["ja"], "小学校", "{told}");
    assert!(told.get("scope").is_none(), "nor scopes: {told}");
}

#[tokio::test]
//= 5.2.12-4
async fn only_what_lies_where_it_is_asked_for_is_told() {
    let (platform, server) = (platform().await, endpoint().await);
    let near = json!({"geoQ": {"georel": "near;maxDistance==1000", "geometry": "Point", "coordinates": [139.9, 36.8]}});
    subscribed(&platform, "watcher", &to_aeds(&format!("{}/n", server.url()), &near)).await;
    let mut far = aed("urn:ngsi-ld:AED:far", "a");
    far["location"]["value"]["coordinates"] = json!([140.9, 36.8]);
    put(&platform, &far).await;
    put(&platform, &aed("urn:ngsi-ld:AED:near", "a")).await;
    let told = notified(&server, 1).await;
    assert_eq!(body_of(&told[0])["data"][0]["id"], "urn:ngsi-ld:AED:near");
}
