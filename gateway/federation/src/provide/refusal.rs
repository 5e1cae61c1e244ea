//! Why a write is refused, for whoever answers the consumer.

use kakehashi_adapters::{AdapterError, ErrorKind, WriteError};
use ngsi_ld::update::NotApplied;

use super::guard::NotTaken;
use crate::ungranted::Ungranted;

/// Why nothing was written.
#[derive(Debug, Clone, thiserror::Error)]
pub enum WriteRefusal {
    /// The policies do not permit it: what exactly.
    #[error("{0}")]
    Forbidden(Ungranted),
    /// It is about persons, or may be: what exactly.
    #[error("{0}")]
    NotTaken(NotTaken),
    /// The tenant has no source that takes such an entity.
    #[error("the tenant has no part of the store that takes entities like this one")]
    NotWritable,
    /// The limit of the tenant is used up.
    #[error("the limit of requests to the tenant's data is used up; try again")]
    Overloaded,
    /// There is an entity of that id.
    #[error("an entity of that id exists already")]
    AlreadyExists,
    /// There is none.
    #[error("no entity of that id exists in what you may write to")]
    NotFound,
    /// What was sent cannot be done to the entity as it is.
    #[error("{0}")]
    NotApplied(NotApplied),
    /// The entity is not what the consumer wants to change.
    #[error("nothing was written: the entity is not what the request is conditioned on")]
    PreconditionFailed,
    /// The source cannot hold such an entity.
    #[error("{0}")]
    CannotHold(String),
    /// The time to begin was over: others wrote, or what the same request asks for before it took all of it.
    #[error(
        "it was not begun: the time for this request was over, which others wrote in, or what stands before it; send it again"
    )]
    Late,
    /// Nobody waits for it any more, and it was not begun.
    #[error("nothing was written: nobody waits for it")]
    CallerLeft,
    /// The source failed.
    #[error("the source failed")]
    Source(AdapterError),
}

impl From<WriteError> for WriteRefusal {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::AlreadyExists => Self::AlreadyExists,
            WriteError::NotOffered(_) => Self::NotWritable,
            WriteError::CannotHold(reason) => Self::CannotHold(reason),
            WriteError::Source(error) => {
                // What cannot be written is told once, where it was found, and not for every write.
                if !matches!(error.kind, ErrorKind::InsufficientStorage | ErrorKind::Unwritable) {
                    let untold = kakehashi_telemetry::may_say(&error.source_id, "write failed");
                    if let Some(untold) = untold {
                        tracing::warn!(source_id = %error.source_id, kind = %error.kind, detail = %error.detail, untold, "write failed");
                    }
                }
                Self::Source(error)
            }
        }
    }
}

impl From<NotApplied> for WriteRefusal {
    fn from(not_applied: NotApplied) -> Self {
        Self::NotApplied(not_applied)
    }
}
