//! The requests to one source that only ask and are under way: whoever asks the same meanwhile waits for the same answer.
//!
//! Each goes on for as long as somebody waits for it ([`joint`](super::joint)). Nothing of it is kept when it has ended; who comes
//! then asks anew. What may not be shared, and what a request costs whom, is decided in `source_client`.

use std::fmt;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use bytes::Bytes;
use futures::future::BoxFuture;
use hashbrown::hash_map::Entry;
use hashbrown::{DefaultHashBuilder, HashMap, HashTable};
use http::{HeaderMap, HeaderValue, StatusCode};
use kakehashi_contract::AdapterError;
use kakehashi_resources::Held;
use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;

use super::body::Collecting;
use super::driven::Lendable;
use super::joint::{Answer, Joint};
use super::progress::Progress;
use super::request::Prepared;
use super::verdict::Verdict;

/// Requests whose latest answer was too large to be shared, that are remembered of one source. Whoever asks one of them
/// does not wait for another's head in vain. Two that fall on the same place forget each other, and no more.
const REMEMBERED_AS_LARGE: usize = 64;

/// What has become of a request, for all who wait for it.
pub(super) type Outcome = Result<Arrived, Ended>;

/// What one of those who share an answer takes for itself.
pub(super) type Taken<T> = Arc<Mutex<Option<T>>>;

/// An answer.
#[derive(Clone)]
pub(super) struct Arrived {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: ArrivedBody,
    /// What it says about the source, once for all who share it.
    pub(super) verdict: Arc<Verdict>,
}

/// Its body.
#[derive(Clone)]
pub(super) enum ArrivedBody {
    /// All of it, and what is counted of it for whoever has begun.
    Small(Bytes, Taken<Held>),
    /// It is larger than what is shared: the first who comes reads it on, and the others ask by themselves.
    Large(Taken<LargeBody>),
}

/// A body of which more is to come, and the connection on which it does.
pub(super) type LargeBody = (Box<Collecting>, Option<Lendable>);

/// Why there is no answer.
#[derive(Clone)]
pub(super) enum Ended {
    /// The source has failed all who have asked.
    Failed(AdapterError),
    /// Whoever has begun may hold no more. It is nobody else's trouble.
    OfWhoBegan(AdapterError),
}

/// The requests that are under way.
#[derive(Default)]
pub(super) struct UnderWay {
    hashes: DefaultHashBuilder,
    state: Mutex<State>,
    large: Large,
    /// How many were ever begun.
    numbers: AtomicU64,
}

#[derive(Default)]
struct State {
    begun: HashTable<Begun>,
    /// Whom to tell that an equal one has begun, and how many they are. By hashes: who is told in vain goes on waiting.
    waiting: HashMap<u64, (Arc<Notify>, usize)>,
}

/// Hashes of [`REMEMBERED_AS_LARGE`].
struct Large([AtomicU64; REMEMBERED_AS_LARGE]);

/// A request that is under way.
struct Begun {
    hash: u64,
    number: u64,
    request: Arc<Prepared>,
    /// The token of the source's own that it was sent with.
    token: Option<HeaderValue>,
    exchange: Weak<Joint<Outcome>>,
    progress: Arc<Progress>,
}

/// A request that one waits for.
pub(super) struct Joined {
    pub(super) exchange: Arc<Joint<Outcome>>,
    /// `None`: it was begun for this one.
    pub(super) answer: Option<Answer<Outcome>>,
    pub(super) progress: Arc<Progress>,
}

/// Which of the requests that are under way may be joined.
pub(super) trait Joinable: Fn(Option<&HeaderValue>) -> bool {}
impl<F: Fn(Option<&HeaderValue>) -> bool> Joinable for F {}

impl UnderWay {
    /// By which a request is looked for.
    pub(super) fn hash(&self, request: &Prepared) -> u64 {
        // 0 stands for none.
        self.hashes.hash_one(request).max(1)
    }

    /// An equal request that is under way. `is_good` says whether its token is.
    pub(super) fn join(&self, request: &Prepared, hash: u64, is_good: impl Joinable) -> Option<Joined> {
        let found = self.lock().find(request, hash, &is_good);
        found.and_then(Found::join)
    }

    /// The same, or who tells of one that begins.
    pub(super) fn join_or_wait(
        &self,
        request: &Prepared,
        hash: u64,
        is_good: impl Joinable,
    ) -> Result<Joined, (OwnedNotified, Waiting<'_>)> {
        loop {
            let mut state = self.lock();
            if let Some(found) = state.find(request, hash, &is_good) {
                drop(state);
                match found.join() {
                    Some(joined) => return Ok(joined),
                    // It has just ended, and is not listed any more.
                    None => continue,
                }
            }
            let (notify, waiting) = state.waiting.entry(hash).or_default();
            *waiting += 1;
            let notify = Arc::clone(notify);
            // Whatever is told from now on is heard.
            let told = Arc::clone(&notify).notified_owned();
            let under_way = self;
            let waiting = Waiting {
                under_way,
                hash,
                notify,
            };
            return Err((told, waiting));
        }
    }

    /// Begins a request here, unless an equal one has begun meanwhile. The exchange must hold what it is given until it ends, and
    /// no longer: before anybody hears of the end. Who asks then wants to know how it is then.
    pub(super) fn begin(
        self: &Arc<Self>,
        request: &Arc<Prepared>,
        hash: u64,
        token: Option<HeaderValue>,
        progress: Arc<Progress>,
        is_good: impl Joinable,
        exchange: impl FnOnce(Listed) -> BoxFuture<'static, Outcome>,
    ) -> Joined {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let listed = Listed {
            under_way: Arc::clone(self),
            hash,
            number,
        };
        let exchange = Joint::new(exchange(listed));
        loop {
            let mut state = self.lock();
            if let Some(found) = state.find(request, hash, &is_good) {
                drop(state);
                match found.join() {
                    Some(joined) => return joined,
                    // It has just ended, and is not listed any more.
                    None => continue,
                }
            }
            let begun = Begun {
                hash,
                number,
                request: Arc::clone(request),
                token,
                exchange: Arc::downgrade(&exchange),
                progress: Arc::clone(&progress),
            };
            state.begun.insert_unique(hash, begun, |begun| begun.hash);
            let told = state.waiting.remove(&hash);
            drop(state);
            if let Some((notify, _)) = told {
                notify.notify_waiters();
            }
            return Joined {
                exchange,
                answer: None,
                progress,
            };
        }
    }

    /// Nobody joins what is under way now: something was written, and who asks from now on must see it.
    pub(super) fn are_outdated(&self) {
        self.lock().begun.clear();
    }

    /// Whether the latest answer to such a request was too large to be shared.
    pub(super) fn is_large(&self, hash: u64) -> bool {
        self.large.place(hash).load(Ordering::Relaxed) == hash
    }

    /// Remembers whether an answer was too large to be shared.
    pub(super) fn note_size(&self, hash: u64, is_large: bool) {
        let place = self.large.place(hash);
        if is_large {
            place.store(hash, Ordering::Relaxed);
        } else {
            // Unless another has taken the place.
            let _ = place.compare_exchange(hash, 0, Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that is done under this lock can panic half-way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that may be joined, without the lock: to join takes the lock of the exchange, whose end takes this one.
struct Found {
    exchange: Arc<Joint<Outcome>>,
    progress: Arc<Progress>,
}

impl Found {
    /// `None`: it has ended.
    fn join(self) -> Option<Joined> {
        Some(Joined {
            answer: Some(self.exchange.join()?),
            exchange: self.exchange,
            progress: self.progress,
        })
    }
}

impl State {
    fn find(&self, request: &Prepared, hash: u64, is_good: impl Joinable) -> Option<Found> {
        // One that nobody waits for any more may be listed beside another.
        self.begun.iter_hash(hash).find_map(|begun| {
            let is_equal = begun.hash == hash && *begun.request == *request && is_good(begun.token.as_ref());
            Some(Found {
                exchange: is_equal.then(|| begun.exchange.upgrade())??,
                progress: Arc::clone(&begun.progress),
            })
        })
    }
}

impl fmt::Debug for UnderWay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnderWay").finish_non_exhaustive()
    }
}

impl Default for Large {
    fn default() -> Self {
        Self([const { AtomicU64::new(0) }; REMEMBERED_AS_LARGE])
    }
}

impl Large {
    fn place(&self, hash: u64) -> &AtomicU64 {
        const { assert!(REMEMBERED_AS_LARGE.is_power_of_two()) };
        // The remainder is always within; the first is never meant.
        let [first, ..] = &self.0;
        self.0.get(hash as usize % REMEMBERED_AS_LARGE).unwrap_or(first)
    }
}

/// That a request is listed as being under way, until it has ended or was given up.
pub(super) struct Listed {
    under_way: Arc<UnderWay>,
    hash: u64,
    number: u64,
}

impl Drop for Listed {
    fn drop(&mut self) {
        let mut state = self.under_way.lock();
        if let Ok(found) = state.begun.find_entry(self.hash, |begun| begun.number == self.number) {
            found.remove();
        }
    }
}

/// That somebody would rather join an equal request than send one.
pub(super) struct Waiting<'a> {
    under_way: &'a UnderWay,
    hash: u64,
    notify: Arc<Notify>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut state = self.under_way.lock();
        if let Entry::Occupied(mut waiting) = state.waiting.entry(self.hash)
            && Arc::ptr_eq(&waiting.get().0, &self.notify)
        {
            waiting.get_mut().1 -= 1;
            if waiting.get().1 == 0 {
                waiting.remove();
            }
        }
    }
}
