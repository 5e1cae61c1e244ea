//! How much of heads may be held that have not arrived whole: of all connections together, because a connection costs its
//! peer little, and none of them is a request yet that anybody counts.

use std::sync::atomic::{AtomicUsize, Ordering};

/// A part of a head that is no larger is not counted: nearly every head is smaller, and there are only so many connections.
const UNCOUNTED: usize = 8 * 1024;

/// Bytes of all others together: a thousand heads of the largest size.
const MOST: usize = 64 * 1024 * 1024;

/// What is held of heads.
#[derive(Debug, Default)]
pub(super) struct HeadRoom {
    used: AtomicUsize,
}

impl HeadRoom {
    /// A part of a head of which `counted` bytes are counted has so many bytes now; how many are counted from now on.
    /// `None`: there is no room for so many.
    pub(super) fn become_of(&self, counted: usize, bytes: usize) -> Option<usize> {
        let wanted = if bytes > UNCOUNTED { bytes } else { 0 };
        if wanted <= counted {
            self.used.fetch_sub(counted - wanted, Ordering::Relaxed);
            return Some(wanted);
        }
        let more = wanted - counted;
        if self.used.fetch_add(more, Ordering::Relaxed).saturating_add(more) > MOST {
            self.used.fetch_sub(more, Ordering::Relaxed);
            return None;
        }
        Some(wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_parts_of_heads_are_counted_and_what_is_given_back_is_free_again() {
        let room = HeadRoom::default();
        assert_eq!(room.become_of(0, UNCOUNTED), Some(0));
        let heads: Vec<usize> = (0..1024).map_while(|_| room.become_of(0, 64 * 1024)).collect();
        assert_eq!(heads.len(), 1024);
        assert_eq!(room.become_of(0, UNCOUNTED + 1), None);
        assert_eq!(room.become_of(0, UNCOUNTED), Some(0), "small ones go on");
        assert_eq!(room.become_of(64 * 1024, 0), Some(0));
        assert_eq!(room.become_of(0, 64 * 1024), Some(64 * 1024));
    }
}
