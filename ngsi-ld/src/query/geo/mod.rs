//! The geo-query of clause 4.10.

use crate::AttributeName;
use crate::entity::Geometry;

/// A condition on where an entity is.
#[derive(Debug, Clone, PartialEq)]
pub struct GeoQuery {
    /// How the two geometries must relate.
    pub relation: GeoRelation,
    /// `geometry` and `coordinates`: the geometry of the query.
    pub geometry: Geometry,
    /// `geoproperty`: the attribute that says where the entity is; `location` when not given.
    pub property: AttributeName,
}

/// How the geometry of the entity must relate to that of the query.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum GeoRelation {
    /// `near`: the distance in metres is within these bounds. At least one is given.
    Near {
        /// `minDistance==`, metres.
        min: Option<f64>,
        /// `maxDistance==`, metres.
        max: Option<f64>,
    },
    /// `within`
    Within,
    /// `contains`
    Contains,
    /// `intersects`
    Intersects,
    /// `equals`
    Equals,
    /// `disjoint`
    Disjoint,
    /// `overlaps`
    Overlaps,
}
