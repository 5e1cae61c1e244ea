//! Pairs of geometries as sources and consumers send them, and as nobody would.

use std::f64::consts::TAU;

use geo::coordinate_position::CoordPos;
use geo::dimensions::Dimensions;
use geo::{Relate, Validation};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::entity::{Geometry, Position};

/// Where positions are taken from.
#[derive(Debug, Clone, Copy)]
enum World {
    /// A few whole numbers: everything touches everything.
    Grid,
    /// Some kilometres of a city.
    City,
    /// Both sides of the antimeridian.
    Antimeridian,
    /// Around a pole.
    Pole,
    Globe,
}

fn position(world: World) -> BoxedStrategy<Position> {
    let within = |(longitude, latitude)| Position::new(longitude, latitude);
    match world {
        World::Grid => (0..7_i8, 0..7_i8)
            .prop_map(|(x, y)| Position::new(x.into(), y.into()))
            .boxed(),
        World::City => (139.5..139.52_f64, 36.3..36.32_f64).prop_map(within).boxed(),
        World::Antimeridian => (
            prop_oneof![179.0..=180.0_f64, -180.0..=-179.0_f64, Just(180.0), Just(-180.0)],
            select(vec![-1.0, -0.5, 0.0, 0.5, 1.0]),
        )
            .prop_map(within)
            .boxed(),
        World::Pole => (
            select(vec![-180.0, -90.0, -1.0, 0.0, 45.0, 90.0, 179.0, 180.0]),
            select(vec![90.0, 89.999, 89.0, 85.0]),
        )
            .prop_map(within)
            .boxed(),
        World::Globe => (-180.0..=180.0_f64, -90.0..=90.0_f64).prop_map(within).boxed(),
    }
}

/// A ring of any positions: most cross themselves, some have no inside.
fn any_ring(world: World) -> impl Strategy<Value = Vec<Position>> {
    vec(position(world), 3..7).prop_map(|mut ring| {
        ring.push(ring[0]);
        ring
    })
}

/// A ring around a center that does not cross itself, of more positions than one run has.
fn round_ring(world: World) -> impl Strategy<Value = Vec<Position>> {
    let reach = match world {
        World::Grid => 3.0,
        World::City => 0.01,
        World::Antimeridian | World::Pole => 0.5,
        World::Globe => 20.0,
    };
    let bounded =
        |longitude: f64, latitude: f64| Position::new(longitude.clamp(-180.0, 180.0), latitude.clamp(-90.0, 90.0));
    (position(world), vec(0.2..1.0_f64, 5..40), any::<bool>(), any::<bool>()).prop_map(
        move |(center, radii, is_clockwise, is_whole)| {
            let step = TAU / radii.len() as f64;
            let mut ring: Vec<Position> = radii
                .iter()
                .enumerate()
                .map(|(number, radius)| {
                    let (angle, radius) = (number as f64 * step, radius * reach);
                    let (x, y) = (radius * angle.cos(), radius * angle.sin());
                    let (x, y) = if is_whole && reach > 1.0 {
                        (x.round(), y.round())
                    } else {
                        (x, y)
                    };
                    bounded(center.longitude + x, center.latitude + y)
                })
                .collect();
            if is_clockwise {
                ring.reverse();
            }
            ring.push(ring[0]);
            ring
        },
    )
}

/// A polygon with a hole that is like its shell, but smaller.
fn holed(world: World) -> impl Strategy<Value = Vec<Vec<Position>>> {
    round_ring(world).prop_map(|shell| {
        let len = (shell.len() - 1) as f64;
        let (x, y) = shell.iter().skip(1).fold((0.0, 0.0), |(x, y), position| {
            (x + position.longitude / len, y + position.latitude / len)
        });
        let shrink = |position: &Position| {
            let between = |from: f64, to: f64| from + (to - from) * 0.5;
            Position::new(between(x, position.longitude), between(y, position.latitude))
        };
        let hole = shell.iter().map(shrink).collect();
        vec![shell, hole]
    })
}

fn polygon(world: World) -> BoxedStrategy<Vec<Vec<Position>>> {
    prop_oneof![
        2 => any_ring(world).prop_map(|ring| vec![ring]),
        3 => round_ring(world).prop_map(|ring| vec![ring]),
        2 => holed(world),
        1 => (any_ring(world), any_ring(world)).prop_map(|(shell, hole)| vec![shell.clone(), clamped(hole, &shell)]),
    ]
    .boxed()
}

/// A ring that does not leave the box around another.
fn clamped(ring: Vec<Position>, within: &[Position]) -> Vec<Position> {
    let range = |of: fn(&Position) -> f64| {
        let values = within.iter().map(of);
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), value| {
            (least.min(value), most.max(value))
        })
    };
    let ((west, east), (south, north)) = (
        range(|position| position.longitude),
        range(|position| position.latitude),
    );
    let clamp = |position: Position| {
        Position::new(
            position.longitude.clamp(west, east),
            position.latitude.clamp(south, north),
        )
    };
    ring.into_iter().map(clamp).collect()
}

/// Polygons with few positions on the grid that share no inside, but edges, corners, and corners on edges.
fn tiles() -> impl Strategy<Value = Vec<Vec<Vec<Position>>>> {
    vec(vec(position(World::Grid), 3..5), 1..8).prop_map(|rings| {
        let mut tiles: Vec<Vec<Vec<Position>>> = Vec::new();
        for mut ring in rings {
            ring.push(ring[0]);
            let tile = Geometry::Polygon(vec![ring.clone()]).to_geo();
            let is_apart = |other: &Vec<Vec<Position>>| {
                let matrix = tile.relate(&Geometry::Polygon(other.clone()).to_geo());
                matrix.get(CoordPos::Inside, CoordPos::Inside) == Dimensions::Empty
            };
            if tile.is_valid() && tiles.iter().all(is_apart) {
                tiles.push(vec![ring]);
            }
        }
        tiles
    })
}

/// Rings around one center, one in the other, as areas with and without holes and as lines.
fn nested() -> impl Strategy<Value = Geometry> {
    let ring = |reach: u8| -> Vec<Position> {
        let reach = f64::from(reach);
        let corners = [(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0), (-1.0, -1.0)];
        corners.map(|(x, y)| Position::new(x * reach, y * reach)).to_vec()
    };
    (prop::collection::btree_set(1..9_u8, 1..6), 0..3_u8).prop_map(move |(reaches, form)| {
        let rings: Vec<Vec<Position>> = reaches.into_iter().rev().map(ring).collect();
        match form {
            0 => Geometry::MultiLineString(rings),
            1 => Geometry::Polygon(rings.into_iter().take(2).collect()),
            _ => Geometry::MultiPolygon(rings.chunks(2).map(<[_]>::to_vec).collect()),
        }
    })
}

fn line(world: World) -> BoxedStrategy<Vec<Position>> {
    prop_oneof![3 => vec(position(world), 2..5), 1 => vec(position(world), 2..30), 1 => any_ring(world)].boxed()
}

fn geometry(world: World) -> BoxedStrategy<Geometry> {
    prop_oneof![
        2 => position(world).prop_map(Geometry::Point),
        2 => vec(position(world), 1..12).prop_map(Geometry::MultiPoint),
        3 => line(world).prop_map(Geometry::LineString),
        2 => vec(line(world), 1..4).prop_map(Geometry::MultiLineString),
        4 => polygon(world).prop_map(Geometry::Polygon),
        3 => vec(polygon(world), 1..4).prop_map(Geometry::MultiPolygon),
    ]
    .boxed()
}

/// A target and a reference.
pub(super) fn pairs() -> impl Strategy<Value = (Geometry, Geometry)> {
    let worlds = prop_oneof![
        6 => Just(World::Grid),
        2 => Just(World::City),
        1 => Just(World::Antimeridian),
        1 => Just(World::Pole),
        1 => Just(World::Globe),
    ];
    let unlike = worlds.prop_flat_map(|world| {
        (geometry(world), geometry(world), vec(any::<bool>(), 60), 0..7_u8).prop_map(
            |(target, reference, chosen, likeness)| match likeness {
                0 => (reference.clone(), reference),
                1 => (backwards(&reference), reference),
                2 => (shifted(&reference), reference),
                3 => (positions_of(&reference, &chosen), reference),
                _ => (target, reference),
            },
        )
    });
    let tiled = tiles().prop_filter_map("no tile", |tiles| {
        (!tiles.is_empty()).then_some(Geometry::MultiPolygon(tiles))
    });
    let tiled = (
        geometry(World::Grid),
        tiled,
        any::<bool>(),
        vec(any::<bool>(), 60),
        0..4_u8,
    )
        .prop_map(|(other, tiled, is_target, chosen, likeness)| {
            let other = if likeness == 0 {
                positions_of(&tiled, &chosen)
            } else {
                other
            };
            if is_target { (tiled, other) } else { (other, tiled) }
        });
    prop_oneof![8 => unlike, 2 => tiled, 1 => (nested(), nested())]
}

/// Some positions of a geometry, as points.
fn positions_of(geometry: &Geometry, chosen: &[bool]) -> Geometry {
    let positions = geometry.positions();
    let some = positions.iter().zip(chosen).filter(|(_, chosen)| **chosen);
    let some: Vec<Position> = some.map(|(position, _)| *position).collect();
    Geometry::MultiPoint(if some.is_empty() { positions } else { some })
}

/// A large area, and something that has positions of its boundary and others.
pub(super) fn touching() -> impl Strategy<Value = (Geometry, Geometry)> {
    let radii = prop_oneof![vec(0.9..1.0_f64, 200..500), vec(0.3..1.0_f64, 6..20)];
    let ring = (radii, any::<bool>()).prop_map(|(radii, is_clockwise)| {
        let step = TAU / radii.len() as f64;
        let mut ring: Vec<Position> = radii
            .iter()
            .enumerate()
            .map(|(number, radius)| {
                let angle = number as f64 * step;
                Position::new(5.0 + radius * angle.cos(), 5.0 + radius * angle.sin())
            })
            .collect();
        if is_clockwise {
            ring.reverse();
        }
        ring.push(ring[0]);
        ring
    });
    (ring, 0.0..1.0_f64, 1..60_usize, 0.0..2.0_f64, 0..6_u8).prop_map(|(ring, from, len, depth, form)| {
        let from = ((ring.len() - 2) as f64 * from) as usize;
        let shared: Vec<Position> = ring.iter().cycle().skip(from).take(len + 1).copied().collect();
        // The apex lies inside below 1, and outside beyond.
        let middle = shared[shared.len() / 2];
        let between = |from: f64, to: f64| from + (to - from) * depth;
        let apex = Position::new(between(5.0, middle.longitude), between(5.0, middle.latitude));
        let mut sector = shared.clone();
        sector.extend([apex, shared[0]]);
        if sector.len() < 4 {
            sector.insert(1, middle);
        }
        let reference = Geometry::Polygon(vec![ring.clone()]);
        let target = match form {
            0 => Geometry::LineString(shared),
            1 => {
                let mut line = shared;
                line.push(apex);
                Geometry::LineString(line)
            }
            2 => Geometry::MultiPolygon(vec![vec![sector], vec![small_square()]]),
            3 => Geometry::Polygon(vec![ring.iter().rev().copied().collect()]),
            _ => Geometry::Polygon(vec![sector]),
        };
        (target, reference)
    })
}

fn small_square() -> Vec<Position> {
    let corners = [(5.0, 5.0), (5.001, 5.0), (5.001, 5.001), (5.0, 5.001), (5.0, 5.0)];
    corners.map(|(x, y)| Position::new(x, y)).to_vec()
}

fn each(geometry: &Geometry, change: &dyn Fn(&[Position]) -> Vec<Position>) -> Geometry {
    let lines = |lines: &[Vec<Position>]| lines.iter().map(|line| change(line)).collect::<Vec<_>>();
    match geometry {
        Geometry::Point(position) => Geometry::Point(change(&[*position])[0]),
        Geometry::MultiPoint(positions) => Geometry::MultiPoint(change(positions)),
        Geometry::LineString(positions) => Geometry::LineString(change(positions)),
        Geometry::MultiLineString(all) => Geometry::MultiLineString(lines(all)),
        Geometry::Polygon(rings) => Geometry::Polygon(lines(rings)),
        Geometry::MultiPolygon(all) => Geometry::MultiPolygon(all.iter().map(|rings| lines(rings)).collect()),
        Geometry::GeometryCollection(_) => {
            let members = geometry.members().iter().map(|one| each(one, change));
            Geometry::collected(members.collect()).unwrap()
        }
    }
}

fn backwards(geometry: &Geometry) -> Geometry {
    each(geometry, &|positions| positions.iter().rev().copied().collect())
}

fn shifted(geometry: &Geometry) -> Geometry {
    each(geometry, &|positions| {
        let shift = |position: &Position| Position::new((position.longitude + 1.0).min(180.0), position.latitude);
        positions.iter().map(shift).collect()
    })
}
