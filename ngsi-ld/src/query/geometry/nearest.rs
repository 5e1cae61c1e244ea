//! The distance of a target from a reference geometry, and whether it is near.
//!
//! The distance is 0 where the two share a place, and that of the two nearest places otherwise. Two lines that do not
//! cross are nearest at an end of one of them, so that these are a position of one geometry and a place on a line of the
//! other: those of the least [`closeness`](super::closeness), and of several the first, target first. Pairs of boxes that
//! cannot hold them are passed by.

use std::cmp::Ordering;
use std::task::{Poll, ready};

use geo::coordinate_position::CoordPos;
use geo::{Coord, Distance, Geodesic, Haversine, Intersects, Line};
use rstar::RTreeNode;
use smallvec::SmallVec;

use super::bounds::Bounds;
use super::closeness::{self, Zone, closeness, nearest_on_line};
use super::ellipsoid::{self, Near, Surely};
use super::index::{Index, bounds_of};
use super::location::{Areas, Locating, Scanning};
use super::shape::{Dimension, Positions, RUN, Run, lines};
use super::starts::{Start, Starts, Which};
use super::target::{Survey, Target};
use crate::entity::{Geometry, Position, Role};
use crate::query::Steps;

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub(in crate::query) enum Asked {
    /// Whether it is near, on the ellipsoid.
    Near(Near),
    /// How far it is, on the ellipsoid, in metres.
    Geodesic,
    /// How far it is, on a sphere, in metres: what entities are ordered by (clause 4.23.1).
    Haversine,
}

/// What is found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::query) enum Found {
    /// The target is a geometry that RFC 7946 excludes.
    NoGeometry,
    IsNear(bool),
    Metres(f64),
}

/// Looking for the nearest places of a target and a reference geometry.
pub(in crate::query) struct Nearest<'a> {
    index: &'a Index,
    asked: Asked,
    target: Target<'a>,
    stage: Stage<'a>,
    closest: Closest,
}

enum Stage<'a> {
    Survey(Survey<'a>),
    /// Whether a part of the target begins in an area of the reference.
    TargetWithin(Starts, Option<Box<Locating<'a>>>),
    /// Whether a part of the reference begins in an area of the target.
    ReferenceWithin(Starts, Option<Box<Scanning>>),
    Pairs(Box<Pairs<'a>>),
}

/// Two places.
#[derive(Debug, Clone, Copy)]
struct Places {
    from: Coord<f64>,
    to: Coord<f64>,
    closeness: f64,
    order: (Direction, usize, usize),
}

/// Whose position it is that one looks from: of two equally close pairs that of the target comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Direction {
    FromTarget,
    FromReference,
}

/// Going through the pairs of runs.
struct Pairs<'a> {
    /// The run of the target, and of a run of points the next one.
    run: usize,
    point: usize,
    few: Option<Few>,
    stack: SmallVec<[(f64, &'a RTreeNode<Run>); 32]>,
    leaf: Option<Leaf<'a>>,
}

/// A few neighbouring lines of the target, or one point.
struct Few {
    role: Role,
    zone: Zone,
    positions: Positions,
    parallels: SmallVec<[f64; RUN + 1]>,
    /// The place of the first of them among all positions of the target.
    first: usize,
    /// Whether the last one is the start of no line.
    ends: bool,
}

/// A run of the reference, beside the lines of the target that it is compared with next.
struct Leaf<'a> {
    role: Role,
    bounds: Bounds,
    positions: &'a [Coord<f64>],
    parallels: SmallVec<[f64; RUN + 1]>,
    first: usize,
    ends: bool,
    next: usize,
}

/// Whether two points are near.
pub(in crate::query) fn near_of_points(near: Near, a: Position, b: Position) -> bool {
    let (a, b) = (Coord::from(a), Coord::from(b));
    let (least, most) = ellipsoid::of_distance(a, b);
    near.decide(least, most).unwrap_or_else(|| {
        let metres = Geodesic.distance(a.into(), b.into());
        near.decide(metres, metres) == Some(true)
    })
}

/// How far two points are from each other on a sphere, in metres.
pub(in crate::query) fn haversine_of_points(a: Position, b: Position) -> f64 {
    Haversine.distance(Coord::from(a).into(), Coord::from(b).into())
}

impl<'a> Nearest<'a> {
    pub(in crate::query) fn new(target: &'a Geometry, index: &'a Index, asked: Asked) -> Self {
        let surely = match asked {
            Asked::Near(near) => Surely::of(near),
            Asked::Geodesic | Asked::Haversine => Surely::nothing(),
        };
        Self {
            index,
            asked,
            target: Target::of(target),
            stage: Stage::Survey(Survey::of(target)),
            closest: Closest {
                surely,
                best: None,
                bound: surely.beyond(),
            },
        }
    }

    pub(in crate::query) fn advance(&mut self, steps: &mut Steps) -> Poll<Found> {
        loop {
            match &mut self.stage {
                Stage::Survey(survey) => {
                    if ready!(survey.advance(&mut self.target, steps)).is_err() {
                        return Poll::Ready(Found::NoGeometry);
                    }
                    let is_empty = self.index.size() == 0 || self.target.size() == 0;
                    if is_empty || Zone::of(*self.target.bounds()).at_least_to(self.index.bounds()) > self.closest.bound
                    {
                        return Poll::Ready(self.of_nothing());
                    }
                    self.stage = if self.index.dimension() == Dimension::Areas {
                        Stage::TargetWithin(Starts::new(Which::Outer), None)
                    } else {
                        Stage::ReferenceWithin(Starts::new(Which::Outer), None)
                    };
                }
                Stage::TargetWithin(starts, locating) => {
                    let index = self.index;
                    if let Some(some) = locating {
                        if ready!(some.advance(index, steps)) != CoordPos::Outside {
                            return Poll::Ready(self.of_metres(0.0));
                        }
                        *locating = None;
                    }
                    if !steps.begin(2) {
                        return Poll::Pending;
                    }
                    match starts.next_of_target(&self.target, index.bounds()) {
                        Start::At(at) => *locating = Some(Box::new(Locating::new(index, at, Areas::One))),
                        Start::Outside => {}
                        Start::End => self.stage = Stage::ReferenceWithin(Starts::new(Which::Outer), None),
                    }
                }
                Stage::ReferenceWithin(_, _) if self.target.dimension() != Dimension::Areas => {
                    self.stage = Stage::Pairs(Box::default());
                }
                Stage::ReferenceWithin(starts, scanning) => {
                    if let Some(some) = scanning {
                        if ready!(some.advance(&self.target, steps)) != CoordPos::Outside {
                            return Poll::Ready(self.of_metres(0.0));
                        }
                        *scanning = None;
                    }
                    if !steps.begin(2) {
                        return Poll::Pending;
                    }
                    match starts.next_of_index(self.index, self.target.bounds()) {
                        Start::At(at) => *scanning = Some(Box::new(Scanning::new(at))),
                        Start::Outside => {}
                        Start::End => self.stage = Stage::Pairs(Box::default()),
                    }
                }
                Stage::Pairs(pairs) => {
                    let end = ready!(pairs.advance(self.index, &self.target, &mut self.closest, steps));
                    return Poll::Ready(match end {
                        End::Shared => self.of_metres(0.0),
                        End::Decided(is_near) => Found::IsNear(is_near),
                        End::All => self.of_best(),
                    });
                }
            }
        }
    }

    /// When nothing is close enough to matter, or there is nothing.
    fn of_nothing(&self) -> Found {
        match self.asked {
            Asked::Near(near) => Found::IsNear(near.is_far_near()),
            Asked::Geodesic | Asked::Haversine => Found::Metres(f64::INFINITY),
        }
    }

    fn of_best(&self) -> Found {
        let Some(best) = self.closest.best else {
            return self.of_nothing();
        };
        self.of_metres(match self.asked {
            Asked::Near(_) | Asked::Geodesic => Geodesic.distance(best.from.into(), best.to.into()),
            Asked::Haversine => Haversine.distance(best.from.into(), best.to.into()),
        })
    }

    fn of_metres(&self, metres: f64) -> Found {
        match self.asked {
            Asked::Near(near) => Found::IsNear(near.decide(metres, metres) == Some(true)),
            Asked::Geodesic | Asked::Haversine => Found::Metres(metres),
        }
    }
}

/// The closest pair so far.
struct Closest {
    surely: Surely,
    best: Option<Places>,
    /// Pairs that are less close than this do not matter any more.
    bound: f64,
}

/// How going through pairs ends.
enum End {
    /// There is a place that both have.
    Shared,
    /// It is near, or not, whatever else comes.
    Decided(bool),
    /// There are no more pairs.
    All,
}

impl Closest {
    /// Looks at a position of the one and a line of the other.
    fn look(&mut self, from: (Coord<f64>, f64), line: Line<f64>, order: (Direction, usize, usize)) -> Option<bool> {
        let (from, parallel) = from;
        let to = nearest_on_line(from, parallel, line);
        let longitudes = (to.x - from.x).abs();
        let least = closeness::at_least(
            (to.y - from.y).abs(),
            longitudes.min((360.0 - longitudes).abs()),
            parallel,
            closeness::parallel_at_least(to.y),
        );
        if least > self.bound {
            return None;
        }
        let places = Places {
            from,
            to,
            closeness: closeness(from, to),
            order,
        };
        let is_closer = match &self.best {
            None => places.closeness <= self.bound,
            Some(best) => {
                let by_closeness = places.closeness.total_cmp(&best.closeness);
                by_closeness.then(places.order.cmp(&best.order)) == Ordering::Less
            }
        };
        if !is_closer {
            return None;
        }
        self.best = Some(places);
        self.bound = places.closeness;
        self.surely.decide(places.closeness)
    }
}

impl Default for Pairs<'_> {
    fn default() -> Self {
        Self {
            run: 0,
            point: 0,
            few: None,
            stack: SmallVec::new(),
            leaf: None,
        }
    }
}

impl<'a> Pairs<'a> {
    fn advance(
        &mut self,
        index: &'a Index,
        target: &Target<'_>,
        closest: &mut Closest,
        steps: &mut Steps,
    ) -> Poll<End> {
        loop {
            if !steps.begin(1) {
                return Poll::Pending;
            }
            let Some(few) = &self.few else {
                steps.spend(4);
                if self.next_few(index, target, closest.bound) {
                    continue;
                }
                return Poll::Ready(End::All);
            };
            if let Some(leaf) = &mut self.leaf {
                if let Some(end) = leaf.compare(few, closest, steps) {
                    return Poll::Ready(end);
                }
                if leaf.next >= few.positions.len() {
                    self.leaf = None;
                }
                continue;
            }
            match self.stack.pop() {
                None => self.few = None,
                Some((least, _)) if least > closest.bound => {}
                Some((_, RTreeNode::Leaf(run))) => {
                    steps.spend(4);
                    self.leaf = Leaf::of(index, run);
                }
                Some((_, RTreeNode::Parent(parent))) => {
                    steps.spend(1);
                    push(&mut self.stack, few, parent.children(), closest.bound);
                }
            }
        }
    }

    /// The next lines of the target that may be close enough. `false`: there are none.
    fn next_few(&mut self, index: &'a Index, target: &Target<'_>, bound: f64) -> bool {
        for _ in 0..RUN {
            let Some(run) = target.runs().get(self.run) else {
                return false;
            };
            let is_close = Zone::of(run.bounds).at_least_to(index.bounds()) <= bound;
            let Some(part) = target.part_of(run).filter(|_| is_close) else {
                (self.run, self.point) = (self.run + 1, 0);
                continue;
            };
            let mut positions = target.positions_of_run(run);
            let (mut bounds, mut first) = (run.bounds, part.first + run.positions.start);
            if part.role == Role::Points {
                // One by one: neighbours in the list need not be neighbours in space.
                let point = self.point;
                let Some(position) = positions.get(point).copied() else {
                    (self.run, self.point) = (self.run + 1, 0);
                    continue;
                };
                self.point += 1;
                positions = Positions::from_iter([position]);
                (bounds, first) = (Bounds::of_line(position, position), first + point);
            } else {
                self.run += 1;
            }
            let few = Few {
                role: part.role,
                zone: Zone::of(bounds),
                parallels: parallels(&positions),
                first,
                ends: part.role == Role::Points || (part.role == Role::Line && run.positions.end == part.len()),
                positions,
            };
            self.stack.clear();
            push(&mut self.stack, &few, index.roots(), bound);
            self.few = Some(few);
            break;
        }
        true
    }
}

/// Puts nodes on the stack that may hold something close enough, the closest last.
fn push<'a>(stack: &mut SmallVec<[(f64, &'a RTreeNode<Run>); 32]>, few: &Few, nodes: &'a [RTreeNode<Run>], bound: f64) {
    let before = stack.len();
    for node in nodes {
        let least = few.zone.at_least_to(&bounds_of(node));
        if least <= bound {
            stack.push((least, node));
        }
    }
    let pushed = stack.get_mut(before..).unwrap_or_default();
    pushed.sort_unstable_by(|(a, _), (b, _)| b.total_cmp(a));
}

fn parallels(positions: &[Coord<f64>]) -> SmallVec<[f64; RUN + 1]> {
    positions.iter().map(|position| position.y.to_radians().cos()).collect()
}

impl<'a> Leaf<'a> {
    fn of(index: &'a Index, run: &'a Run) -> Option<Self> {
        let part = index.part(run.part)?;
        let positions = index.positions_of_run(run);
        Some(Self {
            role: part.role,
            bounds: run.bounds,
            positions,
            parallels: parallels(positions),
            first: part.first + run.positions.start,
            ends: part.role == Role::Points || (part.role == Role::Line && run.positions.end == part.len),
            next: 0,
        })
    }

    /// Compares the next line of the target with all of the run.
    fn compare(&mut self, few: &Few, closest: &mut Closest, steps: &mut Steps) -> Option<End> {
        let place = self.next;
        self.next += 1;
        let (start, parallel) = (*few.positions.get(place)?, *few.parallels.get(place)?);
        // A point is a line to itself; the last position of a line begins none.
        let end = few.positions.get(place + 1).copied();
        let end = end.or_else(|| (few.role == Role::Points).then_some(start));
        if end.is_none() && !few.ends {
            return None;
        }
        let bounds = Bounds::of_line(start, end.unwrap_or(start));
        if Zone::of(bounds).at_least_to(&self.bounds) > closest.bound {
            return None;
        }
        steps.spend(6);
        let line = end.map(|end| Line::new(start, end));
        if let Some(line) = line
            && bounds.meets(&self.bounds)
            && may_share(few.role, self.role)
            && lines(self.role, self.positions).any(|other| meets(&bounds, line, other))
        {
            return Some(End::Shared);
        }
        for (offset, other) in lines(self.role, self.positions).enumerate() {
            let order = (Direction::FromTarget, few.first + place, self.first + offset);
            if let Some(is_near) = closest.look((start, parallel), other, order) {
                return Some(End::Decided(is_near));
            }
        }
        let line = line?;
        // Of two runs that are neighbours the second looks from the position that they share.
        let from = self.positions.len().saturating_sub(usize::from(!self.ends));
        let places = self.positions.iter().zip(&self.parallels).take(from).enumerate();
        for (offset, (position, parallel)) in places {
            let order = (Direction::FromReference, self.first + offset, few.first + place);
            if let Some(is_near) = closest.look((*position, *parallel), line, order) {
                return Some(End::Decided(is_near));
            }
        }
        None
    }
}

/// Whether it matters that lines of these meet: a point on a ring has been found on it.
fn may_share(one: Role, other: Role) -> bool {
    let is_ring = |role| matches!(role, Role::Shell | Role::Hole);
    match (one, other) {
        (Role::Points, other) | (other, Role::Points) => !is_ring(other),
        _ => true,
    }
}

fn meets(bounds: &Bounds, line: Line<f64>, other: Line<f64>) -> bool {
    bounds.meets(&Bounds::of_line(other.start, other.end)) && line.intersects(&other)
}
