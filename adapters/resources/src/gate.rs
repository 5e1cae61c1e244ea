//! A gate behind which only so many may be at once: connections to a database, of which there are a few. Whoever waits
//! comes in by turns between callers, by the time that each has been behind it, and one caller alone leaves half of the
//! places to others.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::queue::{Lane, Queue};

/// How long somebody is taken to be behind it until that is known.
const EXPECTED: Duration = Duration::from_micros(100);

/// The gate.
#[derive(Debug)]
pub struct Gate {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    free: usize,
    waiting: Queue<oneshot::Sender<Pass>>,
}

/// The right to be behind a gate, until it is dropped.
#[derive(Debug)]
pub struct Pass {
    /// `None`: it has come to nobody.
    gate: Option<Arc<Gate>>,
    lane: Lane,
    since: Instant,
}

impl Gate {
    /// A gate with so many places behind it.
    #[must_use]
    pub fn new(places: usize) -> Arc<Self> {
        let at_once = places.div_ceil(2);
        Arc::new(Self {
            state: Mutex::new(State {
                free: places,
                waiting: Queue::new(at_once),
            }),
        })
    }

    /// Waits for a place.
    pub(crate) async fn enter(self: &Arc<Self>, lane: Lane) -> Pass {
        loop {
            let turn = {
                let mut state = self.lock();
                if state.free > 0 && state.waiting.begin(lane, EXPECTED) {
                    state.free -= 1;
                    return self.pass(lane);
                }
                let (sender, turn) = oneshot::channel();
                state.waiting.push(lane, sender);
                // Those who wait may be those who have as many places as they may.
                self.let_in(&mut state);
                turn
            };
            // Who is told nothing begins anew; as long as there are places, nobody is.
            if let Ok(pass) = turn.await {
                return pass;
            }
        }
    }

    fn pass(self: &Arc<Self>, lane: Lane) -> Pass {
        Pass {
            gate: Some(Arc::clone(self)),
            lane,
            since: Instant::now(),
        }
    }

    /// How many wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.lock().waiting.length()
    }

    fn leave(self: &Arc<Self>, lane: Lane, after: Duration) {
        let mut state = self.lock();
        state.waiting.ended(lane, EXPECTED, after);
        state.free += 1;
        self.let_in(&mut state);
    }

    /// Gives the places that are free to those whose turn it is.
    fn let_in(self: &Arc<Self>, state: &mut State) {
        while state.free > 0
            && let Some((lane, turn)) = state.waiting.pop(EXPECTED)
        {
            match turn.send(self.pass(lane)) {
                Ok(()) => state.free -= 1,
                // Nobody waits for it any more.
                Err(mut pass) => {
                    pass.gate = None;
                    state.waiting.ended(lane, EXPECTED, Duration::ZERO);
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that is done under this lock can panic half-way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if let Some(gate) = self.gate.take() {
            gate.leave(self.lane, self.since.elapsed());
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use futures::executor::block_on;

    use super::*;

    const ONE: Lane = Lane { caller: 1, member: 0 };
    const OTHER: Lane = Lane { caller: 2, member: 0 };

    fn enter(gate: &Arc<Gate>, lane: Lane) -> std::pin::Pin<Box<dyn Future<Output = Pass> + '_>> {
        Box::pin(gate.enter(lane))
    }

    #[test]
    fn one_caller_leaves_half_of_the_places_to_others() {
        let gate = Gate::new(4);
        let (first, second) = (block_on(enter(&gate, ONE)), block_on(enter(&gate, ONE)));
        let mut third = enter(&gate, ONE);
        assert!((&mut third).now_or_never().is_none());
        let other = block_on(enter(&gate, OTHER));
        drop(first);
        let third = block_on(third);
        assert_eq!(gate.waiting(), 0);
        drop((second, third, other));
        assert_eq!(gate.lock().free, 4);
    }

    #[test]
    fn who_has_been_behind_it_for_less_time_comes_first() {
        let gate = Gate::new(1);
        let behind = block_on(enter(&gate, ONE));
        let (mut again, mut other) = (enter(&gate, ONE), enter(&gate, OTHER));
        assert!((&mut again).now_or_never().is_none() && (&mut other).now_or_never().is_none());
        let end = Instant::now() + 20 * EXPECTED;
        while Instant::now() < end {}
        drop(behind);
        assert!((&mut again).now_or_never().is_none());
        drop(other.now_or_never().unwrap());
        drop(again.now_or_never().unwrap());
    }

    #[test]
    fn who_does_not_wait_any_more_takes_no_place() {
        let gate = Gate::new(1);
        let behind = block_on(enter(&gate, ONE));
        let mut given_up = enter(&gate, OTHER);
        assert!((&mut given_up).now_or_never().is_none());
        drop(given_up);
        let mut next = enter(&gate, OTHER);
        assert!((&mut next).now_or_never().is_none());
        drop(behind);
        drop(next.now_or_never().unwrap());
        assert_eq!(gate.lock().free, 1);
    }

    #[test]
    fn a_turn_that_came_to_somebody_who_has_just_given_up_goes_on() {
        let gate = Gate::new(1);
        let behind = block_on(enter(&gate, ONE));
        let mut given_up = enter(&gate, OTHER);
        assert!((&mut given_up).now_or_never().is_none());
        drop(behind);
        drop(given_up);
        drop(enter(&gate, ONE).now_or_never().unwrap());
    }
}
