//! The SQLite file of `[gateway] state`, which several parts of the gateway share. Each part counts the versions of
//! its own tables, and none knows those of another.

use std::path::Path;
use std::time::Duration;

use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

/// How long a writer waits for another that writes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Why what the gateway keeps cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// SQLite.
    #[error("the file of `[gateway] state` cannot be used: {0}")]
    Database(#[from] sqlx::Error),
    /// Its folder cannot be made.
    #[error("the folder of `[gateway] state` cannot be made: {0}")]
    Folder(std::io::Error),
    /// Written by a later version.
    #[error("the file of `[gateway] state` was written by a later version")]
    Later,
}

/// Opens the file; makes it when it does not exist.
///
/// # Errors
/// [`StateError`]
pub(crate) async fn open(file: &Path, connections: u32) -> Result<SqlitePool, StateError> {
    if let Some(folder) = file.parent() {
        tokio::fs::create_dir_all(folder).await.map_err(StateError::Folder)?;
    }
    let options = SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .busy_timeout(BUSY_TIMEOUT)
        .journal_mode(SqliteJournalMode::Wal)
        // What a consumer was told is stored survives a power cut.
        .synchronous(SqliteSynchronous::Full);
    let pool = SqlitePoolOptions::new().max_connections(connections);
    Ok(pool.connect_with(options).await?)
}

/// Brings the tables of one part up to date. `migrations` leads from each version to the next; entries are only
/// ever added.
///
/// # Errors
/// [`StateError`]
pub(crate) async fn migrate(pool: &SqlitePool, part: &str, migrations: &[&'static str]) -> Result<(), StateError> {
    let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await?;
    sqlx::query("CREATE TABLE IF NOT EXISTS versions (part TEXT PRIMARY KEY, version INTEGER NOT NULL) STRICT")
        .execute(&mut *transaction)
        .await?;
    let version: Option<i64> = sqlx::query_scalar("SELECT version FROM versions WHERE part = ?1")
        .bind(part)
        .fetch_optional(&mut *transaction)
        .await?;
    let version = usize::try_from(version.unwrap_or(0)).unwrap_or(0);
    let missing = migrations.get(version..).ok_or(StateError::Later)?;
    for migration in missing {
        sqlx::raw_sql(*migration).execute(&mut *transaction).await?;
    }
    sqlx::query("INSERT OR REPLACE INTO versions (part, version) VALUES (?1, ?2)")
        .bind(part)
        .bind(i64::try_from(migrations.len()).unwrap_or(i64::MAX))
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await?;
    Ok(())
}
