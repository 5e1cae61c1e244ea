//! How many entities several sources may have sent to one request at the same time.
//!
//! Whether a source may go on sending never decides what becomes of its part: each stops at its own bound, and what all
//! have sent together is judged when they have ended, so that the answer is the same whoever was first. Until then memory
//! is bounded by letting them wait: beyond [`MAX_CANDIDATES`] entities only the first source of the plan that has not ended
//! goes on. It ends some time, and then the next one is the first.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;

use super::gather::MAX_CANDIDATES;

/// What several sources have sent.
#[derive(Debug)]
pub(super) struct Shares {
    /// Entities that are held of all of them.
    held: AtomicUsize,
    /// The place of the first that has not ended.
    first: AtomicUsize,
    ended: Mutex<Vec<bool>>,
    /// Some has ended.
    changed: Notify,
}

/// What one of them has sent. Dropping it gives it back.
#[derive(Debug)]
pub(super) struct Share<'s> {
    shares: &'s Shares,
    place: usize,
    held: usize,
    is_kept: bool,
}

impl Shares {
    /// For so many sources.
    pub(super) fn of(sources: usize) -> Self {
        Self {
            held: AtomicUsize::new(0),
            first: AtomicUsize::new(0),
            ended: Mutex::new(vec![false; sources]),
            changed: Notify::new(),
        }
    }

    /// That of the source at this place of the plan.
    pub(super) fn share(&self, place: usize) -> Share<'_> {
        Share {
            shares: self,
            place,
            held: 0,
            is_kept: false,
        }
    }

    fn may_grow(&self, place: usize) -> bool {
        self.held.load(Ordering::Relaxed) < MAX_CANDIDATES || self.first.load(Ordering::Relaxed) == place
    }

    fn end(&self, place: usize) {
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(ended) = ended.get_mut(place) {
            *ended = true;
        }
        let first = ended.iter().position(|ended| !ended).unwrap_or(ended.len());
        self.first.store(first, Ordering::Relaxed);
        drop(ended);
        self.changed.notify_waiters();
    }
}

impl Share<'_> {
    /// Waits until one more entity may be held.
    pub(super) async fn grow(&mut self) {
        loop {
            // Asked for before looking: whoever ends in between is not missed.
            let changed = self.shares.changed.notified();
            if self.shares.may_grow(self.place) {
                break;
            }
            changed.await;
        }
        self.shares.held.fetch_add(1, Ordering::Relaxed);
        self.held += 1;
    }

    /// The source has ended well: its entities are held from here on.
    pub(super) fn keep(mut self) {
        self.is_kept = true;
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        if !self.is_kept {
            self.shares.held.fetch_sub(self.held, Ordering::Relaxed);
        }
        self.shares.end(self.place);
    }
}
