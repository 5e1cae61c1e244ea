//! How many requests to sources one question causes, and how many it may: pages, branches of disjunctions, selectors,
//! linked entities. One owner for all of them, whichever adapter sends what.
//!
//! Each source has a share of its own, so that one with tiny pages costs its own part and no other's; and the question as a
//! whole has a bound. Which of several sources is the first to send decides nothing.

use std::sync::{Arc, Mutex, PoisonError};

use smallvec::SmallVec;

use crate::source_id::SourceId;

/// The requests of one question. Clones count together.
#[derive(Debug, Clone, Default)]
pub struct Requests(Option<Arc<Bounded>>);

#[derive(Debug)]
struct Bounded {
    most: usize,
    made: Mutex<Made>,
}

#[derive(Debug, Default)]
struct Made {
    in_all: usize,
    by_source: SmallVec<[(SourceId, usize); 4]>,
}

/// Why one more request is too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TooManyRequests {
    /// The source has had its share, which is so many.
    OfTheSource(usize),
    /// The question has had all of its, which are so many.
    OfTheQuestion(usize),
}

impl Requests {
    /// As many as it takes: for what no consumer has asked.
    #[must_use]
    pub fn unbounded() -> Self {
        Self::default()
    }

    /// So many in all, and half of them of one source; of each source one at least.
    #[must_use]
    pub fn at_most(most: usize) -> Self {
        Self(Some(Arc::new(Bounded {
            most,
            made: Mutex::default(),
        })))
    }

    /// As many again, counted apart: for another way to answer the same question.
    #[must_use]
    pub fn again(&self) -> Self {
        self.0
            .as_ref()
            .map_or_else(Self::unbounded, |bounded| Self::at_most(bounded.most))
    }

    /// Counts one before it is made.
    pub fn count(&self, source: &SourceId) -> Result<(), TooManyRequests> {
        let Some(bounded) = &self.0 else {
            return Ok(());
        };
        let mut made = bounded.made.lock().unwrap_or_else(PoisonError::into_inner);
        let Made { in_all, by_source } = &mut *made;
        let of_source = match by_source.iter_mut().find(|(known, _)| known == source) {
            Some((_, count)) => count,
            None => {
                by_source.push((source.clone(), 0));
                let Some((_, count)) = by_source.last_mut() else {
                    return Ok(());
                };
                count
            }
        };
        let share = (bounded.most / 2).max(1);
        if *of_source >= share {
            return Err(TooManyRequests::OfTheSource(share));
        }
        if *in_all >= bounded.most {
            return Err(TooManyRequests::OfTheQuestion(bounded.most));
        }
        *of_source += 1;
        *in_all += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_source_has_its_share_and_the_question_its_bound() {
        let [a, b, c] = ["a", "b", "c"].map(SourceId::new);
        let requests = Requests::at_most(4);
        let same = requests.clone();
        assert_eq!([requests.count(&a), same.count(&a)], [Ok(()), Ok(())]);
        assert_eq!(
            requests.count(&a),
            Err(TooManyRequests::OfTheSource(2)),
            "what was refused was not made"
        );
        assert_eq!([requests.count(&b), requests.count(&b)], [Ok(()), Ok(())]);
        assert_eq!(requests.count(&c), Err(TooManyRequests::OfTheQuestion(4)));
        assert_eq!(requests.count(&b), Err(TooManyRequests::OfTheSource(2)));
        let one = Requests::at_most(1);
        assert_eq!(
            [one.count(&a), one.count(&b)],
            [Ok(()), Err(TooManyRequests::OfTheQuestion(1))]
        );
        let any = Requests::unbounded();
        assert!((0..10_000).all(|_| any.count(&a).is_ok()));
    }
}
