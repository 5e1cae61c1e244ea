//! The meaning of a query: whether an entity matches (clauses 4.9, 4.10 and 5.7.2).
//!
//! This evaluator is the arbiter. A source that decides something itself must decide as this does, and what no
//! source can decide is decided here. It sees the entity as it is given: hiding what a consumer may not see comes
//! before.
//!
//! Where clause 4.9 leaves room:
//!
//! - Several instances (datasetId): one of them that meets the condition is enough, for negated operators too.
//! - Several elements (an array, several objects, the texts of a LanguageProperty): `==` needs one, `!=` needs
//!   that none is equal. Order, range and pattern look at single values; an array is of another type than any
//!   right side, so they do not match it (a negated range does). The texts of a LanguageProperty are no array:
//!   order, range and pattern need one of them, the negated forms need all.
//! - `!=` and `!~=` need the target to exist; a value of another type is unequal, but not outside of a pattern.
//! - A Relationship, a VocabProperty and a `datasetId` are URIs: a URI equals a text in quotes or a plain text
//!   value of the same characters, but has no order and matches no pattern.
//! - Texts compare by code point, without normalization; dates and times by time.

mod compare;
mod datum;
mod geo;
mod json;
mod members;
mod target;
#[cfg(test)]
mod tests;

pub(super) use self::compare::clock;
pub(super) use self::datum::{Datum, Target};
pub use self::geo::{GeoEvaluation, distance_metres};
pub(super) use self::target::any_target;

use std::task::Poll;

use self::compare::holds;
use self::target::linked_ids;
use super::{AttributePath, Comparison, Condition, Expression, Query, Steps, TooComplex};
use crate::{Entity, EntityId};

/// The entities that Relationships lead to, as far as whoever asks may see them.
pub trait LinkedEntities {
    /// The entity of that id; `None`: there is none that is seen.
    fn linked(&self, id: &EntityId) -> Option<&Entity>;
}

/// No entity at all.
struct NoLinkedEntities;

impl LinkedEntities for NoLinkedEntities {
    fn linked(&self, _: &EntityId) -> Option<&Entity> {
        None
    }
}

impl Query {
    /// Whether the entity is part of the answer: selected by id and type, with one of the attributes asked for,
    /// fulfilling filter and geo-query. One that is too complex to be compared with the geometry is not: whoever must
    /// tell it from the others uses [`begin`](Self::begin).
    #[must_use]
    pub fn matches(&self, entity: &Entity) -> bool {
        self.matches_but_for_its_place(entity) && self.geo.as_ref().is_none_or(|geo| geo.matches(entity))
    }

    /// Begins to find out whether the entity is part of the answer.
    #[must_use]
    pub const fn begin<'a>(&'a self, entity: &'a Entity) -> QueryEvaluation<'a> {
        QueryEvaluation {
            query: self,
            entity,
            geo: None,
        }
    }

    fn matches_but_for_its_place(&self, entity: &Entity) -> bool {
        self.selects(entity)
            && (self.attributes.is_empty() || self.attributes.iter().any(|name| entity.attribute(name).is_some()))
            && self.filter.as_ref().is_none_or(|filter| filter.matches(entity))
            && self.scope.as_ref().is_none_or(|scope| scope.matches(&entity.scopes))
    }
}

/// Finding out whether an entity is part of the answer. It can be interrupted while its place is looked at; everything
/// else is one piece.
pub struct QueryEvaluation<'a> {
    query: &'a Query,
    entity: &'a Entity,
    geo: Option<GeoEvaluation<'a>>,
}

impl QueryEvaluation<'_> {
    /// Goes on until it is known whether the entity is part of the answer, or the steps are spent: the next call goes on
    /// then.
    ///
    /// [`TooComplex`]: as [`GeoEvaluation::advance`] says, where nothing else excludes the entity.
    pub fn advance(&mut self, steps: &mut Steps) -> Poll<Result<bool, TooComplex>> {
        if self.geo.is_none() {
            if !steps.may_begin() {
                return Poll::Pending;
            }
            steps.spend_steps(1 + self.query.filter.as_ref().map_or(0, Expression::conditions));
            if !self.query.matches_but_for_its_place(self.entity) {
                return Poll::Ready(Ok(false));
            }
            self.geo = self.query.geo.as_ref().map(|geo| geo.begin(self.entity));
        }
        match &mut self.geo {
            Some(geo) => geo.advance(steps),
            None => Poll::Ready(Ok(true)),
        }
    }
}

impl Expression {
    /// Whether the entity fulfils the expression. No condition on a linked entity is met.
    #[must_use]
    pub fn matches(&self, entity: &Entity) -> bool {
        self.matches_linked(entity, &NoLinkedEntities)
    }

    /// How many conditions it has.
    fn conditions(&self) -> usize {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().map(Self::conditions).sum(),
            Self::Condition(_) => 1,
        }
    }

    /// Whether the entity, with those that its Relationships lead to, fulfils the expression.
    #[must_use]
    pub fn matches_linked(&self, entity: &Entity, linked: &dyn LinkedEntities) -> bool {
        match self {
            Self::And(parts) => parts.iter().all(|part| part.matches_linked(entity, linked)),
            Self::Or(parts) => parts.iter().any(|part| part.matches_linked(entity, linked)),
            Self::Condition(condition) => condition.matches_linked(entity, linked),
        }
    }
}

impl Condition {
    /// Whether a target of the path fulfils the comparison, or exists when there is none. No target lies in a linked
    /// entity.
    #[must_use]
    pub fn matches(&self, entity: &Entity) -> bool {
        self.matches_linked(entity, &NoLinkedEntities)
    }

    /// The same, where targets may lie in linked entities.
    #[must_use]
    pub fn matches_linked(&self, entity: &Entity, linked: &dyn LinkedEntities) -> bool {
        path_matches(entity, &self.path, self.comparison.as_ref(), linked)
    }
}

/// Whether what the path leads to is so. Of several entities that a Relationship leads to one is enough.
fn path_matches(
    entity: &Entity,
    path: &AttributePath,
    comparison: Option<&Comparison>,
    linked: &dyn LinkedEntities,
) -> bool {
    let Some(next) = &path.linked else {
        return any_target(entity, path, &mut |target| {
            comparison.is_none_or(|comparison| holds(comparison, &target))
        });
    };
    linked_ids(entity, &path.attribute).any(|id| {
        linked.linked(id).is_some_and(|target| {
            let is_of_type = next.types.is_empty() || next.types.iter().any(|name| target.types.contains(name));
            is_of_type && path_matches(target, &next.path, comparison, linked)
        })
    })
}
