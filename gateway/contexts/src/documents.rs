//! The copies of downloaded documents: bounded in number and size, renewed when they are due, one download at a time
//! for each URL however many requests wait for it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hashbrown::HashMap;
use jiff::Timestamp;
use kakehashi_core::names::ConsumerId;
use kakehashi_runtime::{Spawner, TooMany};
use sha2::{Digest, Sha256};
use tokio::sync::watch;

use super::download::{Document, Downloaded, Downloader, Unavailability, Validators};
use super::usage::Usage;
use kakehashi_egress::freshness::Freshness;

/// Most copies.
const MOST_COPIES: usize = 500;

/// Most bytes of all copies.
const MOST_BYTES: usize = 64 * 1024 * 1024;

/// For how long after it was due a copy may still serve while its origin is away.
const STALE: Duration = Duration::from_secs(24 * 60 * 60);

/// For how long a failure is remembered: it bounds what a URL that never answers costs, and no more.
pub const FAILURE: Duration = Duration::from_secs(3);

/// Most failures that are remembered.
const MOST_FAILURES: usize = 1000;

/// A copy.
#[derive(Debug)]
pub(crate) struct CachedDocument {
    pub url: Arc<str>,
    /// Where it was found, after redirects.
    pub place: Arc<str>,
    pub json: Arc<str>,
    pub hash: [u8; 32],
    pub created_at: Timestamp,
    pub(crate) fresh_until: Instant,
    pub expires_at: Timestamp,
    pub usage: Arc<Usage>,
    validators: Validators,
}

impl CachedDocument {
    /// Its identifier in the collection of contexts, the same for the same URL.
    pub(crate) fn id(&self) -> String {
        local_id(&self.url)
    }

    fn new(url: Arc<str>, document: Document, usage: Arc<Usage>) -> Self {
        let (fresh_until, expires_at) = until(document.freshness);
        Self {
            url,
            place: document.place,
            json: document.json,
            hash: document.hash,
            created_at: Timestamp::now(),
            fresh_until,
            expires_at,
            usage,
            validators: document.validators,
        }
    }

    fn renewed(&self, freshness: Freshness) -> Self {
        let (fresh_until, expires_at) = until(freshness);
        Self {
            url: Arc::clone(&self.url),
            place: Arc::clone(&self.place),
            json: Arc::clone(&self.json),
            hash: self.hash,
            created_at: self.created_at,
            fresh_until,
            expires_at,
            usage: Arc::clone(&self.usage),
            validators: self.validators.clone(),
        }
    }
}

/// The identifier of the copy of a URL: 128 bits of its SHA-256.
pub(crate) fn local_id(url: &str) -> String {
    let hash: [u8; 32] = Sha256::digest(url.as_bytes()).into();
    hex::encode(hash.get(..16).unwrap_or_default())
}

//= 5.13.1-1
fn until(freshness: Freshness) -> (Instant, Timestamp) {
    let expires_at = Timestamp::now().checked_add(freshness.lifetime);
    (
        Instant::now() + freshness.lifetime,
        expires_at.unwrap_or(Timestamp::MAX),
    )
}

/// A document to be used now.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    /// The document.
    pub document: Arc<CachedDocument>,
    /// Whether it should have been renewed, and could not be.
    pub stale: bool,
}

type Landing = Result<Held, Unavailability>;
type Flight = watch::Receiver<Option<Landing>>;

/// All copies.
#[derive(Debug)]
pub(crate) struct Documents {
    downloader: Downloader,
    spawner: Spawner,
    kept: Mutex<HashMap<Arc<str>, Arc<CachedDocument>>>,
    failures: Mutex<HashMap<Arc<str>, (Instant, Unavailability)>>,
    flights: Mutex<HashMap<Arc<str>, Flight>>,
}

/// Nothing here panics while it holds a lock; if it did, what is behind the lock would still be whole.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Documents {
    pub(crate) fn new(downloader: Downloader, spawner: Spawner) -> Self {
        Self {
            downloader,
            spawner,
            kept: Mutex::default(),
            failures: Mutex::default(),
            flights: Mutex::default(),
        }
    }

    /// The document of a URL: the copy, or a download.
    ///
    /// # Errors
    /// [`Unavailability`] when it cannot be had by the deadline and no copy may serve.
    pub(crate) async fn get(self: &Arc<Self>, url: &str, consumer: &ConsumerId, deadline: Instant) -> Landing {
        let copy = self.copy(url);
        if let Some(copy) = &copy
            && copy.fresh_until > Instant::now()
        {
            return Ok(held(copy, false));
        }
        if let Some(failure) = self.recent_failure(url) {
            return stale_or(copy.as_ref(), failure);
        }
        let landing = self.landing(url, consumer, true);
        match tokio::time::timeout_at(deadline.into(), landing).await {
            Ok(landing) => landing,
            Err(_) => stale_or(copy.as_ref(), Unavailability::Timeout),
        }
    }

    /// Downloads the document again and puts it in the place of the copy.
    ///
    /// # Errors
    /// [`Unavailability`]; the copy stays.
    //= 5.13.5.4-3
    pub(crate) async fn reload(
        self: &Arc<Self>,
        url: &str,
        consumer: &ConsumerId,
        deadline: Instant,
    ) -> Result<(), Unavailability> {
        let landing = tokio::time::timeout_at(deadline.into(), self.landing(url, consumer, false)).await;
        match landing.unwrap_or(Err(Unavailability::Timeout))? {
            Held { stale: false, .. } => Ok(()),
            Held { stale: true, .. } => Err(self.recent_failure(url).unwrap_or(Unavailability::Unreachable)),
        }
    }

    /// The copy of a URL.
    pub(crate) fn copy(&self, url: &str) -> Option<Arc<CachedDocument>> {
        locked(&self.kept).get(url).map(Arc::clone)
    }

    /// Every copy, in the order of the URLs.
    pub(crate) fn copies(&self) -> Vec<Arc<CachedDocument>> {
        let mut copies: Vec<_> = locked(&self.kept).values().map(Arc::clone).collect();
        copies.sort_by(|one, other| one.url.cmp(&other.url));
        copies
    }

    /// Forgets a copy.
    pub(crate) fn forget(&self, url: &str) {
        locked(&self.kept).remove(url);
        // Whoever deletes the copy of a context wants the next request to ask its host.
        locked(&self.failures).remove(url);
    }

    /// Waits for the download that is under way, or begins one. It goes on when nobody waits any more: the next
    /// request will want it.
    async fn landing(self: &Arc<Self>, url: &str, consumer: &ConsumerId, validate: bool) -> Landing {
        let mut flight = match self.join(url, consumer, validate) {
            Ok(flight) => flight,
            // Nobody has asked its origin, so that nothing is remembered of it.
            Err(TooMany) => return stale_or(self.copy(url).as_ref(), Unavailability::Busy),
        };
        // The flight is gone without a landing only if its task panicked.
        let landed = flight
            .wait_for(Option::is_some)
            .await
            .map_err(|_| Unavailability::Unreachable)?;
        landed.clone().unwrap_or(Err(Unavailability::Unreachable))
    }

    fn join(self: &Arc<Self>, url: &str, consumer: &ConsumerId, validate: bool) -> Result<Flight, TooMany> {
        let mut flights = locked(&self.flights);
        if let Some(flight) = flights.get(url) {
            return Ok(flight.clone());
        }
        let url: Arc<str> = url.into();
        let (sender, flight) = watch::channel(None);
        let (documents, name, consumer_id) = (Arc::clone(self), Arc::clone(&url), consumer.clone());
        self.spawner.spawn_for(consumer, async move {
            // Removed from the flights however it ends.
            let _landed = Landed {
                documents: &documents,
                url: &url,
            };
            let landing = documents.fly(&url, &consumer_id, validate).await;
            sender.send_replace(Some(landing));
        })?;
        flights.insert(name, flight.clone());
        Ok(flight)
    }

    async fn fly(&self, url: &Arc<str>, consumer: &ConsumerId, validate: bool) -> Landing {
        let copy = self.copy(url);
        let validators = copy.as_ref().filter(|_| validate).map(|copy| copy.validators.clone());
        let validators = validators.unwrap_or_default();
        let downloaded = self.downloader.download(url, consumer, &validators).await;
        let (document, keep) = match (downloaded, &copy) {
            (Ok(Downloaded::Document(document)), copy) => {
                let keep = document.freshness.keep;
                let usage = copy.as_ref().map(|copy| Arc::clone(&copy.usage));
                let usage = usage.unwrap_or_else(|| Arc::new(Usage::of_download()));
                (CachedDocument::new(Arc::clone(url), document, usage), keep)
            }
            (Ok(Downloaded::NotModified(freshness)), Some(copy)) => (copy.renewed(freshness), freshness.keep),
            (Ok(Downloaded::NotModified(_)), None) => return Err(self.failed(url, Unavailability::Failing)),
            (Err(reason), copy) => return stale_or(copy.as_ref(), self.failed(url, reason)),
        };
        locked(&self.failures).remove(url);
        let document = Arc::new(document);
        if keep {
            self.keep(&document);
        } else {
            self.forget(url);
        }
        Ok(held(&document, false))
    }

    fn keep(&self, document: &Arc<CachedDocument>) {
        let mut kept = locked(&self.kept);
        kept.insert(Arc::clone(&document.url), Arc::clone(document));
        let mut bytes: usize = kept.values().map(|copy| copy.json.len()).sum();
        while kept.len() > MOST_COPIES || bytes > MOST_BYTES {
            let others = kept.values().filter(|copy| copy.url != document.url);
            let Some(oldest) = others.min_by_key(|copy| copy.usage.last_millisecond()) else {
                break;
            };
            let (url, size) = (Arc::clone(&oldest.url), oldest.json.len());
            bytes = bytes.saturating_sub(size);
            kept.remove(&url);
        }
    }

    fn failed(&self, url: &Arc<str>, reason: Unavailability) -> Unavailability {
        let mut failures = locked(&self.failures);
        if failures.len() >= MOST_FAILURES {
            failures.retain(|_, (at, _)| at.elapsed() < FAILURE);
        }
        if failures.len() < MOST_FAILURES {
            failures.insert(Arc::clone(url), (Instant::now(), reason));
        }
        tracing::debug!(reason = %reason, "an @context could not be downloaded");
        reason
    }

    fn recent_failure(&self, url: &str) -> Option<Unavailability> {
        let failures = locked(&self.failures);
        let (at, reason) = failures.get(url)?;
        (at.elapsed() < FAILURE).then_some(*reason)
    }
}

struct Landed<'a> {
    documents: &'a Documents,
    url: &'a str,
}

impl Drop for Landed<'_> {
    fn drop(&mut self) {
        locked(&self.documents.flights).remove(self.url);
    }
}

fn held(document: &Arc<CachedDocument>, stale: bool) -> Held {
    Held {
        document: Arc::clone(document),
        stale,
    }
}

/// The copy, when the origin is only away and the copy is not too old.
fn stale_or(copy: Option<&Arc<CachedDocument>>, reason: Unavailability) -> Landing {
    match copy {
        Some(copy) if reason.is_outage() && copy.fresh_until.elapsed() < STALE => Ok(held(copy, true)),
        _ => Err(reason),
    }
}
