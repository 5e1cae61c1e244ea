//! What can go wrong with a partition of the store.

use std::io;

use kakehashi_database::{CannotOpen, Carries, DatabaseError, Reason};
use kakehashi_resources::Exhausted;

use super::body::DecodeError;
use kakehashi_contract::ErrorKind;

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
    /// A row uses a name that the table of names does not have yet.
    #[error("a row uses a name that is not in the table of names")]
    UnknownName,
    /// A row that cannot be read.
    #[error("{0}")]
    Row(String),
    /// The deadline passed first.
    #[error("not finished within the deadline")]
    Timeout,
    /// What the request may use is used up.
    #[error("{0}")]
    Exhausted(#[from] Exhausted),
    /// The file, or its disk.
    #[error(transparent)]
    Database(DatabaseError),
}

impl From<DecodeError> for StoreError {
    fn from(error: DecodeError) -> Self {
        match error {
            DecodeError::UnknownName => Self::UnknownName,
            other => Self::Row(other.to_string()),
        }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        DatabaseError::from(error).into()
    }
}

impl From<DatabaseError> for StoreError {
    fn from(error: DatabaseError) -> Self {
        match error {
            DatabaseError::Timeout => Self::Timeout,
            other => Self::Database(other),
        }
    }
}

impl Carries for StoreError {
    fn into_database(self) -> Result<DatabaseError, Self> {
        match self {
            Self::Database(error) => Ok(error),
            Self::Timeout => Ok(DatabaseError::Timeout),
            other => Err(other),
        }
    }
}

impl From<CannotOpen> for StoreError {
    fn from(error: CannotOpen) -> Self {
        match error {
            CannotOpen::Folder(error) => Self::Folder(error),
            CannotOpen::Foreign => Self::NotAStore,
            CannotOpen::Newer { found, known } => Self::NewerVersion { found, known },
            CannotOpen::Content(reason) => Self::Row(reason),
            CannotOpen::Database(failure) => Self::Database(DatabaseError::Sqlite(failure)),
        }
    }
}

impl From<StoreError> for CannotOpen {
    /// What stopped a migration.
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Database(DatabaseError::Sqlite(failure)) => Self::Database(failure),
            other => Self::Content(other.to_string()),
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
            Self::Database(DatabaseError::Unwritable(trouble)) => match trouble.reason {
                Reason::Full => ErrorKind::InsufficientStorage,
                Reason::ReadOnly | Reason::Other => ErrorKind::Unwritable,
            },
            Self::Database(DatabaseError::Unopened(_) | DatabaseError::Changed) => ErrorKind::Unreachable,
            _ => ErrorKind::Internal,
        }
    }
}
