//! The description of a reference system in a `.prj` file: WKT of the first edition, in the dialects of Esri and of OGC.
//!
//! What it is computed with is read, not what it is called: the datum's name and the parameters of the projection. A
//! description of a system that is not one of ours under any name is refused.

use super::systems::{Datum, ORIGINS, System};
use super::{Crs, UnknownCrs};

/// Longest description that is looked at, in bytes; those of Japan's systems have some 600.
pub(super) const LONGEST: usize = 8_192;

/// Bodies inside of each other, at most; descriptions have four.
const DEEPEST: usize = 12;

/// Characters of a name that are shown.
const SHOWN: usize = 80;

/// Degrees and metres that differ by less are the same, as texts are rounded.
const CLOSE: f64 = 1e-6;

/// The system that a `.prj` describes.
///
/// # Errors
/// [`UnknownCrs`]
pub fn of_prj(text: &str) -> Result<Crs, UnknownCrs> {
    let text = text.trim_start_matches('\u{FEFF}').trim();
    if text.len() > LONGEST {
        return Err(UnknownCrs::NoDescription);
    }
    let mut rest = text;
    let root = node(&mut rest, 0).ok_or(UnknownCrs::NoDescription)?;
    let name = root.text().ok_or(UnknownCrs::NoDescription)?;
    let system = match root.keyword.as_str() {
        "GEOGCS" => degrees(&root),
        "PROJCS" => projected(&root),
        _ => return Err(UnknownCrs::NoDescription),
    };
    system
        .and_then(System::epsg)
        .and_then(|epsg| Crs::of_epsg(epsg).ok())
        .ok_or_else(|| UnknownCrs::Name(name.chars().take(SHOWN).collect()))
}

/// `KEYWORD["name", 1.0, INNER[...]]`
struct Node {
    keyword: String,
    parts: Vec<Part>,
}

enum Part {
    Text(String),
    Number(f64),
    Node(Node),
}

impl Node {
    fn text(&self) -> Option<&str> {
        self.parts.iter().find_map(|part| match part {
            Part::Text(text) => Some(text.as_str()),
            _ => None,
        })
    }

    fn number(&self) -> Option<f64> {
        self.parts.iter().find_map(|part| match part {
            Part::Number(number) => Some(*number),
            _ => None,
        })
    }

    fn inner<'n>(&'n self, keyword: &'n str) -> impl Iterator<Item = &'n Self> + 'n {
        self.parts.iter().filter_map(move |part| match part {
            Part::Node(node) if node.keyword == keyword => Some(node),
            _ => None,
        })
    }

    /// A parameter of a projection, by any of its names.
    fn parameter(&self, names: &[&str]) -> Option<f64> {
        self.inner("PARAMETER")
            .find(|parameter| parameter.text().is_some_and(|text| names.contains(&key(text).as_str())))
            .and_then(Self::number)
    }
}

/// A name as both dialects write it.
fn key(name: &str) -> String {
    let letters = name.chars().filter(char::is_ascii_alphanumeric);
    letters.map(|character| character.to_ascii_lowercase()).collect()
}

fn node(rest: &mut &str, depth: usize) -> Option<Node> {
    if depth > DEEPEST {
        return None;
    }
    let end = rest.find(['[', '('])?;
    let (keyword, after) = rest.split_at_checked(end)?;
    let keyword = keyword.trim();
    if keyword.is_empty() || !keyword.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return None;
    }
    let mut parts = Vec::new();
    *rest = after.get(1..)?;
    loop {
        *rest = rest.trim_start();
        parts.push(part(rest, depth)?);
        *rest = rest.trim_start();
        if let Some(after) = rest.strip_prefix([']', ')']) {
            *rest = after;
            break;
        }
        *rest = rest.strip_prefix(',')?;
    }
    Some(Node {
        keyword: keyword.to_ascii_uppercase(),
        parts,
    })
}

fn part(rest: &mut &str, depth: usize) -> Option<Part> {
    if let Some(after) = rest.strip_prefix('"') {
        let (text, after) = after.split_once('"')?;
        *rest = after;
        return Some(Part::Text(text.to_owned()));
    }
    let end = rest.find([',', '[', '(', ']', ')'])?;
    let (word, after) = rest.split_at_checked(end)?;
    if after.starts_with(['[', '(']) {
        return node(rest, depth + 1).map(Part::Node);
    }
    *rest = after;
    let word = word.trim();
    if word.is_empty() {
        return None;
    }
    // `AXIS["X",NORTH]`
    Some(word.parse().map_or_else(|_| Part::Text(word.to_owned()), Part::Number))
}

fn is_close(one: f64, other: f64) -> bool {
    (one - other).abs() < CLOSE
}

fn datum(geographic: &Node) -> Option<Datum> {
    let meridian = geographic.inner("PRIMEM").next().and_then(Node::number).unwrap_or(0.0);
    let degree = geographic.inner("UNIT").next().and_then(Node::number)?;
    if !is_close(meridian, 0.0) || !is_close(degree, 1f64.to_radians()) {
        return None;
    }
    match key(geographic.inner("DATUM").next()?.text()?).as_str() {
        "dwgs1984" | "wgs1984" | "worldgeodeticsystem1984" => Some(Datum::Wgs84),
        "djgd2011" | "jgd2011" | "japanesegeodeticdatum2011" => Some(Datum::Jgd2011),
        "djgd2000" | "jgd2000" | "japanesegeodeticdatum2000" => Some(Datum::Jgd2000),
        "dtokyo" | "tokyo" => Some(Datum::Tokyo),
        _ => None,
    }
}

fn degrees(root: &Node) -> Option<System> {
    datum(root).map(System::Geographic)
}

fn projected(root: &Node) -> Option<System> {
    let datum = datum(root.inner("GEOGCS").next()?)?;
    if !is_close(root.inner("UNIT").next().and_then(Node::number)?, 1.0) {
        return None;
    }
    let parameter = |names: &[&str], absent: f64| root.parameter(names).unwrap_or(absent);
    let longitude = parameter(&["centralmeridian", "longitudeofcenter"], 0.0);
    let latitude = parameter(&["latitudeoforigin", "latitudeofcenter"], 0.0);
    let scale = parameter(&["scalefactor"], 1.0);
    let easting = parameter(&["falseeasting"], 0.0);
    let northing = parameter(&["falsenorthing"], 0.0);
    if !is_close(northing, 0.0) {
        return None;
    }
    match key(root.inner("PROJECTION").next()?.text()?).as_str() {
        "transversemercator" | "gausskruger" if is_close(scale, 0.9999) && is_close(easting, 0.0) => {
            let degrees = |minutes: u32| f64::from(minutes) / 60.0;
            let place = ORIGINS.iter().position(|(of_latitude, of_longitude)| {
                is_close(degrees(*of_latitude), latitude) && is_close(degrees(*of_longitude), longitude)
            })?;
            Some(System::Plane(datum, place + 1))
        }
        "transversemercator" if is_close(scale, 0.9996) && is_close(easting, 500_000.0) && is_close(latitude, 0.0) => {
            // Zone 1 begins at 180 degrees west, each is six degrees wide.
            (1..=60)
                .find(|zone| is_close(f64::from(zone * 6) - 183.0, longitude))
                .map(|zone| System::Utm(datum, zone))
        }
        "mercatorauxiliarysphere" | "mercator1sp" | "popularvisualisationpseudomercator"
            if datum == Datum::Wgs84 && is_close(longitude, 0.0) && is_close(easting, 0.0) && is_close(scale, 1.0) =>
        {
            Some(System::WebMercator)
        }
        _ => None,
    }
}
