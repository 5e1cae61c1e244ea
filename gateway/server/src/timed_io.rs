//! A connection that ends when nothing moves for too long, in either direction, or when its peer reads too slowly.
//!
//! hyper bounds nothing of that: a peer that connects and says nothing, one that stops reading its answer, and one that
//! reads a few bytes now and then, which would keep the answer for ever.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::connection_state::{ConnectionState, CutOff};
use super::patience::Patience;

/// How long somebody may read nothing, and over which the least rate is averaged. A connection that was fast until its
/// line was throttled to 128 kbit/s takes its next bytes when a third of what the system's buffer holds has left: up to
/// 460 KB, which is half a minute. A phone that changes cells, and the waits of TCP that follow, are shorter.
pub(super) const PATIENCE_WITH_READERS: Duration = Duration::from_secs(45);

/// A stream with a bound on how long a read may wait, and how slowly what is written may be taken.
#[derive(Debug)]
pub(super) struct TimedIo<Io = TcpStream> {
    stream: Io,
    idle: Duration,
    reading: Patience,
    writing: Patience,
    state: Arc<ConnectionState>,
}

impl<Io> TimedIo<Io> {
    /// Bounds the silence of the peer by `idle`.
    pub(super) fn new(stream: Io, idle: Duration, state: Arc<ConnectionState>) -> Self {
        Self {
            stream,
            idle,
            reading: Patience::for_any(idle),
            writing: Patience::for_rate(PATIENCE_WITH_READERS),
            state,
        }
    }

    /// Nothing can be read. Says whether that was so for too long; whoever waits for an answer, and whoever reads one,
    /// has nothing to say.
    fn is_silent(&mut self, cx: &mut Context<'_>) -> bool {
        while self.reading.has_run_out(cx) {
            let now = Instant::now();
            match self.state.idle_since() {
                None => self.reading.count_from(now),
                Some(since) if now < since + self.idle => self.reading.count_from(since),
                Some(_) => return true,
            }
        }
        false
    }

    /// After something was tried that writes; `bytes` says how much was written.
    fn finish_write<T>(
        &mut self,
        polled: Poll<io::Result<T>>,
        bytes: impl FnOnce(&T) -> usize,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        match &polled {
            Poll::Ready(result) => {
                self.state.set_blocked(false);
                self.writing.moved(result.as_ref().map_or(0, bytes));
            }
            Poll::Pending if self.writing.has_run_out(cx) => {
                self.state.cut_off(CutOff::SlowReader);
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            Poll::Pending => self.state.set_blocked(true),
        }
        polled
    }
}

impl<Io: AsyncRead + Unpin> AsyncRead for TimedIo<Io> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        match Pin::new(&mut this.stream).poll_read(cx, buffer) {
            Poll::Ready(result) => {
                this.reading.moved(1);
                Poll::Ready(result)
            }
            Poll::Pending if this.is_silent(cx) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<Io: AsyncWrite + Unpin> AsyncWrite for TimedIo<Io> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.finish_write(polled, |written| *written, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.finish_write(polled, |written| *written, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_flush(cx);
        self.finish_write(polled, |()| 0, cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.finish_write(polled, |()| 0, cx)
    }
}
