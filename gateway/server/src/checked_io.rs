//! A connection of which the HTTP library reads well-formed requests alone: see [`super::requests`].

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::connection_state::ConnectionState;
use super::malformed::Fault;
use super::request_head::HeadLimits;
use super::requests::Requests;

/// What is read at once while it is not known yet whose buffer it belongs into: most heads whole.
const PIECE: usize = 8 * 1024;

/// A smaller buffer is not read into: heads would arrive in many pieces.
const SMALLEST_BUFFER: usize = 1024;

/// How much is read and dropped behind a malformed request while it is answered. A socket that is closed with bytes in it
/// is reset, and the answer may be lost on its way; more than this is an attack, not a mistake.
const MOST_DROPPED: usize = 256 * 1024;

/// A connection, read with each head looked at.
#[derive(Debug)]
pub(super) struct CheckedIo<Io> {
    io: Io,
    requests: Requests,
    /// Goes to the library in the place of what was read.
    ahead: Vec<u8>,
    /// How much of it has been handed over.
    handed: usize,
    /// Read into where the library's buffer does not serve. Empty between requests.
    piece: Vec<u8>,
    /// How long a head may take, from its first byte to its last.
    within: Duration,
    timer: Option<Pin<Box<Sleep>>>,
    dropped: usize,
    /// Bytes of a head that are counted.
    counted: usize,
    /// Whoever answers is told here.
    state: Arc<ConnectionState>,
}

impl<Io> CheckedIo<Io> {
    pub(super) fn new(io: Io, limits: HeadLimits, within: Duration, state: Arc<ConnectionState>) -> Self {
        Self {
            io,
            requests: Requests::new(limits),
            ahead: Vec::new(),
            handed: 0,
            piece: Vec::new(),
            within,
            timer: None,
            dropped: 0,
            counted: 0,
            state,
        }
    }

    fn hand_over(&mut self, buffer: &mut ReadBuf<'_>) {
        let rest = self.ahead.get(self.handed..).unwrap_or_default();
        let fits = rest.get(..buffer.remaining()).unwrap_or(rest);
        buffer.put_slice(fits);
        self.handed += fits.len();
        if self.handed >= self.ahead.len() {
            self.ahead = Vec::new();
            self.handed = 0;
        }
    }

    /// After something was read: the time of a head runs, or has ended; what is malformed is told.
    fn note(&mut self) {
        if !self.requests.holds_part() {
            self.timer = None;
        } else if self.timer.is_none() {
            self.timer = Some(Box::pin(sleep(self.within)));
        }
        match self.state.head_room.become_of(self.counted, self.requests.held_bytes()) {
            Some(counted) => self.counted = counted,
            None => self.requests.refuse(Fault::NoRoomForHead, &mut self.ahead),
        }
        if let Some((number, malformed)) = self.requests.malformed() {
            self.state.refuse(number, malformed);
        }
    }

    fn is_late(&mut self, cx: &mut Context<'_>) -> bool {
        let timer = self.timer.as_mut();
        timer.is_some_and(|timer| timer.as_mut().poll(cx).is_ready())
    }
}

impl<Io> Drop for CheckedIo<Io> {
    fn drop(&mut self) {
        // Nothing is refused that is given back.
        let _ = self.state.head_room.become_of(self.counted, 0);
    }
}

impl<Io: AsyncRead + Unpin> CheckedIo<Io> {
    /// Reads into the library's own buffer, which most often is all there is to do. Whether something is in it now, or
    /// the peer has ended.
    fn poll_direct(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<bool>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.io).poll_read(cx, buffer))?;
        let read = buffer.filled().get(before..).unwrap_or_default();
        if read.is_empty() || self.requests.read(read, &mut self.ahead) {
            return Poll::Ready(Ok(true));
        }
        buffer.set_filled(before);
        self.note();
        Poll::Ready(Ok(false))
    }

    /// Reads into a buffer here. Whether the peer has ended.
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        self.piece.resize(PIECE, 0);
        let mut buffer = ReadBuf::new(&mut self.piece);
        match Pin::new(&mut self.io).poll_read(cx, &mut buffer) {
            Poll::Ready(result) => result?,
            Poll::Pending => {
                // Who says nothing for long needs no buffer meanwhile.
                if !self.requests.holds_part() {
                    self.piece = Vec::new();
                }
                return Poll::Pending;
            }
        }
        let read = buffer.filled();
        if read.is_empty() {
            return Poll::Ready(Ok(true));
        }
        if self.requests.read(read, &mut self.ahead) {
            self.ahead.extend_from_slice(read);
        }
        if !self.requests.holds_part() {
            self.piece = Vec::new();
        }
        self.note();
        Poll::Ready(Ok(false))
    }

    /// Behind a malformed request nobody reads on, but what has been sent is taken from the socket. The connection ends
    /// when the answer has been written.
    fn drop_rest(&mut self, cx: &mut Context<'_>) {
        self.piece.resize(PIECE, 0);
        while self.dropped < MOST_DROPPED {
            let mut buffer = ReadBuf::new(&mut self.piece);
            match Pin::new(&mut self.io).poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => self.dropped += buffer.filled().len(),
                _ => return,
            }
        }
    }
}

impl<Io: AsyncRead + Unpin> AsyncRead for CheckedIo<Io> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        loop {
            if !this.ahead.is_empty() {
                this.hand_over(buffer);
                return Poll::Ready(Ok(()));
            }
            if this.requests.has_ended() {
                this.drop_rest(cx);
                return Poll::Pending;
            }
            let serves = !this.requests.is_at_start() && buffer.remaining() >= SMALLEST_BUFFER;
            let polled = if serves && !this.requests.holds_part() {
                this.poll_direct(cx, buffer)
            } else {
                this.poll_piece(cx)
            };
            match polled {
                Poll::Ready(Ok(false)) => {}
                Poll::Ready(Ok(true)) => return Poll::Ready(Ok(())),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending if this.is_late(cx) => {
                    this.requests.refuse(Fault::HeadTooSlow, &mut this.ahead);
                    this.note();
                }
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

impl<Io: AsyncWrite + Unpin> AsyncWrite for CheckedIo<Io> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
