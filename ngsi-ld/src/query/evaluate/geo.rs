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
    let reference = &query.geometry;
    let Some(near) = Near::of(query.relation) else {
        let relating = Relating::new(query.relation, target, reference, reference.index());
        return Begun::Later(Box::new(Comparison::Relating(relating)));
    };
    if let (Geometry::Point(a), Geometry::Point(b)) = (target, reference.geometry()) {
        return Begun::Decided(target.check().is_ok() && near_of_points(near, *a, *b));
    }
    let nearest = Nearest::new(target, reference.index(), Asked::Near(near));
    Begun::Later(Box::new(Comparison::Nearest(nearest)))
}

impl Comparison<'_> {
    fn advance(&mut self, steps: &mut Steps) -> Poll<Result<bool, TooComplex>> {
        Poll::Ready(match self {
            Self::Nearest(nearest) => Ok(ready!(nearest.advance(steps)) == Found::IsNear(true)),
            Self::Relating(relating) => match ready!(relating.advance(steps)) {
                Related::Holds(holds) => Ok(holds),
                Related::NoGeometry => Ok(false),
                Related::TooComplex => Err(TooComplex),
            },
        })
    }
}

/// The least distance between two geometries, in metres on the WGS84 ellipsoid; 0 where they share a point. Of something
/// that is no geometry: infinite.
#[must_use]
pub fn distance_metres(a: &Geometry, b: &Geometry) -> f64 {
    let reference = ReferenceGeometry::from(b.clone());
    let mut nearest = Nearest::new(a, reference.index(), Asked::Geodesic);
    match nearest.advance(&mut Steps::unbounded()) {
        Poll::Ready(Found::Metres(metres)) => metres,
        _ => f64::INFINITY,
    }
}
