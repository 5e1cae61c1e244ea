//! Whether and when a request may go to a source: its circuit breaker, its concurrency, its rate. And what the
//! gateway remembers of how it went.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use kakehashi_resources::gate::{Gate, Pass};
use kakehashi_resources::{Exhausted, Resources};
use tokio::time::{Instant, sleep, timeout_at};

use super::SourceLimits;
use super::breaker::Breaker;
use kakehashi_contract::{AdapterError, ErrorKind, Reshaped, SourceId, SourceStatus};

/// The limits of one source, shared by all its requests.
#[derive(Debug)]
pub(super) struct Admission {
    source: SourceId,
    breaker: Breaker,
    /// Places are given by turns between callers: nobody stands behind all that another has asked.
    concurrency: Arc<Gate>,
    rate: Option<DefaultDirectRateLimiter>,
    clock: DefaultClock,
    in_flight: AtomicUsize,
    requests: AtomicU64,
    joined: AtomicU64,
    failures: AtomicU64,
    last_error: Mutex<Option<ErrorKind>>,
    is_failing: AtomicBool,
    /// Microseconds; 0: no answer yet.
    latency: AtomicU64,
}

/// How much one answer counts in the average of latencies: the last ten or so decide.
const WEIGHT_OF_ONE: u64 = 8;

impl Admission {
    pub(super) fn new(source: SourceId, limits: &SourceLimits) -> Self {
        let quota = limits.requests_per_second.map(|rate| {
            let quota = Quota::per_second(rate);
            limits.burst.map_or(quota, |burst| quota.allow_burst(burst))
        });
        Self {
            source,
            breaker: Breaker::default(),
            concurrency: Gate::new(limits.concurrency.max(1)),
            rate: quota.map(RateLimiter::direct),
            clock: DefaultClock::default(),
            in_flight: AtomicUsize::new(0),
            requests: AtomicU64::new(0),
            joined: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            last_error: Mutex::new(None),
            is_failing: AtomicBool::new(false),
            latency: AtomicU64::new(0),
        }
    }

    /// Waits until a request may go out. The concurrency comes before the rate: in the other order a queue of
    /// requests that have paid their rate would leave all at once.
    pub(super) async fn admit(
        self: &Arc<Self>,
        resources: &Resources,
        deadline: Instant,
    ) -> Result<InFlight, AdapterError> {
        if !self.breaker.admits(std::time::Instant::now()) {
            return Err(self.error(ErrorKind::Unreachable, "held back after several failures in a row"));
        }
        let place = timeout_at(deadline, resources.enter(&self.concurrency)).await;
        let Ok(place) = place else {
            return Err(self.error(ErrorKind::Overloaded, "no room within the concurrency limit"));
        };
        self.wait_for_rate(deadline).await?;
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        Ok(InFlight {
            admission: Arc::clone(self),
            _place: place,
        })
    }

    /// Whether requests are held back after several failures in a row.
    pub(super) fn is_held_back(&self) -> bool {
        self.breaker.open_since().is_some()
    }

    /// A request waits for the answer to an equal one that is under way.
    pub(super) fn joined(&self) {
        self.joined.fetch_add(1, Ordering::Relaxed);
    }

    /// The source could not be reached, fell silent, or broke off.
    pub(super) fn failed(&self) {
        self.breaker.failed(std::time::Instant::now());
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
        self.is_failing.store(true, Ordering::Relaxed);
        *self.last_error.lock().unwrap_or_else(PoisonError::into_inner) = Some(kind);
        AdapterError::new(&self.source, kind, detail)
    }

    /// The source has begun to answer after so long. Two answers at once may count as one: it is an average.
    fn answered(&self, after: Duration) {
        let micros = u64::try_from(after.as_micros()).unwrap_or(u64::MAX).max(1);
        let average = match self.latency.load(Ordering::Relaxed) {
            0 => micros,
            before => (before - before / WEIGHT_OF_ONE)
                .saturating_add(micros / WEIGHT_OF_ONE)
                .max(1),
        };
        self.latency.store(average, Ordering::Relaxed);
    }

    pub(super) fn status(&self) -> SourceStatus {
        SourceStatus {
            open_since: self.breaker.open_since(),
            in_flight: self.in_flight.load(Ordering::Relaxed),
            requests: self.requests.load(Ordering::Relaxed),
            joined: self.joined.load(Ordering::Relaxed),
            // Whoever reads its answers counts those.
            reshaped: Reshaped::default(),
            failures: self.failures.load(Ordering::Relaxed),
            last_error: *self.last_error.lock().unwrap_or_else(PoisonError::into_inner),
            is_failing: self.is_failing.load(Ordering::Relaxed),
            latency: Some(self.latency.load(Ordering::Relaxed))
                .filter(|micros| *micros > 0)
                .map(Duration::from_micros),
        }
    }
}

/// One request under way, until the end of its answer's body.
#[derive(Debug)]
pub(super) struct InFlight {
    admission: Arc<Admission>,
    _place: Pass,
}

impl InFlight {
    pub(super) fn error(&self, kind: ErrorKind, detail: impl Into<Arc<str>>) -> AdapterError {
        self.admission.error(kind, detail)
    }

    pub(super) fn source(&self) -> &SourceId {
        &self.admission.source
    }

    /// What the request may use is used up, which says nothing about the source.
    pub(super) fn exhausted(&self, exhausted: Exhausted) -> AdapterError {
        AdapterError::exhausted(&self.admission.source, exhausted)
    }

    /// It goes out.
    pub(super) fn sent(&self) {
        self.admission.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// The source has begun to answer after so long.
    pub(super) fn answered(&self, after: Duration) {
        self.admission.answered(after);
    }

    /// The source has done its part: its whole answer has arrived, or as much of it as anybody wants.
    pub(super) fn succeeded(&self) {
        self.admission.breaker.succeeded();
        self.admission.is_failing.store(false, Ordering::Relaxed);
    }

    /// The source could not be reached, fell silent, or broke off. Neither this nor success is said of an answer that
    /// somebody stops reading, nor of one that is larger than what is read: what is asked for decides how large an answer
    /// is, and no consumer may close a source to the others.
    pub(super) fn failed(&self) {
        self.admission.failed();
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.admission.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}
