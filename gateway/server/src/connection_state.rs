//! What is known of one connection while it lives: whether a request is under way, since when none is, whether it is
//! asked to end. Whoever reads, answers and writes on it notes it here; whoever needs room looks.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::task::AtomicWaker;
use kakehashi_core::ClientNetwork;
use kakehashi_telemetry::ConnectionMetrics;
use tokio::time::Instant;

use super::head_room::HeadRoom;
use super::malformed::Malformed;

/// Why a connection is asked to end. It ends when no request is under way on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// The gateway stops.
    Stopping,
    /// Somebody else needs the room.
    Room,
}

/// What is cut off because its reader is too slow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CutOff {
    /// A connection whose peer does not read.
    SlowReader,
    /// One answer of an HTTP/2 connection, whose stream gets no window.
    SlowStream,
}

/// One connection.
#[derive(Debug)]
pub(super) struct ConnectionState {
    pub(super) number: u64,
    pub(super) group: Group,
    metrics: Arc<ConnectionMetrics>,
    pub(super) head_room: Arc<HeadRoom>,
    began: Instant,
    /// When a piece of an answer on a stream was taken last, in microseconds after `began`.
    taken_at: AtomicU64,
    /// Requests of which the last byte of the answer has not left yet.
    under_way: AtomicUsize,
    /// Whether something waits to be written.
    blocked: AtomicBool,
    /// When the last request ended, in microseconds after `began`.
    idle_since: AtomicU64,
    ending: AtomicU8,
    waker: AtomicWaker,
    /// Requests that were answered or begun to be.
    requests: AtomicU64,
    /// The request that is none, by its number.
    malformed: OnceLock<(u64, Malformed)>,
    /// Whether the body of a request could not be read to its end.
    body_failed: AtomicBool,
}

/// A request that is under way, until this is dropped.
#[derive(Debug)]
pub(super) struct UnderWay(Arc<ConnectionState>);

impl ConnectionState {
    pub(super) fn new(number: u64, group: Group, metrics: Arc<ConnectionMetrics>, head_room: Arc<HeadRoom>) -> Self {
        Self {
            number,
            group,
            metrics,
            head_room,
            began: Instant::now(),
            taken_at: AtomicU64::new(0),
            under_way: AtomicUsize::new(0),
            blocked: AtomicBool::new(false),
            idle_since: AtomicU64::new(0),
            ending: AtomicU8::new(0),
            waker: AtomicWaker::new(),
            requests: AtomicU64::new(0),
            malformed: OnceLock::new(),
            body_failed: AtomicBool::new(false),
        }
    }

    /// A request begins.
    pub(super) fn begin_request(self: &Arc<Self>) -> UnderWay {
        self.under_way.fetch_add(1, Ordering::Relaxed);
        UnderWay(Arc::clone(self))
    }

    /// Requests under way.
    pub(super) fn under_way(&self) -> usize {
        self.under_way.load(Ordering::Relaxed)
    }

    /// Since when no request is under way; `None`: one is.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        let is_idle = self.under_way() == 0 && !self.blocked.load(Ordering::Relaxed);
        is_idle.then(|| self.began + Duration::from_micros(self.idle_since.load(Ordering::Relaxed)))
    }

    /// A piece of an answer on one of its streams was taken.
    pub(super) fn note_taken(&self) {
        let now = u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.taken_at.store(now, Ordering::Relaxed);
    }

    /// When that was last; its beginning, if it never was.
    pub(super) fn taken_at(&self) -> Instant {
        self.began + Duration::from_micros(self.taken_at.load(Ordering::Relaxed))
    }

    /// Says whether something waits to be written.
    pub(super) fn set_blocked(&self, blocked: bool) {
        // Most often it is as it was, and other processors need not be told.
        if self.blocked.load(Ordering::Relaxed) != blocked {
            self.blocked.store(blocked, Ordering::Relaxed);
        }
    }

    /// Something was cut off.
    pub(super) fn cut_off(&self, what: CutOff) {
        self.metrics.record_cut_off(match what {
            CutOff::SlowReader => "connection",
            CutOff::SlowStream => "stream",
        });
    }

    /// Asks the connection to end. The first reason stays.
    pub(super) fn end(&self, ending: Ending) {
        let ending = match ending {
            Ending::Stopping => 1,
            Ending::Room => 2,
        };
        // Whether it was asked before does not matter: it is woken once more.
        let _ = self
            .ending
            .compare_exchange(0, ending, Ordering::Release, Ordering::Relaxed);
        self.waker.wake();
    }

    /// Waits until the connection is asked to end. One task waits at a time.
    pub(super) fn poll_ending(&self, cx: &Context<'_>) -> Poll<Ending> {
        let asked = || match self.ending.load(Ordering::Acquire) {
            0 => Poll::Pending,
            1 => Poll::Ready(Ending::Stopping),
            _ => Poll::Ready(Ending::Room),
        };
        if let Poll::Ready(ending) = asked() {
            return Poll::Ready(ending);
        }
        self.waker.register(cx.waker());
        asked()
    }

    /// The request of this number, from 0, stands for one that is none.
    pub(super) fn refuse(&self, number: u64, malformed: Malformed) {
        // There is one on a connection: its last.
        let _ = self.malformed.set((number, malformed));
    }

    /// What the next request is instead of one of HTTP, if it is none.
    pub(super) fn next_request(&self) -> Option<Malformed> {
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        let (malformed, what) = self.malformed.get()?;
        (*malformed == number).then_some(*what)
    }

    /// The body of a request could not be read to its end.
    pub(super) fn fail_body(&self) {
        self.body_failed.store(true, Ordering::Relaxed);
    }

    /// Whether that was so.
    pub(super) fn has_failed_body(&self) -> bool {
        self.body_failed.load(Ordering::Relaxed)
    }
}

impl UnderWay {
    /// On which connection.
    pub(super) fn connection(&self) -> &ConnectionState {
        &self.0
    }

    /// The connection, to be kept.
    pub(super) fn shared(&self) -> Arc<ConnectionState> {
        Arc::clone(&self.0)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let state = &*self.0;
        let now = u64::try_from(state.began.elapsed().as_micros()).unwrap_or(u64::MAX);
        state.idle_since.store(now, Ordering::Relaxed);
        state.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Whose a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Group {
    /// A client's.
    Client(ClientNetwork),
    /// A trusted proxy's, decided when it was accepted.
    Trusted,
}
