//! The subscriptions in the database of `[gateway] state`: what their consumers wrote, and how often and when they
//! were notified. No value of an entity comes here.

use std::sync::Arc;

use jiff::Timestamp;
use kakehashi_config::Proof;
use kakehashi_core::names::{ConsumerId, TenantId};
use kakehashi_state::subscriptions::{
    MostSubscriptions, NotifiedRecord, SubscriptionKey, SubscriptionRecord, SubscriptionText,
};
use kakehashi_state::{State, StateError};
use ngsi_ld::entity::DateTime;

pub(super) use kakehashi_state::Added;

use super::record::Kept;
use super::{Key, MOST_IN_ALL, MOST_OF_ONE_CONSUMER, Maker};

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

/// Those that are stored. Everything is in memory, and only changes are written.
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
        let all = self.state.subscriptions().subscriptions().await?;
        Ok(all.into_iter().map(read).collect())
    }

    pub(super) async fn add(
        &self,
        key: &Key,
        maker: &Maker,
        document: &str,
        now: Timestamp,
    ) -> Result<Added, StateError> {
        let most = MostSubscriptions {
            of_owner: MOST_OF_ONE_CONSUMER,
            in_all: MOST_IN_ALL,
        };
        let (purpose, text) = (maker.purpose.as_deref(), text(maker, document));
        let adding =
            self.state
                .subscriptions()
                .add_subscription(named(key), purpose, &text, now.as_millisecond(), most);
        adding.await
    }

    /// Replaces the text; `false` when there is none.
    pub(super) async fn replace(
        &self,
        key: &Key,
        maker: &Maker,
        document: &str,
        now: Timestamp,
    ) -> Result<bool, StateError> {
        let text = text(maker, document);
        let replacing = self
            .state
            .subscriptions()
            .replace_subscription(named(key), &text, now.as_millisecond());
        replacing.await
    }

    /// Writes what became of the notifications.
    pub(super) async fn keep(&self, key: &Key, kept: &Kept) -> Result<(), StateError> {
        let text = |date_time: &Option<DateTime>| date_time.as_ref().map(|date_time| date_time.as_str().to_owned());
        let notified = NotifiedRecord {
            times_sent: kept.times_sent,
            times_failed: kept.times_failed,
            last_notification: text(&kept.last_notification),
            last_success: text(&kept.last_success),
            last_failure: text(&kept.last_failure),
            is_ok: kept.is_ok,
        };
        self.state.subscriptions().set_notified(named(key), &notified).await
    }

    /// Removes it; `false` when there is none.
    pub(super) async fn delete(&self, key: &Key) -> Result<bool, StateError> {
        self.state.subscriptions().remove_subscription(named(key)).await
    }
}

fn named(key: &Key) -> SubscriptionKey<'_> {
    SubscriptionKey {
        owner: key.owner.as_str(),
        tenant: key.tenant.as_ref().map(TenantId::as_str),
        id: key.id.as_ref(),
    }
}

fn text(maker: &Maker, document: &str) -> SubscriptionText {
    SubscriptionText {
        document: document.to_owned(),
        proof: maker.proof.as_ref().map(Proof::to_string),
    }
}

fn read(record: SubscriptionRecord) -> Stored {
    let date_time = |text: Option<String>| text.and_then(|text| DateTime::parse(&text).ok());
    let timestamp = |millis| Timestamp::from_millisecond(millis).unwrap_or(Timestamp::UNIX_EPOCH);
    let SubscriptionRecord { text, notified, .. } = record;
    Stored {
        key: Key {
            owner: ConsumerId::new(record.owner),
            tenant: record.tenant.map(TenantId::new),
            id: record.id.into(),
        },
        maker: Maker {
            purpose: record.purpose.map(Arc::from),
            // What cannot be read proves nothing that is known.
            proof: text.proof.map(|text| Proof::parse(&text).unwrap_or(Proof::Nothing)),
        },
        document: text.document,
        created_at: timestamp(record.created_at),
        modified_at: timestamp(record.modified_at),
        kept: Kept {
            times_sent: notified.times_sent,
            times_failed: notified.times_failed,
            last_notification: date_time(notified.last_notification),
            last_success: date_time(notified.last_success),
            last_failure: date_time(notified.last_failure),
            is_ok: notified.is_ok,
        },
    }
}
