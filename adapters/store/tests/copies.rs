//! Backups: what is read of one, and what is not.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use futures::TryStreamExt as _;
use kakehashi_contract::Call;
use kakehashi_store::{NotRestored, PartitionCopy, StoreOptions, StorePartition};
use ngsi_ld::entity::{Attribute, AttributeValue, DateTime, Instance, Value};
use ngsi_ld::{AttributeName, Entity, EntityId, Iri, TypeName};
use rusqlite::Connection;
use tempfile::TempDir;

fn january() -> DateTime {
    DateTime::parse("2026-01-01T00:00:00Z").unwrap()
}

async fn everything(folder: &Path) -> Vec<Entity> {
    let partition = StorePartition::open(folder, "yaita", StoreOptions::default())
        .await
        .unwrap();
    let call = Call::until(Instant::now() + Duration::from_secs(30));
    let mut all: Vec<Entity> = partition.everything(call).try_collect().await.unwrap();
    partition.close().await;
    all.sort_by(|one, other| one.id.as_str().cmp(other.id.as_str()));
    all
}

/// A backup of some entities, in a folder of its own.
async fn backup(some: Vec<Entity>) -> (TempDir, PathBuf, Vec<Entity>) {
    let folder = tempfile::tempdir().unwrap();
    let partition = StorePartition::open(folder.path(), "yaita", StoreOptions::default())
        .await
        .unwrap();
    partition.load(some, january()).await.unwrap();
    partition.close().await;
    let all = everything(folder.path()).await;
    let apart = tempfile::tempdir().unwrap();
    let copy = StorePartition::open(apart.path(), "yaita", StoreOptions::for_loads())
        .await
        .unwrap();
    copy.copy_in(&all, &january()).await.unwrap();
    copy.close().await;
    let left_out = BTreeMap::from([("Resident".to_owned(), 3)]);
    StorePartition::stamp_copy(copy.file(), "yaita", january().as_str(), &left_out).unwrap();
    let file = folder.path().join("yaita.backup");
    std::fs::rename(copy.file(), &file).unwrap();
    (folder, file, all)
}

async fn restored(folder: &Path, file: &Path) -> Result<(), NotRestored> {
    let apart = tempfile::tempdir().unwrap();
    let copy = PartitionCopy::open("yaita", file)?;
    copy.restore(folder, apart.path()).await.map(|_| ())
}

fn some() -> Vec<Entity> {
    let named = |name: &str| Iri::new(format!("https://example.org/{name}"));
    let entity = |number: usize| {
        let id = EntityId::parse(&format!("urn:ngsi-ld:AED:{number}")).unwrap();
        let mut entity = Entity::new(id, TypeName::new(named(["AED", "Site", "Road"][number % 3])));
        for name in ["name", "remarks"] {
            let value = AttributeValue::Property(Value::from(format!("庁舎 {number}").as_str()));
            let attribute = Attribute::new(AttributeName::new(named(name)), Instance::new(value));
            entity.attributes.push(attribute);
        }
        entity
    };
    (0..30).map(entity).collect()
}

#[tokio::test]
async fn a_bit_that_is_wrong_is_found_or_changes_nothing() {
    let (_kept, file, all) = backup(some()).await;
    let whole = std::fs::read(&file).unwrap();
    let place = tempfile::tempdir().unwrap();
    restored(place.path(), &file).await.unwrap();
    assert_eq!(everything(place.path()).await, all);
    // Every byte of the header, and some of all.
    let step = (whole.len() / 60).max(1);
    let bytes = (0..100).chain((100..whole.len()).step_by(step));
    for (byte, bit) in bytes.zip((0..8).cycle()) {
        let mut altered = whole.clone();
        altered[byte] ^= 1 << bit;
        std::fs::write(&file, altered).unwrap();
        let place = tempfile::tempdir().unwrap();
        if restored(place.path(), &file).await.is_ok() {
            assert_eq!(everything(place.path()).await, all, "{byte} {bit}");
            assert_eq!(StorePartition::check(place.path(), "yaita").unwrap(), [""; 0]);
        }
    }
    // The number of the version, each bit of it.
    for bit in 0..8 {
        let mut altered = whole.clone();
        altered[63] ^= 1 << bit;
        std::fs::write(&file, altered).unwrap();
        let place = tempfile::tempdir().unwrap();
        assert!(restored(place.path(), &file).await.is_err(), "{bit}");
    }
}

#[tokio::test]
async fn nothing_of_a_copy_is_used_but_its_entities_as_they_were() {
    let (_kept, file, all) = backup(some()).await;
    let whole = std::fs::read(&file).unwrap();
    for (statement, says) in [
        (
            "UPDATE names SET name = name || 'x' WHERE key = 1",
            NotRestored::Altered,
        ),
        (
            "UPDATE copy_of SET made_at = '2020-01-01T00:00:00Z'",
            NotRestored::Altered,
        ),
        ("DELETE FROM copy_without", NotRestored::Altered),
        (
            "DELETE FROM entities WHERE key = (SELECT max(key) FROM entities)",
            NotRestored::Altered,
        ),
        ("DROP TRIGGER an_entity_more", NotRestored::Shape(6)),
        (
            "CREATE TRIGGER mine AFTER INSERT ON entities BEGIN DELETE FROM entities; END",
            NotRestored::Shape(6),
        ),
        ("PRAGMA user_version = 5", NotRestored::Shape(5)),
        ("PRAGMA user_version = 0", NotRestored::Shape(0)),
        (
            "UPDATE copy_of SET tenant = 'sano'",
            NotRestored::OfAnother("sano".to_owned()),
        ),
    ] {
        std::fs::write(&file, &whole).unwrap();
        let connection = Connection::open(&file).unwrap();
        connection.execute_batch(statement).unwrap();
        connection.close().unwrap();
        let place = tempfile::tempdir().unwrap();
        assert_eq!(restored(place.path(), &file).await, Err(says), "{statement}");
        assert!(!StorePartition::is_there(place.path(), "yaita").unwrap(), "{statement}");
    }
    // What stands in tables that are not read does not come in.
    std::fs::write(&file, &whole).unwrap();
    let connection = Connection::open(&file).unwrap();
    let outbox =
        "INSERT INTO outbox (at, kind, detail, bytes, upto) VALUES (1, 1, x'00', 1, 0); DELETE FROM entity_types";
    connection.execute_batch(outbox).unwrap();
    connection.close().unwrap();
    let place = tempfile::tempdir().unwrap();
    restored(place.path(), &file).await.unwrap();
    assert_eq!(everything(place.path()).await, all);
    assert_eq!(StorePartition::check(place.path(), "yaita").unwrap(), [""; 0]);
}

#[tokio::test]
async fn what_the_copy_does_not_hold_is_counted_before() {
    let (kept, file, all) = backup(some()).await;
    let copy = PartitionCopy::open("yaita", &file).unwrap();
    assert_eq!(copy.stamp().left_out, BTreeMap::from([("Resident".to_owned(), 3)]));
    assert_eq!(copy.missing(kept.path()).unwrap(), BTreeMap::new());
    let mut other = all[0].clone();
    other.id = EntityId::parse("urn:ngsi-ld:other:1").unwrap();
    let partition = StorePartition::open(kept.path(), "yaita", StoreOptions::default())
        .await
        .unwrap();
    partition.load([other], january()).await.unwrap();
    assert_eq!(copy.missing(kept.path()).unwrap().values().sum::<u64>(), 1);
    partition.close().await;
}

#[tokio::test]
async fn a_partition_with_other_tables_than_its_version_has_is_not_whole() {
    for statement in [
        "DROP TRIGGER an_entity_more",
        "PRAGMA user_version = 2",
        "PRAGMA user_version = 7",
        "PRAGMA application_id = 1",
    ] {
        let (kept, ..) = backup(some()).await;
        assert_eq!(StorePartition::check(kept.path(), "yaita").unwrap(), [""; 0]);
        let connection = Connection::open(kept.path().join("yaita.db")).unwrap();
        connection.execute_batch(statement).unwrap();
        drop(connection);
        assert_eq!(
            StorePartition::check(kept.path(), "yaita").unwrap().len(),
            1,
            "{statement}"
        );
    }
}
