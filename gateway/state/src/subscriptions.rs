//! The subscriptions: what their consumers wrote, and how often and when they were notified. No value of an entity comes
//! here.

use async_trait::async_trait;

use crate::{Added, StateError};

/// Which subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubscriptionKey<'a> {
    /// The consumer that it belongs to.
    pub owner: &'a str,
    /// The tenant that it is to; `None`: the federation.
    pub tenant: Option<&'a str>,
    /// Its identifier, unique among its owner's to one tenant.
    pub id: &'a str,
}

/// What a consumer wrote, and how it proved who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscriptionText {
    /// The text.
    pub document: String,
    /// The proof of who wrote it, as a text.
    pub proof: Option<String>,
}

/// What became of the notifications.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NotifiedRecord {
    /// How many were sent.
    pub times_sent: i64,
    /// How many did not arrive.
    pub times_failed: i64,
    /// When the last one was sent, as a text.
    pub last_notification: Option<String>,
    /// When the last one arrived.
    pub last_success: Option<String>,
    /// When the last one did not.
    pub last_failure: Option<String>,
    /// Whether the last one arrived.
    pub is_ok: Option<bool>,
}

/// A stored subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscriptionRecord {
    /// As in its key.
    pub owner: String,
    /// As in its key.
    pub tenant: Option<String>,
    /// As in its key.
    pub id: String,
    /// What it was made for.
    pub purpose: Option<String>,
    /// What was written last.
    pub text: SubscriptionText,
    /// Since when it is there, in milliseconds since 1970.
    pub created_at: i64,
    /// Since when it is as it is, in milliseconds since 1970.
    pub modified_at: i64,
    /// What became of its notifications.
    pub notified: NotifiedRecord,
}

/// How many there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MostSubscriptions {
    /// Of one owner.
    pub of_owner: i64,
    /// In all.
    pub in_all: i64,
}

/// What may be done with subscriptions.
#[async_trait]
pub trait Subscriptions: Send + Sync {
    /// Every one, the oldest first; those of one moment in any order.
    ///
    /// # Errors
    /// [`StateError`]
    async fn subscriptions(&self) -> Result<Vec<SubscriptionRecord>, StateError>;

    /// Adds one that was never notified, at a moment in milliseconds since 1970, unless there are as many as there may be.
    /// Two at once do not both take the last place.
    ///
    /// # Errors
    /// [`StateError`]
    async fn add_subscription(
        &self,
        key: SubscriptionKey<'_>,
        purpose: Option<&str>,
        text: &SubscriptionText,
        now: i64,
        most: MostSubscriptions,
    ) -> Result<Added, StateError>;

    /// Puts another text in the place of one's. Whether there is one.
    ///
    /// # Errors
    /// [`StateError`]
    async fn replace_subscription(
        &self,
        key: SubscriptionKey<'_>,
        text: &SubscriptionText,
        now: i64,
    ) -> Result<bool, StateError>;

    /// Writes what became of the notifications, if there is such a subscription.
    ///
    /// # Errors
    /// [`StateError`]
    async fn set_notified(&self, key: SubscriptionKey<'_>, notified: &NotifiedRecord) -> Result<(), StateError>;

    /// Removes one. Whether there was one.
    ///
    /// # Errors
    /// [`StateError`]
    async fn remove_subscription(&self, key: SubscriptionKey<'_>) -> Result<bool, StateError>;
}
