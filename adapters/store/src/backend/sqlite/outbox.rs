//! The statements of the outbox.
//!
//! `upto` of a row is the sum of what all rows up to it weigh, beginning anew when the outbox was empty: the size of the
//! whole is known from its two ends, and no row is written to by every transaction.

use futures::TryStreamExt;
use ngsi_ld::EntityId;
use ngsi_ld::entity::DateTime;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use crate::StoreError;
use crate::backend::{Ends, Mark, MarkValues};
use crate::index::date_time_key;

fn mark(row: &SqliteRow) -> Result<Mark, sqlx::Error> {
    Ok(Mark {
        position: row.try_get(0)?,
        at: row.try_get(1)?,
        kind: row.try_get(2)?,
        id: row.try_get(3)?,
        detail: row.try_get(4)?,
        before: row.try_get(5)?,
        after: row.try_get(6)?,
    })
}

pub(super) async fn marks_after(
    connection: &mut SqliteConnection,
    position: i64,
    most: usize,
    most_bytes: usize,
) -> Result<Vec<Mark>, StoreError> {
    const STATEMENT: &str = "SELECT position, at, kind, id, detail, before, after FROM outbox
        WHERE position > ? ORDER BY position LIMIT ?";
    let mut rows = sqlx::query(STATEMENT)
        .bind(position)
        .bind(i64::try_from(most).unwrap_or(i64::MAX))
        .fetch(connection);
    let mut marks = Vec::new();
    let mut bytes = 0_usize;
    while let Some(row) = rows.try_next().await? {
        let mark = mark(&row)?;
        let length = |values: &Option<Vec<u8>>| values.as_ref().map_or(0, Vec::len);
        bytes = bytes
            .saturating_add(length(&mark.before))
            .saturating_add(length(&mark.after));
        marks.push(mark);
        if bytes > most_bytes {
            break;
        }
    }
    Ok(marks)
}

pub(super) async fn ends(connection: &mut SqliteConnection) -> Result<Ends, StoreError> {
    const STATEMENT: &str = "SELECT coalesce((SELECT max(up_to) FROM outbox_lost), 0),
        coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'outbox'), 0)";
    let row = sqlx::query(STATEMENT).fetch_one(connection).await?;
    Ok(Ends {
        lost_up_to: row.try_get(0)?,
        newest: row.try_get(1)?,
    })
}

pub(super) async fn erase_values(connection: &mut SqliteConnection, id: &EntityId) -> Result<bool, StoreError> {
    const STATEMENT: &str = "UPDATE outbox SET before = NULL, after = NULL, expires_at = NULL
        WHERE id = ? AND (before IS NOT NULL OR after IS NOT NULL)";
    let erased = sqlx::query(STATEMENT).bind(id.as_str()).execute(connection).await?;
    Ok(erased.rows_affected() > 0)
}

pub(super) async fn erase_expired_values(
    connection: &mut SqliteConnection,
    now: &DateTime,
) -> Result<bool, StoreError> {
    const STATEMENT: &str = "UPDATE outbox SET before = NULL, after = NULL, expires_at = NULL WHERE expires_at <= ? AND expires_at IS NOT NULL";
    let erased = sqlx::query(STATEMENT)
        .bind(date_time_key(now))
        .execute(connection)
        .await?;
    Ok(erased.rows_affected() > 0)
}

pub(super) async fn drop_oldest(
    connection: &mut SqliteConnection,
    before: i64,
    beyond_bytes: i64,
    most: usize,
) -> Result<usize, StoreError> {
    // The two ends: what is kept weighs what lies between them.
    const NEWEST: &str = "SELECT upto FROM outbox ORDER BY position DESC LIMIT 1";
    // The first row that stays, among the oldest.
    const OLDEST: &str = "SELECT position, at, upto, bytes FROM outbox ORDER BY position LIMIT ?";
    let newest: Option<i64> = sqlx::query_scalar(NEWEST).fetch_optional(&mut *connection).await?;
    let Some(newest) = newest else {
        return Ok(0);
    };
    let mut last = None;
    let mut dropped = 0;
    {
        let mut rows = sqlx::query(OLDEST)
            .bind(i64::try_from(most).unwrap_or(i64::MAX))
            .fetch(&mut *connection);
        while let Some(row) = rows.try_next().await? {
            let (position, at, upto, bytes): (i64, i64, i64, i64) =
                (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, row.try_get(3)?);
            let with_it = newest.saturating_sub(upto).saturating_add(bytes);
            if at >= before && with_it <= beyond_bytes {
                break;
            }
            last = Some(position);
            dropped += 1;
        }
    }
    let Some(last) = last else {
        return Ok(0);
    };
    sqlx::query("DELETE FROM outbox WHERE position <= ?")
        .bind(last)
        .execute(&mut *connection)
        .await?;
    sqlx::query("INSERT OR REPLACE INTO outbox_lost (one, up_to) VALUES (1, ?)")
        .bind(last)
        .execute(connection)
        .await?;
    Ok(dropped)
}

pub(super) async fn marks_with_values_after(
    connection: &mut SqliteConnection,
    position: i64,
    most: usize,
) -> Result<Vec<Mark>, StoreError> {
    const STATEMENT: &str = "SELECT position, at, kind, id, detail, before, after FROM outbox
        WHERE position > ? AND (before IS NOT NULL OR after IS NOT NULL) ORDER BY position LIMIT ?";
    let rows = sqlx::query(STATEMENT)
        .bind(position)
        .bind(i64::try_from(most).unwrap_or(i64::MAX))
        .fetch_all(connection)
        .await?;
    Ok(rows.iter().map(mark).collect::<Result<_, _>>()?)
}

pub(super) async fn set_values(
    connection: &mut SqliteConnection,
    position: i64,
    kind: i64,
    values: &MarkValues,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE outbox SET kind = ?, before = ?, after = ?, expires_at = ? WHERE position = ?")
        .bind(kind)
        .bind(values.before.as_deref())
        .bind(values.after.as_deref())
        .bind(values.expires_at.as_ref().map(date_time_key))
        .bind(position)
        .execute(connection)
        .await?;
    Ok(())
}
