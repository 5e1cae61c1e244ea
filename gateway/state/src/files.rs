//! What is remembered of the files of sources, so that a file that is suddenly another one is noticed after a restart, too:
//! counts and what nobody can tell an id from, as the kind of source writes it.

use async_trait::async_trait;

use crate::StateError;

/// What may be done with what is remembered of files.
#[async_trait]
pub trait Files: Send + Sync {
    /// What is remembered of the files of a source.
    ///
    /// # Errors
    /// [`StateError`]
    async fn files_of(&self, source: &str) -> Result<Option<String>, StateError>;

    /// Remembers this of them from now on. `at`: in milliseconds since 1970.
    ///
    /// # Errors
    /// [`StateError`]
    async fn remember_files(&self, source: &str, at: i64, text: &str) -> Result<(), StateError>;
}
