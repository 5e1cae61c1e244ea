//! Whether and when a request may go to a source: its circuit breaker, its concurrency, its rate. And what the
//! gateway remembers of how it went.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, timeout_at};

use super::breaker::Breaker;
use super::{SourceLimits, SourceStatus};
use crate::contract::{AdapterError, ErrorKind, SourceId};

/// The limits of one source, shared by all its requests.
#[derive(Debug)]
pub(super) struct Admission {
    source: SourceId,
    breaker: Breaker,
    concurrency: Arc<Semaphore>,
    rate: Option<DefaultDirectRateLimiter>,
    clock: DefaultClock,
    in_flight: AtomicUsize,
    requests: AtomicU64,
    failures: AtomicU64,
    last_error: Mutex<Option<ErrorKind>>,
}

impl Admission {
    pub(super) fn new(source: SourceId, limits: &SourceLimits) -> Self {
        let quota = limits.requests_per_second.map(|rate| {
            let quota = Quota::per_second(rate);
            limits.burst.map_or(quota, |burst| quota.allow_burst(burst))
        });
        Self {
            source,
            breaker: Breaker::default(),
            concurrency: Arc::new(Semaphore::new(limits.concurrency.clamp(1, Semaphore::MAX_PERMITS))),
            rate: quota.map(RateLimiter::direct),
            clock: DefaultClock::default(),
            in_flight: AtomicUsize::new(0),
            requests: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            last_error: Mutex::new(None),
        }
    }

    /// Waits until a request may go out. The concurrency comes before the rate: in the other order a queue of
    /// requests that have paid their rate would leave all at once.
    pub(super) async fn admit(self: &Arc<Self>, deadline: Instant) -> Result<InFlight, AdapterError> {
        if !self.breaker.admits(std::time::Instant::now()) {
            return Err(self.error(ErrorKind::Unreachable, "held back after several failures in a row"));
        }
        let permit = match timeout_at(deadline, Arc::clone(&self.concurrency).acquire_owned()).await {
            Ok(Ok(permit)) => permit,
            Ok(Err(_)) => return Err(self.error(ErrorKind::Internal, "the concurrency limit is closed")),
            Err(_) => return Err(self.error(ErrorKind::Overloaded, "no room within the concurrency limit")),
        };
        self.wait_for_rate(deadline).await?;
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        self.requests.fetch_add(1, Ordering::Relaxed);
        Ok(InFlight {
            admission: Arc::clone(self),
            _permit: permit,
        })
    }

    async fn wait_for_rate(&self, deadline: Instant) -> Result<(), AdapterError> {
        let Some(rate) = &self.rate else {
            return Ok(());
        };
        while let Err(not_until) = rate.check() {
            let wait = not_until.wait_time_from(self.clock.now());
            if Instant::now() + wait >= deadline {
                return Err(self.error(ErrorKind::Overloaded, "no room within the rate limit"));
            }
            sleep(wait).await;
        }
        Ok(())
    }

    /// An error of this source, remembered for its status.
    pub(super) fn error(&self, kind: ErrorKind, detail: impl Into<Arc<str>>) -> AdapterError {
        self.failures.fetch_add(1, Ordering::Relaxed);
        *self.last_error.lock().unwrap_or_else(PoisonError::into_inner) = Some(kind);
        AdapterError::new(&self.source, kind, detail)
    }

    pub(super) fn breaker(&self) -> &Breaker {
        &self.breaker
    }

    pub(super) fn status(&self) -> SourceStatus {
        SourceStatus {
            open_breaker: self.breaker.is_open(),
            in_flight: self.in_flight.load(Ordering::Relaxed),
            requests: self.requests.load(Ordering::Relaxed),
            failures: self.failures.load(Ordering::Relaxed),
            last_error: *self.last_error.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }
}

/// One request under way, until the end of its answer's body.
#[derive(Debug)]
pub(super) struct InFlight {
    admission: Arc<Admission>,
    _permit: OwnedSemaphorePermit,
}

impl InFlight {
    pub(super) fn error(&self, kind: ErrorKind, detail: impl Into<Arc<str>>) -> AdapterError {
        self.admission.error(kind, detail)
    }

    pub(super) fn breaker(&self) -> &Breaker {
        self.admission.breaker()
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.admission.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}
