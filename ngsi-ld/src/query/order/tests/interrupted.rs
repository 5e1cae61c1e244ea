//! Ordering with others having their turn: what is found is the same.

use std::task::Poll;

use proptest::prelude::*;

use super::{any_value, named, try_read};
use crate::Entity;
use crate::entity::{AttributeValue, Geometry, Instance, Position};
use crate::query::{Ordering, OrderingKey, Steps};

/// The key, and how often it was interrupted.
fn key(ordering: &Ordering, entity: &Entity, steps: usize) -> (OrderingKey, usize) {
    let mut evaluation = ordering.begin_key(entity);
    let mut turns = 0;
    loop {
        let mut given = Steps::new(steps);
        if let Poll::Ready(key) = evaluation.advance(&mut given) {
            return (key, turns);
        }
        assert!(given.are_spent(), "it stopped with steps to spare");
        turns += 1;
    }
}

/// The ids of entities in order, and how often bringing them there was interrupted.
fn sorted(ordering: &Ordering, entities: &[Entity], steps: usize) -> (Vec<String>, usize) {
    let keyed = entities
        .iter()
        .map(|entity| (ordering.key(entity), entity.id.as_str().to_owned()))
        .collect();
    let mut sorting = ordering.begin_sort(keyed);
    let mut turns = 0;
    loop {
        let mut given = Steps::new(steps);
        if let Poll::Ready(ids) = sorting.advance(&mut given) {
            return (ids, turns);
        }
        assert!(given.are_spent(), "it stopped with steps to spare");
        turns += 1;
    }
}

fn line(from: f64, positions: usize) -> Instance {
    let position = |number| Position::new(from + number as f64 * 0.001, 36.0 + (number % 7) as f64 * 0.001);
    let line = Geometry::LineString((0..positions).map(position).collect());
    Instance::new(AttributeValue::GeoProperty(Box::new(line)))
}

proptest! {
    #[test]
    fn what_is_interrupted_comes_in_the_same_order(
        values in prop::collection::vec((any_value(), any_value()), 0..40),
        direction in 0..4_usize,
        steps in 1..20_usize,
    ) {
        let direction = ["asc", "desc", "dist-asc", "dist-desc"][direction];
        let ordering = try_read(&format!("x;{direction},y"), Some("[[8,40],[9,41]]"), Some("LineString"), None).unwrap();
        let entities: Vec<Entity> = values
            .into_iter()
            .enumerate()
            .map(|(index, (x, y))| {
                let attributes = [("x", x), ("y", y)].into_iter();
                let attributes = attributes.filter_map(|(name, value)| Some((name, value?)));
                // Some have the same id: they stay as they stood.
                named(&(index % 30).to_string(), attributes)
            })
            .collect();
        let mut expected: Vec<(OrderingKey, usize)> = entities.iter().map(|entity| ordering.key(entity)).zip(0..).collect();
        expected.sort_by(|(a, _), (b, _)| ordering.compare(a, b));
        let expected: Vec<&str> = expected.iter().map(|(_, place)| entities[*place].id.as_str()).collect();
        prop_assert_eq!(&sorted(&ordering, &entities, steps).0, &expected);
        let found = ordering.sort(entities.clone());
        prop_assert_eq!(found.iter().map(|entity| entity.id.as_str()).collect::<Vec<_>>(), expected);
        for entity in &entities {
            let (whole, interrupted) = (ordering.key(entity), key(&ordering, entity, steps).0);
            prop_assert!(ordering.compare(&whole, &interrupted).is_eq());
        }
    }
}

#[test]
fn measuring_a_distance_can_be_interrupted() {
    let from: Vec<String> = (0..500)
        .map(|number| format!("[{},36.5]", 139.0 + f64::from(number) * 0.001))
        .collect();
    let from = format!("[{}]", from.join(","));
    let ordering = try_read("x;dist-asc", Some(&from), Some("LineString"), None).unwrap();
    let (near, far) = (
        named("near", [("x", line(139.0, 500))]),
        named("far", [("x", line(150.0, 500))]),
    );
    let (near_key, turns) = key(&ordering, &near, 10);
    assert!(turns > 10, "{turns}");
    let (far_key, _) = key(&ordering, &far, 10);
    assert!(ordering.compare(&near_key, &far_key).is_lt());
    assert!(ordering.compare(&near_key, &ordering.key(&near)).is_eq());
}

#[test]
fn sorting_is_no_single_piece_and_what_stands_in_order_costs_little() {
    let ordering = try_read("x", None, None, Some("ja")).unwrap();
    let named = |number: usize| {
        named(
            &format!("{number:05}"),
            [(
                "x",
                crate::query::fixture::property(format!("名前{number:05}").as_str()),
            )],
        )
    };
    let sorted_already: Vec<Entity> = (0..2_000).map(named).collect();
    let turned: Vec<Entity> = (0..2_000).map(|number| named(number * 7 % 2_000)).collect();
    let (ids, turns) = sorted(&ordering, &turned, 10);
    assert!(ids.is_sorted());
    assert!(turns > 1_000, "{turns}");
    let (ids, fewer) = sorted(&ordering, &sorted_already, 10);
    assert!(ids.is_sorted());
    assert!(fewer * 3 < turns, "{fewer} {turns}");
}

#[test]
fn long_texts_take_more_steps() {
    const GIVEN: usize = 1_000_000;
    let ordering = try_read("x", None, None, None).unwrap();
    let taken = |length: usize| {
        let key = |end: &str| {
            let text = "あ".repeat(length) + end;
            ordering.key(&named(end, [("x", crate::query::fixture::property(text.as_str()))]))
        };
        let mut steps = Steps::new(GIVEN);
        let sorted = ordering
            .begin_sort(vec![(key("b"), 1), (key("a"), 0)])
            .advance(&mut steps);
        assert_eq!(sorted, Poll::Ready(vec![0, 1]));
        GIVEN - steps.left()
    };
    assert!(taken(10_000) > taken(1) + 100);
}
