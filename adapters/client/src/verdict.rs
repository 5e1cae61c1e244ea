//! What one exchange with a source says about the source. It is said once, however many wait for the answer; and if nobody
//! waits for it any more, whether the source was silent.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderValue, StatusCode};
use kakehashi_contract::{AdapterError, ErrorKind, SourceId};
use kakehashi_resources::Exhausted;
use kakehashi_resources::gate::Pass;
use tokio::runtime::Handle;
use tokio::time::Instant;

use super::admission::Admission;
use super::breaker::Concern;
use super::manners::SILENCE_THAT_COUNTS;
use super::retry_after::retry_after;

/// What one exchange says about the source.
#[derive(Debug)]
pub(super) struct Verdict {
    admission: Arc<Admission>,
    /// Where probes are begun: its answer may be read where no runtime is.
    home: Option<Handle>,
    /// By which the breaker knows the credential that is presented.
    credential: u64,
    /// The consumer's own, where that is it.
    token: Option<Arc<HeaderValue>>,
    begun: Instant,
    /// Microseconds from `begun` on until something came last, or until it was sent; 0: it was not. [`WHOLE`]: there is
    /// nothing to wait for.
    heard: AtomicU64,
    is_said: AtomicBool,
}

/// Everything has come.
const WHOLE: u64 = u64::MAX;

impl Verdict {
    pub(super) fn new(admission: &Arc<Admission>, token: Option<Arc<HeaderValue>>) -> Self {
        Self {
            admission: Arc::clone(admission),
            home: Handle::try_current().ok(),
            credential: admission.credential(token.as_ref()),
            token,
            begun: Instant::now(),
            heard: AtomicU64::new(0),
            is_said: AtomicBool::new(false),
        }
    }

    /// The same of an exchange that is judged by whoever makes it.
    pub(super) fn said_elsewhere(self) -> Self {
        self.is_said.store(true, Ordering::Relaxed);
        self
    }

    /// It was sent, or something has come.
    pub(super) fn heard(&self, now: Instant) {
        let after = u64::try_from(now.saturating_duration_since(self.begun).as_micros()).unwrap_or(u64::MAX);
        self.heard.store(after.clamp(1, WHOLE - 1), Ordering::Relaxed);
    }

    /// Everything has come, or as much of it as anybody wants.
    pub(super) fn is_whole(&self) {
        self.heard.store(WHOLE, Ordering::Relaxed);
    }

    /// The answer is what it should be.
    pub(super) fn succeeded(&self) {
        if self.is_first() {
            self.admission.succeeded(self.credential);
        }
    }

    /// The source could not be reached, fell silent, broke off, or has sent what is no answer. Neither this nor success is said
    /// of an answer that is larger than what is read: what is asked for decides how large an answer is.
    pub(super) fn failed(&self) {
        if self.is_first() {
            self.concerns(Concern::Source);
        }
    }

    /// What a status that is no success says. What the request itself has caused says nothing.
    pub(super) fn has_status(&self, status: StatusCode, headers: &HeaderMap) {
        let concern = match status {
            StatusCode::UNAUTHORIZED | StatusCode::TOO_MANY_REQUESTS => Concern::Credential(self.credential),
            status if status.is_server_error() => Concern::Source,
            _ => return,
        };
        if !self.is_first() {
            return;
        }
        if let Some(after) = retry_after(headers, SystemTime::now()) {
            self.admission.is_left_alone(concern, after);
        }
        self.concerns(concern);
    }

    fn concerns(&self, concern: Concern) {
        if self.admission.failed(concern) {
            self.admission.probe(concern, self.token.clone(), self.home.as_ref());
        }
    }

    /// An error of the source, and what was wrong with what it has sent.
    pub(super) fn not_understood(&self, kind: ErrorKind, detail: impl Into<Arc<str>>) -> AdapterError {
        self.failed();
        self.admission.error(kind, detail)
    }

    /// Whether nothing was said before.
    fn is_first(&self) -> bool {
        !self.is_said.swap(true, Ordering::Relaxed)
    }

    /// Whether everybody has left a source that has been silent for long.
    fn is_left_in_silence(&self) -> bool {
        let heard = self.heard.load(Ordering::Relaxed);
        if heard == 0 || heard == WHOLE || self.is_said.load(Ordering::Relaxed) {
            return false;
        }
        let silence = self.begun.elapsed().saturating_sub(Duration::from_micros(heard));
        silence >= SILENCE_THAT_COUNTS
    }
}

impl Drop for Verdict {
    fn drop(&mut self) {
        if self.is_left_in_silence() && self.admission.doubted() {
            let token = self.token.take();
            self.admission.probe(Concern::Source, token, self.home.as_ref());
        }
    }
}

/// One request under way, until the end of its answer's body.
#[derive(Debug)]
pub(super) struct InFlight {
    verdict: Arc<Verdict>,
    _place: Option<Pass>,
}

impl InFlight {
    pub(super) fn new(verdict: Verdict, place: Option<Pass>) -> Self {
        verdict.admission.begun();
        Self {
            verdict: Arc::new(verdict),
            _place: place,
        }
    }

    /// What it says about the source, for whoever reads the answer.
    pub(super) fn verdict(&self) -> &Arc<Verdict> {
        &self.verdict
    }

    pub(super) fn error(&self, kind: ErrorKind, detail: impl Into<Arc<str>>) -> AdapterError {
        self.verdict.admission.error(kind, detail)
    }

    pub(super) fn source(&self) -> &SourceId {
        self.verdict.admission.source()
    }

    /// What the request may use is used up, which says nothing about the source.
    pub(super) fn exhausted(&self, exhausted: Exhausted) -> AdapterError {
        AdapterError::exhausted(self.source(), exhausted)
    }

    /// It goes out.
    pub(super) fn sent(&self) {
        self.verdict.heard(Instant::now());
        self.verdict.admission.sent();
    }

    /// The source has begun to answer after so long.
    pub(super) fn answered(&self, after: Duration) {
        self.verdict.heard(Instant::now());
        self.verdict.admission.answered(after);
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.verdict.admission.ended();
    }
}
