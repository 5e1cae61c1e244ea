//! Compiled contexts: nothing is compiled twice as long as the documents it is made of stay the same.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Instant;

use dashmap::DashMap;
use jiff::Timestamp;
use kakehashi_core::names::ConsumerId;
use ngsi_ld::context::{Context, ContextError};

use super::RequestContext;
use super::usage::Usage;

/// Most compiled contexts.
const MOST_CONTEXTS: usize = 1000;

/// Most terms of all of them together; a term takes about 200 bytes.
const MOST_TERMS: usize = 1_000_000;

/// What was compiled: the hash of what the request named, and, when a part of it belongs to one consumer, whose.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    /// The hash of what the request named.
    pub named: [u8; 32],
    /// Whose it is, if it belongs to one consumer.
    pub owner: Option<ConsumerId>,
}

/// A compiled context, or what is wrong with it.
#[derive(Debug)]
pub(crate) struct Compiled {
    pub outcome: Result<RequestContext, ContextError>,
    /// The hash of everything that it was made of.
    pub fingerprint: [u8; 32],
    /// When the first of its documents is due.
    pub(crate) fresh_until: Instant,
    /// What is counted when it is used.
    pub(crate) usages: Vec<Arc<Usage>>,
    /// [`CompiledContexts::generation`] when its documents were read.
    pub(crate) generation: u64,
    pub last: AtomicI64,
}

impl Compiled {
    /// Counts one use.
    pub(crate) fn record(&self, consumer: &ConsumerId) {
        let now = Timestamp::now();
        self.last.store(now.as_millisecond(), Ordering::Relaxed);
        for usage in &self.usages {
            usage.record(consumer, now);
        }
    }

    fn terms(&self) -> usize {
        match &self.outcome {
            Ok(context) if !Arc::ptr_eq(&context.context, Context::core()) => context.context.term_count(),
            _ => 0,
        }
    }
}

/// All compiled contexts.
#[derive(Debug, Default)]
pub(crate) struct CompiledContexts {
    entries: DashMap<Key, Arc<Compiled>>,
    generation: AtomicU64,
}

impl CompiledContexts {
    /// A number that changes whenever a stored document is added, replaced or removed.
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// A stored document has changed: what was compiled has to look at its documents again.
    pub(crate) fn documents_changed(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
    }

    /// What was compiled, whether or not its documents are due.
    pub(crate) fn get(&self, key: &Key) -> Option<Arc<Compiled>> {
        self.entries.get(key).map(|entry| Arc::clone(&entry))
    }

    /// Whether it may be used without looking at its documents.
    pub(crate) fn holds(&self, compiled: &Compiled) -> bool {
        compiled.generation == self.generation() && compiled.fresh_until > Instant::now()
    }

    /// Keeps what was compiled; what was used least recently goes when there is too much.
    pub(crate) fn keep(&self, key: &Key, compiled: &Arc<Compiled>) {
        self.entries.insert(key.clone(), Arc::clone(compiled));
        let terms: usize = self.entries.iter().map(|entry| entry.terms()).sum();
        if self.entries.len() <= MOST_CONTEXTS && terms <= MOST_TERMS {
            return;
        }
        let mut by_age: Vec<(i64, Key, usize)> = self
            .entries
            .iter()
            .map(|entry| (entry.last.load(Ordering::Relaxed), entry.key().clone(), entry.terms()))
            .collect();
        by_age.sort_by_key(|(last, ..)| *last);
        let (mut count, mut terms) = (by_age.len(), terms);
        for (_, old, size) in by_age {
            if count <= MOST_CONTEXTS && terms <= MOST_TERMS {
                break;
            }
            if old != *key {
                self.entries.remove(&old);
                count -= 1;
                terms = terms.saturating_sub(size);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn key(number: usize) -> Key {
        let mut named = [0; 32];
        named[..8].copy_from_slice(&number.to_be_bytes());
        Key { named, owner: None }
    }

    fn compiled(generation: u64, last: i64) -> Arc<Compiled> {
        Arc::new(Compiled {
            outcome: Ok(RequestContext::core()),
            fingerprint: [0; 32],
            fresh_until: Instant::now() + Duration::from_secs(3600),
            usages: Vec::new(),
            generation,
            last: AtomicI64::new(last),
        })
    }

    #[test]
    fn what_was_used_least_recently_goes_first() {
        let contexts = CompiledContexts::default();
        for number in 0..=MOST_CONTEXTS {
            let age = i64::try_from(MOST_CONTEXTS - number).unwrap();
            contexts.keep(&key(number), &compiled(0, age));
        }
        assert_eq!(contexts.entries.len(), MOST_CONTEXTS);
        assert!(contexts.get(&key(0)).is_some());
        assert!(
            contexts.get(&key(MOST_CONTEXTS)).is_some(),
            "the one that is being kept stays"
        );
        assert!(contexts.get(&key(MOST_CONTEXTS - 1)).is_none());
    }

    #[test]
    fn a_change_of_a_stored_document_lets_everything_be_looked_at_again() {
        let contexts = CompiledContexts::default();
        let before = compiled(contexts.generation(), 0);
        assert!(contexts.holds(&before));
        contexts.documents_changed();
        assert!(!contexts.holds(&before));
        assert!(contexts.holds(&compiled(contexts.generation(), 0)));
    }
}
