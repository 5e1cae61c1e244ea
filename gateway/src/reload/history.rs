//! The revisions that ran, the latest last, so that an administrator sees who changed what and can go back. They rest
//! in the file of `[gateway] state`, each text once. There is no secret in them: none stands in a file of a revision.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use sha2::{Digest, Sha256};
use sqlx::{Row as _, SqlitePool};

use super::Cause;
use crate::config::{Config, FileTexts, RevisionId};
use crate::state::{self, StateError};

/// Revisions that are remembered. An administrator undoes what was done lately; older states are in version control.
const MOST: usize = 50;

/// Connections: one writes, and who asks whether the file answers does not wait for it.
const CONNECTIONS: u32 = 2;

/// How long the state is waited for when somebody asks whether it answers: less than a probe's patience.
const PATIENCE: Duration = Duration::from_millis(800);

/// What leads from each version of these tables to the next. Entries are only ever added.
const MIGRATIONS: &[&str] = &["
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
    pool: SqlitePool,
    past: Mutex<VecDeque<Past>>,
}

impl History {
    /// Opens what earlier runs have written.
    ///
    /// # Errors
    /// [`StateError`]
    pub async fn open(state: &Path) -> Result<Self, StateError> {
        let pool = state::open(state, CONNECTIONS).await?;
        state::migrate(&pool, "config", MIGRATIONS).await?;
        let past = read(&pool).await?;
        Ok(Self {
            pool,
            past: Mutex::new(past),
        })
    }

    /// Whether the file of `[gateway] state` answers.
    pub async fn is_reachable(&self) -> bool {
        let asked = sqlx::query("SELECT 1").execute(&self.pool);
        matches!(tokio::time::timeout(PATIENCE, asked).await, Ok(Ok(_)))
    }

    /// All of them, the latest last.
    #[must_use]
    pub fn all(&self) -> Vec<Past> {
        self.lock().iter().cloned().collect()
    }

    /// The latest of that id.
    #[must_use]
    pub fn find(&self, revision: &str) -> Option<Past> {
        self.lock()
            .iter()
            .rfind(|past| past.revision.as_str() == revision)
            .cloned()
    }

    /// The one that runs.
    #[must_use]
    pub fn latest(&self) -> Option<Past> {
        self.lock().back().cloned()
    }

    /// Remembers a revision that holds from now on. When it cannot be written it is remembered by this process alone.
    pub(super) async fn add(&self, config: &Config, cause: Cause) {
        let past = Past {
            revision: config.revision.clone(),
            at: Timestamp::now(),
            cause,
            files: Arc::new(config.files.clone()),
        };
        {
            let mut all = self.lock();
            if all.back().is_some_and(|latest| latest.revision == past.revision) {
                return;
            }
            all.push_back(past.clone());
            while all.len() > MOST {
                all.pop_front();
            }
        }
        if let Err(error) = self.write(&past).await {
            tracing::error!(%error, "the history of the configuration cannot be written");
        }
    }

    async fn write(&self, past: &Past) -> Result<(), StateError> {
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        let mut hashes = BTreeMap::new();
        for (name, text) in past.files.iter() {
            let hash = hex::encode(Sha256::digest(text.as_bytes()));
            sqlx::query("INSERT INTO config_texts (hash, text) VALUES (?1, ?2) ON CONFLICT DO NOTHING")
                .bind(&hash)
                .bind(&**text)
                .execute(&mut *transaction)
                .await?;
            hashes.insert(name, hash);
        }
        // Names and hashes always serialize.
        let files = serde_json::to_string(&hashes).unwrap_or_default();
        sqlx::query(
            "INSERT INTO config_revisions (revision, at, cause, administrator, files) VALUES (?1, ?2, ?3, ?4, ?5)",
        )
        .bind(past.revision.as_str())
        .bind(past.at.as_millisecond())
        .bind(past.cause.as_str())
        .bind(past.cause.administrator().map(AsRef::as_ref))
        .bind(files)
        .execute(&mut *transaction)
        .await?;
        sqlx::query(
            "DELETE FROM config_revisions WHERE number NOT IN
                 (SELECT number FROM config_revisions ORDER BY number DESC LIMIT ?1)",
        )
        .bind(i64::try_from(MOST).unwrap_or(i64::MAX))
        .execute(&mut *transaction)
        .await?;
        sqlx::query(
            "DELETE FROM config_texts WHERE hash NOT IN
                 (SELECT value FROM config_revisions, json_each(config_revisions.files))",
        )
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Past>> {
        self.past.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn read(pool: &SqlitePool) -> Result<VecDeque<Past>, StateError> {
    let mut texts: HashMap<String, Arc<str>> = HashMap::new();
    for row in sqlx::query("SELECT hash, text FROM config_texts")
        .fetch_all(pool)
        .await?
    {
        let (hash, text): (String, String) = (row.try_get("hash")?, row.try_get("text")?);
        texts.insert(hash, text.into());
    }
    let mut past = VecDeque::new();
    let rows = sqlx::query("SELECT * FROM config_revisions ORDER BY number")
        .fetch_all(pool)
        .await?;
    for row in rows {
        let files: String = row.try_get("files")?;
        let hashes: BTreeMap<String, String> = serde_json::from_str(&files).unwrap_or_default();
        let files: Option<FileTexts> = hashes
            .into_iter()
            .map(|(name, hash)| Some((name, Arc::clone(texts.get(&hash)?))))
            .collect();
        let (revision, at): (String, i64) = (row.try_get("revision")?, row.try_get("at")?);
        let (cause, administrator): (String, Option<String>) = (row.try_get("cause")?, row.try_get("administrator")?);
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
