//! What lives as long as the process: the revision that holds now, and what must survive its replacement.

// What outlives a request is spawned in `runtime` and nowhere else.
#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

pub mod conditions;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use kakehashi_federation::pages::maps::kept::EntityMaps;
use kakehashi_revision::{Process, Revision, RunningRevision};
use kakehashi_runtime::{Admission, ConsumerLimiters, FailedAttempts, Tasks};
use kakehashi_server::Pulse;
use kakehashi_state::State;
use kakehashi_subscriptions::Subscriptions;
use kakehashi_telemetry::{Exchanges, Metrics};
use kakehashi_tokens::Tokens;

/// What lives as long as the process.
#[derive(Debug)]
pub struct Gateway {
    revision: RunningRevision,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// What consumers have left of their limits.
    pub limiters: Arc<ConsumerLimiters>,
    /// Who is let in, and what each may use.
    pub admission: Arc<Admission>,
    /// The subscriptions.
    pub subscriptions: Arc<Subscriptions>,
    /// The entity maps.
    pub entity_maps: EntityMaps,
    /// Who verifies tokens.
    pub tokens: Tokens,
    /// The file of what is kept.
    pub state: State,
    /// What each address has left of attempts to prove who it is.
    pub failed_attempts: FailedAttempts,
    /// What outlives requests.
    pub tasks: Tasks,
    /// Whether the threads of connections still move.
    pub pulse: Arc<Pulse>,
    started: Instant,
    stopping: AtomicBool,
}

impl Gateway {
    /// A gateway in this process.
    #[must_use]
    pub fn new(
        process: &Process,
        tokens: Tokens,
        subscriptions: Arc<Subscriptions>,
        tasks: Tasks,
        state: State,
    ) -> Self {
        let Process {
            revision,
            admission,
            limiters,
            metrics,
        } = process.clone();
        Self {
            revision,
            metrics,
            limiters,
            admission,
            subscriptions,
            entity_maps: EntityMaps::default(),
            tokens,
            state,
            failed_attempts: FailedAttempts::default(),
            tasks,
            started: Instant::now(),
            stopping: AtomicBool::new(false),
            pulse: Arc::default(),
        }
    }

    /// What it shares with what is done beside requests.
    #[must_use]
    pub fn process(&self) -> Process {
        Process {
            revision: self.revision.clone(),
            admission: Arc::clone(&self.admission),
            limiters: Arc::clone(&self.limiters),
            metrics: Arc::clone(&self.metrics),
        }
    }

    /// Whether it was asked to end: nothing more is taken then.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Takes nothing more from now on.
    pub fn begin_stopping(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// For how long it has been running.
    #[must_use]
    pub fn uptime(&self) -> Duration {
        self.started.elapsed()
    }

    /// Lets another revision hold from now on. Requests under way keep theirs.
    pub fn replace(&self, revision: Arc<Revision>) {
        self.revision.replace(revision);
    }

    /// The revision that holds now. A request takes it once and keeps it to its end.
    #[must_use]
    pub fn revision(&self) -> Arc<Revision> {
        self.revision.now()
    }

    /// How often the sources of the revision that holds were asked.
    #[must_use]
    pub fn exchanges(&self) -> Vec<Exchanges> {
        let revision = self.revision();
        let sources = revision.registry.configured().iter();
        let counted = sources.filter_map(|source| {
            let status = source.adapter.status()?;
            Some(Exchanges {
                source: source.id.clone(),
                sent: status.requests,
                joined: status.joined,
                reshaped: status.reshaped,
            })
        });
        counted.collect()
    }
}
