//! Where a position lies of a geometry: inside, on the boundary, or outside.
//!
//! A place where two polygons of one geometry touch is on their boundary. A ring that crosses itself encloses what it goes around, as [`geo`] takes it. The ends of lines are their boundary, unless an
//! even number of them meet there.

use std::task::Poll;

use geo::coordinate_position::CoordPos;
use geo::{Coord, GeoNum, Kernel, Orientation};
use rstar::RTreeNode;
use smallvec::SmallVec;

use super::index::{Index, bounds_of};
use super::shape::{Dimension, Run, lines};
use super::target::Target;
use crate::entity::Role;
use crate::query::Steps;

/// How the areas of an index are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::query) enum Areas {
    /// Each by itself: inside of one is inside, whatever others are.
    Each,
    /// As one geometry, as Simple Features have it: where the boundary of one is, there is their boundary.
    One,
    /// All together, with shells that turn one way and holes that turn the other: the boundary of one is outside of all.
    Together,
}

/// What lines say of a position, as far as they have been looked at.
#[derive(Debug, Default)]
struct Findings {
    rings: SmallVec<[Ring; 4]>,
    /// A line goes through it, or a point lies there.
    is_on: bool,
    ends: usize,
}

/// What the lines of one ring say.
#[derive(Debug, Clone, Copy)]
struct Ring {
    part: usize,
    shell: usize,
    winding: i32,
    is_boundary: bool,
}

/// The part that some lines belong to.
#[derive(Clone, Copy)]
struct Belonging {
    role: Role,
    part: usize,
    shell: usize,
    begins: bool,
    ends: bool,
}

impl Findings {
    /// Looks at some positions of a part that are neighbours.
    fn look(&mut self, of: Belonging, positions: &[Coord<f64>], at: Coord<f64>) {
        match Dimension::of(of.role) {
            Dimension::Points => self.is_on |= positions.contains(&at),
            Dimension::Lines => {
                use geo::Intersects;
                if !lines(of.role, positions).any(|line| line.intersects(&at)) {
                    return;
                }
                self.is_on = true;
                self.ends += usize::from(of.begins && positions.first() == Some(&at));
                self.ends += usize::from(of.ends && positions.last() == Some(&at));
            }
            Dimension::Areas => {
                let (mut winding, mut is_boundary) = (0, false);
                for line in lines(of.role, positions) {
                    match crossing(line, at) {
                        Some(turn) => winding += turn,
                        None => is_boundary = true,
                    }
                }
                if winding != 0 || is_boundary {
                    self.add(Ring {
                        part: of.part,
                        shell: of.shell,
                        winding,
                        is_boundary,
                    });
                }
            }
        }
    }

    fn add(&mut self, ring: Ring) {
        match self.rings.last_mut() {
            Some(last) if last.part == ring.part => {
                last.winding += ring.winding;
                last.is_boundary |= ring.is_boundary;
            }
            _ => self.rings.push(ring),
        }
    }

    fn location(&mut self, dimension: Dimension, areas: Areas) -> CoordPos {
        match dimension {
            Dimension::Points if self.is_on => CoordPos::Inside,
            Dimension::Lines if self.is_on && self.ends.is_multiple_of(2) => CoordPos::Inside,
            Dimension::Lines if self.is_on => CoordPos::OnBoundary,
            Dimension::Points | Dimension::Lines => CoordPos::Outside,
            Dimension::Areas if areas == Areas::Together => self.together(),
            Dimension::Areas => self.one_by_one(areas),
        }
    }

    fn together(&self) -> CoordPos {
        if self.rings.iter().any(|ring| ring.is_boundary) {
            CoordPos::OnBoundary
        } else if self.rings.iter().map(|ring| ring.winding).sum::<i32>() != 0 {
            CoordPos::Inside
        } else {
            CoordPos::Outside
        }
    }

    fn one_by_one(&mut self, areas: Areas) -> CoordPos {
        let first = if areas == Areas::Each {
            CoordPos::Inside
        } else {
            CoordPos::OnBoundary
        };
        self.rings.sort_unstable_by_key(|ring| ring.part);
        let mut rings = Self::default();
        self.rings.iter().for_each(|ring| rings.add(*ring));
        let mut location = CoordPos::Outside;
        for polygon in rings.rings.chunk_by(|a, b| a.shell == b.shell) {
            match of_polygon(polygon) {
                CoordPos::Outside => {}
                found if found == first => return found,
                found => location = found,
            }
        }
        location
    }
}

/// What the rings of one polygon say together: its shell, then its holes. A ring that says nothing is not among them.
fn of_polygon(rings: &[Ring]) -> CoordPos {
    let Some((shell, holes)) = rings.split_first().filter(|(first, _)| first.part == first.shell) else {
        return CoordPos::Outside;
    };
    if shell.is_boundary {
        return CoordPos::OnBoundary;
    }
    if shell.winding == 0 {
        return CoordPos::Outside;
    }
    for hole in holes {
        if hole.is_boundary {
            return CoordPos::OnBoundary;
        }
        if hole.winding != 0 {
            return CoordPos::Outside;
        }
    }
    CoordPos::Inside
}

/// By how much a line turns the winding number of a ring around a position, counted on a ray to the east: an upward line
/// includes its start and excludes its end, a downward one excludes its start and includes its end. `None`: the
/// position is on it.
fn crossing(line: geo::Line<f64>, at: Coord<f64>) -> Option<i32> {
    let (start, end) = (line.start, line.end);
    if (start.y > at.y) == (end.y > at.y) && start.y != at.y && end.y != at.y {
        return Some(0);
    }
    let is_upward = start.y <= at.y;
    if is_upward && end.y < at.y {
        return Some(0);
    }
    match <f64 as GeoNum>::Ker::orient2d(start, end, at) {
        Orientation::CounterClockwise if is_upward && end.y != at.y => Some(1),
        Orientation::Clockwise if !is_upward => Some(-1),
        Orientation::Collinear if start.x.min(end.x) <= at.x && at.x <= start.x.max(end.x) => None,
        _ => Some(0),
    }
}

/// Finding where a position lies of an index.
pub(super) struct Locating<'i> {
    at: Coord<f64>,
    areas: Areas,
    findings: Findings,
    stack: SmallVec<[&'i RTreeNode<Run>; 32]>,
}

impl<'i> Locating<'i> {
    pub(super) fn new(index: &'i Index, at: Coord<f64>, areas: Areas) -> Self {
        let mut locating = Self {
            at,
            areas,
            findings: Findings::default(),
            stack: SmallVec::new(),
        };
        locating.push(index, index.roots());
        locating
    }

    fn push(&mut self, index: &Index, nodes: &'i [RTreeNode<Run>]) {
        let is_area = index.dimension() == Dimension::Areas;
        let matters = |node: &&RTreeNode<Run>| {
            let bounds = bounds_of(node);
            if is_area {
                bounds.is_met_eastward(self.at)
            } else {
                bounds.holds(self.at)
            }
        };
        self.stack.extend(nodes.iter().filter(matters));
    }

    pub(super) fn advance(&mut self, index: &'i Index, steps: &mut Steps) -> Poll<CoordPos> {
        while !self.stack.is_empty() {
            if !steps.begin(1) {
                return Poll::Pending;
            }
            match self.stack.pop() {
                Some(RTreeNode::Parent(parent)) => self.push(index, parent.children()),
                Some(RTreeNode::Leaf(run)) => {
                    steps.spend(1);
                    if let Some(part) = index.part(run.part) {
                        let of = Belonging {
                            role: part.role,
                            part: run.part,
                            shell: part.shell,
                            begins: run.positions.start == 0,
                            ends: run.positions.end == part.len,
                        };
                        self.findings.look(of, index.positions_of_run(run), self.at);
                    }
                }
                None => {}
            }
        }
        Poll::Ready(self.findings.location(index.dimension(), self.areas))
    }
}

/// Finding where a position lies of a target.
pub(super) struct Scanning {
    at: Coord<f64>,
    findings: Findings,
    part: usize,
    run: usize,
}

/// Boxes that are looked at in one piece.
const BOXES_OF_A_PIECE: usize = 16;

impl Scanning {
    pub(super) fn new(at: Coord<f64>) -> Self {
        Self {
            at,
            findings: Findings::default(),
            part: 0,
            run: 0,
        }
    }

    pub(super) fn advance(&mut self, target: &Target<'_>, steps: &mut Steps) -> Poll<CoordPos> {
        while let Some(part) = target.parts().get(self.part) {
            if !steps.begin(2) {
                return Poll::Pending;
            }
            let is_area = Dimension::of(part.role) == Dimension::Areas;
            let matters = |bounds: &super::bounds::Bounds| {
                if is_area {
                    bounds.is_met_eastward(self.at)
                } else {
                    bounds.holds(self.at)
                }
            };
            if !matters(&part.bounds) || self.run >= part.runs.end {
                self.part += 1;
                self.run = target.parts().get(self.part).map_or(0, |next| next.runs.start);
                continue;
            }
            let until = part.runs.end.min(self.run + BOXES_OF_A_PIECE);
            let runs = target.runs().get(self.run..until).unwrap_or_default();
            match runs.iter().position(|run| matters(&run.bounds)) {
                None => self.run = until,
                Some(offset) => {
                    self.run += offset + 1;
                    if let Some(run) = runs.get(offset) {
                        let of = Belonging {
                            role: part.role,
                            part: self.part,
                            shell: part.shell,
                            begins: run.positions.start == 0,
                            ends: run.positions.end == part.len(),
                        };
                        self.findings.look(of, &target.positions_of_run(run), self.at);
                    }
                }
            }
        }
        Poll::Ready(self.findings.location(target.dimension(), Areas::One))
    }
}
