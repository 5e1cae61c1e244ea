//! Where the entities of a reading are: the boxes around their places, in a tree.

use ngsi_ld::entity::AttributeValue;
use ngsi_ld::query::{BoundingBox, GeoQuery};
use ngsi_ld::{AttributeName, Entity};
use rstar::primitives::{GeomWithData, Rectangle};
use rstar::{AABB, RTree};

/// About what a degree of latitude has.
const METRES_OF_A_DEGREE: f64 = 111_000.0;

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
        geo.surroundings().map(|bounds| self.within(bounds))
    }

    /// About how far away, in metres, so many are; `None`: there are fewer.
    pub(crate) fn reach_of(&self, many: usize, from: &BoundingBox) -> Option<f64> {
        let middle = [
            f64::midpoint(from.min_longitude, from.max_longitude),
            f64::midpoint(from.min_latitude, from.max_latitude),
        ];
        let farthest = self.0.nearest_neighbor_iter_with_distance_2(middle).nth(many)?;
        Some((farthest.1.sqrt() * METRES_OF_A_DEGREE).max(1.0))
    }

    /// The numbers of all that meet a box, in order.
    pub(crate) fn within(&self, mut bounds: BoundingBox) -> Vec<u32> {
        if bounds.meets_antimeridian() {
            // What touches the antimeridian touches what stands on its other side.
            bounds.min_longitude = f64::MIN;
            bounds.max_longitude = f64::MAX;
        }
        let found = self.0.locate_in_envelope_intersecting(envelope(&bounds));
        let mut numbers: Vec<u32> = found.map(|placed| placed.data).collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }
}

fn envelope(bounds: &BoundingBox) -> AABB<[f64; 2]> {
    AABB::from_corners(
        [bounds.min_longitude, bounds.min_latitude],
        [bounds.max_longitude, bounds.max_latitude],
    )
}
