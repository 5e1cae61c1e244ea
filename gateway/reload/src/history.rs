//! The revisions that ran, the latest last, so that an administrator sees who changed what and can go back. They rest
//! in the database of `[gateway] state`, each text once. There is no secret in them: none stands in a file of a revision.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use kakehashi_config::Config;
use kakehashi_documents::files::{FileTexts, RevisionId};
use kakehashi_state::revisions::RevisionRecord;
use kakehashi_state::{State, StateError};
use tokio::sync::watch;

use super::Cause;

/// Revisions that are remembered. An administrator undoes what was done lately; older states are in version control.
const MOST: usize = 50;

/// A revision that ran, or runs.
#[derive(Debug, Clone)]
pub struct Past {
    /// Its id.
    pub revision: RevisionId,
    /// Since when it held.
    pub at: Timestamp,
    /// Why it was read.
    pub cause: Cause,
    /// Its files.
    pub files: Arc<FileTexts>,
}

/// The revisions that ran.
#[derive(Debug)]
pub struct History {
    state: State,
    remembered: Mutex<Remembered>,
    /// One writes at a time, so that they are written in their order.
    writing: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Remembered {
    /// All of them, the latest last.
    past: VecDeque<Past>,
    /// Those of them that are not in the file yet, because it could not be written.
    unwritten: VecDeque<Past>,
    /// What earlier runs have written is among them.
    is_complete: bool,
}

impl Remembered {
    /// Puts a revision at the end, unless it is there already.
    fn push(&mut self, past: Past) -> bool {
        if self.past.back().is_some_and(|latest| latest.revision == past.revision) {
            return false;
        }
        self.past.push_back(past);
        while self.past.len() > MOST {
            self.past.pop_front();
        }
        true
    }
}

impl History {
    /// Opens what earlier runs have written. What cannot be read now is read as soon as it can be.
    ///
    /// # Errors
    /// [`StateError`]
    pub async fn open(state: &State) -> Result<Self, StateError> {
        let history = Self {
            state: state.clone(),
            remembered: Mutex::default(),
            writing: tokio::sync::Mutex::default(),
        };
        if state.is_known() {
            let mut remembered = Remembered {
                is_complete: true,
                ..Remembered::default()
            };
            remembered.past = history.read().await?;
            *history.lock() = remembered;
        }
        Ok(history)
    }

    /// Tells whenever [`History::catch_up`] may go further than before.
    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.state.changes()
    }

    /// Whether there is something to catch up with.
    pub(super) fn is_behind(&self) -> bool {
        let remembered = self.lock();
        !remembered.is_complete || !remembered.unwritten.is_empty()
    }

    /// All of them, the latest last.
    #[must_use]
    pub fn all(&self) -> Vec<Past> {
        self.lock().past.iter().cloned().collect()
    }

    /// The latest of that id.
    #[must_use]
    pub fn find(&self, revision: &str) -> Option<Past> {
        self.lock()
            .past
            .iter()
            .rfind(|past| past.revision.as_str() == revision)
            .cloned()
    }

    /// The one that runs.
    #[must_use]
    pub fn latest(&self) -> Option<Past> {
        self.lock().past.back().cloned()
    }

    /// Remembers a revision that holds from now on. While it cannot be written it is remembered by this process alone.
    pub(super) async fn add(&self, config: &Config, cause: Cause) {
        let past = Past {
            revision: config.revision.clone(),
            at: Timestamp::now(),
            cause,
            files: Arc::new(config.files.clone()),
        };
        {
            let mut remembered = self.lock();
            if !remembered.push(past.clone()) {
                return;
            }
            remembered.unwritten.push_back(past);
            while remembered.unwritten.len() > MOST {
                remembered.unwritten.pop_front();
            }
        }
        if let Err(error) = self.catch_up().await {
            tracing::error!(%error, "the history of the configuration cannot be written; until it can, it is lost with the process");
        }
    }

    /// Reads what could not be read, and writes what could not be written.
    ///
    /// # Errors
    /// [`StateError`]; what is left is done next time.
    pub(super) async fn catch_up(&self) -> Result<(), StateError> {
        let _writing = self.writing.lock().await;
        if !self.lock().is_complete {
            let written = self.read().await?;
            let mut remembered = self.lock();
            let later = std::mem::replace(&mut remembered.past, written);
            for past in later {
                remembered.push(past);
            }
            remembered.is_complete = true;
        }
        loop {
            let Some(past) = self.lock().unwritten.front().cloned() else {
                return Ok(());
            };
            self.state.revisions().append_revision(&record(&past), MOST).await?;
            let mut remembered = self.lock();
            // Unless it was pushed out meanwhile.
            if remembered.unwritten.front().is_some_and(|first| first.at == past.at) {
                remembered.unwritten.pop_front();
            }
        }
    }

    /// What is in the file.
    async fn read(&self) -> Result<VecDeque<Past>, StateError> {
        let mut past = VecDeque::new();
        for record in self.state.revisions().revisions().await? {
            // What somebody has damaged is as if it were not there.
            if let Ok(at) = Timestamp::from_millisecond(record.at) {
                past.push_back(Past {
                    revision: RevisionId::written(&record.revision),
                    at,
                    cause: Cause::of(&record.cause, record.administrator),
                    files: Arc::new(record.files),
                });
            }
        }
        Ok(past)
    }

    fn lock(&self) -> MutexGuard<'_, Remembered> {
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A revision as it is written.
fn record(past: &Past) -> RevisionRecord {
    RevisionRecord {
        revision: past.revision.as_str().to_owned(),
        at: past.at.as_millisecond(),
        cause: past.cause.as_str().to_owned(),
        administrator: past.cause.administrator().map(|id| id.as_ref().to_owned()),
        files: (*past.files).clone(),
    }
}
