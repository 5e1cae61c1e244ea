//! How much is kept: of one source, and of all that the process keeps. It is counted beside what requests hold, so that
//! neither takes from the other.

use std::sync::Arc;

use kakehashi_resources::share::{Pool, Share};

use crate::holding::NotHeld;

/// How much is kept of one source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Entities.
    pub entities: usize,
    /// Bytes, about.
    pub bytes: usize,
}

/// The memory of all sources of which something is kept. Clones are the same.
#[derive(Debug, Clone)]
pub struct Memory {
    pool: Arc<Pool>,
    bounds: Bounds,
}

impl Memory {
    /// So many bytes for all, and so much of one.
    #[must_use]
    pub fn new(bytes: usize, bounds: Bounds) -> Self {
        Self {
            pool: Pool::new(bytes),
            bounds,
        }
    }

    /// How many bytes are kept.
    #[must_use]
    pub fn used(&self) -> usize {
        self.pool.used()
    }

    /// What one source has of it, over all of its readings.
    #[must_use]
    pub fn of_source(&self) -> SourceMemory {
        SourceMemory {
            share: Share::of(&self.pool),
            bounds: self.bounds,
        }
    }
}

/// What one source has of the memory. Clones are the same.
#[derive(Debug, Clone)]
pub struct SourceMemory {
    share: Arc<Share>,
    bounds: Bounds,
}

impl SourceMemory {
    pub(crate) const fn bounds(&self) -> Bounds {
        self.bounds
    }
}

/// Bytes that are kept, as long as this lives.
#[derive(Debug)]
pub(crate) struct Kept {
    share: Arc<Share>,
    bytes: usize,
    most: usize,
}

impl Kept {
    pub(crate) fn nothing_of(memory: &SourceMemory) -> Self {
        Self {
            share: Arc::clone(&memory.share),
            bytes: 0,
            most: memory.bounds.bytes,
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// So many more. Asked before they are there for long.
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<(), NotHeld> {
        if self.bytes.saturating_add(bytes) > self.most {
            return Err(NotHeld::TooLarge);
        }
        if !self.share.take(bytes) {
            return Err(NotHeld::NoRoom);
        }
        self.bytes += bytes;
        Ok(())
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.share.give_back(self.bytes);
    }
}
