//! The general comparison of two geometries that touch, by [`geo`]'s DE-9IM matrix. It cannot be interrupted, so that what
//! it will cost is counted before.
//!
//! Of the geometry that must enclose the other only what is near the other matters. Where a ring or a line goes far away
//! it is cut short, from corner to corner, beyond one side of the box around the other: no line near the box changes, and
//! neither does what the ring goes around there.

use geo::algorithm::line_intersection::line_intersection;
use geo::coordinate_position::CoordPos;
use geo::dimensions::Dimensions;
use geo::winding_order::Winding;
use geo::{Coord, Line, LineString, Relate};

use super::TooComplex;
use super::bounds::Bounds;
use super::contacts::Contact;
use super::index::{Index, to_geo};
use super::sameness::have_same_lines;
use super::shape::{Dimension, lines};
use super::target::Target;
use crate::entity::Role;
use crate::query::{GeoRelation, Steps};

/// Most steps that the general comparison may cost, as far as they can be foreseen: some 20 ms.
pub(super) const MAX_STEPS: usize = 200_000;

/// What a position costs, in steps.
const STEPS_OF_A_POSITION: usize = 4;

/// What two lines cost that have boxes that meet.
const STEPS_OF_A_BOX: usize = 1;

/// What it costs that two lines of one geometry meet, or that two lines of both touch.
const STEPS_OF_A_TOUCH: usize = 8;

/// Places that are found in the other geometry, position by position: so many positions are one step.
const POSITIONS_OF_A_STEP: usize = 12;

/// Pairs of lines of one geometry that are looked at, at most, to see whether their boxes meet: some 5 ms.
const MAX_PAIRS: usize = 4_000_000;

/// So many of them are one piece of work.
const PAIRS_OF_A_PIECE: usize = 16;

/// Positions that are cut short or taken over in one piece of work.
const POSITIONS_OF_A_PIECE: usize = 4;

/// With so many positions it is decided without [`geo`] what boxes decide, and whether both have the same lines. Fewer are
/// left to it, which says of rings that cross or overlap themselves what nobody else would.
const LARGE: usize = 256;

/// The parts of one geometry.
type Parts = Vec<(Role, Vec<Coord<f64>>)>;

/// Whether the relation holds between geometries whose lines meet like that.
pub(super) fn holds(
    relation: GeoRelation,
    target: &Target<'_>,
    index: &Index,
    contact: Contact,
    steps: &mut Steps,
) -> Result<bool, TooComplex> {
    steps.spend((target.size() + index.size()) / POSITIONS_OF_A_PIECE);
    let is_large = target.size() + index.size() > LARGE && !target.is_collapsed() && !index.is_collapsed();
    if is_large && boxes_exclude(relation, target.bounds(), index.bounds()) {
        return Ok(false);
    }
    if is_large && !contact.cross && have_same_lines(target, index) {
        return Ok(relation != GeoRelation::Overlaps);
    }
    let may_cut = !target.is_collapsed() && !index.is_collapsed();
    let is_around_target = match relation {
        GeoRelation::Within => may_cut,
        GeoRelation::Overlaps => may_cut && is_large,
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
    let (of_target, of_reference) = (meetings(&targets), meetings(&references));
    steps.spend((of_target.pairs + of_reference.pairs) / PAIRS_OF_A_PIECE + of_target.boxes + of_reference.boxes);
    let Some(cost) = cost(&targets, &references, contact, [&of_target, &of_reference]) else {
        return Err(TooComplex);
    };
    steps.spend_steps(cost);
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

/// Whether a relation cannot hold between geometries in these boxes, because one would have to lie in the other's.
fn boxes_exclude(relation: GeoRelation, target: &Bounds, reference: &Bounds) -> bool {
    match relation {
        GeoRelation::Within => !reference.encloses(target),
        GeoRelation::Contains => !target.encloses(reference),
        GeoRelation::Equals => target != reference,
        _ => false,
    }
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
pub(super) fn cut_part(role: Role, part: Vec<Coord<f64>>, around: &Bounds) -> Vec<Coord<f64>> {
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
        let may_meet = |line: &[Coord<f64>]| line.iter().fold(u8::MAX, |common, end| common & sides(*end, around)) == 0;
        // Far away it went out and came back; at the box that is a ring all the same.
        return if kept.windows(2).any(may_meet) {
            part
        } else {
            Vec::new()
        };
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

/// What the comparison costs at most, in steps; `None`: too many.
fn cost(targets: &Parts, references: &Parts, contact: Contact, meetings: [&Meetings; 2]) -> Option<usize> {
    let size = |parts: &Parts| parts.iter().map(|(_, positions)| positions.len()).sum::<usize>();
    let (of_target, of_reference) = (size(targets), size(references));
    let [in_target, in_reference] = meetings;
    if in_target.are_too_many || in_reference.are_too_many {
        return None;
    }
    // Where a part begins or ends, and where a geometry meets itself, it is looked for in the other.
    let places = |parts: &Parts, meetings: &Meetings| {
        let ends = parts.iter().map(|(role, positions)| match role {
            Role::Points => positions.len(),
            _ => 2,
        });
        ends.sum::<usize>() + meetings.touching
    };
    let lookups = places(targets, in_target)
        .saturating_mul(of_reference)
        .saturating_add(places(references, in_reference).saturating_mul(of_target));
    let steps = (of_target + of_reference) * STEPS_OF_A_POSITION
        + in_target.steps()
        + in_reference.steps()
        + contact.boxes * STEPS_OF_A_BOX
        + contact.touching * STEPS_OF_A_TOUCH
        + lookups / POSITIONS_OF_A_STEP;
    (steps <= MAX_STEPS).then_some(steps)
}

/// How many pairs of lines of one geometry that are not neighbours meet.
#[derive(Default)]
struct Meetings {
    /// Those that have boxes that meet.
    boxes: usize,
    /// Those that meet themselves. Of the lines of one ring it is not asked: it is taken not to cross itself.
    touching: usize,
    /// Pairs that were looked at to find them.
    pairs: usize,
    are_too_many: bool,
}

impl Meetings {
    const fn steps(&self) -> usize {
        self.boxes * STEPS_OF_A_BOX + self.touching * STEPS_OF_A_TOUCH
    }
}

/// A line of a part, with its number in it.
struct Member {
    line: Line<f64>,
    bounds: Bounds,
    part: usize,
    number: usize,
    is_of_ring: bool,
}

fn meetings(parts: &Parts) -> Meetings {
    let mut members: Vec<Member> = Vec::new();
    for (part, (role, positions)) in parts.iter().enumerate() {
        if Dimension::of(*role) != Dimension::Points {
            members.extend(lines(*role, positions).enumerate().map(|(number, line)| Member {
                line,
                bounds: Bounds::of_line(line.start, line.end),
                part,
                number,
                is_of_ring: *role != Role::Line,
            }));
        }
    }
    // Along the axis on which they are shorter fewer pairs come into question.
    let sum = |side: fn(&Bounds) -> f64| members.iter().map(|member| side(&member.bounds)).sum::<f64>();
    if sum(|bounds| bounds.east - bounds.west) > sum(|bounds| bounds.north - bounds.south) {
        members
            .iter_mut()
            .for_each(|member| member.bounds = member.bounds.turned());
    }
    members.sort_unstable_by(|a, b| a.bounds.west.total_cmp(&b.bounds.west));
    let mut meetings = Meetings::default();
    for (place, member) in members.iter().enumerate() {
        for other in members.get(place + 1..).unwrap_or_default() {
            if other.bounds.west > member.bounds.east {
                break;
            }
            meetings.pairs += 1;
            let is_same_part = member.part == other.part;
            let is_neighbour = is_same_part && member.number.abs_diff(other.number) <= 1;
            if is_neighbour || !member.bounds.meets(&other.bounds) {
                continue;
            }
            meetings.boxes += 1;
            let is_passed = is_same_part && member.is_of_ring;
            if !is_passed && line_intersection(member.line, other.line).is_some() {
                meetings.touching += 1;
            }
        }
        if meetings.pairs > MAX_PAIRS || meetings.steps() > MAX_STEPS {
            meetings.are_too_many = true;
            break;
        }
    }
    meetings
}
