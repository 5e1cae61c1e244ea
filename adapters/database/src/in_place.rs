//! Reading in place: what is found within some of SQLite's instructions is read on the thread that asks.
//!
//! A connection of the pools has a thread of its own, and every statement goes there and comes back through channels. That
//! costs 26 to 30 us of processor time a statement, and four times as much where little is asked; reading one row by its
//! key takes 4 us, and a page of twenty less than 100. Only what is as short may be read here, for the thread answers nobody
//! else meanwhile: what turns out to be longer is interrupted, and left to a connection with a thread of its own.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::judging::{Judge, Judging};

/// It waits for nobody: where SQLite would have it wait, somebody else reads.
pub(crate) const NOT_WAITING: std::time::Duration = std::time::Duration::ZERO;

/// Most connections: each is used for less than a millisecond by a thread that does nothing else, and threads are as many as
/// cores.
const MOST: usize = 8;

/// SQLite's page cache of a connection, in KiB (negative by SQLite's convention): what few lookups touch.
const CACHE: i64 = -512;

/// Prepared statements that a connection keeps: the shapes of questions that are asked again and again.
const STATEMENTS: usize = 64;

/// How many of SQLite's instructions run between two looks at whether it is enough: some tens of microseconds.
const INSTRUCTIONS_BETWEEN_LOOKS: i32 = 1_000;

/// Looks after which it is enough: so many instructions take about half a millisecond. They, and not the time, tell what is
/// too long, so that what was short is not taken for long because the machine was busy.
const LOOKS: u32 = 24;

/// Why something was not read in place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotInPlace {
    /// It is not possible now: a [`Reader`](crate::Reader) is asked, or tells why not.
    Now,
    /// It takes more than may be read in place, and would again.
    TooLong,
}

/// The connections to a file that read in place.
#[derive(Debug)]
pub(crate) struct InPlace {
    file: PathBuf,
    connections: Mutex<Connections>,
    /// What times are counted from.
    began: Instant,
}

/// A reading that has to be short.
#[derive(Debug)]
pub struct ReadingInPlace<'c> {
    connection: &'c Connection,
    judging: &'c Judging,
}

impl ReadingInPlace<'_> {
    /// The connection.
    #[must_use]
    pub const fn connection(&self) -> &Connection {
        self.connection
    }

    /// Works with a judge.
    pub fn judged_by<T>(&self, judge: Judge, work: impl FnOnce() -> T) -> T {
        self.judging.by(judge, work)
    }
}

/// A connection, and what it may still do.
#[derive(Debug)]
struct Bounded {
    connection: Connection,
    judging: Judging,
    allowed: Arc<Allowed>,
}

/// What one reading may still do.
#[derive(Debug, Default)]
struct Allowed {
    looks: AtomicU32,
    /// Until when, in nanoseconds since the connections began.
    until: AtomicU64,
}

#[derive(Debug, Default)]
struct Connections {
    idle: Vec<Bounded>,
    in_use: usize,
    is_closed: bool,
}

impl InPlace {
    /// None is opened yet.
    pub(crate) fn of(file: &Path) -> Self {
        Self {
            file: file.to_owned(),
            connections: Mutex::default(),
            began: Instant::now(),
        }
    }

    fn connections(&self) -> MutexGuard<'_, Connections> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads, until then at most. Whatever the work fails with, another connection tells.
    pub(crate) fn read<T, E>(
        &self,
        until: Instant,
        work: impl FnOnce(&ReadingInPlace<'_>) -> Result<T, E>,
    ) -> Result<T, NotInPlace> {
        let borrowed = self.borrow().ok_or(NotInPlace::Now)?;
        let bounded = borrowed.connection.as_ref().ok_or(NotInPlace::Now)?;
        let Bounded {
            connection,
            judging,
            allowed,
        } = bounded;
        allowed.until.store(self.nanoseconds(until), Ordering::Relaxed);
        allowed.looks.store(LOOKS, Ordering::Relaxed);
        work(&ReadingInPlace { connection, judging }).map_err(|_| match allowed.looks.load(Ordering::Relaxed) {
            0 => NotInPlace::TooLong,
            _ => NotInPlace::Now,
        })
    }

    fn nanoseconds(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.began).as_nanos()).unwrap_or(u64::MAX)
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
            borrowed.connection = open(&self.file, self.began).ok();
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
            // Whoever has one is on another thread, for less than a millisecond.
            tokio::task::yield_now().await;
        }
    }
}

/// A connection that is used.
struct Borrowed<'a> {
    of: &'a InPlace,
    connection: Option<Bounded>,
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

fn open(file: &Path, began: Instant) -> rusqlite::Result<Bounded> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags)?;
    connection.busy_timeout(NOT_WAITING)?;
    connection.pragma_update(None, "cache_size", CACHE)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // A statement is prepared once and not anew for other values: to prepare one takes as long as to read a page.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    let allowed = Arc::<Allowed>::default();
    let looking = Arc::clone(&allowed);
    let is_enough = move || {
        let left = looking.looks.load(Ordering::Relaxed).saturating_sub(1);
        looking.looks.store(left, Ordering::Relaxed);
        let is_late = || u128::from(looking.until.load(Ordering::Relaxed)) <= began.elapsed().as_nanos();
        left == 0 || is_late()
    };
    connection.progress_handler(INSTRUCTIONS_BETWEEN_LOOKS, Some(is_enough))?;
    let judging = Judging::of(&connection)?;
    Ok(Bounded {
        connection,
        judging,
        allowed,
    })
}
