//! How much may be computed before others have their turn.
//!
//! This crate has no clock. What may take long here counts steps instead, each of a bounded piece of work, and stops
//! between two of them when those that it was given are spent.

/// The smallest pieces of work in a step.
const PIECES: usize = 4;

/// Steps that are left. One is some 100 ns of one core, 50 to 200, where nothing else is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Steps {
    pieces: usize,
}

impl Steps {
    /// So many.
    #[must_use]
    pub const fn new(steps: usize) -> Self {
        Self {
            pieces: steps.saturating_mul(PIECES),
        }
    }

    /// As many as there are: what may not stop goes on with these.
    #[must_use]
    pub const fn unbounded() -> Self {
        Self { pieces: usize::MAX }
    }

    /// How many are left.
    #[must_use]
    pub const fn left(&self) -> usize {
        self.pieces.div_ceil(PIECES)
    }

    /// Whether none are left.
    #[must_use]
    pub const fn are_spent(&self) -> bool {
        self.pieces == 0
    }

    /// Whether a piece of work may begin; it must be [spent](Self::spend).
    pub(super) const fn may_begin(&self) -> bool {
        !self.are_spent()
    }

    /// Takes pieces of some 25 ns for work that is done; more than there are is all that there are.
    pub(super) const fn spend(&mut self, pieces: usize) {
        self.pieces = self.pieces.saturating_sub(pieces);
    }

    /// The same for whole steps.
    pub(super) const fn spend_steps(&mut self, steps: usize) {
        self.spend(steps.saturating_mul(PIECES));
    }

    /// Begins a piece of work that takes so many pieces. `false`: none are left, and it must wait.
    #[must_use]
    pub(super) const fn begin(&mut self, pieces: usize) -> bool {
        let may = self.may_begin();
        self.spend(pieces);
        may
    }
}
