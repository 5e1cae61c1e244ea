//! An exchange that others may join. As long as nobody does it goes on where it is waited for, and costs nothing more; from the
//! first who joins on it is a task where it was begun, and goes on for as long as somebody waits for it.

use std::future::{Future, poll_fn};
use std::mem::replace;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use futures::FutureExt;
use futures::future::Shared;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::sync::oneshot::error::RecvError;

/// The exchange.
pub(super) struct Joint<T: Clone> {
    state: Mutex<State<T>>,
    home: Handle,
}

type Exchange<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// What all have who have joined; it fails when the thread where it was begun has ended.
pub(super) type Answer<T> = Shared<oneshot::Receiver<T>>;

enum State<T: Clone> {
    /// Whoever has begun drives it, and is woken when that is over.
    Alone(Exchange<T>, Option<Waker>),
    Together(Answer<T>),
    Ended,
}

impl<T: Clone + Send + Sync + 'static> Joint<T> {
    /// One that nobody has joined, begun here.
    pub(super) fn new(exchange: Exchange<T>) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State::Alone(exchange, None)),
            home: Handle::current(),
        })
    }

    /// Joins it; `None`: it has ended.
    #[expect(
        clippy::disallowed_methods,
        reason = "a connection to a source lives on the thread that has opened it, and what waits for its answer beside it"
    )]
    pub(super) fn join(&self) -> Option<Answer<T>> {
        let mut state = self.lock();
        match replace(&mut *state, State::Ended) {
            State::Ended => None,
            State::Together(answer) => {
                *state = State::Together(answer.clone());
                Some(answer)
            }
            State::Alone(exchange, waker) => {
                let (ends, answer) = oneshot::channel();
                let answer = answer.shared();
                *state = State::Together(answer.clone());
                drop(state);
                // Without the lock: where the thread is ending, it is dropped at once.
                self.home.spawn(while_waited_for(exchange, ends));
                if let Some(waker) = waker {
                    waker.wake();
                }
                Some(answer)
            }
        }
    }

    /// Waits for it as who has begun it.
    pub(super) async fn own(&self) -> Result<T, RecvError> {
        match poll_fn(|cx| self.poll_own(cx)).await {
            Ok(outcome) => Ok(outcome),
            Err(together) => together.await,
        }
    }

    fn poll_own(&self, cx: &mut Context<'_>) -> Poll<Result<T, Answer<T>>> {
        let mut state = self.lock();
        match &mut *state {
            State::Alone(exchange, waker) => match exchange.as_mut().poll(cx) {
                Poll::Ready(outcome) => {
                    *state = State::Ended;
                    Poll::Ready(Ok(outcome))
                }
                Poll::Pending => {
                    if !waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
                        *waker = Some(cx.waker().clone());
                    }
                    Poll::Pending
                }
            },
            State::Together(answer) => Poll::Ready(Err(answer.clone())),
            // Nobody waits for it twice.
            State::Ended => Poll::Pending,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // Whoever has panicked within the exchange has left it as it was.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Goes on with an exchange until it has ended or nobody waits for it.
async fn while_waited_for<T>(mut exchange: Exchange<T>, mut ends: oneshot::Sender<T>) {
    let outcome = poll_fn(|cx| match exchange.as_mut().poll(cx) {
        Poll::Ready(outcome) => Poll::Ready(Some(outcome)),
        Poll::Pending => ends.poll_closed(cx).map(|()| None),
    });
    if let Some(outcome) = outcome.await {
        // Whoever waited may just have left.
        let _ = ends.send(outcome);
    }
}
