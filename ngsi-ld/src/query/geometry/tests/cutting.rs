//! What is cut short around a box is, near the box, what it was.

use std::f64::consts::TAU;

use geo::coordinate_position::coord_pos_relative_to_ring;
use geo::winding_order::Winding;
use geo::{Coord, Intersects, Line, LineString, Rect};
use proptest::prelude::*;

use super::super::bounds::Bounds;
use super::super::exact::cut_part;
use super::super::shape::Collapse;
use crate::entity::Role;

/// A ring of any positions, around and in the box from 3 to 6 and from 3 to 5.
fn any_ring() -> impl Strategy<Value = Vec<Coord<f64>>> {
    let position = (0..10_u8, 0..10_u8).prop_map(|(x, y)| Coord {
        x: x.into(),
        y: y.into(),
    });
    prop::collection::vec(position, 3..40)
}

/// A band that winds around the box several times.
fn spiral() -> impl Strategy<Value = Vec<Coord<f64>>> {
    (1..4_u8, 5..30_usize, 0.0..TAU, any::<bool>()).prop_map(|(turns, of_a_turn, start, is_backwards)| {
        let positions = usize::from(turns) * of_a_turn;
        let at = |number: usize, out: f64| {
            let along = number as f64 / of_a_turn as f64;
            let (angle, radius) = (start + along * TAU, 0.5 + along * 1.5 + out);
            Coord {
                x: 4.5 + radius * angle.cos(),
                y: 4.0 + radius * angle.sin(),
            }
        };
        let inner = (0..=positions).map(|number| at(number, 0.0));
        let mut ring: Vec<Coord<f64>> = inner
            .chain((0..=positions).rev().map(|number| at(number, 0.5)))
            .collect();
        if is_backwards {
            ring.reverse();
        }
        ring
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn rings_go_around_the_same_places_of_the_box(
        ring in prop_oneof![any_ring(), spiral()],
        places in prop::collection::vec((3.0..=6.0_f64, 3.0..=5.0_f64), 10),
    ) {
        let mut ring = ring;
        ring.push(ring[0]);
        let mut collapse = Collapse::default();
        ring.iter().for_each(|position| collapse.add(*position));
        // Those are compared as they are.
        prop_assume!(!collapse.is_collapsed(Role::Shell));
        let around = Bounds { west: 3.0, south: 3.0, east: 6.0, north: 5.0 };
        let cut = LineString(cut_part(Role::Shell, ring.clone(), &around));
        let ring = LineString(ring);
        prop_assert!(cut.0.len() <= ring.0.len());
        prop_assert!(cut.0.is_empty() || cut.is_closed());
        for (x, y) in places {
            let place = Coord { x, y };
            prop_assert_eq!(coord_pos_relative_to_ring(place, &cut), coord_pos_relative_to_ring(place, &ring));
        }
        let rect = Rect::new((3.0, 3.0), (6.0, 5.0));
        let at_the_box = |line: &LineString<f64>| -> Vec<Line<f64>> {
            line.lines().filter(|line| line.start != line.end && line.intersects(&rect)).collect()
        };
        prop_assert_eq!(at_the_box(&cut), at_the_box(&ring));
        if !cut.0.is_empty() {
            prop_assert_eq!(cut.winding_order(), ring.winding_order());
        }
    }

    #[test]
    fn lines_keep_their_ends_and_what_is_at_the_box(line in any_ring()) {
        let around = Bounds { west: 3.0, south: 3.0, east: 6.0, north: 5.0 };
        let cut = LineString(cut_part(Role::Line, line.clone(), &around));
        let line = LineString(line);
        prop_assert_eq!((cut.0.first(), cut.0.last()), (line.0.first(), line.0.last()));
        let rect = Rect::new((3.0, 3.0), (6.0, 5.0));
        let at_the_box = |line: &LineString<f64>| -> Vec<Line<f64>> {
            line.lines().filter(|line| line.start != line.end && line.intersects(&rect)).collect()
        };
        prop_assert_eq!(at_the_box(&cut), at_the_box(&line));
    }
}
