//! The body of a request, which must arrive at the least rate while somebody waits for it.

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};

use super::connection_state::ConnectionState;
use super::patience::Patience;

/// How long a body may stall, and over which the least rate is averaged: three lost packets in a row of a mobile line,
/// and less than the deadline of a request, within which its sources must still be asked.
const PATIENCE_WITH_SENDERS: Duration = Duration::from_secs(5);

/// Why a body was given up: it arrived too slowly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooSlow;

impl fmt::Display for TooSlow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the body arrived too slowly")
    }
}

impl Error for TooSlow {}

impl TooSlow {
    /// Whether this was why a body could not be read.
    #[must_use]
    pub fn is_cause_of(error: &(dyn Error + 'static)) -> bool {
        let mut cause = Some(error);
        while let Some(error) = cause {
            if error.is::<Self>() {
                return true;
            }
            cause = error.source();
        }
        false
    }
}

/// A body with a least rate.
#[derive(Debug)]
pub(super) struct TimedBody<B> {
    body: B,
    patience: Patience,
    state: Arc<ConnectionState>,
}

impl<B> TimedBody<B> {
    pub(super) fn new(body: B, state: Arc<ConnectionState>) -> Self {
        Self {
            body,
            patience: Patience::for_rate(PATIENCE_WITH_SENDERS),
            state,
        }
    }
}

impl<B> HttpBody for TimedBody<B>
where
    B: HttpBody<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Unpin,
{
    type Data = Bytes;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = &mut *self;
        match Pin::new(&mut this.body).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                this.patience.moved(frame.data_ref().map_or(0, Bytes::len));
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => {
                this.state.fail_body();
                Poll::Ready(Some(Err(error.into())))
            }
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending if this.patience.has_run_out(cx) => {
                this.state.fail_body();
                Poll::Ready(Some(Err(TooSlow.into())))
            }
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
