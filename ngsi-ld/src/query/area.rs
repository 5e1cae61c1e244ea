//! An area that entities must lie in, made ready once and asked often.
//!
//! It is stricter than `georel=within`: every instance of the GeoProperty must lie inside, so that none of several
//! places leads out of the area. A place on the boundary is not inside (clause 4.10, as RFC 7946 draws lines).

mod measuring;

use std::fmt;
use std::task::{Poll, ready};

use geo::algorithm::orient::{Direction, Orient};
use geo::{BoundingRect, MultiPolygon, Polygon, Rect};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::geometry::{Areas, Index, Related, Relating};
use crate::entity::{AttributeValue, Geometry, Instance, InvalidGeometry, Position};
use crate::query::{GeoQuery, GeoRelation, Steps, TooComplex};
use crate::{AttributeName, Entity};
pub use measuring::{Beyond, MAX_MEASURED_POSITIONS, MAX_MEETINGS};

/// Most positions of an area: the boundary of a municipality has some thousand, of a prefecture some ten thousand.
pub const MAX_AREA_POSITIONS: usize = 200_000;

/// An area. Asking whether a point lies in it costs little, however long its boundary is.
pub struct Area {
    index: Index,
    polygons: MultiPolygon<f64>,
    bounds: Rect<f64>,
}

/// Why a text is no area.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidArea {
    /// Not JSON, or not GeoJSON.
    #[error("not GeoJSON: expected a Polygon, a MultiPolygon, a Feature or a FeatureCollection")]
    NoGeoJson,
    /// A geometry that encloses nothing.
    #[error("a {0} encloses no area: write a Polygon or a MultiPolygon")]
    NoPolygon(&'static str),
    /// RFC 7946 is broken.
    #[error(transparent)]
    Geometry(#[from] InvalidGeometry),
    /// Nothing in it.
    #[error("it holds no polygon")]
    Empty,
    /// Too many positions.
    #[error("more than {MAX_AREA_POSITIONS} positions; simplify the boundary")]
    TooLong,
}

/// The members of GeoJSON objects that matter.
#[derive(Deserialize)]
struct GeoJson<'a> {
    r#type: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    geometry: Option<&'a RawValue>,
    #[serde(borrow)]
    features: Option<Vec<&'a RawValue>>,
}

impl Area {
    /// Reads GeoJSON: a Polygon, a MultiPolygon, or a Feature or FeatureCollection of these.
    ///
    /// # Errors
    /// [`InvalidArea`]
    pub fn parse(json: &str) -> Result<Self, InvalidArea> {
        let mut polygons = Vec::new();
        read(json, true, &mut polygons)?;
        let mut positions = 0;
        for polygon in &polygons {
            positions += polygon.exterior().0.len();
            positions += polygon.interiors().iter().map(|ring| ring.0.len()).sum::<usize>();
        }
        if positions > MAX_AREA_POSITIONS {
            return Err(InvalidArea::TooLong);
        }
        // Windings are counted together, so that a hole must turn the other way than what it is a hole of.
        let polygons = MultiPolygon(polygons).orient(Direction::Default);
        let bounds = polygons.bounding_rect().ok_or(InvalidArea::Empty)?;
        Ok(Self {
            index: Index::of_areas(&polygons),
            polygons,
            bounds,
        })
    }

    /// Whether an entity lies in it: it has the GeoProperty, and every instance of it lies inside. One that is too complex
    /// to be compared does not lie in it: whoever must tell it from the others uses [`begin`](Self::begin).
    #[must_use]
    pub fn encloses(&self, entity: &Entity, property: &AttributeName) -> bool {
        let mut steps = Steps::unbounded();
        matches!(self.begin(entity, property).advance(&mut steps), Poll::Ready(Ok(true)))
    }

    /// Begins to find out whether an entity lies in it.
    #[must_use]
    pub fn begin<'a>(&'a self, entity: &'a Entity, property: &AttributeName) -> AreaEvaluation<'a> {
        let instances = entity.attribute(property).map(|attribute| &*attribute.instances);
        let instances = instances.unwrap_or_default();
        AreaEvaluation {
            area: self,
            rest: instances.iter(),
            parts: [].iter(),
            current: None,
            is_nowhere: instances.is_empty(),
            is_too_complex: false,
        }
    }

    /// A question that every entity in the area fulfils, and that costs a source little: does it meet the box around
    /// the area?
    #[must_use]
    pub fn box_around(&self, property: AttributeName) -> GeoQuery {
        let (min, max) = (self.bounds.min(), self.bounds.max());
        let corners = [
            (min.x, min.y),
            (max.x, min.y),
            (max.x, max.y),
            (min.x, max.y),
            (min.x, min.y),
        ];
        let ring = corners.map(|(longitude, latitude)| Position::new(longitude, latitude));
        GeoQuery {
            relation: GeoRelation::Intersects,
            geometry: Geometry::Polygon(vec![ring.to_vec()]).into(),
            property,
        }
    }
}

/// Finding out whether an entity lies in an area. It can be interrupted at any step.
pub struct AreaEvaluation<'a> {
    area: &'a Area,
    rest: std::slice::Iter<'a, Instance>,
    /// What is left of a collection of geometries.
    parts: std::slice::Iter<'a, Geometry>,
    current: Option<Relating<'a>>,
    is_nowhere: bool,
    is_too_complex: bool,
}

impl AreaEvaluation<'_> {
    /// Goes on until it is known whether the entity lies in the area, or the steps are spent: the next call goes on then.
    /// Comparing a geometry that touches the boundary may take more steps than are left, some 200,000 more at most.
    ///
    /// [`TooComplex`]: no instance is known to lie elsewhere, and of one it cannot be said in a bounded time.
    pub fn advance(&mut self, steps: &mut Steps) -> Poll<Result<bool, TooComplex>> {
        if self.is_nowhere {
            return Poll::Ready(Ok(false));
        }
        loop {
            if let Some(current) = &mut self.current {
                let related = ready!(current.advance(steps));
                self.current = None;
                match related {
                    Related::Holds(true) => {}
                    Related::Holds(false) | Related::NoGeometry => return Poll::Ready(Ok(false)),
                    Related::TooComplex => self.is_too_complex = true,
                }
            }
            if !steps.begin(2) {
                return Poll::Pending;
            }
            if self.parts.len() == 0 {
                let Some(instance) = self.rest.next() else {
                    let result = if self.is_too_complex { Err(TooComplex) } else { Ok(true) };
                    return Poll::Ready(result);
                };
                let AttributeValue::GeoProperty(place) = &instance.value else {
                    return Poll::Ready(Ok(false));
                };
                self.parts = place.uniform().iter();
            }
            self.current = self
                .parts
                .next()
                .map(|part| Relating::within(part, &self.area.index, Areas::Together));
        }
    }
}

fn read(json: &str, features_allowed: bool, polygons: &mut Vec<Polygon<f64>>) -> Result<(), InvalidArea> {
    let object: GeoJson<'_> = serde_json::from_str(json).map_err(|_| InvalidArea::NoGeoJson)?;
    match (&*object.r#type, object.geometry, object.features) {
        ("FeatureCollection", _, Some(features)) if features_allowed => features
            .iter()
            .try_for_each(|feature| read(feature.get(), false, polygons)),
        ("Feature", Some(geometry), _) => add(geometry.get(), polygons),
        ("FeatureCollection" | "Feature", ..) => Err(InvalidArea::NoGeoJson),
        _ => add(json, polygons),
    }
}

fn add(json: &str, polygons: &mut Vec<Polygon<f64>>) -> Result<(), InvalidArea> {
    let geometry = Geometry::parse(json)?;
    match geometry.to_geo() {
        geo::Geometry::Polygon(polygon) => polygons.push(polygon),
        geo::Geometry::MultiPolygon(several) => polygons.extend(several),
        _ => return Err(InvalidArea::NoPolygon(geometry.type_name())),
    }
    Ok(())
}

impl fmt::Debug for Area {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Area")
            .field("bounds", &self.bounds)
            .finish_non_exhaustive()
    }
}

impl PartialEq for Area {
    fn eq(&self, other: &Self) -> bool {
        self.index == other.index
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entity::Instance;
    use crate::query::fixture::{attribute, entity};

    /// A square from 0 to 10 with a hole from 4 to 6, in both directions of the rings.
    const SQUARES: [&str; 2] = [
        r#"{"type":"Polygon","coordinates":[[[0,0],[10,0],[10,10],[0,10],[0,0]],[[4,4],[6,4],[6,6],[4,6],[4,4]]]}"#,
        r#"{"type":"Polygon","coordinates":[[[0,0],[0,10],[10,10],[10,0],[0,0]],[[4,4],[4,6],[6,6],[6,4],[4,4]]]}"#,
    ];

    fn place(json: &str) -> Instance {
        Instance::new(AttributeValue::GeoProperty(Box::new(Geometry::parse(json).unwrap())))
    }

    fn encloses(area: &Area, json: &str) -> bool {
        area.encloses(&entity([("location", place(json))]), &attribute("location"))
    }

    #[test]
    fn what_lies_inside_is_enclosed_and_holes_and_edges_are_outside() {
        for square in SQUARES {
            let area = Area::parse(square).unwrap();
            for (geometry, inside) in [
                (r#"{"type":"Point","coordinates":[1,1]}"#, true),
                (r#"{"type":"Point","coordinates":[5,5]}"#, false),
                (r#"{"type":"Point","coordinates":[0,5]}"#, false),
                (r#"{"type":"Point","coordinates":[11,5]}"#, false),
                (r#"{"type":"MultiPoint","coordinates":[[1,1],[2,2]]}"#, true),
                (r#"{"type":"MultiPoint","coordinates":[[1,1],[20,2]]}"#, false),
                (r#"{"type":"LineString","coordinates":[[1,1],[2,9]]}"#, true),
                (r#"{"type":"LineString","coordinates":[[1,1],[12,1]]}"#, false),
                (r#"{"type":"LineString","coordinates":[[1,1],[9,9]]}"#, false),
                (r#"{"type":"Polygon","coordinates":[[[1,1],[3,1],[3,3],[1,1]]]}"#, true),
                (
                    r#"{"type":"Polygon","coordinates":[[[1,1],[9,1],[9,9],[1,9],[1,1]]]}"#,
                    false,
                ),
            ] {
                assert_eq!(encloses(&area, geometry), inside, "{geometry}");
            }
        }
    }

    #[test]
    fn every_instance_must_lie_inside() {
        let area = Area::parse(SQUARES[0]).unwrap();
        let mut two = entity([("location", place(r#"{"type":"Point","coordinates":[1,1]}"#))]);
        assert!(area.encloses(&two, &attribute("location")));
        let outside = place(r#"{"type":"Point","coordinates":[50,1]}"#);
        two.attributes[0].instances.push(outside);
        assert!(!area.encloses(&two, &attribute("location")));
        assert!(!area.encloses(&entity([]), &attribute("location")));
        let text = Instance::new(AttributeValue::Property("here".into()));
        assert!(!area.encloses(&entity([("location", text)]), &attribute("location")));
    }

    #[test]
    fn features_and_collections_of_them_are_read() {
        let feature = format!(
            r#"{{"type":"Feature","properties":{{"N03_004":"矢板市"}},"geometry":{}}}"#,
            SQUARES[0]
        );
        let other = r#"{"type":"Feature","properties":null,"geometry":{"type":"MultiPolygon","coordinates":[[[[20,0],[30,0],[30,10],[20,0]]]]}}"#;
        let collection = format!(r#"{{"type":"FeatureCollection","features":[{feature},{other}]}}"#);
        let area = Area::parse(&collection).unwrap();
        assert!(encloses(&area, r#"{"type":"Point","coordinates":[1,1]}"#));
        assert!(encloses(&area, r#"{"type":"Point","coordinates":[28,1]}"#));
        assert!(!encloses(&area, r#"{"type":"Point","coordinates":[15,1]}"#));
        assert!(Area::parse(&feature).is_ok());
    }

    #[test]
    fn the_box_around_is_met_by_everything_inside() {
        let area = Area::parse(SQUARES[0]).unwrap();
        let question = area.box_around(attribute("location"));
        for (geometry, meets) in [
            (r#"{"type":"Point","coordinates":[1,1]}"#, true),
            (r#"{"type":"Point","coordinates":[10,10]}"#, true),
            (r#"{"type":"Point","coordinates":[10.1,1]}"#, false),
        ] {
            assert_eq!(
                question.matches(&entity([("location", place(geometry))])),
                meets,
                "{geometry}"
            );
        }
    }

    #[test]
    fn what_is_no_area_is_refused() {
        for (json, expected) in [
            ("", InvalidArea::NoGeoJson),
            ("[1]", InvalidArea::NoGeoJson),
            (r#"{"type":"Feature","geometry":null}"#, InvalidArea::NoGeoJson),
            (
                r#"{"type":"Point","coordinates":[1,1]}"#,
                InvalidArea::NoPolygon("Point"),
            ),
            (r#"{"type":"FeatureCollection","features":[]}"#, InvalidArea::Empty),
            (
                r#"{"type":"Polygon","coordinates":[[[0,0],[10,0],[10,10],[0,10]]]}"#,
                InvalidArea::Geometry(InvalidGeometry::OpenRing),
            ),
            (
                r#"{"type":"Polygon","coordinates":[[[36,139],[37,139],[37,140],[36,139]]]}"#,
                InvalidArea::Geometry(InvalidGeometry::Swapped),
            ),
        ] {
            assert_eq!(Area::parse(json).unwrap_err(), expected, "{json}");
        }
    }
}
