//! Kakehashi, the reverse-proxy core: from a consumer's request to the sources and back.
//!
//! | module | owns |
//! |---|---|
//! | [`config`] | loading and checking tenants.toml and policies/ as one immutable revision |
//! | [`certificates`] | certificates and keys: what they say, and what is wrong with them |
//! | [`server`] | listeners, connections and their limits, graceful shutdown |
//! | [`edge`] | the layers in request order: trace, hygiene, caller, rate limit, tenant |
//! | [`api`] | the NGSI-LD HTTP binding |
//! | [`contexts`] | the @contexts of requests: downloaded, cached, hosted, compiled |
//! | [`subscriptions`] | subscriptions and their notifications |
//! | [`egress`] | requests to addresses that clients have named |
//! | [`state`] | the file of what the gateway keeps |
//! | [`conditions`] | what is wrong now |
//! | [`policy`] | grants, narrowing, classification, inspection of values |
//! | [`federation`] | registry, plan, fan-out, merging, pages |
//! | [`tokens`] | verifying JSON Web Tokens, and the keys of those who sign them |
//! | [`telemetry`] | logs and metrics, without any value |
//! | [`diff`] | who gains and who loses what between two revisions |
//! | [`explain`] | what would become of a request, and why |
//! | [`admin`] | the administrators' listener |
//! | [`command`] | the command line |
//! | [`runtime`] | who is let in, how much a request may use, what outlives it, and stopping |
//! | [`reload`] | taking over an edited configuration while running |
//! | [`revision`], [`running`] | putting the parts together, and keeping them up |

// What outlives a request is spawned in `runtime` and nowhere else.
#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

pub mod admin;
pub mod api;
pub mod certificates;
pub mod command;
pub mod conditions;
pub mod config;
pub mod contexts;
mod controls;
pub mod diff;
pub mod edge;
pub mod egress;
pub mod explain;
pub mod federation;
pub mod policy;
pub mod reload;
pub mod revision;
pub mod running;
pub mod runtime;
pub mod server;
pub mod state;
pub mod subscriptions;
pub mod telemetry;
pub mod tokens;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;

pub use revision::Revision;

use edge::{ConsumerLimiters, FailedAttempts};
use runtime::{Admission, Tasks};
use server::Pulse;
use state::State;
use subscriptions::Subscriptions;
use telemetry::Metrics;
use tokens::Tokens;

/// What lives as long as the process: the revision that holds now, and what must survive its replacement.
#[derive(Debug)]
pub struct Gateway {
    revision: ArcSwap<Revision>,
    metrics: Metrics,
    limiters: ConsumerLimiters,
    admission: Admission,
    subscriptions: Arc<Subscriptions>,
    tokens: Tokens,
    state: State,
    failed_attempts: FailedAttempts,
    tasks: Tasks,
    started: Instant,
    stopping: AtomicBool,
    pulse: Arc<Pulse>,
}

impl Gateway {
    /// A gateway that begins with this revision.
    #[must_use]
    pub fn new(
        revision: Revision,
        metrics: Metrics,
        tokens: Tokens,
        subscriptions: Arc<Subscriptions>,
        admission: Admission,
        tasks: Tasks,
        state: State,
    ) -> Self {
        Self {
            revision: ArcSwap::from_pointee(revision),
            metrics,
            limiters: ConsumerLimiters::default(),
            admission,
            subscriptions,
            tokens,
            state,
            failed_attempts: FailedAttempts::default(),
            tasks,
            started: Instant::now(),
            stopping: AtomicBool::new(false),
            pulse: Arc::default(),
        }
    }

    /// Whether it was asked to end: nothing more is taken then.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    fn begin_stopping(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// For how long it has been running.
    #[must_use]
    pub fn uptime(&self) -> Duration {
        self.started.elapsed()
    }

    /// Lets another revision hold from now on. Requests under way keep theirs.
    pub fn replace(&self, revision: Arc<Revision>) {
        self.revision.store(revision);
    }

    /// The revision that holds now. A request takes it once and keeps it to its end.
    #[must_use]
    pub fn revision(&self) -> Arc<Revision> {
        self.revision.load_full()
    }
}
