//! The body of an answer as it arrives: bound by the request's deadline and by a cap on its size.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt};
use hyper::body::Incoming;
use kakehashi_resources::{Held, Resources, pause};
use tokio::time::{Instant, Sleep, sleep_until};

use super::content_coding::{Arriving, Broken, Received};
use super::driven::{Lendable, Waited, together};
use super::verdict::InFlight;
use kakehashi_contract::{AdapterError, ErrorKind};

/// Largest buffer that a `content-length` alone makes us allocate, and that grows, in bytes; beyond, there is another one
/// when more has arrived.
const PIECE: usize = 4 * 1024 * 1024;

/// So many bytes of a body are read where its connection lives: that takes about as long as answering one request. A body
/// that is larger belongs to one who has asked for it: nobody waits for as long as others take to read it.
pub(super) const READ_HERE: usize = 256 * 1024;

/// The chunks of a body. It ends after the first error. While it lives it counts as one request under way.
pub(super) struct ChunkStream {
    body: Arriving<Incoming>,
    declared: Option<usize>,
    remaining: usize,
    until: Until,
    deadline: Pin<Box<Sleep>>,
    began: Instant,
    /// How much of the time it was not read though it could be.
    waited: Waited,
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
    pub(super) fn new(
        body: Received<Incoming>,
        cap: usize,
        until: Until,
        in_flight: InFlight,
    ) -> Result<Self, AdapterError> {
        let declared = body.declared();
        if declared.is_some_and(|length| length > cap) {
            return Err(in_flight.error(ErrorKind::TooLarge, "the declared length is beyond the cap"));
        }
        let body = body
            .arriving(cap)
            .map_err(|broken| in_flight.error(ErrorKind::InvalidPayload, broken.what()))?;
        Ok(Self {
            body,
            declared,
            remaining: cap,
            until,
            deadline: Box::pin(sleep_until(until.deadline)),
            began: Instant::now(),
            waited: Waited::default(),
            in_flight,
            ended: false,
        })
    }

    /// All of it, counted in what is returned beside it.
    pub(super) async fn collect(
        self,
        connection: Option<Lendable>,
        resources: &Resources,
    ) -> Result<(Bytes, Held), AdapterError> {
        match self.begin(resources.held()).await? {
            Begun::Whole(body, held) => Ok((body, held)),
            Begun::Part(part) => part.rest(connection, resources).await,
        }
    }

    /// All of it if it is small, or what is read where its connection lives, counted in `held`.
    pub(super) async fn begin(mut self, mut held: Held) -> Result<Begun, AdapterError> {
        if self.declared.is_some_and(|declared| declared > READ_HERE) {
            return Ok(Begun::Part(Box::new(Collecting::new(self, held, PIECE))));
        }
        let Some(first) = self.next().await.transpose()? else {
            return Ok(Begun::Whole(Bytes::new(), held));
        };
        // Most answers arrive in one piece, which needs no copy.
        if self.declared == Some(first.len()) {
            self.in_flight.verdict().is_whole();
            self.hold(&mut held, first.len())?;
            return Ok(Begun::Whole(first, held));
        }
        let expected = self.declared.unwrap_or(2 * first.len());
        let mut collecting = Collecting::new(self, held, expected);
        collecting.take(&first)?;
        drop(first);
        if collecting.read(READ_HERE).await? {
            let (body, held) = collecting.together().await?;
            return Ok(Begun::Whole(body, held));
        }
        Ok(Begun::Part(Box::new(collecting)))
    }

    /// Whether it is the source that needed all of its own time, and not others whose turn it was: no consumer may close a
    /// source to the others by keeping the gateway busy.
    fn is_late(&self) -> bool {
        self.until.is_own && self.waited.total() < self.began.elapsed() / 2
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
                self.in_flight.verdict().is_whole();
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

/// What has been read of a body where its connection lives.
pub(super) enum Begun {
    /// All of it, and what is counted of it.
    Whole(Bytes, Held),
    /// Its beginning.
    Part(Box<Collecting>),
}

/// A body of which some has arrived.
pub(super) struct Collecting {
    chunks: ChunkStream,
    held: Held,
    /// Bytes that are expected of it, at most [`PIECE`].
    expected: usize,
    /// What is full.
    pieces: Vec<BytesMut>,
    piece: BytesMut,
    /// Of all of them.
    length: usize,
}

impl Collecting {
    fn new(chunks: ChunkStream, held: Held, expected: usize) -> Self {
        let expected = chunks.declared.unwrap_or(expected).min(PIECE);
        Self {
            chunks,
            held,
            expected,
            pieces: Vec::new(),
            piece: BytesMut::new(),
            length: 0,
        }
    }

    /// From now on it is read for as long as the one waits who takes it, and counted for another than before if there is one.
    pub(super) fn taken_over(&mut self, until: Until, another: Option<&Resources>) -> Result<(), AdapterError> {
        if let Some(resources) = another {
            let mut held = resources.held();
            self.chunks.hold(&mut held, self.held.bytes())?;
            self.held = held;
        }
        self.chunks.until = until;
        // Where the request is that waits now, and not where the other one was.
        self.chunks.deadline = Box::pin(sleep_until(until.deadline));
        Ok(())
    }

    /// The rest of what is large is read, and put together, by turns with others and not where `connection` lives: to take in
    /// megabytes there would keep everybody else waiting.
    pub(super) async fn rest(
        mut self,
        connection: Option<Lendable>,
        resources: &Resources,
    ) -> Result<(Bytes, Held), AdapterError> {
        if self.length == 0 && self.read(1).await? {
            return self.together().await;
        }
        let borrowed = match connection {
            Some(connection) => connection.borrow().await,
            None => None,
        };
        let Some(borrowed) = borrowed else {
            // What is left of it has arrived already, or almost.
            self.read(usize::MAX).await?;
            return self.together().await;
        };
        let source = self.chunks.in_flight.source().clone();
        let waited = self.chunks.waited.clone();
        let reading = together(borrowed, waited, async move {
            self.read(usize::MAX).await?;
            self.together().await
        });
        let read = resources.wait_elsewhere(reading).await;
        read.map_err(|exhausted| AdapterError::exhausted(&source, exhausted))?
    }

    /// Reads until there are so many bytes; whether that was all.
    async fn read(&mut self, enough: usize) -> Result<bool, AdapterError> {
        while self.length < enough {
            let Some(chunk) = self.chunks.next().await.transpose()? else {
                return Ok(true);
            };
            self.take(&chunk)?;
            pause().await;
        }
        Ok(false)
    }

    fn take(&mut self, chunk: &[u8]) -> Result<(), AdapterError> {
        let wanted = self.piece.len() + chunk.len();
        if wanted > self.piece.capacity() {
            if wanted > PIECE && !self.piece.is_empty() {
                self.pieces.push(std::mem::take(&mut self.piece));
            }
            // As it grows when it has to.
            let wanted = self.piece.len() + chunk.len();
            let room = wanted.max(2 * self.piece.capacity()).max(self.expected);
            self.chunks.hold(&mut self.held, room - self.piece.capacity())?;
            self.piece.reserve(room - self.piece.len());
        }
        self.piece.extend_from_slice(chunk);
        self.length += chunk.len();
        Ok(())
    }

    /// All that has arrived as one, each piece given back as soon as it has been copied.
    async fn together(mut self) -> Result<(Bytes, Held), AdapterError> {
        if self.pieces.is_empty() {
            return Ok((self.piece.freeze(), self.held));
        }
        self.pieces.push(self.piece);
        self.chunks.hold(&mut self.held, self.length)?;
        let mut whole = BytesMut::with_capacity(self.length);
        for piece in self.pieces {
            whole.extend_from_slice(&piece);
            drop(piece);
            pause().await;
        }
        self.held.shrink(self.held.bytes().saturating_sub(self.length));
        Ok((whole.freeze(), self.held))
    }
}

impl Stream for ChunkStream {
    type Item = Result<Bytes, AdapterError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        // The deadline first: a source that always has one more byte must not keep us beyond it.
        if self.deadline.as_mut().poll(cx).is_ready() {
            if self.is_late() {
                self.in_flight.verdict().failed();
            }
            return self.end(ErrorKind::Timeout, "the body did not end within the deadline");
        }
        match self.body.poll_next_unpin(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(None) => {
                self.ended = true;
                self.in_flight.verdict().is_whole();
                Poll::Ready(None)
            }
            Poll::Ready(Some(Err(Broken::TooLarge))) => self.end(ErrorKind::TooLarge, Broken::TooLarge.what()),
            Poll::Ready(Some(Err(broken))) => {
                self.in_flight.verdict().failed();
                self.end(ErrorKind::InvalidPayload, broken.what())
            }
            Poll::Ready(Some(Ok(chunk))) => match self.remaining.checked_sub(chunk.len()) {
                None => self.end(ErrorKind::TooLarge, "the body is larger than the cap"),
                Some(remaining) => {
                    self.in_flight.verdict().heard(Instant::now());
                    self.remaining = remaining;
                    Poll::Ready(Some(Ok(chunk)))
                }
            },
        }
    }
}
