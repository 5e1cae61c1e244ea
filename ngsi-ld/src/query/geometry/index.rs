//! A reference geometry made ready: asked once, it is compared with thousands of targets.

pub(super) mod density;

use std::sync::OnceLock;

use geo::{Coord, LineString, MultiLineString, MultiPoint, MultiPolygon, Polygon};
use rstar::{AABB, RTree, RTreeNode, RTreeObject};

use self::density::Density;
use super::bounds::Bounds;
use super::shape::{Collapse, Dimension, RUN, Run, runs};
use crate::entity::{Geometry, Role};

/// A geometry with a tree of its lines.
pub(in crate::query) struct Index {
    positions: Vec<Coord<f64>>,
    parts: Vec<IndexedPart>,
    tree: RTree<Run>,
    bounds: Bounds,
    dimension: Dimension,
    is_multi: bool,
    is_collapsed: bool,
    density: OnceLock<Density>,
}

/// A part of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct IndexedPart {
    pub(super) role: Role,
    /// Of a ring: the place of the polygon's shell among the parts. Of another part: its own.
    pub(super) shell: usize,
    /// Where its positions begin among all.
    pub(super) first: usize,
    pub(super) len: usize,
}

impl RTreeObject for Run {
    type Envelope = AABB<[f64; 2]>;

    fn envelope(&self) -> Self::Envelope {
        self.bounds.to_envelope()
    }
}

/// Puts parts together.
struct Builder {
    index: Index,
    runs: Vec<Run>,
}

impl Index {
    pub(in crate::query) fn of(geometry: &Geometry) -> Self {
        let is_multi = matches!(
            geometry,
            Geometry::MultiPoint(_) | Geometry::MultiLineString(_) | Geometry::MultiPolygon(_)
        );
        let mut builder = Builder::new(is_multi);
        for part in geometry.parts() {
            builder.add(part.role, part.positions.iter().map(|position| Coord::from(*position)));
        }
        builder.build()
    }

    pub(in crate::query) fn of_areas(polygons: &MultiPolygon<f64>) -> Self {
        let mut builder = Builder::new(true);
        for polygon in polygons {
            builder.add(Role::Shell, polygon.exterior().0.iter().copied());
            for hole in polygon.interiors() {
                builder.add(Role::Hole, hole.0.iter().copied());
            }
        }
        builder.build()
    }

    pub(super) fn part(&self, place: usize) -> Option<&IndexedPart> {
        self.parts.get(place)
    }

    pub(super) fn parts(&self) -> &[IndexedPart] {
        &self.parts
    }

    pub(super) fn positions_of(&self, part: &IndexedPart) -> &[Coord<f64>] {
        self.positions
            .get(part.first..part.first + part.len)
            .unwrap_or_default()
    }

    pub(super) fn role_of(&self, run: &Run) -> Role {
        self.part(run.part).map_or(Role::Nothing, |part| part.role)
    }

    pub(super) fn positions_of_run(&self, run: &Run) -> &[Coord<f64>] {
        let part = self.part(run.part);
        let positions = part.and_then(|part| self.positions_of(part).get(run.positions.clone()));
        positions.unwrap_or_default()
    }

    /// The topmost nodes of its tree.
    pub(super) fn roots(&self) -> &[RTreeNode<Run>] {
        self.tree.root().children()
    }

    /// The lines around a position.
    pub(super) fn runs_at(&self, position: Coord<f64>) -> impl Iterator<Item = &Run> {
        let envelope = AABB::from_point([position.x, position.y]);
        self.tree.locate_in_envelope_intersecting(envelope)
    }

    pub(in crate::query) fn size(&self) -> usize {
        self.positions.len()
    }

    /// How thickly its lines lie. The first call measures it, which takes some 0.3 ms at most for a geometry of a question.
    pub(super) fn density(&self) -> Density {
        *self.density.get_or_init(|| Density::of(self))
    }

    pub(super) const fn bounds(&self) -> &Bounds {
        &self.bounds
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

/// The tree follows from the rest.
impl PartialEq for Index {
    fn eq(&self, other: &Self) -> bool {
        self.is_multi == other.is_multi && self.parts == other.parts && self.positions == other.positions
    }
}

/// Where a node of the tree lies.
pub(super) fn bounds_of(node: &RTreeNode<Run>) -> Bounds {
    match node {
        RTreeNode::Leaf(run) => run.bounds,
        RTreeNode::Parent(parent) => Bounds::of_envelope(&parent.envelope()),
    }
}

impl Builder {
    fn new(is_multi: bool) -> Self {
        Self {
            index: Index {
                positions: Vec::new(),
                parts: Vec::new(),
                tree: RTree::new(),
                bounds: Bounds::NOTHING,
                dimension: Dimension::Points,
                is_multi,
                is_collapsed: false,
                density: OnceLock::new(),
            },
            runs: Vec::new(),
        }
    }

    fn add(&mut self, role: Role, positions: impl Iterator<Item = Coord<f64>>) {
        let index = &mut self.index;
        let (first, place) = (index.positions.len(), index.parts.len());
        index.positions.extend(positions);
        let added = index.positions.get(first..).unwrap_or_default();
        let mut collapse = Collapse::default();
        added.iter().for_each(|position| collapse.add(*position));
        index.is_collapsed |= collapse.is_collapsed(role);
        index.dimension = Dimension::of(role);
        // Neighbouring points of a list need not be neighbours in space, as neighbouring lines are.
        let step = if role == Role::Points { 1 } else { RUN };
        for places in runs(role, added.len(), step) {
            let of_run = Bounds::of(added.get(places.clone()).unwrap_or_default());
            // What is not finite belongs to no geometry that was checked, and no tree could hold it.
            if of_run.is_finite() {
                index.bounds.join(&of_run);
                self.runs.push(Run {
                    bounds: of_run,
                    part: place,
                    positions: places,
                });
            }
        }
        let last_shell = index.parts.last().map_or(place, |part| part.shell);
        index.parts.push(IndexedPart {
            role,
            shell: if role == Role::Hole { last_shell } else { place },
            first,
            len: index.positions.len() - first,
        });
    }

    fn build(mut self) -> Index {
        self.index.tree = RTree::bulk_load(self.runs);
        self.index
    }
}

/// Parts for [`geo`], put together again.
pub(super) fn to_geo(
    dimension: Dimension,
    is_multi: bool,
    parts: impl Iterator<Item = (Role, Vec<Coord<f64>>)>,
) -> geo::Geometry<f64> {
    match dimension {
        Dimension::Points => {
            let points = parts.flat_map(|(_, positions)| positions.into_iter().map(geo::Point::from));
            geo::Geometry::MultiPoint(MultiPoint(points.collect()))
        }
        Dimension::Lines => {
            let mut lines: Vec<_> = parts.map(|(_, positions)| LineString(positions)).collect();
            match lines.pop() {
                Some(only) if lines.is_empty() && !is_multi => geo::Geometry::LineString(only),
                last => {
                    lines.extend(last);
                    geo::Geometry::MultiLineString(MultiLineString(lines))
                }
            }
        }
        Dimension::Areas => {
            let mut polygons: Vec<(LineString<f64>, Vec<LineString<f64>>)> = Vec::new();
            for (role, positions) in parts {
                match polygons.last_mut() {
                    Some((_, holes)) if role == Role::Hole => holes.push(LineString(positions)),
                    _ => polygons.push((LineString(positions), Vec::new())),
                }
            }
            let mut polygons: Vec<_> = polygons
                .into_iter()
                .map(|(shell, holes)| Polygon::new(shell, holes))
                .collect();
            match polygons.pop() {
                Some(only) if polygons.is_empty() && !is_multi => geo::Geometry::Polygon(only),
                last => {
                    polygons.extend(last);
                    geo::Geometry::MultiPolygon(MultiPolygon(polygons))
                }
            }
        }
    }
}
