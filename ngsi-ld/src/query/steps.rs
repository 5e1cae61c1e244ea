//! How much may be computed before others have their turn.
//!
//! This crate has no clock. What may take long here counts steps instead, each of a bounded piece of work, and stops
//! between two of them when those that it was given are spent.

/// Steps that are left. One is between 50 and 200 ns of one core of 2024, where nothing else is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Steps {
    left: usize,
}

impl Steps {
    /// So many.
    #[must_use]
    pub const fn new(steps: usize) -> Self {
        Self { left: steps }
    }

    /// As many as there are: what may not stop goes on with these.
    #[must_use]
    pub const fn unbounded() -> Self {
        Self { left: usize::MAX }
    }

    /// How many are left.
    #[must_use]
    pub const fn left(&self) -> usize {
        self.left
    }

    /// Whether none are left.
    #[must_use]
    pub const fn are_spent(&self) -> bool {
        self.left == 0
    }

    /// Takes steps for a piece of work that is about to be done; not more than one too few are borrowed for it.
    /// `false`: none were left, and the piece must wait.
    #[must_use]
    pub(super) const fn take(&mut self, steps: usize) -> bool {
        let may = self.left > 0;
        self.left = self.left.saturating_sub(steps);
        may
    }
}
