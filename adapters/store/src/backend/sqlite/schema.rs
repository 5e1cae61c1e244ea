//! The tables of a partition, and how a file of an earlier version becomes one of this version.
//!
//! - `names`: every expanded name and its number (see [`names`](crate::names)).
//! - `entities`: one row an entity; the body is what [`body`](crate::body) encodes. Ids compare byte by byte,
//!   which for UTF-8 is the order of code points.
//! - `entity_types`: which entities have a type.
//! - `several_types`: the entities with more than one type, kept by triggers: whether there are any is asked
//!   with every page.
//! - `attribute_values`: what comparisons look at (see [`index`](crate::index)).
//! - `expiries`: when an entity, or the first part of it, expires.
//! - `entity_scopes`: the scopes of entities, without their first slash.
//! - `id_blocks`, `type_blocks`: how many entities of a type there are, and how many up to some id, without counting them.
//! - `outbox`: what was changed, in the order of the commits (see [`outbox`](super::outbox)); `outbox_lost`: up to where
//!   it may be gone.
//! - `locations`, `location_boxes`: the bounding boxes of geometries, in an R*Tree. Its coordinates are `f32`,
//!   rounded outwards: a box found may miss by metres, so it narrows and never decides.
//!
//! Dates are kept as text that sorts by time (see [`index::date_time_key`](crate::index::date_time_key)).

use async_trait::async_trait;
use compact_str::CompactString;
use kakehashi_database::{CannotOpen, Found, Schema};
use sqlx::SqliteConnection;

use crate::rows::{EntityKey, without_first_slash};
use crate::{StoreError, body};

/// `PRAGMA application_id` of a partition's file: "Kake" in ASCII.
pub(super) const APPLICATION_ID: i64 = 0x4b61_6b65;

/// What leads from each version to the next: the first entry makes version 1 from an empty file. Entries are
/// only ever added.
const MIGRATIONS: &[&str] = &[
    "
    CREATE TABLE names (
        key INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE
    ) STRICT;

    CREATE TABLE entities (
        key INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        created_at TEXT NOT NULL,
        modified_at TEXT NOT NULL,
        body BLOB NOT NULL
    ) STRICT;

    CREATE TABLE entity_types (
        type INTEGER NOT NULL,
        entity INTEGER NOT NULL,
        PRIMARY KEY (type, entity)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX entity_types_by_entity ON entity_types (entity);

    CREATE TABLE attribute_values (
        entity INTEGER NOT NULL,
        name INTEGER NOT NULL,
        instance INTEGER NOT NULL,
        element INTEGER NOT NULL,
        kind INTEGER NOT NULL,
        number REAL,
        text TEXT,
        PRIMARY KEY (entity, name, instance, element, kind)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX attribute_values_by_number ON attribute_values (name, kind, number) WHERE number IS NOT NULL;
    CREATE INDEX attribute_values_by_text ON attribute_values (name, kind, text) WHERE text IS NOT NULL;

    CREATE TABLE locations (
        key INTEGER PRIMARY KEY,
        entity INTEGER NOT NULL,
        name INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX locations_by_entity ON locations (entity);
    CREATE VIRTUAL TABLE location_boxes USING rtree (
        key, min_longitude, max_longitude, min_latitude, max_latitude
    );
",
    "
    CREATE TABLE several_types (
        entity INTEGER PRIMARY KEY
    ) STRICT;
    CREATE TRIGGER a_type_more AFTER INSERT ON entity_types
    WHEN (SELECT count(*) FROM entity_types WHERE entity = NEW.entity) > 1
    BEGIN
        INSERT OR IGNORE INTO several_types (entity) VALUES (NEW.entity);
    END;
    CREATE TRIGGER a_type_less AFTER DELETE ON entity_types
    BEGIN
        DELETE FROM several_types WHERE entity = OLD.entity
        AND (SELECT count(*) FROM entity_types WHERE entity = OLD.entity) < 2;
    END;
    INSERT INTO several_types (entity)
    SELECT entity FROM entity_types GROUP BY entity HAVING count(*) > 1;
",
    "
    CREATE TABLE expiries (
        entity INTEGER PRIMARY KEY,
        expires_at TEXT NOT NULL
    ) STRICT;
    CREATE INDEX expiries_by_date ON expiries (expires_at);
",
    "
    CREATE TABLE entity_scopes (
        scope TEXT NOT NULL,
        entity INTEGER NOT NULL,
        PRIMARY KEY (scope, entity)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX entity_scopes_by_entity ON entity_scopes (entity);
",
    // Numbers are never given again, also where the newest rows are gone (`AUTOINCREMENT`): a reader that knows one would
    // take another change for it.
    "
    CREATE TABLE outbox (
        position INTEGER PRIMARY KEY AUTOINCREMENT,
        at INTEGER NOT NULL,
        kind INTEGER NOT NULL,
        id TEXT,
        detail BLOB NOT NULL,
        before BLOB,
        after BLOB,
        expires_at TEXT,
        bytes INTEGER NOT NULL,
        upto INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX outbox_by_id ON outbox (id) WHERE before IS NOT NULL OR after IS NOT NULL;
    CREATE INDEX outbox_by_expiry ON outbox (expires_at) WHERE expires_at IS NOT NULL;
    CREATE TABLE outbox_lost (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        up_to INTEGER NOT NULL
    ) STRICT;
",
    COUNTED,
];

/// The newest version of a file.
pub(super) fn newest_version() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

/// What makes a file of a version from an empty one; `None`: there is no such version.
pub(super) fn migrations_to(version: i64) -> Option<&'static [&'static str]> {
    let count = usize::try_from(version).ok().filter(|count| *count > 0)?;
    MIGRATIONS.get(..count)
}

/// Ids in blocks of some 1,000 to 2,000, and how many entities of each type are in each. A block that has grown too large is cut
/// in two. Triggers keep them, whoever writes; the first block begins with the empty text.
const COUNTED: &str = "
    CREATE TABLE id_blocks (
        first_id TEXT PRIMARY KEY,
        entities INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE type_blocks (
        type INTEGER NOT NULL,
        first_id TEXT NOT NULL,
        entities INTEGER NOT NULL,
        PRIMARY KEY (type, first_id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX type_blocks_by_first_id ON type_blocks (first_id);

    INSERT INTO id_blocks (first_id, entities) VALUES ('', 0);
    INSERT INTO id_blocks (first_id, entities)
    SELECT id, 0 FROM (SELECT id, row_number() OVER (ORDER BY id) AS place FROM entities) WHERE place % 1024 = 0;
    UPDATE id_blocks SET entities = (
        SELECT count(*) FROM entities e WHERE e.id >= id_blocks.first_id AND e.id < coalesce(
            (SELECT n.first_id FROM id_blocks n WHERE n.first_id > id_blocks.first_id ORDER BY n.first_id LIMIT 1),
            char(1114111)));
    INSERT INTO type_blocks (type, first_id, entities)
    SELECT t.type,
        (SELECT b.first_id FROM id_blocks b WHERE b.first_id <= e.id ORDER BY b.first_id DESC LIMIT 1) AS first_id,
        count(*)
    FROM entities e CROSS JOIN entity_types t ON t.entity = e.key GROUP BY 1, 2;

    CREATE TRIGGER an_entity_more AFTER INSERT ON entities
    BEGIN
        UPDATE id_blocks SET entities = entities + 1 WHERE first_id =
            (SELECT b.first_id FROM id_blocks b WHERE b.first_id <= NEW.id ORDER BY b.first_id DESC LIMIT 1);
    END;
    CREATE TRIGGER an_entity_less AFTER DELETE ON entities
    BEGIN
        UPDATE id_blocks SET entities = entities - 1 WHERE first_id =
            (SELECT b.first_id FROM id_blocks b WHERE b.first_id <= OLD.id ORDER BY b.first_id DESC LIMIT 1);
    END;
    CREATE TRIGGER of_a_type_more AFTER INSERT ON entity_types
    BEGIN
        INSERT INTO type_blocks (type, first_id, entities)
        SELECT NEW.type,
            (SELECT b.first_id FROM id_blocks b WHERE b.first_id <= e.id ORDER BY b.first_id DESC LIMIT 1), 1
        FROM entities e WHERE e.key = NEW.entity
        ON CONFLICT DO UPDATE SET entities = entities + 1;
    END;
    CREATE TRIGGER of_a_type_less AFTER DELETE ON entity_types
    BEGIN
        UPDATE type_blocks SET entities = entities - 1 WHERE type = OLD.type AND first_id =
            (SELECT b.first_id FROM id_blocks b
             WHERE b.first_id <= (SELECT e.id FROM entities e WHERE e.key = OLD.entity)
             ORDER BY b.first_id DESC LIMIT 1);
    END;
    CREATE TRIGGER a_block_too_large AFTER UPDATE OF entities ON id_blocks WHEN NEW.entities > 2048
    BEGIN
        INSERT INTO id_blocks (first_id, entities)
        SELECT id, NEW.entities - 1024 FROM entities WHERE id >= NEW.first_id ORDER BY id LIMIT 1 OFFSET 1024;
        UPDATE id_blocks SET entities = 1024 WHERE first_id = NEW.first_id;
        INSERT INTO type_blocks (type, first_id, entities)
        SELECT t.type, b.first_id, count(*)
        FROM (SELECT first_id FROM id_blocks WHERE first_id > NEW.first_id ORDER BY first_id LIMIT 1) b
        CROSS JOIN entities e ON e.id >= b.first_id AND e.id < coalesce(
            (SELECT n.first_id FROM id_blocks n WHERE n.first_id > b.first_id ORDER BY n.first_id LIMIT 1),
            char(1114111))
        CROSS JOIN entity_types t ON t.entity = e.key
        GROUP BY t.type, b.first_id;
        UPDATE type_blocks SET entities = type_blocks.entities - n.entities
        FROM (SELECT type, entities FROM type_blocks WHERE first_id =
            (SELECT b.first_id FROM id_blocks b WHERE b.first_id > NEW.first_id ORDER BY b.first_id LIMIT 1)) n
        WHERE type_blocks.first_id = NEW.first_id AND type_blocks.type = n.type;
    END;
";

/// The version from which on scopes have rows.
const SCOPES_HAVE_ROWS: i64 = 4;

/// Entities of an earlier file that are looked at together.
const ENTITIES_AT_ONCE: i64 = 1_000;

/// The tables of a partition.
#[derive(Debug)]
pub(super) struct Tables;

#[async_trait]
impl Schema for Tables {
    async fn look(&self, connection: &mut SqliteConnection) -> Result<Found, CannotOpen> {
        let known = newest_version();
        Ok(match version(connection).await? {
            None => Found::Nothing,
            Some(version) if version > known => {
                return Err(CannotOpen::Newer { found: version, known });
            }
            Some(version) if version < known => Found::Older,
            Some(_) => Found::Current,
        })
    }

    async fn migrate(&self, connection: &mut SqliteConnection) -> Result<(), CannotOpen> {
        let found = version(connection).await?;
        let version = found.unwrap_or_default();
        for (migration, reached) in MIGRATIONS.iter().zip(1_i64..).filter(|(_, reached)| *reached > version) {
            sqlx::raw_sql(*migration).execute(&mut *connection).await?;
            // A pragma takes no bindings; both values are numbers of this module.
            let stamp = format!("PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {reached}");
            sqlx::raw_sql(sqlx::AssertSqlSafe(stamp))
                .execute(&mut *connection)
                .await?;
        }
        if found.is_some() && version < SCOPES_HAVE_ROWS {
            write_scopes_of_all(connection).await?;
        }
        Ok(())
    }
}

/// The version of the file; `None`: nothing stands in it.
async fn version(connection: &mut SqliteConnection) -> Result<Option<i64>, CannotOpen> {
    let application_id: i64 = sqlx::query_scalar("PRAGMA application_id")
        .fetch_one(&mut *connection)
        .await?;
    let version: i64 = sqlx::query_scalar("PRAGMA user_version")
        .fetch_one(&mut *connection)
        .await?;
    let tables: i64 = sqlx::query_scalar("SELECT count(*) FROM sqlite_schema")
        .fetch_one(&mut *connection)
        .await?;
    if application_id == 0 && version == 0 && tables == 0 {
        return Ok(None);
    }
    if application_id != APPLICATION_ID {
        return Err(CannotOpen::Foreign);
    }
    Ok(Some(version))
}

/// Gives rows to the scopes of entities that an earlier version has written: they rest in bodies, which SQL cannot read.
async fn write_scopes_of_all(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    let mut last = i64::MIN;
    loop {
        let bodies: Vec<(i64, Vec<u8>)> =
            sqlx::query_as("SELECT key, body FROM entities WHERE key > ? ORDER BY key LIMIT ?")
                .bind(last)
                .bind(ENTITIES_AT_ONCE)
                .fetch_all(&mut *connection)
                .await?;
        let Some((key, _)) = bodies.last() else {
            return Ok(());
        };
        last = *key;
        for (key, body) in bodies {
            let scopes: Vec<CompactString> = body::scopes(&body)?
                .iter()
                .map(|scope| without_first_slash(scope).into())
                .collect();
            write_scopes(connection, key, &scopes).await?;
        }
    }
}

/// Gives rows to the scopes of an entity that has none yet.
pub(super) async fn write_scopes(
    connection: &mut SqliteConnection,
    entity_key: EntityKey,
    scopes: &[CompactString],
) -> Result<(), StoreError> {
    for scope in scopes {
        sqlx::query("INSERT OR IGNORE INTO entity_scopes (scope, entity) VALUES (?, ?)")
            .bind(scope.as_str())
            .bind(entity_key)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}
