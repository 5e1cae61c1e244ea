//! The ordering of entities (clause 4.23): its AST, its limits, and which entity comes first.
//!
//! [`Ordering::parse`] reads `orderBy`, `orderFrom`, `orderGeometry` and `collation`. [`Ordering::key`] looks once at
//! an entity, and [`Ordering::compare`] at two keys.
//!
//! Where the clause leaves room:
//!
//! - The order of data types (clause 4.23.2) is the same in both directions: what has no value comes last, also after
//!   a descending order.
//! - Several instances (datasetId), and the texts of a LanguageProperty in several languages: the one that brings the
//!   entity furthest to the front decides, as MongoDB does it. `name[ja]` takes the text of one language.
//! - URIs (ids, types, objects of relationships, terms) are texts.
//! - Several objects, several types and several scopes are an array. Arrays compare element by element, and the shorter
//!   of two that begin alike comes first. Objects compare by their JSON text; two geometries are equal, because their
//!   order is that of distance.
//! - What is equal in all terms comes in the order of its id, so that pages neither repeat nor skip an entity.

mod collation;
mod key;
mod parse;
mod sorting;
#[cfg(test)]
mod tests;

pub use self::collation::InvalidCollation;
pub use self::key::{KeyEvaluation, OrderingKey};
pub use self::parse::{InvalidOrdering, OrderingParameter, OrderingProblem};
pub use self::sorting::Sorting;

use self::collation::Collation;
use super::{AttributePath, ReferenceGeometry};
use crate::AttributeName;
use crate::context::Context;
use crate::entity::Geometry;

/// Most terms of one ordering: people write two.
pub const MAX_ORDERING_TERMS: usize = 16;

/// In which order entities are listed.
#[derive(Debug, Clone, PartialEq)]
pub struct Ordering {
    /// Never empty.
    terms: Vec<OrderingTerm>,
    /// What distances are measured from.
    reference: Option<ReferenceGeometry>,
    collation: Collation,
}

/// One term: what is compared, and in which direction. A later one decides where the earlier ones find no difference.
#[derive(Debug, Clone, PartialEq)]
pub struct OrderingTerm {
    /// What is compared.
    pub target: OrderingTarget,
    /// Which of two comes first.
    pub direction: Direction,
}

/// What an ordering compares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrderingTarget {
    /// `id`
    Id,
    /// `type`
    Type,
    /// `scope`
    Scope,
    /// An attribute, an attribute of it, or a member inside of its value. Dates of the entity (`createdAt`) are
    /// among them. Without links.
    Attribute(AttributePath),
}

/// Which of two entities comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// `asc`: the smaller value.
    Ascending,
    /// `desc`: the greater value.
    Descending,
    /// `dist-asc`: the nearer.
    Nearest,
    /// `dist-desc`: the farther.
    Farthest,
}

impl Direction {
    /// Whether it is by how far something is.
    #[must_use]
    pub const fn is_distance(self) -> bool {
        matches!(self, Self::Nearest | Self::Farthest)
    }

    /// The direction as it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ascending => "asc",
            Self::Descending => "desc",
            Self::Nearest => "dist-asc",
            Self::Farthest => "dist-desc",
        }
    }

    pub(super) const fn is_by_distance(self) -> bool {
        matches!(self, Self::Nearest | Self::Farthest)
    }

    const fn is_reversed(self) -> bool {
        matches!(self, Self::Descending | Self::Farthest)
    }
}

impl Ordering {
    /// Reads `orderBy`, with its names expanded; `orderFrom`, the coordinates that distances are measured from, as JSON;
    /// `orderGeometry`, the type of that geometry (`Point` when not given); and `collation`, a language tag with the
    /// extensions of RFC 6067 (the root collation when not given).
    ///
    /// # Errors
    /// [`InvalidOrdering`] names the parameter and what is wrong with it: the place where it leaves the grammar of
    /// clause 4.23.3, a rule of RFC 7946 or RFC 6067 that is broken, or that an order by distance has nothing to
    /// measure from.
    pub fn parse(
        order_by: &str,
        order_from: Option<&str>,
        order_geometry: Option<&str>,
        collation: Option<&str>,
        context: &Context,
    ) -> Result<Self, InvalidOrdering> {
        let parameters = parse::Parameters {
            order_by,
            order_from,
            order_geometry,
            collation,
        };
        parse::parse(&parameters, &|name| context.expand_written_attribute(name).ok())
    }

    /// Its terms; the first decides first.
    #[must_use]
    pub fn terms(&self) -> &[OrderingTerm] {
        &self.terms
    }

    /// How many positions the geometry has that distances are measured from; 0: none is.
    #[must_use]
    pub fn count_positions(&self) -> usize {
        let reference = self.reference_of_distances();
        reference.map_or(0, |reference| reference.geometry().count_positions())
    }

    /// What distances are measured from, where a term orders by them.
    pub(super) fn reference_of_distances(&self) -> Option<&ReferenceGeometry> {
        let is_by_distance = self.terms.iter().any(|term| term.direction.is_by_distance());
        self.reference.as_ref().filter(|_| is_by_distance)
    }

    /// What is measured from where, if the nearest come first: the attribute whose own value is, and the geometry.
    #[must_use]
    pub fn nearest_first(&self) -> Option<(&AttributeName, &Geometry)> {
        let term = self.terms.first().filter(|term| term.direction == Direction::Nearest)?;
        let OrderingTarget::Attribute(path) = &term.target else {
            return None;
        };
        let is_plain = path.sub_attributes.is_empty() && path.members.is_empty();
        let reference = self.reference.as_ref().filter(|_| is_plain)?;
        Some((&path.attribute, reference.geometry()))
    }

    /// The paths into attributes that it looks at, in the order of its terms.
    pub fn paths(&self) -> impl Iterator<Item = &AttributePath> {
        self.terms.iter().filter_map(|term| match &term.target {
            OrderingTarget::Attribute(path) => Some(path),
            OrderingTarget::Id | OrderingTarget::Type | OrderingTarget::Scope => None,
        })
    }

    /// The text of `orderBy`, with the names that the context has for its attributes.
    #[must_use]
    pub fn to_text(&self, context: &Context) -> String {
        parse::to_text(self, &|iri| super::q::compact(context, iri))
    }
}
