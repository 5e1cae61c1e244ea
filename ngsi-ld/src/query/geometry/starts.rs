//! The positions that say where a geometry lies of another whose lines it does not meet: the first of each line and of
//! each ring, and every point.

use geo::Coord;

use super::bounds::Bounds;
use super::index::Index;
use super::target::Target;
use crate::entity::Role;

/// Of which parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    All,
    /// Without the holes of areas.
    Outer,
}

/// Going through them.
#[derive(Debug)]
pub(super) struct Starts {
    which: Which,
    part: usize,
    place: usize,
}

/// The next one.
pub(super) enum Start {
    /// It lies in the box around the other.
    At(Coord<f64>),
    /// At least one lies outside of that box, and so outside of the other.
    Outside,
    End,
}

/// Positions that are passed by in one piece.
const PASSED_IN_A_PIECE: usize = 32;

impl Starts {
    pub(super) const fn new(which: Which) -> Self {
        Self {
            which,
            part: 0,
            place: 0,
        }
    }

    pub(super) fn next_of_target(&mut self, target: &Target<'_>, other: &Bounds) -> Start {
        self.next(other, |part, place| {
            let part = target.parts().get(part)?;
            Some((part.role, part.position(place)))
        })
    }

    pub(super) fn next_of_index(&mut self, index: &Index, other: &Bounds) -> Start {
        self.next(other, |part, place| {
            let part = index.part(part)?;
            Some((part.role, index.positions_of(part).get(place).copied()))
        })
    }

    fn next(&mut self, other: &Bounds, get: impl Fn(usize, usize) -> Option<(Role, Option<Coord<f64>>)>) -> Start {
        let mut passed = 0;
        while passed < PASSED_IN_A_PIECE {
            let Some((role, position)) = get(self.part, self.place) else {
                return if passed > 0 { Start::Outside } else { Start::End };
            };
            let Some(position) = position else {
                (self.part, self.place) = (self.part + 1, 0);
                continue;
            };
            if role == Role::Hole && self.which == Which::Outer {
                self.part += 1;
                passed += 1;
                continue;
            }
            if other.holds(position) {
                if passed > 0 {
                    return Start::Outside;
                }
                self.step(role);
                return Start::At(position);
            }
            self.step(role);
            passed += 1;
        }
        Start::Outside
    }

    fn step(&mut self, role: Role) {
        if role == Role::Points {
            self.place += 1;
        } else {
            self.part += 1;
        }
    }
}
