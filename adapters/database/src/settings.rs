//! What a file is called, how it is opened, and what its tables are.

use std::fmt;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use sqlx::SqliteConnection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode};

use crate::CannotOpen;

/// How a file is opened.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What the log calls it: "the state".
    pub name: Arc<str>,
    /// Where it is.
    pub file: PathBuf,
    /// How many connections may read at once.
    pub readers: NonZeroU32,
    /// How every connection is opened, beside what is decided here.
    pub all: SqliteConnectOptions,
    /// How the connection that writes is opened.
    pub writing: SqliteConnectOptions,
}

impl Settings {
    /// For the connection that writes. In WAL mode it never waits for readers, nor they for it.
    pub(crate) fn to_write(&self) -> SqliteConnectOptions {
        self.writing
            .clone()
            .filename(&self.file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
    }

    /// For those that read.
    pub(crate) fn to_read(&self) -> SqliteConnectOptions {
        self.all.clone().filename(&self.file).read_only(true)
    }
}

/// What a file holds, as far as it must be known to open it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// No table.
    Nothing,
    /// Tables of an earlier version, or not all of them.
    Older,
    /// The tables of this version.
    Current,
}

/// The tables of a file.
#[async_trait]
pub trait Schema: fmt::Debug + Send + Sync {
    /// What the file holds. Nothing is written.
    ///
    /// # Errors
    /// [`CannotOpen`], for a file that is not of this program, or of a later version of it.
    async fn look(&self, connection: &mut SqliteConnection) -> Result<Found, CannotOpen>;

    /// Brings the file up to date. Asked within a transaction.
    ///
    /// # Errors
    /// [`CannotOpen`]
    async fn migrate(&self, connection: &mut SqliteConnection) -> Result<(), CannotOpen>;
}
