//! What a source says of its ids: that no other source has them. It is believed, and now and then looked after.

use std::sync::atomic::{AtomicU32, Ordering};

/// One page in so many is put together as if nobody had said anything, to see whether it is so.
const LOOKED_AFTER: u32 = 64;

/// Whether no other source holds an entity of the same id, as the operator says (`ids = "own"`).
#[derive(Debug, Default)]
pub struct OwnIds {
    is_said: bool,
    pages: AtomicU32,
}

impl OwnIds {
    /// That, or that nobody says so.
    #[must_use]
    pub fn said(is_said: bool) -> Self {
        Self {
            is_said,
            pages: AtomicU32::new(0),
        }
    }

    /// Whether it is said.
    #[must_use]
    pub fn are_said(&self) -> bool {
        self.is_said
    }

    /// Whether it is said, and this page is none of those for which it is looked after.
    pub(super) fn are_believed(&self) -> bool {
        self.is_said && self.pages.fetch_add(1, Ordering::Relaxed) % LOOKED_AFTER != LOOKED_AFTER - 1
    }
}
