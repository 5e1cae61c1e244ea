//! Why what the gateway keeps cannot be read or written.

use std::error::Error;
use std::io;

use kakehashi_trouble::Trouble;

/// Why what the gateway keeps cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// It cannot be written now. Nothing was written.
    #[error("the file of `[gateway] state` cannot be used: the file cannot be written now: {0}")]
    Unwritable(Trouble),
    /// It cannot be opened now, not even to be read.
    #[error("the file of `[gateway] state` cannot be used: the file cannot be opened now: {0}")]
    Unopened(Trouble),
    /// Another program has changed it while it was read.
    #[error(
        "the file of `[gateway] state` cannot be used: another program has changed it while it was read; read it again"
    )]
    Changed,
    /// It was not to be had in time, because others write.
    #[error("the file of `[gateway] state` cannot be used: not finished within the deadline")]
    Timeout,
    /// Its folder cannot be made.
    #[error("the folder of `[gateway] state` cannot be made: {0}")]
    Folder(#[source] io::Error),
    /// Written by a later version.
    #[error("the file of `[gateway] state` was written by a later version")]
    Later,
    /// It is no file of a gateway.
    #[error("the file of `[gateway] state` cannot be used: {0}")]
    Unknown(String),
    /// What the database says; what that means only its backend knows.
    #[error("the file of `[gateway] state` cannot be used: {0}")]
    Failed(#[source] Box<dyn Error + Send + Sync>),
}

impl StateError {
    /// Whether it passes by itself, and the operator is told elsewhere.
    #[must_use]
    pub const fn is_passing(&self) -> bool {
        matches!(self, Self::Unwritable(_) | Self::Unopened(_) | Self::Changed)
    }
}
