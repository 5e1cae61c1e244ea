//! The contract for writing: what a source that takes writes is asked, and how it refuses.
//!
//! What is to become of an entity mostly depends on the entity as it stands: whether somebody may change it, what a part that
//! is sent makes of it, whether it is still what the writer has seen. So the source is not told what to write but asks, within
//! its transaction, so that nobody can change the entity between the decision and the write.

use std::fmt;

use async_trait::async_trait;
use ngsi_ld::entity::DateTime;
use ngsi_ld::{Entity, EntityId, TypeName};

use crate::call::Call;
use crate::error::AdapterError;
use crate::notifies::Position;

/// What is to become of an entity.
#[derive(Debug, Clone, PartialEq)]
pub enum Decision {
    /// Nothing: it stays as it is, or is not made.
    Leave,
    /// It is to be this, whether it exists or not. The id is that of the question.
    Write(Box<Entity>),
    /// It is to be no more.
    Delete,
}

/// What is to become of the entity as it stands; `None`: there is none. It does no I/O, and is asked once within each
/// attempt.
pub type Decide<'a> = &'a (dyn Fn(Option<&Entity>) -> Decision + Send + Sync);

/// One write of one entity.
#[derive(Clone, Copy)]
pub struct EntityWrite<'a> {
    /// Which entity.
    pub id: &'a EntityId,
    /// Of which types it may be: whoever can only ask its source for what it shows asks for these. Empty: of any.
    pub types: &'a [TypeName],
    /// What is done, as CIM 009 names it.
    pub operation: WriteOperation,
    /// What becomes of it.
    pub decide: Decide<'a>,
}

impl fmt::Debug for EntityWrite<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EntityWrite")
            .field("id", &self.id)
            .field("operation", &self.operation)
            .finish_non_exhaustive()
    }
}

/// What a write has come to. Of what was committed it is told where the change lies in the order that
/// [`Notifies`](crate::Notifies) tells of; `None`: the source keeps no such order. Whoever has written knows by that which of
/// the changes it is told of is its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// Nothing was changed, as it was decided.
    Left,
    /// There was none of its id.
    Created(Option<Position>),
    /// There was one, and another stands in its place.
    Replaced(Option<Position>),
    /// There was one, and there is none.
    Deleted(Option<Position>),
}

impl Written {
    /// Where the change lies in the order of the source's changes.
    #[must_use]
    pub const fn position(self) -> Option<Position> {
        match self {
            Self::Left => None,
            Self::Created(position) | Self::Replaced(position) | Self::Deleted(position) => position,
        }
    }
}

/// A way of writing, as CIM 009 names it (clauses 5.6.1 to 5.6.6 and 5.6.17 to 5.6.21).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WriteOperation {
    /// An entity that was not there.
    Create,
    /// An entity in the place of another, or of none.
    Replace,
    /// What is sent laid over what is there.
    Merge,
    /// Attributes added to an entity.
    Append,
    /// Attributes changed that are there.
    Update,
    /// An entity, by its id or by what a question finds.
    Delete,
    /// An attribute of an entity.
    DeleteAttribute,
}

impl WriteOperation {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::Create,
        Self::Replace,
        Self::Merge,
        Self::Append,
        Self::Update,
        Self::Delete,
        Self::DeleteAttribute,
    ];
}

/// What a source that takes writes can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriteOffer {
    /// The ways of writing that it has. Any other is [`WriteError::NotOffered`].
    pub operations: &'static [WriteOperation],
    /// Whether nobody can change the entity between a decision about it and the write, and what is asked for at once is done
    /// at once.
    pub is_atomic: bool,
}

impl WriteOffer {
    /// Whether it has this way of writing.
    #[must_use]
    pub fn has(&self, operation: WriteOperation) -> bool {
        self.operations.contains(&operation)
    }
}

/// A source that takes writes: those that it offers.
///
/// Where [`WriteOffer::is_atomic`] says so, a call is one transaction: each write is done or has an error of its own, in
/// which case nothing of it is kept, and those that are done are committed together. Nothing has changed where all of them
/// fail, or where the deadline passes first; and where they were committed, whoever still awaits them is told, also past the
/// deadline. A call that is dropped is either not made or, once it is about to be committed, made, and nobody learns
/// which: whoever has to do something for every write that was made must not let itself be dropped, but be a task of its
/// own.
///
/// `createdAt` and `modifiedAt` are the source's: what an entity says of them does not count (clause 4.8).
#[async_trait]
pub trait EntityWriter: Send + Sync + fmt::Debug {
    /// What it can do.
    fn offer(&self) -> WriteOffer;

    /// Makes these writes in their order, so that a later one sees what an earlier one has made. One result each.
    ///
    /// `now` is the time of the changes, for a source that keeps the dates itself.
    async fn write(&self, writes: &[EntityWrite<'_>], now: &DateTime, call: &Call) -> Vec<Result<Written, WriteError>>;
}

/// Why nothing was written. It holds no value of an entity.
#[derive(Debug, Clone, thiserror::Error)]
pub enum WriteError {
    /// The source has no such way of writing.
    #[error("the source does not offer to write so")]
    NotOffered(WriteOperation),
    /// The source has such a way of writing, and not for entities of this type: what is missing, without a value.
    #[error("{0}")]
    Unsupported(String),
    /// The source has an entity of that id that it has not shown before it was decided.
    #[error("an entity of that id exists")]
    AlreadyExists,
    /// The source cannot hold such an entity: why, without a value.
    #[error("{0}")]
    CannotHold(String),
    /// The source failed. Nothing was written, unless it broke while it was answering.
    #[error(transparent)]
    Source(#[from] AdapterError),
}
