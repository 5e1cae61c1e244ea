//! Writing: transactions on a partition.

use std::time::Instant;

use kakehashi_database::End;
use ngsi_ld::entity::DateTime;
use ngsi_ld::{Entity, EntityId};
use sqlx::sqlite::SqliteArguments;
use sqlx::{AssertSqlSafe, Row as _, Sqlite, SqliteConnection};

use super::body::{Wanted, encode};
use super::compile::COLUMNS;
use super::expiry::NEVER;
use super::index::{LocationRow, ValueRow, date_time_key, rows};
use super::names::{NameKey, NameTable};
use super::partition::{StorePartition, names_since};
use super::{StoreError, dates, read, schema};
use kakehashi_contract::{MayChange, MayTellOf};

/// Most rows that one statement inserts: one statement for most entities, and few bindings.
const ROWS_PER_INSERT: usize = 32;

/// What a load has done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Loaded {
    /// Entities that did not exist before.
    pub created: u64,
    /// Entities that did, and were replaced.
    pub replaced: u64,
}

impl StorePartition {
    /// Creates entities, or replaces those that exist: all of them or, after an error, none.
    ///
    /// `createdAt` and `modifiedAt` are the store's: `modifiedAt` becomes `now`; `createdAt` too, unless the
    /// entity existed. Of entities with one id the last counts.
    ///
    /// # Errors
    /// [`StoreError::Entity`] names the entity that cannot be stored; [`StoreError::Database`].
    pub async fn load<I>(&self, entities: I, now: DateTime) -> Result<Loaded, StoreError>
    where
        I: IntoIterator<Item = Entity>,
    {
        self.remove_expired(&now, None).await?;
        let loading = self.database().write(None, async |connection| {
            let names = names_since(connection, &self.names()).await?;
            let mut writer = Writer::new(connection, names);
            let mut loaded = Loaded::default();
            for (entity, position) in entities.into_iter().zip(1_u64..) {
                if writer.put(entity, &now, position).await? {
                    loaded.created += 1;
                } else {
                    loaded.replaced += 1;
                }
            }
            let noted = writer.noted_by(self);
            Ok::<_, StoreError>(End::CommitThen(loaded, noted))
        });
        let loaded = loading.await?;
        if let Err(error) = self.tidy().await {
            tracing::warn!(%error, "the store could not be tidied after a load");
        }
        Ok(loaded)
    }

    /// Deletes an entity. Whether it existed.
    ///
    /// # Errors
    /// [`StoreError::Database`]
    pub async fn delete(&self, id: &EntityId) -> Result<bool, StoreError> {
        Ok(self.delete_if(id, &|_| true, None).await? == Deletion::Done)
    }

    /// Deletes an entity if it may be.
    pub(super) async fn delete_if(
        &self,
        id: &EntityId,
        may_change: MayChange<'_>,
        deadline: Option<Instant>,
    ) -> Result<Deletion, StoreError> {
        self.remove_expired_before_reading().await;
        let deleting = self.database().write(deadline, async |connection| {
            let names = names_since(connection, &self.names()).await?;
            let mut writer = Writer::new(connection, names);
            let Some((key, entity)) = writer.existing(id).await? else {
                return Ok(End::RollBack(Deletion::Nothing));
            };
            if !may_change(&entity) {
                return Ok(End::RollBack(Deletion::Refused));
            }
            delete_entity(writer.connection(), key).await?;
            Ok::<_, StoreError>(End::Commit(Deletion::Done))
        });
        deleting.await
    }

    /// Writes one entity, unless `existing` refuses what there is of its id.
    pub(super) async fn write_one(
        &self,
        entity: Entity,
        existing: Existing<'_>,
        now: &DateTime,
        deadline: Option<Instant>,
    ) -> Result<Written, StoreError> {
        self.remove_expired(now, deadline).await?;
        let writing = self.database().write(deadline, async |connection| {
            let names = names_since(connection, &self.names()).await?;
            let mut writer = Writer::new(connection, names);
            let replaced = writer.existing(&entity.id).await?;
            if let Some((_, replaced)) = &replaced {
                match existing {
                    Existing::StaysAndIsToldIf(may_tell_of) => {
                        let told = if may_tell_of(replaced) {
                            Written::Exists
                        } else {
                            Written::Refused
                        };
                        return Ok(End::RollBack(told));
                    }
                    Existing::IsReplacedIf(may_change) if !may_change(replaced) => {
                        return Ok(End::RollBack(Written::Refused));
                    }
                    Existing::IsReplacedIf(_) => {}
                }
            }
            let written = match replaced {
                None => Written::Created,
                Some(_) => Written::Replaced,
            };
            writer.write(entity, replaced, now, 1).await?;
            Ok::<_, StoreError>(End::CommitThen(written, writer.noted_by(self)))
        });
        writing.await
    }

    /// What follows a large transaction: statistics for the planner, and the WAL moved into the database as far as
    /// readers allow. Neither changes an answer, so that a failure is no failure of the load.
    async fn tidy(&self) -> Result<(), StoreError> {
        let mut connection = self.database().for_upkeep().await?;
        for statement in [
            "PRAGMA analysis_limit = 1000; ANALYZE",
            "PRAGMA wal_checkpoint(PASSIVE)",
        ] {
            sqlx::raw_sql(statement).execute(&mut *connection).await?;
        }
        Ok(())
    }
}

/// What a deletion has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deletion {
    Done,
    Nothing,
    Refused,
}

/// What becomes of an entity that has the id of one that is written.
pub(super) enum Existing<'a> {
    /// It stays, and nothing is written. That it exists is told if it may be.
    StaysAndIsToldIf(MayTellOf<'a>),
    /// It is replaced if it may be changed.
    IsReplacedIf(MayChange<'a>),
}

/// What writing one entity has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    Created,
    Replaced,
    Exists,
    Refused,
}

/// One transaction's writing.
pub(super) struct Writer<'a> {
    connection: &'a mut SqliteConnection,
    names: NameTable,
    /// Up to which number the names are in the file.
    written_names: NameKey,
    /// When something of what was written expires first, in microseconds since 1970.
    next_expiry: i64,
}

impl<'a> Writer<'a> {
    pub(super) fn new(connection: &'a mut SqliteConnection, names: NameTable) -> Self {
        Self {
            written_names: names.last_key(),
            next_expiry: NEVER,
            names,
            connection,
        }
    }

    /// What the partition has to know once all of it is committed.
    fn noted_by(self, partition: &StorePartition) -> Box<dyn FnOnce() + Send> {
        let Self { names, next_expiry, .. } = self;
        let partition = partition.clone();
        Box::new(move || {
            partition.advance_names(names);
            partition.note_expiry(next_expiry);
        })
    }

    /// Creates or replaces; whether it is new.
    async fn put(&mut self, entity: Entity, now: &DateTime, position: u64) -> Result<bool, StoreError> {
        let existing = self.existing(&entity.id).await?;
        let is_new = existing.is_none();
        self.write(entity, existing, now, position).await?;
        Ok(is_new)
    }

    /// Writes an entity in the place of the one that exists. `position`: for the error that names it.
    async fn write(
        &mut self,
        mut entity: Entity,
        existing: Option<(i64, Entity)>,
        now: &DateTime,
        position: u64,
    ) -> Result<(), StoreError> {
        dates::set_system_dates(&mut entity, existing.as_ref().map(|(_, entity)| entity), now);
        let modified_key = date_time_key(entity.system.modified_at().unwrap_or(now));
        let body = encode(&entity, &mut self.names).map_err(|reason| StoreError::Entity {
            position,
            reason: reason.to_string(),
        })?;
        let key = if let Some((key, _)) = &existing {
            delete_rows(self.connection, *key).await?;
            sqlx::query("UPDATE entities SET modified_at = ?, body = ? WHERE key = ?")
                .bind(modified_key)
                .bind(body)
                .bind(key)
                .execute(&mut *self.connection)
                .await?;
            *key
        } else {
            sqlx::query_scalar(
                "INSERT INTO entities (id, created_at, modified_at, body) VALUES (?, ?, ?, ?) RETURNING key",
            )
            .bind(entity.id.as_str().to_owned())
            .bind(date_time_key(now))
            .bind(modified_key)
            .bind(body)
            .fetch_one(&mut *self.connection)
            .await?
        };
        self.write_rows(key, &entity).await
    }

    /// Writes what is left of an entity without some of its parts, with its dates as they are.
    pub(super) async fn rewrite(&mut self, key: i64, entity: &Entity) -> Result<(), StoreError> {
        let body = encode(entity, &mut self.names).map_err(|reason| StoreError::Row(reason.to_string()))?;
        delete_rows(self.connection, key).await?;
        sqlx::query("UPDATE entities SET body = ? WHERE key = ?")
            .bind(body)
            .bind(key)
            .execute(&mut *self.connection)
            .await?;
        self.write_rows(key, entity).await
    }

    /// Writes everything about an entity but its own row.
    async fn write_rows(&mut self, key: i64, entity: &Entity) -> Result<(), StoreError> {
        let (values, locations) = rows(entity, &mut self.names);
        self.write_names().await?;
        self.write_types(key, entity).await?;
        schema::write_scopes(self.connection, key, &entity.scopes).await?;
        if let Some(expires_at) = entity.first_expiry() {
            sqlx::query("INSERT INTO expiries (entity, expires_at) VALUES (?, ?)")
                .bind(key)
                .bind(date_time_key(expires_at))
                .execute(&mut *self.connection)
                .await?;
            self.next_expiry = self.next_expiry.min(expires_at.unix_micros());
        }
        for chunk in values.chunks(ROWS_PER_INSERT) {
            self.write_values(key, chunk).await?;
        }
        for location in locations {
            self.write_location(key, location).await?;
        }
        Ok(())
    }

    /// The entity of that id, and its row.
    async fn existing(&mut self, id: &EntityId) -> Result<Option<(i64, Entity)>, StoreError> {
        let statement = format!("SELECT e.key, {COLUMNS} FROM entities e WHERE e.id = ?");
        let row = sqlx::query(AssertSqlSafe(statement))
            .bind(id.as_str())
            .fetch_optional(&mut *self.connection)
            .await?;
        row.map(|row| {
            Ok((
                row.try_get(0)?,
                read::entity(&row, 1, &self.names, &Wanted::EVERYTHING)?,
            ))
        })
        .transpose()
    }

    /// The entity of that row.
    pub(super) async fn entity(&mut self, key: i64) -> Result<Entity, StoreError> {
        let statement = format!("SELECT {COLUMNS} FROM entities e WHERE e.key = ?");
        let row = sqlx::query(AssertSqlSafe(statement))
            .bind(key)
            .fetch_one(&mut *self.connection)
            .await?;
        Ok(read::entity(&row, 0, &self.names, &Wanted::EVERYTHING)?)
    }

    pub(super) fn connection(&mut self) -> &mut SqliteConnection {
        self.connection
    }

    async fn write_names(&mut self) -> Result<(), StoreError> {
        for (key, name) in self.names.after(self.written_names) {
            sqlx::query("INSERT INTO names (key, name) VALUES (?, ?)")
                .bind(i64::from(key))
                .bind(name.as_str())
                .execute(&mut *self.connection)
                .await?;
        }
        self.written_names = self.names.last_key();
        Ok(())
    }

    async fn write_types(&mut self, entity_key: i64, entity: &Entity) -> Result<(), StoreError> {
        for r#type in &entity.types {
            sqlx::query("INSERT OR IGNORE INTO entity_types (type, entity) VALUES (?, ?)")
                .bind(self.names.key(r#type.as_str()).map(i64::from))
                .bind(entity_key)
                .execute(&mut *self.connection)
                .await?;
        }
        Ok(())
    }

    async fn write_values(&mut self, entity_key: i64, rows: &[ValueRow]) -> Result<(), StoreError> {
        let places = vec!["(?, ?, ?, ?, ?, ?, ?)"; rows.len()].join(", ");
        let statement = format!(
            "INSERT INTO attribute_values (entity, name, instance, element, kind, number, text) VALUES {places}"
        );
        let mut insert: sqlx::query::Query<'_, Sqlite, SqliteArguments> = sqlx::query(AssertSqlSafe(statement));
        for row in rows {
            insert = insert
                .bind(entity_key)
                .bind(i64::from(row.name))
                .bind(row.instance)
                .bind(row.element)
                .bind(row.kind)
                .bind(row.number)
                .bind(row.text.as_deref());
        }
        insert.execute(&mut *self.connection).await?;
        Ok(())
    }

    async fn write_location(&mut self, entity_key: i64, location: LocationRow) -> Result<(), StoreError> {
        let key: i64 = sqlx::query_scalar("INSERT INTO locations (entity, name) VALUES (?, ?) RETURNING key")
            .bind(entity_key)
            .bind(i64::from(location.name))
            .fetch_one(&mut *self.connection)
            .await?;
        sqlx::query("INSERT INTO location_boxes VALUES (?, ?, ?, ?, ?)")
            .bind(key)
            .bind(location.bounds.min_longitude)
            .bind(location.bounds.max_longitude)
            .bind(location.bounds.min_latitude)
            .bind(location.bounds.max_latitude)
            .execute(&mut *self.connection)
            .await?;
        Ok(())
    }
}

/// An entity, and everything about it.
pub(super) async fn delete_entity(connection: &mut SqliteConnection, key: i64) -> Result<(), StoreError> {
    delete_rows(connection, key).await?;
    sqlx::query("DELETE FROM entities WHERE key = ?")
        .bind(key)
        .execute(connection)
        .await?;
    Ok(())
}

/// Everything about an entity but its own row.
async fn delete_rows(connection: &mut SqliteConnection, key: i64) -> Result<(), StoreError> {
    const STATEMENTS: [&str; 6] = [
        "DELETE FROM location_boxes WHERE key IN (SELECT key FROM locations WHERE entity = ?)",
        "DELETE FROM locations WHERE entity = ?",
        "DELETE FROM attribute_values WHERE entity = ?",
        "DELETE FROM entity_types WHERE entity = ?",
        "DELETE FROM entity_scopes WHERE entity = ?",
        "DELETE FROM expiries WHERE entity = ?",
    ];
    for statement in STATEMENTS {
        sqlx::query(statement).bind(key).execute(&mut *connection).await?;
    }
    Ok(())
}
