//! Places that Orion shows and does not look for: it indexes no attribute whose metadata `ignoreType` is true, and so a
//! geo-query that it is asked misses the entity, or sees another place of it.
//!
//! They are asked for beside a geo-query, by that metadata. That costs the source a look at every entity of the types, and
//! most sources have none. So it is remembered for a while that there are none, of the same types, paths and attribute; and
//! forgotten at once when an answer, whoever asked for it, shows one.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long it is believed that a source has none: what was never shown by this gateway is missing from its geo-queries for so
/// long at most.
const BELIEVED_FOR: Duration = Duration::from_secs(60);

/// Of how many types and attributes it is remembered. Beyond, what was found out the longest ago is forgotten.
const MOST_KNOWN: usize = 64;

/// What is known of one source.
#[derive(Debug, Default)]
pub(super) struct IgnoredPlaces {
    nowhere: Mutex<Vec<(Box<str>, Instant)>>,
    /// How often one was seen: what was asked before that proves nothing.
    seen: AtomicU64,
}

/// What a request asks for beside a geo-query.
#[derive(Debug, Clone)]
pub(super) struct Beside {
    /// The place of the request among those of the plan.
    pub(super) request: usize,
    /// What it proves if it finds nothing.
    proves: Option<Box<str>>,
    seen: u64,
}

impl IgnoredPlaces {
    /// What is asked of these types in these paths about one attribute; `None`: it is known that there is nothing to find.
    /// `is_narrowed`: the request leaves out some of them by something else.
    pub(super) fn beside(&self, of: &[&str], attribute: &str, is_narrowed: bool, request: usize) -> Option<Beside> {
        // None of the names holds such a sign.
        let of = [&of.join("\n"), "\n\n", attribute].concat();
        let nowhere = self.nowhere.lock().unwrap_or_else(PoisonError::into_inner);
        let mut known = nowhere.iter().filter(|(_, since)| since.elapsed() < BELIEVED_FOR);
        if known.any(|(known, _)| **known == *of) {
            return None;
        }
        Some(Beside {
            request,
            proves: (!is_narrowed).then(|| of.into()),
            seen: self.seen.load(Ordering::Acquire),
        })
    }

    /// A request has found nothing.
    pub(super) fn found_nothing(&self, beside: &Beside) {
        let Some(of) = &beside.proves else { return };
        let mut nowhere = self.nowhere.lock().unwrap_or_else(PoisonError::into_inner);
        if self.seen.load(Ordering::Acquire) != beside.seen {
            return;
        }
        nowhere.retain(|(known, _)| known != of);
        nowhere.push((of.clone(), Instant::now()));
        let too_many = nowhere.len().saturating_sub(MOST_KNOWN);
        nowhere.drain(..too_many);
    }

    /// An answer holds one.
    pub(super) fn saw_one(&self) {
        let mut nowhere = self.nowhere.lock().unwrap_or_else(PoisonError::into_inner);
        self.seen.fetch_add(1, Ordering::Release);
        nowhere.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn that_there_are_none_is_remembered_until_one_is_seen() {
        let places = IgnoredPlaces::default();
        let ask = || places.beside(&["Site", "/#"], "location", false, 1);
        let asked = ask().unwrap();
        places.found_nothing(&asked);
        assert!(ask().is_none());
        for other in [
            places.beside(&["Site", "/north"], "location", false, 1),
            places.beside(&["AED", "/#"], "location", false, 1),
            places.beside(&["Site", "/#"], "office", false, 1),
        ] {
            assert!(other.is_some());
        }
        places.saw_one();
        assert!(ask().is_some());
        // It was asked before one was seen.
        places.found_nothing(&asked);
        assert!(ask().is_some());
    }

    #[test]
    fn what_leaves_some_out_proves_nothing() {
        let places = IgnoredPlaces::default();
        let asked = places.beside(&["Site"], "location", true, 1).unwrap();
        places.found_nothing(&asked);
        assert!(places.beside(&["Site"], "location", false, 1).is_some());
    }

    #[test]
    fn no_more_is_remembered_than_some() {
        let places = IgnoredPlaces::default();
        for number in 0..2 * MOST_KNOWN {
            let name = format!("a{number}");
            places.found_nothing(&places.beside(&["Site"], &name, false, 1).unwrap());
        }
        assert_eq!(places.nowhere.lock().unwrap().len(), MOST_KNOWN);
        assert!(places.beside(&["Site"], "a0", false, 1).is_some());
    }
}
