//! How thickly the lines of a reference geometry lie: what decides how much an index saves.
//!
//! It is measured at the places of the geometry itself, at a few of them, and the thickest of these count: most targets
//! that cost something lie where the reference lies, and far positions must not hide a thick place.

use geo::Coord;
use rstar::RTreeNode;

use super::super::bounds::Bounds;
use super::super::shape::{Dimension, Run, lines};
use super::{Index, bounds_of};

/// Places that are looked at.
const SAMPLES: usize = 64;

/// How many runs of lines a place has, at the thickest places.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(in crate::query::geometry) struct Density {
    /// Those whose box is around it.
    around: usize,
    /// Those that a line to the east meets.
    eastward: usize,
}

impl Density {
    pub(super) fn of(index: &Index) -> Self {
        let samples = samples(index);
        let count = |matters: &dyn Fn(&Bounds, Coord<f64>) -> bool| {
            let mut counts: Vec<usize> = samples
                .iter()
                .map(|at| count(index.roots(), &|bounds| matters(bounds, *at)))
                .collect();
            counts.sort_unstable();
            let thickest = counts
                .get(counts.len() - counts.len().div_ceil(4)..)
                .unwrap_or_default();
            thickest.iter().sum::<usize>().div_ceil(thickest.len().max(1))
        };
        Self {
            around: count(&|bounds, at| bounds.holds(at)),
            eastward: if index.dimension() == Dimension::Areas {
                count(&|bounds, at| bounds.is_met_eastward(at))
            } else {
                0
            },
        }
    }
}

/// Places on the lines of the geometry, none of them twice in the same part of a line.
fn samples(index: &Index) -> Vec<Coord<f64>> {
    let stride = index.size().div_ceil(SAMPLES).max(1);
    let all = index
        .parts()
        .iter()
        .flat_map(|part| lines(part.role, index.positions_of(part)));
    let sampled = all.step_by(stride).zip(0_u32..);
    sampled
        .map(|(line, number)| line.start + (line.end - line.start) * (f64::from(number) * GOLDEN).fract())
        .collect()
}

/// Its multiples, without what is before the point, lie evenly between 0 and 1.
const GOLDEN: f64 = 0.618_033_988_749_895;

/// Most nodes that are looked at for one place: beyond it is thick enough.
const MAX_NODES: usize = 4096;

/// How many runs below these nodes matter.
fn count(nodes: &[RTreeNode<Run>], matters: &dyn Fn(&Bounds) -> bool) -> usize {
    let (mut runs, mut looked) = (0, 0);
    let mut stack: Vec<&RTreeNode<Run>> = nodes.iter().collect();
    while let Some(node) = stack.pop() {
        looked += 1;
        if looked > MAX_NODES {
            break;
        }
        match node {
            _ if !matters(&bounds_of(node)) => {}
            RTreeNode::Leaf(_) => runs += 1,
            RTreeNode::Parent(parent) => stack.extend(parent.children()),
        }
    }
    runs
}

/// What comparing with an index costs, in steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::query) struct Cost {
    /// Before the first target.
    pub(in crate::query) once: usize,
    /// For each target, of which one position is counted.
    pub(in crate::query) each_target: usize,
    /// For each other position of it.
    pub(in crate::query) each_position: usize,
}

/// What a target costs whatever it is compared with.
const STEPS_OF_A_TARGET: usize = 4;

/// What finding the nearest run costs, and the distance from a position to its lines.
const STEPS_OF_A_DISTANCE: usize = 8;

/// What it costs to compare a position, or a line, with the lines of a run.
const STEPS_OF_A_RUN: usize = 2;

/// Runs that a position is compared with in one step, to see where it lies.
const RUNS_PASSED_IN_A_STEP: usize = 2;

/// Lines that are made ready in one step; of points each is one.
const LINES_READY_IN_A_STEP: usize = 3;

/// Parts that are passed by in one step, to see whether one lies in the target.
const PASSED_IN_A_STEP: usize = 32;

impl Index {
    /// What it costs to find how far a target is.
    pub(in crate::query) fn cost_of_distance(&self) -> Cost {
        let density = self.density();
        let each_position = STEPS_OF_A_DISTANCE + STEPS_OF_A_RUN * density.around;
        let cost = self.cost(&density);
        Cost {
            each_target: cost.each_target + each_position,
            each_position,
            ..cost
        }
    }

    /// What it costs to find in which relation a target stands, as long as it does not touch.
    pub(in crate::query) fn cost_of_relation(&self) -> Cost {
        let density = self.density();
        Cost {
            each_position: 1 + STEPS_OF_A_RUN * density.around.saturating_sub(1),
            ..self.cost(&density)
        }
    }

    fn cost(&self, density: &Density) -> Cost {
        let met = match self.dimension() {
            Dimension::Areas => density.eastward,
            Dimension::Points | Dimension::Lines => density.around,
        };
        let (starts, ready_in_a_step) = if self.dimension() == Dimension::Points {
            (self.size(), 1)
        } else {
            (self.parts().len(), LINES_READY_IN_A_STEP)
        };
        Cost {
            once: self.size() / ready_in_a_step,
            each_target: STEPS_OF_A_TARGET + met / RUNS_PASSED_IN_A_STEP + starts / PASSED_IN_A_STEP,
            each_position: 0,
        }
    }
}
