//! Relations and distances against the naive model, interrupted at every step and not.

mod generated;
mod naive;

use std::task::Poll;

use proptest::prelude::*;

use self::generated::pairs;
use super::{Asked, Found, Nearest, TooComplex};
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

/// What the evaluation finds when it is interrupted again and again, and how many steps it took.
fn interrupted(query: &GeoQuery, target: &Entity, steps: usize) -> (Result<bool, TooComplex>, usize) {
    let mut evaluation = query.begin(target);
    for turn in 1.. {
        let mut given = Steps::new(steps);
        if let Poll::Ready(result) = evaluation.advance(&mut given) {
            return (result, turn * steps);
        }
        assert!(given.are_spent(), "it stopped with steps to spare");
    }
    unreachable!()
}

fn metres(target: &Geometry, reference: &ReferenceGeometry, asked: Asked) -> f64 {
    let mut nearest = Nearest::new(target, reference.index(), asked);
    match nearest.advance(&mut Steps::unbounded()) {
        Poll::Ready(Found::Metres(metres)) => metres,
        other => panic!("{other:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(std::env::var("KAKEHASHI_GEOMETRY_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(2000)))]

    #[test]
    fn every_relation_is_that_of_the_naive_model((target, reference) in pairs()) {
        let (sought, prepared) = (at(&target), ReferenceGeometry::from(reference.clone()));
        for relation in RELATIONS {
            let expected = naive::holds(relation, &target, &reference);
            let query = query(relation, &prepared);
            prop_assert_eq!(interrupted(&query, &sought, 1).0, Ok(expected), "{:?}", relation);
            prop_assert_eq!(query.matches(&sought), expected, "{:?}", relation);
        }
    }

    #[test]
    fn distances_are_those_of_the_naive_model((target, reference) in pairs(), share in 0.5..1.5_f64) {
        let (sought, prepared) = (at(&target), ReferenceGeometry::from(reference.clone()));
        let expected = naive::distance_metres(&target, &reference);
        prop_assert_eq!(metres(&target, &prepared, Asked::Geodesic), expected);
        prop_assert_eq!(metres(&target, &prepared, Asked::Haversine), naive::haversine_metres(&target, &reference));
        for (min, max) in [
            (None, Some(expected)), (None, Some(expected * share)), (None, Some(expected + share)), (None, Some(share)),
            (Some(expected), None), (Some(expected * share), None), (Some(expected - share), None), (Some(share), None),
            (Some(expected * 0.8), Some(expected * 1.2)), (Some(expected), Some(expected * 1.01)),
            (Some(expected - share), Some(expected + share)), (Some(expected + share), Some(expected + 2.0 * share)),
        ] {
            if min.or(max).is_some_and(|metres| metres <= 0.0) {
                continue;
            }
            let relation = GeoRelation::Near { min, max };
            let query = query(relation, &prepared);
            let expected = naive::holds(relation, &target, &reference);
            prop_assert_eq!(query.matches(&sought), expected, "{:?}", relation);
            prop_assert_eq!(interrupted(&query, &sought, 1).0, Ok(expected), "{:?}", relation);
        }
    }
}

#[test]
#[ignore]
fn zz_survey() {
    use proptest::strategy::ValueTree;
    use std::collections::BTreeMap;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut counts: BTreeMap<String, (usize, String)> = BTreeMap::new();
    let n: usize = std::env::var("N").map_or(20000, |n| n.parse().unwrap());
    for _ in 0..n {
        let (target, reference) = pairs().new_tree(&mut runner).unwrap().current();
        let (sought, prepared) = (at(&target), ReferenceGeometry::from(reference.clone()));
        for relation in RELATIONS {
            let expected = naive::holds(relation, &target, &reference);
            let found = query(relation, &prepared).matches(&sought);
            if expected != found {
                let key = format!(
                    "{relation:?} {} {} expected {expected}",
                    target.type_name(),
                    reference.type_name()
                );
                let shown = format!("{} | {}", target.to_geo_text(), reference.to_geo_text());
                let entry = counts.entry(key).or_insert((0, shown.clone()));
                entry.0 += 1;
                if shown.len() < entry.1.len() {
                    entry.1 = shown;
                }
            }
        }
    }
    for (key, (count, shown)) in counts {
        println!("{count} {key}: {shown}");
    }
}
impl Geometry {
    fn to_geo_text(&self) -> String {
        let t: Vec<String> = self
            .parts()
            .map(|p| {
                format!(
                    "{:?}{}",
                    p.role,
                    p.positions
                        .iter()
                        .map(|p| format!("{} {}", p.longitude, p.latitude))
                        .collect::<Vec<_>>()
                        .join(",")
                )
            })
            .collect();
        t.join(" / ")
    }
}
