//! The contract for telling: what a source says of its changes to whoever tells others.
//!
//! Changes come in one order, that of the commits, and are read from a position on that the reader keeps. What a source keeps
//! of them is bounded; a reader that was away for longer compares. Values stand beside the entities that they are of, and
//! so only what may rest is kept of them: the gateway says what that is, once for a source and not with each write, so that what was written under an
//! earlier revision cannot bring back what has become stricter.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use ngsi_ld::entity::DateTime;
use ngsi_ld::{AttributeName, Entity, EntityId, TypeName};
use tokio::sync::watch;

use crate::call::Call;
use crate::error::AdapterError;

/// What of an entity may rest in the outbox, where it outlives the entity by nothing but the mark: the part of it whose
/// classes allow that; `None`: nothing. It takes away and adds nothing.
pub type MayRest = Arc<dyn Fn(&Entity) -> Option<Entity> + Send + Sync>;

/// A place in the order of a source's changes. Later ones are greater, and some numbers are never given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(i64);

impl Position {
    /// Before every change.
    pub const BEGINNING: Self = Self(0);

    /// To be kept by whoever reads.
    #[must_use]
    pub const fn number(self) -> i64 {
        self.0
    }

    /// The position that was kept.
    #[must_use]
    pub const fn of(number: i64) -> Self {
        Self(number)
    }
}

/// An entity as it was, or is, as far as the outbox has it.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// There was none.
    Nothing,
    /// What of it may rest.
    Kept(Box<Entity>),
    /// It may not rest, or is erased, or is too large.
    NotKept,
}

/// What became of an entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fate {
    /// It was created.
    Created,
    /// It was replaced by another of its id.
    Replaced,
    /// It was deleted.
    Deleted,
    /// Its time was over.
    Expired,
    /// The time of a part of it was over.
    PartExpired,
}

/// What was changed.
#[derive(Debug, Clone, PartialEq)]
pub enum Changed {
    /// One entity.
    Entity {
        /// Which.
        id: EntityId,
        /// Its types: after the change or, where it is gone, before it.
        types: Vec<TypeName>,
        /// What became of it.
        fate: Fate,
        /// As it was.
        before: Values,
        /// As it is.
        after: Values,
        /// Whether what is kept is all of both. A part alone says nothing of what the entity was not: whoever needs to know
        /// that asks the source.
        is_whole: bool,
        /// The attributes of which a part went because its time was over, as far as their names may rest.
        gone: Vec<AttributeName>,
    },
    /// Many at once: whoever wants to know which compares. What was changed has the time of this change as its date.
    Load {
        /// How many there were not before.
        created: u64,
        /// How many there were.
        replaced: u64,
    },
}

/// A committed change.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Its place in the order.
    pub position: Position,
    /// When.
    pub at: DateTime,
    /// What.
    pub changed: Changed,
}

impl Fate {
    /// Whether there is no entity after it.
    #[must_use]
    pub const fn is_end(self) -> bool {
        matches!(self, Self::Deleted | Self::Expired)
    }
}

/// What a reader of changes is told.
#[derive(Debug, Clone, PartialEq)]
pub enum Told {
    /// What follows the position, in order, and not always all of it; nothing: there is nothing new.
    Changes(Vec<Change>),
    /// Changes after the position may be gone. Whoever compares what it knows with what the source holds from now on, and
    /// then reads on from `newest`, has missed nothing.
    FellBehind {
        /// The newest change now.
        newest: Position,
    },
}

/// A source that keeps what was changed, for whoever reads it in order.
#[async_trait]
pub trait Notifies: Send + Sync + fmt::Debug {
    /// The position of the newest change. Whoever begins to read begins there, with what the source holds then.
    ///
    /// # Errors
    /// [`AdapterError`]
    async fn newest_change(&self, call: &Call) -> Result<Position, AdapterError>;

    /// What was changed after a position.
    ///
    /// # Errors
    /// [`AdapterError`]
    async fn changes_after(&self, position: Position, call: &Call) -> Result<Told, AdapterError>;

    /// Tells whenever this process has committed a change. Others may commit, too: whoever waits looks from time to time.
    fn commits(&self) -> watch::Receiver<u64>;

    /// Says what may rest from now on. Until this was called nothing rests but that something was changed. What rested and
    /// may not any more is told to nobody from now on, and taken out as soon as that can be.
    fn let_rest(&self, may_rest: MayRest);
}
