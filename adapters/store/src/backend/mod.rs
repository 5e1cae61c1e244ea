//! What a partition rests in: a database that holds one tenant's entities, names and outbox.
//!
//! | module | owns |
//! |---|---|
//! | `sql` | from a question to SQL: one compiler for every database that speaks it |
//! | `sqlite` | SQLite: its file, its tables, every statement |
//!
//! Another database is another folder that implements [`Backend`], [`Reader`] and [`Transaction`]. What is outside of these
//! folders writes no SQL, and relies on what is said here alone: numbers come in an order and may be missing, texts are
//! compared as the dialect says, and a transaction is whole or nothing.

pub(super) mod sql;
pub(super) mod sqlite;

use std::fmt;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use kakehashi_trouble::Trouble;
use ngsi_ld::entity::DateTime;
use ngsi_ld::{AttributeName, EntityId, Iri, TypeName};

use self::sql::{Dialect, Statement};
use super::StoreError;
use super::body::{DecodeError, Row};
use super::names::{NameKey, NameTable};
use super::rows::{EntityKey, EntityRows};

/// The row of an entity, as it was read.
pub(super) trait StoredEntity: Send + Sync {
    /// Its columns.
    ///
    /// # Errors
    /// [`DecodeError`] where they are of other types: the database is damaged.
    fn columns(&self) -> Result<Row<'_>, DecodeError>;
}

/// The row of an entity, wherever it was read.
pub(super) type BoxedEntity = Box<dyn StoredEntity>;

/// Why something was not read on the thread that asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotInPlace {
    /// It is not possible now.
    Now,
    /// It takes longer than may be, and would again.
    TooLong,
}

/// A database with one tenant's partition.
#[async_trait]
pub(super) trait Backend: fmt::Debug + Send + Sync {
    /// How it is asked.
    fn dialect(&self) -> &'static dyn Dialect;

    /// The file.
    fn path(&self) -> &Path;

    /// Why it cannot be written now, or not even be read.
    fn trouble(&self) -> Option<Trouble>;

    /// Whether it can be read.
    fn is_readable(&self) -> bool;

    /// Whether it was closed.
    fn is_closed(&self) -> bool;

    /// Waits for what is under way, then closes it.
    async fn close(&self);

    /// A connection that reads, whose statements end at the deadline.
    ///
    /// # Errors
    /// [`StoreError`]
    async fn reader(&self, deadline: Instant) -> Result<Box<dyn Reader>, StoreError>;

    /// Reads on the thread that asks: where that is short, and until then.
    ///
    /// # Errors
    /// [`NotInPlace`]; what was read until then is no answer, and it is to be read apart.
    fn read_in_place(&self, until: Instant, work: ReadsInPlace<'_>) -> Result<(), NotInPlace>;

    /// Reads at one state of the database, on a thread of its own, until the deadline; whoever does not wait any more ends it.
    ///
    /// # Errors
    /// [`StoreError`]; those of the work.
    async fn read_apart(&self, deadline: Instant, work: ReadsApart) -> Result<(), StoreError>;

    /// [`Reader::has_entities_of_several_types`], on the thread that asks.
    ///
    /// # Errors
    /// [`NotInPlace`]
    fn looks_for_several_types(&self, until: Instant) -> Result<bool, NotInPlace>;

    /// [`Reader::holds_uris`], in the same way.
    ///
    /// # Errors
    /// [`NotInPlace`]
    fn looks_for_uris(&self, name: &AttributeName, until: Instant) -> Result<bool, NotInPlace>;

    /// The table of names with all that the database has beyond it; also for whoever holds a connection already.
    ///
    /// # Errors
    /// [`StoreError`]
    async fn names_beyond(&self, known: &NameTable) -> Result<NameTable, StoreError>;

    /// Begins a transaction, until the deadline. Nobody else writes until it has ended.
    ///
    /// # Errors
    /// [`StoreError`]
    async fn begin(&self, deadline: Option<Instant>) -> Result<Box<dyn Transaction>, StoreError>;

    /// The error of a transaction as it is told.
    async fn judged(&self, error: StoreError) -> StoreError;

    /// What follows a large transaction. It changes no answer.
    ///
    /// # Errors
    /// [`StoreError`]
    async fn tidy(&self) -> Result<(), StoreError>;

    /// Removes what was erased from wherever else it may still stand. Whether that was possible now: whoever reads may be
    /// in the way.
    ///
    /// # Errors
    /// [`StoreError`]
    async fn clear_erased(&self) -> Result<bool, StoreError>;

    /// Itself, for tests that look at what only it has.
    #[cfg(test)]
    fn as_any(&self) -> &dyn std::any::Any;
}

/// What is read on the thread that asks.
pub(super) type ReadsInPlace<'w> = &'w mut dyn FnMut(&dyn Selecting) -> Result<(), StoreError>;

/// What is read apart.
pub(super) type ReadsApart = Box<dyn FnOnce(&dyn Selecting) -> Result<(), StoreError> + Send>;

/// A reading of what statements select.
pub(super) trait Selecting {
    /// The table of names with all that the database has beyond it.
    ///
    /// # Errors
    /// [`StoreError`]
    fn names_beyond(&self, known: &NameTable) -> Result<NameTable, StoreError>;

    /// Gives the entities that the statement selects to `take` one after the other, until it has enough of them. Names are
    /// those by which it is judged.
    ///
    /// # Errors
    /// [`StoreError`]
    fn look_through(
        &self,
        statement: &Statement,
        names: &Arc<NameTable>,
        take: &mut dyn FnMut(Row<'_>) -> ControlFlow<()>,
    ) -> Result<(), StoreError>;

    /// The same where it takes little; `false`: it would take more, and what was taken until then is no answer.
    ///
    /// # Errors
    /// [`StoreError`]
    fn look_through_little(
        &self,
        statement: &Statement,
        names: &Arc<NameTable>,
        take: &mut dyn FnMut(Row<'_>) -> ControlFlow<()>,
    ) -> Result<bool, StoreError>;

    /// Gives the ids that the statement selects to `take`, until it has enough of them.
    ///
    /// # Errors
    /// [`StoreError`]
    fn look_through_ids(
        &self,
        statement: &Statement,
        names: &Arc<NameTable>,
        take: &mut dyn FnMut(&str) -> ControlFlow<()>,
    ) -> Result<(), StoreError>;

    /// The number that the statement selects.
    ///
    /// # Errors
    /// [`StoreError`]
    fn number(&self, statement: &Statement, names: &Arc<NameTable>) -> Result<i64, StoreError>;

    /// How many entities there are.
    ///
    /// # Errors
    /// [`StoreError`]
    fn count_of_all(&self) -> Result<u64, StoreError>;

    /// How many entities of a type there are.
    ///
    /// # Errors
    /// [`StoreError`]
    fn count_of_type(&self, r#type: &TypeName) -> Result<u64, StoreError>;

    /// Where among the entities of a type, in the order of ids, so many have passed: an id from which on they are looked
    /// through, and how many of the type are to be skipped from there. `None`: there are not so many.
    ///
    /// # Errors
    /// [`StoreError`]
    fn place_of_type(&self, r#type: &TypeName, offset: usize) -> Result<Option<(String, usize)>, StoreError>;

    /// Whether nobody wants to know any more.
    fn is_over(&self) -> bool;
}

/// A connection that reads. What was read counts once [`Reader::done`] has said so.
#[async_trait]
pub(super) trait Reader: Send {
    /// Whether some entity has more than one type.
    ///
    /// # Errors
    /// [`StoreError`]
    async fn has_entities_of_several_types(&mut self) -> Result<bool, StoreError>;

    /// Whether an attribute of that name is a URI in some entity.
    ///
    /// # Errors
    /// [`StoreError`]
    async fn holds_uris(&mut self, name: &AttributeName) -> Result<bool, StoreError>;

    /// The types of which there is an entity, in the order of their numbers.
    ///
    /// # Errors
    /// [`StoreError`]
    async fn held_types(&mut self) -> Result<Vec<TypeName>, StoreError>;

    /// The names that types and attributes of the partition have or had; `None`: there are more than so many.
    ///
    /// # Errors
    /// [`StoreError`]
    async fn known_names(&mut self, most: usize) -> Result<Option<Vec<AttributeName>>, StoreError>;

    /// What the outbox holds after a position, in order: as many marks as told at most, and no more than the first beyond
    /// as many bytes.
    ///
    /// # Errors
    /// [`StoreError`]
    async fn marks_after(&mut self, position: i64, most: usize, most_bytes: usize) -> Result<Vec<Mark>, StoreError>;

    /// Between which positions the outbox is whole: everything up to the first may be lost, and the second is the
    /// newest that was ever given.
    ///
    /// # Errors
    /// [`StoreError`]
    async fn outbox_ends(&mut self) -> Result<Ends, StoreError>;

    /// Ends the reading.
    ///
    /// # Errors
    /// [`StoreError`] where what was read is nothing that ever stood there.
    fn done(self: Box<Self>) -> Result<(), StoreError>;
}

/// A transaction. Dropped, it is rolled back.
#[async_trait]
pub(super) trait Transaction: Send {
    /// The table of names with all that the database has beyond it.
    ///
    /// # Errors
    /// [`StoreError`]
    async fn names_beyond(&mut self, known: &NameTable) -> Result<NameTable, StoreError>;

    /// Gives a number to a name that has none.
    ///
    /// # Errors
    /// [`StoreError`]
    async fn add_name(&mut self, name: &Iri) -> Result<NameKey, StoreError>;

    /// The entity of that id.
    ///
    /// # Errors
    /// [`StoreError`]
    async fn find(&mut self, id: &EntityId) -> Result<Option<(EntityKey, BoxedEntity)>, StoreError>;

    /// Those of the entities of these ids that there are, in no order. Nothing of what the transaction itself has written may
    /// be among the ids.
    ///
    /// # Errors
    /// [`StoreError`]
    async fn find_all(&mut self, ids: &[&EntityId]) -> Result<Vec<(EntityKey, BoxedEntity)>, StoreError>;

    /// The entity of that row.
    ///
    /// # Errors
    /// [`StoreError`]
    async fn entity(&mut self, key: EntityKey) -> Result<BoxedEntity, StoreError>;

    /// Adds an entity.
    ///
    /// # Errors
    /// [`StoreError`]
    async fn insert(&mut self, id: &EntityId, rows: &EntityRows) -> Result<(), StoreError>;

    /// Puts other content in the place of an entity's.
    ///
    /// # Errors
    /// [`StoreError`]
    async fn replace(&mut self, key: EntityKey, rows: &EntityRows) -> Result<(), StoreError>;

    /// Removes an entity with everything about it.
    ///
    /// # Errors
    /// [`StoreError`]
    async fn delete(&mut self, key: EntityKey) -> Result<(), StoreError>;

    /// Some of the entities of which something has expired.
    ///
    /// # Errors
    /// [`StoreError`]
    async fn expired(&mut self, now: &DateTime, most: usize) -> Result<Vec<EntityKey>, StoreError>;

    /// When something expires next, in entities or in the outbox.
    ///
    /// # Errors
    /// [`StoreError`]
    async fn next_expiry(&mut self) -> Result<Option<DateTime>, StoreError>;

    /// Appends to the outbox. Its position, which is told, is higher than those of all that were committed before, and some
    /// may be left out.
    ///
    /// # Errors
    /// [`StoreError`]
    async fn append(&mut self, mark: NewMark) -> Result<i64, StoreError>;

    /// Erases the values of an entity from the outbox. Whether there were any.
    ///
    /// # Errors
    /// [`StoreError`]
    async fn erase_values(&mut self, id: &EntityId) -> Result<bool, StoreError>;

    /// Erases from the outbox the values of which something has expired. Whether there were any.
    ///
    /// # Errors
    /// [`StoreError`]
    async fn erase_expired_values(&mut self, now: &DateTime) -> Result<bool, StoreError>;

    /// Removes the oldest marks, as many as told at most: those before a time, in microseconds since 1970, and those
    /// beyond a size. How many.
    ///
    /// # Errors
    /// [`StoreError`]
    async fn drop_oldest(&mut self, before: i64, beyond_bytes: i64, most: usize) -> Result<usize, StoreError>;

    /// What the outbox holds after a position, of what has values; as [`Reader::marks_after`].
    ///
    /// # Errors
    /// [`StoreError`]
    async fn marks_with_values_after(&mut self, position: i64, most: usize) -> Result<Vec<Mark>, StoreError>;

    /// Puts another kind and other values in the place of a mark's.
    ///
    /// # Errors
    /// [`StoreError`]
    async fn set_values(&mut self, position: i64, kind: i64, values: &MarkValues) -> Result<(), StoreError>;

    /// Commits; before anybody else writes `then` is done. What is about to be committed is not given up any more.
    ///
    /// # Errors
    /// [`StoreError`]; then nothing was written.
    async fn commit(self: Box<Self>, then: Box<dyn FnOnce() + Send>) -> Result<(), StoreError>;

    /// Rolls back, without being waited for.
    fn give_up(self: Box<Self>);
}

/// A row of the outbox that is to be written.
#[derive(Debug)]
pub(super) struct NewMark {
    /// When, in microseconds since 1970.
    pub(super) at: i64,
    /// What, by a number of the outbox's own.
    pub(super) kind: i64,
    /// The entity; `None`: several.
    pub(super) id: Option<EntityId>,
    /// What the kind says beside.
    pub(super) detail: Vec<u8>,
    pub(super) values: MarkValues,
    /// What it weighs.
    pub(super) bytes: i64,
}

/// The values of a row of the outbox.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct MarkValues {
    /// The entity before, encoded with its dates; `None`: there was none, or it does not rest here.
    pub(super) before: Option<Vec<u8>>,
    /// The entity after.
    pub(super) after: Option<Vec<u8>>,
    /// When the first part of either expires.
    pub(super) expires_at: Option<DateTime>,
    /// Whether they are all of both, and nothing was left out.
    pub(super) is_whole: bool,
}

/// A row of the outbox.
#[derive(Debug)]
pub(super) struct Mark {
    pub(super) position: i64,
    pub(super) at: i64,
    pub(super) kind: i64,
    pub(super) id: Option<String>,
    pub(super) detail: Vec<u8>,
    pub(super) before: Option<Vec<u8>>,
    pub(super) after: Option<Vec<u8>>,
}

/// Where the outbox begins and ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ends {
    /// What is up to here may be lost.
    pub(super) lost_up_to: i64,
    /// Nothing beyond it was ever committed.
    pub(super) newest: i64,
}
