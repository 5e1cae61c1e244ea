//! A connection that reads.

use std::ops::{Deref, DerefMut};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use sqlx::pool::PoolConnection;
use sqlx::{Sqlite, SqliteConnection};

use crate::opening::{AsItStood, Connections};
use crate::{Database, DatabaseError};

/// How many of SQLite's instructions run between two looks at the deadline: well below a millisecond.
const INSTRUCTIONS_BETWEEN_LOOKS: i32 = 10_000;

/// A connection that reads. What was read counts once [`Reader::done`] has said so.
#[derive(Debug)]
pub struct Reader {
    connection: PoolConnection<Sqlite>,
    /// What the file must still be like, where it is read without locks.
    frozen: Option<(Arc<AsItStood>, PathBuf)>,
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

impl Reader {
    /// Ends the reading. Nobody but another program can have changed the file that was read without locks; two looks at
    /// its metadata tell.
    ///
    /// # Errors
    /// [`DatabaseError::Changed`]: what was read may be a mixture.
    pub fn done(self) -> Result<(), DatabaseError> {
        match &self.frozen {
            Some((state, file)) if !state.holds(file) => Err(DatabaseError::Changed),
            _ => Ok(()),
        }
    }
}

impl Database {
    /// A connection that reads, whose statements end at the deadline.
    ///
    /// # Errors
    /// [`DatabaseError`]
    pub async fn reader(&self, deadline: Option<Instant>) -> Result<Reader, DatabaseError> {
        let connections = self.0.connections().await;
        let mut reader = match &*connections {
            Connections::Open { readers, .. } | Connections::Frozen { readers, .. } => Reader {
                connection: readers.acquire().await?,
                frozen: self.frozen(&connections),
            },
            Connections::Absent { .. } | Connections::Changing => {
                return Err(DatabaseError::Unopened(self.0.known_trouble()));
            }
        };
        if let Some(deadline) = deadline {
            reader
                .lock_handle()
                .await?
                .set_progress_handler(INSTRUCTIONS_BETWEEN_LOOKS, move || Instant::now() < deadline);
        }
        Ok(reader)
    }

    /// A connection that reads, for whoever holds one already: it waits only for others of its kind.
    ///
    /// # Errors
    /// [`DatabaseError`]
    pub async fn spare_reader(&self) -> Result<Reader, DatabaseError> {
        let connections = self.0.connections().await;
        match &*connections {
            Connections::Open { spare, .. } | Connections::Frozen { spare, .. } => Ok(Reader {
                connection: spare.acquire().await?,
                frozen: self.frozen(&connections),
            }),
            Connections::Absent { .. } | Connections::Changing => Err(DatabaseError::Unopened(self.0.known_trouble())),
        }
    }

    fn frozen(&self, connections: &Connections) -> Option<(Arc<AsItStood>, PathBuf)> {
        match connections {
            Connections::Frozen { state, .. } => Some((Arc::clone(state), self.path().to_owned())),
            Connections::Open { .. } | Connections::Absent { .. } | Connections::Changing => None,
        }
    }
}
