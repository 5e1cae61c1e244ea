//! What decides about rows beside SQL: a function of every connection that reads, which is for one reading what whoever reads
//! says.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;
use rusqlite::functions::{Context, FunctionFlags};

/// What the function is called in statements. It takes any number of values, and is 0 or 1.
pub const JUDGED: &str = "judged";

/// Whether a row with these values is one that is looked for. An error ends the statement.
pub type Judge = Box<dyn FnMut(&Context<'_>) -> rusqlite::Result<bool> + Send>;

/// The judge of a connection, while somebody reads who has one.
#[derive(Clone, Default)]
pub(crate) struct Judging(Arc<Mutex<Option<Judge>>>);

impl std::fmt::Debug for Judging {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Judging").finish_non_exhaustive()
    }
}

impl Judging {
    /// Gives the function to a connection. Without a judge no row is one that is looked for.
    pub(crate) fn of(connection: &Connection) -> rusqlite::Result<Self> {
        let judging = Self::default();
        let asked = judging.clone();
        // What it says of the same values is another thing in the next reading, so that it is not deterministic to SQLite.
        let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DIRECTONLY;
        connection.create_scalar_function(JUDGED, -1, flags, move |values| match &mut *asked.judge() {
            Some(judge) => judge(values),
            None => Ok(false),
        })?;
        Ok(judging)
    }

    fn judge(&self) -> MutexGuard<'_, Option<Judge>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Works with that judge.
    pub(crate) fn by<T>(&self, judge: Judge, work: impl FnOnce() -> T) -> T {
        let _until = Until(self);
        *self.judge() = Some(judge);
        work()
    }
}

/// Takes the judge away again, however the work ends.
struct Until<'a>(&'a Judging);

impl Drop for Until<'_> {
    fn drop(&mut self) {
        *self.0.judge() = None;
    }
}
