//! How much is kept: of one source, and of all that the process keeps. It is counted beside what requests hold, so that
//! neither takes from the other.

use kakehashi_index::{Bounds, Memory};

/// Bytes that are kept of all sources together: of each twice while it is read anew. A site of a map with ten attributes takes
/// about 2 KiB.
const MOST_BYTES_IN_ALL: usize = 256 * 1024 * 1024;

/// Entities that are kept of one source: some ten times what a municipality publishes of its facilities.
pub(crate) const MOST_ENTITIES: usize = 50_000;

/// Bytes that are kept of one source.
const MOST_BYTES: usize = 64 * 1024 * 1024;

/// What is kept of one source.
const OF_ONE: Bounds = Bounds {
    entities: MOST_ENTITIES,
    bytes: MOST_BYTES,
};

/// The memory of all sources of which something is kept. Clones are the same.
#[derive(Debug, Clone)]
pub struct HeldMemory(pub(crate) Memory);

impl Default for HeldMemory {
    fn default() -> Self {
        Self(Memory::new(MOST_BYTES_IN_ALL, OF_ONE))
    }
}

impl HeldMemory {
    /// So much for all.
    #[cfg(test)]
    pub(crate) fn of(bytes: usize) -> Self {
        Self(Memory::new(bytes, OF_ONE))
    }

    /// How many bytes are kept.
    #[must_use]
    pub fn used(&self) -> usize {
        self.0.used()
    }
}
