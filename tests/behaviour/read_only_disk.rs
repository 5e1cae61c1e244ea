//! A read-only disk, or file, under the store or the gateway's state: as with a full one, what can be read is read, from the
//! start, and writing works by itself as soon as it can.

use serde_json::{Value, json};

use super::full_disk::{aed, condition, create, lines, platform, read, refused, restarted, until_well, wrong};
use super::harness::until;
use super::subscriptions::{SUBSCRIPTIONS, subscribe, subscribed, to_aeds};

#[tokio::test]
async fn read_only_disks_are_read_from_the_start_and_written_as_soon_as_they_can_be() {
    let mut platform = platform().await;
    assert_eq!(create(&platform, &aed("before", "前")).await.status, 201);
    let before = read(&platform).await;
    let subscription = to_aeds("http://127.0.0.1:9/", &json!({}));
    let path = subscribed(&platform, "watcher", &subscription).await;
    // Closed well, and in the midst of everything.
    for killed in [false, true] {
        if killed {
            platform.gateway_mut().kill();
        } else {
            platform.gateway().terminate();
            platform.gateway_mut().wait();
        }
        for disk in ["store", "state"] {
            platform.disks().make_read_only(disk);
        }
        platform.start_again().await;
        assert_eq!(read(&platform).await, before);
        platform.get(&path).by("watcher").await.ok();
        platform.admin("ops").get("/readyz").await.ok();
        let answer = create(&platform, &aed("meanwhile", "間")).await;
        refused(&answer, 503, "the store cannot be written now");
        let deleted = platform.request(http::Method::DELETE, &path).by("watcher").await;
        refused(&deleted, 503, "what the gateway keeps cannot be written now");
        let expected = [
            condition("state-unwritable", Value::Null, "read_only"),
            condition("store-unwritable", "tochigi", "read_only"),
            condition("store-unwritable", "yaita", "read_only"),
        ];
        assert_eq!(wrong(&platform, "ops").await, expected);

        for disk in ["store", "state"] {
            platform.disks().make_writable(disk);
        }
        until_well(&platform).await;
        let answer = create(&platform, &aed("after", "後")).await;
        assert_eq!(answer.status, 201, "{answer}");
        let deleted = platform
            .delete("urn:ngsi-ld:AED:after")
            .by("writer")
            .tenant("yaita")
            .await;
        assert_eq!(deleted.status, 204, "{deleted}");
    }
}

#[tokio::test]
async fn what_cannot_even_be_read_is_missing_until_it_can_be() {
    let mut platform = platform().await;
    // A partition is looked after once when it is opened: what was erased before is cleared from its WAL.
    let wal = platform.disks().path("store/yaita.db-wal");
    until("the partition is looked after", || {
        std::fs::metadata(&wal).is_ok_and(|file| file.len() == 0)
    })
    .await;
    assert_eq!(create(&platform, &aed("before", "前")).await.status, 201);
    let before = read(&platform).await;
    let subscription = to_aeds("http://127.0.0.1:9/", &json!({}));
    let path = subscribed(&platform, "watcher", &subscription).await;
    let context = json!({"@context": {"AED": "https://example.org/AED"}});
    let stored = platform
        .post("/ngsi-ld/v1/jsonldContexts")
        .by("watcher")
        .json(&context)
        .await;
    let context = format!(
        "<{}>; rel=\"http://www.w3.org/ns/json-ld#context\"",
        stored.header("location").unwrap()
    );
    platform.gateway_mut().kill();
    // What was written last is in the WAL, and without its index SQLite does not read one from a disk that is read-only.
    for file in ["store/yaita.db-shm", "state/kakehashi.db-shm"] {
        std::fs::remove_file(platform.disks().path(file)).unwrap();
    }
    for disk in ["store", "state"] {
        platform.disks().make_read_only(disk);
    }
    platform.start_again().await;
    let answer = platform
        .entities("type=AED,EvacuationSite&options=keyValues")
        .await
        .ok();
    let warnings = answer.all("ngsild-warning");
    assert!(
        warnings.iter().any(|warning| warning.contains("tochigi-store")),
        "{answer}"
    );
    // Nobody is told that what is not known does not exist.
    for path in [SUBSCRIPTIONS, &path] {
        let answer = platform.get(path).by("watcher").await;
        refused(&answer, 503, "the subscriptions cannot be read now");
    }
    let answer = platform
        .entities("type=AED")
        .header("link", &context)
        .by("watcher")
        .await;
    refused(&answer, 503, "@contexts that are stored here cannot be read now");
    platform.admin("ops").get("/readyz").await.ok();
    let expected = [
        condition("state-unreadable", Value::Null, "read_only"),
        condition("store-unwritable", "tochigi", "read_only"),
        condition("store-unreadable", "yaita", "read_only"),
    ];
    assert_eq!(wrong(&platform, "ops").await, expected);
    let sources = platform.admin("ops").get("/admin/v1/sources").await.ok().json();
    let health = |tenant: &str| {
        let sources = sources["sources"].as_array().unwrap().iter();
        let mut own = sources.filter(|source| source["adapter"] == "store" && source["tenant"] == tenant);
        own.next().unwrap()["health"].clone()
    };
    assert_eq!((health("yaita"), health("tochigi")), ("failing".into(), "ok".into()));

    for disk in ["store", "state"] {
        platform.disks().make_writable(disk);
    }
    until_well(&platform).await;
    assert_eq!(read(&platform).await, before);
    until("the subscriptions are read", || {
        lines(&platform, "", "the subscriptions could be read") == 1
    })
    .await;
    platform.get(&path).by("watcher").await.ok();
    platform
        .entities("type=AED")
        .header("link", &context)
        .by("watcher")
        .await
        .ok();
}

#[tokio::test]
async fn a_read_only_file_is_read_and_written_as_soon_as_it_can_be() {
    let mut platform = platform().await;
    let before = read(&platform).await;
    let files = ["store/yaita.db", "state/kakehashi.db"];
    restarted(&mut platform, |disks| {
        for file in files {
            disks.make_file_read_only(file);
        }
    })
    .await;
    assert_eq!(read(&platform).await, before);
    let answer = create(&platform, &aed("meanwhile", "間")).await;
    refused(&answer, 503, "the store cannot be written now");
    let subscription = to_aeds("http://127.0.0.1:9/", &json!({}));
    let answer = subscribe(&platform, "watcher", &subscription).await;
    refused(&answer, 503, "what the gateway keeps cannot be written now");
    let expected = [
        condition("state-unwritable", Value::Null, "read_only"),
        condition("store-unwritable", "yaita", "read_only"),
    ];
    assert_eq!(wrong(&platform, "ops").await, expected);
    for file in files {
        platform.disks().make_file_writable(file);
    }
    until_well(&platform).await;
    assert_eq!(create(&platform, &aed("after", "後")).await.status, 201);
    subscribed(&platform, "watcher", &subscription).await;
}
