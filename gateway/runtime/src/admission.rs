//! Who is let in: requests under way, the bytes that are held for them and those that compute for long are bounded for the
//! process, and shared between consumers (`kakehashi_resources`). All callers without a credential weigh as one consumer,
//! and each address as one of them. Who is not let in is told to come back (RFC 9110 section 15.6.4), before anything was
//! asked for it.

use std::io;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use dashmap::DashMap;
use kakehashi_core::ClientNetwork;
use kakehashi_core::consumer::Consumer;
use kakehashi_core::names::ConsumerId;
use kakehashi_resources::request::InUse;
use kakehashi_resources::{Caller, Exhausted, Process, Resources};

pub use kakehashi_resources::request::Bounds;

/// Requests under way at once. Each costs some tens of KiB beside what is counted for it; two processors answer a hundred
/// of them in a few milliseconds, and the others wait for their sources.
pub const MOST_REQUESTS: usize = 2_000;

/// The part of all memory that may be held for one request: that of a page of the largest size with large entities, or of
/// the candidates of a question over many sources.
const PART_OF_ONE_REQUEST: usize = 4;

/// Requests that compute for so long that they take turns. With a turn of a millisecond on two threads, each of so many
/// still comes to its turn eight times a second.
pub(crate) const MOST_COMPUTING: usize = 128;

/// Client addresses without a credential that are remembered before the idle ones are forgotten.
const MOST_ADDRESSES: usize = 100_000;

/// The number of all callers without a credential.
const ANONYMOUS: u64 = 0;

/// Who is let in.
#[derive(Debug)]
pub struct Admission {
    process: Arc<Process>,
    consumers: DashMap<ConsumerId, Caller>,
    anonymous: Caller,
    addresses: DashMap<ClientNetwork, Caller>,
    last_number: AtomicU64,
    sheds: Mutex<Option<Shedding>>,
}

/// That somebody was sent away.
#[derive(Debug, Clone, Copy)]
struct Shedding {
    since: SystemTime,
    last: Instant,
}

/// For how long after the last that was sent away this counts as a condition: as long as probes may be apart.
const SHEDS_FOR: Duration = Duration::from_secs(60);

/// How much there is, where so many bytes may be held for all requests together.
#[must_use]
pub fn bounds(bytes: usize) -> Bounds {
    // As many as there are processors for one caller, which may have half of them, and as many for others.
    let processors = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let threads = processors.saturating_add(processors.get());
    Bounds {
        requests: MOST_REQUESTS,
        bytes,
        bytes_of_one: bytes / PART_OF_ONE_REQUEST,
        computing: MOST_COMPUTING,
        threads,
    }
}

impl Admission {
    /// Starts the threads that compute by turns.
    ///
    /// # Errors
    /// When the operating system gives no thread.
    pub fn start(bounds: Bounds) -> io::Result<Self> {
        let process = Process::start(bounds)?;
        Ok(Self {
            anonymous: process.caller(ANONYMOUS),
            process,
            consumers: DashMap::new(),
            addresses: DashMap::new(),
            last_number: AtomicU64::new(ANONYMOUS),
            sheds: Mutex::new(None),
        })
    }

    /// Lets a request of a consumer in, from that address.
    ///
    /// # Errors
    /// [`Exhausted::Process`]
    pub fn admit(
        &self,
        consumer: &Consumer,
        address: ClientNetwork,
        deadline: Instant,
    ) -> Result<Resources, Exhausted> {
        if consumer.is_anonymous() {
            return self.process.admit(&self.of_address(address), deadline);
        }
        self.process.admit(&self.of_consumer(&consumer.id), deadline)
    }

    /// What is done for a consumer beside its requests may use: it takes turns with them, and is none of them.
    pub fn beside(&self, consumer: &Consumer, deadline: Instant) -> Resources {
        let caller = if consumer.is_anonymous() {
            self.anonymous.clone()
        } else {
            self.of_consumer(&consumer.id)
        };
        self.process.beside(&caller, deadline)
    }

    /// Whether the threads that compute by turns still take turns.
    pub async fn takes_turns(&self) -> bool {
        self.process.takes_turns().await
    }

    /// Notes that somebody was sent away.
    pub fn note_shed(&self) {
        let now = Instant::now();
        let mut sheds = self.sheds.lock().unwrap_or_else(PoisonError::into_inner);
        let lasting = sheds.filter(|sheds| now.duration_since(sheds.last) <= SHEDS_FOR);
        let since = lasting.map_or_else(SystemTime::now, |sheds| sheds.since);
        *sheds = Some(Shedding { since, last: now });
    }

    /// Since when somebody was sent away again and again; `None`: nobody was lately.
    pub fn sheds_since(&self) -> Option<SystemTime> {
        let sheds = *self.sheds.lock().unwrap_or_else(PoisonError::into_inner);
        sheds
            .filter(|sheds| sheds.last.elapsed() <= SHEDS_FOR)
            .map(|sheds| sheds.since)
    }

    /// How much is in use.
    #[must_use]
    pub fn in_use(&self) -> InUse {
        self.process.in_use()
    }

    fn of_consumer(&self, consumer: &ConsumerId) -> Caller {
        if let Some(known) = self.consumers.get(consumer) {
            return known.clone();
        }
        let new = || {
            let number = self.last_number.fetch_add(1, Ordering::Relaxed) + 1;
            self.process.caller(number)
        };
        self.consumers.entry(consumer.clone()).or_insert_with(new).clone()
    }

    fn of_address(&self, address: ClientNetwork) -> Caller {
        if let Some(known) = self.addresses.get(&address) {
            return known.clone();
        }
        if self.addresses.len() >= MOST_ADDRESSES {
            self.addresses.retain(|_, caller| !caller.is_idle());
        }
        let new = || self.anonymous.member(address);
        self.addresses.entry(address).or_insert_with(new).clone()
    }
}
