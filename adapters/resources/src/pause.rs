//! Where a computation lets others go on. It calls [`pause`] wherever it may be interrupted: after an entity, after some
//! hundred steps. Every fourth time that costs a look at the clock, and ends its turn when that has lasted for long enough.

use std::cell::Cell;
use std::future::poll_fn;
use std::task::Poll;
use std::time::Instant;

thread_local! {
    /// When the turn of what this thread computes is over; `None`: it has no end.
    static END_OF_TURN: Cell<Option<Instant>> = const { Cell::new(None) };

    /// How often this thread has come to a pause in this turn.
    static PAUSES: Cell<u32> = const { Cell::new(0) };
}

/// The clock is looked at so seldom: between two pauses lie some microseconds, and looking costs a twentieth of one.
const PAUSES_OF_A_LOOK: u32 = 4;

/// Lets others go on if this turn is over. Where nobody takes turns it returns at once.
pub async fn pause() {
    let mut has_paused = false;
    poll_fn(|cx| {
        if has_paused || !is_over() {
            return Poll::Ready(());
        }
        has_paused = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Whether the turn of what this thread computes is over.
fn is_over() -> bool {
    let Some(end) = END_OF_TURN.get() else {
        return false;
    };
    let pauses = PAUSES.get();
    PAUSES.set(pauses.wrapping_add(1));
    pauses.is_multiple_of(PAUSES_OF_A_LOOK) && Instant::now() >= end
}

/// A turn on this thread, until it is dropped.
pub(crate) struct Turn {
    outer: Option<Instant>,
}

impl Turn {
    /// Begins a turn that ends then.
    pub(crate) fn until(end: Instant) -> Self {
        PAUSES.set(0);
        Self {
            outer: END_OF_TURN.replace(Some(end)),
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        PAUSES.set(0);
        END_OF_TURN.set(self.outer);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures::FutureExt;

    use super::*;

    #[test]
    fn it_waits_once_when_the_turn_is_over_and_never_without_turns() {
        assert_eq!(pause().now_or_never(), Some(()));
        let turn = Turn::until(Instant::now() + Duration::from_secs(3600));
        assert_eq!(pause().now_or_never(), Some(()));
        let inner = Turn::until(Instant::now());
        assert_eq!(pause().now_or_never(), None);
        drop(inner);
        assert_eq!(pause().now_or_never(), Some(()));
        drop(turn);
    }
}
