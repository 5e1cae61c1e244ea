//! What is read: the questions that are always the same.

use async_trait::async_trait;
use ngsi_ld::{AttributeName, Iri, TypeName};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, Sqlite, SqliteConnection};

use super::outbox;
use crate::StoreError;
use crate::backend::{Ends, Mark, Reader, StoredEntity};
use crate::body::{DecodeError, Row};
use crate::index::kind;
use crate::names::{NameKey, NameTable};

/// Whether some entity has more than one type.
pub(super) const SEVERAL_TYPES: &str = "SELECT EXISTS (SELECT 1 FROM several_types)";

/// Whether an attribute of a name has a value of a kind, that of a URI, in some entity.
pub(super) const URIS: &str = "SELECT EXISTS (SELECT 1 FROM attribute_values
    WHERE name = (SELECT key FROM names WHERE name = ?1) AND kind = ?2 AND text IS NOT NULL)";

/// A row in which [`COLUMNS`](crate::backend::sql::COLUMNS) begin at some column.
pub(super) struct EntityRow {
    pub(super) row: SqliteRow,
    pub(super) first_column: usize,
}

impl EntityRow {
    fn column<'r, T>(&'r self, position: usize) -> Result<T, DecodeError>
    where
        T: sqlx::Decode<'r, Sqlite> + sqlx::Type<Sqlite>,
    {
        self.row
            .try_get(self.first_column + position)
            .map_err(|_| DecodeError::Damaged("a column has the wrong type"))
    }
}

impl StoredEntity for EntityRow {
    fn columns(&self) -> Result<Row<'_>, DecodeError> {
        Ok(Row {
            id: self.column(0)?,
            created_at: self.column(1)?,
            modified_at: self.column(2)?,
            body: self.column(3)?,
        })
    }
}

/// A connection that reads.
pub(super) struct SqliteReader(pub(super) kakehashi_database::Reader);

#[async_trait]
impl Reader for SqliteReader {
    async fn has_entities_of_several_types(&mut self) -> Result<bool, StoreError> {
        let some = sqlx::query_scalar(SEVERAL_TYPES);
        Ok(some.fetch_one(&mut *self.0).await?)
    }

    async fn holds_uris(&mut self, name: &AttributeName) -> Result<bool, StoreError> {
        let found = sqlx::query_scalar(URIS).bind(name.as_str()).bind(kind::URI);
        Ok(found.fetch_one(&mut *self.0).await?)
    }

    async fn held_types(&mut self) -> Result<Vec<TypeName>, StoreError> {
        const STATEMENT: &str =
            "SELECT name FROM names WHERE EXISTS (SELECT 1 FROM entity_types WHERE type = names.key) ORDER BY key";
        let names: Vec<String> = sqlx::query_scalar(STATEMENT).fetch_all(&mut *self.0).await?;
        Ok(names.into_iter().map(|name| TypeName::new(Iri::new(name))).collect())
    }

    async fn known_names(&mut self, most: usize) -> Result<Option<Vec<AttributeName>>, StoreError> {
        let more = i64::try_from(most).unwrap_or(i64::MAX).saturating_add(1);
        let names = sqlx::query_scalar("SELECT name FROM names LIMIT ?1").bind(more);
        let names: Vec<String> = names.fetch_all(&mut *self.0).await?;
        let are_all = names.len() <= most;
        let names = names.into_iter().map(|name| AttributeName::new(Iri::new(name)));
        Ok(are_all.then(|| names.collect()))
    }

    async fn marks_after(&mut self, position: i64, most: usize, most_bytes: usize) -> Result<Vec<Mark>, StoreError> {
        outbox::marks_after(&mut self.0, position, most, most_bytes).await
    }

    async fn outbox_ends(&mut self) -> Result<Ends, StoreError> {
        outbox::ends(&mut self.0).await
    }

    fn done(self: Box<Self>) -> Result<(), StoreError> {
        Ok(self.0.done()?)
    }
}

/// The table of names with all that the file has beyond it. Numbers are given in their order by the one writer, so that
/// what is missing has higher ones.
pub(super) async fn names_beyond(
    connection: &mut SqliteConnection,
    known: &NameTable,
) -> Result<NameTable, StoreError> {
    let mut names = known.clone();
    let rows = sqlx::query("SELECT key, name FROM names WHERE key > ? ORDER BY key")
        .bind(i64::from(names.last_key()))
        .fetch_all(connection)
        .await?;
    for row in rows {
        let (key, name): (i64, String) = (row.try_get(0)?, row.try_get(1)?);
        let key = NameKey::try_from(key).unwrap_or(0);
        if !names.add(key, Iri::new(name)) {
            return Err(StoreError::Row("a name has a number that no name can have".to_owned()));
        }
    }
    Ok(names)
}
