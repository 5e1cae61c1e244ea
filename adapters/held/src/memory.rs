//! How much is kept: of one source, and of all that the process keeps. It is counted beside what requests hold, so that
//! neither takes from the other.

use std::sync::Arc;

use kakehashi_resources::share::{Pool, Share};

use crate::holding::NotHeld;

/// Bytes that are kept of all sources together: of each twice while it is read anew. A site of a map with ten attributes takes
/// about 2 KiB.
const MOST_BYTES_IN_ALL: usize = 256 * 1024 * 1024;

/// Bytes that are kept of one source.
pub(crate) const MOST_BYTES: usize = 64 * 1024 * 1024;

/// Entities that are kept of one source: some ten times what a municipality publishes of its facilities.
pub(crate) const MOST_ENTITIES: usize = 50_000;

/// The memory of all sources of which something is kept. Clones are the same.
#[derive(Debug, Clone)]
pub struct HeldMemory(Arc<Pool>);

impl Default for HeldMemory {
    fn default() -> Self {
        Self(Pool::new(MOST_BYTES_IN_ALL))
    }
}

impl HeldMemory {
    /// So much for all.
    #[cfg(test)]
    pub(crate) fn of(bytes: usize) -> Self {
        Self(Pool::new(bytes))
    }

    /// How many bytes are kept.
    #[must_use]
    pub fn used(&self) -> usize {
        self.0.used()
    }

    /// What one source has of it.
    pub(crate) fn share(&self) -> Arc<Share> {
        Share::of(&self.0)
    }
}

/// Bytes that are kept, as long as this lives.
#[derive(Debug)]
pub(crate) struct Kept {
    share: Arc<Share>,
    bytes: usize,
}

impl Kept {
    pub(crate) fn nothing_of(share: &Arc<Share>) -> Self {
        Self {
            share: Arc::clone(share),
            bytes: 0,
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// So many more. Asked before they are there for long.
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<(), NotHeld> {
        if self.bytes.saturating_add(bytes) > MOST_BYTES {
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
