//! What is written, in a transaction. Rows are held back until there are many or something asks for them (see
//! [`pending`](super::pending)), and what the transaction has not touched is read as it was committed (see
//! [`committed`](super::committed)): the thread of the connection is asked little.

use async_trait::async_trait;
use hashbrown::{DefaultHashBuilder, HashSet};
use kakehashi_database::{self as database, Database};
use ngsi_ld::entity::DateTime;
use ngsi_ld::{EntityId, Iri};
use sqlx::{AssertSqlSafe, Row as _};
use std::hash::BuildHasher as _;

use super::changes::Changes;
use super::committed::{Committed, HIGHEST, OUTBOX_END, OutboxEnd, RowsAbout};
use super::outbox;
use super::pending::{Pending, Removed};
use super::reading::{EntityRow, names_beyond};
use crate::StoreError;
use crate::backend::sql::COLUMNS;
use crate::backend::{BoxedEntity, Mark, MarkValues, NewMark, Transaction};
use crate::index::date_time_key;
use crate::names::{HIGHEST_KEY, NameKey, NameTable};
use crate::rows::{EntityKey, EntityRows};

/// Ids that are looked up together.
const IDS_AT_ONCE: usize = 256;

/// A transaction on the connection that writes.
pub(super) struct SqliteTransaction {
    connection: database::Transaction,
    committed: Committed,
    pending: Pending,
    hasher: DefaultHashBuilder,
    touched: Touched,
    /// The highest numbers of an entity and of a location, once they are known.
    highest: Option<(i64, i64)>,
    /// Where the outbox ends, once something was appended.
    end: Option<OutboxEnd>,
    /// Whether marks were removed.
    has_dropped: bool,
}

/// What the transaction has written of, so that it is not any more as it was committed.
#[derive(Debug, Default)]
struct Touched {
    /// Entities, by their rows.
    keys: HashSet<EntityKey>,
    /// Hashes of the ids of new entities: two that are equal only make somebody look twice.
    new_ids: HashSet<u64>,
    /// Hashes of the ids in new marks.
    marked_ids: HashSet<u64>,
    names: bool,
}

#[async_trait]
impl Transaction for SqliteTransaction {
    async fn names_beyond(&mut self, known: &NameTable) -> Result<NameTable, StoreError> {
        if !self.touched.names
            && let Some(names) = self.committed.names_beyond(known)
        {
            return Ok(names);
        }
        names_beyond(&mut self.connection, known).await
    }

    async fn add_name(&mut self, name: &Iri) -> Result<NameKey, StoreError> {
        self.touched.names = true;
        let key: i64 = sqlx::query_scalar("INSERT INTO names (name) VALUES (?) RETURNING key")
            .bind(name.as_str())
            .fetch_one(&mut *self.connection)
            .await?;
        NameKey::try_from(key)
            .ok()
            .filter(|key| *key <= HIGHEST_KEY)
            .ok_or_else(|| StoreError::Row(format!("a partition holds {HIGHEST_KEY} names at most")))
    }

    async fn find(&mut self, id: &EntityId) -> Result<Option<(EntityKey, BoxedEntity)>, StoreError> {
        if !self.touched.new_ids.contains(&self.hash(id))
            && let Some(found) = self.committed.find(id)
            && !found.as_ref().is_some_and(|(key, _)| self.touched.keys.contains(key))
        {
            return Ok(found);
        }
        self.flush().await?;
        let statement = format!("SELECT e.key, {COLUMNS} FROM entities e WHERE e.id = ?");
        let row = sqlx::query(AssertSqlSafe(statement))
            .bind(id.as_str())
            .fetch_optional(&mut *self.connection)
            .await?;
        row.map(|row| {
            let key = row.try_get(0)?;
            let entity: BoxedEntity = Box::new(EntityRow { row, first_column: 1 });
            Ok((key, entity))
        })
        .transpose()
    }

    async fn find_all(&mut self, ids: &[&EntityId]) -> Result<Vec<(EntityKey, BoxedEntity)>, StoreError> {
        // On the connection that writes, which has in memory what the transaction goes through.
        let places = vec!["(?)"; IDS_AT_ONCE].join(", ");
        let statement = format!(
            "SELECT e.key, {COLUMNS} FROM (VALUES {places}) v CROSS JOIN entities e ON e.id = v.column1 WHERE v.column1 IS NOT NULL"
        );
        let mut found = Vec::new();
        for some in ids.chunks(IDS_AT_ONCE) {
            let mut query = sqlx::query(AssertSqlSafe(statement.clone()));
            for place in 0..IDS_AT_ONCE {
                query = query.bind(some.get(place).map(|id| id.as_str().to_owned()));
            }
            for row in query.fetch_all(&mut *self.connection).await? {
                let key = row.try_get(0)?;
                let entity: BoxedEntity = Box::new(EntityRow { row, first_column: 1 });
                found.push((key, entity));
            }
        }
        Ok(found)
    }

    async fn entity(&mut self, key: EntityKey) -> Result<BoxedEntity, StoreError> {
        self.flush().await?;
        let statement = format!("SELECT {COLUMNS} FROM entities e WHERE e.key = ?");
        let row = sqlx::query(AssertSqlSafe(statement))
            .bind(key)
            .fetch_one(&mut *self.connection)
            .await?;
        Ok(Box::new(EntityRow { row, first_column: 0 }))
    }

    async fn insert(&mut self, id: &EntityId, rows: &EntityRows) -> Result<(), StoreError> {
        let highest = self.highest().await?;
        highest.0 += 1;
        let key = highest.0;
        self.touched.new_ids.insert(self.hash(id));
        self.touched.keys.insert(key);
        self.pending
            .entity(key, id.as_str(), rows, &mut self.connection)
            .await?;
        self.write_about(key, rows, None).await
    }

    async fn replace(&mut self, key: EntityKey, rows: &EntityRows) -> Result<(), StoreError> {
        let is_first = self.touched.keys.insert(key);
        let there = match is_first {
            true => self.committed.about(key),
            false => {
                self.flush().await?;
                None
            }
        };
        if there.is_none() {
            for what in Removed::ABOUT_IT {
                self.pending.remove(what, key, &mut self.connection).await?;
            }
        }
        self.pending.changed(key, rows, &mut self.connection).await?;
        self.write_about(key, rows, there.as_ref()).await
    }

    async fn delete(&mut self, key: EntityKey) -> Result<(), StoreError> {
        if !self.touched.keys.insert(key) {
            self.flush().await?;
        }
        for what in Removed::ABOUT_IT.into_iter().chain([Removed::Entity]) {
            self.pending.remove(what, key, &mut self.connection).await?;
        }
        Ok(())
    }

    async fn expired(&mut self, now: &DateTime, most: usize) -> Result<Vec<EntityKey>, StoreError> {
        self.flush().await?;
        let keys = sqlx::query_scalar("SELECT entity FROM expiries WHERE expires_at <= ? LIMIT ?")
            .bind(date_time_key(now))
            .bind(i64::try_from(most).unwrap_or(i64::MAX));
        Ok(keys.fetch_all(&mut *self.connection).await?)
    }

    async fn next_expiry(&mut self) -> Result<Option<DateTime>, StoreError> {
        const STATEMENT: &str = "SELECT min(at) FROM (
            SELECT min(expires_at) AS at FROM expiries
            UNION ALL SELECT min(expires_at) FROM outbox WHERE expires_at IS NOT NULL)";
        self.flush().await?;
        let next: Option<String> = sqlx::query_scalar(STATEMENT).fetch_one(&mut *self.connection).await?;
        Ok(next.and_then(|key| DateTime::parse(&format!("{key}Z")).ok()))
    }

    async fn append(&mut self, mark: NewMark) -> Result<i64, StoreError> {
        let OutboxEnd { newest, upto } = self.end().await?;
        let end = OutboxEnd {
            newest: newest + 1,
            upto: upto.saturating_add(mark.bytes),
        };
        self.end = Some(end);
        if let Some(id) = &mark.id {
            self.touched.marked_ids.insert(self.hasher.hash_one(id.as_str()));
        }
        self.pending
            .mark(end.newest, end.upto, mark, &mut self.connection)
            .await?;
        Ok(end.newest)
    }

    async fn erase_values(&mut self, id: &EntityId) -> Result<bool, StoreError> {
        let is_marked = self.touched.marked_ids.contains(&self.hash(id));
        if !is_marked && self.committed.has_values(id) == Some(false) {
            return Ok(false);
        }
        self.flush().await?;
        outbox::erase_values(&mut self.connection, id).await
    }

    async fn erase_expired_values(&mut self, now: &DateTime) -> Result<bool, StoreError> {
        self.flush().await?;
        outbox::erase_expired_values(&mut self.connection, now).await
    }

    async fn drop_oldest(&mut self, before: i64, beyond_bytes: i64, most: usize) -> Result<usize, StoreError> {
        self.flush().await?;
        // The oldest that was committed tells whether it goes, with what is now the newest.
        if !self.has_dropped
            && let Some(end) = self.end
            && let Some(Some(oldest)) = self.committed.oldest()
        {
            let with_it = end.upto.saturating_sub(oldest.upto).saturating_add(oldest.bytes);
            if oldest.at >= before && with_it <= beyond_bytes {
                return Ok(0);
            }
        }
        self.has_dropped = true;
        outbox::drop_oldest(&mut self.connection, before, beyond_bytes, most).await
    }

    async fn marks_with_values_after(&mut self, position: i64, most: usize) -> Result<Vec<Mark>, StoreError> {
        self.flush().await?;
        outbox::marks_with_values_after(&mut self.connection, position, most).await
    }

    async fn set_values(&mut self, position: i64, kind: i64, values: &MarkValues) -> Result<(), StoreError> {
        self.flush().await?;
        outbox::set_values(&mut self.connection, position, kind, values).await
    }

    async fn commit(mut self: Box<Self>, then: Box<dyn FnOnce() + Send>) -> Result<(), StoreError> {
        if let Err(error) = self.flush().await {
            self.connection.give_up();
            return Err(error);
        }
        Ok(self.connection.commit(then).await?)
    }

    fn give_up(self: Box<Self>) {
        self.connection.give_up();
    }
}

impl SqliteTransaction {
    /// Begun, with nothing written yet.
    pub(super) fn begun(connection: database::Transaction, of: &Database) -> Self {
        Self {
            connection,
            committed: Committed(of.clone()),
            pending: Pending::default(),
            hasher: DefaultHashBuilder::default(),
            touched: Touched::default(),
            highest: None,
            end: None,
            has_dropped: false,
        }
    }

    async fn flush(&mut self) -> Result<(), StoreError> {
        self.pending.write(&mut self.connection).await
    }

    /// The highest numbers of an entity and of a location.
    async fn highest(&mut self) -> Result<&mut (i64, i64), StoreError> {
        let highest = match self.highest.or_else(|| self.committed.highest()) {
            Some(highest) => highest,
            None => {
                self.flush().await?;
                let row = sqlx::query(HIGHEST).fetch_one(&mut *self.connection).await?;
                (row.try_get(0)?, row.try_get(1)?)
            }
        };
        Ok(self.highest.insert(highest))
    }

    /// Where the outbox ends.
    async fn end(&mut self) -> Result<OutboxEnd, StoreError> {
        if let Some(end) = self.end.or_else(|| self.committed.outbox_end()) {
            return Ok(end);
        }
        let row = sqlx::query(OUTBOX_END).fetch_one(&mut *self.connection).await?;
        Ok(OutboxEnd {
            newest: row.try_get(0)?,
            upto: row.try_get(1)?,
        })
    }

    /// Writes of the rows about an entity what is not there as it should be; `None`: what is there is not known, or nothing is.
    async fn write_about(
        &mut self,
        key: EntityKey,
        rows: &EntityRows,
        there: Option<&RowsAbout>,
    ) -> Result<(), StoreError> {
        let nothing = RowsAbout::default();
        let changes = Changes::between(there.unwrap_or(&nothing), rows);
        for what in &changes.removed {
            self.pending.remove(*what, key, &mut self.connection).await?;
        }
        for r#type in changes.types {
            let r#type = i64::from(*r#type);
            self.pending.r#type(key, r#type, &mut self.connection).await?;
        }
        for scope in changes.scopes {
            self.pending.scope(key, scope, &mut self.connection).await?;
        }
        if let Some(expires_at) = &changes.expires_at {
            self.pending.expiry(key, expires_at, &mut self.connection).await?;
        }
        for row in changes.values {
            self.pending.value(key, row, &mut self.connection).await?;
        }
        for location in changes.locations {
            let highest = self.highest().await?;
            highest.1 += 1;
            let number = highest.1;
            self.pending
                .location(key, number, location, &mut self.connection)
                .await?;
        }
        Ok(())
    }

    fn hash(&self, id: &EntityId) -> u64 {
        self.hasher.hash_one(id.as_str())
    }
}
