//! The outbox of a partition: every committed change has left a mark there, in the same transaction, and whoever tells
//! others reads them in order. It is bounded in time and size; a reader that was away for longer is told to compare what it
//! knows with what the store holds.

use std::time::SystemTime;

use ngsi_ld::entity::DateTime;

use super::StoreError;
use super::change::End;
use super::mark;
use super::partition::StorePartition;
use kakehashi_contract::{Call, Position, Told};

/// Marks that are read at once.
const MARKS_AT_ONCE: usize = 256;

/// From how many bytes of values on no more marks are read at once.
const BYTES_AT_ONCE: usize = 1024 * 1024;

/// Marks that one transaction looks at when less may rest: few enough that a writer hardly waits.
const NARROWED_AT_ONCE: usize = 200;

impl StorePartition {
    /// The position of the newest change. Whoever begins to read begins there, with what the store holds then.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn newest_change(&self, call: &Call) -> Result<Position, StoreError> {
        let mut reader = self.reader(call).await?;
        let ends = reader.outbox_ends().await?;
        reader.done()?;
        Ok(Position::of(ends.newest))
    }

    /// What was changed after a position.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn changes_after(&self, position: Position, call: &Call) -> Result<Told, StoreError> {
        let mut reader = self.reader(call).await?;
        let marks = reader
            .marks_after(position.number(), MARKS_AT_ONCE, BYTES_AT_ONCE)
            .await?;
        // Asked afterwards: what was lost until the marks were read is told.
        let ends = reader.outbox_ends().await?;
        reader.done()?;
        // A position beyond the newest is of another file in the place of this one.
        if !(ends.lost_up_to..=ends.newest).contains(&position.number()) {
            return Ok(Told::FellBehind {
                newest: Position::of(ends.newest),
            });
        }
        let now = DateTime::from_system_time(SystemTime::now());
        let may_rest = self.may_rest();
        let mut names = self.names();
        let mut changes = Vec::with_capacity(marks.len());
        for mark in &marks {
            let change = match mark::change(mark, &names, may_rest.as_ref(), &now) {
                Err(StoreError::UnknownName) => {
                    names = self.read_new_names().await?;
                    mark::change(mark, &names, may_rest.as_ref(), &now)?
                }
                change => change?,
            };
            changes.push(change);
        }
        Ok(Told::Changes(changes))
    }

    /// Takes out what may not rest any more, if there may be anything.
    pub(super) async fn narrow_outbox(&self) -> Result<(), StoreError> {
        if !self.take_has_former_values() {
            return Ok(());
        }
        let narrowed = self.narrow_all().await;
        if narrowed.is_err() {
            self.has_former_values();
        }
        narrowed
    }

    async fn narrow_all(&self) -> Result<(), StoreError> {
        let mut position = Some(0);
        while let Some(after) = position {
            let narrowing = self.change(None, async |writer| {
                let last = writer.narrow_values_after(after, NARROWED_AT_ONCE).await?;
                Ok(End::Commit(last))
            });
            position = narrowing.await?;
        }
        Ok(())
    }

    /// Removes marks that are too old.
    pub(super) async fn drop_old_marks(&self, now: &DateTime) -> Result<(), StoreError> {
        let now = now.unix_micros();
        loop {
            let dropping = self.change(None, async |writer| Ok(End::Commit(writer.drop_oldest(now).await?)));
            if !dropping.await? {
                return Ok(());
            }
        }
    }

    /// Removes what was erased from where it may still stand.
    pub(super) async fn clear_erased(&self) -> Result<(), StoreError> {
        if self.take_has_erased() {
            let cleared = self.backend().clear_erased().await;
            if !matches!(cleared, Ok(true)) {
                self.has_erased();
            }
            cleared?;
        }
        Ok(())
    }
}
