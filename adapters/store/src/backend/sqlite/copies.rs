//! Backups: what tells whose a copy of a partition is and that it is whole, and putting one in the place of a partition.
//!
//! A copy is a file as every partition has it, with one table more. It is put back with SQLite's own backup, page by page in
//! one transaction of the partition's file: what was there stays until all of it is replaced. Nobody else may have the file open,
//! because whoever has knows numbers of names that are others in the copy.

use std::path::Path;
use std::time::Duration;

use rusqlite::backup::Backup;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension as _};
use sha2::{Digest as _, Sha256};

use super::checking;
use super::schema::{APPLICATION_ID, newest_version};
use crate::error::NotRestored;

/// How long others may take to close the file.
const PATIENCE: Duration = Duration::from_millis(500);

/// Pages that are copied together; between them nobody is let in.
const PAGES_AT_ONCE: i32 = 10_000;

/// What a copy says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// Whose partition it is of.
    pub tenant: String,
    /// When it was made.
    pub made_at: String,
    /// How many entities it has.
    pub entities: u64,
}

/// Stamps a copy that nobody has open any more, and makes it one file.
///
/// # Errors
/// What SQLite says.
pub(crate) fn stamp(file: &Path, tenant: &str, made_at: &str) -> Result<Stamp, String> {
    let stamped = || -> rusqlite::Result<Stamp> {
        let connection = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        // Without the WAL there is nothing beside the file that could be forgotten.
        connection.pragma_update_and_check(None, "journal_mode", "DELETE", |_| Ok(()))?;
        let (entities, digest) = digest(&connection)?;
        connection.execute_batch(
            "CREATE TABLE IF NOT EXISTS copy_of (tenant TEXT NOT NULL, made_at TEXT NOT NULL, entities INTEGER NOT NULL,
             digest TEXT NOT NULL) STRICT; DELETE FROM copy_of",
        )?;
        connection.execute(
            "INSERT INTO copy_of (tenant, made_at, entities, digest) VALUES (?1, ?2, ?3, ?4)",
            (tenant, made_at, entities, digest),
        )?;
        Ok(Stamp {
            tenant: tenant.to_owned(),
            made_at: made_at.to_owned(),
            entities: u64::try_from(entities).unwrap_or_default(),
        })
    };
    stamped().map_err(|error| error.to_string())
}

/// What all entities are, in one number: what differs has another.
fn digest(connection: &Connection) -> rusqlite::Result<(i64, String)> {
    let mut statement = connection.prepare("SELECT id, created_at, modified_at, body FROM entities ORDER BY key")?;
    let mut rows = statement.query(())?;
    let (mut count, mut digest) = (0, Sha256::new());
    while let Some(row) = rows.next()? {
        for column in 0..3 {
            let text = row.get_ref(column)?.as_str()?;
            digest.update((text.len() as u64).to_le_bytes());
            digest.update(text.as_bytes());
        }
        let body = row.get_ref(3)?.as_blob()?;
        digest.update((body.len() as u64).to_le_bytes());
        digest.update(body);
        count += 1;
    }
    let text = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok((count, text))
}

/// Opens a copy as it stands: nothing is made beside it.
fn open_copy(file: &Path) -> Result<Connection, NotRestored> {
    // The file itself is looked at first: SQLite says of every trouble that it is unable to open it.
    let metadata = std::fs::metadata(file).map_err(|error| NotRestored::Unreadable(error.to_string()))?;
    std::fs::File::open(file).map_err(|error| NotRestored::Unreadable(error.to_string()))?;
    if metadata.is_dir() {
        return Err(NotRestored::Unreadable("it is a folder".to_owned()));
    }
    let opened = Connection::open_with_flags(
        immutable(file),
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI,
    );
    opened.map_err(|error| NotRestored::NoDatabase(error.to_string()))
}

/// The URI of a file that nobody writes.
fn immutable(file: &Path) -> String {
    let path = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    let mut uri = String::from("file:");
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' => uri.push(char::from(*byte)),
            other => uri.push_str(&format!("%{other:02X}")),
        }
    }
    uri.push_str("?immutable=1");
    uri
}

/// Looks through a copy: whose it is, and that it is whole.
fn examined(connection: &Connection, tenant: &str) -> Result<Stamp, NotRestored> {
    let damaged = |error: rusqlite::Error| NotRestored::Damaged(error.to_string());
    let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let application = pragma("application_id").map_err(|error| match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => NotRestored::NoDatabase(error.to_string()),
        _ => damaged(error),
    })?;
    if application != APPLICATION_ID {
        return Err(NotRestored::Foreign);
    }
    let (found, known) = (pragma("user_version").map_err(damaged)?, newest_version());
    if found > known {
        return Err(NotRestored::Newer { found, known });
    }
    let is_stamped = "SELECT count(*) FROM sqlite_schema WHERE name = 'copy_of'";
    let is_stamped: i64 = connection
        .query_row(is_stamped, (), |row| row.get(0))
        .map_err(damaged)?;
    if is_stamped == 0 {
        return Err(NotRestored::Unstamped);
    }
    let stamp = connection.query_row("SELECT tenant, made_at, entities, digest FROM copy_of", (), |row| {
        Ok((
            row.get::<_, String>(0)?,
            row.get::<_, String>(1)?,
            row.get::<_, i64>(2)?,
            row.get::<_, String>(3)?,
        ))
    });
    let Some((of, made_at, entities, stamped)) = stamp.optional().map_err(damaged)? else {
        return Err(NotRestored::Unstamped);
    };
    if of != tenant {
        return Err(NotRestored::OfAnother(of));
    }
    if let Some(fault) = checking::integrity(connection).map_err(damaged)?.into_iter().next() {
        return Err(NotRestored::Damaged(fault));
    }
    if (entities, stamped) != digest(connection).map_err(damaged)? {
        return Err(NotRestored::Damaged(
            "its entities are not those that it was made of".to_owned(),
        ));
    }
    // A file of an earlier version has not all tables yet, which opening it adds.
    if found == known
        && let Some(fault) = checking::faults(connection).map_err(damaged)?.into_iter().next()
    {
        return Err(NotRestored::Damaged(fault));
    }
    Ok(Stamp {
        tenant: of,
        made_at,
        entities: u64::try_from(entities).unwrap_or_default(),
    })
}

/// Looks through a copy.
///
/// # Errors
/// [`NotRestored`]
pub(crate) fn examine_copy(tenant: &str, copy: &Path) -> Result<Stamp, NotRestored> {
    examined(&open_copy(copy)?, tenant)
}

/// Puts a copy in the place of a partition.
///
/// # Errors
/// [`NotRestored`]; then the partition is as it was.
pub(crate) fn restore(partition: &Path, tenant: &str, copy: &Path) -> Result<Stamp, NotRestored> {
    let source = open_copy(copy)?;
    let stamp = examined(&source, tenant)?;
    let is_new = !partition.exists();
    if let Some(folder) = partition.parent() {
        std::fs::create_dir_all(folder).map_err(|error| NotRestored::Unwritten(error.to_string()))?;
    }
    let restored = replace(partition, &source);
    if restored.is_err() && is_new {
        // Nothing was there before.
        let _ = std::fs::remove_file(partition);
    }
    restored.map(|()| stamp)
}

fn replace(partition: &Path, source: &Connection) -> Result<(), NotRestored> {
    let unwritten = |error: rusqlite::Error| match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => NotRestored::InUse,
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => NotRestored::Place(error.to_string()),
        _ => NotRestored::Unwritten(error.to_string()),
    };
    let mut target = Connection::open(partition).map_err(unwritten)?;
    target.busy_timeout(PATIENCE).map_err(unwritten)?;
    // Leaving the WAL takes the whole file, which only who is alone with it gets, and who has it so keeps it.
    let alone = |name: &str, value: &str| target.pragma_update_and_check(None, name, value, |_| Ok(()));
    alone("locking_mode", "EXCLUSIVE").map_err(unwritten)?;
    alone("journal_mode", "DELETE").map_err(unwritten)?;
    target.execute_batch("BEGIN EXCLUSIVE; COMMIT").map_err(unwritten)?;
    let of = target.pragma_query_value(None, "application_id", |row| row.get::<_, i64>(0));
    let tables: i64 = target
        .query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get(0))
        .map_err(unwritten)?;
    if tables > 0 && of.map_err(unwritten)? != APPLICATION_ID {
        return Err(NotRestored::Place("it is a database of another program".to_owned()));
    }
    {
        let backup = Backup::new(source, &mut target).map_err(unwritten)?;
        backup
            .run_to_completion(PAGES_AT_ONCE, Duration::ZERO, None)
            .map_err(unwritten)?;
    }
    // A partition is no copy of itself. Should this be left out, nothing minds the table.
    let _ = target.execute_batch("DROP TABLE IF EXISTS copy_of");
    target.close().map_err(|(_, error)| unwritten(error))
}
