//! What a question costs, as far as the question alone tells.
//!
//! It is meant to be multiplied by stated bounds, like that of the entities that one request may look through, and never
//! by what was counted of somebody's data: how much there is must not show in what is refused. It errs where the data is
//! made for it: a target that touches the reference all along, or one in the middle of a circle that is the reference.

use super::geometry::Cost;
use super::{Comparison, Condition, Expression, GeoQuery, GeoRelation, Ordering, Query};
use crate::entity::Geometry;

/// Steps (those of [`Steps`](super::Steps): some 100 ns each) that a question costs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Complexity {
    /// Before the first entity is looked at.
    pub once: usize,
    /// For each entity that is looked at.
    pub each_entity: usize,
    /// For each position of the geometries of these entities, beyond one for each entity.
    pub each_position: usize,
    /// For each two entities that are compared to bring them in order.
    pub each_comparison: usize,
}

/// What the bare decision about an entity costs.
const STEPS_OF_AN_ENTITY: usize = 1;

/// What one condition of a `q` costs: an attribute is found, a value compared.
const STEPS_OF_A_CONDITION: usize = 1;

/// Values of a list that are compared in one step.
const VALUES_OF_A_STEP: usize = 16;

/// How many entities a Relationship that a condition follows is taken to lead to.
const LINKED_ENTITIES: usize = 4;

/// What a regular expression costs for a text of some sixty bytes: this, and what its size adds, because an expression
/// that repeats something so many times may be in so many states at once.
const STEPS_OF_A_PATTERN: usize = 3;

/// What one comparison of two keys costs, a text by its collation.
const STEPS_OF_A_COMPARISON: usize = 2;

impl Complexity {
    /// The steps for so many entities, with so many positions in all their geometries together.
    #[must_use]
    pub const fn steps(&self, entities: usize, positions: usize) -> usize {
        let comparisons = match entities.checked_ilog2() {
            Some(levels) => entities.saturating_mul(levels as usize + 1),
            None => 0,
        };
        self.once
            .saturating_add(self.each_entity.saturating_mul(entities))
            .saturating_add(self.each_position.saturating_mul(positions.saturating_sub(entities)))
            .saturating_add(self.each_comparison.saturating_mul(comparisons))
    }

    /// What both cost.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self {
            once: self.once.saturating_add(other.once),
            each_entity: self.each_entity.saturating_add(other.each_entity),
            each_position: self.each_position.saturating_add(other.each_position),
            each_comparison: self.each_comparison.saturating_add(other.each_comparison),
        }
    }

    const fn of_each(steps: usize) -> Self {
        Self {
            once: 0,
            each_entity: steps,
            each_position: 0,
            each_comparison: 0,
        }
    }

    const fn of_geometry(cost: Cost) -> Self {
        Self {
            once: cost.once,
            each_entity: cost.each_target,
            each_position: cost.each_position,
            each_comparison: 0,
        }
    }
}

impl Query {
    /// What it costs to decide whether entities match. The first call for a geometry makes that ready.
    #[must_use]
    pub fn complexity(&self) -> Complexity {
        let pattern = self.id_pattern.as_ref().map_or(0, |pattern| of_pattern(pattern.size()));
        let names = self.ids.len() + self.attributes.len();
        let each = STEPS_OF_AN_ENTITY + pattern + names / VALUES_OF_A_STEP;
        let filter = self.filter.as_ref().map(Expression::complexity).unwrap_or_default();
        let geo = self.geo.as_ref().map(GeoQuery::complexity).unwrap_or_default();
        Complexity::of_each(each).and(filter).and(geo)
    }
}

impl Expression {
    /// What it costs to decide whether entities fulfil it.
    #[must_use]
    pub fn complexity(&self) -> Complexity {
        match self {
            Self::And(parts) | Self::Or(parts) => parts
                .iter()
                .map(Self::complexity)
                .fold(Complexity::default(), Complexity::and),
            Self::Condition(condition) => Complexity::of_each(of_condition(condition)),
        }
    }
}

fn of_condition(condition: &Condition) -> usize {
    let compared = match &condition.comparison {
        Some(Comparison::Equal { values, .. }) => values.len() / VALUES_OF_A_STEP,
        Some(Comparison::Pattern { pattern, .. }) => of_pattern(pattern.size()),
        Some(Comparison::Range { .. } | Comparison::Order { .. }) | None => 0,
    };
    let links = u32::try_from(condition.path.link_depth()).unwrap_or(u32::MAX);
    (STEPS_OF_A_CONDITION + compared).saturating_mul(LINKED_ENTITIES.saturating_pow(links))
}

const fn of_pattern(size: usize) -> usize {
    STEPS_OF_A_PATTERN.saturating_add(size.saturating_add(size / 2))
}

impl GeoQuery {
    /// What it costs to find which entities match. The first call makes the geometry ready.
    #[must_use]
    pub fn complexity(&self) -> Complexity {
        let is_point = matches!(self.geometry.geometry(), Geometry::Point(_));
        match self.relation {
            GeoRelation::Near { .. } if is_point => Complexity::of_each(STEPS_OF_AN_ENTITY),
            GeoRelation::Near { .. } => Complexity::of_geometry(self.geometry.index().cost_of_distance()),
            _ => Complexity::of_geometry(self.geometry.index().cost_of_relation()),
        }
    }
}

impl Ordering {
    /// What it costs to bring entities in this order. The first call makes the geometry of `orderFrom` ready.
    #[must_use]
    pub fn complexity(&self) -> Complexity {
        let distances = self
            .reference_of_distances()
            .map_or_else(Complexity::default, |reference| {
                let terms = self
                    .terms()
                    .iter()
                    .filter(|term| term.direction.is_by_distance())
                    .count();
                let one = if matches!(reference.geometry(), Geometry::Point(_)) {
                    Complexity::of_each(STEPS_OF_AN_ENTITY)
                } else {
                    Complexity::of_geometry(reference.index().cost_of_distance())
                };
                Complexity {
                    once: one.once,
                    each_entity: one.each_entity.saturating_mul(terms),
                    each_position: one.each_position.saturating_mul(terms),
                    each_comparison: 0,
                }
            });
        Complexity {
            once: 0,
            each_entity: STEPS_OF_AN_ENTITY + self.terms().len(),
            each_position: 0,
            each_comparison: STEPS_OF_A_COMPARISON,
        }
        .and(distances)
    }
}
