//! The body of an answer as it arrives: bound by the request's deadline and by a cap on its size.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt};
use http_body_util::BodyDataStream;
use hyper::body::{Body, Incoming};
use kakehashi_resources::{Held, Resources, pause};
use tokio::time::{Instant, Sleep, sleep_until};

use super::admission::InFlight;
use super::source_client::SILENCE_THAT_COUNTS;
use crate::contract::{AdapterError, ErrorKind};

/// Largest buffer that a `content-length` alone makes us allocate, and that grows, in bytes; beyond, there is another one
/// when more has arrived.
const PIECE: usize = 4 * 1024 * 1024;

/// The chunks of a body. It ends after the first error. While it lives it counts as one request under way.
pub struct ChunkStream {
    body: BodyDataStream<Incoming>,
    declared: Option<usize>,
    remaining: usize,
    until: Until,
    deadline: Pin<Box<Sleep>>,
    /// When the latest bytes have come.
    last: Instant,
    in_flight: InFlight,
    ended: bool,
}

/// How long a body may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Until {
    pub(super) deadline: Instant,
    /// Whether that is the end of the source's own time, not of the request's.
    pub(super) is_own: bool,
}

impl fmt::Debug for ChunkStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChunkStream")
            .field("remaining", &self.remaining)
            .finish_non_exhaustive()
    }
}

impl ChunkStream {
    /// The chunks of `body`, at most `cap` bytes in all.
    pub(super) fn new(body: Incoming, cap: usize, until: Until, in_flight: InFlight) -> Result<Self, AdapterError> {
        let declared = body
            .size_hint()
            .exact()
            .map(|length| usize::try_from(length).unwrap_or(usize::MAX));
        if declared.is_some_and(|length| length > cap) {
            return Err(in_flight.error(ErrorKind::TooLarge, "the declared length is beyond the cap"));
        }
        Ok(Self {
            body: BodyDataStream::new(body),
            declared,
            remaining: cap,
            until,
            deadline: Box::pin(sleep_until(until.deadline)),
            last: Instant::now(),
            in_flight,
            ended: false,
        })
    }

    /// All of it, counted in `held`. What is large is put together by turns with others: to let one buffer grow to it would
    /// copy it again and again where a connection lives.
    pub(super) async fn collect(mut self, held: &mut Held, resources: &Resources) -> Result<Bytes, AdapterError> {
        let Some(first) = self.next().await.transpose()? else {
            return Ok(Bytes::new());
        };
        // Most answers arrive in one piece, which needs no copy.
        if self.declared == Some(first.len()) {
            self.in_flight.succeeded();
            self.hold(held, first.len())?;
            return Ok(first);
        }
        let expected = self.declared.unwrap_or(2 * first.len()).min(PIECE);
        let mut pieces: Vec<BytesMut> = Vec::new();
        let (mut length, mut piece) = (0, BytesMut::new());
        let mut next = Some(first);
        while let Some(chunk) = next {
            let wanted = piece.len() + chunk.len();
            if wanted > piece.capacity() {
                if wanted > PIECE && !piece.is_empty() {
                    pieces.push(std::mem::take(&mut piece));
                }
                // As it grows when it has to.
                let room = (piece.len() + chunk.len()).max(2 * piece.capacity()).max(expected);
                self.hold(held, room - piece.capacity())?;
                piece.reserve(room - piece.len());
            }
            piece.extend_from_slice(&chunk);
            length += chunk.len();
            next = self.next().await.transpose()?;
        }
        if pieces.is_empty() {
            return Ok(piece.freeze());
        }
        pieces.push(piece);
        self.hold(held, length)?;
        let whole = resources.compute_elsewhere(put_together(pieces, length)).await;
        let whole = whole.map_err(|exhausted| self.in_flight.exhausted(exhausted))?;
        held.shrink(held.bytes().saturating_sub(length));
        Ok(whole)
    }

    fn hold(&self, held: &mut Held, bytes: usize) -> Result<(), AdapterError> {
        held.grow(bytes)
            .map_err(|exhausted| self.in_flight.exhausted(exhausted))
    }

    /// At most `cap` bytes of it, and less if it breaks before: for bodies that explain a status which is known
    /// already.
    pub(super) async fn collect_what_comes(mut self, cap: usize) -> Bytes {
        let mut collected = BytesMut::new();
        while let Some(Ok(chunk)) = self.next().await {
            let room = cap.saturating_sub(collected.len());
            let (wanted, rest) = chunk.split_at_checked(room).unwrap_or((&chunk, &[]));
            collected.extend_from_slice(wanted);
            if !rest.is_empty() {
                self.in_flight.succeeded();
                break;
            }
        }
        collected.freeze()
    }

    fn end(&mut self, kind: ErrorKind, detail: &'static str) -> Poll<Option<Result<Bytes, AdapterError>>> {
        self.ended = true;
        Poll::Ready(Some(Err(self.in_flight.error(kind, detail))))
    }
}

/// The pieces as one, each given back as soon as it has been copied.
async fn put_together(pieces: Vec<BytesMut>, length: usize) -> Bytes {
    let mut whole = BytesMut::with_capacity(length);
    for piece in pieces {
        whole.extend_from_slice(&piece);
        drop(piece);
        pause().await;
    }
    whole.freeze()
}

impl Stream for ChunkStream {
    type Item = Result<Bytes, AdapterError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        // The deadline first: a source that always has one more byte must not keep us beyond it.
        if self.deadline.as_mut().poll(cx).is_ready() {
            if self.until.is_own || self.last.elapsed() >= SILENCE_THAT_COUNTS {
                self.in_flight.failed();
            }
            return self.end(ErrorKind::Timeout, "the body did not end within the deadline");
        }
        match self.body.poll_next_unpin(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(None) => {
                self.ended = true;
                self.in_flight.succeeded();
                Poll::Ready(None)
            }
            Poll::Ready(Some(Err(_))) => {
                self.in_flight.failed();
                self.end(ErrorKind::InvalidPayload, "the body is cut off")
            }
            Poll::Ready(Some(Ok(chunk))) => match self.remaining.checked_sub(chunk.len()) {
                None => self.end(ErrorKind::TooLarge, "the body is larger than the cap"),
                Some(remaining) => {
                    self.last = Instant::now();
                    self.remaining = remaining;
                    Poll::Ready(Some(Ok(chunk)))
                }
            },
        }
    }
}
