//! What is wrong now, for the operator: one list, from which the admin API (`/admin/v1/conditions`) and the metric
//! `kakehashi_condition` are made. Something is on it from when it was noticed until it is over; nothing is kept.
//!
//! Whoever adds something that can be wrong adds a function to [`now`], and its word to the table in
//! docs/administrators.md.

use jiff::Timestamp;
use kakehashi_adapters::Trouble;

use crate::Gateway;
use crate::config::TenantId;

/// Something that is wrong.
#[derive(Debug, Clone)]
pub struct Condition {
    /// What, as one word that does not change: `store-unwritable`.
    pub what: &'static str,
    /// Whose data it is about; `None`: it is about the gateway as a whole.
    pub tenant: Option<TenantId>,
    /// Why, as one of a few words: `full`.
    pub reason: &'static str,
    /// Since when.
    pub since: Timestamp,
    /// More, for the operator. Never a value, nor the text of a source.
    pub detail: String,
}

/// Everything that is wrong now.
#[must_use]
pub fn now(gateway: &Gateway) -> Vec<Condition> {
    let mut all = Vec::new();
    all.extend(state(gateway));
    all.extend(stores(gateway));
    all
}

/// The file of `[gateway] state` cannot be written, or not even be read.
fn state(gateway: &Gateway) -> Option<Condition> {
    let trouble = gateway.state.trouble()?;
    Some(of_trouble("state-unwritable", "state-unreadable", None, &trouble))
}

/// Partitions of the store cannot be written, or not even be read.
fn stores(gateway: &Gateway) -> Vec<Condition> {
    let revision = gateway.revision();
    let sources = revision.registry.sources().iter();
    let troubled = sources.filter_map(|source| Some((source.tenant.clone(), source.adapter.trouble()?)));
    troubled
        .map(|(tenant, trouble)| of_trouble("store-unwritable", "store-unreadable", Some(tenant), &trouble))
        .collect()
}

fn of_trouble(
    unwritable: &'static str,
    unreadable: &'static str,
    tenant: Option<TenantId>,
    trouble: &Trouble,
) -> Condition {
    Condition {
        what: if trouble.is_readable { unwritable } else { unreadable },
        tenant,
        reason: trouble.reason.as_str(),
        since: Timestamp::try_from(trouble.since).unwrap_or(Timestamp::UNIX_EPOCH),
        detail: trouble.to_string(),
    }
}
