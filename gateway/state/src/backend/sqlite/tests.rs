//! Files of SQLite: of earlier and later versions, and of others.

use std::collections::BTreeMap;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, SqliteConnection};
use tempfile::TempDir;

use super::*;
use crate::State;
use crate::contexts::ContextRecord;
use crate::subscriptions::NotifiedRecord;

/// What a gateway has written before this database stood behind a seam, as `sqlite3 .dump` tells it.
const AS_BEFORE: &str = include_str!("as_before.sql");

/// The subscriptions as the first version kept them.
const FIRST_SUBSCRIPTIONS: &str = "
    CREATE TABLE versions (part TEXT PRIMARY KEY, version INTEGER NOT NULL) STRICT;
    INSERT INTO versions VALUES ('subscriptions', 1);
    CREATE TABLE subscriptions (
        owner TEXT NOT NULL, tenant TEXT NOT NULL, id TEXT NOT NULL, document TEXT NOT NULL,
        created_at INTEGER NOT NULL, modified_at INTEGER NOT NULL,
        times_sent INTEGER NOT NULL DEFAULT 0, times_failed INTEGER NOT NULL DEFAULT 0,
        last_notification TEXT, last_success TEXT, last_failure TEXT, is_ok INTEGER,
        PRIMARY KEY (owner, tenant, id)
    ) STRICT;
    INSERT INTO subscriptions VALUES ('watcher', '', 'urn:s:1', '{}', 1, 2, 0, 0, NULL, NULL, NULL, NULL);
";

async fn connected(file: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(file).create_if_missing(true);
    SqliteConnection::connect_with(&options).await.unwrap()
}

/// A file in which these statements were run.
async fn written(statements: &'static str) -> (TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("state.db");
    let mut connection = connected(&file).await;
    sqlx::raw_sql(statements).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    (folder, file)
}

/// The columns of every table, with what they may hold.
async fn tables(file: &Path) -> BTreeMap<String, Vec<(String, String, bool, Option<String>, i64)>> {
    let mut connection = connected(file).await;
    let columns: Vec<(String, String, String, bool, Option<String>, i64)> = sqlx::query_as(
        "SELECT m.name, c.name, c.type, c.\"notnull\", c.dflt_value, c.pk
         FROM sqlite_schema m, pragma_table_info(m.name) c WHERE m.type IN ('table', 'index') ORDER BY m.name, c.cid",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    let mut tables: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for (table, name, kind, not_null, default, key) in columns {
        tables
            .entry(table)
            .or_default()
            .push((name, kind, not_null, default, key));
    }
    tables
}

#[tokio::test]
async fn what_was_written_before_is_read_as_it_was() {
    let (folder, file) = written(AS_BEFORE).await;
    let state = State::open(&file).await.unwrap();

    let subscriptions = state.subscriptions().subscriptions().await.unwrap();
    let named: Vec<_> = subscriptions
        .iter()
        .map(|subscription| {
            (
                subscription.owner.as_str(),
                subscription.tenant.as_deref(),
                subscription.id.as_str(),
            )
        })
        .collect();
    assert_eq!(
        named,
        [
            ("watcher", None, "urn:ngsi-ld:Subscription:aeds"),
            ("watcher", Some("yaita"), "urn:ngsi-ld:Subscription:two")
        ]
    );
    let [first, second] = subscriptions.try_into().unwrap();
    assert!(
        first.text.document.contains("\"watchedAttributes\":[\"n1\"]"),
        "{}",
        first.text.document
    );
    let proof = "key 3047f093e2a3223e33c7d3c80f6ce9a25e0c5bdc52a4403be6b5c507a17f3a14";
    assert_eq!((first.purpose, first.text.proof.as_deref()), (None, Some(proof)));
    assert_eq!(first.notified, NotifiedRecord::default());
    assert_eq!(second.purpose.as_deref(), Some("disaster-response"));
    assert_eq!(
        (second.created_at, second.modified_at),
        (1_796_013_701_693, 1_796_013_701_699)
    );
    assert_eq!(
        second.notified,
        NotifiedRecord {
            times_sent: 3,
            times_failed: 1,
            last_notification: Some("2026-11-30T04:41:43.1Z".to_owned()),
            last_success: Some("2026-11-30T04:41:42Z".to_owned()),
            last_failure: Some("2026-11-30T04:41:43.1Z".to_owned()),
            is_ok: Some(false),
        }
    );

    let id = "b039c241251af3f8bed5f971ec539aff";
    let context = ContextRecord {
        id: id.to_owned(),
        owner: "watcher".to_owned(),
        kind: "Hosted".to_owned(),
        public: false,
        created_at: 1_796_013_701_122,
        document: "{\"@context\":{\"name\":\"https://example.org/name\"}}".to_owned(),
    };
    assert_eq!(state.contexts().context("watcher", id).await.unwrap(), Some(context));

    let revisions = state.revisions().revisions().await.unwrap();
    let told: Vec<_> = revisions
        .iter()
        .map(|past| {
            (
                past.at,
                past.cause.as_str(),
                past.administrator.as_deref(),
                &*past.files["tenants.toml"],
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (1_796_013_701_065, "start", None, "[tenants.sano]\n"),
            (1_796_013_706_065, "apply", Some("hanako"), "[tenants.yaita]\n")
        ]
    );
    state.close().await;

    let fresh = folder.path().join("fresh.db");
    State::open(&fresh).await.unwrap().close().await;
    assert_eq!(
        tables(&file).await,
        tables(&fresh).await,
        "a new file has the tables of the old one"
    );
}

#[tokio::test]
async fn an_older_file_gets_what_it_lacks() {
    let (_folder, file) = written(FIRST_SUBSCRIPTIONS).await;
    let state = State::open(&file).await.unwrap();
    let [only] = state.subscriptions().subscriptions().await.unwrap().try_into().unwrap();
    assert_eq!((only.purpose, only.text.proof), (None, None));
    assert_eq!((only.created_at, only.modified_at), (1, 2));
    assert!(state.contexts().contexts_of("watcher").await.unwrap().is_empty());
}

#[tokio::test]
async fn a_file_of_a_later_version_is_refused() {
    for part in ["subscriptions", "config", "contexts"] {
        let (_folder, file) = written(AS_BEFORE).await;
        let mut connection = connected(&file).await;
        let later = sqlx::query("UPDATE versions SET version = version + 99 WHERE part = ?1").bind(part);
        assert_eq!(later.execute(&mut connection).await.unwrap().rows_affected(), 1);
        connection.close().await.unwrap();
        assert!(matches!(State::open(&file).await, Err(StateError::Later)), "{part}");
    }
}

#[tokio::test]
async fn what_no_gateway_has_written_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("state.db");
    std::fs::write(&file, "no database at all, and longer than the head of one ".repeat(20)).unwrap();
    assert!(matches!(State::open(&file).await, Err(StateError::Failed(_))));
}
