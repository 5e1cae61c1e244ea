//! Why a write is refused, for whoever answers the consumer.

use kakehashi_adapters::{AdapterError, ErrorKind, WriteError};
use ngsi_ld::AttributeName;
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
    /// The tenant has no source that takes this attribute.
    #[error("the tenant has no source that takes one of its attributes: {0}")]
    NoSourceOf(AttributeName),
    /// What would be written is held by a source alone that does not take it (clauses 5.6.1.4 and following).
    #[error("it is held by another system alone, which does not take this write")]
    Conflict,
    /// Several sources have it, which nobody can change on one condition.
    #[error(
        "nothing was written: several sources may have parts of the entity, and none of them knows whether the others meet the \
         condition; send it without If-Match and If-None-Match"
    )]
    SeveralSources,
    /// The source that takes such an entity has no way to do this to it: what is missing.
    #[error("{0}")]
    Unsupported(String),
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
    /// The source failed that alone holds what was to be written (clause 6.3.17).
    #[error("the only source of it failed")]
    OnlySource(AdapterError),
}

impl WriteRefusal {
    /// The same, of a source that alone holds what was to be written.
    //= 6.3.17-4
    pub(super) fn of_only_source(self) -> Self {
        match self {
            Self::NotWritable => Self::Conflict,
            Self::Source(error) => Self::OnlySource(error),
            refusal => refusal,
        }
    }

    /// Whether it says that what is to be changed is not there.
    pub(super) fn is_absence(&self) -> bool {
        match self {
            Self::NotFound => true,
            Self::NotApplied(not_applied) => not_applied.why.is_absence(),
            _ => false,
        }
    }

    /// Whether it is one of the writer, or of the moment, and none of what a source has: then none of the sources is written to.
    pub(super) fn is_of_the_whole(&self) -> bool {
        matches!(
            self,
            Self::Forbidden(_)
                | Self::NotTaken(_)
                | Self::PreconditionFailed
                | Self::SeveralSources
                | Self::Overloaded
                | Self::Late
                | Self::CallerLeft
        )
    }

    /// Which of several refusals is told where there is room for one: smaller ones first.
    pub(super) fn rank(&self) -> u8 {
        match self {
            Self::Source(_) | Self::OnlySource(_) => 0,
            Self::CannotHold(_) => 1,
            Self::AlreadyExists => 2,
            Self::Conflict => 3,
            Self::NotFound => 6,
            Self::NotApplied(not_applied) if not_applied.why.is_absence() => 5,
            _ => 4,
        }
    }
}

impl From<WriteError> for WriteRefusal {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::AlreadyExists => Self::AlreadyExists,
            WriteError::NotOffered(_) => Self::NotWritable,
            WriteError::Unsupported(reason) => Self::Unsupported(reason),
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
