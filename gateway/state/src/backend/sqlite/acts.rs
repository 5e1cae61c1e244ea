//! The statements about acts.

use async_trait::async_trait;
use kakehashi_database::End;
use sqlx::Row as _;

use super::SqliteBackend;
use crate::StateError;
use crate::acts::{ActRecord, Acts};

#[async_trait]
impl Acts for SqliteBackend {
    async fn acts(&self) -> Result<Vec<ActRecord>, StateError> {
        let all = sqlx::query("SELECT number, at, act, tenant, by_whom, what, outcome FROM acts ORDER BY number");
        let rows = self.rows(all).await?;
        let read = |row: &sqlx::sqlite::SqliteRow| {
            Ok(ActRecord {
                number: row.try_get("number")?,
                at: row.try_get("at")?,
                act: row.try_get("act")?,
                tenant: row.try_get("tenant")?,
                by: row.try_get("by_whom")?,
                what: row.try_get("what")?,
                outcome: row.try_get("outcome")?,
            })
        };
        Ok(rows.iter().map(read).collect::<Result<_, sqlx::Error>>()?)
    }

    async fn append_act(&self, act: &ActRecord, most: i64) -> Result<i64, StateError> {
        let appending = self.0.write(None, async |connection| {
            let number: i64 = sqlx::query_scalar(
                "INSERT INTO acts (at, act, tenant, by_whom, what, outcome) VALUES (?1, ?2, ?3, ?4, ?5, ?6) RETURNING number",
            )
            .bind(act.at)
            .bind(&act.act)
            .bind(&act.tenant)
            .bind(&act.by)
            .bind(&act.what)
            .bind(&act.outcome)
            .fetch_one(&mut *connection)
            .await?;
            sqlx::query("DELETE FROM acts WHERE number <= ?1")
                .bind(number.saturating_sub(most))
                .execute(connection)
                .await?;
            Ok::<_, StateError>(End::Commit(number))
        });
        appending.await
    }

    async fn end_act(&self, number: i64, outcome: &str) -> Result<(), StateError> {
        let ended = sqlx::query("UPDATE acts SET outcome = ?2 WHERE number = ?1")
            .bind(number)
            .bind(outcome.to_owned());
        self.changed_by(ended).await.map(drop)
    }
}
