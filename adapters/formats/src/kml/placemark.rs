//! One placemark: what it says of itself, and where it is.

use std::collections::HashMap;

use super::{DEPTH, KML};
use crate::geojson::{Geometry, Position, is_position, orient, quoted};
use crate::markup::{Markup, Piece, Tag};
use crate::{FormatError, Report, What};

/// An element with what is in it.
pub(super) struct Element {
    name: String,
    /// `id` of a placemark, `name` of what it holds.
    label: Option<String>,
    text: String,
    children: Vec<Element>,
}

/// A placemark, read.
pub(super) struct Placemark {
    pub(super) id: Option<String>,
    pub(super) properties: Vec<(String, String)>,
    pub(super) geometry: Option<Geometry>,
}

/// Reads the element that has just begun.
pub(super) fn element(markup: &mut Markup<'_>, tag: &Tag<'_>, depth: usize) -> Result<Element, FormatError> {
    if depth == DEPTH {
        return Err(FormatError::damaged(KML, "its elements stand too deep in one another"));
    }
    let name = tag.name().to_owned();
    let label = tag.attribute(if name == "Placemark" { "id" } else { "name" });
    let mut read = Element {
        name,
        label,
        text: String::new(),
        children: Vec::new(),
    };
    loop {
        match markup.next()? {
            Piece::Open(tag) => read.children.push(element(markup, &tag, depth + 1)?),
            Piece::Text(text) => read.text.push_str(&text),
            Piece::Close => return Ok(read),
            Piece::End => return Err(FormatError::damaged(KML, "it is cut off")),
        }
    }
}

pub(super) fn read(element: &Element, schema: &HashMap<String, String>, number: u64, report: &mut Report) -> Placemark {
    let mut properties = Vec::new();
    let mut geometry = None;
    for child in &element.children {
        match child.name.as_str() {
            name @ ("name" | "description" | "address" | "phoneNumber") => {
                properties.push((name.to_owned(), quoted(child.text.trim())));
            }
            "TimeStamp" | "TimeSpan" => {
                properties.extend(
                    child
                        .children
                        .iter()
                        .map(|time| (time.name.clone(), quoted(time.text.trim()))),
                );
            }
            "ExtendedData" => extended(child, schema, &mut properties),
            "Point" | "LineString" | "LinearRing" | "Polygon" | "MultiGeometry" => {
                match read_geometry(child, number, report) {
                    Some(read) => geometry = Some(read),
                    None => report.note(number, 0, What::BadPlace),
                }
            }
            "Model" | "Track" | "MultiTrack" => report.note(number, 0, What::OtherShape),
            _ => {}
        }
    }
    if geometry.is_none() && !element.children.iter().any(|child| is_geometry(&child.name)) {
        report.note(number, 0, What::NoPlace);
    }
    Placemark {
        id: element.label.clone(),
        properties,
        geometry,
    }
}

fn is_geometry(name: &str) -> bool {
    matches!(
        name,
        "Point" | "LineString" | "LinearRing" | "Polygon" | "MultiGeometry" | "Model" | "Track" | "MultiTrack"
    )
}

/// `Data`, which is text, and `SimpleData`, which is what its schema says.
fn extended(element: &Element, schema: &HashMap<String, String>, properties: &mut Vec<(String, String)>) {
    for child in &element.children {
        match (child.name.as_str(), &child.label) {
            ("Data", Some(name)) => {
                let value = child
                    .children
                    .iter()
                    .find(|inner| inner.name == "value")
                    .map_or("", |value| value.text.trim());
                properties.push((name.clone(), quoted(value)));
            }
            ("SimpleData", Some(name)) => {
                let kind = schema.get(name).map_or("string", String::as_str);
                properties.push((name.clone(), typed(child.text.trim(), kind)));
            }
            ("SchemaData", _) => extended(child, schema, properties),
            (_, None) if child.children.is_empty() => properties.push((child.name.clone(), quoted(child.text.trim()))),
            _ => {}
        }
    }
}

/// A value of a schema as JSON. What is not what it should be stays text.
fn typed(text: &str, kind: &str) -> String {
    match kind {
        _ if text.is_empty() => String::from("null"),
        "int" | "uint" | "short" | "ushort" => text
            .parse::<i64>()
            .map_or_else(|_| quoted(text), |number| number.to_string()),
        "float" | "double" => match text.parse::<f64>() {
            Ok(number) if number.is_finite() => serde_json::Value::from(number).to_string(),
            _ => quoted(text),
        },
        "bool" => match text {
            "1" | "true" => String::from("true"),
            "0" | "false" => String::from("false"),
            _ => quoted(text),
        },
        _ => quoted(text),
    }
}

fn read_geometry(element: &Element, number: u64, report: &mut Report) -> Option<Geometry> {
    match element.name.as_str() {
        "Point" => coordinates(element)?.first().copied().map(Geometry::Point),
        "LineString" | "LinearRing" => coordinates(element)
            .filter(|line| line.len() > 1)
            .map(|line| Geometry::Lines(vec![line])),
        "Polygon" => {
            let ring = |boundary: &Element| {
                boundary
                    .children
                    .iter()
                    .find(|ring| ring.name == "LinearRing")
                    .and_then(coordinates)
            };
            let outer = element
                .children
                .iter()
                .find(|child| child.name == "outerBoundaryIs")
                .and_then(ring)?;
            let mut polygon = vec![outer];
            for inner in element.children.iter().filter(|child| child.name == "innerBoundaryIs") {
                // Some programs write all holes into one boundary.
                polygon.extend(
                    inner
                        .children
                        .iter()
                        .filter(|ring| ring.name == "LinearRing")
                        .filter_map(coordinates),
                );
            }
            if polygon.iter().any(|ring| ring.len() < 3) {
                return None;
            }
            orient(&mut polygon);
            Some(Geometry::Polygons(vec![polygon]))
        }
        "MultiGeometry" => {
            let mut members = Vec::new();
            for child in element.children.iter().filter(|child| is_geometry(&child.name)) {
                match read_geometry(child, number, report) {
                    Some(geometry) => members.push(geometry),
                    None => report.note(number, 0, What::BadPlace),
                }
            }
            (!members.is_empty()).then(|| together(members))
        }
        _ => None,
    }
}

/// Several geometries of one kind as one of several.
fn together(members: Vec<Geometry>) -> Geometry {
    let (mut points, mut lines, mut polygons, mut others) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for member in members {
        match member {
            Geometry::Point(point) => points.push(point),
            Geometry::MultiPoint(several) => points.extend(several),
            Geometry::Lines(several) => lines.extend(several),
            Geometry::Polygons(several) => polygons.extend(several),
            Geometry::Collection(several) => others.extend(several),
        }
    }
    let mut kinds = Vec::new();
    match points.as_slice() {
        [] => {}
        [point] => kinds.push(Geometry::Point(*point)),
        _ => kinds.push(Geometry::MultiPoint(points)),
    }
    if !lines.is_empty() {
        kinds.push(Geometry::Lines(lines));
    }
    if !polygons.is_empty() {
        kinds.push(Geometry::Polygons(polygons));
    }
    kinds.extend(others);
    match kinds.pop() {
        Some(only) if kinds.is_empty() => only,
        last => {
            kinds.extend(last);
            Geometry::Collection(kinds)
        }
    }
}

/// `longitude,latitude[,height]`, with spaces between; people put spaces after commas as well.
fn coordinates(element: &Element) -> Option<Vec<Position>> {
    let text = &element.children.iter().find(|child| child.name == "coordinates")?.text;
    let mut positions = Vec::new();
    let mut tuple = String::new();
    let mut add = |tuple: &str| -> Option<()> {
        let mut numbers = tuple.split(',').map(|number| number.trim().parse::<f64>().ok());
        let position = (numbers.next()??, numbers.next()??, numbers.next().flatten());
        is_position(&position).then(|| positions.push(position))
    };
    for word in text.split_whitespace() {
        if !tuple.is_empty() && !tuple.ends_with(',') && !word.starts_with(',') {
            add(&tuple)?;
            tuple.clear();
        }
        tuple.push_str(word);
    }
    if !tuple.is_empty() {
        add(&tuple)?;
    }
    (!positions.is_empty()).then_some(positions)
}
