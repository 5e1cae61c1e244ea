//! Subscriptions and their notifications (CIM 009 clause 5.8), over what can tell of its changes: the store.
//!
//! | module | owns |
//! |---|---|
//! | [`definition`] | a subscription, with every name expanded |
//! | `members`, `reading`, `reading_notification`, `writing` | from JSON and back |
//! | [`access`] | what the policies let a consumer be notified of |
//! | `storage` | the subscriptions in the file of the gateway's state |
//! | `loading` | having them in memory, as soon as the file can be read |
//! | `directory` | those that hold now, by owner and by type |
//! | `following` | reading the outboxes of the store's partitions, in order |
//! | `own_writes` | what this process has written, whole, until its place in the outbox is read |
//! | `elsewhere` | what others have written, as far as it is known |
//! | `telling` | whom a change may concern |
//! | `matching` | whether a change notifies |
//! | `notification`, `showing_changes` | the body of a notification |
//! | `waiting`, `delivery` | the notifications that wait, and sending one |
//! | `periodic` | subscriptions with `timeInterval` |
//! | `changing` | storing, replacing and deleting them |
//! | `record` | how often and when a subscription was notified |
//!
//! A subscription exists for the consumer that made it and for nobody else. What is stored is the consumer's own
//! text; entities are in memory alone, from the change until the notification is sent or given up.

// What outlives a request is spawned in `runtime` and nowhere else.
#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

pub mod access;
mod changes;
mod changing;
pub mod definition;
mod delivery;
mod directory;
mod elsewhere;
mod entity_written;
mod following;
mod loading;
mod matching;
pub mod members;
mod notification;
mod own_writes;
mod periodic;
mod reading;
mod reading_lists;
mod reading_notification;
mod record;
mod showing_changes;
mod storage;
mod telling;
mod waiting;
mod writing;

#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant, SystemTime};

use dashmap::DashMap;
use jiff::Timestamp;
use kakehashi_config::{GatewayConfig, Proof, today_in_japan};
use kakehashi_contexts::{ContextUser, NamedContext, RequestContext};
use kakehashi_core::consumer::Consumer;
use kakehashi_core::names::{ConsumerId, TenantId};
use kakehashi_egress::client::CannotAsk;
use kakehashi_resources::Resources;
use kakehashi_revision::{Process, Revision};
use kakehashi_runtime::tasks::OwnedTask;
use kakehashi_runtime::{Slots, Tasks};
use kakehashi_state::{State, StateError};
use ngsi_ld::context::Context;
use ngsi_ld::entity::DateTime;
use serde_json::{Map, Value};
use tokio::sync::watch;

use changes::Changes;
pub use changing::{CannotStore, Change};
use definition::{Accept, Subscription, SubscriptionStatus, duration};
use delivery::{Courier, Letter, Undelivered};
use directory::Directory;
use own_writes::{Partition, PartitionName};
use record::Record;
use storage::Storage;
use waiting::{Cause, Lost, Pending, WaitingNotifications};

pub use elsewhere::MOST_OF_A_LOAD;
pub use loading::NotLoaded;
pub use members::{Fault, parse_object as members_of};
pub use own_writes::WriteUnderWay;
pub use reading::selector;

/// The collection, below the public URL.
pub const SUBSCRIPTIONS_PATH: &str = "/ngsi-ld/v1/subscriptions";

/// Largest subscription, in bytes.
pub const MOST_BYTES: usize = 64 * 1024;

/// Most subscriptions of one consumer. An application needs one for each kind of thing it shows.
pub const MOST_OF_ONE_CONSUMER: i64 = 100;

/// Most subscriptions in all: they are in memory, at some kilobytes each.
const MOST_IN_ALL: i64 = 20_000;

/// How often the counts and times of notifications are written. A crash loses those since the last time.
const WRITING_INTERVAL: Duration = Duration::from_secs(5);

/// How long the @context of a notification is waited for.
const PATIENCE_FOR_CONTEXT: Duration = Duration::from_secs(10);

/// Which subscription: an id is unique for its owner within a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    /// The consumer that made it.
    pub owner: ConsumerId,
    /// `NGSILD-Tenant` when it was made.
    pub tenant: Option<TenantId>,
    /// Its id.
    pub id: Arc<str>,
}

/// By what, and for what, a subscription was made: both must still hold whenever something is sent.
#[derive(Debug, Clone)]
pub struct Maker {
    /// What it was made for, where its owner has stated that; notifications are for the same.
    pub purpose: Option<Arc<str>>,
    /// What its owner proved itself by when it made or last changed it; `None`: it was made before that was kept, and
    /// stands on its owner alone.
    pub proof: Option<Proof>,
}

/// A subscription that holds.
#[derive(Debug)]
pub struct Entry {
    /// Which.
    pub key: Key,
    /// What its owner has defined.
    pub subscription: Subscription,
    maker: Maker,
    created_at: Timestamp,
    modified_at: Timestamp,
    record: Arc<Mutex<Record>>,
}

/// Why subscriptions cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum CannotSubscribe {
    /// The storage.
    #[error(transparent)]
    State(#[from] StateError),
    /// The client of notifications.
    #[error(transparent)]
    Client(#[from] CannotAsk),
}

/// All subscriptions.
#[derive(Debug)]
pub struct Subscriptions {
    storage: Storage,
    /// Whether those that are stored are in memory.
    is_loaded: AtomicBool,
    directory: Directory,
    changes: Changes,
    notifications: WaitingNotifications,
    courier: Courier,
    tasks: Tasks,
    /// Whose subscriptions are changed: of each consumer, one change at a time.
    changing: DashMap<ConsumerId, Arc<tokio::sync::Mutex<()>>>,
    /// The periodic ones.
    timers: DashMap<Key, OwnedTask>,
    /// Whose periodic subscriptions are evaluated.
    evaluating: Slots,
    /// The partitions that are written to or read.
    partitions: DashMap<PartitionName, Arc<Partition>>,
    /// What of this process's writes waits to be read, in bytes.
    bytes_of_own_writes: Arc<AtomicUsize>,
    /// How many are about to subscribe; whoever reads an outbox is woken by it.
    awakened: watch::Sender<usize>,
    process: OnceLock<Process>,
}

impl Entry {
    /// The server of its endpoint.
    fn endpoint_origin(&self) -> String {
        self.subscription
            .notification
            .endpoint
            .uri
            .origin()
            .ascii_serialization()
    }

    /// Its members, as they are shown to its owner.
    #[must_use]
    pub fn shown(&self, revision: &Revision, context: &Context, with_system_attributes: bool) -> Map<String, Value> {
        let mut members = self.subscription.members(context);
        let mut status = self.subscription.status(&now());
        if status == SubscriptionStatus::Active && self.consumer(revision).is_none() {
            // Nobody is notified until it is changed by a credential that holds.
            status = SubscriptionStatus::Paused;
        }
        let status = status.as_str();
        members.insert("status".to_owned(), status.into());
        if with_system_attributes {
            for (name, at) in [("createdAt", self.created_at), ("modifiedAt", self.modified_at)] {
                let at = SystemTime::from(at);
                members.insert(name.to_owned(), DateTime::from_system_time(at).as_str().into());
            }
        }
        if let Some(notification) = members.get_mut("notification").and_then(Value::as_object_mut) {
            self.record().kept.add_to(notification);
        }
        members
    }

    fn record(&self) -> std::sync::MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who is notified, for the purpose that it was made for; `None`: nobody, because the consumer is gone, or what it
    /// proved itself by, or the purpose is none of its any more.
    fn consumer(&self, revision: &Revision) -> Option<Arc<Consumer>> {
        let consumers = &revision.config.consumers;
        let consumer = consumers.get(self.key.owner.as_str())?;
        if let Some(proof) = &self.maker.proof
            && !consumers.still_proves(proof, &self.key.owner, today_in_japan())
        {
            return None;
        }
        match &self.maker.purpose {
            Some(purpose) => consumer.for_purpose(purpose),
            None => Some(Arc::clone(consumer)),
        }
    }

    /// Whether it is told of changes, and not from time to time.
    fn is_told_of_changes(&self) -> bool {
        self.is_active() && self.subscription.time_interval.is_none()
    }

    fn is_active(&self) -> bool {
        self.subscription.status(&now()) == SubscriptionStatus::Active
    }
}

impl Subscriptions {
    /// Opens the stored subscriptions and sets up the client of notifications. What cannot be read now is read as soon as
    /// it can be.
    ///
    /// # Errors
    /// [`CannotSubscribe`]
    pub async fn open(gateway: &GatewayConfig, state: &State, tasks: &Tasks) -> Result<Arc<Self>, CannotSubscribe> {
        let subscriptions = Arc::new(Self {
            storage: Storage::new(state),
            is_loaded: AtomicBool::new(false),
            directory: Directory::default(),
            changes: Changes::new(tasks.notifications.clone()),
            notifications: WaitingNotifications::new(tasks.notifications.clone()),
            courier: Courier::new(&gateway.egress_allow)?,
            tasks: tasks.clone(),
            changing: DashMap::new(),
            timers: DashMap::new(),
            evaluating: Slots::new(periodic::MOST_AT_ONCE_OF_ONE_CONSUMER, periodic::MOST_AT_ONCE),
            partitions: DashMap::new(),
            bytes_of_own_writes: Arc::default(),
            awakened: watch::Sender::new(0),
            process: OnceLock::new(),
        });
        if state.is_known() {
            subscriptions.load().await?;
        }
        Ok(subscriptions)
    }

    /// Begins what runs beside requests: periodic notifications, and writing the counts.
    pub fn start(self: &Arc<Self>, process: Process) {
        // Called once; a second process would have subscriptions of its own.
        let _ = self.process.set(process);
        for entry in self.directory.all() {
            periodic::start(self, &entry);
        }
        self.load_when_possible();
        self.follow_partitions();
        let subscriptions = Arc::downgrade(self);
        let writing = self
            .tasks
            .upkeep
            .keep_running(move || write_records_from_time_to_time(Weak::clone(&subscriptions)));
        if let Err(error) = writing {
            tracing::error!(%error, "what becomes of notifications is written at the end alone");
        }
    }

    /// Waits until no notification waits or is under way, at most as long as told. Whether that was reached.
    pub async fn delivered_within(&self, patience: Duration) -> bool {
        let until = Instant::now() + patience;
        // What is compared may have to be sent.
        self.changes.compared_within(patience).await
            && self
                .notifications
                .empty_within(until.saturating_duration_since(Instant::now()))
                .await
    }

    /// Gives up the notifications that wait or are under way, and all that come later; each is a failure of its
    /// subscription.
    pub fn give_up(&self) -> Vec<Lost> {
        for partition in self.partitions.iter().map(|partition| Arc::clone(&partition)) {
            for concerning in partition.unfollow().into_iter().filter_map(|write| write.concerning) {
                concerning.entries.iter().for_each(|entry| self.not_told(entry));
            }
        }
        for (owner, count) in self.changes.close() {
            tracing::error!(%owner, count, "stopping: changes of entities were not compared with subscriptions");
        }
        let lost = self.notifications.close();
        let current = |lost: &Lost| {
            let current = self.directory.get(&lost.key)?;
            current.is_active().then_some(current)
        };
        // What waited for a subscription that is gone or paused would not have been sent.
        let mut lost: Vec<(Lost, Arc<Entry>)> = lost
            .into_iter()
            .filter_map(|lost| current(&lost).map(|entry| (lost, entry)))
            .collect();
        lost.sort_by(|(a, _), (b, _)| (&a.key.owner, &a.key.id).cmp(&(&b.key.owner, &b.key.id)));
        for (lost, entry) in &lost {
            for _ in 0..lost.count {
                entry.record().failed(now(), None);
            }
        }
        lost.into_iter().map(|(lost, _)| lost).collect()
    }

    /// Writes how often and when subscriptions were notified.
    pub async fn write_records(&self) {
        for entry in self.directory.all() {
            let kept = {
                let mut record = entry.record();
                std::mem::take(&mut record.is_dirty).then(|| record.kept.clone())
            };
            if let Some(kept) = kept
                && let Err(error) = self.storage.keep(&entry.key, &kept).await
            {
                entry.record().is_dirty = true;
                if error.is_passing() {
                    // The others could not be written either.
                    return;
                }
                tracing::error!(%error, "what became of notifications cannot be written");
            }
        }
    }

    /// Whether an endpoint may have the address of a subscription's.
    #[must_use]
    pub fn may_notify(&self, subscription: &Subscription) -> bool {
        self.courier.may_go_to(&subscription.notification.endpoint.uri)
    }

    /// The subscription of a consumer.
    #[must_use]
    pub fn get(&self, key: &Key) -> Option<Arc<Entry>> {
        self.directory.get(key)
    }

    /// The subscriptions of a consumer for a tenant, or for the federation, the oldest first.
    #[must_use]
    pub fn list(&self, owner: &ConsumerId, tenant: Option<&TenantId>) -> Vec<Arc<Entry>> {
        let mut entries = self.directory.of(owner);
        entries.retain(|entry| entry.key.tenant.as_ref() == tenant);
        entries.sort_by(|a, b| (a.created_at, &a.key.id).cmp(&(b.created_at, &b.key.id)));
        entries
    }

    /// Whether somebody has subscribed to anything.
    #[must_use]
    pub fn are_any(&self) -> bool {
        !self.directory.is_empty()
    }

    /// Lets a notification wait for its turn, unless the subscription must be left alone now.
    fn push(self: &Arc<Self>, pending: Pending) {
        let entry = Arc::clone(&pending.entry);
        let throttling = entry.subscription.shortest_pause();
        if !entry.record().take_turn(throttling, Instant::now()) {
            return;
        }
        if !WaitingNotifications::push(self, pending) {
            self.not_told(&entry);
        }
    }

    /// Sends a notification, and notes what became of it.
    //= 5.8.6-1
    async fn send(&self, pending: Pending) {
        // Whatever has become of the subscription while the notification waited holds.
        let current = self.directory.get(&pending.entry.key);
        let current = current.filter(|current| Arc::ptr_eq(&current.record, &pending.entry.record));
        let Some(entry) = current.filter(|current| current.is_active()) else {
            return;
        };
        let Some(pending) = self.allowed_now(&entry, pending).await else {
            self.count("withdrawn");
            return;
        };
        let cooldown = entry.subscription.notification.endpoint.cooldown.as_ref();
        let cooldown = cooldown.and_then(|cooldown| duration(cooldown, 1000.0));
        let sent_at = now();
        entry.record().sent(sent_at.clone());
        let outcome = self.try_sending(&entry, &Arc::new(pending), &sent_at).await;
        self.count(outcome.map_or_else(Undelivered::as_str, |()| "ok"));
        let mut record = entry.record();
        match outcome {
            Ok(()) => record.succeeded(now()),
            Err(undelivered) => {
                tracing::warn!(owner = %entry.key.owner, reason = %undelivered, "a notification did not arrive");
                record.failed(now(), cooldown);
            }
        }
    }

    /// A notification as it may be sent at this moment: the consumer, what it proved itself by and its grants decide
    /// again, when they have changed while it waited. `None`: nothing of it may be.
    async fn allowed_now(&self, entry: &Arc<Entry>, pending: Pending) -> Option<Pending> {
        let process = self.process.get()?;
        let revision = process.revision.now();
        let consumer = entry.consumer(&revision)?;
        if Arc::ptr_eq(&revision, &pending.revision) {
            return Some(pending);
        }
        let content = match &pending.cause {
            Cause::Written(written) => changes::content_now(process, &revision, &consumer, entry, written).await,
            Cause::Time => periodic::content_now(process, &revision, &consumer, entry).await,
        };
        Some(Pending {
            content: content?,
            revision,
            ..pending
        })
    }

    /// What sending a notification may use: it takes turns with what else is computed for the owner.
    fn resources(&self, entry: &Entry, revision: &Revision, deadline: Instant) -> Resources {
        match self.process.get().zip(entry.consumer(revision)) {
            Some((process, owner)) => process.admission.beside(&owner, deadline),
            None => Resources::uncounted(deadline),
        }
    }

    fn count(&self, outcome: &'static str) {
        if let Some(process) = self.process.get() {
            process.metrics.record_notification(outcome);
        }
    }

    //= 5.3.1-2, 6.3.8-3
    async fn try_sending(&self, entry: &Arc<Entry>, pending: &Arc<Pending>, at: &DateTime) -> Result<(), Undelivered> {
        let subscription = &entry.subscription;
        let endpoint = &subscription.notification.endpoint;
        let deadline = Instant::now() + PATIENCE_FOR_CONTEXT;
        let resources = self.resources(entry, &pending.revision, deadline);
        let user = ContextUser {
            consumer: &entry.key.owner,
            host: None,
            deadline,
            resources: &resources,
        };
        let url = subscription.json_ld_context.as_deref();
        let named = url.map_or(NamedContext::Default, NamedContext::Url);
        let context = pending.revision.contexts.resolve(named, &user).await;
        let context = context.map_err(|_| Undelivered::NoContext)?;
        let id = format!("urn:ngsi-ld:Notification:{:032x}", rand::random::<u128>());
        let link = context.link();
        let body = body(id, entry, pending, context, at.clone());
        let body = resources.compute_over(pending.bytes, body).await;
        let body = body.ok().flatten().ok_or(Undelivered::Internal)?;
        let in_body = match endpoint.media_type() {
            Accept::Json => false,
            Accept::JsonLd => true,
            Accept::GeoJson => !endpoint.prefers_plain_body(),
        };
        let letter = Letter {
            endpoint,
            // The default tenant is named in no header (clause 6.3.14).
            tenant: entry
                .key
                .tenant
                .as_ref()
                .filter(|tenant| pending.revision.config.gateway.without_tenant.as_ref() != Some(tenant)),
            link: link.filter(|_| !in_body),
            body,
        };
        self.courier.deliver(letter).await
    }
}

async fn write_records_from_time_to_time(subscriptions: Weak<Subscriptions>) {
    let mut interval = tokio::time::interval(WRITING_INTERVAL);
    loop {
        interval.tick().await;
        let Some(subscriptions) = subscriptions.upgrade() else {
            return;
        };
        subscriptions.write_records().await;
    }
}

/// This moment.
pub fn now() -> DateTime {
    DateTime::from_system_time(SystemTime::now())
}

/// The body of a notification.
fn body(
    id: String,
    entry: &Arc<Entry>,
    pending: &Arc<Pending>,
    context: RequestContext,
    at: DateTime,
) -> impl Future<Output = Option<Vec<u8>>> + Send + 'static {
    let (entry, pending) = (Arc::clone(entry), Arc::clone(pending));
    async move { notification::body(&id, &entry.subscription, &pending.content, &context, &at).ok() }
}
