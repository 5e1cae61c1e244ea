//! What is done for a partition from time to time, whether anybody asks it or not.

use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime};

use ngsi_ld::entity::DateTime;
use tokio::sync::Notify;

use super::StoreError;
use super::partition::{Inner, StorePartition};

/// How often a partition is looked after. What another process has written counts from then on, too; and for so long what
/// was erased may still stand in SQLite's WAL.
const INTERVAL: Duration = Duration::from_secs(30);

/// What a partition needs for as long as it is open. Whoever opens it runs this.
#[derive(Debug, Clone)]
pub struct Upkeep {
    partition: Weak<Inner>,
    wake: Arc<Notify>,
}

impl StorePartition {
    /// What it needs.
    #[must_use]
    pub fn upkeep(&self) -> Upkeep {
        Upkeep {
            partition: self.downgrade(),
            wake: self.wake(),
        }
    }

    /// Removes what has expired and what is too old, and what was erased from where it may still stand.
    ///
    /// # Errors
    /// [`StoreError`]; what is left is done next time.
    pub(super) async fn look_after(&self, now: &DateTime) -> Result<(), StoreError> {
        // The file is asked, whatever is known: another process may have written to it.
        self.note_expiry(i64::MIN);
        self.remove_expired(now, None).await?;
        self.narrow_outbox().await?;
        self.drop_old_marks(now).await?;
        self.clear_erased().await
    }
}

impl Upkeep {
    /// Looks after the partition from time to time; ends with it.
    pub async fn look_after_from_time_to_time(self) {
        while self.look_after_later().await {}
    }

    /// Whether the partition is still open.
    async fn look_after_later(&self) -> bool {
        // Either it is time, or less may rest from now on.
        let _woken = tokio::time::timeout(INTERVAL, self.wake.notified()).await;
        let Some(partition) = StorePartition::of(&self.partition) else {
            return false;
        };
        if partition.backend().is_closed() {
            return false;
        }
        if partition.trouble().is_some() {
            return true;
        }
        let now = DateTime::from_system_time(SystemTime::now());
        if let Err(error) = partition.look_after(&now).await {
            tracing::warn!(%error, "what has expired or is too old could not be removed from the store");
        }
        true
    }
}
