//! The general comparison of two geometries that touch, by [`geo`]'s DE-9IM matrix. It cannot be interrupted, so that what
//! it will cost is counted before.
//!
//! Of the geometry that must enclose the other only what is near the other matters. Where a ring or a line goes far away
//! it is cut short, from corner to corner, beyond one side of the box around the other: no line near the box changes, and
//! neither does what the ring goes around there.

use geo::coordinate_position::CoordPos;
use geo::dimensions::Dimensions;
use geo::winding_order::Winding;
use geo::{Coord, LineString, Relate};

use super::TooComplex;
use super::bounds::Bounds;
use super::index::{Index, to_geo};
use super::shape::{Dimension, lines};
use super::target::Target;
use crate::entity::Role;
use crate::query::GeoRelation;

/// Most steps that the general comparison may cost, as far as they can be foreseen: some 20 ms.
pub(super) const MAX_STEPS: usize = 200_000;

/// What a position costs, in steps.
const STEPS_OF_A_POSITION: usize = 4;

/// What two lines cost that have boxes that meet.
const STEPS_OF_A_MEETING: usize = 8;

/// Places that are found in the other geometry, position by position: so many positions are one step.
const POSITIONS_OF_A_STEP: usize = 12;

/// Pairs of lines of one geometry that are looked at, at most, to see whether their boxes meet: some 5 ms.
const MAX_PAIRS: usize = 4_000_000;

/// Fewer positions than this are not worth cutting where more than one side of the comparison matters.
const CUT_FROM: usize = 256;

/// The parts of one geometry.
type Parts = Vec<(Role, Vec<Coord<f64>>)>;

/// Whether the relation holds; `boxes` is how many pairs of lines, one of each, have boxes that meet.
pub(super) fn holds(
    relation: GeoRelation,
    target: &Target<'_>,
    index: &Index,
    boxes: usize,
) -> Result<bool, TooComplex> {
    let may_cut = !target.is_collapsed() && !index.is_collapsed();
    let is_around_target = match relation {
        GeoRelation::Within => may_cut,
        GeoRelation::Overlaps => may_cut && target.size() + index.size() > CUT_FROM,
        _ => false,
    };
    let around_target = is_around_target.then_some(target.bounds());
    let around_reference = (may_cut && relation == GeoRelation::Contains).then_some(index.bounds());
    let targets = target.parts().iter().map(|part| (part.role, part.coords().collect()));
    let targets = cut(targets, around_reference)?;
    let references = index
        .parts()
        .iter()
        .map(|part| (part.role, index.positions_of(part).to_vec()));
    let references = cut(references, around_target)?;
    if cost(&targets, &references, boxes).is_none_or(|steps| steps > MAX_STEPS) {
        return Err(TooComplex);
    }
    let of_target = to_geo(target.dimension(), target.is_multi(), targets.into_iter());
    let of_reference = to_geo(index.dimension(), index.is_multi(), references.into_iter());
    let matrix = of_target.relate(&of_reference);
    Ok(match relation {
        GeoRelation::Within => matrix.is_within(),
        GeoRelation::Contains => matrix.is_contains(),
        GeoRelation::Intersects => matrix.is_intersects(),
        GeoRelation::Equals => matrix.is_equal_topo(),
        GeoRelation::Disjoint => matrix.is_disjoint(),
        // What was cut lies outside of the target.
        GeoRelation::Overlaps if around_target.is_some() && !target.bounds().encloses(index.bounds()) => {
            let most = match target.dimension() {
                Dimension::Lines => matrix.get(CoordPos::Inside, CoordPos::Inside) == Dimensions::OneDimensional,
                Dimension::Points | Dimension::Areas => {
                    matrix.get(CoordPos::Inside, CoordPos::Inside) != Dimensions::Empty
                }
            };
            most && matrix.get(CoordPos::Inside, CoordPos::Outside) != Dimensions::Empty
        }
        GeoRelation::Overlaps => matrix.is_overlaps(),
        GeoRelation::Near { .. } => false,
    })
}

/// The parts, cut short around a box where there is one.
fn cut(parts: impl Iterator<Item = (Role, Vec<Coord<f64>>)>, around: Option<&Bounds>) -> Result<Parts, TooComplex> {
    let (mut kept, mut positions) = (Parts::new(), 0);
    let mut is_shell_kept = true;
    for (role, part) in parts {
        let part = match around {
            Some(around) => cut_part(role, part, around),
            None => part,
        };
        if role == Role::Shell {
            is_shell_kept = !part.is_empty();
        }
        if part.is_empty() || (role == Role::Hole && !is_shell_kept) {
            continue;
        }
        positions += part.len();
        if positions > MAX_STEPS / STEPS_OF_A_POSITION {
            return Err(TooComplex);
        }
        kept.push((role, part));
    }
    Ok(kept)
}

/// A part cut short; without positions where none of it matters.
fn cut_part(role: Role, part: Vec<Coord<f64>>, around: &Bounds) -> Vec<Coord<f64>> {
    let mut kept: Vec<Coord<f64>> = Vec::new();
    // The sides of the box beyond which all positions since the last one that was kept lie.
    let mut common = 0;
    let mut before: Option<Coord<f64>> = None;
    for position in &part {
        let sides = sides(*position, around);
        match before {
            None => {
                kept.push(*position);
                common = sides;
            }
            Some(_) if common & sides != 0 => common &= sides,
            Some(before) => {
                if kept.last() != Some(&before) {
                    kept.push(before);
                }
                common = self::sides(before, around) & sides;
                if common == 0 {
                    kept.push(*position);
                    common = sides;
                }
            }
        }
        before = Some(*position);
    }
    if let Some(last) = before
        && (kept.last() != Some(&last) || kept.len() < 2)
    {
        kept.push(last);
    }
    if kept.len() == part.len() {
        return part;
    }
    let is_ring = matches!(role, Role::Shell | Role::Hole);
    if !is_ring {
        return kept;
    }
    if kept.len() < 4 {
        // All of it lies beyond one side, or it goes out and comes back.
        return Vec::new();
    }
    let (kept, part) = (LineString(kept), LineString(part));
    // Which side of a line is inside depends on the way that the ring turns.
    if kept.winding_order() == part.winding_order() {
        kept.0
    } else {
        part.0
    }
}

/// The sides of a box beyond which a position lies, as bits.
fn sides(position: Coord<f64>, around: &Bounds) -> u8 {
    u8::from(position.x < around.west)
        | u8::from(position.x > around.east) << 1
        | u8::from(position.y < around.south) << 2
        | u8::from(position.y > around.north) << 3
}

/// What the comparison costs at most, in steps; `None`: more than can be counted in time.
fn cost(targets: &Parts, references: &Parts, boxes: usize) -> Option<usize> {
    let size = |parts: &Parts| parts.iter().map(|(_, positions)| positions.len()).sum::<usize>();
    let (of_target, of_reference) = (size(targets), size(references));
    let (in_target, in_reference) = (meetings(targets)?, meetings(references)?);
    // Where a part begins or ends, and where a geometry meets itself, it is looked for in the other.
    let places = |parts: &Parts, meetings: &Meetings| {
        let ends = parts.iter().map(|(role, positions)| match role {
            Role::Points => positions.len(),
            _ => 2,
        });
        ends.sum::<usize>() + meetings.compared
    };
    let lookups = places(targets, &in_target)
        .saturating_mul(of_reference)
        .saturating_add(places(references, &in_reference).saturating_mul(of_target));
    let compared = boxes + in_target.compared + in_reference.compared;
    Some(
        (of_target + of_reference) * STEPS_OF_A_POSITION
            + compared * STEPS_OF_A_MEETING
            + in_target.passed
            + in_reference.passed
            + lookups / POSITIONS_OF_A_STEP,
    )
}

/// How many pairs of lines of one geometry that are not neighbours have boxes that meet.
#[derive(Default)]
struct Meetings {
    /// Those that are compared.
    compared: usize,
    /// Those of one ring: it is taken not to cross itself.
    passed: usize,
}

/// `None`: too many.
fn meetings(parts: &Parts) -> Option<Meetings> {
    let mut boxes: Vec<(Bounds, usize, usize)> = Vec::new();
    for (part, (role, positions)) in parts.iter().enumerate() {
        if Dimension::of(*role) != Dimension::Points {
            let bounds = lines(*role, positions).map(|line| Bounds::of_line(line.start, line.end));
            boxes.extend(bounds.zip(0..).map(|(bounds, number)| (bounds, part, number)));
        }
    }
    boxes.sort_unstable_by(|(a, ..), (b, ..)| a.west.total_cmp(&b.west));
    let (mut pairs, mut meetings) = (0, Meetings::default());
    for (place, (bounds, part, number)) in boxes.iter().enumerate() {
        let is_ring = parts.get(*part).is_some_and(|(role, _)| *role != Role::Line);
        for (other, other_part, other_number) in boxes.get(place + 1..).unwrap_or_default() {
            if other.west > bounds.east {
                break;
            }
            pairs += 1;
            let is_neighbour = part == other_part && number.abs_diff(*other_number) <= 1;
            if is_neighbour || bounds.south > other.north || other.south > bounds.north {
                continue;
            }
            if is_ring && part == other_part {
                meetings.passed += 1;
            } else {
                meetings.compared += 1;
            }
        }
        if pairs > MAX_PAIRS || meetings.compared + meetings.passed > MAX_STEPS {
            return None;
        }
    }
    Some(meetings)
}
