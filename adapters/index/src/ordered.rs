//! What answers a question in an order, the first first: without bringing everything in order where few are wanted. The nearest
//! are found by their places; of anything else every key is looked at, and the first are picked out.

use std::sync::Arc;

use hashbrown::HashSet;
use kakehashi_contract::{SourceQuery, Yielded};
use kakehashi_resources::{Exhausted, pause};
use ngsi_ld::Entity;
use ngsi_ld::query::{BoundingBox, Ordering, OrderingKey};

use crate::conditions::{UNDECIDED, has_expired, meets, to_the_end};
use crate::finders::FoundByAttribute;
use crate::snapshot::{Place, Snapshot, shown};

/// Entities that are looked for by their places at first. A map shows some ten.
const NEAREST_AT_FIRST: usize = 32;

/// Where those are not enough it is looked so many times as far.
const FARTHER: f64 = 4.0;

/// How far anything is at most, in metres: half around the globe, and some more.
const FARTHEST: f64 = 25_000_000.0;

/// What a snapshot gives in an order, part by part.
pub(crate) struct InOrder {
    snapshot: Arc<Snapshot>,
    query: Arc<SourceQuery>,
    order: Ordering,
    given: HashSet<u32>,
    stage: Stage,
}

enum Stage {
    /// What is wrong comes first, so that it is told however few are wanted.
    Beginning,
    /// Everything nearer than this was given; the next part reaches so far.
    Nearest {
        metres: f64,
    },
    /// Everything that is left.
    Rest,
    Ended,
}

impl InOrder {
    pub(crate) fn new(snapshot: Arc<Snapshot>, query: Arc<SourceQuery>, order: Ordering) -> Self {
        Self {
            snapshot,
            query,
            order,
            given: HashSet::new(),
            stage: Stage::Beginning,
        }
    }

    /// What would find the nearest.
    pub(crate) fn wants(&self) -> Option<FoundByAttribute> {
        let (property, _) = self.order.nearest_first()?;
        let is_there = self.snapshot.boxes_of(property).is_some();
        (!is_there).then(|| FoundByAttribute::Place(property.clone()))
    }

    /// The next part; `None`: there is none.
    pub(crate) async fn next(mut self) -> Result<Option<(Self, Vec<Yielded>)>, Exhausted> {
        let part = match self.stage {
            Stage::Beginning => {
                self.stage = self
                    .first_reach()
                    .map_or(Stage::Rest, |metres| Stage::Nearest { metres });
                self.flawed()
            }
            Stage::Nearest { metres } => self.nearest(metres).await?,
            Stage::Rest => {
                self.stage = Stage::Ended;
                let snapshot = Arc::clone(&self.snapshot);
                let all = snapshot.places_of_types(&self.query.types).into_iter().flatten();
                let numbers = all.filter_map(|number| u32::try_from(number).ok());
                let keyed = self.keyed(&snapshot, numbers).await?;
                self.sorted(keyed).await
            }
            Stage::Ended => return Ok(None),
        };
        Ok(Some((self, part)))
    }

    fn first_reach(&self) -> Option<f64> {
        let (property, from) = self.order.nearest_first()?;
        let places = self.snapshot.boxes_of(property)?;
        places.reach_of(NEAREST_AT_FIRST, &BoundingBox::of(from)?)
    }

    /// Those that are no farther than that and were not given yet.
    async fn nearest(&mut self, metres: f64) -> Result<Vec<Yielded>, Exhausted> {
        let farther = metres * FARTHER;
        self.stage = if farther < FARTHEST {
            Stage::Nearest { metres: farther }
        } else {
            Stage::Rest
        };
        let snapshot = Arc::clone(&self.snapshot);
        let found = self.order.nearest_first().and_then(|(property, from)| {
            let bounds = BoundingBox::of(from)?.around(metres);
            Some(snapshot.boxes_of(property)?.within(bounds))
        });
        let Some(found) = found else {
            self.stage = Stage::Rest;
            return Ok(Vec::new());
        };
        let mut keyed = self.keyed(&snapshot, found.into_iter()).await?;
        // Beyond that there may be others that are nearer.
        keyed.retain(|(key, _)| key.metres().is_some_and(|distance| distance <= metres));
        Ok(self.sorted(keyed).await)
    }

    /// Those of these places that are asked for and were not given yet, with what decides where each comes.
    async fn keyed(
        &self,
        snapshot: &Snapshot,
        numbers: impl Iterator<Item = u32>,
    ) -> Result<Vec<(OrderingKey, u32)>, Exhausted> {
        let mut keyed = Vec::new();
        for number in numbers.filter(|number| !self.given.contains(number)) {
            pause().await;
            if let Some(Place::Entity(entity)) = snapshot.place(number as usize)
                && meets(&self.query, &UNDECIDED, entity).await?
                && !has_expired(entity)
            {
                keyed.push((key(&self.order, entity).await, number));
            }
        }
        Ok(keyed)
    }

    /// These entities in their order. They are given from now on.
    async fn sorted(&mut self, keyed: Vec<(OrderingKey, u32)>) -> Vec<Yielded> {
        let numbers = sorted(&self.order, keyed).await;
        let mut part = Vec::with_capacity(numbers.len());
        for number in numbers {
            pause().await;
            if let Some(Place::Entity(entity)) = self.snapshot.place(number as usize) {
                part.push(Yielded::Entity(shown(entity, &self.query)));
                self.given.insert(number);
            }
        }
        part
    }

    fn flawed(&self) -> Vec<Yielded> {
        let is_meant = |place: &Place| match place {
            Place::LeftOut(flaw, name) => self.query.types.contains(name).then_some(Yielded::LeftOut(*flaw)),
            Place::Entity(_) => None,
        };
        self.snapshot.flawed().filter_map(is_meant).collect()
    }
}

/// What decides where an entity comes.
pub async fn key(order: &Ordering, entity: &Entity) -> OrderingKey {
    let mut evaluation = order.begin_key(entity);
    to_the_end(|steps| evaluation.advance(steps)).await
}

/// Things in the order of their keys.
pub async fn sorted<T>(order: &Ordering, keyed: Vec<(OrderingKey, T)>) -> Vec<T> {
    let mut sorting = order.begin_sort(keyed);
    to_the_end(|steps| sorting.advance(steps)).await
}
