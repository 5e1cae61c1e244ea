//! Periodic subscriptions (`timeInterval`) spend what their consumer may ask, as its questions do; what its limits can
//! never serve is refused.

use http::Method;
use serde_json::{Value, json};
use stand_ins::Server;
use toml::Table;

use super::harness::{Files, PATIENCE, Platform, section};
use super::notifications::{aed, endpoint, put};
use super::subscriptions::{builder, shown, subscribe, subscribed, to_aeds};

const VERSION: &str = "/version";

/// Sets the limits of `watcher`.
fn limit(table: &mut Table, limits: &[(&str, i64)]) {
    let table = section(section(section(table, "consumers"), "watcher"), "limits");
    for (name, limit) in limits {
        table.insert((*name).to_owned(), (*limit).into());
    }
}

fn every(seconds: u32, id: &str, server: &Server) -> Value {
    let more = json!({"id": format!("urn:s:{id}"), "timeInterval": seconds});
    to_aeds(&format!("{}/{id}", server.url()), &more)
}

#[tokio::test]
async fn what_the_limits_can_never_serve_is_refused_with_its_number() {
    let limits = [("requests_per_second", 1), ("burst", 1000)];
    let builder = builder().await.tenants(|table| limit(table, &limits));
    let (platform, server) = (builder.start().await, endpoint().await);
    subscribed(&platform, "watcher", &every(5, "first", &server)).await;
    let second = subscribed(&platform, "watcher", &every(5, "second", &server)).await;
    let refused = subscribe(&platform, "watcher", &every(5, "third", &server)).await;
    assert_eq!(
        (refused.status, refused.error_type().as_str()),
        (400, "BadRequestData"),
        "{refused}"
    );
    let detail = refused.problem().detail;
    for part in ["`timeInterval`", "0.600", "0.500"] {
        assert!(detail.contains(part), "{part}: {detail}");
    }
    // What is left is left for it, and what is paused takes nothing.
    subscribed(&platform, "watcher", &every(10, "fits", &server)).await;
    let mut paused = every(5, "paused", &server);
    paused["isActive"] = json!(false);
    let paused = subscribed(&platform, "watcher", &paused).await;
    let patch = async |path: &str, fragment: Value| {
        let patch = platform.request(Method::PATCH, path).by("watcher");
        patch.json(&fragment).await.status
    };
    assert_eq!(patch(&paused, json!({"isActive": true})).await, 400);
    assert_eq!(patch(&second, json!({"timeInterval": 10})).await, 204);
    assert_eq!(patch(&paused, json!({"timeInterval": 10})).await, 204);
    assert_eq!(patch(&paused, json!({"isActive": true})).await, 204);
    assert_eq!(patch(&paused, json!({"timeInterval": 9})).await, 400);
    // Everybody has limits of its own, and without an interval there is nothing to serve.
    subscribed(&platform, "other", &every(5, "first", &server)).await;
    let by_change = to_aeds(&format!("{}/n", server.url()), &json!({"id": "urn:s:by-change"}));
    subscribed(&platform, "watcher", &by_change).await;
}

async fn evaluations(platform: &Platform, outcome: &str) -> u64 {
    let answer = platform.admin("ops").get("/metrics").anonymous().await.ok();
    let text = String::from_utf8(answer.body.to_vec()).unwrap();
    let (name, outcome) = (
        "kakehashi_subscriptions_evaluations_total",
        format!("outcome=\"{outcome}\""),
    );
    let line = text
        .lines()
        .find(|line| line.starts_with(name) && line.contains(&outcome));
    line.map_or(0, |line| line.rsplit_once(' ').unwrap().1.parse().unwrap())
}

/// Waits until something is so, asking again and again.
async fn asked_until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let asking = async { while !is_so().await {} };
    let answered = tokio::time::timeout(PATIENCE, asking).await;
    answered.unwrap_or_else(|_| panic!("waited in vain until {what}"));
}

/// Lets other limits hold, and waits until they do.
async fn relimited(platform: &Platform, limits: &[(&str, i64)]) {
    let before = revision(platform).await;
    let files: &Files = platform.files();
    files.change_tenants(|table| limit(table, limits));
    asked_until("the limits hold", async || revision(platform).await != before).await;
}

async fn revision(platform: &Platform) -> bytes::Bytes {
    platform.admin("ops").get("/readyz").anonymous().await.ok().body
}

#[tokio::test]
async fn an_evaluation_spends_what_a_question_would_and_is_left_out_when_nothing_is_left() {
    let (platform, server) = (builder().await.start().await, endpoint().await);
    put(&platform, &aed("urn:ngsi-ld:AED:1", "a")).await;
    let path = subscribed(&platform, "watcher", &every(5, "periodic", &server)).await;
    // One request in a day: the first evaluation has it.
    relimited(&platform, &[("requests_per_day", 1)]).await;
    let sent = evaluations(&platform, "notified").await;
    asked_until("an evaluation is left out", async || {
        evaluations(&platform, "over_limit").await > 0
    })
    .await;
    let more = evaluations(&platform, "notified").await - sent;
    assert!(more <= 1, "{more} were sent for one request");
    let answer = platform.get(VERSION).by("watcher").await;
    assert_eq!(answer.status, 429, "{answer}");
    assert!(answer.problem().detail.contains("requests per day"), "{answer}");
    assert_eq!(platform.get(VERSION).by("other").await.status, 200);
    // Its consumer sees it.
    relimited(&platform, &[("requests_per_day", 1_000_000)]).await;
    let notification = shown(&platform, "watcher", &path).await["notification"].clone();
    assert!(
        notification["lastFailure"].is_string() && notification["timesFailed"].as_i64() > Some(0),
        "{notification}"
    );
}
