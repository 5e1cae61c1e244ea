//! Subscriptions with `timeInterval` (clause 5.8.6): a notification of everything that matches, whenever the time
//! has come.
//!
//! Each time is a question of its consumer: it spends the consumer's limits and the tenants', and is left out when one of
//! them is used up. Times are spread, so that subscriptions that began together do not ask together, and only few are
//! evaluated at once, of each consumer one. What is left out is not made up for: the next time comes.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use futures::StreamExt;
use hashbrown::HashSet;
use kakehashi_adapters::{Call, SourceQuery, Yielded};
use kakehashi_core::consumer::Consumer;
use kakehashi_federation::registry::RegisteredSource;
use kakehashi_federation::release::Audit;
use kakehashi_resources::pause;
use kakehashi_revision::{Process, Revision};
use ngsi_ld::{Entity, EntityId};

use super::access::Access;
use super::matching::{is_subscribed, meets_conditions};
use super::notification::Content;
use super::waiting::{Cause, MOST_WAITING_BYTES, Pending};
use super::{Entry, Subscriptions, now};

/// Shortest interval: each notification asks the store for everything that matches.
pub(super) const SHORTEST_INTERVAL: Duration = Duration::from_secs(5);

/// How far a time may lie after the one that the interval gives, as a part of the interval.
const JITTER: f64 = 0.1;

/// The same at most: of long intervals a tenth would be noticed.
const LONGEST_JITTER: Duration = Duration::from_secs(30);

/// Stands for a time that does not come: no process runs so long.
const NEVER: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

/// Evaluations at once, of all consumers: they are a part of what the process does, and never most of it.
pub(super) const MOST_AT_ONCE: usize = 4;

/// Evaluations at once of one consumer.
pub(super) const MOST_AT_ONCE_OF_ONE_CONSUMER: usize = 1;

/// Most entities of one notification.
const MOST_ENTITIES: usize = 1000;

/// Most entities that are looked at for one notification.
const MOST_LOOKED_AT: usize = 20_000;

/// Entities that are judged in one go, at most.
const ENTITIES_AT_ONCE: usize = 64;

/// How long an evaluation may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Begins the notifications of a subscription, in the place of those that it had before; if it is no periodic one, it
/// has none from now on.
pub(super) fn start(subscriptions: &Arc<Subscriptions>, entry: &Arc<Entry>) {
    let Some(interval) = entry.subscription.interval() else {
        stop(subscriptions, entry);
        return;
    };
    let (all, one) = (Arc::downgrade(subscriptions), Arc::downgrade(entry));
    let begun = subscriptions
        .tasks
        .periodic
        .keep_running(move || run(Weak::clone(&all), Weak::clone(&one), interval));
    match begun {
        Ok(task) => {
            subscriptions.timers.insert(entry.key.clone(), task.owned());
        }
        Err(error) => tracing::error!(owner = %entry.key.owner, %error, "a periodic subscription does not notify"),
    }
}

/// Ends the notifications of a subscription.
pub(super) fn stop(subscriptions: &Subscriptions, entry: &Entry) {
    subscriptions.timers.remove(&entry.key);
}

async fn run(subscriptions: Weak<Subscriptions>, entry: Weak<Entry>, interval: Duration) {
    let mut times = Times::begin(interval, Instant::now(), rand::random());
    loop {
        tokio::time::sleep_until(times.take(Instant::now(), rand::random()).into()).await;
        let (Some(subscriptions), Some(entry)) = (subscriptions.upgrade(), entry.upgrade()) else {
            return;
        };
        let Some(process) = subscriptions.process.get() else {
            return;
        };
        if !entry.is_active() {
            continue;
        }
        let outcome = notify(&subscriptions, process, &entry, times.due).await;
        process.metrics.record_evaluation(match &outcome {
            Ok(outcome) | Err(outcome) => outcome,
        });
        if outcome.is_err() {
            entry.record().failed(now(), None);
        }
    }
}

/// The times at which a subscription notifies: one in each interval, whose place in it is chosen once, and each a
/// little later by chance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Times {
    interval: Duration,
    /// The next one, without what chance adds.
    due: Instant,
}

impl Times {
    /// The first of them comes within the first interval. `chance` is from 0 to 1.
    fn begin(interval: Duration, now: Instant, chance: f64) -> Self {
        let due = after(now, interval.min(NEVER).mul_f64(chance));
        Self { interval, due }
    }

    /// The next time. Those that have passed by unused are left out.
    fn take(&mut self, now: Instant, chance: f64) -> Instant {
        while self.due < now {
            self.due = after(self.due, self.interval);
        }
        let time = after(
            self.due,
            self.interval.mul_f64(JITTER).min(LONGEST_JITTER).mul_f64(chance),
        );
        self.due = after(self.due, self.interval);
        time
    }
}

fn after(instant: Instant, pause: Duration) -> Instant {
    instant.checked_add(pause.min(NEVER)).unwrap_or(instant)
}

/// Lets everything that matches wait to be sent. What has become of it, as metrics name it; an error has to be noted.
//= 5.2.12-10, 5.8.1.4-13, 5.8.6-2
async fn notify(
    subscriptions: &Arc<Subscriptions>,
    process: &Process,
    entry: &Arc<Entry>,
    next: Instant,
) -> Result<&'static str, &'static str> {
    // Waits until the next time at most, so that of each subscription one waits.
    let slot = subscriptions.evaluating.take(&entry.key.owner);
    let Ok(_slot) = tokio::time::timeout_at(next.into(), slot).await else {
        return Err("busy");
    };
    let revision = process.revision.now();
    let consumer = entry.consumer(&revision).ok_or("unknown_consumer")?;
    // Given back when this ends: an evaluation is one of the requests that its consumer has under way.
    let _spent = process.limiters.spend(&consumer).ok_or("over_limit")?;
    let deadline = Instant::now() + PATIENCE;
    let resources = process.admission.beside(&consumer, deadline);
    let call = Call {
        resources,
        ..Call::until(deadline)
    };
    let entities = matching(&revision, &consumer, entry, &call)
        .await
        .map_err(Unfinished::as_str)?;
    if entities.is_empty() {
        return Ok("nothing");
    }
    let bytes = entities.iter().map(Entity::weight).sum();
    subscriptions.push(Pending {
        entry: Arc::clone(entry),
        content: Content::Matching(entities),
        cause: Cause::Time,
        bytes,
        revision,
    });
    Ok("notified")
}

/// Why what matches cannot be had whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unfinished {
    /// The store.
    Failed,
    /// It is too much for one notification, or too much has to be looked at for it.
    TooMuch,
    /// It takes too long.
    Late,
    /// The limit of a tenant is used up.
    OverTenantLimit,
}

impl Unfinished {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::TooMuch => "too_much",
            Self::Late => "late",
            Self::OverTenantLimit => "over_tenant_limit",
        }
    }
}

/// What of a subscription's matching entities may be told now, where another revision holds than when it was asked.
pub(super) async fn content_now(
    process: &Process,
    revision: &Arc<Revision>,
    consumer: &Arc<Consumer>,
    entry: &Arc<Entry>,
) -> Option<Content> {
    let deadline = Instant::now() + PATIENCE;
    let call = Call {
        resources: process.admission.beside(consumer, deadline),
        ..Call::until(deadline)
    };
    let entities = matching(revision, consumer, entry, &call).await.ok()?;
    (!entities.is_empty()).then_some(Content::Matching(entities))
}

/// Everything that matches and that the consumer may be told of, each entity once. An entity is judged as after a
/// change: on what the consumer may see of it, partition by partition.
//= 5.8.6-2
async fn matching(
    revision: &Arc<Revision>,
    consumer: &Arc<Consumer>,
    entry: &Arc<Entry>,
    call: &Call,
) -> Result<Vec<Entity>, Unfinished> {
    let access = Access {
        revision,
        consumer,
        tenant: entry.key.tenant.as_ref(),
    };
    let mut found = Found::default();
    for source in access.partitions() {
        let types = access.readable_types(source, &entry.subscription, call).await;
        let types = types.ok_or(Unfinished::Failed)?;
        if types.is_empty() {
            continue;
        }
        if !revision.tenant_limits.admit(&source.tenant) {
            return Err(Unfinished::OverTenantLimit);
        }
        let query = SourceQuery {
            system_attributes: true,
            ..SourceQuery::of_types(types)
        };
        let mut judging = Judging {
            revision: Arc::clone(revision),
            consumer: Arc::clone(consumer),
            entry: Arc::clone(entry),
            source: Arc::clone(source),
            audit: Audit::new(&consumer.id, source),
            found,
        };
        let entities = source.adapter.prepare(&query).query(None, call);
        let mut batches = entities.ready_chunks(ENTITIES_AT_ONCE);
        while let Some(batch) = batches.next().await {
            let batch = batch.into_iter().collect::<Result<Vec<Yielded>, _>>();
            let batch = batch.map_err(|_| Unfinished::Failed)?;
            // By turns with whatever else is computed for the consumer, until its time is over.
            let judged = call.resources.compute(judging.judge(batch)).await;
            judging = judged.map_err(|_| Unfinished::Late)??;
        }
        found = judging.found;
    }
    Ok(found.entities)
}

/// What was found so far.
#[derive(Debug, Default)]
struct Found {
    entities: Vec<Entity>,
    ids: HashSet<EntityId>,
    bytes: usize,
    looked_at: usize,
}

/// Judges entities of one source.
struct Judging {
    revision: Arc<Revision>,
    consumer: Arc<Consumer>,
    entry: Arc<Entry>,
    source: Arc<RegisteredSource>,
    audit: Audit,
    found: Found,
}

impl Judging {
    /// Judges a batch of entities, and keeps those that match: all the computing of an evaluation is here.
    async fn judge(mut self, batch: Vec<Yielded>) -> Result<Self, Unfinished> {
        for yielded in batch {
            self.found.looked_at += 1;
            if self.found.looked_at > MOST_LOOKED_AT {
                return Err(Unfinished::TooMuch);
            }
            // What is wrong was left out when it was written; a partition holds nothing else.
            if let Some(entity) = yielded.entity() {
                self.judge_one(&entity).await?;
            }
            pause().await;
        }
        Ok(self)
    }

    async fn judge_one(&mut self, entity: &Entity) -> Result<(), Unfinished> {
        let (subscription, found) = (&self.entry.subscription, &mut self.found);
        let access = Access {
            revision: &self.revision,
            consumer: &self.consumer,
            tenant: self.entry.key.tenant.as_ref(),
        };
        let Some(visible) = access.visible_of(&self.source, entity, &self.audit) else {
            return Ok(());
        };
        if !is_subscribed(subscription, &visible) || !meets_conditions(subscription, &visible).await {
            return Ok(());
        }
        if !found.ids.insert(visible.id.clone()) {
            return Ok(());
        }
        found.bytes = found.bytes.saturating_add(visible.weight());
        if found.entities.len() >= MOST_ENTITIES || found.bytes > MOST_WAITING_BYTES {
            return Err(Unfinished::TooMuch);
        }
        found.entities.push(visible);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_comes_in_each_interval_and_never_two_for_one() {
        let (start, interval) = (Instant::now(), Duration::from_secs(100));
        for chance in [0.0, 0.25, 1.0] {
            let mut times = Times::begin(interval, start, chance);
            let phase = interval.mul_f64(chance);
            for number in 0..5 {
                let exact = start + phase + interval * number;
                assert_eq!(times.take(exact, 0.0), exact, "{chance}, {number}");
            }
            let last = start + phase + interval * 5;
            let latest = times.take(last, 1.0) - last;
            assert_eq!(
                latest,
                interval.mul_f64(JITTER),
                "chance adds no more than a part of the interval"
            );
            assert_eq!(times.due, last + interval, "and adds nothing to the one after");
        }
    }

    #[test]
    fn times_that_passed_by_are_left_out() {
        let (start, interval) = (Instant::now(), Duration::from_secs(10));
        let mut times = Times::begin(interval, start, 0.0);
        let late = start + Duration::from_secs(35);
        assert_eq!(times.take(late, 0.0), start + interval * 4);
        assert_eq!(times.take(late, 0.0), start + interval * 5);
    }

    #[test]
    fn long_intervals_do_not_overflow_and_are_not_late() {
        let start = Instant::now();
        let mut times = Times::begin(Duration::MAX, start, 1.0);
        assert!(times.take(start, 1.0) > start);
        let mut times = Times::begin(Duration::from_secs(100_000), start, 0.0);
        assert_eq!(times.take(start, 1.0), start + LONGEST_JITTER);
    }

    #[test]
    fn subscriptions_that_begin_together_notify_at_different_times() {
        let (start, interval) = (Instant::now(), Duration::from_secs(1000));
        let firsts: HashSet<Instant> = (0..100)
            .map(|_| Times::begin(interval, start, rand::random()).due)
            .collect();
        assert!(firsts.len() > 90, "{} of 100", firsts.len());
        assert!(firsts.iter().all(|first| *first <= start + interval));
    }
}
