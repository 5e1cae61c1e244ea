//! Reading `georel`, `geometry`, `coordinates` and `geoproperty` (clause 4.10).

use serde::de::IgnoredAny;

use super::super::SyntaxError;
use super::super::cursor::Cursor;
use super::super::names::take_name;
use super::{GeoQuery, GeoRelation};
use crate::AttributeName;
use crate::entity::{Geometry, InvalidGeometry, Number, Unsound, check_sound};

/// Longest `coordinates`, in bytes: the boundary of a municipality with some three thousand positions. Relating
/// two geometries costs up to the product of their positions.
pub const MAX_COORDINATES_BYTES: usize = 64 * 1024;

/// The parameters of a geo-query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GeoParameter {
    /// `georel`
    Georel,
    /// `geometry`
    Geometry,
    /// `coordinates`
    Coordinates,
    /// `geoproperty`
    Geoproperty,
}

impl GeoParameter {
    /// The name of the parameter.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Georel => "georel",
            Self::Geometry => "geometry",
            Self::Coordinates => "coordinates",
            Self::Geoproperty => "geoproperty",
        }
    }
}

/// Why parameters make no geo-query.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {problem}", parameter.as_str())]
pub struct InvalidGeoQuery {
    /// Which parameter is wrong.
    pub parameter: GeoParameter,
    /// What is wrong with it.
    pub problem: GeoProblem,
}

/// What is wrong with a parameter of a geo-query.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GeoProblem {
    /// The text does not follow the grammar, or is not JSON.
    #[error(transparent)]
    Syntax(#[from] SyntaxError),
    /// The text is well formed but no such geometry exists.
    #[error(transparent)]
    Geometry(#[from] InvalidGeometry),
    /// The text has numbers that not everybody can read.
    #[error(transparent)]
    Numbers(#[from] Unsound),
}

impl GeoParameter {
    fn wrong(self, problem: impl Into<GeoProblem>) -> InvalidGeoQuery {
        InvalidGeoQuery {
            parameter: self,
            problem: problem.into(),
        }
    }
}

/// Reads the four parameters; `expand` gives the expanded name of an attribute.
pub(super) fn parse(
    georel: &str,
    geometry: &str,
    coordinates: &str,
    geoproperty: Option<&str>,
    expand: &dyn Fn(&str) -> Option<AttributeName>,
) -> Result<GeoQuery, InvalidGeoQuery> {
    Ok(GeoQuery {
        relation: parse_relation(georel).map_err(|error| GeoParameter::Georel.wrong(error))?,
        geometry: parse_geometry(geometry, coordinates)?.into(),
        property: parse_property(geoproperty.unwrap_or("location"), expand)
            .map_err(|error| GeoParameter::Geoproperty.wrong(error))?,
    })
}

const RELATIONS: [(&str, GeoRelation); 6] = [
    ("within", GeoRelation::Within),
    ("contains", GeoRelation::Contains),
    ("intersects", GeoRelation::Intersects),
    ("equals", GeoRelation::Equals),
    ("disjoint", GeoRelation::Disjoint),
    ("overlaps", GeoRelation::Overlaps),
];

//= 4.10-1
fn parse_relation(georel: &str) -> Result<GeoRelation, SyntaxError> {
    let mut cursor = Cursor::new(georel);
    let start = cursor;
    let name = cursor.take_while(|character| character.is_ascii_alphabetic());
    if name == "near" {
        return parse_near(&mut cursor);
    }
    let Some((_, relation)) = RELATIONS.into_iter().find(|(relation, _)| *relation == name) else {
        return Err(start.expected("near, within, contains, intersects, equals, disjoint or overlaps"));
    };
    if cursor.at_end() {
        Ok(relation)
    } else {
        Err(cursor.expected("the end"))
    }
}

/// `;maxDistance==2000`. The grammar has one modifier; both, each once, are unambiguous and accepted.
fn parse_near(cursor: &mut Cursor<'_>) -> Result<GeoRelation, SyntaxError> {
    let (mut min, mut max) = (None, None);
    loop {
        if !cursor.eat(';') {
            return Err(cursor.expected("`;maxDistance==` or `;minDistance==`"));
        }
        if max.is_none() && cursor.eat_str("maxDistance") {
            max = Some(parse_distance(cursor)?);
        } else if min.is_none() && cursor.eat_str("minDistance") {
            min = Some(parse_distance(cursor)?);
        } else {
            return Err(cursor.expected("maxDistance or minDistance, each once"));
        }
        if cursor.at_end() {
            return Ok(GeoRelation::Near { min, max });
        }
    }
}

/// `==` and a positive number of metres.
//= 4.10-1
fn parse_distance(cursor: &mut Cursor<'_>) -> Result<f64, SyntaxError> {
    if !cursor.eat_str("==") {
        return Err(cursor.expected("`==`"));
    }
    let start = *cursor;
    let number = cursor.take_while(|character| character != ';');
    let metres = Number::parse(number).map_or(f64::NAN, |number| number.as_f64());
    if metres > 0.0 && metres.is_finite() {
        Ok(metres)
    } else {
        Err(start.expected("a number of metres above 0"))
    }
}

/// Reads a geometry of the type, from coordinates as JSON.
//= 4.10-2
pub(in crate::query) fn parse_geometry(geometry: &str, coordinates: &str) -> Result<Geometry, InvalidGeoQuery> {
    if coordinates.len() > MAX_COORDINATES_BYTES {
        let error = Cursor::new(coordinates).expected("at most 64 KiB of text");
        return Err(GeoParameter::Coordinates.wrong(error));
    }
    if let Err(unsound @ (Unsound::NumberTooLong | Unsound::NumberNotFinite)) = check_sound(coordinates) {
        return Err(GeoParameter::Coordinates.wrong(unsound));
    }
    Geometry::from_coordinates(geometry, coordinates).map_err(|error| {
        if error == InvalidGeometry::Type {
            return GeoParameter::Geometry.wrong(error);
        }
        match serde_json::from_str::<IgnoredAny>(coordinates) {
            Ok(_) => GeoParameter::Coordinates.wrong(error),
            Err(not_json) => GeoParameter::Coordinates.wrong(json_error(coordinates, &not_json)),
        }
    })
}

/// Where a text stops to be JSON.
fn json_error(text: &str, error: &serde_json::Error) -> SyntaxError {
    let mut cursor = Cursor::new(text);
    for _ in 1..error.line() {
        cursor.take_while(|character| character != '\n');
        cursor.eat('\n');
    }
    // The column counts bytes and the offending one with them, except at the end.
    let column = if error.is_eof() {
        error.column()
    } else {
        error.column().saturating_sub(1)
    };
    cursor.take(column);
    cursor.expected("JSON: an array of numbers, or of such arrays")
}

fn parse_property(
    geoproperty: &str,
    expand: &dyn Fn(&str) -> Option<AttributeName>,
) -> Result<AttributeName, SyntaxError> {
    const EXPECTED: &str = "the name of a GeoProperty";
    let mut cursor = Cursor::new(geoproperty);
    let start = cursor;
    let name = take_name(&mut cursor, char::is_whitespace).ok_or_else(|| start.expected(EXPECTED))?;
    if !cursor.at_end() {
        return Err(cursor.expected("the end: a GeoProperty is named without a path"));
    }
    expand(name).ok_or_else(|| start.expected(EXPECTED))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::query::fixture::attribute;

    fn read(georel: &str, geometry: &str, coordinates: &str) -> Result<GeoQuery, InvalidGeoQuery> {
        parse(georel, geometry, coordinates, None, &|name| Some(attribute(name)))
    }

    fn wrong(result: Result<GeoQuery, InvalidGeoQuery>) -> (GeoParameter, Option<usize>) {
        let error = result.unwrap_err();
        let position = match error.problem {
            GeoProblem::Syntax(syntax) => Some(syntax.position),
            GeoProblem::Geometry(_) | GeoProblem::Numbers(_) => None,
        };
        (error.parameter, position)
    }

    #[test]
    //= 4.10-2
    fn the_examples_of_the_clause_are_read() {
        let near = GeoRelation::Near {
            min: None,
            max: Some(2000.0),
        };
        let example_1 = parse(
            "near;maxDistance==2000",
            "Point",
            "[8,40]",
            Some("observationSpace"),
            &|name| Some(attribute(name)),
        )
        .unwrap();
        assert_eq!(example_1.relation, near);
        assert_eq!(example_1.property, attribute("observationSpace"));
        assert_eq!(*example_1.geometry, Geometry::point(8.0, 40.0).unwrap());

        let square = "[[[100.0,0.0],[101.0,0.0],[101.0,1.0],[100.0,1.0],\n[100.0,0.0]]]";
        let example_2 = read("within", "Polygon", square).unwrap();
        assert_eq!(example_2.relation, GeoRelation::Within);
        assert_eq!(example_2.property, attribute("location"));
        assert_eq!(
            read("near;maxDistance==2000", "Point", "[8,40]").unwrap().relation,
            near
        );
    }

    #[test]
    //= 4.10-1
    fn every_relation_and_distance_is_read() {
        for (text, relation) in RELATIONS {
            assert_eq!(read(text, "Point", "[8,40]").unwrap().relation, relation);
        }
        for (text, min, max) in [
            ("near;minDistance==0.5", Some(0.5), None),
            ("near;maxDistance==1e3", None, Some(1000.0)),
            ("near;minDistance==1;maxDistance==2", Some(1.0), Some(2.0)),
        ] {
            assert_eq!(
                read(text, "Point", "[8,40]").unwrap().relation,
                GeoRelation::Near { min, max }
            );
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_parameter_and_position() {
        use GeoParameter::{Coordinates, Geometry, Geoproperty, Georel};
        for (georel, position) in [
            ("", 0),
            ("nearby", 0),
            ("near", 4),
            ("near;", 5),
            ("near;maxDistance=2000", 16),
            ("near;maxDistance:2000", 16),
            ("near;maxDistance==0", 18),
            ("near;maxDistance==-5", 18),
            ("near;maxDistance==1e999", 18),
            ("near;maxDistance==", 18),
            ("near;maxDistance==1;maxDistance==2", 20),
            ("within;maxDistance==1", 6),
        ] {
            assert_eq!(
                wrong(read(georel, "Point", "[8,40]")),
                (Georel, Some(position)),
                "{georel}"
            );
        }
        for geometry in ["", "point", "GeometryCollection", "Circle"] {
            assert_eq!(wrong(read("within", geometry, "[8,40]")), (Geometry, None));
        }
        for (coordinates, position) in [
            ("", Some(0)),
            ("[8,", Some(3)),
            ("[8;40]", Some(2)),
            ("[\n8,x]", Some(4)),
            ("[[8,40]]", None),
            ("[40,139]", None),
            ("[\"8\",40]", None),
            ("[1e999,40]", None),
            (&format!("[8,40.{}]", "0".repeat(10_000)), None),
        ] {
            assert_eq!(
                wrong(read("within", "Point", coordinates)),
                (Coordinates, position),
                "{coordinates}"
            );
        }
        let open = "[[[0,0],[1,0],[1,1],[0,1]]]";
        assert_eq!(wrong(read("within", "Polygon", open)), (Coordinates, None));
        for (geoproperty, position) in [("", 0), ("-st", 0), ("a.b", 1), ("a b", 1)] {
            let result = parse("within", "Point", "[8,40]", Some(geoproperty), &|name| {
                Some(attribute(name))
            });
            assert_eq!(wrong(result), (Geoproperty, Some(position)), "{geoproperty}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(
            georel in "(near;(max|min)Distance==)?\\PC{0,12}",
            geometry in "(Point|Polygon|MultiPoint|LineString|MultiLineString|MultiPolygon|\\PC{0,5})",
            coordinates in "[\\[\\]0-9,.eE \\n\u{e9}-]{0,40}",
            geoproperty in "\\PC{0,10}",
        ) {
            let _ = parse(&georel, &geometry, &coordinates, Some(&geoproperty), &|name| Some(attribute(name)));
        }
    }
}
