//! What was done with whole partitions of the store by somebody's command: each import, export, backup and restore, the latest
//! last. No value of an entity and no id stands in it.

use async_trait::async_trait;

use crate::StateError;

/// Something that was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActRecord {
    /// Its number; later ones are greater.
    pub number: i64,
    /// When it was begun, in milliseconds since 1970.
    pub at: i64,
    /// What: `import`, `export`, `backup`, `restore`.
    pub act: String,
    /// Whose partition.
    pub tenant: String,
    /// Who, as far as the system says.
    pub by: String,
    /// With what: the name of a file, the consumer that an export is for.
    pub what: String,
    /// How it ended; `None`: it has not, or nobody could write it down.
    pub outcome: Option<String>,
}

/// What may be done with acts.
#[async_trait]
pub trait Acts: Send + Sync {
    /// Those that are remembered, the latest last.
    ///
    /// # Errors
    /// [`StateError`]
    async fn acts(&self) -> Result<Vec<ActRecord>, StateError>;

    /// Appends one, whose number is given here, and forgets all but so many of the latest. Its number.
    ///
    /// # Errors
    /// [`StateError`]
    async fn append_act(&self, act: &ActRecord, most: i64) -> Result<i64, StateError>;

    /// Says how one has ended.
    ///
    /// # Errors
    /// [`StateError`]
    async fn end_act(&self, number: i64, outcome: &str) -> Result<(), StateError>;
}
