//! GeoJSON geometries as JSON text (RFC 7946 section 3.1; clauses 4.6.3 and 4.7.2). Typed: coordinates are
//! read straight into positions, whatever the order of the members.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer as _};
use serde_json::value::RawValue;

use super::parse::Text;
use super::{Geometry, InvalidGeometry, Position};

impl Geometry {
    /// Reads the JSON text of a `coordinates` member, as the geometry type needs it.
    ///
    /// # Errors
    /// [`InvalidGeometry`]: an unknown type, another nesting of arrays than the type needs (also when the text
    /// is not JSON), or what [`Geometry::check`] refuses.
    pub fn from_coordinates(type_name: &str, coordinates_json: &str) -> Result<Self, InvalidGeometry> {
        fn read<'de, T: Deserialize<'de>>(json: &'de str, type_name: &'static str) -> Result<T, InvalidGeometry> {
            serde_json::from_str(json).map_err(|_| InvalidGeometry::Shape(type_name))
        }
        let json = coordinates_json;
        let geometry = match type_name {
            "Point" => Self::Point(read(json, "Point")?),
            "MultiPoint" => Self::MultiPoint(read(json, "MultiPoint")?),
            "LineString" => Self::LineString(read(json, "LineString")?),
            "MultiLineString" => Self::MultiLineString(read(json, "MultiLineString")?),
            "Polygon" => Self::Polygon(read(json, "Polygon")?),
            "MultiPolygon" => Self::MultiPolygon(read(json, "MultiPolygon")?),
            _ => return Err(InvalidGeometry::Type),
        };
        geometry.check()?;
        Ok(geometry)
    }

    /// Reads a GeoJSON geometry object.
    ///
    /// # Errors
    /// [`InvalidGeometry`]: no object with `type` and `coordinates`, or what [`Geometry::from_coordinates`]
    /// refuses.
    pub fn parse(json: &str) -> Result<Self, InvalidGeometry> {
        let mut document = serde_json::Deserializer::from_str(json);
        let object = document.deserialize_map(GeometryVisitor { in_place: false });
        let object = object.and_then(|object| document.end().map(|()| object));
        object.map_err(|_| InvalidGeometry::Object)?.into_geometry()
    }

    /// Reads the coordinates that come next, without their text in between.
    fn read_coordinates<'de, A: MapAccess<'de>>(type_name: &str, map: &mut A) -> Result<Self, A::Error> {
        Ok(match type_name {
            "Point" => Self::Point(map.next_value()?),
            "MultiPoint" => Self::MultiPoint(map.next_value()?),
            "LineString" => Self::LineString(map.next_value()?),
            "MultiLineString" => Self::MultiLineString(map.next_value()?),
            "Polygon" => Self::Polygon(map.next_value()?),
            "MultiPolygon" => Self::MultiPolygon(map.next_value()?),
            _ => return Err(A::Error::custom(InvalidGeometry::Type)),
        })
    }
}

/// A geometry that is read straight from the document around it, without saying what is wrong with it.
pub(super) struct GeometryInPlace(pub(super) Geometry);

impl<'de> Deserialize<'de> for GeometryInPlace {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let object = deserializer.deserialize_map(GeometryVisitor { in_place: true })?;
        object.into_geometry().map(Self).map_err(D::Error::custom)
    }
}

/// The members of a geometry object. Others (`bbox`) say nothing that the coordinates do not.
struct GeometryObject<'a> {
    type_name: Cow<'a, str>,
    coordinates: Coordinates<'a>,
}

impl GeometryObject<'_> {
    fn into_geometry(self) -> Result<Geometry, InvalidGeometry> {
        match self.coordinates {
            Coordinates::Read(geometry) => geometry.check().map(|()| geometry),
            Coordinates::Text(text) => Geometry::from_coordinates(&self.type_name, text.get()),
        }
    }
}

enum Coordinates<'a> {
    /// To be read once the type is known.
    Text(&'a RawValue),
    /// Of the type that was read before.
    Read(Geometry),
}

struct GeometryVisitor {
    /// Whether coordinates are read as soon as their type is known; a fault in them is then one of the JSON.
    in_place: bool,
}

impl<'de> Visitor<'de> for GeometryVisitor {
    type Value = GeometryObject<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a GeoJSON geometry")
    }

    //= 4.7.2-2
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<GeometryObject<'de>, A::Error> {
        let mut type_name = None;
        let mut coordinates = None;
        let mut others: Vec<Cow<'de, str>> = Vec::new();
        while let Some(Text(name)) = map.next_key()? {
            let is_new = match name.as_ref() {
                "type" | "@type" => type_name.replace(map.next_value::<Text<'de>>()?.0).is_none(),
                "coordinates" => {
                    let read = match type_name.as_ref().filter(|_| self.in_place) {
                        Some(type_name) => Coordinates::Read(Geometry::read_coordinates(type_name, &mut map)?),
                        None => Coordinates::Text(map.next_value()?),
                    };
                    coordinates.replace(read).is_none()
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    let is_new = others.len() < MAX_OTHER_MEMBERS && !others.contains(&name);
                    others.push(name);
                    is_new
                }
            };
            if !is_new {
                return Err(A::Error::custom("a member stands twice, or there are too many"));
            }
        }
        match (type_name, coordinates) {
            (Some(type_name), Some(coordinates)) => Ok(GeometryObject { type_name, coordinates }),
            _ => Err(A::Error::custom("type and coordinates")),
        }
    }
}

/// Most members of a geometry object that are not of this specification: each is compared with the others.
const MAX_OTHER_MEMBERS: usize = 16;

impl<'de> Deserialize<'de> for Position {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(PositionVisitor)
    }
}

struct PositionVisitor;

impl<'de> Visitor<'de> for PositionVisitor {
    type Value = Position;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a position: [longitude, latitude] or [longitude, latitude, altitude]")
    }

    //= 4.7.2-3
    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Position, A::Error> {
        let too_short = |length| A::Error::invalid_length(length, &self);
        let longitude = elements.next_element()?.ok_or_else(|| too_short(0))?;
        let latitude = elements.next_element()?.ok_or_else(|| too_short(1))?;
        let altitude = elements.next_element()?;
        // RFC 7946 section 3.1.1: a fourth element has no meaning. Dropping it silently would alter the data.
        if altitude.is_some() && elements.next_element::<f64>()?.is_some() {
            return Err(A::Error::invalid_length(4, &self));
        }
        Ok(Position {
            longitude,
            latitude,
            altitude,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coordinates_are_read_as_the_type_needs_them() {
        assert_eq!(
            Geometry::from_coordinates("Point", " [139.88, 36.56] "),
            Geometry::point(139.88, 36.56)
        );
        assert_eq!(
            Geometry::from_coordinates("Point", "[139,36,12.5]"),
            Ok(Geometry::Point(Position {
                longitude: 139.0,
                latitude: 36.0,
                altitude: Some(12.5)
            }))
        );
        let square = "[[[0,0],[1,0],[1,1],[0,0]]]";
        assert!(matches!(
            Geometry::from_coordinates("Polygon", square),
            Ok(Geometry::Polygon(_))
        ));
        assert!(matches!(
            Geometry::from_coordinates("MultiPolygon", &format!("[{square}]")),
            Ok(Geometry::MultiPolygon(_))
        ));
        assert!(matches!(
            Geometry::from_coordinates("MultiLineString", "[[[0,0],[1,0]]]"),
            Ok(Geometry::MultiLineString(_))
        ));
        assert!(matches!(
            Geometry::from_coordinates("MultiPoint", "[[0,0]]"),
            Ok(Geometry::MultiPoint(_))
        ));
    }

    #[test]
    fn what_makes_no_geometry_is_named() {
        let read = Geometry::from_coordinates;
        assert_eq!(read("Circle", "[1,2]"), Err(InvalidGeometry::Type));
        assert_eq!(read("GeometryCollection", "[]"), Err(InvalidGeometry::Type));
        for text in [
            "",
            "[",
            "[1]",
            "[1,2,3,4]",
            "[[1,2]]",
            "{\"a\":1}",
            "\"1,2\"",
            "[1,null]",
            "[1,2] x",
        ] {
            assert_eq!(read("Point", text), Err(InvalidGeometry::Shape("Point")), "{text}");
        }
        assert_eq!(read("Point", "[36.5,139.8]"), Err(InvalidGeometry::Swapped));
        assert_eq!(
            read("Polygon", "[[[0,0],[1,0],[1,1],[0,1]]]"),
            Err(InvalidGeometry::OpenRing)
        );
    }

    #[test]
    //= 4.7.2-2
    fn geometry_objects_may_have_their_members_in_any_order() {
        let point = Geometry::point(1.0, 2.0);
        assert_eq!(Geometry::parse(r#"{"coordinates":[1,2],"type":"Point"}"#), point);
        assert_eq!(
            Geometry::parse(r#"{"bbox":[1,2,1,2],"type":"Point","coordinates":[1.0,2.0]}"#),
            point
        );
        for text in [
            r#"{"type":"Point"}"#,
            r#"{"coordinates":[1,2]}"#,
            "[]",
            "",
            "{\"type\":1}",
            r#"{"type":"Point","coordinates":[1,2],"coordinates":[1,2]}"#,
            r#"{"type":"Point","@type":"Point","coordinates":[1,2]}"#,
            r#"{"type":"Point","coordinates":[1,2],"bbox":[],"bbox":[]}"#,
        ] {
            assert_eq!(Geometry::parse(text), Err(InvalidGeometry::Object), "{text}");
        }
    }
}
