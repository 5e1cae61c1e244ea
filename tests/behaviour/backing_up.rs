//! `kakehashi store backup`, `restore`, `check`, `history` and `kakehashi export`: files of one tenant's partition that somebody's command
//! makes, with what is open or limited alone, and that take the place of a partition whole or not at all.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, SqliteConnection};
use stand_ins::prefecture::YAITA_ENTITIES;

use super::harness::{Files, Finished, Platform, kakehashi, key_of};
use super::subscriptions;

const MY_NUMBER: &str = "983205673214";

fn store(files: &Files, arguments: &[&str]) -> Finished {
    let (command, rest) = arguments.split_first().unwrap();
    Finished::of(
        files.folder(),
        &[&["store", command, "--tenant", "yaita"], rest].concat(),
    )
}

#[track_caller]
fn well(files: &Files, arguments: &[&str]) -> Finished {
    let finished = store(files, arguments);
    assert_eq!(finished.code, Some(0), "{arguments:?}: {finished:?}");
    finished
}

#[track_caller]
fn refused(files: &Files, arguments: &[&str], says: &str) {
    let finished = store(files, arguments);
    assert_eq!(finished.code, Some(1), "{arguments:?}: {finished:?}");
    assert!(finished.stderr.contains(says), "{says}: {finished:?}");
}

fn loaded() -> Files {
    let files = Files::committed();
    files.write("yaita.jsonld", YAITA_ENTITIES);
    well(&files, &["load", "yaita.jsonld"]);
    files
}

/// Everything that a partition holds, with its dates.
fn content(files: &Files) -> Vec<String> {
    let mut shown = Vec::new();
    let types: Value = serde_json::from_str(&well(files, &["list", "--json"]).stdout).unwrap();
    for one in types["types"].as_array().unwrap() {
        let name = one["type"].as_str().unwrap();
        let ids = well(files, &["list", "--type", name, "--limit", "3"]).stdout;
        shown.extend(ids.lines().map(|id| well(files, &["show", id]).stdout));
        shown.push(one.to_string());
    }
    shown
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_backup_is_one_file_of_its_owner_and_restores_what_was_there() {
    let files = loaded();
    let before = content(&files);
    let made = well(&files, &["backup", "yaita.backup"]);
    assert_eq!(made.stdout.trim(), "yaita: yaita.backup has 50 entities", "{made:?}");
    assert_eq!(mode(&files.folder().join("yaita.backup")), 0o600);
    let beside = fs::read_dir(files.folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    let beside: Vec<String> = beside.map(|name| name.to_string_lossy().into_owned()).collect();
    assert!(
        !beside.iter().any(|name| name.starts_with(".kakehashi-backup")),
        "{beside:?}"
    );
    refused(&files, &["backup", "yaita.backup"], "is there already");
    well(&files, &["delete", "--type", "EvacuationSite", "--yes"]);
    let later = content(&files);
    refused(
        &files,
        &["restore", "yaita.backup"],
        "with 50 entities, which would take the place of all that is there",
    );
    assert_eq!(content(&files), later, "nothing was restored");
    let restored = well(&files, &["restore", "yaita.backup", "--yes"]);
    assert!(
        restored.stdout.contains("yaita: 50 entities, as they were at "),
        "{restored:?}"
    );
    assert_eq!(content(&files), before);
    assert_eq!(well(&files, &["check"]).stdout.trim(), "yaita: the partition is whole");
    // Where there is nothing any more.
    fs::remove_dir_all(files.folder().join("store")).unwrap();
    well(&files, &["restore", "yaita.backup", "--yes"]);
    assert_eq!(content(&files), before);
    let history = Finished::well(files.folder(), &["store", "history", "--json"]);
    let history: Value = serde_json::from_str(&history.stdout).unwrap();
    let acts: Vec<&str> = history["acts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|act| act["act"].as_str().unwrap())
        .collect();
    assert_eq!(acts, ["backup", "restore", "restore"]);
    assert_eq!(history["acts"][0]["outcome"], "50 entities, 0 left out");
    assert_eq!(history["acts"][0]["what"], "yaita.backup");
}

#[test]
fn what_is_no_whole_backup_of_the_tenants_is_refused_and_changes_nothing() {
    let files = loaded();
    well(&files, &["backup", "yaita.backup"]);
    let before = content(&files);
    let path = |name: &str| files.folder().join(name);
    let whole = fs::read(path("yaita.backup")).unwrap();
    // Cut off.
    fs::write(path("cut.backup"), &whole[..whole.len() / 2]).unwrap();
    // One letter of one entity is another.
    let word = "矢板".as_bytes();
    let place = whole.windows(word.len()).position(|some| some == word).unwrap();
    let mut altered = whole.clone();
    altered[place..place + word.len()].copy_from_slice("矢坂".as_bytes());
    fs::write(path("altered.backup"), altered).unwrap();
    fs::write(
        path("text.backup"),
        "not a database, and longer than the header of one: ".repeat(40),
    )
    .unwrap();
    fs::copy(path("store/yaita.db"), path("plain.backup")).unwrap();
    fs::write(path("empty.backup"), "").unwrap();
    let pipe = std::process::Command::new("mkfifo").arg(path("pipe.backup")).status();
    assert!(pipe.unwrap().success());
    // One bit of the header, in the number of the version.
    let mut version = whole.clone();
    version[63] ^= 4;
    fs::write(path("version.backup"), version).unwrap();
    fs::copy(path("kakehashi.db"), path("state.backup")).unwrap();
    files.write(
        "tochigi.jsonld",
        json!([{ "id": "urn:ngsi-ld:AED:1", "type": "AED" }]).to_string(),
    );
    Finished::well(
        files.folder(),
        &["store", "load", "--tenant", "tochigi", "tochigi.jsonld"],
    );
    Finished::well(
        files.folder(),
        &["store", "backup", "--tenant", "tochigi", "tochigi.backup"],
    );
    for (file, says) in [
        ("cut.backup", "the file is damaged"),
        ("altered.backup", "the file is damaged"),
        ("text.backup", "the file is no database of SQLite, or is damaged"),
        ("plain.backup", "the file does not say whose it is"),
        ("state.backup", "the file is a database of another program"),
        ("tochigi.backup", "the file is a backup of the partition of `tochigi`"),
        ("none.backup", "the file cannot be read"),
        ("store", "the file cannot be read: it is a folder"),
        ("empty.backup", "the file is empty"),
        ("pipe.backup", "it is no file but a pipe, a device or a socket"),
        ("/dev/null", "it is no file but a pipe, a device or a socket"),
        (
            "version.backup",
            "its tables are not those of version 2, which it says it has",
        ),
    ] {
        refused(&files, &["restore", file, "--yes"], says);
        assert_eq!(content(&files), before, "{file}");
    }
    assert_eq!(
        fs::read(path("yaita.backup")).unwrap(),
        whole,
        "nothing was written to the backup"
    );
}

#[test]
fn what_a_restore_would_delete_is_told_before_it_is_done() {
    let files = with_persons();
    well(&files, &["backup", "yaita.backup"]);
    let of_now = [
        "1 entities of Resident are there now that the backup does not hold: a restore deletes them",
        "was left out of the backup 1 times, and does not come back: AED.fullName",
        "was left out of the backup 1 times, and does not come back: Resident",
    ];
    for says in of_now {
        refused(&files, &["restore", "yaita.backup"], says);
    }
    let restored = well(&files, &["restore", "yaita.backup", "--yes"]);
    for says in of_now {
        assert!(restored.stderr.contains(says), "{says}: {restored:?}");
    }
    let nothing_more = store(&files, &["restore", "yaita.backup"]);
    assert!(
        !nothing_more.stderr.contains("a restore deletes them"),
        "{nothing_more:?}"
    );
    // Where what is there cannot be read, that is told, and no reason not to restore.
    fs::write(files.folder().join("store/yaita.db"), "nothing").unwrap();
    refused(&files, &["restore", "yaita.backup"], "what is there now cannot be read");
    let left: Vec<_> = fs::read_dir(files.folder().join("store")).unwrap().collect();
    assert!(
        left.iter().all(|entry| !entry
            .as_ref()
            .unwrap()
            .file_name()
            .to_string_lossy()
            .starts_with(".kakehashi")),
        "{left:?}"
    );
}

#[test]
fn a_backup_takes_the_place_of_no_link() {
    let files = loaded();
    std::os::unix::fs::symlink("nowhere", files.folder().join("yaita.backup")).unwrap();
    refused(&files, &["backup", "yaita.backup"], "yaita.backup is there already");
}

#[test]
fn who_did_it_is_the_user_that_the_system_knows() {
    let files = loaded();
    let mut command = kakehashi(files.folder());
    command
        .args(["store", "backup", "--tenant", "yaita", "yaita.backup"])
        .env("USER", "somebody-else")
        .env("LOGNAME", "somebody-else")
        .env("SUDO_USER", "a\nfollowing line");
    let made = Finished::of_command(&mut command, files.folder());
    assert_eq!(made.code, Some(0), "{made:?}");
    let known = std::process::Command::new("id").arg("-un").output().unwrap();
    let known = String::from_utf8(known.stdout).unwrap().trim().to_owned();
    let history = Finished::well(files.folder(), &["store", "history"]);
    assert_eq!(history.stdout.lines().count(), 1, "{history:?}");
    assert!(
        history
            .stdout
            .contains(&format!("  {known} (SUDO_USER: a following line)  yaita.backup  ")),
        "{history:?}"
    );
}

#[tokio::test]
async fn while_a_gateway_runs_nothing_is_restored() {
    let platform = Platform::builder().await.start().await;
    let files = platform.files();
    well(files, &["backup", "yaita.backup"]);
    refused(
        files,
        &["restore", "yaita.backup", "--yes"],
        "the partition is in use: stop the gateway",
    );
    let there = platform
        .entities("type=EvacuationSite&limit=1000")
        .tenant("yaita")
        .await
        .ok();
    assert_eq!(there.ids().len(), 25);
    assert_eq!(well(files, &["check"]).stdout.trim(), "yaita: the partition is whole");
}

#[tokio::test]
async fn a_backup_under_writes_is_a_state_that_existed() {
    let mut platform = subscriptions::platform().await;
    let pair = |count: usize| {
        let one = |id: &str| json!({ "id": id, "type": "AED", "name": { "type": "Property", "value": format!("回 {count}") } });
        json!([one("urn:ngsi-ld:AED:first"), one("urn:ngsi-ld:AED:second")])
    };
    let is_over = AtomicBool::new(false);
    {
        let client = &platform;
        let (is_over, pair) = (&is_over, &pair);
        let writing = async {
            let mut count = 0;
            while !is_over.load(Ordering::Relaxed) {
                count += 1;
                let upsert = client.post("/ngsi-ld/v1/entityOperations/upsert");
                let answer = upsert.by("writer").tenant("yaita").json(&pair(count)).await;
                assert!(matches!(answer.status, 201 | 204), "{answer}");
            }
            count
        };
        let folder = platform.files().folder().to_owned();
        let backups = async {
            for number in 0..4 {
                let folder = folder.clone();
                let backing_up = tokio::task::spawn_blocking(move || {
                    let file = format!("{number}.backup");
                    Finished::well(&folder, &["store", "backup", "--tenant", "yaita", &file]);
                });
                backing_up.await.unwrap();
            }
            is_over.store(true, Ordering::Relaxed);
        };
        let (written, ()) = tokio::join!(writing, backups);
        assert!(written > 4, "{written}");
    }
    platform.gateway().terminate();
    platform.gateway_mut().wait();
    let files = platform.files();
    let mut seen = Vec::new();
    for number in 0..4 {
        well(files, &["restore", &format!("{number}.backup"), "--yes"]);
        let name = |id: &str| {
            let shown: Value = serde_json::from_str(&well(files, &["show", id]).stdout).ok()?;
            Some(shown["name"]["value"].as_str()?.to_owned())
        };
        let is_there = well(files, &["list"]).stdout.contains("AED");
        if is_there {
            let first = name("urn:ngsi-ld:AED:first");
            assert_eq!(
                first,
                name("urn:ngsi-ld:AED:second"),
                "both were always written at once"
            );
            seen.push(first);
        }
        assert_eq!(well(files, &["check"]).stdout.trim(), "yaita: the partition is whole");
    }
    assert!(!seen.is_empty());
    // And a gateway answers from it.
    platform.start_again().await;
    let there = platform
        .entities("type=EvacuationSite&limit=1000")
        .tenant("yaita")
        .await
        .ok();
    assert_eq!(there.ids().len(), 25);
}

fn with_persons() -> Files {
    let files = loaded();
    let property = |value: &str| json!({ "type": "Property", "value": value });
    let entities = json!([
        { "id": "urn:ngsi-ld:Resident:secret", "type": "Resident", "name": property("架空 太郎") },
        { "id": "urn:ngsi-ld:AED:1", "type": "AED", "name": property("庁舎"), "fullName": property("架空 花子"),
          "remarks": property(&format!("番号 {MY_NUMBER}")) },
    ]);
    files.write("persons.jsonld", entities.to_string());
    well(&files, &["load", "persons.jsonld"]);
    files
}

#[track_caller]
fn holds_nothing_personal(bytes: &[u8]) {
    for secret in ["架空", MY_NUMBER, "Resident:secret"] {
        let is_there = bytes.windows(secret.len()).any(|some| some == secret.as_bytes());
        assert!(!is_there, "{secret}");
    }
}

#[test]
fn what_is_about_persons_lies_in_no_file_that_is_made() {
    let files = with_persons();
    let made = well(&files, &["backup", "yaita.backup"]);
    assert_eq!(made.stdout.trim(), "yaita: yaita.backup has 51 entities", "{made:?}");
    for says in [
        "left out 1 times: Resident,",
        "left out 1 times: AED.fullName,",
        "left out 1 times: AED.remarks,",
    ] {
        assert!(made.stderr.contains(says), "{says}: {made:?}");
    }
    holds_nothing_personal(&fs::read(files.folder().join("yaita.backup")).unwrap());
    let export = |format: &str, file: &str| {
        Finished::well(
            files.folder(),
            &["export", "--tenant", "yaita", "--format", format, file],
        );
        assert_eq!(mode(&files.folder().join(file)), 0o600);
        let bytes = fs::read(files.folder().join(file)).unwrap();
        holds_nothing_personal(&bytes);
        String::from_utf8(bytes).unwrap()
    };
    assert_eq!(export("json-lines", "yaita.jsonl").lines().count(), 51);
    let array: Value = serde_json::from_str(&export("json", "yaita.json")).unwrap();
    assert_eq!(array.as_array().unwrap().len(), 51);
    let features: Value = serde_json::from_str(&export("geojson", "yaita.geojson")).unwrap();
    assert_eq!(features["features"].as_array().unwrap().len(), 51);
    // What was exported is imported as it was, in every form.
    for file in ["yaita.jsonl", "yaita.json", "yaita.geojson"] {
        let again = Finished::well(files.folder(), &["import", "--tenant", "yaita", file]);
        assert!(
            again.stdout.contains("0 created, 1 replaced, 50 unchanged") || again.stdout.contains("51 unchanged"),
            "{again:?}"
        );
    }
    let twice = Finished::of(files.folder(), &["export", "--tenant", "yaita", "yaita.jsonl"]);
    assert!(twice.stderr.contains("yaita.jsonl is there already"), "{twice:?}");
}

#[tokio::test]
async fn an_export_for_a_consumer_is_what_the_consumer_is_shown() {
    let platform = subscriptions::platform().await;
    let files = platform.files();
    let property = |value: &str| json!({ "type": "Property", "value": value });
    let entities = json!([
        { "id": "urn:ngsi-ld:AED:1", "type": "AED", "name": property("庁舎"), "installationLocation": property("1階") },
        { "id": "urn:ngsi-ld:AED:2", "type": "AED", "name": property("別館") },
    ]);
    files.write("aeds.jsonld", entities.to_string());
    well(files, &["load", "aeds.jsonld"]);
    for consumer in ["names-only", "watcher"] {
        let file = format!("{consumer}.json");
        let arguments = [
            "export", "--tenant", "yaita", "--as", consumer, "--format", "json", "--type", "AED", &file,
        ];
        let told = Finished::well(files.folder(), &arguments);
        assert!(!told.stderr.contains("left out"), "{told:?}");
        let exported: Value = serde_json::from_str(&files.read(&file)).unwrap();
        let mut exported = exported.as_array().unwrap().clone();
        exported.sort_by_key(|entity| entity["id"].as_str().unwrap().to_owned());
        let mut shown = platform
            .entities("type=AED")
            .tenant("yaita")
            .by(consumer)
            .await
            .ok()
            .json();
        let shown = shown.as_array_mut().unwrap();
        shown.sort_by_key(|entity| entity["id"].as_str().unwrap().to_owned());
        assert_eq!(&exported, shown, "{consumer}");
    }
    let nothing = Finished::well(files.folder(), &["export", "--tenant", "yaita", "--as", "writer", "-"]);
    assert_eq!(nothing.stdout, "", "whoever may read nothing is shown nothing");
    let unknown = Finished::of(files.folder(), &["export", "--tenant", "yaita", "--as", "watchr", "-"]);
    assert!(
        unknown
            .stderr
            .contains("no consumer is called `watchr`; did you mean `watcher`?"),
        "{unknown:?}"
    );
    let history = Finished::well(files.folder(), &["store", "history", "--tenant", "yaita"]);
    assert!(
        history.stdout.contains("as names-only: names-only.json  2 entities"),
        "{history:?}"
    );
    assert!(!history.stdout.contains(&key_of("watcher")));
}

#[tokio::test]
async fn a_partition_that_is_damaged_is_told_of() {
    let files = loaded();
    let path = files.folder().join("store/yaita.db");
    let mut connection = SqliteConnection::connect_with(&SqliteConnectOptions::new().filename(&path))
        .await
        .unwrap();
    for (statement, says) in [
        (
            "DELETE FROM attribute_values WHERE entity = (SELECT min(key) FROM entities)",
            "yaita: 1 entities are found by other values, types, scopes or places than they have",
        ),
        (
            "INSERT INTO entity_types (type, entity) VALUES (1, 99999)",
            "yaita: 1 rows of entity_types are of no entity",
        ),
        (
            "UPDATE entities SET body = x'ff' WHERE key = (SELECT max(key) FROM entities)",
            "yaita: 1 entities cannot be read",
        ),
        (
            "PRAGMA user_version = 2",
            "yaita: the tables are not those of version 2, which the file says it has",
        ),
    ] {
        sqlx::query(statement).execute(&mut connection).await.unwrap();
        refused(&files, &["check"], says);
        refused(
            &files,
            &["check"],
            "the partition of `yaita` is damaged: stop the gateway",
        );
    }
    connection.close().await.unwrap();
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 4096].fill(0x5a);
    fs::write(&path, bytes).unwrap();
    refused(&files, &["check"], "the partition of `yaita`");
}

#[test]
fn what_cannot_stand_in_the_history_is_not_done() {
    let files = loaded();
    fs::create_dir_all(files.folder().join("kakehashi.db")).unwrap();
    refused(
        &files,
        &["backup", "yaita.backup"],
        "nothing was done, because it cannot be written down in the history",
    );
    assert!(!files.folder().join("yaita.backup").exists());
}
