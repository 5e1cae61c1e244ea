//! Answers on streams of HTTP/2. Its flow control lets a client read a connection and give one of its streams no window;
//! the library would keep that stream's answer for ever. Here a piece of an answer must be taken within a bound.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use hyper::rt::Executor;
use tokio::time::{Instant, sleep_until};

use super::connection_state::{ConnectionState, CutOff};
use super::patience::LEAST_RATE;
use super::timed_io::PATIENCE_WITH_READERS;

tokio::task_local! {
    /// The stream that a task of the library serves.
    static STREAM: Arc<Stream>;
}

/// So many answers at once may share a slow line, each with its part of the least rate ([`LEAST_RATE`]): with more of them
/// under way that nobody takes, a client would only buy time for each.
const MOST_SHARING: u64 = 8;

/// A stream, as far as it is known whether its answer is taken.
#[derive(Debug, Default)]
pub(super) struct Stream {
    /// The piece that was offered last; `None`: it has been taken.
    offered: Mutex<Option<Offered>>,
}

/// A piece of an answer that waits to be taken.
#[derive(Debug, Clone, Copy)]
struct Offered {
    at: Instant,
    /// When it must have been taken, as slow as the connection may be.
    until: Instant,
}

impl Stream {
    /// The stream that is served here; `None`: it is a connection of HTTP/1.
    pub(super) fn current() -> Option<Arc<Self>> {
        STREAM.try_with(Arc::clone).ok()
    }

    /// A piece was offered. The requests under way on a connection share its line, and each may be as slow as its share
    /// of the least rate.
    pub(super) fn offered(&self, bytes: usize, connection: &ConnectionState) {
        let sharing = (connection.under_way() as u64).clamp(1, MOST_SHARING);
        let micros = (bytes as u64).saturating_mul(1_000_000).saturating_mul(sharing) / LEAST_RATE;
        let at = Instant::now();
        self.set(Some(Offered {
            at,
            until: at + PATIENCE_WITH_READERS + Duration::from_micros(micros),
        }));
    }

    /// It has been taken.
    pub(super) fn taken(&self, connection: &ConnectionState) {
        if self.set(None).is_some() {
            connection.note_taken();
        }
    }

    fn set(&self, offered: Option<Offered>) -> Option<Offered> {
        std::mem::replace(
            &mut *self.offered.lock().unwrap_or_else(PoisonError::into_inner),
            offered,
        )
    }

    /// When the piece that waits must have been taken: within its time, and sooner when nothing at all is taken on the
    /// connection.
    fn until(&self, connection: &ConnectionState) -> Option<Instant> {
        let offered = (*self.offered.lock().unwrap_or_else(PoisonError::into_inner))?;
        let without_any = offered.at.max(connection.taken_at()) + PATIENCE_WITH_READERS;
        Some(offered.until.min(without_any))
    }
}

/// Runs the streams of one connection. A stream that is given up is reset.
#[derive(Debug, Clone)]
pub(super) struct StreamExecutor(pub(super) Arc<ConnectionState>);

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for StreamExecutor {
    #[expect(
        clippy::disallowed_methods,
        reason = "a stream is its connection's, and ends with it"
    )]
    fn execute(&self, serving: F) {
        let (stream, connection) = (Arc::new(Stream::default()), Arc::clone(&self.0));
        let watched = watch(serving, Arc::clone(&stream), connection);
        tokio::spawn(STREAM.scope(stream, watched));
    }
}

/// Serves a stream until it is answered, or a piece of its answer was not taken in time.
async fn watch(serving: impl Future<Output = ()>, stream: Arc<Stream>, connection: Arc<ConnectionState>) {
    let mut serving = pin!(serving);
    let mut timer = None;
    poll_fn(|cx| {
        if serving.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        let Some(until) = stream.until(&connection) else {
            return Poll::Pending;
        };
        let timer = timer.get_or_insert_with(|| Box::pin(sleep_until(until)));
        while timer.as_mut().poll(cx).is_ready() {
            // Another stream may have been taken from meanwhile.
            let until = stream.until(&connection).unwrap_or(until);
            if Instant::now() >= until {
                connection.cut_off(CutOff::SlowStream);
                return Poll::Ready(());
            }
            timer.as_mut().reset(until);
        }
        Poll::Pending
    })
    .await;
}
