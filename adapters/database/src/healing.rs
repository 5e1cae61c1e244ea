//! Noticing that a file can be written again. From the first failure on somebody tries once a second; the log has one
//! line when it begins and one when it ends, however many writes fail in between.

use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime};

use kakehashi_trouble::{Reason, Trouble};

use crate::opening::{self, Connections, touch};
use crate::transaction::End;
use crate::trouble::{self, Failure};
use crate::{CannotOpen, DatabaseError, Inner};

/// How long until the next attempt: a consumer that tries again finds the file writable soon, and the disk has no work
/// to speak of.
const PAUSE: Duration = Duration::from_secs(1);

/// What is still wrong, as far as anybody knows.
type Still = Option<Failure>;

impl Inner {
    /// Notes that the file cannot be written, and why. The first time it is told, and somebody begins to try again.
    pub(crate) async fn broke(self: &Arc<Self>, failure: Failure) -> Trouble {
        // Who knows already does not ask the disk for every write that fails.
        if let Some(known) = self.current_trouble() {
            return known;
        }
        let reason = failure.reason(&self.settings.file).await;
        let trouble = Trouble {
            reason,
            since: SystemTime::now(),
            is_readable: self.is_readable(),
            detail: failure.to_string().into(),
        };
        {
            let mut known = self.trouble();
            if let Some(known) = &*known {
                return known.clone();
            }
            *known = Some(trouble.clone());
        }
        tracing::error!(
            database = %self.settings.name,
            reason = reason.as_str(),
            detail = %trouble.detail,
            readable = trouble.is_readable,
            "a database cannot be written; it is tried again every second"
        );
        self.runtime.spawn(heal(Arc::downgrade(self)));
        trouble
    }

    fn healed(&self) {
        *self.trouble() = None;
        tracing::info!(database = %self.settings.name, "a database can be written again");
        self.tell();
    }

    fn tell(&self) {
        self.changes.send_modify(|times| *times = times.wrapping_add(1));
    }

    /// Notes what is wrong now, if that has changed.
    async fn note(&self, failure: &Failure) {
        let reason = failure.reason(&self.settings.file).await;
        let mut trouble = self.trouble();
        if let Some(trouble) = trouble.as_mut().filter(|trouble| trouble.reason != reason) {
            trouble.reason = reason;
            trouble.detail = failure.to_string().into();
        }
    }

    fn replace(&self, connections: Connections) {
        self.connections.send_replace(Arc::new(connections));
    }

    /// Writes and changes nothing.
    async fn try_writing(self: &Arc<Self>) -> Result<(), Still> {
        let written = self.attempt(None, async |connection| {
            touch(connection).await?;
            Ok::<_, DatabaseError>(End::Commit(()))
        });
        written.await.map_err(|error| match error {
            DatabaseError::Sqlite(failure) => Some(failure),
            // Somebody else has the connection, and will say how it went.
            _ => None,
        })
    }

    /// Whether the file can be written now, also by whatever has to be done for it.
    async fn try_again(self: &Arc<Self>) -> Result<(), Still> {
        let now = self.connections().await;
        let file = &self.settings.file;
        if let Connections::Frozen { state, .. } = &*now
            && !state.is_newest(file).await
        {
            // Another program has written to it: whatever is possible now is better.
            return self.open_in_place_of(&now).await;
        }
        let reason = self.trouble().as_ref().map(|trouble| trouble.reason);
        match reason {
            // One page is no room: the write after the next would fail again.
            Some(Reason::Full) if !trouble::has_room(file).await => return Err(Some(Failure::still_full())),
            Some(Reason::ReadOnly) if !trouble::may_be_written(file) => return Err(None),
            _ => {}
        }
        if !matches!(*now, Connections::Open { .. }) {
            return self.open_in_place_of(&now).await;
        }
        match self.try_writing().await {
            Err(Some(failure)) if failure.is_read_only() && trouble::may_be_written(file) => {
                // The connections are from when the file could only be read, and share what they have found then.
                self.replace(Connections::Changing);
                now.close().await;
                self.open_in_place_of(&Connections::Changing).await
            }
            tried => tried,
        }
    }

    /// Opens the file, and lets what was opened hold from now on. `earlier`: the connections that serve until then.
    async fn open_in_place_of(&self, earlier: &Connections) -> Result<(), Still> {
        match opening::open(&self.settings, &*self.schema).await {
            Ok((opened, failure)) => {
                // Nobody may write to the file itself while somebody reads it without locks. Until here only the WAL was
                // written.
                self.replace(Connections::Changing);
                earlier.close().await;
                self.replace(opened);
                self.tell();
                failure.map_or(Ok(()), |failure| Err(Some(failure)))
            }
            Err(error) => {
                if matches!(earlier, Connections::Changing) {
                    self.replace(Connections::Absent { is_empty: false });
                }
                Err(Some(match error {
                    CannotOpen::Database(failure) => failure,
                    other => Failure::other(other.to_string()),
                }))
            }
        }
    }
}

/// Tries until the file can be written, or nobody has it any more.
async fn heal(inner: Weak<Inner>) {
    loop {
        tokio::time::sleep(PAUSE).await;
        let Some(inner) = inner.upgrade() else {
            return;
        };
        let tried = inner.try_again().await;
        if inner.is_closed() {
            // What was opened meanwhile.
            inner.connections().await.close().await;
            return;
        }
        match tried {
            Ok(()) => {
                inner.healed();
                return;
            }
            Err(Some(failure)) => inner.note(&failure).await,
            Err(None) => {}
        }
    }
}
