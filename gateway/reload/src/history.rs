//! The revisions that ran, the latest last, so that an administrator sees who changed what and can go back. They rest
//! in the file of `[gateway] state`, each text once. There is no secret in them: none stands in a file of a revision.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use kakehashi_config::Config;
use kakehashi_database::End;
use kakehashi_documents::files::{FileTexts, RevisionId};
use kakehashi_state::{Part, State, StateError};
use sha2::{Digest, Sha256};
use sqlx::{Row as _, SqliteConnection};
use tokio::sync::watch;

use super::Cause;

/// Revisions that are remembered. An administrator undoes what was done lately; older states are in version control.
const MOST: usize = 50;

/// What is kept of this in the file of the state.
pub const PART: Part = Part {
    name: "config",
    migrations: TABLES,
};

/// What leads from each version of these tables to the next. Entries are only ever added.
const TABLES: &[&str] = &["
    CREATE TABLE config_texts (
        hash TEXT PRIMARY KEY,
        text TEXT NOT NULL
    ) STRICT;
    CREATE TABLE config_revisions (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        revision TEXT NOT NULL,
        at INTEGER NOT NULL,
        cause TEXT NOT NULL,
        administrator TEXT,
        files TEXT NOT NULL
    ) STRICT;
"];

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
            self.state
                .write(async |connection| {
                    // Of what an earlier run was the last to write there is nothing new to tell.
                    if latest(connection).await?.as_deref() != Some(past.revision.as_str()) {
                        write(connection, &past).await?;
                    }
                    Ok(End::Commit(()))
                })
                .await?;
            let mut remembered = self.lock();
            // Unless it was pushed out meanwhile.
            if remembered.unwritten.front().is_some_and(|first| first.at == past.at) {
                remembered.unwritten.pop_front();
            }
        }
    }

    /// What is in the file.
    async fn read(&self) -> Result<VecDeque<Past>, StateError> {
        let mut texts: HashMap<String, Arc<str>> = HashMap::new();
        let all = sqlx::query("SELECT hash, text FROM config_texts");
        for row in self.state.rows(all).await? {
            let (hash, text): (String, String) = (row.try_get("hash")?, row.try_get("text")?);
            texts.insert(hash, text.into());
        }
        let mut past = VecDeque::new();
        let all = sqlx::query("SELECT * FROM config_revisions ORDER BY number");
        for row in self.state.rows(all).await? {
            let files: String = row.try_get("files")?;
            let hashes: BTreeMap<String, String> = serde_json::from_str(&files).unwrap_or_default();
            let files: Option<FileTexts> = hashes
                .into_iter()
                .map(|(name, hash)| Some((name, Arc::clone(texts.get(&hash)?))))
                .collect();
            let (revision, at): (String, i64) = (row.try_get("revision")?, row.try_get("at")?);
            let (cause, administrator): (String, Option<String>) =
                (row.try_get("cause")?, row.try_get("administrator")?);
            // A row that somebody has damaged is as if it were not there.
            if let (Some(files), Ok(at)) = (files, Timestamp::from_millisecond(at)) {
                past.push_back(Past {
                    revision: RevisionId::written(&revision),
                    at,
                    cause: Cause::of(&cause, administrator),
                    files: Arc::new(files),
                });
            }
        }
        Ok(past)
    }

    fn lock(&self) -> MutexGuard<'_, Remembered> {
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The revision that was written last.
async fn latest(connection: &mut SqliteConnection) -> Result<Option<String>, StateError> {
    let latest = sqlx::query_scalar("SELECT revision FROM config_revisions ORDER BY number DESC LIMIT 1");
    Ok(latest.fetch_optional(connection).await?)
}

/// Writes a revision, and forgets the oldest.
async fn write(connection: &mut SqliteConnection, past: &Past) -> Result<(), StateError> {
    let mut hashes = BTreeMap::new();
    for (name, text) in past.files.iter() {
        let hash = hex::encode(Sha256::digest(text.as_bytes()));
        sqlx::query("INSERT INTO config_texts (hash, text) VALUES (?1, ?2) ON CONFLICT DO NOTHING")
            .bind(&hash)
            .bind(&**text)
            .execute(&mut *connection)
            .await?;
        hashes.insert(name, hash);
    }
    // Names and hashes always serialize.
    let files = serde_json::to_string(&hashes).unwrap_or_default();
    sqlx::query("INSERT INTO config_revisions (revision, at, cause, administrator, files) VALUES (?1, ?2, ?3, ?4, ?5)")
        .bind(past.revision.as_str())
        .bind(past.at.as_millisecond())
        .bind(past.cause.as_str())
        .bind(past.cause.administrator().map(AsRef::as_ref))
        .bind(files)
        .execute(&mut *connection)
        .await?;
    sqlx::query(
        "DELETE FROM config_revisions WHERE number NOT IN
                 (SELECT number FROM config_revisions ORDER BY number DESC LIMIT ?1)",
    )
    .bind(i64::try_from(MOST).unwrap_or(i64::MAX))
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "DELETE FROM config_texts WHERE hash NOT IN
                 (SELECT value FROM config_revisions, json_each(config_revisions.files))",
    )
    .execute(&mut *connection)
    .await?;
    Ok(())
}
