//! The statements about revisions. A text rests under its hash, however many revisions have it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use async_trait::async_trait;
use kakehashi_database::End;
use sha2::{Digest, Sha256};
use sqlx::{Row as _, SqliteConnection};

use super::SqliteBackend;
use crate::StateError;
use crate::revisions::{RevisionRecord, Revisions};

#[async_trait]
impl Revisions for SqliteBackend {
    async fn revisions(&self) -> Result<Vec<RevisionRecord>, StateError> {
        let mut texts: HashMap<String, Arc<str>> = HashMap::new();
        for row in self.rows(sqlx::query("SELECT hash, text FROM config_texts")).await? {
            let (hash, text): (String, String) = (row.try_get("hash")?, row.try_get("text")?);
            texts.insert(hash, text.into());
        }
        let mut revisions = Vec::new();
        let all = sqlx::query("SELECT * FROM config_revisions ORDER BY number");
        for row in self.rows(all).await? {
            let files: String = row.try_get("files")?;
            let hashes: BTreeMap<String, String> = serde_json::from_str(&files).unwrap_or_default();
            let files: Option<BTreeMap<String, Arc<str>>> = hashes
                .into_iter()
                .map(|(name, hash)| Some((name, Arc::clone(texts.get(&hash)?))))
                .collect();
            if let Some(files) = files {
                revisions.push(RevisionRecord {
                    revision: row.try_get("revision")?,
                    at: row.try_get("at")?,
                    cause: row.try_get("cause")?,
                    administrator: row.try_get("administrator")?,
                    files,
                });
            }
        }
        Ok(revisions)
    }

    async fn append_revision(&self, revision: &RevisionRecord, most: usize) -> Result<(), StateError> {
        let appending = self.0.write(None, async |connection| {
            if latest(connection).await?.as_deref() == Some(revision.revision.as_str()) {
                return Ok(End::RollBack(()));
            }
            append(connection, revision).await?;
            forget(connection, most).await?;
            Ok::<_, StateError>(End::Commit(()))
        });
        appending.await
    }
}

/// The revision that was written last.
async fn latest(connection: &mut SqliteConnection) -> Result<Option<String>, StateError> {
    let latest = sqlx::query_scalar("SELECT revision FROM config_revisions ORDER BY number DESC LIMIT 1");
    Ok(latest.fetch_optional(connection).await?)
}

async fn append(connection: &mut SqliteConnection, revision: &RevisionRecord) -> Result<(), StateError> {
    let mut hashes = BTreeMap::new();
    for (name, text) in &revision.files {
        let hash = hex::encode(Sha256::digest(text.as_bytes()));
        sqlx::query("INSERT INTO config_texts (hash, text) VALUES (?1, ?2) ON CONFLICT DO NOTHING")
            .bind(&hash)
            .bind(&**text)
            .execute(&mut *connection)
            .await?;
        hashes.insert(name, hash);
    }
    // Names and hashes always serialize.
    let files = serde_json::to_string(&hashes).unwrap_or_default();
    sqlx::query("INSERT INTO config_revisions (revision, at, cause, administrator, files) VALUES (?1, ?2, ?3, ?4, ?5)")
        .bind(&revision.revision)
        .bind(revision.at)
        .bind(&revision.cause)
        .bind(&revision.administrator)
        .bind(files)
        .execute(connection)
        .await?;
    Ok(())
}

/// Forgets all but the latest, and the texts that nobody has any more.
async fn forget(connection: &mut SqliteConnection, most: usize) -> Result<(), StateError> {
    sqlx::query(
        "DELETE FROM config_revisions WHERE number NOT IN
                 (SELECT number FROM config_revisions ORDER BY number DESC LIMIT ?1)",
    )
    .bind(i64::try_from(most).unwrap_or(i64::MAX))
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "DELETE FROM config_texts WHERE hash NOT IN
                 (SELECT value FROM config_revisions, json_each(config_revisions.files))",
    )
    .execute(connection)
    .await?;
    Ok(())
}
