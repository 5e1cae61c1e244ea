//! The statements about subscriptions.

use async_trait::async_trait;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::{SqliteBackend, Statement};
use crate::subscriptions::{
    MostSubscriptions, NotifiedRecord, SubscriptionKey, SubscriptionRecord, SubscriptionText, Subscriptions,
};
use crate::{Added, StateError};

#[async_trait]
impl Subscriptions for SqliteBackend {
    async fn subscriptions(&self) -> Result<Vec<SubscriptionRecord>, StateError> {
        let rows = self
            .rows(sqlx::query("SELECT * FROM subscriptions ORDER BY created_at"))
            .await?;
        Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
    }

    async fn add_subscription(
        &self,
        key: SubscriptionKey<'_>,
        purpose: Option<&str>,
        text: &SubscriptionText,
        now: i64,
        most: MostSubscriptions,
    ) -> Result<Added, StateError> {
        // One statement, so that two requests at once cannot both take the last place.
        let insert = of_key(
            key,
            "INSERT INTO subscriptions (owner, tenant, id, document, created_at, modified_at, purpose, proof)
             SELECT ?1, ?2, ?3, ?4, ?5, ?5, ?8, ?9
             WHERE (SELECT COUNT(*) FROM subscriptions WHERE owner = ?1) < ?6
               AND (SELECT COUNT(*) FROM subscriptions) < ?7
             ON CONFLICT DO NOTHING",
        )
        .bind(&text.document)
        .bind(now)
        .bind(most.of_owner)
        .bind(most.in_all)
        .bind(purpose)
        .bind(&text.proof);
        if self.changed_by(insert).await? {
            return Ok(Added::Done);
        }
        let same = of_key(
            key,
            "SELECT 1 FROM subscriptions WHERE owner = ?1 AND tenant = ?2 AND id = ?3",
        );
        let is_known = !self.rows(same).await?.is_empty();
        Ok(if is_known { Added::Exists } else { Added::Full })
    }

    async fn replace_subscription(
        &self,
        key: SubscriptionKey<'_>,
        text: &SubscriptionText,
        now: i64,
    ) -> Result<bool, StateError> {
        let replace = of_key(
            key,
            "UPDATE subscriptions SET document = ?4, modified_at = ?5, proof = ?6
             WHERE owner = ?1 AND tenant = ?2 AND id = ?3",
        )
        .bind(&text.document)
        .bind(now)
        .bind(&text.proof);
        self.changed_by(replace).await
    }

    async fn set_notified(&self, key: SubscriptionKey<'_>, notified: &NotifiedRecord) -> Result<(), StateError> {
        let keep = of_key(
            key,
            "UPDATE subscriptions SET times_sent = ?4, times_failed = ?5, last_notification = ?6, last_success = ?7,
             last_failure = ?8, is_ok = ?9 WHERE owner = ?1 AND tenant = ?2 AND id = ?3",
        )
        .bind(notified.times_sent)
        .bind(notified.times_failed)
        .bind(&notified.last_notification)
        .bind(&notified.last_success)
        .bind(&notified.last_failure)
        .bind(notified.is_ok);
        self.changed_by(keep).await?;
        Ok(())
    }

    async fn remove_subscription(&self, key: SubscriptionKey<'_>) -> Result<bool, StateError> {
        let delete = of_key(
            key,
            "DELETE FROM subscriptions WHERE owner = ?1 AND tenant = ?2 AND id = ?3",
        );
        self.changed_by(delete).await
    }
}

/// A statement whose first three places are the key.
fn of_key(key: SubscriptionKey<'_>, statement: &'static str) -> Statement {
    sqlx::query(statement)
        .bind(key.owner)
        .bind(key.tenant.unwrap_or(""))
        .bind(key.id)
}

fn read(row: &SqliteRow) -> Result<SubscriptionRecord, sqlx::Error> {
    let tenant: String = row.try_get("tenant")?;
    Ok(SubscriptionRecord {
        owner: row.try_get("owner")?,
        tenant: (!tenant.is_empty()).then_some(tenant),
        id: row.try_get("id")?,
        purpose: row.try_get("purpose")?,
        text: SubscriptionText {
            document: row.try_get("document")?,
            proof: row.try_get("proof")?,
        },
        created_at: row.try_get("created_at")?,
        modified_at: row.try_get("modified_at")?,
        notified: NotifiedRecord {
            times_sent: row.try_get("times_sent")?,
            times_failed: row.try_get("times_failed")?,
            last_notification: row.try_get("last_notification")?,
            last_success: row.try_get("last_success")?,
            last_failure: row.try_get("last_failure")?,
            is_ok: row.try_get("is_ok")?,
        },
    })
}
