//! Places in one text, on a plane, and in other reference systems than the view's.

use kakehashi_values::crs::Crs;
use kakehashi_values::positions;
use ngsi_ld::entity::{AttributeValue, Geometry};

use super::findings::Finding;
use super::placed::located;
use super::scalar::Scalar;
use super::value::Record;
use crate::language::{PlaceText, PlanePlace};

impl Record<'_, '_> {
    /// A place in one text: WKT, or both angles.
    pub(super) fn place_text(&self, place: &PlaceText) -> Result<Option<AttributeValue>, Finding> {
        let Some(scalar) = self.present(place.slot)? else {
            return Err(Finding::NoPosition);
        };
        let Scalar::Text(text) = &scalar else {
            return Err(Finding::ImpossiblePosition);
        };
        let wgs84;
        let crs = match &place.crs {
            Some(crs) => crs.as_ref(),
            None => {
                wgs84 = Crs::wgs84();
                &wgs84
            }
        };
        let geometry = match positions::both(text, place.order, crs) {
            Ok(position) => Some(Geometry::Point(position)),
            Err(_) => positions::wkt(text, crs).ok(),
        };
        located(geometry, place.bounds)
    }

    /// A place on a plane.
    pub(super) fn plane_place(&self, place: &PlanePlace) -> Result<Option<AttributeValue>, Finding> {
        let (northing, easting) = (self.present(place.northing)?, self.present(place.easting)?);
        if northing.is_none() && easting.is_none() {
            return Err(Finding::NoPosition);
        }
        let metres = |scalar: Option<Scalar<'_>>| scalar.and_then(|scalar| scalar.as_f64());
        let point = metres(easting)
            .zip(metres(northing))
            .and_then(|(easting, northing)| place.crs.position(easting, northing, None).ok());
        located(point.map(Geometry::Point), place.bounds)
    }
}

impl Scalar<'_> {
    /// The degrees that are meant: a number, or degrees, minutes and seconds.
    pub(super) fn as_degrees(&self) -> Option<f64> {
        self.as_f64().or_else(|| match self {
            Self::Text(text) => positions::angle(text).ok(),
            _ => None,
        })
    }
}
