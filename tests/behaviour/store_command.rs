//! `kakehashi store`: what a tenant's partition holds is listed, shown, deleted; a load says everything that is wrong with its
//! file, and what nobody will see of it.

use serde_json::{Value, json};
use stand_ins::prefecture::YAITA_ENTITIES;

use super::harness::{Files, Finished, Platform, until};
use super::notifications::{self, body_of, endpoint, put};
use super::subscriptions::{self, subscribed, to_aeds};

fn loaded() -> Files {
    let files = Files::committed();
    files.write("yaita.jsonld", YAITA_ENTITIES);
    load(&files, "yaita.jsonld");
    files
}

fn load(files: &Files, file: &str) -> Finished {
    Finished::well(files.folder(), &["store", "load", file, "--tenant", "yaita"])
}

fn store(files: &Files, arguments: &[&str]) -> Finished {
    let (command, rest) = arguments.split_first().unwrap();
    let arguments = [&["store", command, "--tenant", "yaita"], rest].concat();
    Finished::of(files.folder(), &arguments)
}

fn well(files: &Files, arguments: &[&str]) -> String {
    let finished = store(files, arguments);
    assert_eq!(finished.code, Some(0), "{arguments:?}: {finished:?}");
    finished.stdout
}

fn refused(files: &Files, arguments: &[&str], says: &str) {
    let finished = store(files, arguments);
    assert_eq!(finished.code, Some(1), "{arguments:?}: {finished:?}");
    assert!(finished.stderr.contains(says), "{arguments:?}: {}", finished.stderr);
}

fn aed(id: &str, more: &Value) -> Value {
    let mut entity = json!({ "id": id, "type": "AED", "name": { "type": "Property", "value": "市役所" } });
    entity
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    entity
}

#[test]
fn what_a_partition_holds_is_listed_by_type_and_page_by_page() {
    let files = loaded();
    let types = well(&files, &["list"]);
    let counted: Vec<Vec<&str>> = types.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(counted, [["25", "DesignatedShelter"], ["25", "EvacuationSite"]]);
    let mut ids = Vec::new();
    for offset in ["0", "10", "20"] {
        let page = well(
            &files,
            &["list", "--type", "EvacuationSite", "--limit", "10", "--offset", offset],
        );
        ids.extend(page.lines().map(str::to_owned));
    }
    let page = store(&files, &["list", "--type", "EvacuationSite", "--limit", "10"]);
    assert!(page.stderr.contains("10 of 25; --offset 10 goes on"), "{}", page.stderr);
    let all: Value = serde_json::from_str(&well(&files, &["list", "--type", "EvacuationSite", "--json"])).unwrap();
    assert_eq!(all["ids"], json!(ids));
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 25);
    let types: Value = serde_json::from_str(&well(&files, &["list", "--json"])).unwrap();
    assert_eq!(types["types"][0], json!({ "type": "DesignatedShelter", "count": 25 }));
    refused(
        &files,
        &["list", "--type", "EvacuationSit"],
        "did you mean `EvacuationSite`?",
    );
    refused(
        &files,
        &["list", "--type", "Pigeon"],
        "it holds DesignatedShelter, EvacuationSite",
    );
    let sano = Finished::of(files.folder(), &["store", "list", "--tenant", "sano"]);
    assert!(sano.stderr.contains("these have one: tochigi, yaita"), "{sano:?}");
    let empty = Finished::of(files.folder(), &["store", "list", "--tenant", "tochigi"]);
    assert!(empty.stderr.contains("nothing was ever loaded"), "{empty:?}");
    assert!(
        !files.folder().join("store/tochigi.db").exists(),
        "looking makes nothing"
    );
}

#[test]
fn an_entity_is_shown_as_it_rests() {
    let files = loaded();
    let entities: Vec<Value> = serde_json::from_str(YAITA_ENTITIES).unwrap();
    let id = entities[0]["id"].as_str().unwrap();
    let mut shown: Value = serde_json::from_str(&well(&files, &["show", id])).unwrap();
    let shown = shown.as_object_mut().unwrap();
    assert!(shown.remove("createdAt").is_some() && shown.remove("modifiedAt").is_some());
    assert_eq!(shown["name"]["value"], entities[0]["name"]["value"]);
    assert_eq!(shown.keys().count(), entities[0].as_object().unwrap().len());
    refused(
        &files,
        &["show", "urn:ngsi-ld:AED:none"],
        "holds no urn:ngsi-ld:AED:none",
    );
    refused(&files, &["show", "none"], "is no id of an entity");
}

#[test]
fn what_is_deleted_by_type_is_asked_for_twice() {
    let files = loaded();
    let id = well(&files, &["list", "--type", "EvacuationSite", "--limit", "1"]);
    let deleted = store(&files, &["delete", id.trim(), "urn:ngsi-ld:AED:none"]);
    assert_eq!(deleted.stdout.trim(), "yaita: 1 deleted", "{deleted:?}");
    for says in [
        "urn:ngsi-ld:AED:none was not there",
        "tells subscribers of `entityDeleted`",
    ] {
        assert!(deleted.stderr.contains(says), "{deleted:?}");
    }
    refused(&files, &["delete", id.trim()], "holds no urn:ngsi-ld:EvacuationSite");
    let next = well(&files, &["list", "--type", "EvacuationSite", "--limit", "1"]);
    let twice = store(&files, &["delete", next.trim(), next.trim()]);
    assert_eq!(twice.stdout.trim(), "yaita: 1 deleted", "{twice:?}");
    assert!(!twice.stderr.contains("was not there"), "{twice:?}");
    refused(
        &files,
        &["delete", "--type", "EvacuationSite"],
        "23 entities of type `EvacuationSite` would be deleted from the partition of `yaita`, for good: nothing was deleted",
    );
    assert_eq!(
        well(&files, &["delete", "--type", "EvacuationSite", "--yes"]).trim(),
        "yaita: 23 deleted"
    );
    assert_eq!(well(&files, &["list"]).trim(), "25  DesignatedShelter");
    for wrong in [
        ["delete"].as_slice(),
        &["delete", "--type", "AED", "urn:a:1"],
        &["delete", "--yes", "urn:a:1"],
    ] {
        assert_eq!(store(&files, wrong).code, Some(2), "{wrong:?}");
    }
}

#[test]
fn a_load_tells_all_faults_of_its_file_at_once_and_loads_nothing() {
    let files = Files::committed();
    let entities = json!([
        aed("urn:ngsi-ld:AED:1", &json!({})),
        { "id": "urn:ngsi-ld:AED:2" },
        aed("urn:ngsi-ld:AED:3", &json!({ "name": { "type": "Nothing" } })),
        aed("urn:ngsi-ld:AED:1", &json!({})),
        aed("urn:ngsi-ld:AED:4", &json!({ "@context": "https://elsewhere.example/c.jsonld" })),
        { "id": "urn:ngsi-ld:AED:5", "type": "Resident" },
    ]);
    files.write("wrong.jsonld", serde_json::to_string_pretty(&entities).unwrap());
    let finished = store(&files, &["load", "wrong.jsonld"]);
    assert_eq!(finished.code, Some(1), "{finished:?}");
    for says in [
        "nothing was loaded, because of 5 faults",
        "entity 2 (line 10): ",
        "entity 3 (line 13): name",
        "entity 1 (line 2) and entity 4 (line 20) have one id",
        "its @context names https://elsewhere.example/c.jsonld, which is not fetched here",
        "the id of entity 6 (line ",
    ] {
        assert!(finished.stderr.contains(says), "{says}: {}", finished.stderr);
    }
    assert!(!files.folder().join("store/yaita.db").exists(), "nothing was made");
}

#[test]
fn a_file_that_does_not_fit_into_memory_is_refused_and_says_what_to_do() {
    let files = Files::committed();
    // Without content, so that no disk is filled.
    let large = std::fs::File::create(files.folder().join("large.jsonld")).unwrap();
    large.set_len(256 * 1024 * 1024 + 1).unwrap();
    for file in ["large.jsonld", "/dev/zero"] {
        let says = format!("nothing was loaded: {file} holds more than 256 MiB");
        refused(&files, &["load", file], &says);
        refused(&files, &["load", file], "load it in portions");
    }
    refused(&files, &["load", "none.jsonld"], "cannot read none.jsonld");
}

#[test]
fn a_file_that_a_spreadsheet_has_saved_is_loaded() {
    let files = Files::committed();
    files.write("marked.jsonld", format!("\u{feff}{YAITA_ENTITIES}"));
    let loaded = load(&files, "marked.jsonld");
    assert!(loaded.stdout.contains("50 created"), "{loaded:?}");
    let wide: Vec<u8> = format!("\u{feff}{YAITA_ENTITIES}")
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    files.write("wide.jsonld", wide);
    refused(&files, &["load", "wide.jsonld"], "it is UTF-16: save it as UTF-8");
}

#[test]
fn an_entity_is_loaded_under_its_own_context() {
    let files = Files::committed();
    let own = json!({ "@context": { "Defibrillator": "https://example.jp/Defibrillator" } });
    let mut entity = aed("urn:own:1", &own);
    entity["type"] = "Defibrillator".into();
    files.write("own.jsonld", json!([entity]).to_string());
    let loaded = load(&files, "own.jsonld");
    assert!(loaded.stdout.contains("1 created"), "{loaded:?}");
    assert_eq!(well(&files, &["list"]).trim(), "1  https://example.jp/Defibrillator");
}

#[test]
fn a_load_says_what_nobody_will_see_and_whether_subscribers_are_told() {
    let files = Files::committed();
    let more = json!({
        "neverHeardOf": { "type": "Property", "value": 1 },
        "fullName": { "type": "Property", "value": "x" },
    });
    let unknown = json!({ "id": "urn:x:1", "type": "NeverHeardOf" });
    files.write(
        "more.jsonld",
        json!([aed("urn:ngsi-ld:AED:1", &more), unknown]).to_string(),
    );
    let told = load(&files, "more.jsonld").stderr;
    for says in [
        "nobody sees `neverHeardOf` of `AED`: nobody has classified `neverHeardOf`, and its source may hold personal data",
        "nobody sees `fullName` of `AED`: `fullName` is classed personal, which no policy can grant",
        "nobody sees `NeverHeardOf`: nobody has classified the type",
        "a gateway that runs on this store tells its subscribers",
    ] {
        assert!(told.contains(says), "{says}: {told}");
    }
    assert!(!told.contains("`name`"), "{told}");
    files.write("yaita.jsonld", YAITA_ENTITIES);
    let told = load(&files, "yaita.jsonld").stderr;
    assert!(!told.contains("nobody sees"), "{told}");
    let many: Vec<Value> = (0..501)
        .map(|number| aed(&format!("urn:ngsi-ld:AED:many-{number}"), &json!({})))
        .collect();
    files.write("many.jsonld", json!(many).to_string());
    let told = load(&files, "many.jsonld").stderr;
    assert!(
        told.contains("subscribers are told nothing of a load of more than 500 entities"),
        "{told}"
    );
    // More than one transaction deletes.
    assert_eq!(
        well(&files, &["delete", "--type", "AED", "--yes"]).trim(),
        "yaita: 502 deleted"
    );
    // Where nothing of Yaita's is permitted, nobody sees anything of it.
    files.write("policies/yaita.cedar", "");
    let told = load(&files, "yaita.jsonld").stderr;
    assert!(
        told.contains("nobody sees `EvacuationSite`: no permit covers it"),
        "{told}"
    );
}

#[tokio::test]
async fn what_is_deleted_beside_a_running_gateway_is_gone_from_its_answers() {
    let platform = Platform::builder().await.start().await;
    let before = platform
        .entities("type=EvacuationSite&limit=1000")
        .tenant("yaita")
        .await
        .ok()
        .ids();
    assert_eq!(before.len(), 25);
    Finished::well(
        platform.files().folder(),
        &["store", "delete", "--tenant", "yaita", &before[0]],
    );
    let after = platform
        .entities("type=EvacuationSite&limit=1000")
        .tenant("yaita")
        .await
        .ok()
        .ids();
    assert_eq!(after, before[1..]);
    Finished::well(
        platform.files().folder(),
        &[
            "store",
            "delete",
            "--tenant",
            "yaita",
            "--type",
            "EvacuationSite",
            "--yes",
        ],
    );
    assert_eq!(
        platform
            .entities("type=EvacuationSite&limit=1000")
            .tenant("yaita")
            .await
            .ok()
            .ids()
            .len(),
        0
    );
}

#[tokio::test]
async fn subscribers_are_told_of_what_is_deleted() {
    let (platform, server) = (subscriptions::platform().await, endpoint().await);
    let id = "urn:ngsi-ld:AED:deleted-by-command";
    put(&platform, &notifications::aed(id, "市役所")).await;
    let gone = json!({ "notificationTrigger": ["entityDeleted"] });
    subscribed(&platform, "watcher", &to_aeds(&format!("{}/n", server.url()), &gone)).await;
    Finished::well(platform.files().folder(), &["store", "delete", "--tenant", "yaita", id]);
    until("it is told", || !server.requests().is_empty()).await;
    let told = body_of(&server.requests()[0]);
    assert_eq!(told["data"][0]["id"], id, "{told:#}");
    assert!(told["data"][0]["deletedAt"].is_string(), "{told:#}");
}
