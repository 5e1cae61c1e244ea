//! The contract for writing: what a source that takes writes is asked, and how it refuses.
//!
//! Whether a consumer may write what it writes is decided before, by the gateway, as far as that can be told
//! from the request. What depends on the entity as it stands (its types, when only its id is named) is decided
//! by a question that the gateway sends along and that the source asks within its transaction, so that nobody
//! can change the entity between the decision and the write.

use std::fmt;

use async_trait::async_trait;
use ngsi_ld::entity::DateTime;
use ngsi_ld::{Entity, EntityId};

use crate::call::Call;
use crate::error::AdapterError;
use crate::notifies::Position;

/// Whether the entity, as it stands, may be changed or deleted. Asked within the transaction; it does no I/O.
pub type MayChange<'a> = &'a (dyn Fn(&Entity) -> bool + Send + Sync);

/// Whether it may be told that the entity exists. Asked within the transaction; it does no I/O.
pub type MayTellOf<'a> = &'a (dyn Fn(&Entity) -> bool + Send + Sync);

/// What became of an entity that was put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// There was none of its id.
    Created,
    /// There was one, and it is replaced.
    Replaced,
}

/// A way of writing, as CIM 009 names it (clauses 5.6.1 to 5.6.6, 5.6.17, 5.6.18 and 5.6.21). Those that no method of
/// [`EntityWriter`] stands for yet get theirs with the first kind of source that has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WriteOperation {
    /// An entity that was not there: [`EntityWriter::create`].
    Create,
    /// An entity in the place of another, or of none: [`EntityWriter::put`].
    Replace,
    /// What is sent laid over what is there.
    Merge,
    /// Attributes added to an entity.
    Append,
    /// Attributes changed that are there.
    Update,
    /// An entity: [`EntityWriter::delete`].
    Delete,
    /// An attribute of an entity.
    DeleteAttribute,
    /// Whatever a question finds.
    Purge,
}

/// What a source that takes writes can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriteOffer {
    /// The ways of writing that it has. Of any other its method is [`WriteError::NotOffered`].
    pub operations: &'static [WriteOperation],
    /// Whether each call is done whole or not at all, and nobody can change the entity between a decision about it and the
    /// write.
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
/// Where [`WriteOffer::is_atomic`] says so, each call is one transaction: it is done whole, or nothing is changed.
/// Nothing has changed where a call fails, or where its deadline passes first; and where it was committed, whoever still
/// awaits it is told, also past the deadline. A call that is dropped is either not made or, once it is about to be
/// committed, made whole, and nobody learns which: whoever has to do something for every write that was made must not
/// let itself be dropped, but be a task of its own.
///
/// `createdAt` and `modifiedAt` are the source's: what the entity says of them does not count (clause 4.8).
///
/// Of a write that was committed it is told where the change lies in the order that [`Notifies`](crate::Notifies) tells of;
/// `None`: the source keeps no such order. Whoever has written knows by that which of the changes it is told of is its own.
#[async_trait]
pub trait EntityWriter: Send + Sync + fmt::Debug {
    /// What it can do.
    fn offer(&self) -> WriteOffer;

    /// Creates an entity.
    ///
    /// # Errors
    /// [`WriteError::AlreadyExists`] when there is one of that id, whatever it holds, and it may be told of;
    /// [`WriteError::Refused`] when it may not.
    async fn create(
        &self,
        entity: Entity,
        may_tell_of: MayTellOf<'_>,
        now: DateTime,
        call: &Call,
    ) -> Result<Option<Position>, WriteError> {
        let _not_taken = (entity, may_tell_of, now, call);
        Err(WriteError::NotOffered(WriteOperation::Create))
    }

    /// Creates an entity or, if there is one of that id that may be changed, replaces it whole.
    ///
    /// # Errors
    /// [`WriteError::Refused`] when the one that there is may not be changed.
    async fn put(
        &self,
        entity: Entity,
        may_change: MayChange<'_>,
        now: DateTime,
        call: &Call,
    ) -> Result<(Put, Option<Position>), WriteError> {
        let _not_taken = (entity, may_change, now, call);
        Err(WriteError::NotOffered(WriteOperation::Replace))
    }

    /// Deletes an entity, if it may be changed.
    ///
    /// # Errors
    /// [`WriteError::NotFound`] when there is none, [`WriteError::Refused`] when it may not be changed.
    async fn delete(
        &self,
        id: &EntityId,
        may_change: MayChange<'_>,
        call: &Call,
    ) -> Result<Option<Position>, WriteError> {
        let _not_taken = (id, may_change, call);
        Err(WriteError::NotOffered(WriteOperation::Delete))
    }
}

/// Why nothing was written. It holds no value of an entity.
#[derive(Debug, Clone, thiserror::Error)]
pub enum WriteError {
    /// The source has no such way of writing.
    #[error("the source does not offer to write so")]
    NotOffered(WriteOperation),
    /// There is an entity of that id.
    #[error("an entity of that id exists")]
    AlreadyExists,
    /// There is none.
    #[error("no entity of that id exists")]
    NotFound,
    /// The entity, as it stands, may not be changed.
    #[error("the entity may not be changed")]
    Refused,
    /// The source cannot hold such an entity: why, without a value.
    #[error("{0}")]
    CannotHold(String),
    /// The source failed. Nothing was written, unless it broke while it was answering.
    #[error(transparent)]
    Source(#[from] AdapterError),
}
