//! Ending in order: nothing more is taken, what is under way is finished, what waits is delivered within its time, and
//! what is left then is named. The tests have several threads: while one waits for the end of the process, the stand-ins
//! answer.

use std::future::IntoFuture;
use std::io::Write;
use std::net::TcpStream;

use serde_json::{Value, json};
use stand_ins::{Fault, Server};

use super::harness::{Client, Gateway, Platform, READER, kakehashi, key_of, until};
use super::notifications::{aed, body_of, endpoint, notified, put};
use super::subscriptions::{platform, shown, subscribed, to_aeds};
use super::writes_are_told::{ENTITIES, held_up, let_go, sent, under_way};

const ID: &str = "urn:ngsi-ld:AED:last";

/// A subscription of `watcher` that nothing but the gateway's own end gives up in the time that a test takes.
async fn watched(platform: &Platform, server: &Server, id: &str) -> String {
    let mut subscription = to_aeds(
        &format!("{}/{id}", server.url()),
        &json!({"id": format!("urn:s:{id}"), "notificationTrigger": ["entityCreated", "entityUpdated"]}),
    );
    subscription["notification"]["endpoint"]["timeout"] = json!(20_000);
    subscribed(platform, "watcher", &subscription).await
}

fn names_of(server: &Server) -> Vec<String> {
    let requests = server.requests();
    let name = |body: Value| body["data"][0]["name"]["value"].as_str().map(str::to_owned);
    requests.iter().filter_map(|request| name(body_of(request))).collect()
}

async fn change_times(platform: &Platform, count: usize) -> Vec<String> {
    let names: Vec<String> = (0..count).map(|number| number.to_string()).collect();
    for name in &names {
        put(platform, &aed(ID, name)).await;
    }
    names
}

fn is_refused(url: &str) -> bool {
    TcpStream::connect(url.strip_prefix("http://").unwrap()).is_err()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_is_sent_after_the_last_request_and_before_the_end() {
    const COUNT: usize = 50;
    let mut platform = platform().await;
    let server = endpoint().await;
    watched(&platform, &server, "waits").await;
    server.set_fault(Fault::Held);
    let names = change_times(&platform, COUNT).await;
    notified(&server, 1).await;
    // A request under way, which its source holds back.
    platform.demo().orion().set_fault(Fault::Held);
    let under_way = tokio::spawn(platform.entities("type=DesignatedShelter&limit=1").into_future());
    until("the source is asked", || !platform.demo().orion().requests().is_empty()).await;
    let (url, admin) = (platform.gateway().url(), platform.gateway().admin("ops"));

    platform.gateway().terminate();
    until("nothing more is taken", || is_refused(&url)).await;
    let ready = admin.get("/readyz").await;
    assert_eq!(ready.status, 503, "{ready}");
    assert!(String::from_utf8_lossy(&ready.body).contains("stopping"), "{ready}");
    let changes = admin.get("/admin/v1/revision").await;
    assert_eq!(changes.status, 503, "{changes}");
    assert!(
        !platform
            .gateway()
            .stderr()
            .contains("the requests under way have ended")
    );

    platform.demo().orion().clear_fault();
    let answer = under_way.await.unwrap().ok();
    assert_eq!(answer.ids().len(), 1, "{answer}");
    until("the requests have ended", || {
        platform
            .gateway()
            .stderr()
            .contains("the requests under way have ended")
    })
    .await;
    assert_eq!(server.requests().len(), 1, "the others wait for the first");
    server.clear_fault();
    assert!(platform.gateway_mut().wait().success());
    let log = platform.gateway().stderr();
    assert_eq!(
        names_of(&server),
        names,
        "each once, in the order of the changes: {log}"
    );
    assert!(!log.contains("lost"), "{log}");
    let steps = [
        "no more requests are taken",
        "the requests under way have ended",
        "the writes that were begun have ended",
        "the notifications that waited are sent",
        "stopped",
    ];
    let places: Vec<Option<usize>> = steps.iter().map(|step| log.find(step)).collect();
    assert!(
        places.iter().all(Option::is_some) && places.is_sorted(),
        "{places:?} {log}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_was_begun_is_finished_and_told_before_the_end() {
    let mut platform = platform().await;
    let server = endpoint().await;
    watched(&platform, &server, "told").await;
    let folder = platform.gateway().folder().to_owned();
    let other = held_up(&folder).await;
    let begun = sent(&platform, ENTITIES, &aed(ID, "begun"));
    under_way(&platform, 1.0).await;
    drop(begun);
    platform.gateway().terminate();
    until("the requests have ended", || {
        platform
            .gateway()
            .stderr()
            .contains("the requests under way have ended")
    })
    .await;
    assert!(server.requests().is_empty(), "it cannot have ended yet");
    let_go(other).await;
    assert!(platform.gateway_mut().wait().success());
    assert_eq!(names_of(&server), ["begun"]);
    let log = platform.gateway().stderr();
    assert!(!log.contains("lost") && !log.contains("broken off"), "{log}");
}

/// Asks without waiting for the answer.
fn asked(url: &str, query: &str) -> TcpStream {
    let address = url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    let (path, key) = ("/ngsi-ld/v1/entities", key_of(READER));
    write!(
        stream,
        "GET {path}?{query} HTTP/1.1\r\nhost: {address}\r\nx-api-key: {key}\r\n\r\n"
    )
    .unwrap();
    stream
}

/// The lines of the log that say what is lost, and how many of which subscription.
fn losses(log: &str) -> Vec<&str> {
    log.lines().filter(|line| line.contains("are lost")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_endpoint_that_never_answers_keeps_is_named() {
    const COUNT: usize = 5;
    let mut platform = platform().await;
    let (silent, server) = (endpoint().await, endpoint().await);
    let path = watched(&platform, &silent, "silent").await;
    watched(&platform, &server, "answers").await;
    silent.set_fault(Fault::Held);
    server.set_fault(Fault::Held);
    let names = change_times(&platform, COUNT).await;
    notified(&silent, 1).await;
    notified(&server, 1).await;

    platform.gateway().terminate();
    server.clear_fault();
    assert!(platform.gateway_mut().wait().success(), "an end in order is no failure");
    assert_eq!(names_of(&server), names, "the one costs the other nothing");
    let log = platform.gateway().stderr();
    let lost = losses(&log);
    assert_eq!(lost.len(), 2, "one subscription, and the sum: {lost:?}");
    assert!(
        lost[0].contains("urn:s:silent")
            && lost[0].contains("watcher")
            && lost[0].contains(&format!("\"count\":{COUNT}")),
        "{lost:?}"
    );
    assert!(lost[1].contains(&format!("\"total\":{COUNT}")), "{lost:?}");

    // The consumer is told, too.
    let folder = platform.gateway().folder().to_owned();
    let mut command = kakehashi(&folder);
    command.args(["serve", "--json", "--config", "tenants.toml", "--policies", "policies/"]);
    let again = Gateway::start(command, &folder).await;
    let client = Client::new(&again.url(), Some(key_of("watcher")));
    let notification = &shown(&client, "watcher", &path).await["notification"];
    assert_eq!(
        (&notification["status"], &notification["timesFailed"]),
        (&json!("failed"), &json!(COUNT)),
        "{notification}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn asked_twice_it_ends_at_once_and_names_what_is_left() {
    const COUNT: usize = 3;
    let mut platform = platform().await;
    let silent = endpoint().await;
    watched(&platform, &silent, "silent").await;
    silent.set_fault(Fault::Held);
    change_times(&platform, COUNT).await;
    notified(&silent, 1).await;
    // Without the second signal it would wait for this request as long as it may.
    platform.demo().orion().set_fault(Fault::Held);
    let _cut_off = asked(&platform.gateway().url(), "type=DesignatedShelter");
    until("the source is asked", || !platform.demo().orion().requests().is_empty()).await;

    platform.gateway().terminate();
    until("it stops", || {
        platform.gateway().stderr().contains("no more requests are taken")
    })
    .await;
    platform.gateway().signal("-INT");
    assert!(platform.gateway_mut().wait().success());
    let log = platform.gateway().stderr();
    assert!(!log.contains("the requests under way have ended"), "{log}");
    let lost = losses(&log);
    assert!(
        lost.len() == 2 && lost[0].contains("urn:s:silent") && lost[1].contains(&format!("\"total\":{COUNT}")),
        "{log}"
    );
}
