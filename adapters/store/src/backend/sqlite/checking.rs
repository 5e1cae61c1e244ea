//! Whether a file is whole: as SQLite sees it, and as the store does. What is told names tables and numbers, never a value.

use ngsi_ld::Iri;
use ngsi_ld::entity::DateTime;
use rusqlite::Connection;
use std::path::Path;

use super::changes::Changes;
use super::committed::rows_about;
use super::schema::{APPLICATION_ID, newest_version};
use super::shape::is_of_version;
use crate::backend::sql::COLUMNS;
use crate::body::{Row, Wanted, decode};
use crate::names::{NameKey, NameTable};
use crate::rows::EntityRows;

/// Most faults of a kind that are told.
const MOST_FAULTS: usize = 20;

/// Rows that belong to none, and what is missing: each counts rows of which there should be none.
const ORPHANS: &[(&str, &str)] = &[
    (
        "rows of entity_types are of no entity",
        "SELECT count(*) FROM entity_types WHERE entity NOT IN (SELECT key FROM entities)",
    ),
    (
        "rows of attribute_values are of no entity",
        "SELECT count(*) FROM attribute_values WHERE entity NOT IN (SELECT key FROM entities)",
    ),
    (
        "rows of entity_scopes are of no entity",
        "SELECT count(*) FROM entity_scopes WHERE entity NOT IN (SELECT key FROM entities)",
    ),
    (
        "rows of expiries are of no entity",
        "SELECT count(*) FROM expiries WHERE entity NOT IN (SELECT key FROM entities)",
    ),
    (
        "rows of locations are of no entity",
        "SELECT count(*) FROM locations WHERE entity NOT IN (SELECT key FROM entities)",
    ),
    (
        "boxes are of no location",
        "SELECT count(*) FROM location_boxes WHERE key NOT IN (SELECT key FROM locations)",
    ),
    (
        "locations have no box",
        "SELECT count(*) FROM locations WHERE key NOT IN (SELECT key FROM location_boxes)",
    ),
    (
        "entities have several types and are not known for it, or the other way round",
        "SELECT count(*) FROM (
            SELECT entity FROM entity_types GROUP BY entity HAVING count(*) > 1 EXCEPT SELECT entity FROM several_types
         ) UNION ALL SELECT count(*) FROM (
            SELECT entity FROM several_types EXCEPT SELECT entity FROM entity_types GROUP BY entity HAVING count(*) > 1
         ) ORDER BY 1 DESC LIMIT 1",
    ),
    (
        "blocks of ids do not hold as many entities as they say",
        "SELECT count(*) FROM (
            SELECT first_id, entities, lead(first_id, 1, char(1114111)) OVER (ORDER BY first_id) AS next FROM id_blocks
         ) b WHERE b.entities <> (SELECT count(*) FROM entities e WHERE e.id >= b.first_id AND e.id < b.next)",
    ),
    (
        "blocks of ids of a type do not hold as many entities as they say",
        "WITH counted AS (
            SELECT t.type,
                (SELECT b.first_id FROM id_blocks b WHERE b.first_id <= e.id ORDER BY b.first_id DESC LIMIT 1) AS first_id,
                count(*) AS entities
            FROM entities e CROSS JOIN entity_types t ON t.entity = e.key GROUP BY 1, 2
         ), kept AS (SELECT type, first_id, entities FROM type_blocks WHERE entities <> 0)
         SELECT count(*) FROM (SELECT * FROM counted EXCEPT SELECT * FROM kept)
         UNION ALL SELECT count(*) FROM (SELECT * FROM kept EXCEPT SELECT * FROM counted) ORDER BY 1 DESC LIMIT 1",
    ),
    (
        "marks of the outbox are newer than the newest that was given",
        "SELECT count(*) FROM outbox WHERE position > (SELECT seq FROM sqlite_sequence WHERE name = 'outbox')",
    ),
];

/// What is wrong with a file that may be in use.
///
/// # Errors
/// What SQLite says.
pub(crate) fn check(file: &Path) -> Result<Vec<String>, String> {
    let checked = || -> rusqlite::Result<Vec<String>> {
        let connection = Connection::open_with_flags(file, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        connection.busy_timeout(std::time::Duration::from_secs(10))?;
        // One state of the file, however much is written meanwhile.
        connection.execute_batch("BEGIN")?;
        let faults = integrity(&connection)?;
        if !faults.is_empty() {
            return Ok(faults);
        }
        let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
        if pragma("application_id")? != APPLICATION_ID {
            return Ok(vec!["the file does not say that it is a partition".to_owned()]);
        }
        let version = pragma("user_version")?;
        if !is_of_version(&connection, version, &[])? {
            return Ok(vec![format!(
                "the tables are not those of version {version}, which the file says it has"
            )]);
        }
        // A file of an earlier version has not all tables yet, which opening it adds.
        match version == newest_version() {
            true => self::faults(&connection),
            false => Ok(Vec::new()),
        }
    };
    checked().map_err(|error| error.to_string())
}

/// What SQLite finds.
pub(super) fn integrity(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare(&format!("PRAGMA integrity_check({MOST_FAULTS})"))?;
    let rows = statement.query_map((), |row| row.get::<_, String>(0))?;
    let mut faults = Vec::new();
    for row in rows {
        let row = row?;
        if row != "ok" {
            faults.push(row);
        }
    }
    Ok(faults)
}

/// What is not as the store writes it.
fn faults(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut faults = Vec::new();
    for (what, statement) in ORPHANS {
        let count: i64 = connection.query_row(statement, (), |row| row.get(0))?;
        if count > 0 {
            faults.push(format!("{count} {what}"));
        }
    }
    let names = match names(connection)? {
        Ok(names) => names,
        Err(fault) => {
            faults.push(fault);
            return Ok(faults);
        }
    };
    let (mut unreadable, mut differing) = (0_u64, 0_u64);
    let mut statement = connection.prepare(&format!("SELECT e.key, {COLUMNS} FROM entities e ORDER BY e.key"))?;
    let mut rows = statement.query(())?;
    let now = DateTime::from_system_time(std::time::SystemTime::now());
    while let Some(row) = rows.next()? {
        let key: i64 = row.get(0)?;
        let (id, created_at, modified_at): (String, String, String) = (row.get(1)?, row.get(2)?, row.get(3)?);
        let columns = Row {
            id: &id,
            created_at: &created_at,
            modified_at: &modified_at,
            body: row.get_ref(4)?.as_blob()?,
        };
        let entity = decode(columns, &names, &Wanted::EVERYTHING).ok();
        let should_be = entity.and_then(|entity| EntityRows::of(&entity, &names, &now).ok());
        let Some(should_be) = should_be else {
            unreadable += 1;
            continue;
        };
        if !Changes::between(&rows_about(connection, key)?, &should_be).are_none() {
            differing += 1;
        }
    }
    if unreadable > 0 {
        faults.push(format!("{unreadable} entities cannot be read"));
    }
    if differing > 0 {
        faults.push(format!(
            "{differing} entities are found by other values, types, scopes or places than they have"
        ));
    }
    Ok(faults)
}

/// The table of names; otherwise what is wrong with it.
pub(super) fn names(connection: &Connection) -> rusqlite::Result<Result<NameTable, String>> {
    let mut names = NameTable::default();
    let mut statement = connection.prepare("SELECT key, name FROM names ORDER BY key")?;
    let mut rows = statement.query(())?;
    while let Some(row) = rows.next()? {
        let (key, name): (i64, String) = (row.get(0)?, row.get(1)?);
        if !names.add(NameKey::try_from(key).unwrap_or(0), Iri::new(name)) {
            return Ok(Err("a name has a number that no name can have".to_owned()));
        }
    }
    Ok(Ok(names))
}
