//! What comparing costs: counted in steps, which are the same on every machine.

use std::f64::consts::TAU;

use super::{at, metres, query};
use crate::Entity;
use crate::entity::{AttributeValue, Geometry, Instance, Position};
use crate::query::geometry::{Asked, TooComplex};
use crate::query::{Area, Complexity, GeoQuery, GeoRelation, ReferenceGeometry, Steps};
use std::task::Poll;

use crate::query::fixture::attribute;

const NEAR: GeoRelation = GeoRelation::Near {
    min: None,
    max: Some(500.0),
};

/// A ring that goes in and out a little, as boundaries do.
fn outline(positions: usize) -> Vec<Position> {
    let step = TAU / positions as f64;
    let mut ring: Vec<Position> = (0..positions)
        .map(|number| {
            let (angle, radius) = (number as f64 * step, 0.2 + 0.002 * (number as f64 * 1.7).sin());
            Position::new(139.5 + radius * angle.cos(), 36.5 + radius * angle.sin())
        })
        .collect();
    ring.push(ring[0]);
    ring
}

fn route(positions: usize) -> Geometry {
    let position = |number| {
        let along = number as f64 / positions as f64;
        Position::new(139.3 + 0.4 * along, 36.5 + 0.05 * (along * 20.0).sin())
    };
    Geometry::LineString((0..positions).map(position).collect())
}

/// Long lines beside each other, each across all that there is.
fn zigzag(lines: usize, shift: f64) -> Vec<Position> {
    let position = |number: usize| {
        let along = number as f64 / lines as f64 * 0.01 + shift;
        let side = (number % 2) as f64;
        Position::new(139.0 + side + along, 36.0 + side - along)
    };
    (0..lines).map(position).collect()
}

/// The steps that it takes to decide, and what is decided.
fn steps(query: &GeoQuery, target: &Entity) -> (Result<bool, TooComplex>, usize) {
    const GIVEN: usize = usize::MAX / 8;
    let mut steps = Steps::new(GIVEN);
    match query.begin(target).advance(&mut steps) {
        Poll::Ready(result) => (result, GIVEN - steps.left()),
        Poll::Pending => panic!("it needs more steps than there are"),
    }
}

#[test]
fn what_is_far_away_costs_one_comparison_of_boxes() {
    let far = at(&route(200));
    for (relation, expected) in [
        (NEAR, false),
        (GeoRelation::Within, false),
        (GeoRelation::Disjoint, true),
    ] {
        let costs = [10, 10_000].map(|positions| {
            let elsewhere = outline(positions)
                .into_iter()
                .map(|position| Position::new(position.longitude - 5.0, position.latitude));
            let query = query(relation, &Geometry::Polygon(vec![elsewhere.collect()]).into());
            let (matches, steps) = steps(&query, &far);
            assert_eq!(matches, Ok(expected), "{relation:?}");
            steps
        });
        assert_eq!(costs[0], costs[1], "{relation:?}");
        // 200 positions are looked at.
        assert!(costs[0] < 20, "{relation:?} {costs:?}");
    }
}

#[test]
fn a_point_costs_little_however_long_the_boundary_is() {
    let boundary = ReferenceGeometry::from(Geometry::Polygon(vec![outline(10_000)]));
    let line = ReferenceGeometry::from(route(10_000));
    let mut most = 0;
    for number in 0..100 {
        let place = Geometry::point(
            139.3 + 0.004 * f64::from(number),
            36.31 + 0.003 * f64::from(number % 60),
        )
        .unwrap();
        for relation in [NEAR, GeoRelation::Within, GeoRelation::Intersects] {
            for reference in [&boundary, &line] {
                let (matches, steps) = steps(&query(relation, reference), &at(&place));
                assert!(matches.is_ok());
                most = most.max(steps);
            }
        }
    }
    assert!(most < 200, "{most}");
}

#[test]
fn two_long_lines_cost_their_sum_and_not_their_product() {
    let reference = ReferenceGeometry::from(route(10_000));
    let beside: Vec<Position> = route(10_000)
        .positions()
        .into_iter()
        .map(|position| Position::new(position.longitude, position.latitude + 0.01))
        .collect();
    let target = Geometry::LineString(beside);
    let near = |max| GeoRelation::Near {
        min: None,
        max: Some(max),
    };
    let metres = metres(&target, &reference, Asked::Geodesic);
    assert!((100.0..1_200.0).contains(&metres), "{metres}");
    for max in [metres - 0.1, metres + 0.1] {
        let (matches, steps) = steps(&query(near(max), &reference), &at(&target));
        assert_eq!(matches, Ok(max > metres));
        assert!(steps < 20 * (10_000 + 10_000), "{steps}");
    }
    // The first pair that is surely near enough ends it.
    let (matches, steps) = steps(&query(near(100_000.0), &reference), &at(&target));
    assert_eq!(matches, Ok(true));
    assert!(steps < 500, "{steps}");
}

#[test]
fn a_pair_without_end_can_be_left_at_any_time() {
    // No box tells which of these lines is the nearest.
    let reference = ReferenceGeometry::from(Geometry::LineString(zigzag(5_000, 0.0)));
    let target = at(&Geometry::LineString(zigzag(5_000, 0.000_001)));
    for relation in [
        GeoRelation::Near {
            min: Some(1e6),
            max: None,
        },
        GeoRelation::Within,
    ] {
        let query = query(relation, &reference);
        let mut evaluation = query.begin(&target);
        for _ in 0..3 {
            let mut steps = Steps::new(100);
            match evaluation.advance(&mut steps) {
                Poll::Pending => assert!(steps.are_spent()),
                Poll::Ready(_) => break,
            }
        }
    }
    // A circle around the target: all are equally near.
    let circle: Vec<Position> = (0..5_000)
        .map(|number| {
            let angle = f64::from(number) * TAU / 5_000.0;
            Position::new(10.0 + angle.cos(), angle.sin())
        })
        .collect();
    let around = ReferenceGeometry::from(Geometry::LineString(circle));
    let query = query(
        GeoRelation::Near {
            min: Some(111_000.0),
            max: None,
        },
        &around,
    );
    let center = at(&Geometry::point(10.0, 0.0).unwrap());
    let mut evaluation = query.begin(&center);
    let mut turns = 0;
    let result = loop {
        turns += 1;
        if let Poll::Ready(result) = evaluation.advance(&mut Steps::new(50)) {
            break result;
        }
    };
    assert_eq!(result, Ok(false));
    assert!(turns > 3, "{turns}");
}

#[test]
fn what_touches_in_too_many_places_is_too_complex_and_never_guessed() {
    let apart = vec![Position::new(150.0, 40.0), Position::new(151.0, 41.0)];
    let reference = Geometry::MultiLineString(vec![zigzag(2_000, 0.0), apart.clone()]);
    let reference = ReferenceGeometry::from(reference);
    let tangled = Geometry::LineString(zigzag(2_000, 0.000_001));
    for relation in [
        GeoRelation::Within,
        GeoRelation::Contains,
        GeoRelation::Overlaps,
        GeoRelation::Equals,
    ] {
        let query = query(relation, &reference);
        let (result, steps) = steps(&query, &at(&tangled));
        assert_eq!(result, Err(TooComplex), "{relation:?}");
        // Most of all pairs were not looked at.
        assert!(steps < 1_000_000, "{relation:?} {steps}");
        assert!(!query.matches(&at(&tangled)));
    }
    assert_eq!(
        steps(&query(GeoRelation::Intersects, &reference), &at(&tangled)).0,
        Ok(true)
    );
    // Another instance may decide.
    let within = query(GeoRelation::Within, &reference);
    let mut several = at(&tangled);
    let places = |geometry: Geometry| Instance::new(AttributeValue::GeoProperty(Box::new(geometry)));
    several.attributes[0]
        .instances
        .push(places(Geometry::point(0.0, 0.0).unwrap()));
    assert_eq!(steps(&within, &several).0, Err(TooComplex));
    several.attributes[0]
        .instances
        .push(places(Geometry::LineString(apart)));
    assert_eq!(steps(&within, &several).0, Ok(true));
}

#[test]
fn large_boundaries_that_touch_are_told_apart_where_boxes_or_lines_do() {
    let boundary = outline(10_000);
    let reference = ReferenceGeometry::from(Geometry::Polygon(vec![boundary.clone()]));
    // The same boundary, begun elsewhere and gone around the other way.
    let mut turned = boundary.clone();
    turned.pop();
    turned.rotate_left(1234);
    turned.reverse();
    turned.push(turned[0]);
    let turned = at(&Geometry::Polygon(vec![turned]));
    // A prefecture that has half of it, and goes on far away.
    let mut beyond: Vec<Position> = boundary.iter().take(5_000).copied().collect();
    beyond.extend((0..50_000).map(|number| Position::new(139.3 - f64::from(number) * 1e-5, 36.4)));
    beyond.extend([Position::new(138.8, 36.9), Position::new(139.7, 36.9), boundary[0]]);
    let prefecture = at(&Geometry::Polygon(vec![beyond]));
    for (target, relation, expected) in [
        (&turned, GeoRelation::Within, true),
        (&turned, GeoRelation::Contains, true),
        (&turned, GeoRelation::Equals, true),
        (&turned, GeoRelation::Overlaps, false),
        (&prefecture, GeoRelation::Within, false),
        (&prefecture, GeoRelation::Equals, false),
        (&prefecture, GeoRelation::Contains, false),
    ] {
        assert_eq!(
            steps(&query(relation, &reference), target).0,
            Ok(expected),
            "{relation:?}"
        );
    }
}

#[test]
fn a_contact_that_was_not_reached_is_not_taken_for_none() {
    let reference = ReferenceGeometry::from(Geometry::LineString(zigzag(1_000, 0.0)));
    // Beside all lines of the reference, whose boxes it meets, and then along the first of them.
    let shared = reference.positions().into_iter().take(2).collect();
    let target = Geometry::MultiLineString(vec![zigzag(1_000, 0.02), shared]);
    for relation in [GeoRelation::Overlaps, GeoRelation::Within] {
        let query = query(relation, &reference);
        assert_eq!(steps(&query, &at(&target)).0, Err(TooComplex), "{relation:?}");
    }
    assert_eq!(
        steps(&query(GeoRelation::Intersects, &reference), &at(&target)).0,
        Ok(true)
    );
}

#[test]
fn a_permit_is_too_complex_only_where_no_instance_leads_out() {
    let positions: Vec<String> = outline(30_000)
        .iter()
        .map(|position| format!("[{},{}]", position.longitude, position.latitude))
        .collect();
    let json = |positions: String| format!(r#"{{"type":"Polygon","coordinates":[[{positions}]]}}"#);
    let area = Area::parse(&json(positions.join(","))).unwrap();
    let location = attribute("location");
    // Nearly all of the boundary is its own.
    let last = positions.len() - 1;
    let others = positions.into_iter().enumerate();
    let others: Vec<String> = others
        .filter(|(place, _)| place % 10 != 5 || *place == last)
        .map(|(_, text)| text)
        .collect();
    let mut tangled = at(&Geometry::parse(&json(others.join(","))).unwrap());
    let advance = |entity: &Entity| area.begin(entity, &location).advance(&mut Steps::unbounded());
    assert_eq!(advance(&tangled), Poll::Ready(Err(TooComplex)));
    assert!(!area.encloses(&tangled, &location));
    let elsewhere = Instance::new(AttributeValue::GeoProperty(Box::new(
        Geometry::point(0.0, 0.0).unwrap(),
    )));
    tangled.attributes[0].instances.push(elsewhere);
    assert_eq!(advance(&tangled), Poll::Ready(Ok(false)));
}

#[test]
fn copies_of_a_question_share_what_was_made_ready() {
    let one = query(NEAR, &route(100).into());
    let copy = one.clone();
    assert!(std::ptr::eq(one.geometry.index(), copy.geometry.index()));
}

/// Steps that no question of a municipality needs and that take a minute.
const UNTHINKABLE: usize = 600_000_000;

#[test]
fn what_is_estimated_allows_what_is_asked_and_not_what_is_made_to_hurt() {
    let estimate = |relation, reference: Geometry| query(relation, &reference.into()).complexity();
    let outline = || Geometry::Polygon(vec![outline(10_000)]);
    let honest: [(&str, Complexity); 5] = [
        ("within an outline", estimate(GeoRelation::Within, outline())),
        ("intersecting an outline", estimate(GeoRelation::Intersects, outline())),
        ("near an outline", estimate(NEAR, outline())),
        ("near a route", estimate(NEAR, route(1_000))),
        ("near a point", estimate(NEAR, Geometry::point(139.5, 36.5).unwrap())),
    ];
    for (name, complexity) in honest {
        // As many points as one request may look through of a source: a second.
        let steps = complexity.steps(100_000, 100_000);
        assert!(steps < 10_000_000, "{name} {steps} {complexity:?}");
    }
    // Positions of one digit: 64 KiB hold 10,920 of them.
    let digits: Vec<Position> = (0..10_920_u32)
        .map(|number| Position::new(f64::from(number * 7 % 10), f64::from(number * number % 9)))
        .collect();
    let mut with_far_position = digits.clone();
    with_far_position.push(Position::new(170.0, 80.0));
    for (name, reference) in [
        ("digits", Geometry::LineString(digits)),
        ("digits and a far position", Geometry::LineString(with_far_position)),
        ("lines beside each other", Geometry::LineString(zigzag(6_000, 0.0))),
    ] {
        let complexity = estimate(NEAR, reference);
        // 200 entities of 200 positions, and as many as one request may look through.
        assert!(complexity.steps(200, 40_000) > 20_000_000, "{name} {complexity:?}");
        assert!(
            complexity.steps(100_000, 1_000_000) > UNTHINKABLE,
            "{name} {complexity:?}"
        );
    }
}
