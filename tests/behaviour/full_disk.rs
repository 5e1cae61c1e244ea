//! A full disk under the store or the gateway's state stops what has to be written there and nothing else, also when the
//! gateway starts; and when there is room, everything works again by itself, in the same process.

use serde_json::{Value, json};

use super::harness::{Answer, Builder, Client, Disks, Finished, Platform, kakehashi, section, until};
use super::subscriptions::{SUBSCRIPTIONS, subscribe, subscribed, to_aeds};

const UPSERT: &str = "/ngsi-ld/v1/entityOperations/upsert";
const CONDITIONS: &str = "/admin/v1/conditions";

/// More than is left anywhere on a disk that was filled, also in what SQLite has put aside for itself.
const LARGE: usize = 600_000;

/// `writer` may write in Yaita and `watcher` subscribe there; the store and the state have a disk each.
async fn builder(before: fn(&Disks)) -> Builder {
    let policy = "permit (principal in Role::\"writer\", action in Action::\"provide\", \
                  resource in Tenant::\"yaita\") when { resource.class == Class::\"open\" };\n\
                  permit (principal in Role::\"watcher\", action in [Action::\"read\", Action::\"subscribe\"], \
                  resource in Tenant::\"yaita\") when { resource.class == Class::\"open\" };";
    Platform::builder()
        .await
        .consumer("writer")
        .consumer("watcher")
        .administrators()
        .policy("yaita.cedar", policy)
        .tenants(|table| {
            let gateway = section(table, "gateway");
            gateway.insert("state".into(), "sqlite:state/kakehashi.db".into());
            let ranges = vec![toml::Value::from("127.0.0.0/8")];
            gateway.insert("egress_allow".into(), toml::Value::Array(ranges));
        })
        .disks(&["store", "state"], before)
        .log("info")
}

pub(super) async fn platform() -> Platform {
    builder(|_| {}).await.start().await
}

pub(super) fn aed(id: &str, name: &str) -> Value {
    json!({
        "id": format!("urn:ngsi-ld:AED:{id}"),
        "type": "AED",
        "name": {"type": "Property", "value": name},
        "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [139.9, 36.8]}},
    })
}

/// One that finds no room on a full disk.
fn large(id: &str) -> Value {
    aed(id, &"架".repeat(LARGE / "架".len()))
}

pub(super) async fn create(client: &Client, entity: &Value) -> Answer {
    client.create(entity).by("writer").tenant("yaita").await
}

async fn upsert(client: &Client, entities: &Value) -> Answer {
    client.post(UPSERT).by("writer").tenant("yaita").json(entities).await
}

/// What Yaita has, without a warning.
pub(super) async fn read(client: &Client) -> Vec<String> {
    let answer = client
        .entities("type=AED,EvacuationSite&limit=1000&options=keyValues")
        .tenant("yaita")
        .await;
    assert_eq!(answer.header("ngsild-warning"), None, "{answer}");
    answer.ids()
}

#[track_caller]
pub(super) fn refused(answer: &Answer, status: u16, says: &str) {
    assert_eq!(answer.status, status, "{answer}");
    assert_eq!(answer.header("content-type"), Some("application/json"), "{answer}");
    let problem = answer.json();
    assert_eq!(problem["status"], status, "{answer}");
    assert!(problem["detail"].as_str().unwrap().contains(says), "{answer}");
    assert_eq!(answer.header("retry-after").is_some(), status == 503, "{answer}");
}

/// What is wrong now, as an administrator sees it: what, of whom, why.
pub(super) async fn wrong(platform: &Platform, administrator: &str) -> Vec<(String, Value, String)> {
    let seen = platform.admin(administrator).get(CONDITIONS).await.ok().json();
    let text = |condition: &Value, name: &str| condition[name].as_str().unwrap().to_owned();
    let conditions = seen["conditions"].as_array().unwrap().iter();
    conditions
        .map(|condition| {
            assert!(!text(condition, "since").is_empty() && !text(condition, "detail").is_empty());
            (
                text(condition, "what"),
                condition["tenant"].clone(),
                text(condition, "reason"),
            )
        })
        .collect()
}

pub(super) fn condition(what: &str, tenant: impl Into<Value>, reason: &str) -> (String, Value, String) {
    (what.to_owned(), tenant.into(), reason.to_owned())
}

async fn metrics(platform: &Platform) -> String {
    let answer = platform.admin("ops").get("/metrics").await.ok();
    String::from_utf8(answer.body.to_vec()).unwrap()
}

/// Waits until nothing is wrong any more, without any request but that for what is wrong.
pub(super) async fn until_well(platform: &Platform) {
    let asking = async { while !wrong(platform, "ops").await.is_empty() {} };
    let well = tokio::time::timeout(super::harness::PATIENCE, asking).await;
    well.expect("everything works again in time");
    assert!(!metrics(platform).await.contains("kakehashi_condition"));
}

/// How often the log says so.
pub(super) fn lines(platform: &Platform, database: &str, text: &str) -> usize {
    let log = platform.gateway().stderr();
    let about = |line: &&str| line.contains(database) && line.contains(text);
    log.lines().filter(about).count()
}

/// Lets it end as an operator does, and starts it again after something was done with its disks.
pub(super) async fn restarted(platform: &mut Platform, between: impl FnOnce(&Disks)) {
    platform.gateway().terminate();
    platform.gateway_mut().wait();
    between(platform.disks());
    platform.start_again().await;
}

#[tokio::test]
async fn a_full_store_refuses_writes_alone_and_takes_them_again_when_there_is_room() {
    let platform = platform().await;
    assert_eq!(create(&platform, &aed("before", "前")).await.status, 201);
    let before = read(&platform).await;
    platform.disks().fill("store");
    for number in 0..5 {
        let answer = create(&platform, &large(&number.to_string())).await;
        refused(&answer, 507, "disk of the store is full");
        assert_eq!(read(&platform).await, before);
    }
    // Nothing else is any worse for it.
    let subscription = to_aeds("http://127.0.0.1:9/", &json!({"entities": [{"type": "AED"}]}));
    subscribed(&platform, "watcher", &subscription).await;
    let everywhere = platform.entities("type=EvacuationSite&limit=1").await.ok();
    assert_eq!(everywhere.header("ngsild-warning"), None, "{everywhere}");
    platform.admin("ops").get("/readyz").await.ok();
    // The operator is told, and whose data it is; others are not.
    assert_eq!(
        wrong(&platform, "ops").await,
        [condition("store-unwritable", "yaita", "full")]
    );
    assert_eq!(wrong(&platform, "auditor").await.len(), 1);
    assert_eq!(wrong(&platform, "sano-admin").await, []);
    let gauge = "kakehashi_condition{reason=\"full\",tenant=\"yaita\",what=\"store-unwritable\"} 1";
    let told = metrics(&platform).await;
    assert!(told.contains(gauge), "{told}");

    platform.disks().empty("store");
    let after = create(&platform, &large("after")).await;
    assert_eq!(after.status, 201, "{after}");
    until_well(&platform).await;
    let mut held = before.clone();
    held.push("urn:ngsi-ld:AED:after".to_owned());
    held.sort();
    let mut found = read(&platform).await;
    found.sort();
    assert_eq!(found, held);
    let partition = "the store's partition of yaita";
    until("the log has both lines", || {
        lines(&platform, partition, "can be written again") > 0
    })
    .await;
    assert_eq!(lines(&platform, partition, "a database cannot be written"), 1);
    assert_eq!(lines(&platform, partition, "a database can be written again"), 1);
    assert_eq!(lines(&platform, "", "write failed"), 0);
}

#[tokio::test]
async fn a_disk_that_is_full_in_the_midst_of_a_batch_costs_what_finds_no_room() {
    let platform = platform().await;
    let names = ["1", "2", "3"];
    assert_eq!(
        upsert(&platform, &json!(names.map(|id| aed(id, "前")))).await.status,
        201
    );
    platform.disks().fill("store");
    let changed = json!(names.map(large));
    let answer = upsert(&platform, &changed).await;
    assert_eq!(answer.status, 207, "{answer}");
    let result = answer.json();
    assert_eq!(result["success"], json!([]), "{answer}");
    let errors = result["errors"].as_array().unwrap();
    assert_eq!(errors.len(), names.len(), "{answer}");
    for error in errors {
        assert_eq!(error["error"]["status"], 507, "{answer}");
    }
    let name_of = async |id: &str| {
        let found = platform
            .entity(&format!("urn:ngsi-ld:AED:{id}"))
            .tenant("yaita")
            .await
            .ok();
        found.json()["name"]["value"].as_str().unwrap().to_owned()
    };
    for id in names {
        assert_eq!(name_of(id).await, "前");
    }
    platform.disks().empty("store");
    let again = upsert(&platform, &changed).await;
    assert_eq!(again.status, 204, "{again}");
    for id in names {
        assert_eq!(name_of(id).await.len(), LARGE);
    }
    until_well(&platform).await;
}

#[tokio::test]
async fn a_full_state_refuses_what_is_kept_there_alone_and_takes_it_again_when_there_is_room() {
    let platform = platform().await;
    let subscription = |id: &str, description: &str| {
        let id = format!("urn:ngsi-ld:Subscription:{id}");
        to_aeds("http://127.0.0.1:9/", &json!({"id": id, "description": description}))
    };
    let path = subscribed(&platform, "watcher", &subscription("before", "前")).await;
    let context = json!({"@context": {"name": "https://example.org/name"}});
    let text = "架".repeat(600);
    platform.disks().fill("state");
    // What SQLite has put aside for itself takes some.
    let mut made = vec![path];
    let mut number = 0;
    let refusal = loop {
        number += 1;
        let answer = subscribe(&platform, "watcher", &subscription(&number.to_string(), &text)).await;
        match answer.header("location") {
            Some(location) => made.push(location.to_owned()),
            None => break answer,
        }
        assert!(number < 90, "the disk is not full");
    };
    refused(&refusal, 507, "the disk of what the gateway keeps is full");
    let list = platform
        .get(format!("{SUBSCRIPTIONS}?limit=100"))
        .by("watcher")
        .await
        .ok();
    assert_eq!(list.json().as_array().unwrap().len(), made.len(), "{list}");
    let terms = (0..1_000).map(|number| {
        (
            format!("term{number}"),
            json!(format!("https://example.org/term{number}")),
        )
    });
    let large = json!({"@context": terms.collect::<serde_json::Map<_, _>>()});
    let stored = platform
        .post("/ngsi-ld/v1/jsonldContexts")
        .by("watcher")
        .json(&large)
        .await;
    refused(&stored, 507, "the disk of what the gateway keeps is full");
    // Entities are read and written.
    assert_eq!(create(&platform, &aed("meanwhile", "間")).await.status, 201);
    assert!(read(&platform).await.contains(&"urn:ngsi-ld:AED:meanwhile".to_owned()));
    platform.admin("ops").get("/readyz").await.ok();
    assert_eq!(
        wrong(&platform, "ops").await,
        [condition("state-unwritable", Value::Null, "full")]
    );
    assert_eq!(wrong(&platform, "sano-admin").await, []);
    // So is the configuration, which will be remembered.
    platform.files().append("policies/yaita.cedar", "// a remark");
    let applied = "a new revision holds";
    until("the edit holds", || lines(&platform, "", applied) == 1).await;

    platform.disks().empty("state");
    subscribed(&platform, "watcher", &subscription("after", &text)).await;
    let stored = platform
        .post("/ngsi-ld/v1/jsonldContexts")
        .by("watcher")
        .json(&context)
        .await;
    assert_eq!(stored.status, 201, "{stored}");
    until_well(&platform).await;
    let database = "the gateway's state";
    until("the log has both lines", || {
        lines(&platform, database, "can be written again") > 0
    })
    .await;
    assert_eq!(lines(&platform, database, "a database cannot be written"), 1);

    // What could not be written at once is there after a restart.
    let mut platform = platform;
    restarted(&mut platform, |_| {}).await;
    let list = platform
        .get(format!("{SUBSCRIPTIONS}?limit=100"))
        .by("watcher")
        .await
        .ok();
    assert_eq!(list.json().as_array().unwrap().len(), made.len() + 1, "{list}");
    let history = platform
        .admin("ops")
        .get("/admin/v1/revision/history")
        .await
        .ok()
        .json();
    let causes = history["revisions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|past| past["cause"].clone());
    assert_eq!(causes.collect::<Vec<_>>(), ["files", "start"], "{history}");
}

#[tokio::test]
async fn with_full_disks_it_starts_and_reads_what_was_stored() {
    let mut platform = platform().await;
    assert_eq!(create(&platform, &aed("before", "前")).await.status, 201);
    let before = read(&platform).await;
    let path = subscribed(&platform, "watcher", &to_aeds("http://127.0.0.1:9/", &json!({}))).await;
    restarted(&mut platform, |disks| {
        for disk in ["store", "state"] {
            disks.fill(disk);
        }
    })
    .await;
    assert_eq!(read(&platform).await, before);
    platform.get(&path).by("watcher").await.ok();
    platform.admin("ops").get("/readyz").await.ok();
    refused(
        &create(&platform, &large("meanwhile")).await,
        507,
        "disk of the store is full",
    );
    let deleted = platform.request(http::Method::DELETE, &path).by("watcher").await;
    refused(&deleted, 507, "the disk of what the gateway keeps is full");
    platform.get(&path).by("watcher").await.ok();
    let expected = [
        condition("state-unwritable", Value::Null, "full"),
        condition("store-unwritable", "tochigi", "full"),
        condition("store-unwritable", "yaita", "full"),
    ];
    assert_eq!(wrong(&platform, "ops").await, expected);

    for disk in ["store", "state"] {
        platform.disks().empty(disk);
    }
    until_well(&platform).await;
    assert_eq!(create(&platform, &large("after")).await.status, 201);
    let deleted = platform.request(http::Method::DELETE, &path).by("watcher").await;
    assert_eq!(deleted.status, 204, "{deleted}");
    let found = read(&platform).await;
    assert_eq!(found.len(), before.len() + 1, "{found:?}");
}

#[tokio::test]
async fn what_was_closed_well_is_read_as_it_stands_until_there_is_room() {
    let builder = builder(|disks| disks.fill("store"));
    let platform = builder.await.start().await;
    let before = read(&platform).await;
    assert!(!before.is_empty());
    refused(
        &create(&platform, &aed("meanwhile", "間")).await,
        507,
        "disk of the store is full",
    );
    assert_eq!(wrong(&platform, "sano-admin").await, []);
    platform.disks().empty("store");
    // Another program is the first to write.
    platform
        .files()
        .write("more.jsonld", json!([aed("loaded", "積")]).to_string());
    let mut load = kakehashi(platform.files().folder());
    load.args(["store", "load", "more.jsonld", "--tenant", "yaita"]);
    let loaded = Finished::of_command(&mut platform.disks().command(&load), platform.files().folder());
    assert_eq!(loaded.code, Some(0), "{loaded:?}");
    until_well(&platform).await;
    assert_eq!(create(&platform, &aed("after", "後")).await.status, 201);
    let mut expected = before;
    expected.extend(["loaded", "after"].map(|id| format!("urn:ngsi-ld:AED:{id}")));
    expected.sort();
    let mut found = read(&platform).await;
    found.sort();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn what_was_never_stored_is_missing_while_the_disk_is_full_and_opens_by_itself() {
    let builder = builder(|disks| {
        for name in ["yaita.db", "tochigi.db"] {
            std::fs::remove_file(disks.path("store").join(name)).unwrap();
        }
        for disk in ["store", "state"] {
            disks.fill(disk);
        }
    });
    let platform = builder.await.start().await;
    let answer = platform.entities("type=AED&options=keyValues").await.ok();
    let warnings = answer.all("ngsild-warning");
    assert!(
        warnings.iter().any(|warning| warning.contains("tochigi-store")),
        "{answer}"
    );
    // Nobody has subscribed to anything, and that is known.
    let list = platform.get(SUBSCRIPTIONS).by("watcher").await.ok();
    assert_eq!(list.json(), json!([]), "{list}");
    refused(
        &create(&platform, &aed("meanwhile", "間")).await,
        507,
        "disk of the store is full",
    );
    let subscription = to_aeds("http://127.0.0.1:9/", &json!({}));
    let answer = subscribe(&platform, "watcher", &subscription).await;
    refused(&answer, 507, "the disk of what the gateway keeps is full");
    let expected = [
        condition("state-unreadable", Value::Null, "full"),
        condition("store-unreadable", "tochigi", "full"),
        condition("store-unreadable", "yaita", "full"),
    ];
    assert_eq!(wrong(&platform, "ops").await, expected);

    for disk in ["store", "state"] {
        platform.disks().empty(disk);
    }
    until_well(&platform).await;
    assert_eq!(read(&platform).await, Vec::<String>::new());
    assert_eq!(create(&platform, &aed("after", "後")).await.status, 201);
    assert_eq!(read(&platform).await, ["urn:ngsi-ld:AED:after"]);
    subscribed(&platform, "watcher", &subscription).await;
}

#[tokio::test]
async fn a_kill_on_a_full_disk_loses_nothing_that_was_acknowledged() {
    let mut platform = platform().await;
    let mut acknowledged = read(&platform).await;
    let mut number = 0;
    for round in 0..3 {
        platform.disks().fill("store");
        // Some find room in what SQLite has put aside for itself, the last does not.
        loop {
            number += 1;
            let id = format!("{round}-{number}");
            let entity = if number % 3 == 0 { large(&id) } else { aed(&id, "架") };
            let answer = create(&platform, &entity).await;
            match answer.status {
                201 => acknowledged.push(entity["id"].as_str().unwrap().to_owned()),
                507 => break,
                _ => panic!("{answer}"),
            }
        }
        platform.kill_and_start_again().await;
        let mut found = read(&platform).await;
        found.sort();
        acknowledged.sort();
        assert_eq!(found, acknowledged);
        platform.disks().empty("store");
        number += 1;
        let entity = large(&format!("{round}-{number}"));
        let answer = create(&platform, &entity).await;
        assert_eq!(answer.status, 201, "{answer}");
        acknowledged.push(entity["id"].as_str().unwrap().to_owned());
    }
    until_well(&platform).await;
}
