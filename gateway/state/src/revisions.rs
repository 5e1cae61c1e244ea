//! The revisions of the configuration that ran, the latest last, with their files, each text once.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;

use crate::StateError;

/// A revision that ran.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevisionRecord {
    /// Its id.
    pub revision: String,
    /// Since when it held, in milliseconds since 1970.
    pub at: i64,
    /// Why it was read, as a word.
    pub cause: String,
    /// Who has caused it, if that was an administrator.
    pub administrator: Option<String>,
    /// Its files by their names.
    pub files: BTreeMap<String, Arc<str>>,
}

/// What may be done with revisions.
#[async_trait]
pub trait Revisions: Send + Sync {
    /// Those that are remembered, the latest last. One that somebody has damaged is as if it were not there.
    ///
    /// # Errors
    /// [`StateError`]
    async fn revisions(&self) -> Result<Vec<RevisionRecord>, StateError>;

    /// Appends one, and forgets all but so many of the latest, with the texts that only they had; all of that, or nothing.
    /// Where the latest has the same id there is nothing new to tell, and nothing is written.
    ///
    /// # Errors
    /// [`StateError`]
    async fn append_revision(&self, revision: &RevisionRecord, most: usize) -> Result<(), StateError>;
}
