//! What is wrong now, for the operator: one list, from which the admin API (`/admin/v1/conditions`) and the metric
//! `kakehashi_condition` are made. Something is on it from when it was noticed until it is over; nothing is kept.
//!
//! Whoever adds something that can be wrong adds a function to [`now`], and its word to the table in
//! docs/administrators/watching.md.

use jiff::Timestamp;
use kakehashi_adapters::{ErrorKind, Trouble};
use kakehashi_core::Condition;
use kakehashi_core::names::TenantId;

use crate::Gateway;

/// A source that is not asked for a while.
pub const SOURCE_LOST: &str = "source-lost";

/// Everything that is wrong now.
#[must_use]
pub fn now(gateway: &Gateway) -> Vec<Condition> {
    let mut all = Vec::new();
    all.extend(state(gateway));
    all.extend(stores(gateway));
    all.extend(lost_sources(gateway));
    all.extend(held_back_files(gateway));
    all.extend(shedding(gateway));
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
    let sources = revision.registry.configured().iter();
    let troubled = sources.filter_map(|source| Some((source.tenant.clone(), source.adapter.trouble()?)));
    troubled
        .map(|(tenant, trouble)| of_trouble("store-unwritable", "store-unreadable", Some(tenant), &trouble))
        .collect()
}

/// Sources that are not asked, because they have failed several times in a row.
fn lost_sources(gateway: &Gateway) -> Vec<Condition> {
    let revision = gateway.revision();
    let sources = revision.registry.configured().iter();
    let lost = sources.filter_map(|source| {
        let status = source.adapter.status()?;
        let since = status.open_since?;
        let reason = status.last_error.map_or("unreachable", ErrorKind::as_str);
        Some(Condition {
            what: SOURCE_LOST,
            tenant: Some(source.tenant.clone()),
            reason,
            since: Timestamp::try_from(since).unwrap_or(Timestamp::UNIX_EPOCH),
            detail: format!(
                "{} has failed several times in a row; it is tried again every few seconds",
                source.id
            ),
        })
    });
    lost.collect()
}

/// What the files of a source say now is held back, until an administrator agrees or they are well again.
fn held_back_files(gateway: &Gateway) -> Vec<Condition> {
    let revision = gateway.revision();
    let held_back = revision.read().filter_map(|(id, read)| {
        let why = read.status().held_back?;
        let tenant = revision.config.source(id).map(|source| source.tenant.clone());
        Some(Condition {
            what: "file-held-back",
            tenant,
            reason: why.reason.as_str(),
            since: Timestamp::try_from(why.since).unwrap_or(Timestamp::UNIX_EPOCH),
            detail: format!(
                "the files of {id} had {} entities and would have {}: what they said before answers until an administrator \
                 accepts it (POST /admin/v1/sources/{id}/accept) or they are well again",
                why.before, why.now
            ),
        })
    });
    held_back.collect()
}

/// Requests were sent away lately, because there was as much to do as there may be.
fn shedding(gateway: &Gateway) -> Option<Condition> {
    let since = gateway.admission.sheds_since()?;
    Some(Condition {
        what: "shedding",
        tenant: None,
        reason: "busy",
        since: Timestamp::try_from(since).unwrap_or(Timestamp::UNIX_EPOCH),
        detail: "requests are answered with 503, because as much is under way, held or computed as may be".to_owned(),
    })
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
