//! A collection of geometries stands to another geometry as its points, lines and areas do, all together.

use proptest::prelude::*;

use super::geo::{any_geometry, geometry, stands};
use crate::entity::Geometry;
use crate::query::{GeoRelation, distance_metres};

fn collected(all: &[&Geometry]) -> Geometry {
    Geometry::collected(all.iter().map(|one| (*one).clone()).collect()).unwrap()
}

#[test]
fn what_its_geometries_are_together_it_is() {
    use GeoRelation::{Contains, Disjoint, Equals, Intersects, Overlaps, Within};
    let square = geometry("Polygon", "[[[0,0],[2,0],[2,2],[0,2],[0,0]]]");
    let wider = geometry("Polygon", "[[[-1,-1],[3,-1],[3,3],[-1,3],[-1,-1]]]");
    let shifted = geometry("Polygon", "[[[1,0],[4,0],[4,2],[1,2],[1,0]]]");
    let (inside, outside) = (geometry("Point", "[1,1]"), geometry("Point", "[9,9]"));
    let line = geometry("LineString", "[[0.5,0.5],[1.5,1.5]]");
    let both = collected(&[&inside, &square]);
    let apart = collected(&[&outside, &square, &line]);
    for (relation, target, reference, expected) in [
        (Intersects, &apart, &inside, true),
        (Intersects, &apart, &outside, true),
        (Disjoint, &apart, &outside, false),
        (Disjoint, &both, &outside, true),
        (Within, &both, &wider, true),
        (Within, &apart, &wider, false),
        (Contains, &both, &inside, true),
        (Contains, &apart, &outside, true),
        (Contains, &both, &outside, false),
        (Equals, &both, &square, true),
        (Equals, &apart, &square, false),
        (Overlaps, &both, &shifted, true),
        (Overlaps, &both, &wider, false),
        (Overlaps, &apart, &wider, true),
        (Overlaps, &both, &square, false),
    ] {
        assert_eq!(
            stands(relation, target, reference),
            expected,
            "{relation:?} {target:?} {reference:?}"
        );
    }
    // Of one kind alone it is the geometry that has several.
    let points = collected(&[&inside, &outside]);
    assert_eq!(points.type_name(), "GeometryCollection");
    assert!(stands(Equals, &points, &geometry("MultiPoint", "[[9,9],[1,1]]")));
    // One alone is itself, and none is none.
    assert_eq!(collected(&[&line]), line);
    assert_eq!(Geometry::collected(Vec::new()), None);
    assert_eq!(collected(&[&both, &line]).members().len(), 3, "none is in another");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]
    #[test]
    fn any_and_all_of_its_geometries_decide(
        members in prop::collection::vec(any_geometry(), 2..5),
        reference in any_geometry(),
        (min, max) in (0.001..300_000.0_f64, 0.001..300_000.0_f64),
    ) {
        use GeoRelation::{Disjoint, Intersects, Near, Within};
        let collection = Geometry::collected(members.clone()).unwrap();
        prop_assert_eq!(collection.count_positions(), collection.positions().len());
        prop_assert!(collection.check().is_ok());
        let parts = collection.uniform();
        let any = |relation| parts.iter().any(|part| stands(relation, part, &reference));
        let all = |relation| parts.iter().all(|part| stands(relation, part, &reference));
        prop_assert_eq!(stands(Intersects, &collection, &reference), any(Intersects));
        prop_assert_eq!(stands(Disjoint, &collection, &reference), all(Disjoint));
        prop_assert_eq!(stands(Within, &collection, &reference), all(Within));
        let least = members.iter().map(|one| distance_metres(one, &reference)).fold(f64::INFINITY, f64::min);
        // Which of several points is the nearest is found in degrees.
        let of_all = distance_metres(&collection, &reference);
        prop_assert!(least <= of_all && of_all <= least * 1.01, "{of_all} {least}");
        let least = of_all;
        for (min, max) in [(None, Some(max)), (Some(min), None), (Some(min), Some(max))] {
            let expected = max.is_none_or(|max| least <= max) && min.is_none_or(|min| least > min);
            prop_assert_eq!(stands(Near { min, max }, &collection, &reference), expected, "{:?} {:?}", min, max);
        }
    }
}
