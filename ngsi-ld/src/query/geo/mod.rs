//! The geo-query of clause 4.10: its AST. `parse` reads it, `query::evaluate` says what it means, `surroundings` where an entity
//! must be at all.

mod parse;
mod surroundings;

pub(super) use self::parse::parse_geometry;
pub use self::parse::{GeoParameter, GeoProblem, InvalidGeoQuery, MAX_COORDINATES_BYTES};
pub use self::surroundings::BoundingBox;

use super::ReferenceGeometry;
use crate::AttributeName;
use crate::context::Context;

/// A condition on where an entity is.
#[derive(Debug, Clone, PartialEq)]
pub struct GeoQuery {
    /// How the two geometries must relate.
    pub relation: GeoRelation,
    /// `geometry` and `coordinates`: the reference geometry.
    pub geometry: ReferenceGeometry,
    /// `geoproperty`: the attribute that says where the entity is; `location` when not given.
    pub property: AttributeName,
}

impl GeoQuery {
    /// Reads the parameters `georel`, `geometry`, `coordinates` and `geoproperty` (`location` when not given).
    ///
    /// # Errors
    /// [`InvalidGeoQuery`] names the parameter and what is wrong with it: the place where it leaves the grammar of
    /// clause 4.10, or the rule of RFC 7946 that the geometry breaks.
    pub fn parse(
        georel: &str,
        geometry: &str,
        coordinates: &str,
        geoproperty: Option<&str>,
        context: &Context,
    ) -> Result<Self, InvalidGeoQuery> {
        parse::parse(georel, geometry, coordinates, geoproperty, &|name| {
            context.expand_written_attribute(name).ok()
        })
    }
}

/// How the geometry of the entity must relate to that of the query.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum GeoRelation {
    /// `near`: the distance in metres is within these bounds: more than `min`, at most `max`. At least one
    /// is given, and both are positive.
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
