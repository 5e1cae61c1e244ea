//! SQLite: one file a tenant.
//!
//! | module | owns |
//! |---|---|
//! | `schema` | the tables, and how older files become new ones |
//! | `dialect` | how SQLite is asked |
//! | `reading`, `writing`, `outbox` | every statement |
//! | `selecting` | running what the compiler made, on the thread that asks or apart |
//! | `pending`, `committed`, `changes` | rows that are written together; what is as it was committed; what has to be written at all |
//! | `copies`, `checking`, `shape` | backups, and putting one back; whether a file is whole, and has the tables of its version |
//! | `failing` | what SQLite's errors are to the store |
//!
//! One connection writes, a few read; in WAL mode readers never wait for the writer, and another process
//! (`kakehashi store load`) may write while the gateway reads. What is read or written has a thread of its own, so the
//! async runtime waits but never blocks; only what is short is read in place, which takes less than asking. What is erased is overwritten (`secure_delete`), and the WAL, which still has
//! it, is emptied afterwards.

mod changes;
mod checking;
mod committed;
mod copies;
mod dialect;
mod failing;
mod outbox;
mod pending;
mod reading;
mod schema;
mod selecting;
mod shape;
mod writing;

use std::cell::Cell;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use kakehashi_database::{Database, ReadingInPlace, Settings};
use kakehashi_trouble::Trouble;
use ngsi_ld::AttributeName;
use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteSynchronous};

use self::reading::{SEVERAL_TYPES, SqliteReader, URIS, names_beyond};
use self::schema::Tables;
use self::selecting::Reading;
use self::writing::SqliteTransaction;
use super::sql::Dialect;
use super::{Backend, NotInPlace, Reader, ReadsApart, ReadsInPlace, Transaction};
use crate::StoreError;
use crate::index::kind;
use crate::names::NameTable;

pub(crate) use self::checking::check;
pub use self::copies::Stamp;
pub(crate) use self::copies::{CopyFile, is_free, missing_in_copy, replace, stamp};
pub(crate) use self::dialect::Sqlite;

/// How long a writer waits for another process that writes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the emptying of the WAL waits for readers. Writers wait meanwhile; whoever begins to read does not.
const PATIENCE_WITH_READERS: Duration = Duration::from_millis(250);

/// Prepared statements that a connection keeps: shapes of queries are few, but consumers vary them.
const STATEMENTS: usize = 256;

/// Rows that a connection's thread reads ahead of the one that takes them: enough to keep it busy.
const ROWS_AHEAD: usize = 8;

/// SQLite's page cache of a connection, in KiB (negative by SQLite's convention). The operating system keeps the file's
/// pages as well, once for all connections.
const CACHE: &str = "-2048";

/// The same of the connection that writes very much: a transaction's pages that do not fit go to the disk before they are
/// full, and are read back, which was most of what a load took.
const CACHE_OF_LOADS: &str = "-131072";

/// From how many pages on such a connection moves the WAL into the file: 64 MiB, so that a page that many transactions change
/// is moved once for all of them.
const PAGES_OF_LOADS: &str = "16384";

/// To what size the WAL file shrinks again after a large load, in bytes.
const WAL_BYTES: &str = "67108864";

/// How a file is opened.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Opening {
    /// How many connections read.
    pub(crate) readers: NonZeroU32,
    /// Whether much is written at once.
    pub(crate) for_loads: bool,
}

/// A file.
#[derive(Debug)]
pub(crate) struct SqliteBackend {
    database: Database,
}

impl SqliteBackend {
    /// Opens the file of a tenant; makes it and its folder when they do not exist, and brings a file of an earlier version
    /// up to date, as far as the disk allows that now.
    ///
    /// # Errors
    /// [`StoreError`] where waiting would not help.
    pub(crate) async fn open(file: &Path, tenant: &str, how: Opening) -> Result<Self, StoreError> {
        Ok(Self {
            database: Database::open(settings(file, tenant, how), Arc::new(Tables)).await?,
        })
    }

    /// What opening would find wrong with the file.
    pub(crate) async fn examine(file: &Path, tenant: &str, how: Opening) -> Result<(), StoreError> {
        Ok(Database::examine(&settings(file, tenant, how), &Tables).await?)
    }
}

impl SqliteBackend {
    fn in_place<T, E>(
        &self,
        until: Instant,
        work: impl FnOnce(&ReadingInPlace<'_>) -> Result<T, E>,
    ) -> Result<T, NotInPlace> {
        self.database.read_in_place(until, work).map_err(|why| match why {
            kakehashi_database::NotInPlace::Now => NotInPlace::Now,
            kakehashi_database::NotInPlace::TooLong => NotInPlace::TooLong,
        })
    }
}

fn settings(file: &Path, tenant: &str, how: Opening) -> Settings {
    let all = SqliteConnectOptions::new()
        .busy_timeout(BUSY_TIMEOUT)
        .statement_cache_capacity(STATEMENTS)
        .row_buffer_size(ROWS_AHEAD)
        .pragma("cache_size", CACHE);
    let writing = match how.for_loads {
        true => all
            .clone()
            .pragma("cache_size", CACHE_OF_LOADS)
            .pragma("wal_autocheckpoint", PAGES_OF_LOADS),
        false => all.clone(),
    };
    Settings {
        name: format!("the store's partition of {tenant}").into(),
        file: file.to_owned(),
        readers: how.readers,
        writing: writing
            // In WAL mode: a power cut may lose the last transactions, never the file.
            .synchronous(SqliteSynchronous::Normal)
            .pragma("journal_size_limit", WAL_BYTES)
            // What was removed is overwritten, and not only forgotten.
            .pragma("secure_delete", "ON"),
        all,
    }
}

#[async_trait]
impl Backend for SqliteBackend {
    fn dialect(&self) -> &'static dyn Dialect {
        &Sqlite
    }

    fn path(&self) -> &Path {
        self.database.path()
    }

    fn trouble(&self) -> Option<Trouble> {
        self.database.trouble()
    }

    fn is_readable(&self) -> bool {
        self.database.is_readable()
    }

    fn is_closed(&self) -> bool {
        self.database.is_closed()
    }

    async fn close(&self) {
        self.database.close().await;
    }

    async fn reader(&self, deadline: Instant) -> Result<Box<dyn Reader>, StoreError> {
        let connection = self.database.reader(Some(deadline)).await?;
        Ok(Box::new(SqliteReader(connection)))
    }

    fn read_in_place(&self, until: Instant, work: ReadsInPlace<'_>) -> Result<(), NotInPlace> {
        let is_judging_too_long = Cell::new(false);
        let read = self.in_place(until, |reading| work(&Reading::InPlace(reading, &is_judging_too_long)));
        match is_judging_too_long.get() {
            true => Err(NotInPlace::TooLong),
            false => read,
        }
    }

    async fn read_apart(&self, deadline: Instant, work: ReadsApart) -> Result<(), StoreError> {
        let reading = self
            .database
            .read_apart(deadline, move |reading| work(&Reading::Apart(reading)));
        reading.await
    }

    fn looks_for_several_types(&self, until: Instant) -> Result<bool, NotInPlace> {
        self.in_place(until, |reading| -> rusqlite::Result<bool> {
            let mut statement = reading.connection().prepare_cached(SEVERAL_TYPES)?;
            statement.query_row((), |row| row.get(0))
        })
    }

    fn looks_for_uris(&self, name: &AttributeName, until: Instant) -> Result<bool, NotInPlace> {
        self.in_place(until, |reading| -> rusqlite::Result<bool> {
            let mut statement = reading.connection().prepare_cached(URIS)?;
            statement.query_row((name.as_str(), kind::URI), |row| row.get(0))
        })
    }

    async fn names_beyond(&self, known: &NameTable) -> Result<NameTable, StoreError> {
        let mut reader = self.database.spare_reader().await?;
        let names = names_beyond(&mut reader, known).await?;
        reader.done()?;
        Ok(names)
    }

    async fn begin(&self, deadline: Option<Instant>) -> Result<Box<dyn Transaction>, StoreError> {
        let transaction = self.database.begin(deadline).await?;
        Ok(Box::new(SqliteTransaction::begun(transaction, &self.database)))
    }

    async fn judged(&self, error: StoreError) -> StoreError {
        self.database.judged(error).await
    }

    /// Statistics for the planner, and the WAL moved into the database as far as readers allow.
    async fn tidy(&self) -> Result<(), StoreError> {
        let mut connection = self.database.for_upkeep().await?;
        for statement in [
            "PRAGMA analysis_limit = 1000; ANALYZE",
            "PRAGMA wal_checkpoint(PASSIVE)",
        ] {
            sqlx::raw_sql(statement).execute(&mut *connection).await?;
        }
        Ok(())
    }

    /// Moves the WAL into the database and empties it.
    async fn clear_erased(&self) -> Result<bool, StoreError> {
        let mut connection = self.database.for_upkeep().await?;
        let patience = |patience: Duration| format!("PRAGMA busy_timeout = {}", patience.as_millis());
        // Pragmas take no bindings; both values are numbers of this module.
        let (short, usual) = (patience(PATIENCE_WITH_READERS), patience(BUSY_TIMEOUT));
        sqlx::raw_sql(sqlx::AssertSqlSafe(short))
            .execute(&mut *connection)
            .await?;
        let emptied = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
            .fetch_one(&mut *connection)
            .await;
        sqlx::raw_sql(sqlx::AssertSqlSafe(usual))
            .execute(&mut *connection)
            .await?;
        let is_busy: i64 = emptied?.try_get(0)?;
        Ok(is_busy == 0)
    }

    #[cfg(test)]
    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}

/// The file's own connections, for tests that look at it or break it.
#[cfg(test)]
pub(crate) fn database_of(backend: &dyn Backend) -> &Database {
    &backend.as_any().downcast_ref::<SqliteBackend>().unwrap().database
}

#[cfg(test)]
mod tests;
