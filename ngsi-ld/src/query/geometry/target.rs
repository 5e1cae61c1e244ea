//! A target geometry, looked at once from its first position to its last: whether it is sound, and where its lines lie.

use std::task::Poll;

use geo::Coord;

use super::bounds::Bounds;
use super::shape::{Collapse, Dimension, Positions, RUN, Run};
use crate::entity::{Geometry, InvalidGeometry, Part, Parts, Position, Role};
use crate::query::Steps;

/// Positions that are looked at in one piece.
const POSITIONS_OF_A_PIECE: usize = 4 * RUN;

/// A target geometry, as far as it has been looked at.
pub(super) struct Target<'e> {
    parts: Vec<TargetPart<'e>>,
    runs: Vec<Run>,
    bounds: Bounds,
    size: usize,
    dimension: Dimension,
    is_multi: bool,
    is_collapsed: bool,
}

/// A part of it.
pub(super) struct TargetPart<'e> {
    pub(super) role: Role,
    positions: &'e [Position],
    /// Of a ring: the place of the polygon's shell among the parts. Of another part: its own.
    pub(super) shell: usize,
    /// Where its positions begin among all.
    pub(super) first: usize,
    pub(super) bounds: Bounds,
    /// Its runs among all.
    pub(super) runs: std::ops::Range<usize>,
}

impl<'e> Target<'e> {
    pub(super) const fn of(geometry: &Geometry) -> Self {
        Self {
            parts: Vec::new(),
            runs: Vec::new(),
            bounds: Bounds::NOTHING,
            size: 0,
            dimension: Dimension::Points,
            is_multi: matches!(
                geometry,
                Geometry::MultiPoint(_) | Geometry::MultiLineString(_) | Geometry::MultiPolygon(_)
            ),
            is_collapsed: false,
        }
    }

    pub(super) fn parts(&self) -> &[TargetPart<'e>] {
        &self.parts
    }

    pub(super) fn runs(&self) -> &[Run] {
        &self.runs
    }

    pub(super) fn part_of(&self, run: &Run) -> Option<&TargetPart<'e>> {
        self.parts.get(run.part)
    }

    /// The positions of a run, for computation.
    pub(super) fn positions_of_run(&self, run: &Run) -> Positions {
        let part = self.part_of(run);
        let positions = part.and_then(|part| part.positions.get(run.positions.clone()));
        positions
            .unwrap_or_default()
            .iter()
            .map(|position| Coord::from(*position))
            .collect()
    }

    pub(super) const fn bounds(&self) -> &Bounds {
        &self.bounds
    }

    /// How many positions it has.
    pub(super) const fn size(&self) -> usize {
        self.size
    }

    pub(super) const fn dimension(&self) -> Dimension {
        self.dimension
    }

    /// Whether a part of it has fewer dimensions than it should.
    pub(super) const fn is_collapsed(&self) -> bool {
        self.is_collapsed
    }

    /// Whether it may have several parts that touch, as its type says.
    pub(super) const fn is_multi(&self) -> bool {
        self.is_multi
    }
}

impl TargetPart<'_> {
    pub(super) fn len(&self) -> usize {
        self.positions.len()
    }

    pub(super) fn position(&self, place: usize) -> Option<Coord<f64>> {
        self.positions.get(place).copied().map(Coord::from)
    }

    pub(super) fn coords(&self) -> impl Iterator<Item = Coord<f64>> {
        self.positions.iter().copied().map(Coord::from)
    }
}

/// Looking at a target.
pub(super) struct Survey<'e> {
    rest: Parts<'e>,
    current: Option<Current<'e>>,
}

/// The part that is looked at.
struct Current<'e> {
    part: Part<'e>,
    next: usize,
    collapse: Collapse,
}

impl<'e> Survey<'e> {
    pub(super) fn of(geometry: &'e Geometry) -> Self {
        Self {
            rest: geometry.parts(),
            current: None,
        }
    }

    /// Goes on; the target is whole when this is ready.
    pub(super) fn advance(&mut self, target: &mut Target<'e>, steps: &mut Steps) -> Poll<Result<(), InvalidGeometry>> {
        loop {
            if !steps.begin(3) {
                return Poll::Pending;
            }
            let Some(current) = &mut self.current else {
                let Some(part) = self.rest.next() else {
                    return Poll::Ready(Ok(()));
                };
                if let Err(error) = part.check_length() {
                    return Poll::Ready(Err(error));
                }
                self.current = Some(target.begin(part));
                continue;
            };
            match current.look(target) {
                Err(error) => return Poll::Ready(Err(error)),
                Ok(true) => self.current = None,
                Ok(false) => {}
            }
        }
    }
}

impl<'e> Target<'e> {
    fn begin(&mut self, part: Part<'e>) -> Current<'e> {
        let place = self.parts.len();
        let last_shell = self.parts.last().map_or(place, |part| part.shell);
        self.parts.push(TargetPart {
            role: part.role,
            positions: part.positions,
            shell: if part.role == Role::Hole { last_shell } else { place },
            first: self.size,
            bounds: Bounds::NOTHING,
            runs: self.runs.len()..self.runs.len(),
        });
        self.size += part.positions.len();
        self.dimension = Dimension::of(part.role);
        Current {
            part,
            next: 0,
            collapse: Collapse::default(),
        }
    }
}

impl Current<'_> {
    /// Looks at the next positions. `true`: there are no more.
    fn look(&mut self, target: &mut Target<'_>) -> Result<bool, InvalidGeometry> {
        let end = self.part.positions.len().min(self.next + POSITIONS_OF_A_PIECE);
        let is_points = self.part.role == Role::Points;
        let Some(place) = target.parts.len().checked_sub(1) else {
            return Ok(true);
        };
        while self.next < end {
            // The last position of one run is the first of the next, where they are lines.
            let start = if is_points {
                self.next
            } else {
                self.next.saturating_sub(1)
            };
            let until = self
                .part
                .positions
                .len()
                .min(start + if is_points { RUN } else { RUN + 1 });
            let mut bounds = Bounds::NOTHING;
            for position in self.part.positions.get(start..until).unwrap_or_default() {
                position.check()?;
                let position = Coord::from(*position);
                bounds.add(position);
                self.collapse.add(position);
            }
            target.runs.push(Run {
                bounds,
                part: place,
                positions: start..until,
            });
            target.bounds.join(&bounds);
            if let Some(part) = target.parts.last_mut() {
                part.bounds.join(&bounds);
                part.runs.end = target.runs.len();
            }
            self.next = until;
        }
        if self.next < self.part.positions.len() {
            return Ok(false);
        }
        self.part.check_end()?;
        target.is_collapsed |= self.collapse.is_collapsed(self.part.role);
        Ok(true)
    }
}
