//! The statements about contexts.

use async_trait::async_trait;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::SqliteBackend;
use crate::contexts::{ContextRecord, Contexts};
use crate::{Added, StateError};

#[async_trait]
impl Contexts for SqliteBackend {
    async fn add_context(&self, context: &ContextRecord, most_of_owner: i64) -> Result<Added, StateError> {
        // One statement, so that two requests at once cannot both take the last place.
        let insert = sqlx::query(
            "INSERT OR IGNORE INTO contexts (id, owner, kind, created_at, document, public)
             SELECT ?1, ?2, ?3, ?4, ?5, ?7 WHERE (SELECT COUNT(*) FROM contexts WHERE owner = ?2) < ?6",
        )
        .bind(&context.id)
        .bind(&context.owner)
        .bind(&context.kind)
        .bind(context.created_at)
        .bind(&context.document)
        .bind(most_of_owner)
        .bind(context.public);
        if self.changed_by(insert).await? {
            return Ok(Added::Done);
        }
        let same = sqlx::query("SELECT 1 FROM contexts WHERE id = ?1").bind(&context.id);
        let is_known = !self.rows(same).await?.is_empty();
        Ok(if is_known { Added::Exists } else { Added::Full })
    }

    async fn context(&self, owner: &str, id: &str) -> Result<Option<ContextRecord>, StateError> {
        let one = sqlx::query(
            "SELECT id, owner, kind, created_at, document, public FROM contexts WHERE id = ?1 AND owner = ?2",
        )
        .bind(id)
        .bind(owner);
        let rows = self.rows(one).await?;
        Ok(rows.first().map(read).transpose()?)
    }

    async fn public_context(&self, id: &str) -> Result<Option<ContextRecord>, StateError> {
        let one = sqlx::query(
            "SELECT id, owner, kind, created_at, document, public FROM contexts WHERE id = ?1 AND public = 1",
        )
        .bind(id);
        let rows = self.rows(one).await?;
        Ok(rows.first().map(read).transpose()?)
    }

    async fn contexts_of(&self, owner: &str) -> Result<Vec<ContextRecord>, StateError> {
        let all = sqlx::query(
            "SELECT id, owner, kind, created_at, '' AS document, public FROM contexts WHERE owner = ?1
             ORDER BY created_at",
        )
        .bind(owner);
        let rows = self.rows(all).await?;
        Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
    }

    async fn remove_context(&self, owner: &str, id: &str) -> Result<bool, StateError> {
        let delete = sqlx::query("DELETE FROM contexts WHERE id = ?1 AND owner = ?2")
            .bind(id)
            .bind(owner);
        self.changed_by(delete).await
    }
}

fn read(row: &SqliteRow) -> Result<ContextRecord, sqlx::Error> {
    Ok(ContextRecord {
        id: row.try_get("id")?,
        owner: row.try_get("owner")?,
        kind: row.try_get("kind")?,
        created_at: row.try_get("created_at")?,
        document: row.try_get("document")?,
        public: row.try_get("public")?,
    })
}
