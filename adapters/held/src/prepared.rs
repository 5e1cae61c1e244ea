//! One question, answered from memory as the source would answer it: in the source's own order, cut into the same pages, with
//! nothing in it that was not asked for.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt, stream};
use kakehashi_contract::{
    AdapterError, AskedRequest, Call, Counted, Coverage, EntityStream, Foremost, Page, PreparedQuery, PushDown,
    SourceQuery, Yielded,
};
use kakehashi_resources::{Exhausted, pause};
use ngsi_ld::query::Ordering;

use crate::conditions::{UNDECIDED, has_expired, meets};
use crate::freshness::Answers;
use crate::itself;
use crate::ordered::InOrder;
use crate::shared::Shared;
use crate::snapshot::{Candidates, Place, Snapshot, shown};

/// Everything is decided here.
const EXACT: PushDown = PushDown {
    selection: Coverage::Exact,
    id_pattern: Coverage::Exact,
    any_attribute: Coverage::Exact,
    filter: Coverage::Exact,
    geo: Coverage::Exact,
    scope: Coverage::Exact,
};

/// Entities that are handed on together.
const TOGETHER: usize = 256;

/// A question, and what is kept of its source.
#[derive(Debug, Clone)]
pub(crate) struct PreparedHeld {
    shared: Arc<Shared>,
    query: Arc<SourceQuery>,
    /// The same question, as the source takes it.
    itself: OnceLock<Arc<dyn PreparedQuery>>,
}

impl PreparedHeld {
    pub(crate) fn of(shared: &Arc<Shared>, query: &SourceQuery) -> Self {
        Self {
            shared: Arc::clone(shared),
            query: Arc::new(query.clone()),
            itself: OnceLock::new(),
        }
    }

    fn itself(&self) -> &Arc<dyn PreparedQuery> {
        self.itself.get_or_init(|| self.shared.itself.prepare(&self.query))
    }

    /// What was kept, or the question to the source.
    async fn answer(&self, page: Option<Page>, call: &Call) -> Result<EntityStream, AdapterError> {
        match self.shared.what_answers(&self.query, call).await? {
            Answers::Memory(snapshot) => Ok(self.stream_of(snapshot, page, call)),
            Answers::Source => Ok(itself::query(
                self.itself(),
                &self.query,
                self.shared.source(),
                page,
                call,
            )),
        }
    }

    async fn answer_in_order(&self, order: &Ordering, call: &Call) -> Result<EntityStream, AdapterError> {
        let source = self.shared.source();
        let snapshot = match self.shared.what_answers(&self.query, call).await? {
            Answers::Memory(snapshot) => snapshot,
            Answers::Source => return Ok(itself::ordered(self.itself(), &self.query, source, order, call)),
        };
        let in_order = InOrder::new(snapshot, Arc::clone(&self.query), order.clone());
        if let Some(wanted) = in_order.wants() {
            self.shared.want_to_find_by(wanted);
        }
        let (resources, source) = (call.resources.clone(), source.clone());
        let parts = stream::try_unfold(in_order, move |in_order| {
            let (resources, source) = (resources.clone(), source.clone());
            async move {
                let next = resources.compute(in_order.next()).await.and_then(|next| next);
                let next = next.map_err(|exhausted| AdapterError::exhausted(&source, exhausted))?;
                Ok(next.map(|(in_order, part)| (stream::iter(part.into_iter().map(Ok)), in_order)))
            }
        });
        Ok(parts.try_flatten().boxed())
    }

    fn walk(&self, snapshot: Arc<Snapshot>, page: Option<Page>) -> Walk {
        let mut want = |wanted| self.shared.want_to_find_by(wanted);
        let candidates = snapshot.candidates(&self.query, &mut want);
        Walk {
            rest: match candidates {
                Candidates::All => Rest::All(snapshot.places_of_types(&self.query.types).into()),
                Candidates::These(numbers) => Rest::These(numbers.into()),
            },
            snapshot,
            query: Arc::clone(&self.query),
            skip: page.map_or(0, |page| page.offset),
            left: page.map_or(usize::MAX, |page| page.limit),
        }
    }

    fn stream_of(&self, snapshot: Arc<Snapshot>, page: Option<Page>, call: &Call) -> EntityStream {
        let (resources, source) = (call.resources.clone(), self.shared.source().clone());
        let batches = stream::try_unfold(self.walk(snapshot, page), move |walk| {
            let (resources, source) = (resources.clone(), source.clone());
            async move {
                let found = resources.compute(walk.next_batch()).await.and_then(|found| found);
                let (walk, batch) = found.map_err(|exhausted| AdapterError::exhausted(&source, exhausted))?;
                Ok((!batch.is_empty()).then(|| (stream::iter(batch.into_iter().map(Ok)), walk)))
            }
        });
        batches.try_flatten().boxed()
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

#[async_trait]
impl PreparedQuery for PreparedHeld {
    fn push_down(&self) -> PushDown {
        EXACT
    }

    /// What is asked so that something can be kept: the same whatever the question is.
    fn asked(&self, _: Option<Page>) -> Result<Vec<AskedRequest>, AdapterError> {
        let mut asked = Vec::new();
        for question in self.shared.holding.questions() {
            asked.extend(self.shared.itself.prepare(&question).asked(None)?);
        }
        Ok(asked)
    }

    async fn retrieve(&self, call: &Call) -> Result<Option<Yielded>, AdapterError> {
        let snapshot = match self.shared.what_answers(&self.query, call).await? {
            Answers::Memory(snapshot) => snapshot,
            Answers::Source => return self.itself().retrieve(call).await,
        };
        let found = self.query.ids.iter().find_map(|id| snapshot.entity(id));
        let found = found.filter(|entity| self.query.types.iter().any(|name| entity.has_type(name)));
        let found = found.filter(|entity| !has_expired(entity));
        Ok(found.map(|entity| Yielded::Entity(shown(entity, &self.query))))
    }

    fn query(&self, page: Option<Page>, call: &Call) -> EntityStream {
        let (this, call) = (self.clone(), call.clone());
        let answer = async move { this.answer(page, &call).await };
        stream::once(answer).try_flatten().boxed()
    }

    fn ordered(&self, order: &Ordering, first: Foremost, call: &Call) -> Option<EntityStream> {
        if first.sure_below.is_some() {
            return None;
        }
        let (this, order, call) = (self.clone(), order.clone(), call.clone());
        let answer = async move { this.answer_in_order(&order, &call).await };
        Some(stream::once(answer).try_flatten().boxed())
    }

    async fn count(&self, call: &Call) -> Result<Counted, AdapterError> {
        let source = self.shared.source();
        match self.shared.what_answers(&self.query, call).await? {
            Answers::Memory(snapshot) => {
                let counting = self.walk(snapshot, None).count();
                let counted = call.resources.compute(counting).await.and_then(|counted| counted);
                counted.map_err(|exhausted| AdapterError::exhausted(source, exhausted))
            }
            Answers::Source => itself::count(self.itself(), &self.query, source, call).await,
        }
    }
}
