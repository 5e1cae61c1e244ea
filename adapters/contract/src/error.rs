//! What can go wrong between the gateway and a source.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use kakehashi_resources::Exhausted;

use crate::source_id::SourceId;

/// What went wrong between the gateway and a source.
///
/// The text of `detail` is for the operator's log and holds no value of an entity and nothing that the source
/// has sent; consumers see only the kind.
#[derive(Debug, Clone, thiserror::Error)]
#[error("source {source_id}: {kind}: {detail}")]
pub struct AdapterError {
    /// Which source.
    pub source_id: SourceId,
    /// What happened.
    pub kind: ErrorKind,
    /// More, for the log.
    pub detail: Arc<str>,
    /// Whose trouble it is.
    pub origin: Origin,
    /// Whether what was asked may be asked again.
    pub repeating: Repeating,
    /// After how long the source wants to be asked again; `None`: it has not said.
    pub retry_after: Option<Duration>,
    /// Whether the source was not asked at all, because of how it has answered before.
    pub is_held_back: bool,
}

/// Whose trouble an error is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Origin {
    /// What the consumer asks for, or what it has not presented.
    Consumer,
    /// The gateway: its configuration, its disk, what it may use.
    Gateway,
    /// The source, or the way to it.
    Source,
}

/// Whether what was asked may be asked again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Repeating {
    /// It was not done, or does no harm when it is done twice.
    IsSafe,
    /// It may have been done although nobody knows of it, and would be done twice.
    MayDoTwice,
}

/// What can go wrong with a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// No connection, or it broke before an answer.
    Unreachable,
    /// No complete answer within the deadline.
    Timeout,
    /// The source's own rate or concurrency limit left no room before the deadline.
    Overloaded,
    /// The source answered with this HTTP status.
    Status(u16),
    /// The answer is not what the source's protocol promises: not JSON, HTML, empty, cut off.
    InvalidPayload,
    /// The source says that it has nothing at all any more, of any type that it held a moment ago: what it asks for its
    /// entities may be gone.
    Emptied,
    /// The answer is larger than the cap.
    TooLarge,
    /// The source has more entities, or more bytes of them, than one request may look through.
    TooMany,
    /// The source would have to be asked more often for one question than so many times.
    TooManyRequests(usize),
    /// The question would cause more requests to sources than so many. It is no source's part that is missing, but all of it.
    TooComplex(usize),
    /// The source's address leads to where it may not lead: it was not asked.
    Refused,
    /// There is no credential to ask the source with: no token from its token endpoint, or none of the consumer's to
    /// pass through.
    Credential,
    /// What the request may use of the gateway is used up, or all of it is in use. It is no trouble of the source's.
    Exhausted(Exhausted),
    /// The disk of what is written to is full. Nothing was written.
    InsufficientStorage,
    /// What is written to may only be read now, or cannot be written for another reason that may pass. Nothing was
    /// written.
    Unwritable,
    /// The gateway's own fault: settings that cannot work, a database that cannot be read.
    Internal,
}

impl ErrorKind {
    /// Whether asking again, later, may succeed without anybody changing anything.
    #[must_use]
    pub const fn is_retryable(self) -> bool {
        match self {
            Self::Unreachable
            | Self::Timeout
            | Self::Emptied
            | Self::Overloaded
            | Self::Credential
            | Self::Unwritable => true,
            Self::Status(status) => matches!(status, 429 | 502..=504),
            Self::Exhausted(exhausted) => matches!(exhausted, Exhausted::Process),
            Self::InvalidPayload
            | Self::TooLarge
            | Self::TooMany
            | Self::TooManyRequests(_)
            | Self::TooComplex(_)
            | Self::Refused
            | Self::InsufficientStorage
            | Self::Internal => false,
        }
    }

    /// Whose trouble it is, unless whoever makes the error knows better.
    #[must_use]
    pub const fn origin(self) -> Origin {
        match self {
            Self::Unreachable
            | Self::Timeout
            | Self::Status(_)
            | Self::InvalidPayload
            | Self::Emptied
            | Self::TooLarge => Origin::Source,
            Self::TooMany
            | Self::TooManyRequests(_)
            | Self::TooComplex(_)
            | Self::Exhausted(Exhausted::Request { .. } | Exhausted::Steps | Exhausted::Time) => Origin::Consumer,
            Self::Overloaded
            | Self::Refused
            | Self::Credential
            | Self::Exhausted(Exhausted::Process)
            | Self::InsufficientStorage
            | Self::Unwritable
            | Self::Internal => Origin::Gateway,
        }
    }

    /// The name in logs and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::Overloaded => "overloaded",
            Self::Status(_) => "status",
            Self::InvalidPayload => "invalid_payload",
            Self::Emptied => "emptied",
            Self::TooLarge => "too_large",
            Self::TooMany => "too_many",
            Self::TooManyRequests(_) => "too_many_requests",
            Self::TooComplex(_) => "too_complex",
            Self::Refused => "refused",
            Self::Credential => "credential",
            Self::Exhausted(_) => "exhausted",
            Self::InsufficientStorage => "insufficient_storage",
            Self::Unwritable => "unwritable",
            Self::Internal => "internal",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "status {status}"),
            other => f.write_str(other.as_str()),
        }
    }
}

impl AdapterError {
    /// An error of a source.
    #[must_use]
    pub fn new(source_id: &SourceId, kind: ErrorKind, detail: impl Into<Arc<str>>) -> Self {
        Self {
            source_id: source_id.clone(),
            kind,
            detail: detail.into(),
            origin: kind.origin(),
            repeating: Repeating::IsSafe,
            retry_after: None,
            is_held_back: false,
        }
    }

    /// The same, as somebody else's trouble.
    #[must_use]
    pub fn of(self, origin: Origin) -> Self {
        Self { origin, ..self }
    }

    /// The same, of something that may have been done all the same.
    #[must_use]
    pub fn may_have_been_done(self) -> Self {
        Self {
            repeating: Repeating::MayDoTwice,
            ..self
        }
    }

    /// The same, where the source has said when it wants to be asked again.
    #[must_use]
    pub fn to_be_repeated_after(self, retry_after: Option<Duration>) -> Self {
        Self { retry_after, ..self }
    }

    /// The same, where the source was not asked at all because of how it has answered before.
    #[must_use]
    pub fn held_back(self) -> Self {
        Self {
            is_held_back: true,
            ..self
        }
    }

    /// Whether the same may be asked again, later, and may succeed without anybody changing anything. What is the consumer's
    /// own trouble stays that.
    #[must_use]
    pub fn may_be_repeated(&self) -> bool {
        self.origin != Origin::Consumer && self.repeating == Repeating::IsSafe && self.kind.is_retryable()
    }

    /// What the request may use was used up while a source was asked.
    #[must_use]
    pub fn exhausted(source_id: &SourceId, exhausted: Exhausted) -> Self {
        let kind = match exhausted {
            Exhausted::Time => ErrorKind::Timeout,
            other => ErrorKind::Exhausted(other),
        };
        // What the request asks for took too long, and not the source.
        let origin = ErrorKind::Exhausted(exhausted).origin();
        Self::new(source_id, kind, exhausted.to_string()).of(origin)
    }
}
