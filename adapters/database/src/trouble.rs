//! Why a file cannot be written now, and finding that out: SQLite tells a full disk from a broken one only where the
//! disk has said so at the right moment, so that the disk is asked.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use kakehashi_trouble::{Reason, Trouble};
use rustix::fs::{Access, access};
use tokio::sync::Semaphore;

/// As much room as there must be for a disk not to be full: what a transaction with a large entity writes. With less,
/// one write would succeed and the next fail, and the log would say so each time.
const ROOM: usize = 256 * 1024;

/// Written at a time.
const BLOCK: usize = 64 * 1024;

/// One file at a time looks for room: all partitions of a store find their disk full at once, and together they would
/// find room for none.
static LOOKING: Semaphore = Semaphore::const_new(1);

/// While connections are being replaced.
pub(crate) fn passing() -> Trouble {
    Trouble {
        reason: Reason::Other,
        since: SystemTime::now(),
        is_readable: false,
        detail: "it is being opened again".into(),
    }
}

/// What SQLite, or what stands between, says of a statement that failed.
#[derive(Debug, Clone)]
pub struct Failure {
    origin: Origin,
    text: Arc<str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// SQLite's extended result code.
    Sqlite(i32),
    /// The connection is no more.
    Connection,
    /// What was asked, or what was made of the answer.
    Asking,
}

impl std::error::Error for Failure {}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// SQLite's primary result codes (<https://www.sqlite.org/rescode.html>).
mod code {
    pub(super) const PERM: i32 = 3;
    pub(super) const BUSY: i32 = 5;
    pub(super) const LOCKED: i32 = 6;
    pub(super) const NOMEM: i32 = 7;
    pub(super) const READONLY: i32 = 8;
    pub(super) const INTERRUPT: i32 = 9;
    pub(super) const IOERR: i32 = 10;
    pub(super) const CORRUPT: i32 = 11;
    pub(super) const FULL: i32 = 13;
    pub(super) const CANTOPEN: i32 = 14;
    pub(super) const PROTOCOL: i32 = 15;
    pub(super) const NOTADB: i32 = 26;
}

impl Failure {
    /// What an error says. SQLite's messages name tables, columns and files, never values.
    #[must_use]
    pub fn of(error: &sqlx::Error) -> Self {
        let origin = match error {
            sqlx::Error::Database(database) => {
                let code = database.code().unwrap_or_default();
                let text = format!("SQLite: {} (code {code})", database.message()).into();
                let origin = code.parse().map_or(Origin::Asking, Origin::Sqlite);
                return Self { origin, text };
            }
            sqlx::Error::Io(_) | sqlx::Error::WorkerCrashed | sqlx::Error::PoolClosed => Origin::Connection,
            _ => Origin::Asking,
        };
        Self {
            origin,
            text: error.to_string().into(),
        }
    }

    /// What an error of reading says.
    pub(crate) fn of_reading(error: &rusqlite::Error) -> Self {
        let origin = match error {
            rusqlite::Error::SqliteFailure(failure, _) => Origin::Sqlite(failure.extended_code),
            _ => Origin::Asking,
        };
        Self {
            origin,
            text: format!("SQLite: {error}").into(),
        }
    }

    /// A failure that is not SQLite's.
    pub(crate) fn other(text: impl Into<Arc<str>>) -> Self {
        Self {
            origin: Origin::Connection,
            text: text.into(),
        }
    }

    /// There is hardly any room.
    pub(crate) fn still_full() -> Self {
        Self {
            origin: Origin::Sqlite(code::FULL),
            text: format!("the disk has not {ROOM} bytes left").into(),
        }
    }

    /// The failure of a disk that is full or read-only.
    pub(crate) fn of_the_disk(what: &str, error: &io::Error) -> Option<Self> {
        let code = match reason_of(error)? {
            Reason::Full => code::FULL,
            Reason::ReadOnly => code::READONLY,
            Reason::Other => return None,
        };
        Some(Self {
            origin: Origin::Sqlite(code),
            text: format!("{what}: {error}").into(),
        })
    }

    const fn primary(&self) -> Option<i32> {
        match self.origin {
            Origin::Sqlite(code) => Some(code & 0xff),
            Origin::Connection | Origin::Asking => None,
        }
    }

    pub(crate) fn is_interruption(&self) -> bool {
        self.primary() == Some(code::INTERRUPT)
    }

    pub(crate) fn is_read_only(&self) -> bool {
        self.primary() == Some(code::READONLY)
    }

    /// Whether it is about the file or its disk, not about the statement.
    pub(crate) fn is_of_the_file(&self) -> bool {
        match self.primary() {
            None => self.origin == Origin::Connection,
            Some(code) => matches!(
                code,
                code::PERM
                    | code::BUSY
                    | code::LOCKED
                    | code::NOMEM
                    | code::READONLY
                    | code::IOERR
                    | code::CORRUPT
                    | code::FULL
                    | code::CANTOPEN
                    | code::PROTOCOL
                    | code::NOTADB
            ),
        }
    }

    /// Whether waiting may help when a file is opened.
    pub(crate) fn may_pass(&self, reason: Reason) -> bool {
        match reason {
            Reason::Full | Reason::ReadOnly => true,
            Reason::Other => self.primary().is_some_and(|code| {
                matches!(
                    code,
                    code::BUSY | code::LOCKED | code::NOMEM | code::IOERR | code::PROTOCOL
                )
            }),
        }
    }

    /// Why, as far as it can be found out.
    pub(crate) async fn reason(&self, file: &Path) -> Reason {
        match self.primary() {
            Some(code::FULL) => Reason::Full,
            Some(code::READONLY) => Reason::ReadOnly,
            Some(code::IOERR | code::CANTOPEN | code::PERM) => {
                let file = file.to_owned();
                let _turn = LOOKING.acquire().await;
                let looked = tokio::task::spawn_blocking(move || look(&file));
                looked.await.unwrap_or(Reason::Other)
            }
            _ => Reason::Other,
        }
    }
}

/// What an error of the disk says.
fn reason_of(error: &io::Error) -> Option<Reason> {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => Some(Reason::Full),
        io::ErrorKind::ReadOnlyFilesystem => Some(Reason::ReadOnly),
        _ => None,
    }
}

fn look(file: &Path) -> Reason {
    if file.exists() && !may_be_written(file) {
        return Reason::ReadOnly;
    }
    match take_room(file) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied && file.exists() => Reason::ReadOnly,
        Err(error) => reason_of(&error).unwrap_or(Reason::Other),
        Ok(()) => Reason::Other,
    }
}

/// Whether there is room beside the file.
pub(crate) async fn has_room(file: &Path) -> bool {
    let file = file.to_owned();
    let _turn = LOOKING.acquire().await;
    let taken = tokio::task::spawn_blocking(move || take_room(&file));
    taken.await.is_ok_and(|taken| taken.is_ok())
}

/// Whether the file, if it is there, and the folder in which SQLite has files of its own, may be written. The file is not
/// opened: closing it would end the locks that this process has on it (POSIX).
pub(crate) fn may_be_written(file: &Path) -> bool {
    let folder = folder_of(file).unwrap_or_else(|| Path::new("."));
    access(folder, Access::WRITE_OK | Access::EXEC_OK).is_ok()
        && (!file.exists() || access(file, Access::WRITE_OK).is_ok())
}

/// Writes as much as there must be room for beside the file, and removes it again.
fn take_room(file: &Path) -> io::Result<()> {
    let mut path = file.as_os_str().to_owned();
    path.push(format!(".room-{}", std::process::id()));
    let path = PathBuf::from(path);
    let mut room = OpenOptions::new().write(true).create(true).truncate(true).open(&path)?;
    // Without a name it is gone with the process, whatever happens.
    fs::remove_file(&path)?;
    let block = vec![0; BLOCK];
    for _ in 0..ROOM / BLOCK {
        room.write_all(&block)?;
    }
    room.sync_data()
}

/// The folder of a file; `None` where the path has none.
pub(crate) fn folder_of(file: &Path) -> Option<&Path> {
    file.parent().filter(|folder| !folder.as_os_str().is_empty())
}
