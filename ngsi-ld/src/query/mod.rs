//! What a consumer asks: the query AST, its parsers, and the evaluator that is the arbiter of its meaning.
//!
//! Every name in the AST is expanded. The parsers are pure and total: any text gives a query or an error that
//! names the position and what was expected there.

mod area;
mod complexity;
mod cursor;
mod evaluate;
#[cfg(test)]
mod fixture;
mod geo;
mod geometry;
mod names;
mod order;
pub mod projection;
mod q;
mod scope;
mod selection;
mod source_filter;
mod steps;

use compact_str::CompactString;

pub use self::area::{
    Area, AreaEvaluation, Beyond, InvalidArea, MAX_AREA_POSITIONS, MAX_MEASURED_POSITIONS, MAX_MEETINGS,
};
pub use self::complexity::Complexity;
pub use self::evaluate::{GeoEvaluation, LinkedEntities, QueryEvaluation, distance_metres};
pub use self::geo::{
    BoundingBox, GeoParameter, GeoProblem, GeoQuery, GeoRelation, InvalidGeoQuery, MAX_COORDINATES_BYTES,
};
pub use self::geometry::{ReferenceGeometry, TooComplex};
pub use self::order::{
    Direction, InvalidCollation, InvalidOrdering, KeyEvaluation, MAX_ORDERING_TERMS, Ordering, OrderingKey,
    OrderingParameter, OrderingProblem, OrderingTarget, OrderingTerm, Sorting,
};
pub use self::q::{
    AttributePath, Comparand, Comparison, Condition, Expression, Extent, LinkedPath, MAX_DEPTH, MAX_LINKED_TYPES,
    MAX_LINKS, MAX_LISTED_VALUES, MAX_PATH_NAMES, MAX_PATTERNS, MAX_QUERY_BYTES, MAX_TERMS, Operator, Pattern,
    PlainParts, ValueExpansion,
};
pub use self::scope::{MAX_SCOPE_LEVELS, MAX_SCOPES, ScopePattern, ScopeQuery};
pub use self::selection::{
    IdPattern, IdPatterns, MAX_PATTERN_BYTES, MAX_SELECTED_TYPES, MAX_SELECTION_DEPTH, TypeSelection,
};
pub use self::source_filter::ContextSourceFilter;
pub use self::steps::Steps;

use crate::{AttributeName, EntityId};

/// What an entity must be, so that it is part of the answer to a `queryEntity` (clause 5.7.2).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Query {
    /// `type`
    pub types: Option<TypeSelection>,
    /// `id`: any of these. Empty: any id.
    pub ids: Vec<EntityId>,
    /// `idPattern`
    pub id_pattern: Option<IdPattern>,
    /// `attrs`: at least one of these must exist, and only these are shown. Empty: no condition.
    pub attributes: Vec<AttributeName>,
    /// `q`
    pub filter: Option<Expression>,
    /// `georel`, `geometry`, `coordinates`, `geoproperty`
    pub geo: Option<GeoQuery>,
    /// `scopeQ`
    pub scope: Option<ScopeQuery>,
}

/// A text that is not of the query language.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("at position {position}: expected {expected}, found {found}")]
pub struct SyntaxError {
    /// Characters (not bytes) before the place, counted from 0.
    pub position: usize,
    /// What could have stood there.
    pub expected: &'static str,
    /// What stands there: a character, or the end.
    pub found: CompactString,
}
