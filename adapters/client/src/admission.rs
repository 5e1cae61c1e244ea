//! Whether and when a request may go to a source: its circuit breaker, its concurrency, its rate. And what the
//! gateway remembers of how it went.

use std::fmt;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use hashbrown::DefaultHashBuilder;
use http::HeaderValue;
use kakehashi_resources::Resources;
use kakehashi_resources::gate::{Gate, Pass};
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep, timeout_at};

use super::SourceLimits;
use super::breaker::{Breaker, Concern, Entry, Probed};
use kakehashi_contract::{AdapterError, ErrorKind, Reshaped, SourceId, SourceStatus};

/// The limits of one source, shared by all its requests.
#[derive(Debug)]
pub(super) struct Admission {
    source: SourceId,
    breaker: Breaker,
    prober: OnceLock<Prober>,
    hashes: DefaultHashBuilder,
    /// The source's own, within which a request has its place and its rate.
    timeout: Duration,
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

/// Begins a probe on a thread: what it concerns, and with which consumer's token.
pub(super) struct Prober(pub(super) Box<BeginsProbe>);

type BeginsProbe = dyn Fn(&Arc<Admission>, Concern, Option<Arc<HeaderValue>>, &Handle) + Send + Sync;

impl fmt::Debug for Prober {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Prober")
    }
}

/// The gateway's own credential, or none.
const OWN_CREDENTIAL: u64 = 0;

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
            prober: OnceLock::new(),
            hashes: DefaultHashBuilder::default(),
            timeout: limits.timeout,
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

    /// By which the breaker knows a credential: a consumer's own, or the gateway's.
    pub(super) fn credential(&self, token: Option<&Arc<HeaderValue>>) -> u64 {
        // 0 stands for the gateway's own.
        token.map_or(OWN_CREDENTIAL, |token| self.hashes.hash_one(token.as_bytes()).max(1))
    }

    /// Who sends probes.
    pub(super) fn probed_by(&self, prober: Prober) {
        // Each source has one.
        let _ = self.prober.set(prober);
    }

    /// Begins a probe there, which the breaker waits for.
    pub(super) fn probe(self: &Arc<Self>, concern: Concern, token: Option<Arc<HeaderValue>>, home: Option<&Handle>) {
        match (self.prober.get(), home) {
            (Some(Prober(begin)), Some(home)) => begin(self, concern, token, home),
            // The thread ends.
            _ => self.probed(concern, Probed::Unknown),
        }
    }

    /// Waits until a request may go out. The concurrency comes before the rate: in the other order a queue of
    /// requests that have paid their rate would leave all at once.
    pub(super) async fn admit(
        self: &Arc<Self>,
        token: Option<&Arc<HeaderValue>>,
        resources: &Resources,
        of_request: Instant,
    ) -> Result<Pass, AdapterError> {
        let credential = self.credential(token);
        loop {
            // As long as the probe takes, or the caller's own time.
            self.wait_for_breaker(credential, token, of_request).await?;
            let deadline = (Instant::now() + self.timeout).min(of_request);
            let place = timeout_at(deadline, resources.enter(&self.concurrency)).await;
            let Ok(place) = place else {
                return Err(self.error(ErrorKind::Overloaded, "no room within the concurrency limit"));
            };
            self.wait_for_rate(deadline).await?;
            // While it waited the source may have failed others.
            if !self.breaker.is_in_the_way(credential) {
                return Ok(place);
            }
        }
    }

    /// Waits for the probe where one decides whether requests may go out.
    async fn wait_for_breaker(
        self: &Arc<Self>,
        credential: u64,
        token: Option<&Arc<HeaderValue>>,
        deadline: Instant,
    ) -> Result<(), AdapterError> {
        loop {
            match self.breaker.entry(credential, std::time::Instant::now()) {
                Entry::Yes => return Ok(()),
                Entry::No(Concern::Source, said) => {
                    let detail = match said {
                        Some(_) => "held back, as the source has said",
                        None => "held back after several failures in a row",
                    };
                    return Err(self.held_back(detail, said));
                }
                Entry::No(Concern::Credential(_), said) => {
                    return Err(self.held_back("held back, because the source refuses the credential", said));
                }
                Entry::Probe(concern) => {
                    self.probe(concern, token.cloned(), Handle::try_current().ok().as_ref());
                }
                Entry::Wait(decided, until) => {
                    let until = until.map_or(deadline, |until| Instant::from_std(until).min(deadline));
                    if timeout_at(until, decided).await.is_err() && until == deadline {
                        return Err(self.held_back("held back until it is known whether the source answers", None));
                    }
                }
            }
        }
    }

    fn held_back(&self, detail: &'static str, said: Option<Duration>) -> AdapterError {
        let error = self.error(ErrorKind::Unreachable, detail);
        error.to_be_repeated_after(said).held_back()
    }

    /// Whether requests are held back, or may be by what a probe finds out.
    pub(super) fn is_held_back(&self, token: Option<&Arc<HeaderValue>>) -> bool {
        self.breaker.is_in_the_way(self.credential(token))
    }

    /// A request waits for the answer to an equal one that is under way.
    pub(super) fn joined(&self) {
        self.joined.fetch_add(1, Ordering::Relaxed);
    }

    /// The source has answered as it should.
    pub(super) fn succeeded(&self, credential: u64) {
        self.breaker.succeeded(credential, std::time::Instant::now());
        self.is_failing.store(false, Ordering::Relaxed);
    }

    /// Something has failed. True: a probe must begin.
    pub(super) fn failed(&self, concern: Concern) -> bool {
        self.breaker.failed(concern, std::time::Instant::now())
    }

    /// It wants to be left alone for so long.
    pub(super) fn is_left_alone(&self, concern: Concern, after: Duration) {
        self.breaker.is_left_alone(concern, after, std::time::Instant::now());
    }

    #[cfg(test)]
    pub(super) fn let_time_pass(&self, time: Duration) {
        self.breaker.let_time_pass(time);
    }

    /// A caller has left a silent source. True: a probe must begin.
    pub(super) fn doubted(&self) -> bool {
        self.breaker.doubted(std::time::Instant::now())
    }

    pub(super) fn probed(&self, concern: Concern, probed: Probed) {
        self.breaker.probed(concern, probed, std::time::Instant::now());
    }

    pub(super) async fn wait_for_rate(&self, deadline: Instant) -> Result<(), AdapterError> {
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

    /// A request has begun.
    pub(super) fn begun(&self) {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
    }

    /// A request has ended, as has its answer.
    pub(super) fn ended(&self) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
    }

    /// A request goes out.
    pub(super) fn sent(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn source(&self) -> &SourceId {
        &self.source
    }

    /// The source has begun to answer after so long. Two answers at once may count as one: it is an average.
    pub(super) fn answered(&self, after: Duration) {
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
            open_since: self.breaker.open_since(OWN_CREDENTIAL),
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
