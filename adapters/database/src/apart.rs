//! Reading on a thread of its own whatever takes long: at one state of the file, until the deadline, and no longer than somebody
//! waits for it.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::DatabaseError;
use crate::judging::{Judge, Judging};
use crate::trouble::Failure;

/// SQLite's page cache of a connection, in KiB (negative by SQLite's convention). The operating system keeps the file's pages as
/// well, once for all connections.
const CACHE: i64 = -2048;

/// Prepared statements that a connection keeps: shapes of questions are few, but consumers vary them.
const STATEMENTS: usize = 128;

/// How many of SQLite's instructions run between two looks at whether to go on: some tens of microseconds.
const INSTRUCTIONS_BETWEEN_LOOKS: i32 = 1_000;

/// Most connections that stay open without being used: what is read apart takes long, and opening one takes little.
const MOST_IDLE: usize = 4;

/// When a reading is over.
#[derive(Debug, Clone)]
pub struct Over(Arc<WhenOver>);

#[derive(Debug)]
struct WhenOver {
    deadline: Instant,
    is_given_up: AtomicBool,
    /// Looks that are left of what may be spent on a statement now; the highest number: no end.
    looks: AtomicU64,
}

impl Over {
    fn at(deadline: Instant) -> Self {
        Self(Arc::new(WhenOver {
            deadline,
            is_given_up: AtomicBool::new(false),
            looks: AtomicU64::new(u64::MAX),
        }))
    }

    /// Whether the deadline has passed, or nobody waits any more.
    #[must_use]
    pub fn is_now(&self) -> bool {
        self.0.is_given_up.load(Ordering::Relaxed) || Instant::now() >= self.0.deadline
    }

    /// The same of SQLite's own work, which may be less.
    fn is_enough(&self) -> bool {
        let looks = self.0.looks.load(Ordering::Relaxed);
        if looks != u64::MAX {
            self.0.looks.store(looks.saturating_sub(1), Ordering::Relaxed);
        }
        looks == 0 || self.is_now()
    }
}

/// Ends a reading that nobody waits for any more.
struct Waiting(Over);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.0.is_given_up.store(true, Ordering::Relaxed);
    }
}

/// A reading of one state of the file.
#[derive(Debug)]
pub struct ReadingApart<'c> {
    connection: &'c Connection,
    judging: &'c Judging,
    over: &'c Over,
}

impl ReadingApart<'_> {
    /// The connection.
    #[must_use]
    pub const fn connection(&self) -> &Connection {
        self.connection
    }

    /// When it is over.
    #[must_use]
    pub const fn over(&self) -> &Over {
        self.over
    }

    /// Works with a judge.
    pub fn judged_by<T>(&self, judge: Judge, work: impl FnOnce() -> T) -> T {
        self.judging.by(judge, work)
    }

    /// Works no longer than so many thousand of SQLite's instructions take; `None`: they were not enough.
    ///
    /// # Errors
    /// Those of the work.
    pub fn within<T, E>(&self, thousands: u64, work: impl FnOnce() -> Result<T, E>) -> Result<Option<T>, E> {
        self.over.0.looks.store(thousands, Ordering::Relaxed);
        let done = work();
        let left = self.over.0.looks.swap(u64::MAX, Ordering::Relaxed);
        match done {
            Err(_) if left == 0 && !self.over.is_now() => Ok(None),
            done => done.map(Some),
        }
    }
}

/// The connections that read apart.
#[derive(Debug)]
pub(crate) struct Apart {
    file: PathBuf,
    /// Whether the file is read without locks.
    is_frozen: bool,
    idle: Mutex<Idle>,
    in_use: watch::Sender<usize>,
}

#[derive(Debug, Default)]
struct Idle {
    connections: Vec<(Connection, Judging)>,
    is_closed: bool,
}

impl Apart {
    /// None is opened yet.
    pub(crate) fn of(file: &Path, is_frozen: bool) -> Arc<Self> {
        Arc::new(Self {
            file: file.to_owned(),
            is_frozen,
            idle: Mutex::default(),
            in_use: watch::Sender::new(0),
        })
    }

    fn idle(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection, for one reading.
    fn borrow(&self) -> rusqlite::Result<Borrowed<'_>> {
        let idle = {
            let mut idle = self.idle();
            if idle.is_closed {
                return Err(rusqlite::Error::InvalidQuery);
            }
            self.in_use.send_modify(|count| *count += 1);
            idle.connections.pop()
        };
        let mut borrowed = Borrowed {
            of: self,
            connection: idle,
        };
        if borrowed.connection.is_none() {
            borrowed.connection = Some(self.open()?);
        }
        Ok(borrowed)
    }

    fn open(&self) -> rusqlite::Result<(Connection, Judging)> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = match self.is_frozen {
            true => {
                let uri = immutable(self.file.as_os_str());
                Connection::open_with_flags(uri, flags | OpenFlags::SQLITE_OPEN_URI)?
            }
            false => Connection::open_with_flags(&self.file, flags)?,
        };
        connection.busy_timeout(crate::in_place::NOT_WAITING)?;
        connection.pragma_update(None, "cache_size", CACHE)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        let judging = Judging::of(&connection)?;
        Ok((connection, judging))
    }

    /// Reads at one state of the file.
    fn read<T, E: From<DatabaseError>>(
        &self,
        over: &Over,
        work: impl FnOnce(&ReadingApart<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let failed = |error: rusqlite::Error| E::from(DatabaseError::from(&error));
        let mut borrowed = self.borrow().map_err(failed)?;
        let Some((connection, judging)) = borrowed.connection.take() else {
            return Err(failed(rusqlite::Error::InvalidQuery));
        };
        let looking = over.clone();
        connection
            .progress_handler(INSTRUCTIONS_BETWEEN_LOOKS, Some(move || looking.is_enough()))
            .map_err(failed)?;
        connection.execute_batch("BEGIN").map_err(failed)?;
        let read = work(&ReadingApart {
            connection: &connection,
            judging: &judging,
            over,
        });
        connection.progress_handler(0, None::<fn() -> bool>).map_err(failed)?;
        if connection.execute_batch("COMMIT").is_ok() {
            borrowed.connection = Some((connection, judging));
        }
        read
    }

    /// Closes all of them, once nobody uses them any more.
    pub(crate) async fn close(&self) {
        {
            let mut idle = self.idle();
            idle.is_closed = true;
            idle.connections.clear();
        }
        // The sender lives as long as this does.
        let _ = self.in_use.subscribe().wait_for(|count| *count == 0).await;
    }
}

/// A connection that is used.
struct Borrowed<'a> {
    of: &'a Apart,
    connection: Option<(Connection, Judging)>,
}

impl Drop for Borrowed<'_> {
    fn drop(&mut self) {
        {
            let mut idle = self.of.idle();
            if !idle.is_closed && idle.connections.len() < MOST_IDLE {
                idle.connections.extend(self.connection.take());
            }
        }
        drop(self.connection.take());
        self.of.in_use.send_modify(|count| *count = count.saturating_sub(1));
    }
}

/// The file as SQLite is told to read it without locks.
fn immutable(file: &OsStr) -> String {
    let mut uri = String::from("file:");
    for byte in file.as_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' => uri.push(char::from(*byte)),
            // Writing to a text cannot fail.
            other => drop(write!(uri, "%{other:02X}")),
        }
    }
    uri.push_str("?immutable=1");
    uri
}

impl From<&rusqlite::Error> for DatabaseError {
    fn from(error: &rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::OperationInterrupted) => Self::Timeout,
            _ => Self::Sqlite(Failure::of_reading(error)),
        }
    }
}

/// Reads on a thread of that runtime, until the deadline. Whoever does not wait any more ends it.
pub(crate) async fn read<T, E>(
    apart: Arc<Apart>,
    runtime: &Handle,
    deadline: Instant,
    work: impl FnOnce(&ReadingApart<'_>) -> Result<T, E> + Send + 'static,
) -> Result<T, E>
where
    T: Send + 'static,
    E: From<DatabaseError> + Send + 'static,
{
    let over = Over::at(deadline);
    let _waiting = Waiting(over.clone());
    let reading = runtime.spawn_blocking(move || apart.read(&over, work));
    let ended = || DatabaseError::Sqlite(Failure::other("the process is ending"));
    reading.await.map_err(|_| E::from(ended()))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_any_bytes_is_named_in_a_uri() {
        assert_eq!(
            immutable(OsStr::new("/a b/佐?#.db")),
            "file:/a%20b/%E4%BD%90%3F%23.db?immutable=1"
        );
    }
}
