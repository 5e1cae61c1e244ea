//! A Shapefile in a ZIP (.shp, .dbf, .prj, .cpg): its shapes as Features in WGS84.
//!
//! Which reference system a `.prj` means is not known here: whoever asks gives what converts. Rows of the report are
//! records, counted from 1.

mod attributes;
mod shapes;

use crate::geojson::{Collection, Geometry, Position, is_position, object, orient};
use crate::parts::Parts;
use crate::{FormatError, Limits, Report, What};
use attributes::Attributes;
use shapes::{Shape, Shapes};

const SHAPEFILE: &str = "the Shapefile";

/// Makes longitude and latitude (WGS84) of what a file says: easting or longitude, then northing or latitude. `None` where
/// that lies outside of what its reference system is for.
pub type Converter = Box<dyn Fn(f64, f64) -> Option<(f64, f64)>>;

/// Makes a converter of the text of a `.prj`, or says by name why not.
pub type ReferenceSystems<'a> = &'a dyn Fn(&str) -> Result<Converter, String>;

/// The layers of an archive: the names of its `.shp` files without their ending.
///
/// # Errors
/// When it is no archive.
pub fn layers(bytes: &[u8], limits: &Limits) -> Result<Vec<String>, FormatError> {
    Ok(layers_of(&Parts::open(bytes, limits)?))
}

/// A layer as the text of one GeoJSON FeatureCollection; the only one where none is named.
///
/// # Errors
/// When there is no such layer, its reference system is refused, it is damaged or holds more than `limits` allow.
pub fn features(
    bytes: &[u8],
    layer: Option<&str>,
    systems: ReferenceSystems<'_>,
    limits: &Limits,
    report: &mut Report,
) -> Result<String, FormatError> {
    let mut parts = Parts::open(bytes, limits)?;
    let layer = chosen(&layers_of(&parts), layer)?;
    let shp = parts
        .read(&format!("{layer}.shp"))?
        .ok_or(FormatError::damaged(SHAPEFILE, "its .shp is missing"))?;
    let dbf = parts.read(&format!("{layer}.dbf"))?;
    let cpg = parts.read(&format!("{layer}.cpg"))?;
    let convert: Converter = match parts
        .text(&format!("{layer}.prj"))?
        .filter(|prj| !prj.trim().is_empty())
    {
        Some(prj) => systems(prj.trim_start_matches('\u{feff}').trim()).map_err(FormatError::Refused)?,
        None => {
            report.note_named(0, 0, What::NoReferenceSystem, Some(format!("{layer}.prj")));
            Box::new(|x, y| Some((x, y)))
        }
    };
    let mut attributes = dbf
        .as_deref()
        .map(|dbf| Attributes::open(dbf, cpg.as_deref(), limits, report))
        .transpose()?;
    let mut shapes = Shapes::open(&shp)?;
    let mut collection = Collection::new(limits);
    let mut number = 0;
    while let Some(shape) = shapes.next()? {
        number += 1;
        let Some(properties) = attributes
            .as_mut()
            .map_or_else(|| Some(Vec::new()), |attributes| attributes.record(number, report))
        else {
            continue;
        };
        let geometry = match shape {
            Shape::None => {
                report.note(number, 0, What::NoPlace);
                None
            }
            Shape::Other => {
                report.note(number, 0, What::OtherShape);
                None
            }
            Shape::Of(geometry) => {
                let placed = placed(geometry, &convert);
                if placed.is_none() {
                    report.note(number, 0, What::BadPlace);
                }
                placed
            }
        };
        collection.add(None, &object(&properties), geometry.as_ref())?;
    }
    Ok(collection.finish())
}

fn layers_of(parts: &Parts<'_>) -> Vec<String> {
    parts
        .names()
        // What macOS adds to every archive.
        .filter(|name| !name.starts_with("__MACOSX/"))
        .filter_map(|name| {
            name.rsplit_once('.')
                .filter(|(_, end)| end.eq_ignore_ascii_case("shp"))
                .map(|(layer, _)| layer.to_owned())
        })
        .collect()
}

fn chosen(layers: &[String], wanted: Option<&str>) -> Result<String, FormatError> {
    /// Layers that a message names.
    const NAMED: usize = 20;
    let listed = || {
        layers
            .iter()
            .take(NAMED)
            .map(|layer| format!("`{}`", layer.replace(char::is_control, "")))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let short = |layer: &String| {
        layer
            .rsplit_once('/')
            .map_or(layer.as_str(), |(_, file)| file)
            .to_owned()
    };
    match (wanted, layers) {
        (_, []) => Err(FormatError::NoEntry {
            wanted: "Shapefile (.shp)",
            held: String::from("none"),
        }),
        (Some(wanted), layers) => {
            let found = layers.iter().find(|layer| *layer == wanted || short(layer) == wanted);
            found.cloned().ok_or_else(|| FormatError::NoEntry {
                wanted: "layer of the name that is wanted",
                held: listed(),
            })
        }
        (None, [only]) => Ok(only.clone()),
        (None, _) => Err(FormatError::SeveralEntries(listed())),
    }
}

/// The geometry in WGS84, its rings turned as GeoJSON wants them; `None` when a position of it cannot be one.
fn placed(geometry: Geometry, convert: &Converter) -> Option<Geometry> {
    let one = |(x, y, height): Position| -> Option<Position> {
        let (longitude, latitude) = convert(x, y)?;
        let position = (longitude, latitude, height.filter(|height| height.is_finite()));
        is_position(&position).then_some(position)
    };
    let all = |positions: Vec<Position>| positions.into_iter().map(one).collect::<Option<Vec<_>>>();
    Some(match geometry {
        Geometry::Point(position) => Geometry::Point(one(position)?),
        Geometry::MultiPoint(positions) => Geometry::MultiPoint(all(positions)?),
        Geometry::Lines(lines) => Geometry::Lines(lines.into_iter().map(all).collect::<Option<_>>()?),
        Geometry::Polygons(polygons) => {
            let mut placed = Vec::with_capacity(polygons.len());
            for polygon in polygons {
                let mut rings = polygon.into_iter().map(all).collect::<Option<Vec<_>>>()?;
                orient(&mut rings);
                placed.push(rings);
            }
            Geometry::Polygons(placed)
        }
        Geometry::Collection(_) => return None,
    })
}
