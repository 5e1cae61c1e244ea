//! The statements about files of sources.

use async_trait::async_trait;
use sqlx::Row as _;

use super::SqliteBackend;
use crate::StateError;
use crate::files::Files;

#[async_trait]
impl Files for SqliteBackend {
    async fn files_of(&self, source: &str) -> Result<Option<String>, StateError> {
        let one = sqlx::query("SELECT known FROM source_files WHERE source = ?1").bind(source);
        let rows = self.rows(one).await?;
        Ok(rows.first().map(|row| row.try_get("known")).transpose()?)
    }

    async fn remember_files(&self, source: &str, at: i64, text: &str) -> Result<(), StateError> {
        let insert = sqlx::query("INSERT OR REPLACE INTO source_files (source, at, known) VALUES (?1, ?2, ?3)")
            .bind(source)
            .bind(at)
            .bind(text);
        self.changed_by(insert).await?;
        Ok(())
    }
}
