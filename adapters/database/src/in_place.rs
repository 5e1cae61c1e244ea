//! Reading in place: what an index finds at once is read on the thread that asks.
//!
//! A connection of the pools has a thread of its own, and every statement goes there and comes back through channels. That
//! costs 26 to 30 us of processor time a statement, and four times as much where little is asked; reading one row by its
//! key takes 4 us. Only what is as short may be read here: the thread answers nobody else meanwhile.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, OpenFlags};

/// Most connections: each is used for some microseconds by a thread that does nothing else, and threads are as many as
/// cores.
const MOST: usize = 8;

/// SQLite's page cache of a connection, in KiB (negative by SQLite's convention): what few lookups touch.
const CACHE: i64 = -512;

/// Prepared statements that a connection keeps: what is read here has few shapes.
const STATEMENTS: usize = 16;

/// The connections to a file that read in place.
#[derive(Debug)]
pub(crate) struct InPlace {
    file: PathBuf,
    connections: Mutex<Connections>,
}

#[derive(Debug, Default)]
struct Connections {
    idle: Vec<Connection>,
    in_use: usize,
    is_closed: bool,
}

impl InPlace {
    /// None is opened yet.
    pub(crate) fn of(file: &Path) -> Self {
        Self {
            file: file.to_owned(),
            connections: Mutex::default(),
        }
    }

    fn connections(&self) -> MutexGuard<'_, Connections> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads; `None` where it is not possible now.
    pub(crate) fn read<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Option<T> {
        let borrowed = self.borrow()?;
        let read = work(borrowed.connection.as_ref()?);
        read.ok()
    }

    fn borrow(&self) -> Option<Borrowed<'_>> {
        let idle = {
            let mut connections = self.connections();
            if connections.is_closed || connections.in_use >= MOST {
                return None;
            }
            connections.in_use += 1;
            connections.idle.pop()
        };
        let mut borrowed = Borrowed {
            of: self,
            connection: idle,
        };
        if borrowed.connection.is_none() {
            borrowed.connection = open(&self.file).ok();
        }
        Some(borrowed)
    }

    /// Closes all of them, once nobody uses them any more.
    pub(crate) async fn close(&self) {
        loop {
            {
                let mut connections = self.connections();
                connections.is_closed = true;
                connections.idle.clear();
                if connections.in_use == 0 {
                    return;
                }
            }
            // Whoever has one is on another thread, for some microseconds.
            tokio::task::yield_now().await;
        }
    }
}

/// A connection that is used.
struct Borrowed<'a> {
    of: &'a InPlace,
    connection: Option<Connection>,
}

impl Drop for Borrowed<'_> {
    fn drop(&mut self) {
        let mut connections = self.of.connections();
        connections.in_use = connections.in_use.saturating_sub(1);
        if !connections.is_closed {
            connections.idle.extend(self.connection.take());
        }
    }
}

/// It waits for nobody: where SQLite would have it wait, somebody else reads.
fn open(file: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags)?;
    connection.busy_timeout(std::time::Duration::ZERO)?;
    connection.pragma_update(None, "cache_size", CACHE)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(connection)
}
