//! Where a connection to a source is driven. It lives on the thread that has opened it, as do the requests that are
//! answered there. While a large body arrives it is lent to whoever reads the body, and both go on where long work takes
//! turns: to take in megabytes would keep everybody else on that thread waiting.

use std::cell::RefCell;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use futures::task::AtomicWaker;
use hyper::rt::{Executor, Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use kakehashi_resources::pause;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

thread_local! {
    /// The connection whose bytes were last asked for on this thread: what is driven just then is that one.
    static LAST_ASKED: RefCell<Option<Lendable>> = const { RefCell::new(None) };
}

/// A connection that can be lent. An answer carries that of the connection on which it arrives.
#[derive(Debug, Clone, Default)]
pub(super) struct Lendable(Arc<Request>);

/// What is asked of whoever drives a connection.
#[derive(Debug, Default)]
struct Request {
    /// Looked at before the rest is.
    is_made: AtomicBool,
    state: Mutex<State>,
    driver: AtomicWaker,
}

#[derive(Debug, Default)]
struct State {
    lend_to: Option<oneshot::Sender<Borrowed>>,
    has_ended: bool,
}

impl Lendable {
    /// The connection, as soon as it is driven where it lives; it goes back there when what is returned is dropped. `None`:
    /// it has ended.
    pub(super) async fn borrow(&self) -> Option<Borrowed> {
        let (sender, lent) = oneshot::channel();
        {
            let mut state = self.state();
            if state.has_ended {
                return None;
            }
            state.lend_to = Some(sender);
        }
        self.0.is_made.store(true, Ordering::Release);
        self.0.driver.wake();
        lent.await.ok()
    }

    /// To whom the connection is to be lent.
    fn asked(&self) -> Option<oneshot::Sender<Borrowed>> {
        if !self.0.is_made.swap(false, Ordering::AcqRel) {
            return None;
        }
        self.state().lend_to.take()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that is done under this lock can panic half-way.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What drives a connection to its end, and where it lives.
struct Driven {
    connection: Pin<Box<dyn Future<Output = ()> + Send>>,
    home: Handle,
    /// Known from the first time on that it asks for bytes.
    lendable: Option<Lendable>,
}

impl Drop for Driven {
    fn drop(&mut self) {
        if let Some(lendable) = &self.lendable {
            let mut state = lendable.state();
            state.has_ended = true;
            state.lend_to = None;
        }
    }
}

impl std::fmt::Debug for Driven {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Driven").finish_non_exhaustive()
    }
}

impl Driven {
    #[expect(
        clippy::disallowed_methods,
        reason = "a connection lives on the thread that has opened it, and ends with it"
    )]
    fn drive_at_home(self) {
        let home = self.home.clone();
        home.spawn(AtHome(Some(self)));
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        LAST_ASKED.take();
        let polled = self.connection.as_mut().poll(cx);
        if self.lendable.is_none() {
            self.lendable = LAST_ASKED.take();
        }
        polled
    }
}

/// A connection that is driven where it lives, until it ends or is lent.
struct AtHome(Option<Driven>);

impl Future for AtHome {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(mut driven) = self.0.take() else {
            return Poll::Ready(());
        };
        if let Some(lendable) = &driven.lendable {
            // Before it is asked whether somebody wants it: who wants it from now on wakes this.
            lendable.0.driver.register(cx.waker());
            if let Some(lend_to) = lendable.asked() {
                // If whoever wanted it has gone, it comes back by itself.
                drop(lend_to.send(Borrowed(Some(driven))));
                return Poll::Ready(());
            }
        }
        let was_known = driven.lendable.is_some();
        let polled = driven.poll(cx);
        if polled.is_pending() {
            if let (false, Some(lendable)) = (was_known, &driven.lendable) {
                lendable.0.driver.register(cx.waker());
                if lendable.0.is_made.load(Ordering::Acquire) {
                    cx.waker().wake_by_ref();
                }
            }
            self.0 = Some(driven);
        }
        polled
    }
}

/// A connection that is driven by whoever has borrowed it.
#[derive(Debug)]
pub(super) struct Borrowed(Option<Driven>);

impl Borrowed {
    fn drive(&mut self, cx: &mut Context<'_>) {
        let Some(driven) = &mut self.0 else {
            return;
        };
        // It may need what only a runtime has.
        let home = driven.home.clone();
        let at_home = home.enter();
        let polled = driven.poll(cx);
        drop(at_home);
        if polled.is_ready() {
            self.0 = None;
        }
    }
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        if let Some(driven) = self.0.take() {
            driven.drive_at_home();
        }
    }
}

/// How long a body could have been read on, and waited for others' turns to end. A source is not to blame for that.
#[derive(Debug, Clone, Default)]
pub(super) struct Waited(Arc<AtomicU64>);

impl Waited {
    pub(super) fn total(&self) -> Duration {
        Duration::from_micros(self.0.load(Ordering::Relaxed))
    }

    fn add(&self, waited: Duration) {
        let micros = u64::try_from(waited.as_micros()).unwrap_or(u64::MAX);
        self.0.fetch_add(micros, Ordering::Relaxed);
    }
}

/// Reads a body together with the connection that it arrives on: each goes on as soon as the other has, without being
/// woken in between, until the turn is over. What it waits for turns is added to `waited`, from now on.
pub(super) fn together<T>(
    mut connection: Borrowed,
    waited: Waited,
    body: impl Future<Output = T>,
) -> impl Future<Output = T> {
    let between = Arc::new(Between::default());
    between.can_go_on();
    async move {
        let mut body = Box::pin(body);
        let waker = Waker::from(Arc::clone(&between));
        loop {
            let polled = std::future::poll_fn(|cx| {
                between.outside.register(cx.waker());
                between.is_polled.store(true, Ordering::SeqCst);
                between.is_woken.store(false, Ordering::SeqCst);
                waited.add(between.goes_on());
                let mut inner = Context::from_waker(&waker);
                let read = body.as_mut().poll(&mut inner);
                if read.is_pending() {
                    connection.drive(&mut inner);
                }
                between.is_polled.store(false, Ordering::SeqCst);
                match read {
                    Poll::Ready(read) => Poll::Ready(Some(read)),
                    Poll::Pending if between.is_woken.load(Ordering::SeqCst) => Poll::Ready(None),
                    Poll::Pending => Poll::Pending,
                }
            })
            .await;
            if let Some(read) = polled {
                // So that it is free for the next request before whoever asked hears of the end.
                connection.drive(&mut Context::from_waker(Waker::noop()));
                return read;
            }
            between.can_go_on();
            pause().await;
        }
    }
}

/// Wakes whoever reads, unless that is just what happens.
#[derive(Default)]
struct Between {
    outside: AtomicWaker,
    is_polled: AtomicBool,
    is_woken: AtomicBool,
    /// Since when there is something to read, or to be told, while nobody reads.
    since: Mutex<Option<Instant>>,
}

impl Between {
    fn can_go_on(&self) {
        let mut since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        since.get_or_insert_with(Instant::now);
    }

    /// How long it could have gone on before.
    fn goes_on(&self) -> Duration {
        let since = self.since.lock().unwrap_or_else(PoisonError::into_inner).take();
        since.map_or(Duration::ZERO, |since| since.elapsed())
    }
}

impl Wake for Between {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.is_woken.store(true, Ordering::SeqCst);
        if !self.is_polled.load(Ordering::SeqCst) {
            self.can_go_on();
            self.outside.wake();
        }
    }
}

/// Drives each connection where it was opened.
#[derive(Debug, Clone)]
pub(super) struct WhereItIsOpened;

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for WhereItIsOpened {
    fn execute(&self, connection: F) {
        let driven = Driven {
            connection: Box::pin(connection),
            home: Handle::current(),
            lendable: None,
        };
        driven.drive_at_home();
    }
}

/// The bytes of a connection that can be lent.
#[derive(Debug)]
pub(super) struct LendableIo<T> {
    io: T,
    lendable: Lendable,
}

impl<T> LendableIo<T> {
    pub(super) fn new(io: T) -> Self {
        Self {
            io,
            lendable: Lendable::default(),
        }
    }

    fn is_asked(&self) {
        LAST_ASKED.with_borrow_mut(|last| {
            if last.is_none() {
                *last = Some(self.lendable.clone());
            }
        });
    }
}

impl<T: Connection> Connection for LendableIo<T> {
    fn connected(&self) -> Connected {
        self.io.connected().extra(self.lendable.clone())
    }
}

impl<T: Read + Unpin> Read for LendableIo<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        self.is_asked();
        Pin::new(&mut self.io).poll_read(cx, buffer)
    }
}

impl<T: Write + Unpin> Write for LendableIo<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.is_asked();
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.is_asked();
        Pin::new(&mut self.io).poll_write_vectored(cx, buffers)
    }
}
