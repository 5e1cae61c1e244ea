//! What a kind is given that keeps what it has read in memory and answers from that, and what it says of it.

use std::fmt;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use kakehashi_client::HttpClient;
use kakehashi_index::{Bounds, Holding, Judge, Memory};

/// Bytes that are kept of all sources together: of each twice while it is read anew.
const MOST_BYTES_IN_ALL: usize = 1024 * 1024 * 1024;

/// Entities of one source: a prefecture's largest lists of facilities have some 100,000 rows.
const MOST_ENTITIES: usize = 250_000;

/// Bytes of one source: a row of 20 columns takes about 1 KiB.
const MOST_BYTES: usize = 256 * 1024 * 1024;

/// What is kept of one source.
const OF_ONE: Bounds = Bounds {
    entities: MOST_ENTITIES,
    bytes: MOST_BYTES,
};

/// The memory of all sources that answer from what they have read.
#[must_use]
pub fn memory_of_read() -> Memory {
    Memory::new(MOST_BYTES_IN_ALL, OF_ONE)
}

/// What may be kept of a source, and where.
#[derive(Clone)]
pub struct Keeping {
    /// Which types and attributes.
    pub holding: Holding,
    /// What of an entity: it has been inspected, too.
    pub judge: Judge,
    /// How much.
    pub memory: Memory,
    /// What outlives a restart.
    pub remembers: std::sync::Arc<dyn Remembers>,
    /// The connections to hosts other than the source's own: to public addresses and those that the operator allows.
    pub elsewhere: Option<HttpClient>,
}

impl fmt::Debug for Keeping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keeping")
            .field("holding", &self.holding)
            .finish_non_exhaustive()
    }
}

/// What is remembered of one source over a restart: names, counts and validators, never a value.
#[async_trait]
pub trait Remembers: fmt::Debug + Send + Sync {
    /// What was remembered last; `None`: nothing, or it cannot be read now.
    async fn recall(&self) -> Option<String>;

    /// Remembers this from now on, as far as that is possible now.
    async fn remember(&self, text: &str);
}

/// Somebody who remembers nothing.
#[derive(Debug)]
pub struct Forgets;

#[async_trait]
impl Remembers for Forgets {
    async fn recall(&self) -> Option<String> {
        None
    }

    async fn remember(&self, _: &str) {}
}

/// What keeps what was read of a source.
pub trait Keeps: fmt::Debug + Send + Sync {
    /// Forgets everything, and keeps nothing from now on.
    fn erase(&self);

    /// How it is.
    fn status(&self) -> ReadStatus;

    /// Takes what is held back. Whether there was something.
    fn accept(&self) -> bool;

    /// Looks now whether there is something new.
    fn read_now(&self);
}

/// What was read of a source, for metrics and administrators.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadStatus {
    /// How often it is looked whether there is something new.
    pub refresh: Duration,
    /// Entities that are kept.
    pub entities: usize,
    /// About how many bytes they take.
    pub bytes: usize,
    /// Records that were left out, because they are no entities.
    pub left_out: usize,
    /// What of the files could not be used: by row and column, each kind in a line, without a value.
    pub told: Vec<String>,
    /// How long ago it was known that the source says this; `None`: nothing is kept.
    pub age: Option<Duration>,
    /// How often it was read, well or not.
    pub readings: u64,
    /// How often there was nothing new.
    pub unchanged: u64,
    /// How often reading failed.
    pub failures: u64,
    /// Why the latest reading failed, without anything that the source has sent; `None`: it did not.
    pub failed: Option<String>,
    /// What is held back until an administrator agrees.
    pub held_back: Option<HeldBack>,
    /// Under which terms the source may be used.
    pub licence: Option<String>,
    /// Whom to name.
    pub attribution: Option<String>,
}

/// Why what was read does not take the place of what was there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeldBack {
    /// Why.
    pub reason: Suspicion,
    /// How many entities there were.
    pub before: usize,
    /// How many there would be.
    pub now: usize,
    /// Since when.
    pub since: SystemTime,
}

/// What is odd about what was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suspicion {
    /// There are less than half as many.
    Shrunk,
    /// Nearly all have other ids.
    OtherIds,
}

impl Suspicion {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Shrunk => "shrunk",
            Self::OtherIds => "other_ids",
        }
    }
}
