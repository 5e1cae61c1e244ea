//! The meaning of geo-queries, by the rules of clause 4.10.

use proptest::prelude::*;

use crate::entity::{AttributeValue, Geometry, Instance, Position};
use crate::query::fixture::{attribute, entity, property};
use crate::query::{GeoQuery, GeoRelation, distance_metres};

pub(super) fn geometry(type_name: &str, coordinates: &str) -> Geometry {
    Geometry::from_coordinates(type_name, coordinates).unwrap()
}

pub(super) fn stands(relation: GeoRelation, target: &Geometry, reference: &Geometry) -> bool {
    let instance = Instance::new(AttributeValue::GeoProperty(Box::new(target.clone())));
    GeoQuery {
        relation,
        geometry: reference.clone().into(),
        property: attribute("location"),
    }
    .matches(&entity([("location", instance)]))
}

#[test]
//= 4.10-3
fn relations_are_those_of_simple_features() {
    use GeoRelation::{Contains, Disjoint, Equals, Intersects, Overlaps, Within};
    let square = geometry("Polygon", "[[[100,0],[101,0],[101,1],[100,1],[100,0]]]");
    let turned = geometry("Polygon", "[[[101,1],[101,0],[100,0],[100,1],[101,1]]]");
    let shifted = geometry("Polygon", "[[[100.5,0],[101.5,0],[101.5,1],[100.5,1],[100.5,0]]]");
    let ring = geometry(
        "Polygon",
        "[[[99,-1],[102,-1],[102,2],[99,2],[99,-1]],[[100,0],[101,0],[101,1],[100,1],[100,0]]]",
    );
    let (inside, corner, outside) = (
        geometry("Point", "[100.5,0.5]"),
        geometry("Point", "[100,0]"),
        geometry("Point", "[99,0]"),
    );
    let line = geometry("LineString", "[[99,0.5],[102,0.5]]");
    for (relation, target, reference, expected) in [
        (Within, &inside, &square, true),
        (Within, &corner, &square, false),
        (Within, &square, &inside, false),
        (Within, &inside, &ring, false),
        (Contains, &square, &inside, true),
        (Contains, &inside, &square, false),
        (Intersects, &corner, &square, true),
        (Intersects, &line, &square, true),
        (Intersects, &outside, &square, false),
        (Disjoint, &outside, &square, true),
        (Disjoint, &inside, &ring, true),
        (Disjoint, &corner, &square, false),
        (Equals, &square, &turned, true),
        (Equals, &square, &shifted, false),
        (Overlaps, &square, &shifted, true),
        (Overlaps, &square, &turned, false),
        (Overlaps, &square, &line, false),
    ] {
        assert_eq!(stands(relation, target, reference), expected, "{relation:?} {target:?}");
    }
}

#[test]
fn what_is_the_same_is_equal_even_where_a_ring_crosses_itself() {
    let crossing = geometry("Polygon", "[[[0,0],[2,2],[2,0],[0,2],[0,0]]]");
    assert!(stands(GeoRelation::Equals, &crossing, &crossing));
    let other = geometry("Polygon", "[[[0,0],[2,2],[2,0],[0,3],[0,0]]]");
    assert!(!stands(GeoRelation::Equals, &crossing, &other));
}

proptest! {
    #[test]
    fn a_point_in_an_area_is_decided_as_the_general_comparison_would(x in 0..9_i8, y in 0..9_i8) {
        use geo::Relate;
        let area = "[[[1,1],[7,1],[7,7],[4,5],[1,7],[1,1]],[[2,2],[2,4],[4,4],[4,2],[2,2]]]";
        let areas = format!("[{area},[[[8,1],[9,1],[9,3],[8,1]]]]");
        let point = Geometry::point(x.into(), y.into()).unwrap();
        for area in [geometry("Polygon", area), geometry("MultiPolygon", &areas)] {
            let general = point.to_geo().relate(&area.to_geo());
            prop_assert_eq!(stands(GeoRelation::Within, &point, &area), general.is_within());
            prop_assert_eq!(stands(GeoRelation::Intersects, &point, &area), general.is_intersects());
            prop_assert_eq!(stands(GeoRelation::Disjoint, &point, &area), general.is_disjoint());
        }
    }
}

#[test]
fn where_two_areas_touch_is_their_boundary() {
    let touching = geometry(
        "MultiPolygon",
        "[[[[0,0],[1,0],[1,1],[0,0]]],[[[1,1],[2,1],[2,2],[1,1]]]]",
    );
    let corner = geometry("Point", "[1,1]");
    assert!(!stands(GeoRelation::Within, &corner, &touching));
    assert!(stands(GeoRelation::Intersects, &corner, &touching));
}

#[test]
//= 4.10-4
fn entities_without_a_sound_geometry_never_match() {
    let beyond = Geometry::Point(Position::new(36.0, 139.0));
    let square = geometry("Polygon", "[[[0,0],[1,0],[1,1],[0,1],[0,0]]]");
    let far = GeoRelation::Near {
        min: Some(1.0),
        max: None,
    };
    for relation in [far, GeoRelation::Disjoint] {
        assert!(!stands(relation, &beyond, &square));
        let query = GeoQuery {
            relation,
            geometry: square.clone().into(),
            property: attribute("location"),
        };
        assert!(!query.matches(&entity([])));
        assert!(!query.matches(&entity([("location", property("[0,0]"))])));
    }
}

#[test]
fn distances_are_those_of_the_ellipsoid() {
    // One degree of latitude at 36 degrees north: 110,967 m (WGS84 meridian arc from 36 to 37).
    let south = geometry("Point", "[139,36]");
    let north = geometry("Point", "[139,37]");
    let degree = distance_metres(&south, &north);
    assert!((degree - 110_963.0).abs() < 20.0, "{degree}");
    // To a line that runs west to east one degree north, wherever its ends are.
    let line = geometry("LineString", "[[130,37],[150,37]]");
    assert!((distance_metres(&south, &line) - degree).abs() < 1.0);
    assert!((distance_metres(&line, &south) - degree).abs() < 1.0);
    // Across the antimeridian.
    let (west, east) = (
        geometry("Point", "[179.99,0]"),
        geometry("LineString", "[[-179.99,-1],[-179.99,1]]"),
    );
    assert!((distance_metres(&west, &east) - 2226.4).abs() < 1.0);
    // Inside, on the edge, and the hole.
    let ring = geometry(
        "Polygon",
        "[[[0,0],[3,0],[3,3],[0,3],[0,0]],[[1,1],[2,1],[2,2],[1,2],[1,1]]]",
    );
    assert!(distance_metres(&geometry("Point", "[0.5,0.5]"), &ring).abs() < f64::EPSILON);
    let to_hole = distance_metres(&geometry("MultiPoint", "[[1.5,1.1],[50,50]]"), &ring);
    assert!((to_hole - 11_057.0).abs() < 10.0, "{to_hole}");
}

#[test]
fn bounds_of_near_are_at_most_and_more_than() {
    let (a, b) = (geometry("Point", "[139,36]"), geometry("Point", "[139.01,36]"));
    let distance = distance_metres(&a, &b);
    let near = |min, max| stands(GeoRelation::Near { min, max }, &a, &b);
    assert!(near(None, Some(distance)));
    assert!(!near(Some(distance), None));
    assert!(near(Some(distance - 1.0), Some(distance + 1.0)));
    assert!(!near(None, Some(distance - 1.0)));
}

#[test]
fn every_geometry_stands_in_every_relation() {
    use GeoRelation::{Contains, Disjoint, Equals, Intersects, Overlaps, Within};
    let near = GeoRelation::Near {
        min: None,
        max: Some(1000.0),
    };
    let far = GeoRelation::Near {
        min: Some(1000.0),
        max: None,
    };
    let around = geometry("Polygon", "[[[139,36],[140,36],[140,37],[139,37],[139,36]]]");
    let elsewhere = geometry("Polygon", "[[[10,10],[11,10],[11,11],[10,11],[10,10]]]");
    // One of each type, and one that it shares a part of its own dimension with.
    for (type_name, coordinates, sharing) in [
        ("Point", "[139.5,36.5]", None),
        (
            "MultiPoint",
            "[[139.5,36.5],[139.6,36.5]]",
            Some("[[139.6,36.5],[139.7,36.5]]"),
        ),
        (
            "LineString",
            "[[139.5,36.5],[139.7,36.5]]",
            Some("[[139.6,36.5],[139.8,36.5]]"),
        ),
        (
            "MultiLineString",
            "[[[139.5,36.5],[139.7,36.5]],[[139.1,36.1],[139.2,36.1]]]",
            Some("[[[139.6,36.5],[139.8,36.5]]]"),
        ),
        (
            "Polygon",
            "[[[139.5,36.5],[139.7,36.5],[139.7,36.7],[139.5,36.5]]]",
            Some("[[[139.6,36.5],[139.8,36.5],[139.8,36.7],[139.6,36.5]]]"),
        ),
        (
            "MultiPolygon",
            "[[[[139.5,36.5],[139.7,36.5],[139.7,36.7],[139.5,36.5]]]]",
            Some("[[[[139.6,36.5],[139.8,36.5],[139.8,36.7],[139.6,36.5]]]]"),
        ),
    ] {
        let one = geometry(type_name, coordinates);
        for (relation, target, reference, expected) in [
            (Within, &one, &around, true),
            (Within, &one, &elsewhere, false),
            (Contains, &around, &one, true),
            (Contains, &elsewhere, &one, false),
            (Intersects, &one, &around, true),
            (Intersects, &one, &elsewhere, false),
            (Disjoint, &one, &elsewhere, true),
            (Disjoint, &one, &around, false),
            (Equals, &one, &one, true),
            (Equals, &one, &around, false),
            (Overlaps, &one, &one, false),
            (Overlaps, &one, &elsewhere, false),
            (near, &one, &around, true),
            (near, &one, &elsewhere, false),
            (far, &one, &elsewhere, true),
            (far, &one, &around, false),
        ] {
            assert_eq!(
                stands(relation, target, reference),
                expected,
                "{type_name} {relation:?}"
            );
        }
        if let Some(sharing) = sharing {
            let sharing = geometry(type_name, sharing);
            assert!(stands(Overlaps, &one, &sharing), "{type_name}");
            assert!(!stands(Equals, &one, &sharing), "{type_name}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    //= 4.10-3
    fn near_is_decided_by_the_distance(
        a in (-180.0..=180.0_f64, -90.0..=90.0_f64),
        b in (-180.0..=180.0_f64, -90.0..=90.0_f64),
        // Both far apart and close together.
        shrink in prop::sample::select(vec![1.0, 1e-2, 1e-5, 0.0]),
        share in 0.99..1.01_f64,
        bounds in 1..4_u8,
    ) {
        let (a_point, b_point) = (
            Geometry::point(a.0, a.1).unwrap(),
            Geometry::point(a.0 + (b.0 - a.0) * shrink, a.1 + (b.1 - a.1) * shrink).unwrap(),
        );
        let distance = distance_metres(&a_point, &b_point);
        let limit = (distance * share).max(0.001);
        let (min, max) = ((bounds & 1 > 0).then_some(limit * 0.995), (bounds & 2 > 0).then_some(limit));
        let expected = max.is_none_or(|max| distance <= max) && min.is_none_or(|min| distance > min);
        prop_assert_eq!(stands(GeoRelation::Near { min, max }, &a_point, &b_point), expected);
    }
}

/// Geometries on a small grid: rings that cross themselves, lines that fold back, and equal positions abound.
pub(super) fn any_geometry() -> impl Strategy<Value = Geometry> {
    let position = || (0..4_i8, 0..4_i8).prop_map(|(x, y)| Position::new(x.into(), y.into()));
    let ring = move || {
        prop::collection::vec(position(), 3..7).prop_map(|mut ring| {
            ring.push(ring[0]);
            ring
        })
    };
    let line = move || prop::collection::vec(position(), 2..5);
    prop_oneof![
        position().prop_map(Geometry::Point),
        prop::collection::vec(position(), 1..4).prop_map(Geometry::MultiPoint),
        line().prop_map(Geometry::LineString),
        prop::collection::vec(line(), 1..3).prop_map(Geometry::MultiLineString),
        prop::collection::vec(ring(), 1..3).prop_map(Geometry::Polygon),
        prop::collection::vec(prop::collection::vec(ring(), 1..3), 1..3).prop_map(Geometry::MultiPolygon),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn no_geometry_makes_a_relation_panic(target in any_geometry(), reference in any_geometry()) {
        use GeoRelation::{Contains, Disjoint, Equals, Intersects, Overlaps, Within};
        for relation in [Within, Contains, Intersects, Equals, Disjoint, Overlaps] {
            stands(relation, &target, &reference);
        }
        prop_assert!(distance_metres(&target, &reference).is_finite());
    }
}
