//! A write that was begun is finished and told, whoever waits for it; one that was not begun is not begun for nobody.

use std::future::IntoFuture;
use std::io::Write;
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, SqliteConnection};
use stand_ins::Server;

use super::harness::{Client, PATIENCE, Platform, key_of, section, until};
use super::notifications::{aed, body_of, endpoint, notified, put};
use super::subscriptions::{builder, platform, subscribed, to_aeds};

pub(super) const ENTITIES: &str = "/ngsi-ld/v1/entities";
const VERSION: &str = "/version";
const UPSERT: &str = "/ngsi-ld/v1/entityOperations/upsert";

/// `watcher` is told of every AED that comes or changes.
async fn watched(platform: &Platform, server: &Server) {
    let everything = json!({"notificationTrigger": ["entityCreated", "entityUpdated"]});
    subscribed(
        platform,
        "watcher",
        &to_aeds(&format!("{}/n", server.url()), &everything),
    )
    .await;
}

/// The ids and names that were told, in their order.
fn told(server: &Server) -> Vec<(String, String)> {
    let requests = server.requests();
    let bodies = requests.iter().map(body_of);
    let entities = bodies.flat_map(|body| body["data"].as_array().unwrap().clone());
    entities.map(|entity| id_and_name(&entity)).collect()
}

fn id_and_name(entity: &Value) -> (String, String) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (text(&entity["id"]), text(&entity["name"]["value"]))
}

/// The AEDs in the store of which the tests have written the id.
async fn stored(platform: &Platform) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut next = Some(format!("{ENTITIES}?type=AED&limit=1000&count=true"));
    while let Some(page) = next {
        let answer = platform.get(page).by("watcher").tenant("yaita").await.ok();
        found.extend(answer.entities().iter().map(id_and_name));
        next = answer.link("next");
    }
    found.retain(|(id, _)| id.contains(":told:"));
    found
}

fn id(number: impl std::fmt::Display) -> String {
    format!("urn:ngsi-ld:AED:told:{number}")
}

/// After this has been told, everything that was begun before has been, too: a partition is written, and told of, in
/// one order.
async fn last_of_all(platform: &Platform, server: &Server) {
    put(platform, &aed(&id("last"), "last")).await;
    until("the last write is told", || {
        told(server).iter().any(|(_, name)| name == "last")
    })
    .await;
}

#[tokio::test]
async fn whoever_breaks_off_whenever_what_is_stored_was_told_once_and_in_order() {
    const WRITERS: usize = 16;
    const WRITES: usize = 60;
    let (platform, server) = (platform().await, endpoint().await);
    watched(&platform, &server).await;
    let writers = (0..WRITERS).map(|writer| {
        let client: Client = if writer % 2 == 0 {
            Client::new(&platform.gateway().url(), None)
        } else {
            Client::new(&platform.gateway().url(), None).over_http2()
        };
        tokio::spawn(async move {
            for number in 0..WRITES {
                let name = format!("{writer}-{number}");
                // One of its own and, in batches, some that the others change as well.
                let own = aed(&id(&name), &name);
                let ask = if number % 3 == 0 {
                    let shared = (0..3).map(|place| aed(&id(format_args!("shared-{place}")), &name));
                    client
                        .post(UPSERT)
                        .json(&json!([own].into_iter().chain(shared).collect::<Vec<Value>>()))
                } else {
                    client.create(&own)
                };
                let answered = ask.by("writer").tenant("yaita").into_future();
                // Whoever is answered has not broken off; whoever is not, has at some moment of the write. Short and long
                // times are as likely, however fast the machine is.
                let patience = Duration::from_micros(1 << rand::random_range(6..18));
                let _broken_off = tokio::time::timeout(patience, answered).await;
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    last_of_all(&platform, &server).await;
    let (told, stored) = (told(&server), stored(&platform).await);
    let mut distinct = told.clone();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), told.len(), "something was told twice");
    let untold: Vec<_> = stored
        .iter()
        .filter(|(id, name)| told.iter().rev().find(|(other, _)| other == id).map(|(_, name)| name) != Some(name))
        .collect();
    let count = stored.len();
    assert!(
        untold.is_empty(),
        "{} of {count} are stored and not told: {untold:?}",
        untold.len()
    );
    let stranger = told.iter().find(|(id, _)| !stored.iter().any(|(other, _)| other == id));
    assert_eq!(stranger, None, "told and not stored");
}

/// The partition, as another process that writes into it holds it up: whoever writes then has begun and cannot end.
pub(super) async fn held_up(folder: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(folder.join("store/yaita.db"));
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut connection).await.unwrap();
    connection
}

pub(super) async fn let_go(mut connection: SqliteConnection) {
    sqlx::raw_sql("ROLLBACK").execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

/// Sends a write without waiting for the answer; dropping the stream breaks it off.
pub(super) fn sent(platform: &Platform, target: &str, body: &Value) -> TcpStream {
    sent_by("writer", platform, target, body)
}

fn sent_by(consumer: &str, platform: &Platform, target: &str, body: &Value) -> TcpStream {
    let url = platform.gateway().url();
    let address = url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    let (body, key) = (body.to_string(), key_of(consumer));
    let length = body.len();
    write!(
        stream,
        "POST {target} HTTP/1.1\r\nhost: {address}\r\nx-api-key: {key}\r\nngsild-tenant: yaita\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    stream
}

async fn metric(platform: &Platform, name: &str, labels: &str) -> f64 {
    let answer = platform.admin("ops").get("/metrics").anonymous().await.ok();
    let text = String::from_utf8(answer.body.to_vec()).unwrap();
    let line = text
        .lines()
        .find(|line| line.starts_with(name) && line.contains(labels));
    line.and_then(|line| line.rsplit_once(' ')?.1.parse().ok())
        .unwrap_or(0.0)
}

/// Waits until so many writes are under way.
pub(super) async fn under_way(platform: &Platform, count: f64) {
    let asking = async { while metric(platform, "kakehashi_tasks_running", "kind=\"write\"").await != count {} };
    let reached = tokio::time::timeout(PATIENCE, asking).await;
    reached.unwrap_or_else(|_| panic!("{count} writes are never under way"));
}

#[tokio::test]
async fn a_write_that_was_begun_is_finished_and_one_that_waits_is_given_up_when_its_caller_leaves() {
    let (platform, server) = (platform().await, endpoint().await);
    watched(&platform, &server).await;
    let other = held_up(platform.gateway().folder()).await;
    let begun = sent(&platform, ENTITIES, &aed(&id("begun"), "begun"));
    under_way(&platform, 1.0).await;
    let waiting = sent(&platform, ENTITIES, &aed(&id("waiting"), "waiting"));
    under_way(&platform, 2.0).await;
    drop((begun, waiting));
    under_way(&platform, 1.0).await;
    let_go(other).await;
    notified(&server, 1).await;
    last_of_all(&platform, &server).await;
    // Both were sent before either could begin: which of them did is the threads' business.
    let told = told(&server);
    let last = (id("last"), "last".to_owned());
    let either = ["begun", "waiting"].map(|name| vec![(id(name), name.to_owned()), last.clone()]);
    assert!(either.contains(&told), "{told:?}");
    assert_eq!(stored(&platform).await, told);
    let name = "kakehashi_writes_caller_left_total";
    for outcome in ["finished", "not_begun"] {
        let count = metric(&platform, name, &format!("outcome=\"{outcome}\"")).await;
        assert!((count - 1.0).abs() < f64::EPSILON, "{outcome}: {count}");
    }
}

#[tokio::test]
async fn a_batch_without_its_caller_ends_before_the_next_transaction() {
    /// Entities that are written at once.
    const AT_ONCE: usize = 100;
    let builder = builder().await.tenants(|table| {
        let limits = section(section(section(table, "consumers"), "writer"), "limits");
        limits.insert("concurrency".into(), 1.into());
    });
    let (platform, server) = (builder.start().await, endpoint().await);
    watched(&platform, &server).await;
    let other = held_up(platform.gateway().folder()).await;
    let batch: Vec<Value> = (0..3 * AT_ONCE)
        .map(|number| aed(&id(number), &number.to_string()))
        .collect();
    let begun = sent(&platform, UPSERT, &Value::Array(batch));
    under_way(&platform, 1.0).await;
    assert_eq!(
        platform.get(VERSION).by("writer").await.status,
        429,
        "its one request is under way"
    );
    drop(begun);
    let asking = async { while platform.get(VERSION).by("writer").await.status == 429 {} };
    let noticed = tokio::time::timeout(PATIENCE, asking).await;
    noticed.expect("that the caller has left is noticed");
    let_go(other).await;
    last_of_all(&platform, &server).await;
    // Whether the first were begun before their caller has left is the threads' business; what follows them never is.
    let last = (id("last"), "last".to_owned());
    let begun = (0..AT_ONCE).map(|number| (id(number), number.to_string()));
    let first: Vec<(String, String)> = begun.chain([last.clone()]).collect();
    let mut told = told(&server);
    assert!(told == first || told == [last], "{told:?}");
    told.sort();
    let mut stored = stored(&platform).await;
    stored.sort();
    assert_eq!(stored, told);
}

#[tokio::test]
async fn a_write_whose_time_is_over_before_it_can_begin_is_not_begun() {
    let builder = builder().await.tenants(|table| {
        section(section(table, "gateway"), "limits").insert("deadline".into(), "2s".into());
    });
    let (platform, server) = (builder.start().await, endpoint().await);
    watched(&platform, &server).await;
    let other = held_up(platform.gateway().folder()).await;
    let _begun = sent(&platform, ENTITIES, &aed(&id("begun"), "begun"));
    under_way(&platform, 1.0).await;
    let late = platform
        .create(&aed(&id("late"), "late"))
        .by("writer")
        .tenant("yaita")
        .await;
    // In the line for its turn or, behind what was given up before it, for the file.
    assert_eq!(late.status, 503, "{late}");
    let_go(other).await;
    last_of_all(&platform, &server).await;
    let stored = stored(&platform).await;
    assert!(stored.iter().all(|(_, name)| name != "late"), "{stored:?}");
    let told = told(&server);
    assert!(stored.iter().all(|entity| told.contains(entity)), "{stored:?} {told:?}");
}

#[tokio::test]
async fn nobody_waits_behind_everything_that_another_writes() {
    let writes = "permit (principal in Role::\"writer-2\", action in Action::\"provide\", \
                  resource in Tenant::\"yaita\") when { resource.class == Class::\"open\" };";
    let builder = builder().await.consumer("writer-2").policy("yaita.cedar", writes);
    let (platform, server) = (builder.start().await, endpoint().await);
    watched(&platform, &server).await;
    let other = held_up(platform.gateway().folder()).await;
    let mut streams = Vec::new();
    for number in 0..4 {
        streams.push(sent(&platform, ENTITIES, &aed(&id(number), "many")));
        under_way(&platform, f64::from(number) + 1.0).await;
    }
    streams.push(sent_by("writer-2", &platform, ENTITIES, &aed(&id("one"), "one")));
    under_way(&platform, 5.0).await;
    let_go(other).await;
    notified(&server, 5).await;
    let names: Vec<String> = told(&server).into_iter().map(|(_, name)| name).collect();
    assert_eq!(names, ["many", "one", "many", "many", "many"]);
}
