//! Where the entities of a reading are: the boxes around their places, in a tree.

use ngsi_ld::entity::AttributeValue;
use ngsi_ld::query::{BoundingBox, GeoQuery};
use ngsi_ld::{AttributeName, Entity};
use rstar::primitives::{GeomWithData, Rectangle};
use rstar::{AABB, RTree};

/// What one box takes in the tree, about, with its part of the nodes above it.
const BYTES_OF_A_BOX: usize = 96;

type Placed = GeomWithData<Rectangle<[f64; 2]>, u32>;

/// The places of one GeoProperty.
#[derive(Debug)]
pub(crate) struct Places(RTree<Placed>);

impl Places {
    /// Those of some entities, each with its number.
    pub(crate) fn of<'e>(entities: impl Iterator<Item = (u32, &'e Entity)>, property: &AttributeName) -> Self {
        let mut boxes: Vec<Placed> = Vec::new();
        for (number, entity) in entities {
            let instances = entity.attribute(property).map(|attribute| attribute.instances.iter());
            for instance in instances.into_iter().flatten() {
                if let AttributeValue::GeoProperty(geometry) = &instance.value
                    && let Some(bounds) = BoundingBox::of(geometry)
                {
                    let rectangle = Rectangle::from_aabb(envelope(&bounds));
                    boxes.push(GeomWithData::new(rectangle, number));
                }
            }
        }
        Self(RTree::bulk_load(boxes))
    }

    /// About how many bytes it takes.
    pub(crate) fn weight(&self) -> usize {
        self.0.size() * BYTES_OF_A_BOX
    }

    /// The numbers of all that may meet a geo-query, in order; `None`: any may.
    pub(crate) fn may_meet(&self, geo: &GeoQuery) -> Option<Vec<u32>> {
        let mut bounds = geo.surroundings()?;
        if bounds.meets_antimeridian() {
            // What touches the antimeridian touches what stands on its other side.
            bounds.min_longitude = f64::MIN;
            bounds.max_longitude = f64::MAX;
        }
        let found = self.0.locate_in_envelope_intersecting(envelope(&bounds));
        let mut numbers: Vec<u32> = found.map(|placed| placed.data).collect();
        numbers.sort_unstable();
        numbers.dedup();
        Some(numbers)
    }
}

fn envelope(bounds: &BoundingBox) -> AABB<[f64; 2]> {
    AABB::from_corners(
        [bounds.min_longitude, bounds.min_latitude],
        [bounds.max_longitude, bounds.max_latitude],
    )
}
