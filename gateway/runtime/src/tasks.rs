//! The one spawner of what outlives a request. Nothing else in the gateway may spawn: what a handler gave to its own
//! thread would live on the runtime of that connection's thread, stall with it and end with it.
//!
//! Each kind of work has a [`Spawner`], whose work runs on the shared runtime. A panic costs that piece of work alone and
//! is counted. Where a caller can cause work, there is a bound on it for the process and for each consumer. At the end
//! it is known what is still running.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::FutureExt;
use hashbrown::HashMap;
use kakehashi_core::names::ConsumerId;
use kakehashi_telemetry::TaskMetrics;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

/// Writes of entities at once, those that wait for their turn among them. Each holds the entities that it writes.
pub(crate) const MOST_WRITES: usize = 1024;

/// Writes of one consumer at once: half of all, so that nobody can have all of them.
pub(crate) const MOST_WRITES_OF_ONE_CONSUMER: usize = 512;

/// Changes of what consumers store in the state (subscriptions, contexts) at once; one connection makes them.
pub(crate) const MOST_CHANGES_OF_STATE: usize = 256;

/// The same of one consumer.
pub(crate) const MOST_CHANGES_OF_STATE_OF_ONE_CONSUMER: usize = 32;

/// Lines of notifications at once, one for each consumer and server: as many as there may be subscriptions.
pub(crate) const MOST_LINES_OF_NOTIFICATIONS: usize = 20_000;

/// Subscriptions with a `timeInterval` that wait for their time: as many as there may be, and as many again that have
/// just been replaced and are ending.
pub(crate) const MOST_PERIODIC: usize = 40_000;

/// Downloads of @contexts that are under way or wait for a place, for all consumers together.
pub(crate) const MOST_CONTEXT_DOWNLOADS: usize = 512;

/// The same for one consumer: all documents of two contexts.
pub(crate) const MOST_CONTEXT_DOWNLOADS_OF_ONE_CONSUMER: usize = 64;

/// Issuers of tokens whose keys are fetched at once: more than are ever configured, each by one task.
pub(crate) const MOST_KEYS_OF_ISSUERS: usize = 256;

/// How long after a panic what has to run as long as the process is begun again: long enough not to fill the log.
const PAUSE_AFTER_PANIC: Duration = Duration::from_secs(1);

/// Everything that is spawned, by kind. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Tasks {
    /// Writes of entities, until they are told.
    pub writes: Spawner,
    /// Changes of what consumers store in the state: subscriptions, contexts.
    pub state: Spawner,
    /// Revisions that administrators propose.
    pub revisions: Spawner,
    /// The lines of notifications that wait for their servers.
    pub notifications: Spawner,
    /// Subscriptions that notify from time to time.
    pub periodic: Spawner,
    /// Downloads of @contexts.
    pub contexts: Spawner,
    /// The keys of those who sign tokens.
    pub keys: Spawner,
    /// What is done from time to time: what has expired is removed, counts are written.
    pub upkeep: Spawner,
    /// What waits for files to change and for signals.
    pub watchers: Spawner,
    /// Those who accept connections.
    pub listeners: Spawner,
}

/// Spawns one kind of work. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Spawner(Arc<Kind>);

#[derive(Debug)]
struct Kind {
    name: &'static str,
    runtime: Handle,
    metrics: Arc<TaskMetrics>,
    tracker: TaskTracker,
    ended: CancellationToken,
    places: Arc<Semaphore>,
    most_of_one: usize,
    consumers: Mutex<HashMap<ConsumerId, usize>>,
}

/// As much of this kind is under way as may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("as much of this kind is under way as may be; try again")]
pub struct TooMany;

/// A piece of work under way, which goes on when this is dropped. Awaiting it gives its outcome.
#[derive(Debug)]
pub struct Task<T>(JoinHandle<Option<T>>);

/// There is no outcome: the work has panicked, or the process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the work was broken off by a fault of the gateway or by its end")]
pub struct BrokenOff;

/// A piece of work that ends when this is dropped.
#[derive(Debug)]
pub struct OwnedTask {
    _task: AbortOnDropHandle<Option<()>>,
}

impl Tasks {
    /// Everything will run on this runtime.
    #[must_use]
    pub fn on(runtime: &Handle, metrics: &Arc<TaskMetrics>) -> Self {
        let kind = |name, most, most_of_one| {
            Spawner(Arc::new(Kind {
                name,
                runtime: runtime.clone(),
                metrics: Arc::clone(metrics),
                tracker: TaskTracker::new(),
                ended: CancellationToken::new(),
                places: Arc::new(Semaphore::new(most)),
                most_of_one,
                consumers: Mutex::default(),
            }))
        };
        // What no caller can cause needs no bound.
        let unbounded = |name| kind(name, Semaphore::MAX_PERMITS, usize::MAX);
        Self {
            writes: kind("write", MOST_WRITES, MOST_WRITES_OF_ONE_CONSUMER),
            state: kind("state", MOST_CHANGES_OF_STATE, MOST_CHANGES_OF_STATE_OF_ONE_CONSUMER),
            revisions: unbounded("revision"),
            notifications: kind("notifications", MOST_LINES_OF_NOTIFICATIONS, usize::MAX),
            periodic: kind("periodic", MOST_PERIODIC, usize::MAX),
            contexts: kind(
                "context",
                MOST_CONTEXT_DOWNLOADS,
                MOST_CONTEXT_DOWNLOADS_OF_ONE_CONSUMER,
            ),
            keys: kind("keys", MOST_KEYS_OF_ISSUERS, usize::MAX),
            upkeep: unbounded("upkeep"),
            watchers: unbounded("watcher"),
            listeners: unbounded("listener"),
        }
    }

    /// How many of each kind are running, of those kinds of which some are.
    #[must_use]
    pub fn running(&self) -> Vec<(&'static str, usize)> {
        let counts = self.all().map(|spawner| (spawner.0.name, spawner.running()));
        counts.into_iter().filter(|(_, count)| *count > 0).collect()
    }

    const fn all(&self) -> [&Spawner; 10] {
        [
            &self.writes,
            &self.state,
            &self.revisions,
            &self.notifications,
            &self.periodic,
            &self.contexts,
            &self.keys,
            &self.upkeep,
            &self.watchers,
            &self.listeners,
        ]
    }
}

impl Spawner {
    /// Begins a piece of work.
    ///
    /// # Errors
    /// [`TooMany`]
    pub fn spawn<T, W>(&self, work: W) -> Result<Task<T>, TooMany>
    where
        T: Send + 'static,
        W: Future<Output = T> + Send + 'static,
    {
        let place = self.place(None)?;
        Ok(self.run(place, work))
    }

    /// The same on behalf of a consumer, who may have only so much of it at once.
    ///
    /// # Errors
    /// [`TooMany`]
    pub fn spawn_for<T, W>(&self, consumer: &ConsumerId, work: W) -> Result<Task<T>, TooMany>
    where
        T: Send + 'static,
        W: Future<Output = T> + Send + 'static,
    {
        let place = self.place(Some(consumer))?;
        Ok(self.run(place, work))
    }

    /// Begins work that has to go on until it ends by itself: after a panic it is begun again.
    ///
    /// # Errors
    /// [`TooMany`]
    pub fn keep_running<W>(&self, begin: impl Fn() -> W + Send + Sync + 'static) -> Result<Task<()>, TooMany>
    where
        W: Future<Output = ()> + Send + 'static,
    {
        let place = self.place(None)?;
        let spawner = self.clone();
        let work = async move {
            while spawner.guarded(begin()).await.is_none() {
                tokio::time::sleep(PAUSE_AFTER_PANIC).await;
            }
        };
        Ok(self.run(place, work))
    }

    /// A part of a piece of work whose panic must not cost the rest; `None`: it has panicked.
    pub async fn guarded<T>(&self, part: impl Future<Output = T> + Send) -> Option<T> {
        match AssertUnwindSafe(part).catch_unwind().await {
            Ok(outcome) => Some(outcome),
            Err(_) => {
                // What a panic says may hold a value; where it was is on standard error.
                self.0.metrics.record_panic(self.0.name);
                tracing::error!(kind = self.0.name, "a task panicked; it cost this task alone");
                None
            }
        }
    }

    /// Ends all of it, at its next wait.
    pub fn cancel(&self) {
        self.0.ended.cancel();
    }

    /// Waits until nothing of it is running, at most as long as told. Whether that was reached.
    pub async fn ended_within(&self, patience: Duration) -> bool {
        self.0.tracker.close();
        tokio::time::timeout(patience, self.0.tracker.wait()).await.is_ok()
    }

    /// How much of it is running.
    #[must_use]
    pub fn running(&self) -> usize {
        self.0.tracker.len()
    }

    #[expect(clippy::disallowed_methods, reason = "this is the one place that may spawn")]
    fn run<T, W>(&self, place: Place, work: W) -> Task<T>
    where
        T: Send + 'static,
        W: Future<Output = T> + Send + 'static,
    {
        let spawner = self.clone();
        let work = async move {
            let outcome = spawner.0.ended.run_until_cancelled(spawner.guarded(work)).await;
            drop(place);
            outcome.flatten()
        };
        Task(self.0.tracker.spawn_on(work, &self.0.runtime))
    }

    /// Room for one more.
    fn place(&self, consumer: Option<&ConsumerId>) -> Result<Place, TooMany> {
        let kind = &self.0;
        let refused = |_| {
            kind.metrics.record_refusal(kind.name);
            TooMany
        };
        let place = Arc::clone(&kind.places).try_acquire_owned().map_err(refused)?;
        if let Some(consumer) = consumer {
            let mut consumers = kind.consumers();
            let count = consumers.entry(consumer.clone()).or_default();
            if *count >= kind.most_of_one {
                kind.metrics.record_refusal(kind.name);
                return Err(TooMany);
            }
            *count += 1;
        }
        kind.metrics.record_running(kind.name, 1);
        Ok(Place {
            kind: Arc::clone(kind),
            consumer: consumer.cloned(),
            _place: place,
        })
    }
}

impl Kind {
    fn consumers(&self) -> MutexGuard<'_, HashMap<ConsumerId, usize>> {
        // Nothing panics while it is held.
        self.consumers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of one piece of work, given back when it ends, however it ends.
#[derive(Debug)]
struct Place {
    kind: Arc<Kind>,
    consumer: Option<ConsumerId>,
    _place: OwnedSemaphorePermit,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.kind.metrics.record_running(self.kind.name, -1);
        let Some(consumer) = &self.consumer else { return };
        let mut consumers = self.kind.consumers();
        if let Some(count) = consumers.get_mut(consumer) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                consumers.remove(consumer);
            }
        }
    }
}

impl<T> Future for Task<T> {
    type Output = Result<T, BrokenOff>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let outcome = Pin::new(&mut self.0).poll(cx);
        outcome.map(|outcome| outcome.ok().flatten().ok_or(BrokenOff))
    }
}

impl Task<()> {
    /// The same work, which ends when what is returned is dropped.
    #[must_use]
    pub fn owned(self) -> OwnedTask {
        OwnedTask {
            _task: AbortOnDropHandle::new(self.0),
        }
    }
}
