//! The body of an answer, handed to the HTTP library in pieces, the next when the one before was taken: what its reader
//! has not read stays here and not in the library's buffers, so that whatever the body holds is held until nearly all of
//! it has left, and not longer than its reader needs.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use http_body::{Body as HttpBody, Frame, SizeHint};

use super::connection_state::UnderWay;
use super::streams::Stream;

/// What a connection of HTTP/1 is given at once: what its buffer holds (`ConnectionLimits::head_bytes`), and enough to
/// fill a write of the system.
const PIECE: usize = 64 * 1024;

/// What a stream of HTTP/2 is given at once: one frame of the size that every peer takes (RFC 9113 clause 4.2).
pub(super) const STREAM_PIECE: usize = 16 * 1024;

/// Shorter answers are given to a stream whole. The library may keep as much of a stream that has no window.
const SHORT: usize = 256;

/// A body that is taken piece by piece.
#[derive(Debug)]
pub(super) struct TakenBody {
    body: Body,
    /// What was produced and not taken yet.
    rest: Bytes,
    has_ended: bool,
    /// Of HTTP/2.
    stream: Option<Arc<Stream>>,
    under_way: UnderWay,
}

impl TakenBody {
    pub(super) fn new(body: Body, stream: Option<Arc<Stream>>, under_way: UnderWay) -> Self {
        Self {
            has_ended: body.is_end_stream(),
            body,
            rest: Bytes::new(),
            stream,
            under_way,
        }
    }

    /// The next piece of what is here; `None`: more must be produced first. The last byte that a stream was given stays
    /// here until it is known what follows. The library takes a piece when the stream has a window for one byte, and
    /// keeps the others until there is more: with the last byte alone, nothing is left to keep.
    fn next_piece(&mut self) -> Option<Bytes> {
        let (most, kept) = match &self.stream {
            None => (PIECE, 0),
            Some(_) => (STREAM_PIECE, 1),
        };
        let free = self.rest.len().saturating_sub(kept).min(most);
        (free > 0).then(|| self.rest.split_to(free))
    }

    fn offer(&self, piece: Bytes) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if let Some(stream) = &self.stream {
            stream.offered(piece.len(), self.under_way.connection());
        }
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }
}

impl HttpBody for TakenBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = &mut *self;
        if let Some(stream) = &this.stream {
            stream.taken(this.under_way.connection());
        }
        loop {
            if let Some(piece) = this.next_piece() {
                return this.offer(piece);
            }
            let last = std::mem::take(&mut this.rest);
            if this.has_ended {
                return if last.is_empty() {
                    Poll::Ready(None)
                } else {
                    this.offer(last)
                };
            }
            match Pin::new(&mut this.body).poll_frame(cx) {
                Poll::Pending => {
                    this.rest = last;
                    return Poll::Pending;
                }
                Poll::Ready(None) => this.has_ended = true,
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => {
                        this.has_ended = this.body.is_end_stream();
                        let is_short = this.has_ended && last.is_empty() && data.len() <= SHORT;
                        if is_short || (this.stream.is_none() && data.len() <= PIECE) {
                            return this.offer(data);
                        }
                        this.rest = data;
                        if !last.is_empty() {
                            return this.offer(last);
                        }
                        continue;
                    }
                    // Trailers: nothing here has any.
                    Err(frame) => return Poll::Ready(Some(Ok(frame))),
                },
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error))),
            }
            this.rest = last;
        }
    }

    fn is_end_stream(&self) -> bool {
        self.has_ended && self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        let (rest, body) = (self.rest.len() as u64, self.body.size_hint());
        let mut hint = SizeHint::new();
        hint.set_lower(body.lower().saturating_add(rest));
        if let Some(upper) = body.upper() {
            hint.set_upper(upper.saturating_add(rest));
        }
        hint
    }
}
