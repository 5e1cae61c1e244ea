//! The names that GeoJSON gives to reference systems.

use super::{Crs, UnknownCrs};

/// Characters of a name that are shown when it is not known.
const SHOWN: usize = 80;

/// The system of a `crs` member: `urn:ogc:def:crs:EPSG::6668`, `EPSG:6668`, `urn:ogc:def:crs:OGC:1.3:CRS84`,
/// `http://www.opengis.net/def/crs/EPSG/0/6668`. Coordinates of GeoJSON are longitude or easting first under each of them.
///
/// # Errors
/// [`UnknownCrs`]
pub fn of_name(name: &str) -> Result<Crs, UnknownCrs> {
    let unknown = || UnknownCrs::Name(name.chars().take(SHOWN).collect());
    let upper = name.trim().to_ascii_uppercase();
    let last = upper.rsplit([':', '/', '#']).next().unwrap_or_default();
    if matches!(last, "CRS84" | "CRS84H" | "84") {
        return Ok(Crs::wgs84());
    }
    let is_epsg = upper.contains("EPSG");
    match last.parse() {
        Ok(code) if is_epsg => Crs::of_epsg(code).map_err(|_| unknown()),
        _ => Err(unknown()),
    }
}
