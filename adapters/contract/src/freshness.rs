//! How old an answer is, where a source was not asked for it but what it said before was kept.
//!
//! What is noted here follows from what is asked and from when the source was read, never from what it holds.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use smallvec::SmallVec;

use crate::source_id::SourceId;

/// How old what an answer is made of is. Clones note together.
#[derive(Debug, Clone, Default)]
pub struct Freshness(Option<Arc<Mutex<Noted>>>);

#[derive(Debug, Default)]
struct Noted {
    oldest: Option<Duration>,
    stale: SmallVec<[SourceId; 1]>,
}

impl Freshness {
    /// Of a request that wants to know it.
    #[must_use]
    pub fn of_request() -> Self {
        Self(Some(Arc::default()))
    }

    /// Notes that a part of the answer is what the source said so long ago; `is_stale`: longer ago than it should be.
    pub fn note(&self, source: &SourceId, age: Duration, is_stale: bool) {
        let Some(noted) = &self.0 else {
            return;
        };
        let mut noted = noted.lock().unwrap_or_else(PoisonError::into_inner);
        noted.oldest = noted.oldest.max(Some(age));
        if is_stale && !noted.stale.contains(source) {
            noted.stale.push(source.clone());
        }
    }

    /// How long ago the oldest part of the answer was read; `None`: the sources themselves were asked for all of it.
    #[must_use]
    pub fn age(&self) -> Option<Duration> {
        self.noted(|noted| noted.oldest).flatten()
    }

    /// The sources whose part is older than it should be.
    #[must_use]
    pub fn stale(&self) -> SmallVec<[SourceId; 1]> {
        self.noted(|noted| noted.stale.clone()).unwrap_or_default()
    }

    fn noted<T>(&self, look: impl FnOnce(&Noted) -> T) -> Option<T> {
        let noted = self.0.as_ref()?;
        Some(look(&noted.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_as_old_as_its_oldest_part() {
        let [a, b] = ["a", "b"].map(SourceId::new);
        let freshness = Freshness::of_request();
        assert_eq!((freshness.age(), freshness.stale().len()), (None, 0));
        let same = freshness.clone();
        same.note(&a, Duration::from_secs(5), false);
        freshness.note(&b, Duration::from_secs(70), true);
        freshness.note(&b, Duration::from_secs(60), true);
        assert_eq!(same.age(), Some(Duration::from_secs(70)));
        assert_eq!(*same.stale(), [b]);
        let nobody = Freshness::default();
        nobody.note(&a, Duration::from_secs(5), true);
        assert_eq!(nobody.age(), None);
    }
}
