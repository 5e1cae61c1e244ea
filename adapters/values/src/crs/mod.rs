//! Reference systems of coordinates, and the way from them to WGS84, which is that of the view.
//!
//! A system is known by its EPSG code, by the name that GeoJSON gives it, or by the text of a `.prj` file. One that is not
//! known is refused: coordinates of another datum look right and are some hundred metres away.

mod name;
mod prj;
mod systems;

pub use name::of_name;
pub use prj::of_prj;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use ngsi_ld::entity::Position;
use proj4rs::Proj;

use crate::Unread;
use systems::{Datum, System};

/// A system of coordinates that positions can be taken from.
pub struct Crs {
    epsg: u32,
    system: System,
    /// How to compute; `None`: the coordinates are degrees of WGS84, or of a system that differs from it by less than is known.
    from: Option<Box<(Proj, Proj)>>,
}

/// A system that is not known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnknownCrs {
    /// No such code here.
    #[error("the reference system EPSG:{0} is not known: known are {KNOWN}")]
    Code(u32),
    /// A name, cut to what can be shown.
    #[error("the reference system {0:?} is not known: known are {KNOWN}")]
    Name(String),
    /// A `.prj` that is no description of a system.
    #[error("the .prj describes no reference system")]
    NoDescription,
}

/// What is known, for people.
pub const KNOWN: &str = "4326 (WGS84), 6668 (JGD2011), 4612 (JGD2000), 4301 (Tokyo), the plane systems 6669 to 6687, \
                         2443 to 2461 and 30161 to 30179, UTM 6688 to 6692, 3097 to 3101 and 32651 to 32656, and 3857";

impl Crs {
    /// The system of an EPSG code.
    ///
    /// # Errors
    /// [`UnknownCrs::Code`]
    pub fn of_epsg(epsg: u32) -> Result<Self, UnknownCrs> {
        let system = System::of_epsg(epsg).ok_or(UnknownCrs::Code(epsg))?;
        let from = match system.definition() {
            None => None,
            Some(definition) => {
                let proj = |text: &str| Proj::from_proj_string(text).map_err(|_| UnknownCrs::Code(epsg));
                Some(Box::new((proj(&definition)?, proj(systems::WGS84)?)))
            }
        };
        Ok(Self { epsg, system, from })
    }

    /// The same, made once for all who ask: there are some hundred codes.
    ///
    /// # Errors
    /// [`UnknownCrs::Code`]
    pub fn shared(epsg: u32) -> Result<Arc<Self>, UnknownCrs> {
        static MADE: Mutex<BTreeMap<u32, Arc<Crs>>> = Mutex::new(BTreeMap::new());
        let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(crs) = made.get(&epsg) {
            return Ok(Arc::clone(crs));
        }
        let crs = Arc::new(Self::of_epsg(epsg)?);
        made.insert(epsg, Arc::clone(&crs));
        Ok(crs)
    }

    /// WGS84 in degrees, the view's own.
    #[must_use]
    pub const fn wgs84() -> Self {
        Self {
            epsg: 4326,
            system: System::Geographic(Datum::Wgs84),
            from: None,
        }
    }

    /// Its EPSG code.
    #[must_use]
    pub const fn epsg(&self) -> u32 {
        self.epsg
    }

    /// How far a position may be from where it is, in metres, by what is left out on the way to WGS84.
    ///
    /// JGD2011 and WGS84 agree to less than a metre. JGD2000 does not know how far the ground moved on 11 March 2011: five
    /// metres in Ishinomaki, less than one in Tochigi. The three parameters for the Tokyo datum, which was surveyed with
    /// instruments of its time, are right to some ten metres.
    #[must_use]
    pub const fn accuracy(&self) -> f64 {
        match self.system.datum() {
            Datum::Wgs84 | Datum::Jgd2011 => 1.0,
            Datum::Jgd2000 => 6.0,
            Datum::Tokyo => 10.0,
        }
    }

    /// Whether its coordinates are metres on a plane rather than degrees.
    #[must_use]
    pub const fn is_plane(&self) -> bool {
        !matches!(self.system, System::Geographic(_))
    }

    /// The position in WGS84 of an easting (Y of the plane systems) and a northing (X), or of a longitude and a latitude.
    /// A height stays what it is.
    ///
    /// # Errors
    /// [`Unread::ImpossiblePosition`] outside of where the system is used, [`Unread::Swapped`] where it would be inside the
    /// other way round.
    pub fn position(&self, easting: f64, northing: f64, height: Option<f64>) -> Result<Position, Unread> {
        let outside = |easting: f64, northing: f64| !self.system.holds(easting, northing);
        if outside(easting, northing) {
            let is_swapped = !outside(northing, easting);
            return Err(if is_swapped {
                Unread::Swapped
            } else {
                Unread::ImpossiblePosition
            });
        }
        let (longitude, latitude) = match self.from.as_deref() {
            None => (easting, northing),
            Some((from, to)) => {
                let (easting, northing) = if self.is_plane() {
                    (easting, northing)
                } else {
                    (easting.to_radians(), northing.to_radians())
                };
                // On the ellipsoid: a height above the sea moves nothing sideways that could be measured.
                let mut point = (easting, northing, 0.0);
                proj4rs::transform::transform(from, to, &mut point).map_err(|_| Unread::ImpossiblePosition)?;
                (rounded(point.0.to_degrees()), rounded(point.1.to_degrees()))
            }
        };
        let is_on_globe = (-180.0..=180.0).contains(&longitude) && (-90.0..=90.0).contains(&latitude);
        if !is_on_globe {
            return Err(Unread::ImpossiblePosition);
        }
        Ok(Position {
            longitude,
            latitude,
            altitude: height.filter(|height| height.is_finite()),
        })
    }
}

/// Degrees to a tenth of a millimetre: what is computed has no more to say.
fn rounded(degrees: f64) -> f64 {
    const PER_DEGREE: f64 = 1e9;
    (degrees * PER_DEGREE).round() / PER_DEGREE
}

impl PartialEq for Crs {
    fn eq(&self, other: &Self) -> bool {
        self.epsg == other.epsg
    }
}

impl fmt::Debug for Crs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EPSG:{}", self.epsg)
    }
}

#[cfg(test)]
mod tests;
