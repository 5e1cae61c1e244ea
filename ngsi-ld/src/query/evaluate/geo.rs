//! The relations of clause 4.10, and distances on the ellipsoid.
//!
//! Positions are degrees on a plane for every relation but `near`, as RFC 7946 draws lines between them: straight
//! in longitude and latitude. Distances are geodesics of WGS84, in metres.

use std::task::{Poll, ready};

use crate::Entity;
use crate::entity::{AttributeValue, Geometry, Instance};
use crate::query::geometry::{Asked, Found, Near, Nearest, Related, Relating, near_of_points};
use crate::query::{GeoQuery, GeoRelation, ReferenceGeometry, Steps, TooComplex};

/// Steps for comparing a query with a place: some 100 us. Whoever asks has many places before them.
const STEPS_FOR_A_PLACE: usize = 1_000;

impl GeoQuery {
    /// Whether an instance of the GeoProperty stands in the relation. An entity without it does not match, nor
    /// does a geometry that RFC 7946 excludes. One that is too complex to be compared does not match either:
    /// whoever must tell it from the others uses [`begin`](Self::begin).
    #[must_use]
    //= 4.10-4
    pub fn matches(&self, entity: &Entity) -> bool {
        let mut steps = Steps::unbounded();
        matches!(self.begin(entity).advance(&mut steps), Poll::Ready(Ok(true)))
    }

    /// Whether an entity that lies within a place may match. Where that would take long to find out, it may.
    #[must_use]
    pub fn may_be_met_within(&self, place: &Geometry) -> bool {
        let relation = match self.relation {
            GeoRelation::Disjoint | GeoRelation::Near { max: None, .. } => return true,
            GeoRelation::Near { max, .. } => GeoRelation::Near { min: None, max },
            // Whatever stands in another relation shares a point with the geometry of the query, and the place has that point.
            _ => GeoRelation::Intersects,
        };
        let wider = Self {
            relation,
            ..self.clone()
        };
        let mut steps = Steps::new(STEPS_FOR_A_PLACE);
        match begin(&wider, place) {
            Begun::Decided(may) => may,
            Begun::Later(mut comparison) => match comparison.advance(&mut steps) {
                Poll::Ready(Ok(may)) => may,
                Poll::Ready(Err(TooComplex)) | Poll::Pending => true,
            },
        }
    }

    /// Begins to find out whether an entity matches.
    #[must_use]
    pub fn begin<'a>(&'a self, entity: &'a Entity) -> GeoEvaluation<'a> {
        let instances = entity.attribute(&self.property).map(|attribute| &*attribute.instances);
        GeoEvaluation {
            query: self,
            rest: instances.unwrap_or_default().iter(),
            current: None,
            is_too_complex: false,
        }
    }
}

/// Finding out whether an entity matches a geo-query. It can be interrupted at any step.
pub struct GeoEvaluation<'a> {
    query: &'a GeoQuery,
    rest: std::slice::Iter<'a, Instance>,
    current: Option<Box<Comparison<'a>>>,
    is_too_complex: bool,
}

/// One instance against the geometry of the query.
enum Comparison<'a> {
    Nearest(Nearest<'a>),
    Relating(Relating<'a>),
    Collection(Collected<'a>),
}

impl<'a> GeoEvaluation<'a> {
    /// Goes on until it is known whether the entity matches, or the steps are spent: the next call goes on then. Comparing
    /// two geometries that touch may take more steps than are left, some 200,000 more at most.
    ///
    /// [`TooComplex`]: no instance is known to match, and of one it cannot be said in a bounded time.
    pub fn advance(&mut self, steps: &mut Steps) -> Poll<Result<bool, TooComplex>> {
        loop {
            if let Some(current) = &mut self.current {
                let matches = ready!(current.advance(steps));
                self.current = None;
                match matches {
                    Ok(true) => return Poll::Ready(Ok(true)),
                    Ok(false) => {}
                    Err(TooComplex) => self.is_too_complex = true,
                }
            }
            if !steps.begin(2) {
                return Poll::Pending;
            }
            let Some(instance) = self.rest.next() else {
                let result = if self.is_too_complex {
                    Err(TooComplex)
                } else {
                    Ok(false)
                };
                return Poll::Ready(result);
            };
            let AttributeValue::GeoProperty(target) = &instance.value else {
                continue;
            };
            match begin(self.query, target) {
                Begun::Decided(true) => return Poll::Ready(Ok(true)),
                Begun::Decided(false) => {}
                Begun::Later(comparison) => self.current = Some(comparison),
            }
        }
    }
}

/// What is known of an instance at once.
enum Begun<'a> {
    Decided(bool),
    Later(Box<Comparison<'a>>),
}

/// What two points decide, or the beginning of what takes longer.
fn begin<'a>(query: &'a GeoQuery, target: &'a Geometry) -> Begun<'a> {
    match target {
        Geometry::GeometryCollection(_) => {
            let collected = Collected::new(query.relation, target, &query.geometry);
            Begun::Later(Box::new(Comparison::Collection(collected)))
        }
        _ => begin_with(query.relation, target, &query.geometry),
    }
}

/// The same with a geometry that is no collection.
fn begin_with<'a>(relation: GeoRelation, target: &'a Geometry, reference: &'a ReferenceGeometry) -> Begun<'a> {
    let Some(near) = Near::of(relation) else {
        let relating = Relating::new(relation, target, reference, reference.index());
        return Begun::Later(Box::new(Comparison::Relating(relating)));
    };
    if let (Geometry::Point(a), Geometry::Point(b)) = (target, reference.geometry()) {
        return Begun::Decided(target.check().is_ok() && near_of_points(near, *a, *b));
    }
    let nearest = Nearest::new(target, reference.index(), Asked::Near(near));
    Begun::Later(Box::new(Comparison::Nearest(nearest)))
}

impl Comparison<'_> {
    //= 4.10-3
    fn advance(&mut self, steps: &mut Steps) -> Poll<Result<bool, TooComplex>> {
        Poll::Ready(match self {
            Self::Nearest(nearest) => Ok(ready!(nearest.advance(steps)) == Found::IsNear(true)),
            Self::Relating(relating) => match ready!(relating.advance(steps)) {
                Related::Holds(holds) => Ok(holds),
                Related::NoGeometry => Ok(false),
                Related::TooComplex => Err(TooComplex),
            },
            Self::Collection(collected) => ready!(collected.advance(steps)),
        })
    }
}

/// A collection against the geometry of a query. What it is follows from how its points, its lines and its areas stand to
/// that, each by themselves.
struct Collected<'a> {
    relation: GeoRelation,
    reference: &'a ReferenceGeometry,
    rest: std::vec::IntoIter<(GeoRelation, &'a Geometry)>,
    answers: Vec<bool>,
    current: Option<Box<Comparison<'a>>>,
}

impl<'a> Collected<'a> {
    fn new(relation: GeoRelation, target: &'a Geometry, reference: &'a ReferenceGeometry) -> Self {
        let parts = target.uniform();
        // Those of most dimensions, which decide what it is like as a whole; the others can only stand out from them.
        let (most, others) = match parts.split_last() {
            Some((most, others)) => (Some(most), others),
            None => (None, parts),
        };
        let others_within = || others.iter().map(|part| (GeoRelation::Within, part));
        let asked: Vec<(GeoRelation, &Geometry)> = match relation {
            GeoRelation::Within | GeoRelation::Intersects | GeoRelation::Disjoint | GeoRelation::Contains => {
                parts.iter().map(|part| (relation, part)).collect()
            }
            // As far away as the nearest of its parts: one of them must be near enough, and each far enough.
            GeoRelation::Near { min, max } => {
                let at_most = max.map(|max| GeoRelation::Near {
                    min: None,
                    max: Some(max),
                });
                let at_least = min.map(|min| GeoRelation::Near {
                    min: Some(min),
                    max: None,
                });
                let bounds = at_most.into_iter().chain(at_least);
                bounds
                    .flat_map(|bound| parts.iter().map(move |part| (bound, part)))
                    .collect()
            }
            GeoRelation::Equals => {
                let most = most.map(|part| (GeoRelation::Equals, part));
                most.into_iter().chain(others_within()).collect()
            }
            GeoRelation::Overlaps => {
                let relations = [GeoRelation::Overlaps, GeoRelation::Within, GeoRelation::Equals];
                let most = most.map(|part| relations.map(|relation| (relation, part)));
                most.into_iter().flatten().chain(others_within()).collect()
            }
        };
        Self {
            relation,
            reference,
            answers: Vec::with_capacity(asked.len()),
            rest: asked.into_iter(),
            current: None,
        }
    }

    fn advance(&mut self, steps: &mut Steps) -> Poll<Result<bool, TooComplex>> {
        loop {
            if let Some(current) = &mut self.current {
                match ready!(current.advance(steps)) {
                    Ok(holds) => self.answers.push(holds),
                    Err(TooComplex) => return Poll::Ready(Err(TooComplex)),
                }
                self.current = None;
            }
            if !steps.begin(2) {
                return Poll::Pending;
            }
            let Some((relation, part)) = self.rest.next() else {
                return Poll::Ready(Ok(self.holds()));
            };
            match begin_with(relation, part, self.reference) {
                Begun::Decided(holds) => self.answers.push(holds),
                Begun::Later(comparison) => self.current = Some(comparison),
            }
        }
    }

    /// What follows from the answers, which stand in the order in which they were asked for.
    fn holds(&self) -> bool {
        let any = |answers: &[bool]| answers.contains(&true);
        let all = |answers: &[bool]| !answers.is_empty() && !answers.contains(&false);
        match self.relation {
            GeoRelation::Within
            | GeoRelation::Disjoint
            | GeoRelation::Equals
            | GeoRelation::Near {
                min: Some(_),
                max: None,
            } => all(&self.answers),
            GeoRelation::Intersects | GeoRelation::Contains | GeoRelation::Near { min: None, .. } => any(&self.answers),
            GeoRelation::Near { .. } => {
                let half = self.answers.len() / 2;
                let halves = self.answers.split_at_checked(half);
                halves.is_some_and(|(at_most, at_least)| any(at_most) && all(at_least))
            }
            GeoRelation::Overlaps => match self.answers.as_slice() {
                [overlaps, is_within, is_same, others @ ..] => {
                    *overlaps || (*is_within && !*is_same && others.contains(&false))
                }
                _ => false,
            },
        }
    }
}

/// The least distance between two geometries, in metres on the WGS84 ellipsoid; 0 where they share a point. Of something
/// that is no geometry: infinite.
#[must_use]
pub fn distance_metres(a: &Geometry, b: &Geometry) -> f64 {
    let reference = ReferenceGeometry::from(b.clone());
    let of_part = |part: &Geometry| {
        let mut nearest = Nearest::new(part, reference.index(), Asked::Geodesic);
        match nearest.advance(&mut Steps::unbounded()) {
            Poll::Ready(Found::Metres(metres)) => metres,
            _ => f64::INFINITY,
        }
    };
    a.uniform().iter().map(of_part).fold(f64::INFINITY, f64::min)
}
