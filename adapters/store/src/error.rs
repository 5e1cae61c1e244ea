//! What can go wrong with a partition of the store.

use std::error::Error;
use std::io;

use kakehashi_resources::Exhausted;
use kakehashi_trouble::{Reason, Trouble};

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
    #[error("the file is a database of another program")]
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
    /// It cannot be written now. Nothing was written.
    #[error("the file cannot be written now: {0}")]
    Unwritable(Trouble),
    /// It cannot be opened now, not even to be read.
    #[error("the file cannot be opened now: {0}")]
    Unopened(Trouble),
    /// Another program has changed it while it was read as it stood.
    #[error("another program has changed the file while it was read; read it again")]
    Changed,
    /// What the database says; what that means only its backend knows.
    #[error("{0}")]
    Failed(#[source] Box<dyn Error + Send + Sync>),
}

/// Why a backup cannot take the place of a partition. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotRestored {
    /// It is not there, or cannot be read.
    #[error("the file cannot be read: {0}")]
    Unreadable(String),
    /// It is a folder.
    #[error("the file cannot be read: it is a folder")]
    Folder,
    /// It is a pipe, a device or a socket.
    #[error("it is no file but a pipe, a device or a socket: name the file that was made")]
    NoFile,
    /// Nothing is in it.
    #[error("the file is empty: name one that `kakehashi store backup` has made")]
    Empty,
    /// It is no database.
    #[error("the file is no database of SQLite, or is damaged: {0}")]
    NoDatabase(String),
    /// It is a database of something else.
    #[error("the file is a database of another program")]
    Foreign,
    /// Nobody knows whose it is.
    #[error("the file does not say whose it is: it was not made by `kakehashi store backup`")]
    Unstamped,
    /// It is of another tenant.
    #[error("the file is a backup of the partition of `{0}`")]
    OfAnother(String),
    /// A later version has written it.
    #[error("the file has version {found}, this program knows versions up to {known}: use a newer program")]
    Newer {
        /// The version of the file.
        found: i64,
        /// The newest version that is known here.
        known: i64,
    },
    /// Its content is not as it was made.
    #[error("the file is damaged: {0}")]
    Damaged(String),
    /// What was read of it is not what it was made of.
    #[error("the file is damaged: its entities are not those that it was made of")]
    Altered,
    /// It has other tables or triggers than it should have.
    #[error("the file is damaged: its tables are not those of version {0}, which it says it has")]
    Shape(i64),
    /// Somebody has the partition open.
    #[error("the partition is in use: stop the gateway, and whatever else has it open, and restore it then")]
    InUse,
    /// What is in the place of the partition cannot be replaced.
    #[error("what is in the place of the partition cannot be replaced: {0}; move it away, and restore again")]
    Place(String),
    /// The partition could not be written.
    #[error("the partition cannot be written: {0}")]
    Unwritten(String),
}

impl From<DecodeError> for StoreError {
    fn from(error: DecodeError) -> Self {
        match error {
            DecodeError::UnknownName => Self::UnknownName,
            other => Self::Row(other.to_string()),
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
            Self::Unwritable(trouble) => match trouble.reason {
                Reason::Full => ErrorKind::InsufficientStorage,
                Reason::ReadOnly | Reason::Other => ErrorKind::Unwritable,
            },
            Self::Unopened(_) | Self::Changed => ErrorKind::Unreachable,
            _ => ErrorKind::Internal,
        }
    }
}
