//! SQLite: one file.
//!
//! | module | owns |
//! |---|---|
//! | `schema` | the tables, and how older files become new ones |
//! | `contexts`, `subscriptions`, `revisions`, `acts` | the statements of each |
//! | `failing` | what SQLite's errors are to the gateway |

mod acts;
mod contexts;
mod failing;
mod files;
mod revisions;
mod schema;
mod subscriptions;
#[cfg(test)]
mod tests;

use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use kakehashi_database::{Database, Settings};
use kakehashi_trouble::Trouble;
use sqlx::Sqlite;
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteConnectOptions, SqliteRow, SqliteSynchronous};
use tokio::sync::watch;

use self::schema::Tables;
use super::Backend;
use crate::StateError;

/// How long a writer waits for another that writes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Connections that read: what is read often is in memory.
const READERS: NonZeroU32 = NonZeroU32::new(2).unwrap();

/// A statement with what is bound to it.
type Statement = Query<'static, Sqlite, SqliteArguments>;

/// The file.
#[derive(Debug)]
pub(crate) struct SqliteBackend(Database);

impl SqliteBackend {
    /// Opens the file; makes it when it does not exist, and brings an older one up to date, as far as the disk allows
    /// that now.
    pub(crate) async fn open(file: &Path) -> Result<Self, StateError> {
        Ok(Self(Database::open(Self::settings(file), Arc::new(Tables)).await?))
    }

    /// What opening would find wrong with the file.
    pub(crate) async fn examine(file: &Path) -> Result<(), StateError> {
        Ok(Database::examine(&Self::settings(file), &Tables).await?)
    }

    fn settings(file: &Path) -> Settings {
        let all = SqliteConnectOptions::new().busy_timeout(BUSY_TIMEOUT);
        Settings {
            name: "the gateway's state".into(),
            file: file.to_owned(),
            readers: READERS,
            // What a consumer was told is stored survives a power cut.
            writing: all.clone().synchronous(SqliteSynchronous::Full),
            all,
        }
    }

    /// The rows that a statement selects.
    async fn rows(&self, statement: Statement) -> Result<Vec<SqliteRow>, StateError> {
        if self.0.is_empty() {
            return Ok(Vec::new());
        }
        let mut reader = self.0.reader(None).await?;
        let rows = statement.fetch_all(&mut *reader).await?;
        reader.done()?;
        Ok(rows)
    }

    /// Writes by one statement. Whether it has changed anything.
    async fn changed_by(&self, statement: Statement) -> Result<bool, StateError> {
        Ok(self.0.statement(statement).await?.rows_affected() > 0)
    }
}

#[async_trait]
impl Backend for SqliteBackend {
    fn trouble(&self) -> Option<Trouble> {
        self.0.trouble()
    }

    fn is_known(&self) -> bool {
        self.0.is_readable() || self.0.is_empty()
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.0.changes()
    }

    async fn close(&self) {
        self.0.close().await;
    }
}
