//! A partition of the store: the entities of one tenant, in one SQLite file.
//!
//! One connection writes, a few read; in WAL mode readers never wait for the writer, and another process
//! (`kakehashi store load`) may write while the gateway reads. Every connection has a thread of its own, so the
//! async runtime waits but never blocks.

use std::num::NonZeroU32;
use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Weak};
use std::time::Duration;

use kakehashi_database::{Database, Settings, Trouble};
use kakehashi_resources::gate::{Gate, Pass};
use ngsi_ld::Iri;
use sqlx::sqlite::{SqliteConnectOptions, SqliteSynchronous};
use sqlx::{Row as _, SqliteConnection};

use super::StoreError;
use super::names::{NameTable, SharedNames};
use super::schema::Tables;
use kakehashi_contract::Call;

/// Longest name of a tenant that names a file, in bytes.
pub const MAX_TENANT_BYTES: usize = 64;

/// How long a writer waits for another process that writes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// Prepared statements that a connection keeps: shapes of queries are few, but consumers vary them.
const STATEMENTS: usize = 256;

/// Rows that a connection's thread reads ahead of the one that takes them: enough to keep it busy; an entity may have
/// hundreds of KiB, and a large answer is to pass through little memory.
const ROWS_AHEAD: usize = 8;

/// SQLite's page cache of a connection, in KiB (negative by SQLite's convention). The operating system keeps the file's
/// pages as well, once for all connections.
const CACHE: &str = "-2048";

/// To what size the WAL file shrinks again after a large load, in bytes.
const WAL_BYTES: &str = "67108864";

/// How a partition is opened.
#[derive(Debug, Clone, Copy)]
pub struct StoreOptions {
    /// How many connections may read at once.
    pub readers: NonZeroU32,
}

impl Default for StoreOptions {
    /// One reader a core for one caller, from 2 to 8, since more only compete for the same pages; and as many for others.
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(2, |cores| cores.get().clamp(2, 8));
        let cores = 2 * cores;
        let readers = u32::try_from(cores).ok().and_then(NonZeroU32::new);
        Self {
            readers: readers.unwrap_or(NonZeroU32::MIN),
        }
    }
}

/// The store of one tenant. Cheap to clone: clones share their connections.
#[derive(Debug, Clone)]
pub struct StorePartition(Arc<Inner>);

#[derive(Debug)]
pub(super) struct Inner {
    database: Database,
    /// Who may have one of the connections that read.
    gate: Arc<Gate>,
    names: SharedNames,
    /// When something expires next, in microseconds since 1970: never later than the file says of what this process has
    /// written.
    pub(super) next_expiry: AtomicI64,
}

impl StorePartition {
    /// Opens `<folder>/<tenant>.db`; makes the folder and the file when they do not exist, and brings a file
    /// of an earlier version up to date. Where the disk is full or read-only the partition is open as far as it can be,
    /// and the rest follows by itself: see [`StorePartition::trouble`].
    ///
    /// # Errors
    /// [`StoreError`] when the name or the folder will not do, or the file is damaged, of another program, or
    /// of a later version.
    pub async fn open(folder: &Path, tenant: &str, options: StoreOptions) -> Result<Self, StoreError> {
        if !names_a_file(tenant) {
            return Err(StoreError::TenantName(tenant.to_owned()));
        }
        let all = SqliteConnectOptions::new()
            .busy_timeout(BUSY_TIMEOUT)
            .statement_cache_capacity(STATEMENTS)
            .row_buffer_size(ROWS_AHEAD)
            .pragma("cache_size", CACHE);
        let settings = Settings {
            name: format!("the store's partition of {tenant}").into(),
            file: folder.join(format!("{tenant}.db")),
            readers: options.readers,
            writing: all
                .clone()
                // In WAL mode: a power cut may lose the last transactions, never the file.
                .synchronous(SqliteSynchronous::Normal)
                .pragma("journal_size_limit", WAL_BYTES),
            all,
        };
        let partition = Self(Arc::new(Inner {
            database: Database::open(settings, Arc::new(Tables)).await?,
            gate: Gate::new(options.readers.get() as usize),
            names: SharedNames::default(),
            // Nobody knows yet.
            next_expiry: AtomicI64::new(i64::MIN),
        }));
        if partition.database().is_readable() {
            partition.read_new_names().await?;
        }
        Ok(partition)
    }

    /// The partition, while it is open.
    pub(super) fn of(inner: &Weak<Inner>) -> Option<Self> {
        inner.upgrade().map(Self)
    }

    pub(super) fn downgrade(&self) -> Weak<Inner> {
        Arc::downgrade(&self.0)
    }

    pub(super) fn inner(&self) -> &Inner {
        &self.0
    }

    pub(super) fn database(&self) -> &Database {
        &self.0.database
    }

    /// The file.
    #[must_use]
    pub fn file(&self) -> &Path {
        self.database().path()
    }

    /// Why it cannot be written now, or not even be read; `None`: it can, or nobody knows of it.
    #[must_use]
    pub fn trouble(&self) -> Option<Trouble> {
        self.database().trouble()
    }

    /// Waits for what is under way, then closes the file. Later calls fail.
    pub async fn close(&self) {
        self.database().close().await;
    }

    /// A connection for reading, whose statements end at the deadline. Callers have them by turns.
    pub(super) async fn reader(&self, call: &Call) -> Result<Reader, StoreError> {
        let pass = call.resources.enter(&self.0.gate).await;
        Ok(Reader {
            connection: self.database().reader(Some(call.deadline)).await?,
            _pass: pass,
        })
    }

    /// The names as far as they are known.
    pub(super) fn names(&self) -> Arc<NameTable> {
        self.0.names.current()
    }

    /// Takes over names that a finished transaction has added.
    pub(super) fn advance_names(&self, names: NameTable) {
        self.0.names.advance(&Arc::new(names));
    }

    /// Reads the names that another process has added. Whoever reads an entity that has one holds a connection already.
    pub(super) async fn read_new_names(&self) -> Result<Arc<NameTable>, StoreError> {
        let mut reader = self.database().spare_reader().await?;
        let names = names_since(&mut reader, &self.names()).await?;
        reader.done()?;
        self.0.names.advance(&Arc::new(names));
        Ok(self.names())
    }
}

/// A connection for reading, and the right to have it.
#[derive(Debug)]
pub(super) struct Reader {
    /// Given back before the right to have it.
    connection: kakehashi_database::Reader,
    _pass: Pass,
}

impl Reader {
    /// Ends the reading: what was read counts from then on.
    pub(super) fn done(self) -> Result<(), StoreError> {
        Ok(self.connection.done()?)
    }
}

impl Deref for Reader {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        &self.connection
    }
}

impl DerefMut for Reader {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }
}

/// The table of names with all that the file has beyond it.
pub(super) async fn names_since(connection: &mut SqliteConnection, known: &NameTable) -> Result<NameTable, StoreError> {
    let mut names = known.clone();
    let rows = sqlx::query("SELECT key, name FROM names WHERE key > ? ORDER BY key")
        .bind(i64::from(names.last_key()))
        .fetch_all(connection)
        .await?;
    for row in rows {
        let (key, name): (i64, String) = (row.try_get(0)?, row.try_get(1)?);
        if i64::from(names.push(Iri::new(name))) != key {
            return Err(StoreError::Row("the table of names has a gap".to_owned()));
        }
    }
    Ok(names)
}

/// Whether the tenant's name can be a file's name everywhere, without leading out of the folder.
fn names_a_file(tenant: &str) -> bool {
    let mut bytes = tenant.bytes();
    bytes
        .next()
        .is_some_and(|first| first.is_ascii_lowercase() || first.is_ascii_digit())
        && tenant.len() <= MAX_TENANT_BYTES
        && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_'))
}
