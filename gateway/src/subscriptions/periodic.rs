//! Subscriptions with `timeInterval` (clause 5.8.6): a notification of everything that matches, whenever the time
//! has come.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use kakehashi_adapters::{Call, SourceQuery};
use ngsi_ld::Entity;

use super::access::Access;
use super::matching::{is_subscribed, meets_conditions};
use super::notification::Content;
use super::outbox::Pending;
use super::{Entry, Subscriptions, now, size};
use crate::federation::release::Audit;
use crate::{Gateway, Revision};

/// Shortest interval: each notification asks the store for everything that matches.
pub(super) const SHORTEST_INTERVAL: Duration = Duration::from_secs(5);

/// Most entities of one notification.
const MOST_ENTITIES: usize = 1000;

/// Most entities that are looked at for one notification.
const MOST_LOOKED_AT: usize = 20_000;

/// How long the store may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Begins the notifications of a subscription, if it is a periodic one. They end when it is changed or deleted.
pub(super) fn start(subscriptions: &Arc<Subscriptions>, entry: &Arc<Entry>) {
    let Some(interval) = entry.subscription.interval() else {
        return;
    };
    let (subscriptions, entry) = (Arc::downgrade(subscriptions), Arc::downgrade(entry));
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(interval).await;
            let (Some(subscriptions), Some(entry)) = (subscriptions.upgrade(), entry.upgrade()) else {
                return;
            };
            let Some(gateway) = subscriptions.gateway.get().and_then(std::sync::Weak::upgrade) else {
                return;
            };
            // A notification that waits keeps the entry; what holds is what the directory has.
            let holds = subscriptions.directory.get(&entry.key);
            if !holds.is_some_and(|current| Arc::ptr_eq(&current, &entry)) {
                return;
            }
            if entry.is_active() {
                notify(&subscriptions, &gateway, &entry).await;
            }
        }
    });
}

async fn notify(subscriptions: &Arc<Subscriptions>, gateway: &Gateway, entry: &Arc<Entry>) {
    let revision = gateway.revision();
    match matching(&revision, entry).await {
        Some(entities) if entities.is_empty() => {}
        Some(entities) => {
            let bytes = entities.iter().map(|entity| size(Some(entity))).sum();
            subscriptions.push(Pending {
                entry: Arc::clone(entry),
                content: Content::Matching(entities),
                bytes,
                revision,
            });
        }
        None => entry.record().failed(now(), None),
    }
}

/// Everything that matches and that the consumer may be told of, each entity once; `None` when it cannot be had
/// whole. An entity is judged as after a change: on what the consumer may see of it, partition by partition.
async fn matching(revision: &Arc<Revision>, entry: &Entry) -> Option<Vec<Entity>> {
    let consumer = entry.consumer(revision)?;
    let access = Access {
        revision,
        consumer: &consumer,
        tenant: entry.key.tenant.as_ref(),
    };
    let call = Call::until(Instant::now() + PATIENCE);
    let mut found: Vec<Entity> = Vec::new();
    let mut looked_at = 0_usize;
    for source in access.partitions() {
        let types = access.readable_types(source, &entry.subscription, &call).await?;
        if types.is_empty() {
            continue;
        }
        if !revision.tenant_limits.admit(&source.tenant) {
            return None;
        }
        let query = SourceQuery {
            system_attributes: true,
            ..SourceQuery::of_types(types)
        };
        let audit = Audit::new(&consumer.id, source);
        let mut yielded = source.adapter.query(&query, &call);
        while let Some(one) = yielded.next().await {
            looked_at += 1;
            // What is wrong was left out when it was written; a partition holds nothing else.
            let visible = one
                .ok()?
                .entity()
                .and_then(|entity| access.visible_of(source, &entity, &audit));
            let matches = |entity: &Entity| {
                is_subscribed(&entry.subscription, entity) && meets_conditions(&entry.subscription, entity)
            };
            let is_new = |entity: &Entity| found.iter().all(|earlier| earlier.id != entity.id);
            if let Some(entity) = visible.filter(|entity| matches(entity) && is_new(entity)) {
                found.push(entity);
            }
            if looked_at > MOST_LOOKED_AT || found.len() > MOST_ENTITIES {
                return None;
            }
        }
    }
    Some(found)
}
