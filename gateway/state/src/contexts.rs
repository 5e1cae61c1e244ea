//! The contexts that are stored here, each of one consumer. For others it does not exist, unless it is public.

use async_trait::async_trait;

use crate::{Added, StateError};

/// A stored context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContextRecord {
    /// Its identifier, unique among all owners.
    pub id: String,
    /// The consumer that it belongs to.
    pub owner: String,
    /// Which kind of context it is, as a word.
    pub kind: String,
    /// Whether everybody may read it.
    pub public: bool,
    /// Since when it is there, in milliseconds since 1970.
    pub created_at: i64,
    /// The text; empty in lists.
    pub document: String,
}

/// What may be done with contexts.
#[async_trait]
pub trait Contexts: Send + Sync {
    /// Adds one, unless its owner has as many as `most_of_owner`. Two at once do not both take the last place.
    ///
    /// # Errors
    /// [`StateError`]
    async fn add_context(&self, context: &ContextRecord, most_of_owner: i64) -> Result<Added, StateError>;

    /// One of an owner's.
    ///
    /// # Errors
    /// [`StateError`]
    async fn context(&self, owner: &str, id: &str) -> Result<Option<ContextRecord>, StateError>;

    /// One that everybody may read, whoever's it is.
    ///
    /// # Errors
    /// [`StateError`]
    async fn public_context(&self, id: &str) -> Result<Option<ContextRecord>, StateError>;

    /// All of an owner's, without their texts, the oldest first; those of one moment in any order.
    ///
    /// # Errors
    /// [`StateError`]
    async fn contexts_of(&self, owner: &str) -> Result<Vec<ContextRecord>, StateError>;

    /// Removes one of an owner's. Whether there was one.
    ///
    /// # Errors
    /// [`StateError`]
    async fn remove_context(&self, owner: &str, id: &str) -> Result<bool, StateError>;
}
