//! What one request may use, and what all of them share.

use std::future::Future;
use std::io;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

use crate::Exhausted;
use crate::gate::{Gate, Pass};
use crate::memory::{Account, Held};
use crate::queue::Lane;
use crate::share::{Pool, Share, Taken};
use crate::turns::{Shared, TURN, TURNS_IN_A_ROW, TurnsStatus, Workers, begin};

/// How long one request may compute on the thread that it arrived on, in microseconds, before it has to take turns with
/// others: what all but a few per cent of requests need, and short enough that nobody notices on the same thread.
const COMPUTED_HERE: u32 = 2_000;

/// How long one request may do what cannot be paused on the thread that it arrived on, in microseconds: to read a few pages of a
/// database at most.
const UNPAUSED_HERE: u32 = 2_000;

/// Going through so many bytes of JSON or of entities takes about half a millisecond: as long as something that cannot be
/// interrupted may take where a connection lives.
const LARGE: usize = 64 * 1024;

/// What goes through things of a request for which no more than this is held does not come upon one that takes long: a page
/// of a source that is translated where it arrived, and what came of it.
const HELD_HERE: usize = 512 * 1024;

/// Less than this is not worth beginning with, in microseconds.
const NOT_WORTH_IT: u32 = 50;

/// How long after a request's deadline something that minds it by itself may tell how it has ended.
const OWN_END: Duration = Duration::from_secs(1);

/// How long a turn for somebody who has had none is waited for.
const FOR_A_TURN: Duration = Duration::from_millis(800);

/// Whom something is for that no caller has asked for.
const NOBODY: Lane = Lane {
    caller: u64::MAX,
    member: 0,
};

/// How much there is for all requests.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Requests under way at once.
    pub requests: usize,
    /// Bytes that are held.
    pub bytes: usize,
    /// Bytes that are held for one request.
    pub bytes_of_one: usize,
    /// Requests that compute for so long that they take turns.
    pub computing: usize,
    /// Threads that they take turns on.
    pub threads: NonZeroUsize,
}

/// What all requests share. It lives as long as the process.
#[derive(Debug)]
pub struct Process {
    requests: Arc<Pool>,
    bytes: Arc<Pool>,
    computing: Arc<Pool>,
    bytes_of_one: usize,
    workers: Workers,
}

/// What one caller has of what is shared, or several callers that weigh as one.
#[derive(Debug, Clone)]
pub struct Caller {
    requests: Arc<Share>,
    bytes: Arc<Share>,
    computing: Arc<Share>,
    lane: Lane,
}

impl Process {
    /// Starts the threads.
    ///
    /// # Errors
    /// When the operating system gives no thread.
    pub fn start(bounds: Bounds) -> io::Result<Arc<Self>> {
        Ok(Arc::new(Self {
            requests: Pool::new(bounds.requests),
            bytes: Pool::new(bounds.bytes),
            computing: Pool::new(bounds.computing),
            bytes_of_one: bounds.bytes_of_one,
            workers: Workers::start(bounds.threads)?,
        }))
    }

    /// A caller that weighs as one, or a group of them. `number` is its own.
    #[must_use]
    pub fn caller(&self, number: u64) -> Caller {
        Caller {
            requests: Share::of(&self.requests),
            bytes: Share::of(&self.bytes),
            computing: Share::of(&self.computing),
            lane: Lane {
                caller: number,
                member: 0,
            },
        }
    }

    /// Lets a request of a caller in; it is under way until the last clone of what it may use is dropped.
    ///
    /// # Errors
    /// [`Exhausted::Process`], before anything was done for it.
    pub fn admit(self: &Arc<Self>, caller: &Caller, deadline: Instant) -> Result<Resources, Exhausted> {
        let under_way = caller.requests.take_one().ok_or(Exhausted::Process)?;
        Ok(Resources(Arc::new(OfRequest {
            deadline,
            account: Account::new(Some(Arc::clone(&caller.bytes)), self.bytes_of_one),
            here: AtomicU32::new(COMPUTED_HERE),
            unpaused: AtomicU32::new(UNPAUSED_HERE),
            turns: Some(Turns {
                shared: Arc::clone(self.workers.shared()),
                lane: caller.lane,
                had: Arc::default(),
                share: Some(Arc::clone(&caller.computing)),
                computes: Mutex::new(None),
            }),
            _under_way: Some(under_way),
        })))
    }

    /// What may be used for something that is done for a caller beside its requests: its bytes are counted with theirs, and
    /// it takes turns with them. Whoever does it bounds how much of it there is.
    #[must_use]
    pub fn beside(self: &Arc<Self>, caller: &Caller, deadline: Instant) -> Resources {
        Resources(Arc::new(OfRequest {
            deadline,
            account: Account::new(Some(Arc::clone(&caller.bytes)), self.bytes_of_one),
            here: AtomicU32::new(0),
            unpaused: AtomicU32::new(0),
            turns: Some(Turns {
                shared: Arc::clone(self.workers.shared()),
                lane: caller.lane,
                had: Arc::default(),
                share: None,
                computes: Mutex::new(None),
            }),
            _under_way: None,
        }))
    }

    /// Whether the threads that compute by turns still take turns: waits for one.
    pub async fn takes_turns(&self) -> bool {
        let deadline = Instant::now() + FOR_A_TURN;
        let turn = self
            .workers
            .shared()
            .run(NOBODY, Arc::default(), deadline, Box::pin(async {}));
        turn.await.is_ok()
    }

    /// How much is in use: requests, bytes, requests that compute by turns.
    #[must_use]
    pub fn in_use(&self) -> InUse {
        InUse {
            requests: self.requests.used(),
            bytes: self.bytes.used(),
            most_bytes: self.bytes.capacity(),
            computing: self.computing.used(),
            turns: self.workers.shared().status(),
        }
    }
}

/// How much is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InUse {
    /// Requests under way.
    pub requests: usize,
    /// Bytes that are held.
    pub bytes: usize,
    /// Bytes that may be held.
    pub most_bytes: usize,
    /// Requests that compute by turns.
    pub computing: usize,
    /// The threads that they take turns on.
    pub turns: TurnsStatus,
}

impl Caller {
    /// One of the callers that weigh as this one together. `number` is its own among them.
    #[must_use]
    pub fn member(&self, number: u64) -> Self {
        Self {
            requests: Share::within(&self.requests),
            bytes: Share::within(&self.bytes),
            computing: Share::within(&self.computing),
            lane: Lane {
                caller: self.lane.caller,
                member: number,
            },
        }
    }

    /// Whether nothing is under way for it.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.requests.used() == 0 && self.bytes.used() == 0
    }
}

/// What one request may use. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Resources(Arc<OfRequest>);

#[derive(Debug)]
struct OfRequest {
    deadline: Instant,
    account: Arc<Account>,
    /// Microseconds that it may still compute where it arrived.
    here: AtomicU32,
    /// Microseconds that it may still spend on what cannot be paused where it arrived.
    unpaused: AtomicU32,
    /// `None`: it never takes turns.
    turns: Option<Turns>,
    _under_way: Option<Taken>,
}

#[derive(Debug)]
struct Turns {
    shared: Arc<Shared>,
    lane: Lane,
    /// How many it has had.
    had: Arc<AtomicU32>,
    /// `None`: it is none of the requests that are counted, and never refused a turn.
    share: Option<Arc<Share>>,
    /// From the first computation that takes turns on.
    computes: Mutex<Option<Taken>>,
}

impl Resources {
    /// As much as is wanted, of which nobody counts anything: for what no caller has asked for, and for tests.
    #[must_use]
    pub fn uncounted(deadline: Instant) -> Self {
        Self(Arc::new(OfRequest {
            deadline,
            account: Account::new(None, usize::MAX),
            here: AtomicU32::new(0),
            unpaused: AtomicU32::new(0),
            turns: None,
            _under_way: None,
        }))
    }

    /// When its time is over.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        self.0.deadline
    }

    /// Bytes that are held for it, none yet.
    #[must_use]
    pub fn held(&self) -> Held {
        Held::nothing_of(&self.0.account)
    }

    /// So many bytes that are held for it.
    ///
    /// # Errors
    /// [`Exhausted`]
    pub fn hold(&self, bytes: usize) -> Result<Held, Exhausted> {
        let mut held = self.held();
        held.grow(bytes)?;
        Ok(held)
    }

    /// Waits for a place behind a gate.
    pub async fn enter(&self, gate: &Arc<Gate>) -> Pass {
        let lane = self.0.turns.as_ref().map_or(NOBODY, |turns| turns.lane);
        gate.enter(lane).await
    }

    /// How many bytes are held for it.
    #[must_use]
    pub fn bytes_held(&self) -> usize {
        self.0.account.held()
    }

    /// Computes something that awaits nothing but [`pause`](crate::pause()): here as long as that is short, else by turns.
    ///
    /// # Errors
    /// [`Exhausted::Time`] when its time was over before it was finished, [`Exhausted::Process`] when too many compute.
    pub async fn compute<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, Exhausted> {
        let mut work = Box::pin(work);
        let here = self.0.here.load(Ordering::Relaxed);
        if self.0.turns.is_some() && here >= NOT_WORTH_IT {
            let length = Duration::from_micros(u64::from(here)).min(TURN);
            let (polled, took) = begin(&mut work, length);
            let micros = u32::try_from(took.as_micros()).unwrap_or(u32::MAX);
            self.0.here.store(here.saturating_sub(micros), Ordering::Relaxed);
            if let Poll::Ready(result) = polled {
                return Ok(result);
            }
        }
        self.by_turns(work).await
    }

    /// Takes so many microseconds of those that the request may spend, where it arrived, on what cannot be paused. They are the
    /// most that it may take and not what it takes, so that whether it may does not depend on how busy the machine is. Whether
    /// they were left; otherwise it is to be done elsewhere.
    #[must_use]
    pub fn may_take_here(&self, microseconds: u32) -> bool {
        let unpaused = &self.0.unpaused;
        let taken = unpaused.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
            left.checked_sub(microseconds)
        });
        taken.is_ok() || self.0.turns.is_none()
    }

    /// Computes something that goes through so many bytes between two pauses, or before it ends.
    ///
    /// # Errors
    /// As [`Resources::compute`].
    pub async fn compute_over<T: Send + 'static>(
        &self,
        bytes: usize,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, Exhausted> {
        if bytes > LARGE {
            self.compute_elsewhere(work).await
        } else {
            self.compute(work).await
        }
    }

    /// Computes something that goes through what is held for the request. Where that is much it takes turns from the beginning:
    /// any part of it may be large, and nobody has to look for it.
    ///
    /// # Errors
    /// As [`Resources::compute`].
    pub async fn compute_over_held<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, Exhausted> {
        if self.bytes_held() > HELD_HERE {
            self.compute_elsewhere(work).await
        } else {
            self.compute(work).await
        }
    }

    /// Computes something that is known to take long by turns from the beginning.
    ///
    /// # Errors
    /// As [`Resources::compute`].
    pub async fn compute_elsewhere<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, Exhausted> {
        self.by_turns(Box::pin(work)).await
    }

    /// Does something by turns that waits as well as it computes, and minds its deadline by itself: reading much that arrives
    /// from elsewhere. It is none of the requests that compute; whoever does it bounds how much of it there is.
    ///
    /// # Errors
    /// [`Exhausted::Process`] when the process ends.
    pub async fn wait_elsewhere<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, Exhausted> {
        let Some(turns) = &self.0.turns else {
            return Ok(work.await);
        };
        let deadline = self.0.deadline + OWN_END;
        let had = Arc::new(AtomicU32::new(TURNS_IN_A_ROW));
        turns.shared.run(turns.lane, had, deadline, Box::pin(work)).await
    }

    async fn by_turns<W>(&self, work: W) -> Result<W::Output, Exhausted>
    where
        W: Future + Send + Unpin + 'static,
        W::Output: Send + 'static,
    {
        let Some(turns) = &self.0.turns else {
            return Ok(work.await);
        };
        turns.admit()?;
        turns
            .shared
            .run(turns.lane, Arc::clone(&turns.had), self.0.deadline, work)
            .await
    }
}

impl Turns {
    /// Counts the request among those that compute, once.
    fn admit(&self) -> Result<(), Exhausted> {
        let mut computes = self.computes.lock().unwrap_or_else(PoisonError::into_inner);
        if let (None, Some(share)) = (&*computes, &self.share) {
            *computes = Some(share.take_one().ok_or(Exhausted::Process)?);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;

    use super::*;
    use crate::pause;

    fn process() -> Arc<Process> {
        Process::start(Bounds {
            requests: 4,
            bytes: 1000,
            bytes_of_one: 400,
            computing: 2,
            threads: NonZeroUsize::MIN,
        })
        .unwrap()
    }

    fn later() -> Instant {
        Instant::now() + Duration::from_secs(600)
    }

    #[test]
    fn what_is_short_is_computed_where_it_arrived() {
        let process = process();
        let request = process.admit(&process.caller(1), later()).unwrap();
        let thread = block_on(request.compute(async {
            pause().await;
            std::thread::current().id()
        }));
        assert_eq!(thread, Ok(std::thread::current().id()));
        assert_eq!(process.in_use().turns.turns, 0);
    }

    #[test]
    fn what_is_long_goes_on_elsewhere_and_the_rest_of_its_request_is_there_from_the_beginning() {
        let process = process();
        let request = process.admit(&process.caller(1), later()).unwrap();
        let long = async {
            let began = std::thread::current().id();
            let end = Instant::now() + 3 * TURN;
            while Instant::now() < end {
                pause().await;
            }
            (began, std::thread::current().id())
        };
        let here = std::thread::current().id();
        let (began, ended) = block_on(request.compute(long)).unwrap();
        assert!(began == here && ended != here);
        assert_eq!(process.in_use().computing, 1);
        // Twice, and its time here is used up.
        for _ in 0..2 {
            let spend = async {
                let end = Instant::now() + 2 * TURN;
                while Instant::now() < end {}
            };
            block_on(request.compute(spend)).unwrap();
        }
        let rest = block_on(request.compute(async { std::thread::current().id() }));
        assert_ne!(rest, Ok(here));
        drop(request);
        assert_eq!(process.in_use().computing, 0);
    }

    #[test]
    fn what_goes_through_much_that_is_held_takes_turns_from_the_beginning() {
        let process = Process::start(Bounds {
            requests: 1,
            bytes: 8 * HELD_HERE,
            bytes_of_one: 8 * HELD_HERE,
            computing: 1,
            threads: NonZeroUsize::MIN,
        })
        .unwrap();
        let request = process.admit(&process.caller(1), later()).unwrap();
        let here = std::thread::current().id();
        let where_it_is = || block_on(request.compute_over_held(async { std::thread::current().id() })).unwrap();
        let little = request.hold(HELD_HERE).unwrap();
        assert_eq!(where_it_is(), here);
        let more = request.hold(1).unwrap();
        assert_ne!(where_it_is(), here);
        drop((little, more));
        assert_eq!(where_it_is(), here);
    }

    #[test]
    fn requests_beyond_the_bound_are_not_let_in() {
        let process = process();
        let (one, other) = (process.caller(1), process.caller(2));
        let first = process.admit(&one, later()).unwrap();
        let second = process.admit(&one, later()).unwrap();
        assert_eq!(process.admit(&one, later()).unwrap_err(), Exhausted::Process);
        let third = process.admit(&other, later()).unwrap();
        assert_eq!(process.in_use().requests, 3);
        drop((first, second, third));
        assert_eq!(process.in_use().requests, 0);
        assert!(one.is_idle() && other.is_idle());
    }

    #[test]
    fn too_many_that_compute_are_refused() {
        let process = process();
        let caller = process.caller(1);
        let first = process.admit(&caller, later()).unwrap();
        let second = process.admit(&caller, later()).unwrap();
        assert_eq!(block_on(first.compute_elsewhere(async { 1 })), Ok(1));
        assert_eq!(block_on(first.compute_elsewhere(async { 2 })), Ok(2));
        assert_eq!(block_on(second.compute_elsewhere(async { 3 })), Err(Exhausted::Process));
        assert_eq!(
            block_on(second.compute(async { 4 })),
            Ok(4),
            "what is short needs no turn"
        );
    }

    #[test]
    fn nobody_counts_what_no_caller_has_asked_for() {
        let free = Resources::uncounted(later());
        let _held = free.hold(usize::MAX / 2).unwrap();
        assert_eq!(block_on(free.compute(async { 1 })), Ok(1));
    }

    #[test]
    fn what_cannot_be_paused_is_done_where_it_arrived_a_few_times_only() {
        let process = process();
        let request = process.admit(&process.caller(1), later()).unwrap();
        let times = (0..100).filter(|_| request.may_take_here(UNPAUSED_HERE / 4)).count();
        assert_eq!(times, 4);
        assert!(!process.beside(&process.caller(1), later()).may_take_here(1));
        assert!(Resources::uncounted(later()).may_take_here(u32::MAX));
    }
}
