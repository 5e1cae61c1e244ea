//! Writes one FeatureCollection as text (RFC 7946), bounded, as shapes and placemarks become it.

use crate::{FormatError, Limits};

/// Position: longitude, latitude, and height where there is one.
pub(crate) type Position = (f64, f64, Option<f64>);

/// A geometry in WGS84.
pub(crate) enum Geometry {
    Point(Position),
    MultiPoint(Vec<Position>),
    Lines(Vec<Vec<Position>>),
    /// Polygons, each its outer ring and then its holes.
    Polygons(Vec<Vec<Vec<Position>>>),
    Collection(Vec<Self>),
}

/// The collection as it grows.
pub(crate) struct Collection {
    text: String,
    features: u64,
    limits: Limits,
}

impl Collection {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            text: String::from("{\"type\":\"FeatureCollection\",\"features\":["),
            features: 0,
            limits: *limits,
        }
    }

    /// Adds a feature. `properties` is JSON text of an object.
    pub(crate) fn add(
        &mut self,
        id: Option<&str>,
        properties: &str,
        geometry: Option<&Geometry>,
    ) -> Result<(), FormatError> {
        if self.features == self.limits.rows {
            return Err(FormatError::TooLarge {
                what: "features",
                limit: self.limits.rows,
            });
        }
        if self.features > 0 {
            self.text.push(',');
        }
        self.features += 1;
        self.text.push_str("{\"type\":\"Feature\",");
        if let Some(id) = id {
            self.text.push_str("\"id\":");
            self.text.push_str(&quoted(id));
            self.text.push(',');
        }
        self.text.push_str("\"properties\":");
        self.text.push_str(properties);
        self.text.push_str(",\"geometry\":");
        match geometry {
            Some(geometry) => write_geometry(&mut self.text, geometry),
            None => self.text.push_str("null"),
        }
        self.text.push('}');
        if self.text.len() > self.limits.unpacked_bytes {
            return Err(FormatError::too_large("bytes as GeoJSON", self.limits.unpacked_bytes));
        }
        Ok(())
    }

    pub(crate) fn finish(mut self) -> String {
        self.text.push_str("]}");
        self.text
    }
}

/// A text as JSON.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Members as the JSON text of an object; of several of one name the first holds.
pub(crate) fn object(members: &[(String, String)]) -> String {
    let mut seen = std::collections::HashSet::new();
    let members: Vec<String> = members
        .iter()
        .filter(|(name, _)| seen.insert(name))
        .map(|(name, value)| format!("{}:{value}", quoted(name)))
        .collect();
    format!("{{{}}}", members.join(","))
}

/// Whether a position can be one of the earth.
pub(crate) fn is_position((longitude, latitude, height): &Position) -> bool {
    longitude.abs() <= 180.0 && latitude.abs() <= 90.0 && height.is_none_or(f64::is_finite)
}

/// Twice the area of a ring; above zero where it runs counterclockwise.
pub(crate) fn area(ring: &[Position]) -> f64 {
    let Some((x, y, _)) = ring.first() else { return 0.0 };
    // From the first corner, so that small rings far from zero keep their digits.
    ring.iter()
        .zip(ring.iter().skip(1))
        .map(|((x1, y1, _), (x2, y2, _))| (x1 - x) * (y2 - y) - (x2 - x) * (y1 - y))
        .sum()
}

/// Whether a ring is around a place.
pub(crate) fn is_around(ring: &[Position], (x, y, _): &Position) -> bool {
    ring.iter()
        .zip(ring.iter().skip(1))
        .filter(|((x1, y1, _), (x2, y2, _))| (y1 > y) != (y2 > y) && *x < (x2 - x1) * (y - y1) / (y2 - y1) + x1)
        .count()
        % 2
        == 1
}

/// Turns the outer ring counterclockwise and holes clockwise (RFC 7946, 3.1.6), and closes them.
pub(crate) fn orient(polygon: &mut [Vec<Position>]) {
    for (index, ring) in polygon.iter_mut().enumerate() {
        if let (Some(first), Some(last)) = (ring.first().copied(), ring.last())
            && (first.0 != last.0 || first.1 != last.1)
        {
            ring.push(first);
        }
        if (area(ring) > 0.0) != (index == 0) {
            ring.reverse();
        }
    }
}

fn write_geometry(text: &mut String, geometry: &Geometry) {
    let (kind, inside): (&str, &dyn Fn(&mut String)) = match geometry {
        Geometry::Point(position) => ("Point", &|text| write_position(text, position)),
        Geometry::MultiPoint(positions) => ("MultiPoint", &|text| write_positions(text, positions)),
        Geometry::Lines(lines) => match lines.as_slice() {
            [line] => ("LineString", &|text| write_positions(text, line)),
            lines => ("MultiLineString", &|text| {
                write_all(text, lines, |text, line| write_positions(text, line));
            }),
        },
        Geometry::Polygons(polygons) => match polygons.as_slice() {
            [polygon] => ("Polygon", &|text| {
                write_all(text, polygon, |text, ring| write_positions(text, ring));
            }),
            polygons => ("MultiPolygon", &|text| {
                write_all(text, polygons, |text, polygon| {
                    write_all(text, polygon, |text, ring| write_positions(text, ring));
                });
            }),
        },
        Geometry::Collection(geometries) => {
            text.push_str("{\"type\":\"GeometryCollection\",\"geometries\":");
            write_all(text, geometries, write_geometry);
            text.push('}');
            return;
        }
    };
    text.push_str("{\"type\":\"");
    text.push_str(kind);
    text.push_str("\",\"coordinates\":");
    inside(text);
    text.push('}');
}

fn write_positions(text: &mut String, positions: &[Position]) {
    write_all(text, positions, write_position);
}

fn write_position(text: &mut String, (longitude, latitude, height): &Position) {
    text.push_str(&match height {
        Some(height) => format!("[{longitude},{latitude},{height}]"),
        None => format!("[{longitude},{latitude}]"),
    });
}

fn write_all<T>(text: &mut String, items: &[T], write: impl Fn(&mut String, &T)) {
    text.push('[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        write(text, item);
    }
    text.push(']');
}
