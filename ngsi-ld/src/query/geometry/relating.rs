//! Whether a target stands in a relation of clause 4.10 to a reference geometry. Positions are degrees on a plane here.
//!
//! Boxes that do not meet decide most pairs. Where no line of the one meets a line of the other, each part lies inside or
//! outside of the other as a whole, and one of its positions says which. Where they meet, the first contact decides
//! `intersects` and `disjoint`, and the first crossing most of the rest. Only what touches without crossing is left to the
//! general comparison ([`exact`]).

use std::task::{Poll, ready};

use geo::coordinate_position::CoordPos;

use super::TooComplex;
use super::contacts::{Contact, Contacts, Until};
use super::exact;
use super::index::Index;
use super::location::{Areas, Locating, Scanning};
use super::shape::Dimension;
use super::starts::{Start, Starts, Which};
use super::target::{Survey, Target};
use crate::entity::Geometry;
use crate::query::{GeoRelation, Steps};

/// What is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::query) enum Related {
    /// The target is a geometry that RFC 7946 excludes.
    NoGeometry,
    /// Whether it stands in the relation.
    Holds(bool),
    TooComplex,
}

/// Finding out.
pub(in crate::query) struct Relating<'a> {
    relation: GeoRelation,
    geometry: &'a Geometry,
    reference: Option<&'a Geometry>,
    index: &'a Index,
    areas: Areas,
    target: Target<'a>,
    in_reference: Tally,
    in_target: Tally,
    stage: Stage<'a>,
}

enum Stage<'a> {
    Survey(Survey<'a>),
    Contacts(Box<Contacts<'a>>),
    /// Where the parts of the target lie of the reference.
    OfTarget(Starts, Option<Box<Locating<'a>>>),
    /// Where the parts of the reference lie of the target.
    OfReference(Starts, Option<Box<Scanning>>),
}

/// Where parts of a geometry lie of the other.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    inside: bool,
    boundary: bool,
    outside: bool,
    /// All of it lies outside, and need not be looked for.
    is_known: bool,
}

impl Tally {
    const OUTSIDE: Self = Self {
        inside: false,
        boundary: false,
        outside: true,
        is_known: true,
    };

    fn add(&mut self, location: CoordPos, areas: Areas) {
        match location {
            CoordPos::Inside => self.inside = true,
            CoordPos::OnBoundary if areas == Areas::Together => self.outside = true,
            CoordPos::OnBoundary => self.boundary = true,
            CoordPos::Outside => self.outside = true,
        }
    }
}

impl<'a> Relating<'a> {
    pub(in crate::query) fn new(
        relation: GeoRelation,
        target: &'a Geometry,
        reference: &'a Geometry,
        index: &'a Index,
    ) -> Self {
        Self {
            reference: Some(reference),
            ..Self::within(target, index, Areas::Each).with(relation)
        }
    }

    /// Whether it is within the areas of an index.
    pub(in crate::query) fn within(target: &'a Geometry, index: &'a Index, areas: Areas) -> Self {
        Self {
            relation: GeoRelation::Within,
            geometry: target,
            reference: None,
            index,
            areas,
            target: Target::of(target),
            in_reference: Tally::default(),
            in_target: Tally::default(),
            stage: Stage::Survey(Survey::of(target)),
        }
    }

    fn with(self, relation: GeoRelation) -> Self {
        Self { relation, ..self }
    }

    pub(in crate::query) fn advance(&mut self, steps: &mut Steps) -> Poll<Related> {
        loop {
            match &mut self.stage {
                Stage::Survey(survey) => {
                    if ready!(survey.advance(&mut self.target, steps)).is_err() {
                        return Poll::Ready(Related::NoGeometry);
                    }
                    if let Some(holds) = self.begin() {
                        return Poll::Ready(Related::Holds(holds));
                    }
                }
                Stage::Contacts(contacts) => {
                    let contact = ready!(contacts.advance(self.index, &self.target, steps));
                    if let Some(related) = self.after_contacts(contact, steps) {
                        return Poll::Ready(related);
                    }
                    self.begin_locating();
                    if let Some(holds) = self.early() {
                        return Poll::Ready(Related::Holds(holds));
                    }
                }
                Stage::OfTarget(starts, locating) => {
                    let (index, areas) = (self.index, self.areas);
                    if let Some(some) = locating {
                        self.in_reference.add(ready!(some.advance(index, steps)), areas);
                        *locating = None;
                    } else {
                        if !steps.begin(2) {
                            return Poll::Pending;
                        }
                        match starts.next_of_target(&self.target, index.bounds()) {
                            Start::At(at) => *locating = Some(Box::new(Locating::new(index, at, areas))),
                            Start::Outside => self.in_reference.outside = true,
                            Start::End => self.stage = Stage::OfReference(Starts::new(Which::All), None),
                        }
                    }
                    if let Some(holds) = self.early() {
                        return Poll::Ready(Related::Holds(holds));
                    }
                }
                Stage::OfReference(..) if self.in_target.is_known => {
                    return Poll::Ready(Related::Holds(self.holds()));
                }
                Stage::OfReference(starts, scanning) => {
                    if let Some(some) = scanning {
                        self.in_target
                            .add(ready!(some.advance(&self.target, steps)), Areas::One);
                        *scanning = None;
                    } else {
                        if !steps.begin(2) {
                            return Poll::Pending;
                        }
                        match starts.next_of_index(self.index, self.target.bounds()) {
                            Start::At(at) => *scanning = Some(Box::new(Scanning::new(at))),
                            Start::Outside => self.in_target.outside = true,
                            Start::End => return Poll::Ready(Related::Holds(self.holds())),
                        }
                    }
                    if let Some(holds) = self.early() {
                        return Poll::Ready(Related::Holds(holds));
                    }
                }
            }
        }
    }

    /// What the boxes and dimensions decide; `None`: the next stage has begun.
    fn begin(&mut self) -> Option<bool> {
        let is_same = || self.reference.is_some_and(|reference| self.geometry == reference);
        if self.relation == GeoRelation::Equals && is_same() {
            // What is the same is equal, even a ring that crosses itself, of which no relation can be computed.
            return Some(true);
        }
        if !self.target.bounds().meets(self.index.bounds()) {
            return Some(self.relation == GeoRelation::Disjoint);
        }
        let (of_target, of_reference) = (self.target.dimension(), self.index.dimension());
        let is_collapsed = self.target.is_collapsed() || self.index.is_collapsed();
        // A point in an area is found in it, whatever the area looks like; in those of a permit all points are.
        let is_point = match self.areas {
            Areas::Together => of_target == Dimension::Points,
            Areas::Each | Areas::One => matches!(self.geometry, Geometry::Point(_)),
        };
        let is_found = is_point && of_reference == Dimension::Areas;
        if is_collapsed && !is_found {
            self.stage = Stage::Contacts(Box::new(Contacts::new(Until::Boxes(exact::MAX_STEPS))));
            return None;
        }
        let can_hold = match self.relation {
            GeoRelation::Within => of_target <= of_reference,
            GeoRelation::Contains => of_target >= of_reference,
            GeoRelation::Equals | GeoRelation::Overlaps => of_target == of_reference,
            GeoRelation::Intersects | GeoRelation::Disjoint => true,
            GeoRelation::Near { .. } => false,
        };
        if !can_hold {
            return Some(false);
        }
        if Dimension::Points == of_target.min(of_reference) {
            self.begin_locating();
            return self.early();
        }
        let until = match self.relation {
            GeoRelation::Intersects | GeoRelation::Disjoint => Until::Contact,
            _ if of_target == Dimension::Lines && of_reference == Dimension::Lines => Until::Boxes(exact::MAX_STEPS),
            _ => Until::Crossing {
                apart: of_target != of_reference,
            },
        };
        self.stage = Stage::Contacts(Box::new(Contacts::new(until)));
        None
    }

    /// Begins to find out where each part lies of the other geometry, where it can lie in it: in a line, or in points, only
    /// points can, when no lines meet.
    fn begin_locating(&mut self) {
        let (of_target, of_reference) = (self.target.dimension(), self.index.dimension());
        let is_outside = |dimension, other| other != Dimension::Areas && dimension != Dimension::Points;
        let is_of_points = of_target == Dimension::Points;
        if !is_of_points || (self.areas == Areas::Each && !matches!(self.geometry, Geometry::Point(_))) {
            self.areas = Areas::One;
        }
        if is_outside(of_target, of_reference) {
            self.in_reference = Tally::OUTSIDE;
        }
        // Where all points lie says by itself whether they are within something, or share anything with it.
        let is_enough = is_of_points
            && matches!(
                self.relation,
                GeoRelation::Within | GeoRelation::Intersects | GeoRelation::Disjoint
            );
        if is_enough || is_outside(of_reference, of_target) {
            self.in_target = Tally::OUTSIDE;
        }
        self.stage = if self.in_reference.is_known {
            Stage::OfReference(Starts::new(Which::All), None)
        } else {
            Stage::OfTarget(Starts::new(Which::All), None)
        };
    }

    /// What contacts decide; `None`: there are none, and each part lies inside or outside as a whole.
    fn after_contacts(&self, contact: Contact, steps: &mut Steps) -> Option<Related> {
        if contact.is_cut_off {
            return Some(Related::TooComplex);
        }
        let is_collapsed = self.target.is_collapsed() || self.index.is_collapsed();
        if !contact.meet && !is_collapsed {
            return None;
        }
        if !is_collapsed {
            match self.relation {
                GeoRelation::Intersects => return Some(Related::Holds(true)),
                GeoRelation::Disjoint => return Some(Related::Holds(false)),
                // The boundary of an area is crossed: there is something on both sides of it.
                _ if contact.cross => return Some(Related::Holds(self.relation == GeoRelation::Overlaps)),
                // Each is all of the other, where no line of it crosses another.
                _ if self.reference.is_some_and(|reference| self.geometry == reference) => {
                    return Some(Related::Holds(self.relation != GeoRelation::Overlaps));
                }
                _ => {}
            }
        }
        Some(
            match exact::holds(self.relation, &self.target, self.index, contact, steps) {
                Ok(holds) => Related::Holds(holds),
                Err(TooComplex) => Related::TooComplex,
            },
        )
    }

    /// Whether what is known of some parts decides already.
    fn early(&self) -> Option<bool> {
        let (target, reference) = (&self.in_reference, &self.in_target);
        let shared = target.inside || target.boundary || reference.inside || reference.boundary;
        match self.relation {
            GeoRelation::Within => target.outside.then_some(false),
            GeoRelation::Contains => reference.outside.then_some(false),
            GeoRelation::Equals => (target.outside || reference.outside).then_some(false),
            GeoRelation::Intersects => shared.then_some(true),
            GeoRelation::Disjoint => shared.then_some(false),
            GeoRelation::Overlaps | GeoRelation::Near { .. } => None,
        }
    }

    /// What follows from where all parts lie.
    fn holds(&self) -> bool {
        let (target, reference) = (&self.in_reference, &self.in_target);
        let is_area = |dimension| dimension == Dimension::Areas;
        // Around a ring of the one inside of the other there is something of the other that is outside of the one.
        let target_outside = target.outside || (reference.inside && is_area(self.index.dimension()));
        let reference_outside = reference.outside || (target.inside && is_area(self.target.dimension()));
        let share_inside = target.inside || reference.inside;
        let share = share_inside || target.boundary || reference.boundary;
        match self.relation {
            GeoRelation::Within => share_inside && !target_outside,
            GeoRelation::Contains => share_inside && !reference_outside,
            GeoRelation::Equals => share_inside && !target_outside && !reference_outside,
            GeoRelation::Intersects => share,
            GeoRelation::Disjoint => !share,
            GeoRelation::Overlaps => share_inside && target_outside && reference_outside,
            GeoRelation::Near { .. } => false,
        }
    }
}
