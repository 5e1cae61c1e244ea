//! A connection that ends when nothing moves for too long, in either direction.
//!
//! hyper bounds the reading of a request's head; what it leaves unbounded is a peer that connects and says
//! nothing that could be told apart as HTTP/1 or HTTP/2, and a peer that stops reading its answer.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};

/// A stream with a bound on how long a read or a write may wait.
#[derive(Debug)]
pub(super) struct TimedIo {
    stream: TcpStream,
    idle: Duration,
    reading: Stall,
    writing: Stall,
}

/// One direction: when it began to wait.
#[derive(Debug, Default)]
struct Stall {
    timer: Option<Pin<Box<Sleep>>>,
    waiting: bool,
}

impl Stall {
    fn moved(&mut self) {
        self.waiting = false;
    }

    /// Says whether the direction has waited for longer than `idle`. The timer is made once and re-armed.
    fn poll_too_long(&mut self, idle: Duration, cx: &mut Context<'_>) -> bool {
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(idle)));
        if !self.waiting {
            self.waiting = true;
            timer.as_mut().reset(Instant::now() + idle);
        }
        timer.as_mut().poll(cx).is_ready()
    }
}

impl TimedIo {
    pub(super) fn new(stream: TcpStream, idle: Duration) -> Self {
        Self {
            stream,
            idle,
            reading: Stall::default(),
            writing: Stall::default(),
        }
    }

    fn finish_write<T>(&mut self, polled: Poll<io::Result<T>>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.writing.moved();
            return polled;
        }
        if self.writing.poll_too_long(self.idle, cx) {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Poll::Pending
    }
}

impl AsyncRead for TimedIo {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        match Pin::new(&mut this.stream).poll_read(cx, buffer) {
            Poll::Ready(result) => {
                this.reading.moved();
                Poll::Ready(result)
            }
            Poll::Pending if this.reading.poll_too_long(this.idle, cx) => {
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

impl AsyncWrite for TimedIo {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.finish_write(polled, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.finish_write(polled, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_flush(cx);
        self.finish_write(polled, cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.finish_write(polled, cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (client, listener.accept().await.unwrap().0)
    }

    #[tokio::test]
    async fn a_silent_peer_is_given_up() {
        let (client, server) = pair().await;
        let mut timed = TimedIo::new(server, Duration::from_millis(20));
        let error = timed.read_u8().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        drop(client);
    }

    #[tokio::test]
    async fn a_peer_that_does_not_read_is_given_up() {
        let (client, server) = pair().await;
        let mut timed = TimedIo::new(server, Duration::from_millis(20));
        let too_much = vec![0; 64 * 1024 * 1024];
        let error = timed.write_all(&too_much).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        drop(client);
    }

    #[tokio::test]
    async fn a_peer_that_speaks_is_heard() {
        let (mut client, server) = pair().await;
        let mut timed = TimedIo::new(server, Duration::from_secs(60));
        client.write_all(b"x").await.unwrap();
        assert_eq!(timed.read_u8().await.unwrap(), b'x');
    }
}
