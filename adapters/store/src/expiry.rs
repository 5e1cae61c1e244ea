//! What expires (clause 4.22): entities, and instances of attributes. It is removed before anything is asked or written
//! once its time has come, so that neither a count nor a page of the file includes it; and from time to time, so that
//! nothing that nobody asks for rests for ever. `modifiedAt` of what is left stays: nobody has modified it.

use std::time::{Duration, Instant, SystemTime};

use kakehashi_contract::Fate;
use ngsi_ld::entity::DateTime;

use super::StoreError;
use super::change::End;
use super::partition::{NEVER, StorePartition};

/// Entities that one transaction removes: few enough that a writer hardly waits.
const ENTITIES_AT_ONCE: usize = 200;

/// How long those who read wait for the removal: readers do not depend on a writer that is busy for long.
const LONGEST_WAIT: Duration = Duration::from_millis(250);

/// How long nobody tries again after a removal that did not come about, in microseconds.
const PAUSE: i64 = 1_000_000;

impl StorePartition {
    /// Removes what has expired by `now`.
    ///
    /// # Errors
    /// [`StoreError`]; what is left is removed next time.
    //= 4.22-1
    pub(super) async fn remove_expired(&self, now: &DateTime, deadline: Option<Instant>) -> Result<(), StoreError> {
        if self.next_expiry() > now.unix_micros() {
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
            Ok(()) | Err(StoreError::Unwritable(_)) => return,
            Err(error) => error,
        };
        self.set_next_expiry(now.unix_micros().saturating_add(PAUSE));
        tracing::warn!(error = %failure, "what has expired could not be removed from the store yet");
    }

    /// One transaction; whether there may be more to remove.
    async fn remove_some_expired(&self, now: &DateTime, deadline: Option<Instant>) -> Result<bool, StoreError> {
        let removing = self.change(deadline, async |writer| {
            let keys = writer.expired(now, ENTITIES_AT_ONCE).await?;
            for key in &keys {
                let entity = writer.entity(*key).await?;
                match entity.clone().valid_at(|| now.clone()) {
                    Some(rest) => writer.write_rest(*key, &entity, &rest, now).await?,
                    None => {
                        writer.remove(*key, &entity, Fate::Expired, now).await?;
                    }
                }
            }
            writer.erase_expired_values(now).await?;
            let next = writer.next_expiry().await?.map_or(NEVER, |next| next.unix_micros());
            let partition = self.clone();
            // While the connection is held, so that no writer notes an earlier time in between.
            let noted = move || partition.set_next_expiry(next);
            Ok(End::CommitThen(keys.len() == ENTITIES_AT_ONCE, Box::new(noted)))
        });
        removing.await
    }
}
