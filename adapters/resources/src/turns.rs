//! Threads that compute for everybody, by turns: what would keep a connection's thread from its other connections is
//! done here. A computation is a future that awaits nothing but [`pause`](crate::pause()): between two pauses it has the
//! thread, and a turn ends with the first pause after [`TURN`]. Then comes the caller that has had the least time.

use std::cell::Cell;
use std::future::Future;
use std::io;
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use async_task::Runnable;

use crate::Exhausted;
use crate::pause::Turn;
use crate::queue::{Lane, Queue};

/// How long a turn lasts: long enough that changing between computations costs nothing to speak of, short enough that
/// fifty that wait are each served within a twentieth of a second.
pub const TURN: Duration = Duration::from_millis(1);

/// How much the threads yield to others of the machine, as `nice` counts it: the threads that connections live on come first,
/// which need a processor for microseconds, and computing has a quarter of one that both want all the time.
const NICE: i32 = 6;

/// How many turns a request may have had to go on before others of its caller that have had none: what is nearly finished is
/// finished first, so that its memory is free again and what it has touched is still in the caches. A longer one shares.
pub(crate) const TURNS_IN_A_ROW: u32 = 16;

/// Threads that compute. They end when this value is dropped, each with the turn that it is at.
#[derive(Debug)]
pub(crate) struct Workers {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

/// What the threads share with those who have something to compute.
#[derive(Debug)]
pub(crate) struct Shared {
    waiting: Mutex<State>,
    /// One for each thread, by which it is told that there is something for it.
    more: Box<[Condvar]>,
    turns: AtomicU64,
    /// Nanoseconds of the longest turn.
    longest: AtomicU64,
    threads: usize,
}

#[derive(Debug)]
struct State {
    queue: Queue<Runnable>,
    /// The threads that have nothing to do, the one that has been busy last at the end: it is woken first, because it has what
    /// was computed last in its caches.
    idle: Vec<usize>,
    has_ended: bool,
}

thread_local! {
    /// Whether this is one of the threads. What comes back from a turn is taken up again by the thread whose turn it was.
    static IS_COMPUTING: Cell<bool> = const { Cell::new(false) };
}

/// How the threads are doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TurnsStatus {
    /// How many threads there are.
    pub threads: usize,
    /// Computations that wait for their turn.
    pub waiting: usize,
    /// Turns since the start.
    pub turns: u64,
    /// The longest turn since the start.
    pub longest: Duration,
}

impl Workers {
    /// So many threads, of which one caller may have half at the same time.
    ///
    /// # Errors
    /// When the operating system gives no thread.
    pub(crate) fn start(count: NonZeroUsize) -> io::Result<Self> {
        let at_once = count.get().div_ceil(2);
        let shared = Arc::new(Shared {
            waiting: Mutex::new(State {
                queue: Queue::new(at_once),
                idle: Vec::with_capacity(count.get()),
                has_ended: false,
            }),
            more: (0..count.get()).map(|_| Condvar::new()).collect(),
            turns: AtomicU64::new(0),
            longest: AtomicU64::new(0),
            threads: count.get(),
        });
        let mut workers = Self {
            shared,
            threads: Vec::with_capacity(count.get()),
        };
        for number in 0..count.get() {
            let shared = Arc::clone(&workers.shared);
            let name = format!("computing-{}", number + 1);
            let thread = std::thread::Builder::new()
                .name(name)
                .spawn(move || shared.work(number))?;
            workers.threads.push(thread);
        }
        Ok(workers)
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        let left = {
            let mut state = self.shared.lock();
            state.has_ended = true;
            state.queue.clear()
        };
        // Whoever waits for one of them learns that it is given up.
        drop(left);
        self.shared.more.iter().for_each(Condvar::notify_all);
        for thread in self.threads.drain(..) {
            // A thread that panicked has said so; there is nothing left of it to end.
            let _ = thread.join();
        }
    }
}

impl Shared {
    /// Runs something to its end by turns, unless its deadline passes before. Dropping what is returned gives it up.
    /// `turns`: how many its request has had.
    pub(crate) async fn run<W>(
        self: &Arc<Self>,
        lane: Lane,
        turns: Arc<AtomicU32>,
        deadline: Instant,
        work: W,
    ) -> Result<W::Output, Exhausted>
    where
        W: Future + Send + Unpin + 'static,
        W::Output: Send + 'static,
    {
        let shared = Arc::clone(self);
        let schedule = move |runnable| shared.push(lane, &turns, runnable);
        // A panic is a fault of whoever computes, and is told to whoever waits.
        let (runnable, task) = async_task::Builder::new()
            .propagate_panic(true)
            .spawn(move |()| Bounded { work, deadline }, schedule);
        runnable.schedule();
        task.fallible().await.unwrap_or(Err(Exhausted::Process))
    }

    /// How the threads are doing.
    pub(crate) fn status(&self) -> TurnsStatus {
        TurnsStatus {
            threads: self.threads,
            waiting: self.lock().queue.length(),
            turns: self.turns.load(Ordering::Relaxed),
            longest: Duration::from_nanos(self.longest.load(Ordering::Relaxed)),
        }
    }

    fn push(&self, lane: Lane, turns: &AtomicU32, runnable: Runnable) {
        let had = turns.fetch_add(1, Ordering::Relaxed);
        let mut state = self.lock();
        if state.has_ended {
            drop(state);
            return;
        }
        if (1..TURNS_IN_A_ROW).contains(&had) {
            state.queue.push_first(lane, runnable);
        } else {
            state.queue.push(lane, runnable);
        }
        if !IS_COMPUTING.get() {
            self.wake_one(state);
        }
    }

    /// Wakes a thread, if one has nothing to do.
    fn wake_one(&self, mut state: MutexGuard<'_, State>) {
        let thread = state.idle.pop();
        drop(state);
        if let Some(more) = thread.and_then(|thread| self.more.get(thread)) {
            more.notify_one();
        }
    }

    /// What one thread does.
    fn work(&self, thread: usize) {
        IS_COMPUTING.set(true);
        yield_to_others(NICE);
        while let Some((lane, runnable)) = self.next(thread) {
            let began = Instant::now();
            let turn = Turn::until(began + TURN);
            runnable.run();
            drop(turn);
            let took = began.elapsed();
            self.turns.fetch_add(1, Ordering::Relaxed);
            let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
            self.longest.fetch_max(nanos, Ordering::Relaxed);
            let mut state = self.lock();
            state.queue.ended(lane, TURN, took);
            // The first that waits is taken up here; what waited because its caller had enough turns may come now, too.
            if state.queue.length() > 1 {
                self.wake_one(state);
            }
        }
    }

    /// Waits for what comes next; `None`: nothing comes any more.
    fn next(&self, thread: usize) -> Option<(Lane, Runnable)> {
        let more = self.more.get(thread)?;
        let mut state = self.lock();
        loop {
            if state.has_ended {
                return None;
            }
            // It may have woken by itself.
            state.idle.retain(|idle| *idle != thread);
            if let Some(next) = state.queue.pop(TURN) {
                return Some(next);
            }
            state.idle.push(thread);
            state = more.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that is done under this lock can panic half-way.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lets this thread come after others, by so much as `nice` counts, for as long as it lives. Where the system knows no such
/// thing it computes on as it is.
pub fn yield_to_others(nice: i32) {
    #[cfg(target_os = "linux")]
    {
        // On Linux the priority is the thread's own, by its number.
        let thread = rustix::thread::gettid();
        let _ = rustix::process::setpriority_process(Some(thread), nice);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = nice;
}

/// Something that is computed until its deadline.
struct Bounded<W> {
    work: W,
    deadline: Instant,
}

impl<W: Future + Unpin> Future for Bounded<W> {
    type Output = Result<W::Output, Exhausted>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if Instant::now() >= self.deadline {
            return Poll::Ready(Err(Exhausted::Time));
        }
        Pin::new(&mut self.work).poll(cx).map(Ok)
    }
}

/// Computes here, for one turn of that length at most. Whether that was enough; what is not finished is to be gone on with.
pub(crate) fn begin<W: Future + Unpin>(work: &mut W, length: Duration) -> (Poll<W::Output>, Duration) {
    let began = Instant::now();
    let turn = Turn::until(began + length);
    // It waits for nothing but its next turn, of which nobody has to tell.
    let polled = Pin::new(work).poll(&mut Context::from_waker(Waker::noop()));
    drop(turn);
    (polled, began.elapsed())
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;

    use futures::executor::block_on;
    use futures::future::join_all;

    use super::*;
    use crate::pause;

    const LATER: Duration = Duration::from_secs(600);

    fn lane(caller: u64) -> Lane {
        Lane { caller, member: 0 }
    }

    fn workers(count: usize) -> Workers {
        Workers::start(NonZeroUsize::new(count).unwrap()).unwrap()
    }

    /// Computes for so many turns.
    async fn compute(turns: usize) -> usize {
        for _ in 0..turns {
            let end = Instant::now() + TURN;
            while Instant::now() < end {}
            pause().await;
        }
        turns
    }

    #[test]
    fn what_is_computed_comes_back_and_takes_turns() {
        let workers = workers(2);
        let shared = workers.shared();
        let deadline = Instant::now() + LATER;
        let all = (0..8).map(|caller| shared.run(lane(caller), Arc::default(), deadline, Box::pin(compute(3))));
        assert!(block_on(join_all(all)).into_iter().all(|result| result == Ok(3)));
        let status = shared.status();
        assert!(status.turns >= 8 * 3, "{status:?}");
        assert_eq!((status.waiting, status.threads), (0, 2));
    }

    #[test]
    fn who_asks_for_a_little_does_not_wait_for_who_asks_for_much() {
        let workers = workers(1);
        let shared = workers.shared();
        let deadline = Instant::now() + LATER;
        let (done, order) = mpsc::channel();
        thread::scope(|scope| {
            let (begun, has_begun) = mpsc::channel();
            let long_done = done.clone();
            scope.spawn(move || {
                let work = Box::pin(async move {
                    begun.send(()).unwrap();
                    compute(200).await
                });
                block_on(shared.run(lane(1), Arc::default(), deadline, work)).unwrap();
                long_done.send("long").unwrap();
            });
            has_begun.recv().unwrap();
            block_on(shared.run(lane(2), Arc::default(), deadline, Box::pin(compute(2)))).unwrap();
            done.send("short").unwrap();
        });
        assert_eq!(order.try_iter().collect::<Vec<_>>(), ["short", "long"]);
    }

    #[test]
    fn what_is_not_finished_in_time_is_given_up() {
        let workers = workers(1);
        let result = block_on(
            workers
                .shared()
                .run(lane(1), Arc::default(), Instant::now(), Box::pin(compute(1))),
        );
        assert_eq!(result, Err(Exhausted::Time));
    }

    #[test]
    fn a_panic_is_told_to_who_waits_and_costs_no_thread() {
        let workers = workers(1);
        let shared = Arc::clone(workers.shared());
        let deadline = Instant::now() + LATER;
        let waiting = thread::spawn(move || {
            let work = Box::pin(async {
                pause().await;
                panic!("a fault of a computation");
            });
            let _: Result<(), _> = block_on(shared.run(lane(1), Arc::default(), deadline, work));
        });
        assert!(waiting.join().is_err());
        let result = block_on(
            workers
                .shared()
                .run(lane(1), Arc::default(), deadline, Box::pin(compute(1))),
        );
        assert_eq!(result, Ok(1));
    }

    #[test]
    fn what_nobody_waits_for_any_more_is_given_up() {
        let workers = workers(1);
        let shared = workers.shared();
        let deadline = Instant::now() + LATER;
        let (alive, ended) = mpsc::channel::<()>();
        let endless = shared.run(
            lane(1),
            Arc::default(),
            deadline,
            Box::pin(async move {
                let _alive = alive;
                loop {
                    compute(1).await;
                }
            }),
        );
        let mut endless = Box::pin(endless);
        let begun = endless.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(begun.is_pending());
        drop::<Pin<Box<dyn Future<Output = Result<(), Exhausted>>>>>(endless);
        assert!(
            ended
                .recv_timeout(LATER)
                .is_err_and(|error| error == mpsc::RecvTimeoutError::Disconnected)
        );
    }

    #[test]
    fn who_waits_when_the_threads_end_is_told() {
        let workers = workers(1);
        let shared = Arc::clone(workers.shared());
        let deadline = Instant::now() + LATER;
        let (begun, has_begun) = mpsc::channel();
        let waiting = thread::spawn(move || {
            block_on(shared.run(
                lane(1),
                Arc::default(),
                deadline,
                Box::pin(async move {
                    begun.send(()).unwrap();
                    loop {
                        compute(1).await;
                    }
                }),
            ))
        });
        has_begun.recv().unwrap();
        drop(workers);
        let result: Result<(), Exhausted> = waiting.join().unwrap();
        assert_eq!(result, Err(Exhausted::Process));
    }
}
