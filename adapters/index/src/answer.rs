//! One question, answered from memory as the source would answer it: in the source's own order, cut into the same pages, with
//! nothing in it that was not asked for.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};
use kakehashi_contract::{
    AdapterError, Call, Counted, Coverage, EntityStream, Page, PushDown, SourceId, SourceQuery, Yielded,
};
use kakehashi_resources::{Exhausted, pause};
use ngsi_ld::query::Ordering;

use crate::conditions::{UNDECIDED, has_expired, meets};
use crate::finders::FoundByAttribute;
use crate::ordered::InOrder;
use crate::snapshot::{Candidates, Place, Snapshot, shown};

/// Everything is decided here.
pub const EXACT: PushDown = PushDown {
    selection: Coverage::Exact,
    id_pattern: Coverage::Exact,
    any_attribute: Coverage::Exact,
    filter: Coverage::Exact,
    geo: Coverage::Exact,
    scope: Coverage::Exact,
};

/// Entities that are handed on together.
const TOGETHER: usize = 256;

/// A question to a snapshot of a source.
#[derive(Debug, Clone)]
pub struct Asked {
    /// What was read.
    pub snapshot: Arc<Snapshot>,
    /// What is asked.
    pub query: Arc<SourceQuery>,
    /// Whose it is.
    pub source: SourceId,
}

impl Asked {
    /// The entity of the first id that is there.
    #[must_use]
    pub fn retrieve(&self) -> Option<Yielded> {
        let query = &self.query;
        let found = query.ids.iter().find_map(|id| self.snapshot.entity(id));
        let found = found.filter(|entity| query.types.iter().any(|name| entity.has_type(name)));
        let found = found.filter(|entity| !has_expired(entity));
        found.map(|entity| Yielded::Entity(shown(entity, query)))
    }

    /// The entities that match, or a page of them. What would have found them is wanted, if it is not there.
    pub fn stream(self, page: Option<Page>, call: &Call, want: &mut dyn FnMut(FoundByAttribute)) -> EntityStream {
        let (resources, source) = (call.resources.clone(), self.source.clone());
        let batches = stream::try_unfold(self.walk(page, want), move |walk| {
            let (resources, source) = (resources.clone(), source.clone());
            async move {
                let found = resources.compute(walk.next_batch()).await.and_then(|found| found);
                let (walk, batch) = found.map_err(|exhausted| AdapterError::exhausted(&source, exhausted))?;
                Ok((!batch.is_empty()).then(|| (stream::iter(batch.into_iter().map(Ok)), walk)))
            }
        });
        batches.try_flatten().boxed()
    }

    /// All that match, in an order.
    pub fn ordered(self, order: &Ordering, call: &Call, want: &mut dyn FnMut(FoundByAttribute)) -> EntityStream {
        let in_order = InOrder::new(self.snapshot, self.query, order.clone());
        if let Some(wanted) = in_order.wants() {
            want(wanted);
        }
        let (resources, source) = (call.resources.clone(), self.source);
        let parts = stream::try_unfold(in_order, move |in_order| {
            let (resources, source) = (resources.clone(), source.clone());
            async move {
                let next = resources.compute(in_order.next()).await.and_then(|next| next);
                let next = next.map_err(|exhausted| AdapterError::exhausted(&source, exhausted))?;
                Ok(next.map(|(in_order, part)| (stream::iter(part.into_iter().map(Ok)), in_order)))
            }
        });
        parts.try_flatten().boxed()
    }

    /// How many match.
    ///
    /// # Errors
    /// That it takes too long.
    pub async fn count(
        self,
        call: &Call,
        want: &mut (dyn FnMut(FoundByAttribute) + Send),
    ) -> Result<Counted, AdapterError> {
        let source = self.source.clone();
        let counting = self.walk(None, want).count();
        let counted = call.resources.compute(counting).await.and_then(|counted| counted);
        counted.map_err(|exhausted| AdapterError::exhausted(&source, exhausted))
    }

    fn walk(self, page: Option<Page>, want: &mut dyn FnMut(FoundByAttribute)) -> Walk {
        let candidates = self.snapshot.candidates(&self.query, want);
        Walk {
            rest: match candidates {
                Candidates::All => Rest::All(self.snapshot.places_of_types(&self.query.types).into()),
                Candidates::These(numbers) => Rest::These(numbers.into()),
            },
            snapshot: self.snapshot,
            query: self.query,
            skip: page.map_or(0, |page| page.offset),
            left: page.map_or(usize::MAX, |page| page.limit),
        }
    }
}

/// The places of a snapshot, looked at one after the other.
struct Walk {
    snapshot: Arc<Snapshot>,
    query: Arc<SourceQuery>,
    rest: Rest,
    /// Places of the answer before the page.
    skip: usize,
    /// Places that are still to come.
    left: usize,
}

enum Rest {
    All(VecDeque<Range<usize>>),
    These(VecDeque<u32>),
}

impl Iterator for Rest {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        match self {
            Self::All(ranges) => loop {
                if let Some(number) = ranges.front_mut()?.next() {
                    return Some(number);
                }
                ranges.pop_front();
            },
            Self::These(numbers) => numbers.pop_front().map(|number| number as usize),
        }
    }
}

/// What a place gives to the answer.
enum Found<'s> {
    Entity(&'s ngsi_ld::Entity),
    LeftOut(kakehashi_contract::Flaw),
}

impl Walk {
    /// The next places of the answer; none: there are no more.
    async fn next_batch(mut self) -> Result<(Self, Vec<Yielded>), Exhausted> {
        let mut batch = Vec::new();
        let snapshot = Arc::clone(&self.snapshot);
        while batch.len() < TOGETHER
            && self.left > 0
            && let Some(found) = self.next_of(&snapshot).await?
        {
            if self.skip > 0 {
                self.skip -= 1;
                continue;
            }
            self.left -= 1;
            batch.push(match found {
                Found::Entity(entity) => Yielded::Entity(shown(entity, &self.query)),
                Found::LeftOut(flaw) => Yielded::LeftOut(flaw),
            });
        }
        Ok((self, batch))
    }

    async fn next_of<'s>(&mut self, snapshot: &'s Snapshot) -> Result<Option<Found<'s>>, Exhausted> {
        for number in self.rest.by_ref() {
            pause().await;
            let found = match snapshot.place(number) {
                Some(Place::Entity(entity)) => {
                    let is_meant = meets(&self.query, &UNDECIDED, entity).await? && !has_expired(entity);
                    is_meant.then_some(Found::Entity(entity))
                }
                Some(Place::LeftOut(flaw, name)) => {
                    let is_meant = self.query.types.contains(name);
                    is_meant.then_some(Found::LeftOut(*flaw))
                }
                None => None,
            };
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// How many places the answer has.
    async fn count(mut self) -> Result<Counted, Exhausted> {
        let mut counted = Counted::default();
        let snapshot = Arc::clone(&self.snapshot);
        while let Some(found) = self.next_of(&snapshot).await? {
            match found {
                Found::Entity(_) => counted.entities += 1,
                Found::LeftOut(flaw) => counted.left_out.add(flaw),
            }
        }
        Ok(counted)
    }
}
