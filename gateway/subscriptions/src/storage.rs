//! The subscriptions in the SQLite file of `[gateway] state`: what their consumers wrote, and how often and when they
//! were notified. No value of an entity comes here.

use std::sync::Arc;

use jiff::Timestamp;
use kakehashi_config::Proof;
use kakehashi_core::names::{ConsumerId, TenantId};
use kakehashi_state::{Part, State, StateError};
use ngsi_ld::entity::DateTime;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::record::Kept;
use super::{Key, MOST_IN_ALL, MOST_OF_ONE_CONSUMER, Maker};

/// What is kept of this in the file of the state.
pub const PART: Part = Part {
    name: "subscriptions",
    migrations: TABLES,
};

/// What leads from each version of these tables to the next. Entries are only ever added. `tenant` is empty where
/// the subscription is to the federation.
const TABLES: &[&str] = &[
    "
    CREATE TABLE subscriptions (
        owner TEXT NOT NULL,
        tenant TEXT NOT NULL,
        id TEXT NOT NULL,
        document TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        modified_at INTEGER NOT NULL,
        times_sent INTEGER NOT NULL DEFAULT 0,
        times_failed INTEGER NOT NULL DEFAULT 0,
        last_notification TEXT,
        last_success TEXT,
        last_failure TEXT,
        is_ok INTEGER,
        PRIMARY KEY (owner, tenant, id)
    ) STRICT;
",
    "
    ALTER TABLE subscriptions ADD COLUMN purpose TEXT;
",
    // As `Proof` is written; what was made before this was kept has none.
    "
    ALTER TABLE subscriptions ADD COLUMN proof TEXT;
",
];

/// A subscription as it is stored.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) key: Key,
    pub(super) maker: Maker,
    pub(super) document: String,
    pub(super) created_at: Timestamp,
    pub(super) modified_at: Timestamp,
    pub(super) kept: Kept,
}

/// What became of adding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Added {
    Done,
    Exists,
    /// The consumer, or the gateway as a whole, has as many as it may.
    Full,
}

/// The table. Everything is in memory, and only changes are written.
#[derive(Debug)]
pub(super) struct Storage {
    state: State,
}

impl Storage {
    pub(super) fn new(state: &State) -> Self {
        Self { state: state.clone() }
    }

    pub(super) const fn state(&self) -> &State {
        &self.state
    }

    /// Every subscription, the oldest first.
    pub(super) async fn all(&self) -> Result<Vec<Stored>, StateError> {
        let all = sqlx::query("SELECT * FROM subscriptions ORDER BY created_at, owner, tenant, id");
        let rows = self.state.rows(all).await?;
        Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
    }

    pub(super) async fn add(
        &self,
        key: &Key,
        maker: &Maker,
        document: &str,
        now: Timestamp,
    ) -> Result<Added, StateError> {
        // One statement, so that two requests at once cannot both take the last place.
        let insert = sqlx::query(
            "INSERT INTO subscriptions (owner, tenant, id, document, created_at, modified_at, purpose, proof)
             SELECT ?1, ?2, ?3, ?4, ?5, ?5, ?8, ?9
             WHERE (SELECT COUNT(*) FROM subscriptions WHERE owner = ?1) < ?6
               AND (SELECT COUNT(*) FROM subscriptions) < ?7
             ON CONFLICT DO NOTHING",
        )
        .bind(key.owner.as_str())
        .bind(tenant(key))
        .bind(key.id.as_ref())
        .bind(document)
        .bind(now.as_millisecond())
        .bind(MOST_OF_ONE_CONSUMER)
        .bind(MOST_IN_ALL)
        .bind(maker.purpose.as_deref())
        .bind(maker.proof.as_ref().map(Proof::to_string));
        if self.state.statement(insert).await?.rows_affected() > 0 {
            return Ok(Added::Done);
        }
        let same = sqlx::query("SELECT 1 FROM subscriptions WHERE owner = ?1 AND tenant = ?2 AND id = ?3")
            .bind(key.owner.as_str())
            .bind(tenant(key))
            .bind(key.id.as_ref());
        let known = self.state.rows(same).await?;
        Ok(if known.is_empty() { Added::Full } else { Added::Exists })
    }

    /// Replaces the text; `false` when there is none.
    pub(super) async fn replace(
        &self,
        key: &Key,
        maker: &Maker,
        document: &str,
        now: Timestamp,
    ) -> Result<bool, StateError> {
        let replace = sqlx::query(
            "UPDATE subscriptions SET document = ?4, modified_at = ?5, proof = ?6
             WHERE owner = ?1 AND tenant = ?2 AND id = ?3",
        )
        .bind(key.owner.as_str())
        .bind(tenant(key))
        .bind(key.id.as_ref())
        .bind(document)
        .bind(now.as_millisecond())
        .bind(maker.proof.as_ref().map(Proof::to_string));
        Ok(self.state.statement(replace).await?.rows_affected() > 0)
    }

    /// Writes what became of the notifications.
    pub(super) async fn keep(&self, key: &Key, kept: &Kept) -> Result<(), StateError> {
        let text = |date_time: &Option<DateTime>| date_time.as_ref().map(|date_time| date_time.as_str().to_owned());
        let keep = sqlx::query(
            "UPDATE subscriptions SET times_sent = ?4, times_failed = ?5, last_notification = ?6, last_success = ?7,
             last_failure = ?8, is_ok = ?9 WHERE owner = ?1 AND tenant = ?2 AND id = ?3",
        )
        .bind(key.owner.as_str())
        .bind(tenant(key))
        .bind(key.id.as_ref())
        .bind(kept.times_sent)
        .bind(kept.times_failed)
        .bind(text(&kept.last_notification))
        .bind(text(&kept.last_success))
        .bind(text(&kept.last_failure))
        .bind(kept.is_ok);
        self.state.statement(keep).await?;
        Ok(())
    }

    /// Removes it; `false` when there is none.
    pub(super) async fn delete(&self, key: &Key) -> Result<bool, StateError> {
        let delete = sqlx::query("DELETE FROM subscriptions WHERE owner = ?1 AND tenant = ?2 AND id = ?3")
            .bind(key.owner.as_str())
            .bind(tenant(key))
            .bind(key.id.as_ref());
        Ok(self.state.statement(delete).await?.rows_affected() > 0)
    }
}

fn tenant(key: &Key) -> &str {
    key.tenant.as_ref().map_or("", TenantId::as_str)
}

fn read(row: &SqliteRow) -> Result<Stored, sqlx::Error> {
    let text = |column: &str| row.try_get::<String, _>(column);
    let date_time = |column: &str| -> Result<Option<DateTime>, sqlx::Error> {
        let text: Option<String> = row.try_get(column)?;
        Ok(text.and_then(|text| DateTime::parse(&text).ok()))
    };
    let timestamp = |column: &str| -> Result<Timestamp, sqlx::Error> {
        Ok(Timestamp::from_millisecond(row.try_get(column)?).unwrap_or(Timestamp::UNIX_EPOCH))
    };
    let tenant = text("tenant")?;
    Ok(Stored {
        key: Key {
            owner: ConsumerId::new(text("owner")?),
            tenant: (!tenant.is_empty()).then(|| TenantId::new(tenant)),
            id: text("id")?.into(),
        },
        maker: Maker {
            purpose: row.try_get::<Option<String>, _>("purpose")?.map(Arc::from),
            // What cannot be read proves nothing that is known.
            proof: row
                .try_get::<Option<String>, _>("proof")?
                .map(|text| Proof::parse(&text).unwrap_or(Proof::Nothing)),
        },
        document: text("document")?,
        created_at: timestamp("created_at")?,
        modified_at: timestamp("modified_at")?,
        kept: Kept {
            times_sent: row.try_get("times_sent")?,
            times_failed: row.try_get("times_failed")?,
            last_notification: date_time("last_notification")?,
            last_success: date_time("last_success")?,
            last_failure: date_time("last_failure")?,
            is_ok: row.try_get("is_ok")?,
        },
    })
}
