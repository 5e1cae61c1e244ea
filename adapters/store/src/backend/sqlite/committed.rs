//! What was committed before a transaction began, read where it is wanted: nobody else writes until the transaction has ended,
//! so that what it has not touched itself is still so.

use std::time::{Duration, Instant};

use kakehashi_database::{Database, ReadingInPlace};
use ngsi_ld::{EntityId, Iri};
use rusqlite::{Connection, OptionalExtension as _, Row as SqlRow};

use crate::backend::sql::COLUMNS;
use crate::backend::{BoxedEntity, StoredEntity};
use crate::body::{DecodeError, Row};
use crate::index::ValueRow;
use crate::names::{NameKey, NameTable};
use crate::rows::EntityKey;

/// How long such a reading may take: rows of one entity.
const LONGEST: Duration = Duration::from_millis(20);

/// What is committed in a file.
#[derive(Debug)]
pub(super) struct Committed(pub(super) Database);

/// The row of an entity, as it was read.
struct OwnedEntity {
    id: String,
    created_at: String,
    modified_at: String,
    body: Vec<u8>,
}

impl StoredEntity for OwnedEntity {
    fn columns(&self) -> Result<Row<'_>, DecodeError> {
        Ok(Row {
            id: &self.id,
            created_at: &self.created_at,
            modified_at: &self.modified_at,
            body: &self.body,
        })
    }
}

/// The rows about an entity.
#[derive(Debug, Default)]
pub(super) struct RowsAbout {
    pub(super) values: Vec<ValueRow>,
    pub(super) types: Vec<i64>,
    pub(super) scopes: Vec<String>,
    pub(super) expires_at: Option<String>,
    pub(super) locations: Vec<LocationOf>,
}

/// A location, with its bounds as the R*Tree holds them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct LocationOf {
    pub(super) name: i64,
    pub(super) bounds: [f64; 4],
}

/// Where the outbox ends.
#[derive(Debug, Clone, Copy)]
pub(super) struct OutboxEnd {
    /// The newest position that was ever given.
    pub(super) newest: i64,
    /// What all of it weighs, see `outbox`.
    pub(super) upto: i64,
}

/// The oldest row of the outbox.
#[derive(Debug, Clone, Copy)]
pub(super) struct Oldest {
    pub(super) at: i64,
    pub(super) upto: i64,
    pub(super) bytes: i64,
}

impl Committed {
    /// Each of these: `None` where it is not possible now, and the connection that writes is to be asked.
    fn read<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Option<T> {
        let read = |reading: &ReadingInPlace<'_>| work(reading.connection());
        self.0.read_in_place(Instant::now() + LONGEST, read).ok()
    }

    /// The table of names with all that the file has beyond it.
    pub(super) fn names_beyond(&self, known: &NameTable) -> Option<NameTable> {
        let found: Vec<(i64, String)> = self.read(|connection| {
            let mut statement = connection.prepare_cached("SELECT key, name FROM names WHERE key > ? ORDER BY key")?;
            let rows = statement.query_map([i64::from(known.last_key())], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect()
        })?;
        let mut names = known.clone();
        for (key, name) in found {
            // What cannot be is told by the other way.
            if !names.add(NameKey::try_from(key).unwrap_or(0), Iri::new(name)) {
                return None;
            }
        }
        Some(names)
    }

    /// The entity of that id.
    #[expect(clippy::option_option, reason = "not possible now, and none, are two things")]
    pub(super) fn find(&self, id: &EntityId) -> Option<Option<(EntityKey, BoxedEntity)>> {
        let found = self.read(|connection| {
            let text = format!("SELECT e.key, {COLUMNS} FROM entities e WHERE e.id = ?");
            let mut statement = connection.prepare_cached(&text)?;
            let found = statement.query_row([id.as_str()], |row| {
                let entity = OwnedEntity {
                    id: row.get(1)?,
                    created_at: row.get(2)?,
                    modified_at: row.get(3)?,
                    body: row.get(4)?,
                };
                Ok((row.get(0)?, Box::new(entity) as BoxedEntity))
            });
            found.optional()
        })?;
        tracing::debug!(
            summary = "an entity by its id",
            rows_returned = u8::from(found.is_some()),
            "looked up in place"
        );
        Some(found)
    }

    /// The rows about an entity.
    pub(super) fn about(&self, key: EntityKey) -> Option<RowsAbout> {
        self.read(|connection| rows_about(connection, key))
    }

    /// The highest numbers of an entity and of a location.
    pub(super) fn highest(&self) -> Option<(i64, i64)> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(HIGHEST)?;
            statement.query_row((), |row| Ok((row.get(0)?, row.get(1)?)))
        })
    }

    /// Where the outbox ends.
    pub(super) fn outbox_end(&self) -> Option<OutboxEnd> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(OUTBOX_END)?;
            statement.query_row((), |row| {
                Ok(OutboxEnd {
                    newest: row.get(0)?,
                    upto: row.get(1)?,
                })
            })
        })
    }

    /// The oldest row of the outbox.
    #[expect(clippy::option_option, reason = "not possible now, and none, are two things")]
    pub(super) fn oldest(&self) -> Option<Option<Oldest>> {
        self.read(|connection| {
            let mut statement =
                connection.prepare_cached("SELECT at, upto, bytes FROM outbox ORDER BY position LIMIT 1")?;
            let oldest = statement.query_row((), |row| {
                Ok(Oldest {
                    at: row.get(0)?,
                    upto: row.get(1)?,
                    bytes: row.get(2)?,
                })
            });
            oldest.optional()
        })
    }

    /// Whether the outbox has values of an entity.
    pub(super) fn has_values(&self, id: &EntityId) -> Option<bool> {
        const STATEMENT: &str =
            "SELECT EXISTS (SELECT 1 FROM outbox WHERE id = ? AND (before IS NOT NULL OR after IS NOT NULL))";
        self.read(|connection| {
            let mut statement = connection.prepare_cached(STATEMENT)?;
            statement.query_row([id.as_str()], |row| row.get(0))
        })
    }
}

/// The rows about an entity.
pub(super) fn rows_about(connection: &Connection, key: EntityKey) -> rusqlite::Result<RowsAbout> {
    Ok(RowsAbout {
        values: all(
            connection,
            "SELECT name, instance, element, kind, number, text FROM attribute_values WHERE entity = ?",
            key,
            |row| {
                let name: i64 = row.get(0)?;
                Ok(ValueRow {
                    name: NameKey::try_from(name).unwrap_or(0),
                    instance: row.get(1)?,
                    element: row.get(2)?,
                    kind: row.get(3)?,
                    number: row.get(4)?,
                    text: row.get(5)?,
                })
            },
        )?,
        types: all(
            connection,
            "SELECT type FROM entity_types WHERE entity = ?",
            key,
            |row| row.get(0),
        )?,
        scopes: all(
            connection,
            "SELECT scope FROM entity_scopes WHERE entity = ?",
            key,
            |row| row.get(0),
        )?,
        expires_at: connection
            .prepare_cached("SELECT expires_at FROM expiries WHERE entity = ?")?
            .query_row([key], |row| row.get(0))
            .optional()?,
        locations: all(
            connection,
            "SELECT l.name, b.min_longitude, b.max_longitude, b.min_latitude, b.max_latitude
             FROM locations l CROSS JOIN location_boxes b ON b.key = l.key WHERE l.entity = ?",
            key,
            |row| {
                Ok(LocationOf {
                    name: row.get(0)?,
                    bounds: [row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?],
                })
            },
        )?,
    })
}

/// The highest numbers of an entity and of a location.
pub(super) const HIGHEST: &str =
    "SELECT coalesce((SELECT max(key) FROM entities), 0), coalesce((SELECT max(key) FROM locations), 0)";

/// Where the outbox ends.
pub(super) const OUTBOX_END: &str = "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'outbox'), 0),
    coalesce((SELECT upto FROM outbox ORDER BY position DESC LIMIT 1), 0)";

fn all<T>(
    connection: &Connection,
    statement: &str,
    key: EntityKey,
    read: impl FnMut(&SqlRow<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    let mut statement = connection.prepare_cached(statement)?;
    let rows = statement.query_map([key], read)?;
    rows.collect()
}
