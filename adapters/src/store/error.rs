//! What can go wrong with a partition of the store.

use std::io;

use kakehashi_resources::Exhausted;

use crate::contract::ErrorKind;

/// Why a partition cannot be opened, read or written. No variant holds a value of an entity.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The name of a tenant becomes the name of a file, so only some characters are allowed.
    #[error(
        "{0:?} cannot name a partition of the store: use 1 to {max} of a-z, 0-9, `-` and `_`, beginning with a letter or digit",
        max = super::MAX_TENANT_BYTES
    )]
    TenantName(String),
    /// The folder of the store cannot be made.
    #[error("the folder of the store cannot be made: {0}")]
    Folder(#[source] io::Error),
    /// The file is a database, but not one of the store.
    #[error("the file is a SQLite database of another program")]
    NotAStore,
    /// A later version has written the file.
    #[error("the file has version {found}, this program knows versions up to {known}: use a newer program")]
    NewerVersion {
        /// The version of the file.
        found: i64,
        /// The newest version that is known here.
        known: i64,
    },
    /// An entity whose attributes nest too deep.
    #[error("entity {position} (counted from 1): {reason}")]
    Entity {
        /// Which of the entities that were given.
        position: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// A row that cannot be read.
    #[error("{0}")]
    Row(String),
    /// The deadline passed first.
    #[error("not finished within the deadline")]
    Timeout,
    /// What the request may use is used up.
    #[error("{0}")]
    Exhausted(#[from] Exhausted),
    /// What SQLite says.
    #[error("{0}")]
    Database(String),
}

/// SQLite's primary result code for an interrupted statement (`SQLITE_INTERRUPT`).
const INTERRUPTED: &str = "9";

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::PoolTimedOut => Self::Timeout,
            sqlx::Error::Database(database) if database.code().as_deref() == Some(INTERRUPTED) => Self::Timeout,
            // SQLite's messages name tables, columns and file errors, never values.
            sqlx::Error::Database(database) => Self::Database(format!(
                "SQLite: {} (code {})",
                database.message(),
                database.code().unwrap_or_default()
            )),
            other => Self::Database(other.to_string()),
        }
    }
}

impl StoreError {
    /// How the contract of adapters calls it.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Timeout | Self::Exhausted(Exhausted::Time) => ErrorKind::Timeout,
            Self::Exhausted(exhausted) => ErrorKind::Exhausted(*exhausted),
            _ => ErrorKind::Internal,
        }
    }
}
