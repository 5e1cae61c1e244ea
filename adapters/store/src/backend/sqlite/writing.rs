//! What is written, in a transaction.

use async_trait::async_trait;
use kakehashi_database as database;
use ngsi_ld::entity::DateTime;
use ngsi_ld::{EntityId, Iri};
use sqlx::sqlite::SqliteArguments;
use sqlx::{AssertSqlSafe, Row as _, Sqlite, SqliteConnection};

use super::outbox;
use super::reading::{EntityRow, names_beyond};
use super::schema::write_scopes;
use crate::StoreError;
use crate::backend::sql::COLUMNS;
use crate::backend::{BoxedEntity, Mark, MarkValues, NewMark, Transaction};
use crate::index::{LocationRow, ValueRow, date_time_key};
use crate::names::{HIGHEST_KEY, NameKey, NameTable};
use crate::rows::{EntityKey, EntityRows};

/// Most rows that one statement inserts: one statement for most entities, and few bindings.
const ROWS_PER_INSERT: usize = 32;

/// A transaction on the connection that writes.
pub(super) struct SqliteTransaction(pub(super) database::Transaction);

#[async_trait]
impl Transaction for SqliteTransaction {
    async fn names_beyond(&mut self, known: &NameTable) -> Result<NameTable, StoreError> {
        names_beyond(&mut self.0, known).await
    }

    async fn add_name(&mut self, name: &Iri) -> Result<NameKey, StoreError> {
        let key: i64 = sqlx::query_scalar("INSERT INTO names (name) VALUES (?) RETURNING key")
            .bind(name.as_str())
            .fetch_one(&mut *self.0)
            .await?;
        NameKey::try_from(key)
            .ok()
            .filter(|key| *key <= HIGHEST_KEY)
            .ok_or_else(|| StoreError::Row(format!("a partition holds {HIGHEST_KEY} names at most")))
    }

    async fn find(&mut self, id: &EntityId) -> Result<Option<(EntityKey, BoxedEntity)>, StoreError> {
        let statement = format!("SELECT e.key, {COLUMNS} FROM entities e WHERE e.id = ?");
        let row = sqlx::query(AssertSqlSafe(statement))
            .bind(id.as_str())
            .fetch_optional(&mut *self.0)
            .await?;
        row.map(|row| {
            let key = row.try_get(0)?;
            let entity: BoxedEntity = Box::new(EntityRow { row, first_column: 1 });
            Ok((key, entity))
        })
        .transpose()
    }

    async fn entity(&mut self, key: EntityKey) -> Result<BoxedEntity, StoreError> {
        let statement = format!("SELECT {COLUMNS} FROM entities e WHERE e.key = ?");
        let row = sqlx::query(AssertSqlSafe(statement))
            .bind(key)
            .fetch_one(&mut *self.0)
            .await?;
        Ok(Box::new(EntityRow { row, first_column: 0 }))
    }

    async fn insert(&mut self, id: &EntityId, rows: &EntityRows) -> Result<(), StoreError> {
        let key = sqlx::query_scalar(
            "INSERT INTO entities (id, created_at, modified_at, body) VALUES (?, ?, ?, ?) RETURNING key",
        )
        .bind(id.as_str())
        .bind(date_time_key(&rows.created_at))
        .bind(date_time_key(&rows.modified_at))
        .bind(rows.body.as_slice())
        .fetch_one(&mut *self.0)
        .await?;
        write_rows(&mut self.0, key, rows).await
    }

    async fn replace(&mut self, key: EntityKey, rows: &EntityRows) -> Result<(), StoreError> {
        delete_rows(&mut self.0, key).await?;
        sqlx::query("UPDATE entities SET modified_at = ?, body = ? WHERE key = ?")
            .bind(date_time_key(&rows.modified_at))
            .bind(rows.body.as_slice())
            .bind(key)
            .execute(&mut *self.0)
            .await?;
        write_rows(&mut self.0, key, rows).await
    }

    async fn delete(&mut self, key: EntityKey) -> Result<(), StoreError> {
        delete_rows(&mut self.0, key).await?;
        sqlx::query("DELETE FROM entities WHERE key = ?")
            .bind(key)
            .execute(&mut *self.0)
            .await?;
        Ok(())
    }

    async fn expired(&mut self, now: &DateTime, most: usize) -> Result<Vec<EntityKey>, StoreError> {
        let keys = sqlx::query_scalar("SELECT entity FROM expiries WHERE expires_at <= ? LIMIT ?")
            .bind(date_time_key(now))
            .bind(i64::try_from(most).unwrap_or(i64::MAX));
        Ok(keys.fetch_all(&mut *self.0).await?)
    }

    async fn next_expiry(&mut self) -> Result<Option<DateTime>, StoreError> {
        const STATEMENT: &str = "SELECT min(at) FROM (
            SELECT min(expires_at) AS at FROM expiries
            UNION ALL SELECT min(expires_at) FROM outbox WHERE expires_at IS NOT NULL)";
        let next: Option<String> = sqlx::query_scalar(STATEMENT).fetch_one(&mut *self.0).await?;
        Ok(next.and_then(|key| DateTime::parse(&format!("{key}Z")).ok()))
    }

    async fn append(&mut self, mark: NewMark) -> Result<i64, StoreError> {
        outbox::append(&mut self.0, mark).await
    }

    async fn erase_values(&mut self, id: &EntityId) -> Result<bool, StoreError> {
        outbox::erase_values(&mut self.0, id).await
    }

    async fn erase_expired_values(&mut self, now: &DateTime) -> Result<bool, StoreError> {
        outbox::erase_expired_values(&mut self.0, now).await
    }

    async fn drop_oldest(&mut self, before: i64, beyond_bytes: i64, most: usize) -> Result<usize, StoreError> {
        outbox::drop_oldest(&mut self.0, before, beyond_bytes, most).await
    }

    async fn marks_with_values_after(&mut self, position: i64, most: usize) -> Result<Vec<Mark>, StoreError> {
        outbox::marks_with_values_after(&mut self.0, position, most).await
    }

    async fn set_values(&mut self, position: i64, kind: i64, values: &MarkValues) -> Result<(), StoreError> {
        outbox::set_values(&mut self.0, position, kind, values).await
    }

    async fn commit(self: Box<Self>, then: Box<dyn FnOnce() + Send>) -> Result<(), StoreError> {
        Ok(self.0.commit(then).await?)
    }

    fn give_up(self: Box<Self>) {
        self.0.give_up();
    }
}

/// Writes everything about an entity but its own row.
async fn write_rows(connection: &mut SqliteConnection, key: EntityKey, rows: &EntityRows) -> Result<(), StoreError> {
    for r#type in &rows.types {
        sqlx::query("INSERT OR IGNORE INTO entity_types (type, entity) VALUES (?, ?)")
            .bind(i64::from(*r#type))
            .bind(key)
            .execute(&mut *connection)
            .await?;
    }
    write_scopes(connection, key, &rows.scopes).await?;
    if let Some(expires_at) = &rows.expires_at {
        sqlx::query("INSERT INTO expiries (entity, expires_at) VALUES (?, ?)")
            .bind(key)
            .bind(date_time_key(expires_at))
            .execute(&mut *connection)
            .await?;
    }
    for chunk in rows.values.chunks(ROWS_PER_INSERT) {
        write_values(connection, key, chunk).await?;
    }
    for location in &rows.locations {
        write_location(connection, key, *location).await?;
    }
    Ok(())
}

async fn write_values(
    connection: &mut SqliteConnection,
    entity_key: EntityKey,
    rows: &[ValueRow],
) -> Result<(), StoreError> {
    let places = vec!["(?, ?, ?, ?, ?, ?, ?)"; rows.len()].join(", ");
    let statement =
        format!("INSERT INTO attribute_values (entity, name, instance, element, kind, number, text) VALUES {places}");
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
    insert.execute(connection).await?;
    Ok(())
}

async fn write_location(
    connection: &mut SqliteConnection,
    entity_key: EntityKey,
    location: LocationRow,
) -> Result<(), StoreError> {
    let key: i64 = sqlx::query_scalar("INSERT INTO locations (entity, name) VALUES (?, ?) RETURNING key")
        .bind(entity_key)
        .bind(i64::from(location.name))
        .fetch_one(&mut *connection)
        .await?;
    sqlx::query("INSERT INTO location_boxes VALUES (?, ?, ?, ?, ?)")
        .bind(key)
        .bind(location.bounds.min_longitude)
        .bind(location.bounds.max_longitude)
        .bind(location.bounds.min_latitude)
        .bind(location.bounds.max_latitude)
        .execute(connection)
        .await?;
    Ok(())
}

/// Everything about an entity but its own row.
async fn delete_rows(connection: &mut SqliteConnection, key: EntityKey) -> Result<(), StoreError> {
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
