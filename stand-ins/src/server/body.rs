//! Response bodies: whole ones, and the two kinds that never end.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use tokio::time::{Interval, MissedTickBehavior, interval};

/// Slow enough that no sensible limit on size ends it, quick enough that a limit on idle time does not either.
const DRIP: Duration = Duration::from_millis(100);

/// Entities in one piece of the endless body, about 16 KiB.
const ENTITIES_IN_A_PIECE: usize = 200;

#[derive(Debug)]
pub(super) enum Body {
    Full(Option<Bytes>),
    Drip { first: bool, ticks: Pin<Box<Interval>> },
    Endless { first: bool, piece: Bytes },
}

// === impl Body ===

impl Body {
    pub(super) fn full(bytes: Bytes) -> Self {
        Self::Full((!bytes.is_empty()).then_some(bytes))
    }

    pub(super) fn drip() -> Self {
        let mut ticks = interval(DRIP);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self::Drip {
            first: true,
            ticks: Box::pin(ticks),
        }
    }

    pub(super) fn endless() -> Self {
        let entity = r#"{"id":"urn:ngsi-ld:Endless:1","type":"Endless","n":{"type":"Number","value":1}},"#;
        Self::Endless {
            first: true,
            piece: Bytes::from(entity.repeat(ENTITIES_IN_A_PIECE)),
        }
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let bytes = match self.get_mut() {
            Self::Full(bytes) => match bytes.take() {
                Some(bytes) => bytes,
                None => return Poll::Ready(None),
            },
            Self::Drip { first, ticks } => {
                ready!(ticks.as_mut().poll_tick(context));
                // White space inside an array: the JSON read so far stays right for ever.
                Bytes::from_static(if std::mem::take(first) { b"[" } else { b" " })
            }
            Self::Endless { first, piece } => {
                if std::mem::take(first) {
                    Bytes::from_static(b"[")
                } else {
                    piece.clone()
                }
            }
        };
        Poll::Ready(Some(Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Full(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Full(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Self::Drip { .. } | Self::Endless { .. } => SizeHint::default(),
        }
    }
}
