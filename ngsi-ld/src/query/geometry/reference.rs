//! The geometry of a question, which is made ready for computation once, when it is first needed.

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use super::index::Index;
use crate::entity::Geometry;

/// A reference geometry (clause 4.10). Copies share what was made ready.
#[derive(Clone)]
pub struct ReferenceGeometry {
    shared: Arc<Shared>,
}

struct Shared {
    geometry: Geometry,
    index: OnceLock<Index>,
}

impl ReferenceGeometry {
    /// The geometry, ready to be compared. The first call makes it so, which takes some 0.1 us a position.
    pub(in crate::query) fn index(&self) -> &Index {
        self.shared.index.get_or_init(|| Index::of(&self.shared.geometry))
    }

    /// The geometry as it was given.
    #[must_use]
    pub fn geometry(&self) -> &Geometry {
        &self.shared.geometry
    }
}

impl From<Geometry> for ReferenceGeometry {
    fn from(geometry: Geometry) -> Self {
        Self {
            shared: Arc::new(Shared {
                geometry,
                index: OnceLock::new(),
            }),
        }
    }
}

impl Deref for ReferenceGeometry {
    type Target = Geometry;

    fn deref(&self) -> &Geometry {
        &self.shared.geometry
    }
}

impl fmt::Debug for ReferenceGeometry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shared.geometry.fmt(f)
    }
}

impl PartialEq for ReferenceGeometry {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared) || self.shared.geometry == other.shared.geometry
    }
}
