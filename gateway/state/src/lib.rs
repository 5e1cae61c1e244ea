//! What the gateway keeps over a restart, in the database of `[gateway] state`: contexts, subscriptions, the revisions
//! that ran, what was done with whole partitions of the store, and what the files of sources were like.
//!
//! | module | owns |
//! |---|---|
//! | [`contexts`], [`subscriptions`], [`revisions`], [`acts`], [`files`] | what is kept of each, and what may be done with it, without a word of SQL |
//! | `backend` | what that rests in: one folder for each database, the only place with SQL |
//!
//! What a record means only its user knows: texts are kept as they are given.
//!
//! The database may be full or read-only, when the gateway starts and later. What is kept is read as far as it can be, what
//! would have to be written is refused, and it works again by itself.

// What outlives a request is spawned in `runtime` and nowhere else.
#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

pub mod acts;
mod backend;
pub mod contexts;
mod error;
pub mod files;
pub mod revisions;
pub mod subscriptions;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;

use tokio::sync::watch;

pub use kakehashi_trouble::{Reason, Trouble};

pub use self::error::StateError;

use self::acts::Acts;
use self::backend::Backend;
use self::backend::sqlite::SqliteBackend;
use self::contexts::Contexts;
use self::files::Files;
use self::revisions::Revisions;
use self::subscriptions::Subscriptions;

/// What became of adding a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    /// It is there.
    Done,
    /// There was one of that key.
    Exists,
    /// There are as many as there may be.
    Full,
}

/// The database. Cheap to clone: clones share its connections.
#[derive(Debug, Clone)]
pub struct State(Arc<dyn Backend>);

impl State {
    /// Opens the file; makes it when it does not exist, and brings an older one up to date, as far as the disk allows
    /// that now.
    ///
    /// # Errors
    /// [`StateError`] where waiting would not help.
    pub async fn open(file: &Path) -> Result<Self, StateError> {
        Ok(Self(Arc::new(SqliteBackend::open(file).await?)))
    }

    /// What [`open`](Self::open) would find wrong with the file, without making or changing anything.
    ///
    /// # Errors
    /// [`StateError`] where waiting would not help.
    pub async fn examine(file: &Path) -> Result<(), StateError> {
        SqliteBackend::examine(file).await
    }

    /// The contexts that are stored here.
    #[must_use]
    pub fn contexts(&self) -> &dyn Contexts {
        &*self.0
    }

    /// The subscriptions.
    #[must_use]
    pub fn subscriptions(&self) -> &dyn Subscriptions {
        &*self.0
    }

    /// The revisions of the configuration that ran.
    #[must_use]
    pub fn revisions(&self) -> &dyn Revisions {
        &*self.0
    }

    /// What was done with whole partitions of the store.
    #[must_use]
    pub fn acts(&self) -> &dyn Acts {
        &*self.0
    }

    /// What is remembered of the files of sources.
    #[must_use]
    pub fn files(&self) -> &dyn Files {
        &*self.0
    }

    /// Why it cannot be written, and perhaps not even read; `None`: it can, as far as anybody knows.
    #[must_use]
    pub fn trouble(&self) -> Option<Trouble> {
        self.0.trouble()
    }

    /// Whether what is kept can be read. Where nothing was ever kept, there is nothing to read.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.0.is_known()
    }

    /// Tells whenever it may have become possible to read or write it again.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.0.changes()
    }

    /// Waits for what is under way, then closes the database.
    pub async fn close(&self) {
        self.0.close().await;
    }
}
