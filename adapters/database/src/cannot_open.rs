//! Why a database cannot be opened, where waiting would not help.

use std::io;

use crate::trouble::Failure;

/// Why a file cannot be opened, where waiting would not help.
#[derive(Debug, thiserror::Error)]
pub enum CannotOpen {
    /// Its folder cannot be made.
    #[error("the folder of the file cannot be made: {0}")]
    Folder(#[source] io::Error),
    /// It is another program's.
    #[error("the file is a SQLite database of another program")]
    Foreign,
    /// A later version of this program has written it.
    #[error("the file has version {found}, this program knows versions up to {known}: use a newer program")]
    Newer {
        /// The version of the file.
        found: i64,
        /// The newest version that is known here.
        known: i64,
    },
    /// What stands in it cannot be read.
    #[error("{0}")]
    Content(String),
    /// SQLite.
    #[error("{0}")]
    Database(Failure),
}

impl From<sqlx::Error> for CannotOpen {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(Failure::of(&error))
    }
}
