//! Changing a partition: one transaction, in which every entity that is written or removed leaves its mark in the outbox.

use std::time::Instant;

use hashbrown::HashMap;
use kakehashi_contract::{Fate, MayRest, Position};
use ngsi_ld::entity::DateTime;
use ngsi_ld::{AttributeName, Entity, EntityId};

use super::backend::{BoxedEntity, Mark, MarkValues, Transaction};
use super::body::{NotEncoded, Wanted, decode};
use super::mark::{self, LONGEST_AGE, MOST_BYTES};
use super::names::NameTable;
use super::partition::{NEVER, StorePartition};
use super::read::within;
use super::rows::{EntityKey, EntityRows};
use super::{StoreError, dates};

/// Marks that one transaction removes at most: few enough that a writer hardly waits, more than it adds.
const DROPPED_AT_ONCE: usize = 500;

/// How a transaction ends well.
pub(super) enum End<T> {
    /// It is committed.
    Commit(T),
    /// It is committed, and before anybody else writes this is done, whoever still waits.
    CommitThen(T, Box<dyn FnOnce() + Send>),
    /// It is rolled back.
    RollBack(T),
}

impl StorePartition {
    /// Changes the partition in one transaction. At the deadline it is given up, unless it is about to be committed.
    ///
    /// # Errors
    /// Whatever the work says; then nothing was changed.
    pub(super) async fn change<T, W>(&self, deadline: Option<Instant>, work: W) -> Result<T, StoreError>
    where
        W: AsyncFnOnce(&mut Writer<'_>) -> Result<End<T>, StoreError>,
    {
        match self.attempt(deadline, work).await {
            Ok(value) => Ok(value),
            Err(error) => Err(self.backend().judged(error).await),
        }
    }

    async fn attempt<T, W>(&self, deadline: Option<Instant>, work: W) -> Result<T, StoreError>
    where
        W: AsyncFnOnce(&mut Writer<'_>) -> Result<End<T>, StoreError>,
    {
        let mut transaction = self.backend().begin(deadline).await?;
        let worked = until(deadline, async {
            let mut writer = Writer::begin(&mut *transaction, self).await?;
            let ended = work(&mut writer).await?;
            if let (Some(at), End::Commit(_) | End::CommitThen(..)) = (writer.marked_at, &ended) {
                writer.drop_oldest(at).await?;
            }
            Ok::<_, StoreError>((ended, writer.noted_by(self)))
        });
        let (value, then): (T, Box<dyn FnOnce() + Send>) = match worked.await {
            Ok((End::Commit(value), noted)) => (value, noted),
            Ok((End::CommitThen(value, then), noted)) => {
                let both = || {
                    noted();
                    then();
                };
                (value, Box::new(both))
            }
            Ok((End::RollBack(value), _)) => {
                transaction.give_up();
                return Ok(value);
            }
            Err(error) => {
                transaction.give_up();
                return Err(error);
            }
        };
        transaction.commit(then).await?;
        Ok(value)
    }
}

/// An entity that there is, and how it rests.
pub(super) struct Existing {
    key: EntityKey,
    row: BoxedEntity,
    entity: Entity,
}

impl Existing {
    /// Whether it rests as these rows say: what is encoded alike is alike.
    fn is_written_as(&self, rows: &EntityRows) -> Result<bool, StoreError> {
        Ok(self.row.columns()?.body == rows.body)
    }
}

/// What became of an entity that was loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Became {
    Created,
    Replaced,
    Unchanged,
}

/// Gives work up at the deadline, if there is one.
async fn until<T>(
    deadline: Option<Instant>,
    work: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    match deadline {
        Some(deadline) => within(deadline, work).await,
        None => work.await,
    }
}

/// One transaction's writing.
pub(super) struct Writer<'a> {
    transaction: &'a mut dyn Transaction,
    names: NameTable,
    may_rest: Option<MayRest>,
    /// When something of what was written expires first, in microseconds since 1970.
    next_expiry: i64,
    /// When the last mark was made.
    marked_at: Option<i64>,
    has_erased: bool,
}

impl<'a> Writer<'a> {
    /// What may rest is asked once nobody else writes: what was said before another writer has ended holds for this one.
    async fn begin(transaction: &'a mut dyn Transaction, partition: &StorePartition) -> Result<Self, StoreError> {
        Ok(Self {
            names: transaction.names_beyond(&partition.names()).await?,
            may_rest: partition.may_rest(),
            next_expiry: NEVER,
            marked_at: None,
            has_erased: false,
            transaction,
        })
    }

    /// What the partition has to know once all of it is committed.
    fn noted_by(self, partition: &StorePartition) -> Box<dyn FnOnce() + Send> {
        let Self {
            names,
            next_expiry,
            marked_at,
            has_erased,
            ..
        } = self;
        let partition = partition.clone();
        Box::new(move || {
            partition.advance_names(names);
            partition.note_expiry(next_expiry);
            if has_erased {
                partition.has_erased();
            }
            if marked_at.is_some() {
                partition.tell_of_commit();
            }
        })
    }

    /// Creates an entity, or writes it in the place of the one that exists, unless that says the same. Without a mark.
    pub(super) async fn write_if_changed(
        &mut self,
        entity: &mut Entity,
        existing: Option<&Existing>,
        now: &DateTime,
        position: u64,
    ) -> Result<Became, StoreError> {
        let former = existing.map(|existing| &existing.entity);
        dates::set_system_dates(entity, former, now);
        let rows = self.rows_of(entity, now, position).await?;
        let became = match existing {
            Some(existing) if existing.is_written_as(&rows)? => return Ok(Became::Unchanged),
            Some(existing) => {
                self.transaction.replace(existing.key, &rows).await?;
                Became::Replaced
            }
            None => {
                self.transaction.insert(&entity.id, &rows).await?;
                Became::Created
            }
        };
        self.note_expiry(rows.expires_at.as_ref());
        Ok(became)
    }

    /// Creates an entity with the dates that it has. Without a mark.
    pub(super) async fn write_copy(&mut self, entity: &Entity, now: &DateTime) -> Result<(), StoreError> {
        let rows = self.rows_of(entity, now, 1).await?;
        self.transaction.insert(&entity.id, &rows).await?;
        self.note_expiry(rows.expires_at.as_ref());
        Ok(())
    }

    async fn rows_of(&mut self, entity: &Entity, now: &DateTime, position: u64) -> Result<EntityRows, StoreError> {
        let rows = self.named(|names| EntityRows::of(entity, names, now)).await;
        rows.map_err(|error| match error {
            StoreError::Row(reason) => StoreError::Entity { position, reason },
            other => other,
        })
    }

    /// Creates an entity, or writes it in the place of the one that exists. Without a mark.
    pub(super) async fn write(
        &mut self,
        entity: &mut Entity,
        existing: Option<&(EntityKey, Entity)>,
        now: &DateTime,
        position: u64,
    ) -> Result<(), StoreError> {
        dates::set_system_dates(entity, existing.map(|(_, entity)| entity), now);
        let rows = self.rows_of(entity, now, position).await?;
        match existing {
            Some((key, _)) => self.transaction.replace(*key, &rows).await?,
            None => self.transaction.insert(&entity.id, &rows).await?,
        }
        self.note_expiry(rows.expires_at.as_ref());
        Ok(())
    }

    /// Writes what is left of an entity once a part of it has expired, with its dates as they are.
    pub(super) async fn write_rest(
        &mut self,
        key: EntityKey,
        before: &Entity,
        entity: &Entity,
        now: &DateTime,
    ) -> Result<(), StoreError> {
        let rows = self.named(|names| EntityRows::of(entity, names, now)).await?;
        self.transaction.replace(key, &rows).await?;
        self.note_expiry(rows.expires_at.as_ref());
        // What has expired rests in no mark either.
        self.erase_values(&entity.id).await?;
        let gone = mark::gone(before, entity, self.may_rest.as_ref());
        self.mark_with((Fate::PartExpired, &gone), None, entity, now).await?;
        Ok(())
    }

    /// Removes an entity, and its values from the outbox.
    pub(super) async fn remove(
        &mut self,
        key: EntityKey,
        entity: &Entity,
        fate: Fate,
        now: &DateTime,
    ) -> Result<Position, StoreError> {
        self.transaction.delete(key).await?;
        self.has_erased = true;
        self.erase_values(&entity.id).await?;
        let mark = self
            .named(|names| mark::of_entity(entity, (fate, &[]), now, MarkValues::default(), names))
            .await?;
        self.append(mark).await
    }

    /// Leaves the mark of an entity that was written.
    pub(super) async fn mark(
        &mut self,
        fate: Fate,
        before: Option<&Entity>,
        after: &Entity,
        now: &DateTime,
    ) -> Result<Position, StoreError> {
        self.mark_with((fate, &[]), before, after, now).await
    }

    async fn mark_with(
        &mut self,
        fate: (Fate, &[AttributeName]),
        before: Option<&Entity>,
        after: &Entity,
        now: &DateTime,
    ) -> Result<Position, StoreError> {
        let may_rest = self.may_rest.clone();
        let mark = self
            .named(|names| {
                let values = mark::values_of(before, Some(after), may_rest.as_ref(), names)?;
                mark::of_entity(after, fate, now, values, names)
            })
            .await?;
        self.note_expiry(mark.values.expires_at.as_ref());
        self.append(mark).await
    }

    /// Leaves the mark of a load.
    pub(super) async fn mark_load(&mut self, created: u64, replaced: u64, now: &DateTime) -> Result<(), StoreError> {
        self.append(mark::of_load(created, replaced, now)).await?;
        Ok(())
    }

    async fn append(&mut self, mark: super::backend::NewMark) -> Result<Position, StoreError> {
        self.marked_at = Some(mark.at);
        Ok(Position::of(self.transaction.append(mark).await?))
    }

    /// Removes the oldest marks that are too old or too many at that time, in microseconds since 1970. Whether there may be
    /// more.
    pub(super) async fn drop_oldest(&mut self, now: i64) -> Result<bool, StoreError> {
        let age = i64::try_from(LONGEST_AGE.as_micros()).unwrap_or(i64::MAX);
        let oldest = now.saturating_sub(age);
        let dropped = self
            .transaction
            .drop_oldest(oldest, MOST_BYTES, DROPPED_AT_ONCE)
            .await?;
        self.has_erased |= dropped > 0;
        Ok(dropped == DROPPED_AT_ONCE)
    }

    /// The entity of that id, and its row.
    pub(super) async fn existing(&mut self, id: &EntityId) -> Result<Option<(EntityKey, Entity)>, StoreError> {
        let found = self.transaction.find(id).await?;
        let decoded = |(key, entity): (EntityKey, BoxedEntity)| {
            Ok((key, decode(entity.columns()?, &self.names, &Wanted::EVERYTHING)?))
        };
        found.map(decoded).transpose()
    }

    /// Those of the entities of these ids that there are, by their ids. See [`Transaction::find_all`].
    pub(super) async fn existing_of(&mut self, ids: &[&EntityId]) -> Result<HashMap<EntityId, Existing>, StoreError> {
        let mut existing = HashMap::new();
        for (key, row) in self.transaction.find_all(ids).await? {
            let entity = decode(row.columns()?, &self.names, &Wanted::EVERYTHING)?;
            existing.insert(entity.id.clone(), Existing { key, row, entity });
        }
        Ok(existing)
    }

    /// The entity of that id, with its row.
    pub(super) async fn existing_with_row(&mut self, id: &EntityId) -> Result<Option<Existing>, StoreError> {
        let Some((key, row)) = self.transaction.find(id).await? else {
            return Ok(None);
        };
        let entity = decode(row.columns()?, &self.names, &Wanted::EVERYTHING)?;
        Ok(Some(Existing { key, row, entity }))
    }

    /// The entity of that row.
    pub(super) async fn entity(&mut self, key: EntityKey) -> Result<Entity, StoreError> {
        let entity = self.transaction.entity(key).await?;
        Ok(decode(entity.columns()?, &self.names, &Wanted::EVERYTHING)?)
    }

    /// Some of the entities of which something has expired.
    pub(super) async fn expired(&mut self, now: &DateTime, most: usize) -> Result<Vec<EntityKey>, StoreError> {
        self.transaction.expired(now, most).await
    }

    /// When something expires next.
    pub(super) async fn next_expiry(&mut self) -> Result<Option<DateTime>, StoreError> {
        self.transaction.next_expiry().await
    }

    /// Erases from the outbox what has expired.
    pub(super) async fn erase_expired_values(&mut self, now: &DateTime) -> Result<(), StoreError> {
        self.has_erased |= self.transaction.erase_expired_values(now).await?;
        Ok(())
    }

    async fn erase_values(&mut self, id: &EntityId) -> Result<(), StoreError> {
        self.has_erased |= self.transaction.erase_values(id).await?;
        Ok(())
    }

    /// Takes from marks after a position what may not rest any more. The last that was looked at, if there may be more.
    pub(super) async fn narrow_values_after(&mut self, position: i64, most: usize) -> Result<Option<i64>, StoreError> {
        let marks: Vec<Mark> = self.transaction.marks_with_values_after(position, most).await?;
        for mark in &marks {
            let [before, after] = mark::entities_of(mark, &self.names)?;
            let may_rest = self.may_rest.as_ref();
            let narrowed = mark::values_of(before.as_ref(), after.as_ref(), may_rest, &self.names);
            let narrowed = narrowed.map_err(|error| StoreError::Row(error.to_string()))?;
            if narrowed.before != mark.before || narrowed.after != mark.after {
                let kind = mark::kind_of_part(mark.kind);
                self.transaction.set_values(mark.position, kind, &narrowed).await?;
                self.has_erased = true;
            }
        }
        let last = marks.last().map(|mark| mark.position);
        Ok(last.filter(|_| marks.len() == most))
    }

    /// What is made of names, with numbers for those that have none.
    async fn named<T>(&mut self, make: impl Fn(&NameTable) -> Result<T, NotEncoded>) -> Result<T, StoreError> {
        let unknown = match make(&self.names) {
            Ok(made) => return Ok(made),
            Err(NotEncoded::UnknownNames(unknown)) => unknown,
            Err(error @ NotEncoded::TooDeep) => return Err(StoreError::Row(error.to_string())),
        };
        for name in unknown {
            if self.names.key(&name).is_none() {
                let key = self.transaction.add_name(&name).await?;
                if !self.names.add(key, name) {
                    return Err(StoreError::Row(
                        "a name was given a number that no name can have".to_owned(),
                    ));
                }
            }
        }
        make(&self.names).map_err(|error| StoreError::Row(error.to_string()))
    }

    fn note_expiry(&mut self, expires_at: Option<&DateTime>) {
        if let Some(expires_at) = expires_at {
            self.next_expiry = self.next_expiry.min(expires_at.unix_micros());
        }
    }
}
