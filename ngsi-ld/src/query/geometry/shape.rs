//! What the index of a reference geometry and a target geometry that is looked at have in common.

use std::ops::Range;

use geo::Coord;
use smallvec::SmallVec;

use super::bounds::Bounds;
use crate::entity::Role;

/// Most lines of a run. A run is looked at in one piece.
pub(super) const RUN: usize = 8;

/// A few neighbouring lines of one part, or a few points.
#[derive(Debug, Clone)]
pub(super) struct Run {
    pub(super) bounds: Bounds,
    /// The place of the part among all parts.
    pub(super) part: usize,
    /// The places of its positions in the part; the last of one run is the first of the next, where they are lines.
    pub(super) positions: Range<usize>,
}

/// The positions of a run.
pub(super) type Positions = SmallVec<[Coord<f64>; RUN + 1]>;

/// Of how many dimensions something is: 0 points, 1 lines, 2 areas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Dimension {
    Points,
    Lines,
    Areas,
}

impl Dimension {
    pub(super) const fn of(role: Role) -> Self {
        match role {
            Role::Points | Role::Nothing => Self::Points,
            Role::Line => Self::Lines,
            Role::Shell | Role::Hole => Self::Areas,
        }
    }
}

/// The places of a part's positions, run by run: `step` lines each, or as many points.
pub(super) fn runs(role: Role, positions: usize, step: usize) -> impl Iterator<Item = Range<usize>> {
    let is_points = role == Role::Points;
    let lines = if is_points {
        positions
    } else {
        positions.saturating_sub(1)
    };
    (0..lines).step_by(step).map(move |start| {
        let end = lines.min(start + step);
        start..if is_points { end } else { end + 1 }
    })
}

/// The lines between positions; a point is a line to itself.
pub(super) fn lines(role: Role, positions: &[Coord<f64>]) -> impl Iterator<Item = geo::Line<f64>> + Clone {
    let ends = if role == Role::Points {
        positions
    } else {
        positions.get(1..).unwrap_or_default()
    };
    positions
        .iter()
        .zip(ends)
        .map(|(start, end)| geo::Line::new(*start, *end))
}

/// Whether a ring or a line has fewer dimensions than one should: all its positions are one, or a ring's are two.
/// [`geo`] takes it for what it looks like then.
#[derive(Debug, Default, Clone)]
pub(super) struct Collapse {
    distinct: SmallVec<[Coord<f64>; 3]>,
}

impl Collapse {
    pub(super) fn add(&mut self, position: Coord<f64>) {
        if self.distinct.len() < 3 && !self.distinct.contains(&position) {
            self.distinct.push(position);
        }
    }

    pub(super) fn is_collapsed(&self, role: Role) -> bool {
        match role {
            Role::Points | Role::Nothing => false,
            Role::Line => self.distinct.len() < 2,
            Role::Shell | Role::Hole => self.distinct.len() < 3,
        }
    }
}
