//! Computing with two geometries: a reference that is made ready once, and one target after the other.
//!
//! Everything that may take long can be interrupted between two [`Steps`](super::Steps).

mod bounds;
mod closeness;
mod contacts;
mod ellipsoid;
mod exact;
mod index;
mod location;
mod nearest;
mod reference;
mod relating;
mod sameness;
mod shape;
mod starts;
mod target;

#[cfg(test)]
mod tests;

pub(super) use self::ellipsoid::Near;
pub(super) use self::index::Index;
pub(super) use self::index::density::Cost;
pub(super) use self::location::Areas;
pub(super) use self::nearest::{Asked, Found, Nearest, haversine_of_points, near_of_points};
pub use self::reference::ReferenceGeometry;
pub(super) use self::relating::{Related, Relating};

/// Two geometries touch in so many places that comparing them exactly would take too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("two geometries touch in too many places to be compared exactly")]
pub struct TooComplex;
