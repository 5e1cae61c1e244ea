//! How much of two areas lies outside of each other, where that can be said in a bounded time: cutting areas at their
//! crossings cannot be interrupted, so that what it will cost is counted before.

use geo::orient::Direction;
use geo::{BooleanOps, GeodesicArea, MultiPolygon, Orient, unary_union};

use super::Area;
use crate::query::TooComplex;

/// Most positions of two areas that are measured, of both together: twice the boundary of a prefecture before and after.
pub const MAX_MEASURED_POSITIONS: usize = 100_000;

/// Most pairs of lines of two areas whose boxes meet, so that they may cross. It is what measuring takes longest for: about
/// a microsecond for each. Boundaries that somebody has drawn again meet twice for each position; lines that run to and fro
/// across each other meet by the square of their number.
pub const MAX_MEETINGS: usize = 250_000;

/// Most pairs of lines that are looked at to count these: some 20 ms.
const MAX_PAIRS: usize = 4_000_000;

/// So many pairs that are looked at take as long as one position that is measured.
const PAIRS_OF_A_POSITION: usize = 16;

/// What lies outside of each other, in square metres on the ellipsoid.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Beyond {
    /// How much of the one lies outside of the other.
    pub of_one: f64,
    /// How much of the other lies outside of the one.
    pub of_other: f64,
}

/// A line with the box around it.
struct Boxed {
    from: (f64, f64),
    to: (f64, f64),
}

impl Area {
    /// How much of two areas lies outside of each other. `room`: how many positions and meetings of lines may be measured
    /// yet, of which this one takes its own, whether it can be said or not.
    ///
    /// # Errors
    /// [`TooComplex`]: they have too many positions, too many of their lines may cross, or there is no room.
    pub fn measured_against(&self, other: &Self, room: &mut usize) -> Result<Beyond, TooComplex> {
        let positions = self.positions() + other.positions();
        if positions > MAX_MEASURED_POSITIONS || positions > *room {
            return Err(TooComplex);
        }
        let (meetings, pairs) = meetings([&self.polygons, &other.polygons], (*room).min(MAX_MEETINGS));
        let cost = positions + meetings + pairs / PAIRS_OF_A_POSITION;
        let has_room = cost <= *room;
        *room = room.saturating_sub(cost);
        if meetings > MAX_MEETINGS || pairs > MAX_PAIRS || !has_room {
            return Err(TooComplex);
        }
        // Polygons that overlap each other are one.
        let (one, other) = (unary_union(&self.polygons), unary_union(&other.polygons));
        let beyond = |one: &MultiPolygon, other: &MultiPolygon| {
            let beyond = one.difference(other).orient(Direction::Default);
            beyond.geodesic_area_unsigned()
        };
        Ok(Beyond {
            of_one: beyond(&one, &other),
            of_other: beyond(&other, &one),
        })
    }

    fn positions(&self) -> usize {
        let rings = self.polygons.iter().flat_map(|polygon| {
            let holes = polygon.interiors().iter();
            std::iter::once(polygon.exterior()).chain(holes)
        });
        rings.map(|ring| ring.0.len()).sum()
    }
}

/// How many pairs of lines have boxes that meet, and how many pairs were looked at; counting ends beyond `most` or
/// [`MAX_PAIRS`]. Lines that have an end in common are no such pair: neighbours have, and boundaries that are the same.
fn meetings(areas: [&MultiPolygon; 2], most: usize) -> (usize, usize) {
    let polygons = areas.into_iter().flat_map(|area| &area.0);
    let rings = polygons.flat_map(|polygon| std::iter::once(polygon.exterior()).chain(polygon.interiors()));
    let mut lines: Vec<Boxed> = rings
        .flat_map(geo::LineString::lines)
        .map(|line| Boxed {
            from: (line.start.x, line.start.y),
            to: (line.end.x, line.end.y),
        })
        .collect();
    // Along the axis on which they are shorter fewer pairs come into question.
    let sum = |side: fn(&Boxed) -> f64| lines.iter().map(side).sum::<f64>();
    if sum(|line| (line.from.0 - line.to.0).abs()) > sum(|line| (line.from.1 - line.to.1).abs()) {
        for line in &mut lines {
            line.from = (line.from.1, line.from.0);
            line.to = (line.to.1, line.to.0);
        }
    }
    lines.sort_unstable_by(|one, other| one.least().total_cmp(&other.least()));
    let (mut meetings, mut pairs) = (0, 0);
    for (place, line) in lines.iter().enumerate() {
        let most_of_line = line.from.0.max(line.to.0);
        for other in lines.get(place + 1..).unwrap_or_default() {
            if other.least() > most_of_line {
                break;
            }
            pairs += 1;
            meetings += usize::from(line.may_cross(other));
        }
        if meetings > most || pairs > MAX_PAIRS {
            break;
        }
    }
    (meetings, pairs)
}

impl Boxed {
    const fn least(&self) -> f64 {
        self.from.0.min(self.to.0)
    }

    /// Of two that are known to meet along the first axis.
    fn may_cross(&self, other: &Self) -> bool {
        let meet = self.from.1.min(self.to.1) <= other.from.1.max(other.to.1)
            && other.from.1.min(other.to.1) <= self.from.1.max(self.to.1);
        let have_common_end =
            self.from == other.from || self.from == other.to || self.to == other.from || self.to == other.to;
        meet && !have_common_end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: usize = 10_000_000;

    fn square(west: f64, east: f64) -> Area {
        let json = format!(
            r#"{{"type":"Polygon","coordinates":[[[{west},36],[{east},36],[{east},36.1],[{west},36.1],[{west},36]]]}}"#
        );
        Area::parse(&json).unwrap()
    }

    fn ring(positions: impl Iterator<Item = (f64, f64)>) -> Area {
        let mut ring: Vec<String> = positions.map(|(x, y)| format!("[{x:.7},{y:.7}]")).collect();
        ring.push(ring[0].clone());
        Area::parse(&format!(r#"{{"type":"Polygon","coordinates":[[{}]]}}"#, ring.join(","))).unwrap()
    }

    /// A coast: nearly a circle, with a bay at every step.
    fn coast(positions: u32, radius: f64) -> Area {
        ring((0..positions).map(|place| {
            let (angle, bay) = (
                std::f64::consts::TAU * f64::from(place) / f64::from(positions),
                radius * 1e-5 * f64::from(place % 7),
            );
            (
                139.0 + (radius + bay) * angle.cos(),
                36.0 + (radius + bay) * angle.sin(),
            )
        }))
    }

    /// Lines to and fro, from a generator of numbers that are the same each time.
    fn tangle(positions: u32, seed: u64) -> Area {
        let mut state = seed;
        let mut next = move || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            f64::from(u32::try_from(state >> 32).unwrap()) / f64::from(u32::MAX)
        };
        let positions: Vec<(f64, f64)> = (0..positions).map(|_| (139.0 + next(), 36.0 + next())).collect();
        ring(positions.into_iter())
    }

    #[test]
    fn what_lies_beyond_another_is_measured_on_the_ellipsoid() {
        let (small, large) = (square(139.0, 139.1), square(139.0, 139.2));
        // A tenth of a degree is 11.1 km from south to north, and there 9.0 km from west to east.
        let mut room = ROOM;
        let beyond = large.measured_against(&small, &mut room).unwrap();
        assert!((99e6..101e6).contains(&beyond.of_one), "{beyond:?}");
        assert!(beyond.of_other < 1.0, "{beyond:?}");
        assert!(room < ROOM);
        let hole = Area::parse(
            r#"{"type":"Polygon","coordinates":[[[0,0],[10,0],[10,10],[0,10],[0,0]],[[4,4],[6,4],[6,6],[4,6],[4,4]]]}"#,
        )
        .unwrap();
        let same = hole.measured_against(&hole, &mut room).unwrap();
        assert!(same.of_one < 1.0 && same.of_other < 1.0, "{same:?}");
    }

    #[test]
    fn long_boundaries_are_measured_and_tangles_are_not() {
        let (before, after) = (coast(20_000, 0.5), coast(20_000, 0.500_1));
        let mut room = ROOM;
        let beyond = after.measured_against(&before, &mut room).unwrap();
        assert!(beyond.of_one > 1e6 && beyond.of_other < 1.0, "{beyond:?}");
        assert!(before.measured_against(&before, &mut room).is_ok());
        // A few lines that cross are measured as ever.
        assert!(tangle(200, 1).measured_against(&tangle(200, 2), &mut room).is_ok());
        let (one, other) = (tangle(3_000, 1), tangle(3_000, 2));
        let left = room;
        assert_eq!(one.measured_against(&other, &mut room), Err(TooComplex));
        assert!(room < left, "that it could not be said has cost something");
        assert_eq!(one.measured_against(&square(139.0, 139.1), &mut room), Err(TooComplex));
        let long = coast(60_000, 0.5);
        assert_eq!(long.measured_against(&long, &mut room), Err(TooComplex));
    }

    #[test]
    fn what_is_measured_takes_room_until_none_is_left() {
        let (one, other) = (coast(1_000, 0.5), coast(1_000, 0.6));
        let mut room = 20_000;
        let measured = std::iter::repeat_with(|| one.measured_against(&other, &mut room));
        let until_full = measured.take(20).take_while(Result::is_ok).count();
        assert!((1..10).contains(&until_full), "{until_full}");
        assert_eq!(one.measured_against(&other, &mut room), Err(TooComplex));
    }
}
