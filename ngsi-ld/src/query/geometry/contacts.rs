//! Where the lines of a target and of a reference geometry meet.

use std::task::Poll;

use geo::algorithm::line_intersection::line_intersection;
use geo::{Coord, Line, LineIntersection};
use rstar::RTreeNode;
use smallvec::SmallVec;

use super::bounds::Bounds;
use super::index::{Index, bounds_of};
use super::shape::{Dimension, Positions, Run, lines};
use super::target::Target;
use crate::entity::Role;
use crate::query::Steps;

/// When there is no need to look any further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Until {
    /// As soon as two lines share a place.
    Contact,
    /// As soon as one crosses another. With `apart` it must not be where a third one is.
    Crossing { apart: bool },
    /// When so many boxes of two lines have met.
    Boxes(usize),
}

/// How they meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Contact {
    pub(super) meet: bool,
    /// One crosses another, inside of both; only looked for where it is asked.
    pub(super) cross: bool,
    /// How many pairs of lines have boxes that meet, as far as it was looked.
    pub(super) boxes: usize,
    /// How many of these touch without crossing.
    pub(super) touching: usize,
    /// More boxes meet than were to be looked at: what else is known is not all.
    pub(super) is_cut_off: bool,
}

/// Looking for them.
pub(super) struct Contacts<'a> {
    until: Until,
    found: Contact,
    run: usize,
    few: Option<Few>,
    stack: SmallVec<[&'a RTreeNode<Run>; 32]>,
    leaf: Option<(&'a Run, usize)>,
}

/// A few neighbouring lines of the target.
struct Few {
    role: Role,
    bounds: Bounds,
    positions: Positions,
}

/// Runs that are passed by in one piece.
const PASSED_IN_A_PIECE: usize = 32;

impl<'a> Contacts<'a> {
    pub(super) fn new(until: Until) -> Self {
        Self {
            until,
            found: Contact {
                meet: false,
                cross: false,
                boxes: 0,
                touching: 0,
                is_cut_off: false,
            },
            run: 0,
            few: None,
            stack: SmallVec::new(),
            leaf: None,
        }
    }

    pub(super) fn advance(&mut self, index: &'a Index, target: &Target<'_>, steps: &mut Steps) -> Poll<Contact> {
        loop {
            if !steps.begin(1) {
                return Poll::Pending;
            }
            let Some(few) = &self.few else {
                if self.next_few(index, target) {
                    continue;
                }
                return Poll::Ready(self.found);
            };
            if let Some((run, place)) = self.leaf {
                let is_last = place + 1 >= few.positions.len();
                self.leaf = (!is_last).then_some((run, place + 1));
                let before = self.found.boxes;
                let is_enough = self.compare(index, target, run, place);
                steps.spend(self.found.boxes - before);
                if is_enough {
                    return Poll::Ready(self.found);
                }
                continue;
            }
            match self.stack.pop() {
                None => self.few = None,
                Some(RTreeNode::Leaf(run)) => self.leaf = Some((run, 0)),
                Some(RTreeNode::Parent(parent)) => {
                    let nodes = parent.children().iter();
                    self.stack
                        .extend(nodes.filter(|node| bounds_of(node).meets(&few.bounds)));
                }
            }
        }
    }

    /// The next lines of the target that may meet something. `false`: there are none.
    fn next_few(&mut self, index: &'a Index, target: &Target<'_>) -> bool {
        for _ in 0..PASSED_IN_A_PIECE {
            let Some(run) = target.runs().get(self.run) else {
                return false;
            };
            self.run += 1;
            let role = target.part_of(run).map_or(Role::Nothing, |part| part.role);
            if Dimension::of(role) == Dimension::Points || !run.bounds.meets(index.bounds()) {
                continue;
            }
            self.stack.clear();
            let roots = index.roots().iter();
            self.stack
                .extend(roots.filter(|node| bounds_of(node).meets(&run.bounds)));
            self.few = Some(Few {
                role,
                bounds: run.bounds,
                positions: target.positions_of_run(run),
            });
            break;
        }
        true
    }

    /// Compares a line with those of a run. `true`: there is no need to look any further.
    fn compare(&mut self, index: &'a Index, target: &Target<'_>, run: &'a Run, place: usize) -> bool {
        let Some(few) = &self.few else {
            return true;
        };
        let role = index.role_of(run);
        if Dimension::of(role) == Dimension::Points {
            return false;
        }
        let (Some(start), Some(end)) = (few.positions.get(place), few.positions.get(place + 1)) else {
            return false;
        };
        let (line, bounds) = (Line::new(*start, *end), Bounds::of_line(*start, *end));
        if !bounds.meets(&run.bounds) {
            return false;
        }
        for other in lines(role, index.positions_of_run(run)) {
            if !bounds.meets(&Bounds::of_line(other.start, other.end)) {
                continue;
            }
            self.found.boxes += 1;
            let Some(intersection) = line_intersection(line, other) else {
                continue;
            };
            self.found.meet = true;
            self.found.touching += usize::from(!intersection.is_proper());
            match (self.until, intersection) {
                (Until::Contact, _) => return true,
                (
                    Until::Crossing { apart },
                    LineIntersection::SinglePoint {
                        intersection,
                        is_proper: true,
                    },
                ) if !apart || is_apart(intersection, [line, other], (few.role, role), index, target) => {
                    self.found.cross = true;
                    return true;
                }
                _ => {}
            }
        }
        self.found.is_cut_off = matches!(self.until, Until::Boxes(most) if self.found.boxes > most);
        self.found.is_cut_off
    }
}

/// Whether two lines cross where no other part of an area that one of them bounds can be: there the other side of the
/// boundary may be inside, too.
fn is_apart(
    crossing: Coord<f64>,
    both: [Line<f64>; 2],
    roles: (Role, Role),
    index: &Index,
    target: &Target<'_>,
) -> bool {
    let is_end = |line: &Line<f64>| line.start == crossing || line.end == crossing;
    if both.iter().any(is_end) {
        return false;
    }
    let is_of_area = |role| Dimension::of(role) == Dimension::Areas;
    let is_alone_in_target = !is_of_area(roles.0) || target.parts().len() == 1;
    let is_alone_in_reference =
        !is_of_area(roles.1) || index.parts().len() == 1 || index.runs_at(crossing).nth(1).is_none();
    is_alone_in_target && is_alone_in_reference
}
