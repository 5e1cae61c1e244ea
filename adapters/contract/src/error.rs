//! What can go wrong between the gateway and a source.

use std::fmt;
use std::sync::Arc;

use kakehashi_resources::Exhausted;

use crate::call::SourceId;

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
            Self::Unreachable | Self::Timeout | Self::Overloaded | Self::Credential | Self::Unwritable => true,
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

    /// The name in logs and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::Overloaded => "overloaded",
            Self::Status(_) => "status",
            Self::InvalidPayload => "invalid_payload",
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
        }
    }

    /// What the request may use was used up while a source was asked.
    #[must_use]
    pub fn exhausted(source_id: &SourceId, exhausted: Exhausted) -> Self {
        let kind = match exhausted {
            Exhausted::Time => ErrorKind::Timeout,
            other => ErrorKind::Exhausted(other),
        };
        Self::new(source_id, kind, exhausted.to_string())
    }
}
