//! Having the stored subscriptions in memory: when the gateway starts or, where the state cannot be read then, as soon as
//! it can be.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, Weak};

use kakehashi_state::StateError;

use super::definition::Subscription;
use super::record::Record;
use super::{Entry, Subscriptions, periodic};

/// The subscriptions are stored, and cannot be read now.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the subscriptions cannot be read now; try again")]
pub struct NotLoaded;

impl Subscriptions {
    /// Whether those that are stored are known. Until then nobody is told that a subscription does not exist.
    ///
    /// # Errors
    /// [`NotLoaded`]
    pub fn loaded(&self) -> Result<(), NotLoaded> {
        if self.is_loaded.load(Ordering::Acquire) {
            Ok(())
        } else {
            Err(NotLoaded)
        }
    }

    /// Reads all that are stored.
    pub(super) async fn load(&self) -> Result<(), StateError> {
        for stored in self.storage.all().await? {
            match Subscription::stored(&stored.document) {
                Ok(subscription) => self.directory.put(Arc::new(Entry {
                    key: stored.key,
                    subscription,
                    maker: stored.maker,
                    created_at: stored.created_at,
                    modified_at: stored.modified_at,
                    record: Arc::new(Mutex::new(Record::of_stored(stored.kept))),
                })),
                Err(fault) => {
                    tracing::error!(owner = %stored.key.owner, %fault, "a stored subscription cannot be read");
                }
            }
        }
        self.is_loaded.store(true, Ordering::Release);
        Ok(())
    }

    /// Reads those that could not be read yet, whenever that may have become possible.
    pub(super) fn load_when_possible(self: &Arc<Self>) {
        if self.loaded().is_ok() {
            return;
        }
        tracing::error!("the subscriptions cannot be read: nobody is notified until they can be");
        let subscriptions = Arc::downgrade(self);
        let loading = self
            .tasks
            .upkeep
            .keep_running(move || load_later(Weak::clone(&subscriptions)));
        if let Err(error) = loading {
            tracing::error!(%error, "the subscriptions are not read until the gateway is started again");
        }
    }
}

/// Reads the subscriptions as soon as they can be.
async fn load_later(subscriptions: Weak<Subscriptions>) {
    let state = subscriptions
        .upgrade()
        .map(|subscriptions| subscriptions.storage.state().clone());
    let Some(state) = state else { return };
    let mut changes = state.changes();
    loop {
        let Some(subscriptions) = subscriptions.upgrade() else {
            return;
        };
        if state.is_known() {
            match subscriptions.load().await {
                Ok(()) => {
                    for entry in subscriptions.directory.all() {
                        periodic::start(&subscriptions, &entry);
                    }
                    subscriptions.awakened.send_modify(|_| {});
                    tracing::info!("the subscriptions could be read");
                    return;
                }
                Err(error) => tracing::error!(%error, "the subscriptions cannot be read"),
            }
        }
        drop(subscriptions);
        if changes.changed().await.is_err() {
            return;
        }
    }
}
