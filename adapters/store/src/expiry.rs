//! What expires (clause 4.22): entities, and instances of attributes. It is removed before anything is asked or written
//! once its time has come, so that neither a count nor a page of the file includes it; and from time to time, so that
//! nothing that nobody asks for rests for ever. `modifiedAt` of what is left stays: nobody has modified it.

use std::sync::Weak;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

use kakehashi_database::{DatabaseError, End};
use ngsi_ld::entity::DateTime;

use super::StoreError;
use super::index::date_time_key;
use super::partition::{Inner, StorePartition, names_since};
use super::write::{Writer, delete_entity};

/// Entities that one transaction removes: few enough that a writer hardly waits.
const ENTITIES_AT_ONCE: i64 = 200;

/// How often a partition that nobody asks is looked at. What another process has written counts from then on, too.
const INTERVAL: Duration = Duration::from_secs(30);

/// How long those who read wait for the removal: readers do not depend on a writer that is busy for long.
const LONGEST_WAIT: Duration = Duration::from_millis(250);

/// How long nobody tries again after a removal that did not come about, in microseconds.
const PAUSE: i64 = 1_000_000;

/// Stands for a partition in which nothing expires.
pub(super) const NEVER: i64 = i64::MAX;

impl StorePartition {
    /// Removes what has expired by `now`.
    ///
    /// # Errors
    /// [`StoreError::Database`]; what is left is removed next time.
    pub(super) async fn remove_expired(&self, now: &DateTime, deadline: Option<Instant>) -> Result<(), StoreError> {
        if self.inner().next_expiry.load(Ordering::Acquire) > now.unix_micros() {
            return Ok(());
        }
        while self.remove_some_expired(now, deadline).await? {}
        Ok(())
    }

    /// As [`StorePartition::remove_expired`], now, for those who read. Where the file cannot be written, or not soon,
    /// they read all the same: what has expired is left out of every answer, and only counts and pages include it.
    pub(super) async fn remove_expired_before_reading(&self) {
        // What is known not to work is tried again by somebody else.
        if self.trouble().is_some() {
            return;
        }
        let now = DateTime::from_system_time(SystemTime::now());
        let failure = match self.remove_expired(&now, Some(Instant::now() + LONGEST_WAIT)).await {
            // The trouble is told where it was found.
            Ok(()) | Err(StoreError::Database(DatabaseError::Unwritable(_))) => return,
            Err(error) => error,
        };
        let next = now.unix_micros().saturating_add(PAUSE);
        self.inner().next_expiry.store(next, Ordering::Release);
        tracing::warn!(error = %failure, "what has expired could not be removed from the store yet");
    }

    /// Notes that something expires at that time.
    pub(super) fn note_expiry(&self, unix_micros: i64) {
        self.inner().next_expiry.fetch_min(unix_micros, Ordering::AcqRel);
    }

    /// One transaction; whether there may be more to remove.
    async fn remove_some_expired(&self, now: &DateTime, deadline: Option<Instant>) -> Result<bool, StoreError> {
        let removing = self.database().write(deadline, async |connection| {
            let keys: Vec<i64> = sqlx::query_scalar("SELECT entity FROM expiries WHERE expires_at <= ? LIMIT ?")
                .bind(date_time_key(now))
                .bind(ENTITIES_AT_ONCE)
                .fetch_all(&mut *connection)
                .await?;
            let names = names_since(connection, &self.names()).await?;
            let mut writer = Writer::new(connection, names);
            for key in &keys {
                let valid = writer.entity(*key).await?.valid_at(|| now.clone());
                match valid {
                    Some(entity) => writer.rewrite(*key, &entity).await?,
                    None => delete_entity(writer.connection(), *key).await?,
                }
            }
            let next: Option<String> = sqlx::query_scalar("SELECT min(expires_at) FROM expiries")
                .fetch_one(writer.connection())
                .await?;
            let next = next.and_then(|key| DateTime::parse(&format!("{key}Z")).ok());
            let next = next.map_or(NEVER, |next| next.unix_micros());
            let partition = self.clone();
            // While the connection is held, so that no writer notes an earlier time in between.
            let noted = move || partition.inner().next_expiry.store(next, Ordering::Release);
            let more = i64::try_from(keys.len()).is_ok_and(|removed| removed == ENTITIES_AT_ONCE);
            Ok::<_, StoreError>(End::CommitThen(more, Box::new(noted)))
        });
        removing.await
    }
}

/// What expires in a partition, to be removed for as long as the partition is open. Whoever opens it runs this.
#[derive(Debug, Clone)]
pub struct Expiring(Weak<Inner>);

impl StorePartition {
    /// What expires in it.
    #[must_use]
    pub fn expiring(&self) -> Expiring {
        Expiring(self.downgrade())
    }
}

impl Expiring {
    /// Removes from time to time what has expired; ends with the partition.
    pub async fn remove_from_time_to_time(self) {
        while self.remove_later().await {}
    }

    /// Whether the partition is still open.
    async fn remove_later(&self) -> bool {
        tokio::time::sleep(INTERVAL).await;
        let Some(partition) = StorePartition::of(&self.0) else {
            return false;
        };
        if partition.database().is_closed() {
            return false;
        }
        if partition.trouble().is_some() {
            return true;
        }
        // The file is asked, whatever is known: another process may have written to it.
        partition.note_expiry(i64::MIN);
        let now = DateTime::from_system_time(SystemTime::now());
        if let Err(error) = partition.remove_expired(&now, None).await {
            tracing::warn!(%error, "what has expired could not be removed from the store");
        }
        true
    }
}
