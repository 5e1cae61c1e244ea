//! Backups: what tells whose a copy of a partition is and that it is whole, reading one, and putting a partition in the place of
//! another.
//!
//! A copy is a file as every partition has it, with two tables more. Of it only the entities are ever read, and those are written
//! into a partition of this version: no table, no trigger and no mark of a file that somebody brings comes to be used. That takes
//! the place of the partition by SQLite's own backup, page by page in one transaction of its file: what was there stays
//! until all of it is replaced. Nobody else may have the file open, because whoever has knows numbers of names that are others then.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use ngsi_ld::Entity;
use rusqlite::backup::Backup;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension as _};
use sha2::{Digest as _, Sha256};

use super::checking;
use super::schema::{APPLICATION_ID, newest_version};
use super::shape::is_of_version;
use crate::backend::sql::COLUMNS;
use crate::body::{Row, Wanted, decode};
use crate::error::NotRestored;
use crate::names::NameTable;

/// How long others may take to close the file.
const PATIENCE: Duration = Duration::from_millis(500);

/// Pages that are copied together; between them nobody is let in.
const PAGES_AT_ONCE: i32 = 10_000;

/// The tables that a copy has and a partition has not.
const OF_A_COPY: [&str; 2] = ["copy_of", "copy_without"];

/// What a copy says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// Whose partition it is of.
    pub tenant: String,
    /// When it was made.
    pub made_at: String,
    /// How many entities it has.
    pub entities: u64,
    /// Names of what was left out of it, and how often.
    pub left_out: BTreeMap<String, u64>,
}

/// Stamps a copy that nobody has open any more, and makes it one file.
///
/// # Errors
/// What SQLite says.
pub(crate) fn stamp(
    file: &Path,
    tenant: &str,
    made_at: &str,
    left_out: &BTreeMap<String, u64>,
) -> Result<Stamp, String> {
    let stamped = || -> rusqlite::Result<Stamp> {
        let connection = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        // Without the WAL there is nothing beside the file that could be forgotten.
        connection.pragma_update_and_check(None, "journal_mode", "DELETE", |_| Ok(()))?;
        connection.execute_batch(
            "CREATE TABLE copy_of (tenant TEXT NOT NULL, made_at TEXT NOT NULL, entities INTEGER NOT NULL,
             digest TEXT NOT NULL) STRICT;
             CREATE TABLE copy_without (name TEXT NOT NULL, times INTEGER NOT NULL) STRICT",
        )?;
        for (name, times) in left_out {
            let times = i64::try_from(*times).unwrap_or(i64::MAX);
            connection.execute("INSERT INTO copy_without (name, times) VALUES (?1, ?2)", (name, times))?;
        }
        let (entities, digest) = digest(&connection, tenant, made_at)?;
        connection.execute(
            "INSERT INTO copy_of (tenant, made_at, entities, digest) VALUES (?1, ?2, ?3, ?4)",
            (tenant, made_at, entities, digest),
        )?;
        Ok(Stamp {
            tenant: tenant.to_owned(),
            made_at: made_at.to_owned(),
            entities: u64::try_from(entities).unwrap_or_default(),
            left_out: left_out.clone(),
        })
    };
    stamped().map_err(|error| error.to_string())
}

/// How many entities there are, and all that is read of a copy in one number: what differs has another. A body has the numbers of
/// names, so that it takes the names to say the same.
fn digest(connection: &Connection, tenant: &str, made_at: &str) -> rusqlite::Result<(i64, String)> {
    let mut digest = Sha256::new();
    let mut put = |bytes: &[u8]| {
        digest.update((bytes.len() as u64).to_le_bytes());
        digest.update(bytes);
    };
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    put(&version.to_le_bytes());
    put(tenant.as_bytes());
    put(made_at.as_bytes());
    for statement in [
        "SELECT times, name FROM copy_without ORDER BY rowid",
        "SELECT key, name FROM names ORDER BY key",
    ] {
        let mut statement = connection.prepare(statement)?;
        let mut rows = statement.query(())?;
        while let Some(row) = rows.next()? {
            put(&row.get::<_, i64>(0)?.to_le_bytes());
            put(row.get_ref(1)?.as_str()?.as_bytes());
        }
        // What ends with one is not what begins with the other.
        put(b"end of a table");
    }
    let mut statement = connection.prepare("SELECT id, created_at, modified_at, body FROM entities ORDER BY key")?;
    let mut rows = statement.query(())?;
    let mut count = 0;
    while let Some(row) = rows.next()? {
        for column in 0..3 {
            put(row.get_ref(column)?.as_str()?.as_bytes());
        }
        put(row.get_ref(3)?.as_blob()?);
        count += 1;
    }
    let text = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok((count, text))
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

#[expect(clippy::needless_pass_by_value, reason = "it is what errors are mapped with")]
fn damaged(error: rusqlite::Error) -> NotRestored {
    NotRestored::Damaged(error.to_string())
}

/// A copy that was looked through: whose it is, and that it is whole.
#[derive(Debug)]
pub(crate) struct CopyFile {
    connection: Connection,
    names: NameTable,
    stamp: Stamp,
}

impl CopyFile {
    /// Opens a copy as it stands, of which nothing is made beside it, and looks through it.
    ///
    /// # Errors
    /// [`NotRestored`]
    pub(crate) fn open(file: &Path, tenant: &str) -> Result<Self, NotRestored> {
        // The file itself is looked at first: SQLite says of every trouble that it is unable to open it, and of what is no file
        // nobody knows how long it takes to read.
        let metadata = std::fs::metadata(file).map_err(|error| NotRestored::Unreadable(error.to_string()))?;
        if metadata.is_dir() {
            return Err(NotRestored::Folder);
        }
        if !metadata.is_file() {
            return Err(NotRestored::NoFile);
        }
        if metadata.len() == 0 {
            return Err(NotRestored::Empty);
        }
        std::fs::File::open(file).map_err(|error| NotRestored::Unreadable(error.to_string()))?;
        let opened = Connection::open_with_flags(
            immutable(file),
            OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI,
        );
        Self::examined(
            opened.map_err(|error| NotRestored::NoDatabase(error.to_string()))?,
            tenant,
        )
    }

    fn examined(connection: Connection, tenant: &str) -> Result<Self, NotRestored> {
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
        if let Some(fault) = checking::integrity(&connection).map_err(damaged)?.into_iter().next() {
            return Err(NotRestored::Damaged(fault));
        }
        if !is_of_version(&connection, found, &OF_A_COPY).map_err(damaged)? {
            return Err(NotRestored::Shape(found));
        }
        if (entities, stamped) != digest(&connection, &of, &made_at).map_err(damaged)? {
            return Err(NotRestored::Altered);
        }
        let names = checking::names(&connection).map_err(damaged)?;
        let stamp = Stamp {
            tenant: of,
            made_at,
            entities: u64::try_from(entities).unwrap_or_default(),
            left_out: left_out(&connection).map_err(damaged)?,
        };
        Ok(Self {
            names: names.map_err(NotRestored::Damaged)?,
            connection,
            stamp,
        })
    }

    /// What it says of itself.
    pub(crate) const fn stamp(&self) -> &Stamp {
        &self.stamp
    }

    /// Some entities behind a row, with the number of the last row; none: that was the last.
    ///
    /// # Errors
    /// [`NotRestored`]
    pub(crate) fn entities_behind(&self, row: i64, most: usize) -> Result<(i64, Vec<Entity>), NotRestored> {
        let statement = format!("SELECT e.key, {COLUMNS} FROM entities e WHERE e.key > ? ORDER BY e.key LIMIT ?");
        let mut statement = self.connection.prepare_cached(&statement).map_err(damaged)?;
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let mut rows = statement.query((row, most)).map_err(damaged)?;
        let (mut last, mut entities) = (row, Vec::new());
        while let Some(row) = rows.next().map_err(damaged)? {
            let read = || -> rusqlite::Result<_> {
                let columns = Row {
                    id: row.get_ref(1)?.as_str()?,
                    created_at: row.get_ref(2)?.as_str()?,
                    modified_at: row.get_ref(3)?.as_str()?,
                    body: row.get_ref(4)?.as_blob()?,
                };
                Ok((row.get(0)?, decode(columns, &self.names, &Wanted::EVERYTHING)))
            };
            let (key, entity) = read().map_err(damaged)?;
            last = key;
            entities.push(entity.map_err(|error| NotRestored::Damaged(error.to_string()))?);
        }
        Ok((last, entities))
    }
}

fn left_out(connection: &Connection) -> rusqlite::Result<BTreeMap<String, u64>> {
    let mut statement = connection.prepare("SELECT name, times FROM copy_without")?;
    let rows = statement.query_map((), |row| {
        Ok((row.get(0)?, u64::try_from(row.get::<_, i64>(1)?).unwrap_or_default()))
    })?;
    rows.collect()
}

/// How many entities of a partition, which may be in use, are not in a copy, by their types.
///
/// # Errors
/// What SQLite says.
pub(crate) fn missing_in_copy(partition: &Path, copy: &CopyFile) -> Result<BTreeMap<Vec<String>, u64>, String> {
    let counted = || -> rusqlite::Result<_> {
        let connection = Connection::open_with_flags(partition, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        connection.busy_timeout(PATIENCE)?;
        connection.execute_batch("BEGIN")?;
        let mut all = connection.prepare("SELECT key, id FROM entities ORDER BY key")?;
        let mut types = connection.prepare(
            "SELECT n.name FROM entity_types t JOIN names n ON n.key = t.type WHERE t.entity = ? ORDER BY n.name",
        )?;
        let mut in_copy = copy.connection.prepare("SELECT 1 FROM entities WHERE id = ?")?;
        let mut missing = BTreeMap::new();
        let mut rows = all.query(())?;
        while let Some(row) = rows.next()? {
            if in_copy.exists((row.get_ref(1)?.as_str()?,))? {
                continue;
            }
            let key: i64 = row.get(0)?;
            let names = types.query_map((key,), |row| row.get(0))?;
            *missing.entry(names.collect::<rusqlite::Result<_>>()?).or_default() += 1;
        }
        Ok(missing)
    };
    counted().map_err(|error| error.to_string())
}

/// Puts a partition that nobody has open any more in the place of another.
///
/// # Errors
/// [`NotRestored`]; then that is as it was.
pub(crate) fn replace(partition: &Path, by: &Path) -> Result<(), NotRestored> {
    let is_new = !partition.exists();
    let replaced = replace_pages(partition, by);
    if replaced.is_err() && is_new {
        // Nothing was there before.
        let _ = std::fs::remove_file(partition);
    }
    replaced
}

fn replace_pages(partition: &Path, by: &Path) -> Result<(), NotRestored> {
    let unwritten = |error: rusqlite::Error| match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => NotRestored::InUse,
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => NotRestored::Place(error.to_string()),
        _ => NotRestored::Unwritten(error.to_string()),
    };
    let source = Connection::open_with_flags(by, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(unwritten)?;
    source
        .pragma_update_and_check(None, "journal_mode", "DELETE", |_| Ok(()))
        .map_err(unwritten)?;
    let mut target = alone_with(partition).map_err(unwritten)?;
    let of = target.pragma_query_value(None, "application_id", |row| row.get::<_, i64>(0));
    let tables: i64 = target
        .query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get(0))
        .map_err(unwritten)?;
    if tables > 0 && of.map_err(unwritten)? != APPLICATION_ID {
        return Err(NotRestored::Place("it is a database of another program".to_owned()));
    }
    {
        let backup = Backup::new(&source, &mut target).map_err(unwritten)?;
        backup
            .run_to_completion(PAGES_AT_ONCE, Duration::ZERO, None)
            .map_err(unwritten)?;
    }
    target.close().map_err(|(_, error)| unwritten(error))
}

/// Opens a file so that nobody else has it. Leaving the WAL takes the whole file, which only who is alone with it gets, and who has
/// it so keeps it.
fn alone_with(file: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(file)?;
    connection.busy_timeout(PATIENCE)?;
    for (name, value) in [("locking_mode", "EXCLUSIVE"), ("journal_mode", "DELETE")] {
        connection.pragma_update_and_check(None, name, value, |_| Ok(()))?;
    }
    connection.execute_batch("BEGIN EXCLUSIVE; COMMIT")?;
    Ok(connection)
}

/// Whether nobody else has a file open.
///
/// # Errors
/// [`NotRestored`]
pub(crate) fn is_free(partition: &Path) -> Result<(), NotRestored> {
    if !partition.exists() {
        return Ok(());
    }
    match alone_with(partition) {
        Err(error)
            if matches!(
                error.sqlite_error_code(),
                Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
            ) =>
        {
            Err(NotRestored::InUse)
        }
        // Whatever else is wrong is told when it is replaced.
        _ => Ok(()),
    }
}
