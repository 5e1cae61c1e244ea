//! The SQLite file of `[gateway] state`, which several parts of the gateway share: what it keeps over a restart. Each
//! part counts the versions of its own tables, and none knows those of another.
//!
//! It may be full or read-only, when the gateway starts and later. What is kept is read as far as it can be, what would
//! have to be written is refused, and it works again by itself.

// What outlives a request is spawned in `runtime` and nowhere else.
#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use kakehashi_database::{CannotOpen, Carries, Database, DatabaseError, End, Found, Schema, Settings};
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteConnectOptions, SqliteQueryResult, SqliteRow, SqliteSynchronous};
use sqlx::{Sqlite, SqliteConnection};
use tokio::sync::watch;

pub use kakehashi_database::Trouble;

/// How long a writer waits for another that writes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Connections that read: what is read often is in memory.
const READERS: NonZeroU32 = NonZeroU32::new(2).unwrap();

/// A part of the gateway that keeps something.
#[derive(Debug, Clone, Copy)]
pub struct Part {
    /// Its name, which stands in the file.
    pub name: &'static str,
    /// What leads from each version of its tables to the next.
    pub migrations: &'static [&'static str],
}

/// Why what the gateway keeps cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The file, or its disk.
    #[error("the file of `[gateway] state` cannot be used: {0}")]
    Database(#[from] DatabaseError),
    /// Its folder cannot be made.
    #[error("the folder of `[gateway] state` cannot be made: {0}")]
    Folder(std::io::Error),
    /// Written by a later version.
    #[error("the file of `[gateway] state` was written by a later version")]
    Later,
    /// It is no file of a gateway.
    #[error("the file of `[gateway] state` cannot be used: {0}")]
    Unknown(String),
}

impl From<sqlx::Error> for StateError {
    fn from(error: sqlx::Error) -> Self {
        DatabaseError::from(error).into()
    }
}

impl Carries for StateError {
    fn into_database(self) -> Result<DatabaseError, Self> {
        match self {
            Self::Database(error) => Ok(error),
            other => Err(other),
        }
    }
}

impl From<CannotOpen> for StateError {
    fn from(error: CannotOpen) -> Self {
        match error {
            CannotOpen::Folder(error) => Self::Folder(error),
            CannotOpen::Newer { .. } => Self::Later,
            CannotOpen::Database(failure) => Self::Database(DatabaseError::Sqlite(failure)),
            other @ (CannotOpen::Foreign | CannotOpen::Content(_)) => Self::Unknown(other.to_string()),
        }
    }
}

impl StateError {
    /// Whether it passes by itself, and the operator is told elsewhere.
    #[must_use]
    pub const fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::Database(DatabaseError::Unwritable(_) | DatabaseError::Unopened(_) | DatabaseError::Changed)
        )
    }
}

/// The file. Cheap to clone: clones share its connections.
#[derive(Debug, Clone)]
pub struct State(Database);

impl State {
    /// Opens the file; makes it when it does not exist, and brings an older one up to date, as far as the disk allows
    /// that now.
    ///
    /// # Errors
    /// [`StateError`] where waiting would not help.
    pub async fn open(file: &Path, parts: &'static [Part]) -> Result<Self, StateError> {
        let all = SqliteConnectOptions::new().busy_timeout(BUSY_TIMEOUT);
        let settings = Settings {
            name: "the gateway's state".into(),
            file: file.to_owned(),
            readers: READERS,
            // What a consumer was told is stored survives a power cut.
            writing: all.clone().synchronous(SqliteSynchronous::Full),
            all,
        };
        Ok(Self(Database::open(settings, Arc::new(Tables(parts))).await?))
    }

    /// Why it cannot be written, and perhaps not even read; `None`: it can, as far as anybody knows.
    #[must_use]
    pub fn trouble(&self) -> Option<Trouble> {
        self.0.trouble()
    }

    /// Whether what is kept can be read. Where nothing was ever kept, there is nothing to read.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.0.is_readable() || self.0.is_empty()
    }

    /// Tells whenever it may have become possible to read or write it again.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.0.changes()
    }

    /// The rows that a query selects.
    pub async fn rows(&self, query: Query<'static, Sqlite, SqliteArguments>) -> Result<Vec<SqliteRow>, StateError> {
        if self.0.is_empty() {
            return Ok(Vec::new());
        }
        let mut reader = self.0.reader(None).await?;
        let rows = query.fetch_all(&mut *reader).await?;
        reader.done()?;
        Ok(rows)
    }

    /// Writes by one statement.
    pub async fn statement(
        &self,
        statement: Query<'static, Sqlite, SqliteArguments>,
    ) -> Result<SqliteQueryResult, StateError> {
        Ok(self.0.statement(statement).await?)
    }

    /// Writes by several statements: all of them or none.
    pub async fn write<T, W>(&self, work: W) -> Result<T, StateError>
    where
        W: AsyncFnOnce(&mut SqliteConnection) -> Result<End<T>, StateError>,
    {
        self.0.write(None, work).await
    }

    /// Waits for what is under way, then closes the file.
    pub async fn close(&self) {
        self.0.close().await;
    }
}

/// The tables of all parts.
#[derive(Debug)]
struct Tables(&'static [Part]);

#[async_trait]
impl Schema for Tables {
    async fn look(&self, connection: &mut SqliteConnection) -> Result<Found, CannotOpen> {
        let tables: Vec<String> = sqlx::query_scalar("SELECT name FROM sqlite_schema")
            .fetch_all(&mut *connection)
            .await?;
        if tables.is_empty() {
            return Ok(Found::Nothing);
        }
        if tables.iter().all(|table| table != "versions") {
            return Ok(Found::Older);
        }
        let mut found = Found::Current;
        for Part { name, migrations } in self.0 {
            if !missing(connection, name, migrations).await?.is_empty() {
                found = Found::Older;
            }
        }
        Ok(found)
    }

    async fn migrate(&self, connection: &mut SqliteConnection) -> Result<(), CannotOpen> {
        sqlx::query("CREATE TABLE IF NOT EXISTS versions (part TEXT PRIMARY KEY, version INTEGER NOT NULL) STRICT")
            .execute(&mut *connection)
            .await?;
        for Part { name, migrations } in self.0 {
            for migration in missing(connection, name, migrations).await? {
                sqlx::raw_sql(*migration).execute(&mut *connection).await?;
            }
            sqlx::query("INSERT OR REPLACE INTO versions (part, version) VALUES (?1, ?2)")
                .bind(*name)
                .bind(i64::try_from(migrations.len()).unwrap_or(i64::MAX))
                .execute(&mut *connection)
                .await?;
        }
        Ok(())
    }
}

/// What leads from the version of a part's tables in the file to this version's.
async fn missing(
    connection: &mut SqliteConnection,
    part: &str,
    migrations: &'static [&'static str],
) -> Result<&'static [&'static str], CannotOpen> {
    let version: Option<i64> = sqlx::query_scalar("SELECT version FROM versions WHERE part = ?1")
        .bind(part)
        .fetch_optional(connection)
        .await?;
    let found = version.unwrap_or(0);
    let reached = usize::try_from(found).unwrap_or(0);
    migrations.get(reached..).ok_or(CannotOpen::Newer {
        found,
        known: i64::try_from(migrations.len()).unwrap_or(i64::MAX),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARTS: &[Part] = &[
        Part {
            name: "letters",
            migrations: &["CREATE TABLE letters (letter TEXT NOT NULL) STRICT"],
        },
        Part {
            name: "numbers",
            migrations: &["CREATE TABLE numbers (number INTEGER NOT NULL) STRICT"],
        },
    ];

    #[tokio::test]
    async fn a_file_of_a_later_version_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("state.db");
        for Part { name, .. } in PARTS {
            let state = State::open(&file, PARTS).await.unwrap();
            let later = sqlx::query("UPDATE versions SET version = version + 99 WHERE part = ?1").bind(name);
            state.statement(later).await.unwrap();
            state.close().await;
            assert!(
                matches!(State::open(&file, PARTS).await, Err(StateError::Later)),
                "{name}"
            );
            std::fs::remove_file(&file).unwrap();
        }
    }

    #[tokio::test]
    async fn what_no_gateway_has_written_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("state.db");
        std::fs::write(&file, "no database at all, and longer than the head of one ".repeat(20)).unwrap();
        assert!(matches!(State::open(&file, PARTS).await, Err(StateError::Database(_))));
    }
}
