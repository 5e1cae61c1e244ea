//! One SQLite file: its connections, the one way to write to it, and what becomes of it while its disk is full or
//! read-only. It knows neither what stands in the file nor HTTP; the store and the gateway's state stand on it.
//!
//! | module | owns |
//! |---|---|
//! | [`settings`] | what a file is called, how it is opened, what its tables are |
//! | `opening` | the connections: as they should be, or as far as the disk allows |
//! | `transaction` | every write: whole, or nothing, and afterwards a connection that can be used |
//! | `reader` | a connection that reads |
//! | `in_place` | reading what is short on the thread that asks |
//! | `apart` | reading what is long, whole and at one state, on a thread of its own |
//! | `judging` | what decides about rows beside SQL |
//! | [`trouble`] | why a file cannot be written now |
//! | `healing` | noticing that it can be written again |
//!
//! A file that cannot be written is read. A write to it fails with [`DatabaseError::Unwritable`], and is tried all the
//! same: nobody has to do anything for it to work again.

mod apart;
mod cannot_open;
mod healing;
mod in_place;
mod judging;
mod opening;
mod reader;
pub mod settings;
#[cfg(test)]
mod tests;
mod transaction;
pub mod trouble;

use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use sqlx::Sqlite;
use sqlx::pool::PoolConnection;
use tokio::runtime::Handle;
use tokio::sync::watch;

pub use apart::{Over, ReadingApart};
pub use cannot_open::CannotOpen;
pub use in_place::{NotInPlace, ReadingInPlace};
pub use judging::{JUDGED, Judge};
pub use reader::Reader;
pub use settings::{Found, Schema, Settings};
pub use transaction::{Carries, End, Transaction};
pub use trouble::Failure;

use kakehashi_trouble::Trouble;

use opening::Connections;

/// Why something was not read or written.
#[derive(Debug, Clone, thiserror::Error)]
pub enum DatabaseError {
    /// The file cannot be written now. Nothing was written.
    #[error("the file cannot be written now: {0}")]
    Unwritable(Trouble),
    /// The file cannot be opened now, not even to be read.
    #[error("the file cannot be opened now: {0}")]
    Unopened(Trouble),
    /// Another program has changed the file while it was read as it stood.
    #[error("another program has changed the file while it was read; read it again")]
    Changed,
    /// The deadline passed first.
    #[error("not finished within the deadline")]
    Timeout,
    /// What SQLite says.
    #[error("{0}")]
    Sqlite(Failure),
}

impl From<sqlx::Error> for DatabaseError {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::PoolTimedOut => Self::Timeout,
            other => match Failure::of(&other) {
                failure if failure.is_interruption() => Self::Timeout,
                failure => Self::Sqlite(failure),
            },
        }
    }
}

/// One file. Cheap to clone: clones share their connections.
#[derive(Clone)]
pub struct Database(Arc<Inner>);

struct Inner {
    settings: Settings,
    schema: Arc<dyn Schema>,
    connections: watch::Sender<Arc<Connections>>,
    /// Since when it cannot be written; from then on somebody tries again.
    trouble: Mutex<Option<Trouble>>,
    /// How often something has changed for the better.
    changes: watch::Sender<u64>,
    closed: AtomicBool,
    /// That of whoever has opened it: what is finished without its caller must not end with the caller's.
    runtime: Handle,
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database")
            .field("file", &self.0.settings.file)
            .finish_non_exhaustive()
    }
}

impl Database {
    /// Opens the file; makes it, and its folder, when they do not exist, and brings an older one up to date. Where the
    /// disk does not allow that now, the file is open as far as it can be, and the rest follows by itself. What is done
    /// without a caller is done on the runtime of whoever opens it.
    ///
    /// # Errors
    /// [`CannotOpen`] where waiting would not help.
    pub async fn open(settings: Settings, schema: Arc<dyn Schema>) -> Result<Self, CannotOpen> {
        let (connections, failure) = opening::open(&settings, &*schema).await?;
        let inner = Arc::new(Inner {
            settings,
            schema,
            connections: watch::Sender::new(Arc::new(connections)),
            trouble: Mutex::default(),
            changes: watch::Sender::new(0),
            closed: AtomicBool::new(false),
            runtime: Handle::current(),
        });
        if let Some(failure) = failure {
            inner.broke(failure).await;
        }
        Ok(Self(inner))
    }

    /// What [`open`](Self::open) would find wrong with what is there, without making or changing anything.
    ///
    /// # Errors
    /// [`CannotOpen`] where waiting would not help.
    pub async fn examine(settings: &Settings, schema: &dyn Schema) -> Result<(), CannotOpen> {
        opening::examine(settings, schema).await
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0.settings.file
    }

    /// Why it cannot be written; `None`: it can, as far as anybody knows.
    #[must_use]
    pub fn trouble(&self) -> Option<Trouble> {
        self.0.current_trouble()
    }

    /// Whether it can be read. A file that nothing was ever written to is one that cannot.
    #[must_use]
    pub fn is_readable(&self) -> bool {
        self.0.is_readable()
    }

    /// Whether nothing was ever written to it, so that there is nothing to read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        matches!(&**self.0.connections.borrow(), Connections::Absent { is_empty: true })
    }

    /// Tells whenever it may have become readable or writable again.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.0.changes.subscribe()
    }

    /// Reads in place, on the thread that asks, what SQLite finds within a bounded number of instructions and until then;
    /// nobody else is answered by the thread meanwhile.
    ///
    /// # Errors
    /// [`NotInPlace`]: a [`Database::reader`] reads it, or tells why not.
    pub fn read_in_place<T, E>(
        &self,
        until: Instant,
        work: impl FnOnce(&ReadingInPlace<'_>) -> Result<T, E>,
    ) -> Result<T, NotInPlace> {
        let connections = Arc::clone(&self.0.connections.borrow());
        match &*connections {
            Connections::Open { in_place, .. } => in_place.read(until, work),
            Connections::Frozen { .. } | Connections::Absent { .. } | Connections::Changing => Err(NotInPlace::Now),
        }
    }

    /// Reads at one state of the file, on a thread of its own, until the deadline. Whoever does not wait any more ends it.
    ///
    /// # Errors
    /// Those of the work; [`DatabaseError`]
    pub async fn read_apart<T, E>(
        &self,
        deadline: Instant,
        work: impl FnOnce(&ReadingApart<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DatabaseError> + Send + 'static,
    {
        let connections = self.0.connections().await;
        let (apart, frozen) = match &*connections {
            Connections::Open { apart, .. } => (Arc::clone(apart), None),
            Connections::Frozen { apart, state, .. } => (Arc::clone(apart), Some(Arc::clone(state))),
            Connections::Absent { .. } | Connections::Changing => {
                return Err(DatabaseError::Unopened(self.0.known_trouble()).into());
            }
        };
        let read = apart::read(apart, &self.0.runtime, deadline, work).await?;
        // Nobody but another program can have changed a file that was read without locks.
        match frozen {
            Some(state) if !state.holds(self.path()) => Err(DatabaseError::Changed.into()),
            _ => Ok(read),
        }
    }

    /// Waits for what is under way, then closes the file. Later calls fail.
    pub async fn close(&self) {
        self.0.closed.store(true, Ordering::Release);
        let connections = self.0.connections().await;
        connections.close().await;
    }

    /// Whether it was closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.0.is_closed()
    }

    /// The connection that writes, for statements that are no part of a transaction: upkeep, and looking on in tests.
    ///
    /// # Errors
    /// [`DatabaseError`]
    pub async fn for_upkeep(&self) -> Result<PoolConnection<Sqlite>, DatabaseError> {
        self.0.writer().await
    }
}

impl Inner {
    fn trouble(&self) -> MutexGuard<'_, Option<Trouble>> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn current_trouble(&self) -> Option<Trouble> {
        let trouble = self.trouble().clone()?;
        Some(Trouble {
            is_readable: self.is_readable(),
            ..trouble
        })
    }

    fn is_readable(&self) -> bool {
        !matches!(&**self.connections.borrow(), Connections::Absent { .. })
    }

    fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// The connections that there are now. While they are being replaced, whoever asks waits.
    async fn connections(&self) -> Arc<Connections> {
        let now = Arc::clone(&self.connections.borrow());
        if !matches!(*now, Connections::Changing) {
            return now;
        }
        let mut changes = self.connections.subscribe();
        let changed = changes.wait_for(|connections| !matches!(**connections, Connections::Changing));
        // The sender lives as long as this does.
        changed.await.map_or(now, |connections| Arc::clone(&connections))
    }

    /// The connection that writes.
    async fn writer(&self) -> Result<PoolConnection<Sqlite>, DatabaseError> {
        match &*self.connections().await {
            Connections::Open { writer, .. } => Ok(writer.acquire().await?),
            Connections::Frozen { .. } | Connections::Absent { .. } | Connections::Changing => {
                Err(DatabaseError::Unwritable(self.known_trouble()))
            }
        }
    }

    /// What is known of why it cannot be written.
    fn known_trouble(&self) -> Trouble {
        self.current_trouble().unwrap_or_else(trouble::passing)
    }
}
