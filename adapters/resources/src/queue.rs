//! Whose turn it is: of the callers that wait, the one that has had the least time; of the members of a group in the same
//! way. Whoever comes, or comes back, begins with as much as the one whose turn it was last, so that nobody saves up time
//! by not asking.

use std::collections::VecDeque;
use std::time::Duration;

use hashbrown::HashMap;

/// Whom a computation is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Lane {
    /// The caller, or the group of callers that weigh as one.
    pub(crate) caller: u64,
    /// Which of the group; 0 where there is none.
    pub(crate) member: u64,
}

/// What waits, by callers.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    callers: HashMap<u64, Caller<T>>,
    /// Turns that one caller may have at the same time.
    at_once: usize,
    last: Duration,
    length: usize,
}

/// What waits of one caller.
#[derive(Debug)]
struct Caller<T> {
    own: Waiting<()>,
    members: HashMap<u64, Waiting<VecDeque<T>>>,
}

/// What waits, and the time that was spent on what came before.
#[derive(Debug, Default)]
struct Waiting<W> {
    spent: Duration,
    /// Turns that are under way.
    running: usize,
    /// The last of its own whose turn it was had spent so much.
    last: Duration,
    length: usize,
    waiting: W,
}

impl<W: Default> Waiting<W> {
    fn after(spent: Duration) -> Self {
        Self {
            spent,
            ..Self::default()
        }
    }
}

impl<W> Waiting<W> {
    fn begin(&mut self, expected: Duration) {
        self.running += 1;
        self.spent += expected;
    }

    fn end(&mut self, expected: Duration, took: Duration) {
        self.running = self.running.saturating_sub(1);
        self.spent = (self.spent + took).saturating_sub(expected);
    }

    fn is_idle(&self) -> bool {
        self.running == 0 && self.length == 0
    }
}

impl<T> Queue<T> {
    pub(crate) fn new(at_once: usize) -> Self {
        Self {
            callers: HashMap::new(),
            at_once,
            last: Duration::ZERO,
            length: 0,
        }
    }

    /// How many wait.
    pub(crate) fn length(&self) -> usize {
        self.length
    }

    /// Comes behind whatever else waits of the same member.
    pub(crate) fn push(&mut self, lane: Lane, work: T) {
        self.put(lane, |waiting| waiting.push_back(work));
    }

    /// Comes before whatever else waits of the same member: it has begun, and is soon finished.
    pub(crate) fn push_first(&mut self, lane: Lane, work: T) {
        self.put(lane, |waiting| waiting.push_front(work));
    }

    fn put(&mut self, lane: Lane, put: impl FnOnce(&mut VecDeque<T>)) {
        self.know(lane, |caller, member| {
            put(&mut member.waiting);
            member.length += 1;
            caller.length += 1;
        });
        self.length += 1;
    }

    /// Does something with a caller and its member, who begin with what the last ones had.
    fn know(&mut self, lane: Lane, does: impl FnOnce(&mut Waiting<()>, &mut Waiting<VecDeque<T>>)) {
        let caller = self.callers.entry(lane.caller).or_insert_with(|| Caller {
            own: Waiting::after(self.last),
            members: HashMap::new(),
        });
        let floor = caller.own.last;
        let member = caller
            .members
            .entry(lane.member)
            .or_insert_with(|| Waiting::after(floor));
        does(&mut caller.own, member);
    }

    /// A turn for somebody who need not wait, because nobody does and it has not as many turns as it may; whether it has one.
    pub(crate) fn begin(&mut self, lane: Lane, expected: Duration) -> bool {
        let may = self.length == 0
            && self
                .callers
                .get(&lane.caller)
                .is_none_or(|caller| caller.own.running < self.at_once);
        if may {
            self.know(lane, |caller, member| {
                caller.begin(expected);
                member.begin(expected);
            });
        }
        may
    }

    /// What comes next. Its turn is taken to last for `expected`, until it has ended.
    pub(crate) fn pop(&mut self, expected: Duration) -> Option<(Lane, T)> {
        let at_once = self.at_once;
        let (id, caller) = self
            .callers
            .iter_mut()
            .filter(|(_, caller)| caller.own.length > 0 && caller.own.running < at_once)
            .min_by_key(|(_, caller)| caller.own.spent)?;
        let (member_id, member) = caller
            .members
            .iter_mut()
            .filter(|(_, member)| member.length > 0)
            .min_by_key(|(_, member)| member.spent)?;
        let work = member.waiting.pop_front()?;
        let lane = Lane {
            caller: *id,
            member: *member_id,
        };
        let own = &mut caller.own;
        own.last = own.last.max(member.spent);
        self.last = self.last.max(own.spent);
        member.length -= 1;
        member.begin(expected);
        own.length -= 1;
        own.begin(expected);
        self.length -= 1;
        Some((lane, work))
    }

    /// A turn has ended after so long. Who neither waits nor computes is forgotten.
    pub(crate) fn ended(&mut self, lane: Lane, expected: Duration, took: Duration) {
        let Some(caller) = self.callers.get_mut(&lane.caller) else {
            return;
        };
        if let Some(member) = caller.members.get_mut(&lane.member) {
            member.end(expected, took);
            if member.is_idle() {
                caller.members.remove(&lane.member);
            }
        }
        caller.own.end(expected, took);
        if caller.own.is_idle() {
            self.callers.remove(&lane.caller);
        }
    }

    /// Takes out everything that waits.
    pub(crate) fn clear(&mut self) -> Vec<T> {
        self.length = 0;
        let callers = self.callers.drain().flat_map(|(_, caller)| caller.members);
        callers.flat_map(|(_, member)| member.waiting).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLICE: Duration = Duration::from_millis(1);

    fn lane(caller: u64, member: u64) -> Lane {
        Lane { caller, member }
    }

    /// Runs the queue with work that always wants another turn; each turn takes as long as `took` says. In which order
    /// callers and members came.
    fn turns(queue: &mut Queue<()>, count: usize, took: impl Fn(Lane) -> Duration) -> Vec<Lane> {
        (0..count)
            .map(|_| {
                let (lane, ()) = queue.pop(SLICE).unwrap();
                queue.push(lane, ());
                queue.ended(lane, SLICE, took(lane));
                lane
            })
            .collect()
    }

    #[test]
    fn each_caller_has_the_same_time_however_much_it_asks_for() {
        let mut queue = Queue::new(1);
        for _ in 0..50 {
            queue.push(lane(1, 0), ());
        }
        queue.push(lane(2, 0), ());
        let order = turns(&mut queue, 100, |_| SLICE);
        assert_eq!(order.iter().filter(|lane| lane.caller == 2).count(), 50);
    }

    #[test]
    fn a_turn_that_lasts_longer_is_paid_for() {
        let mut queue = Queue::new(1);
        queue.push(lane(1, 0), ());
        queue.push(lane(2, 0), ());
        let order = turns(
            &mut queue,
            110,
            |lane| if lane.caller == 1 { 10 * SLICE } else { SLICE },
        );
        assert_eq!(order.iter().filter(|lane| lane.caller == 1).count(), 10);
    }

    #[test]
    fn a_group_has_what_one_caller_has_and_its_members_share_it() {
        let mut queue = Queue::new(1);
        for member in 1..=3 {
            queue.push(lane(0, member), ());
        }
        queue.push(lane(7, 0), ());
        let order = turns(&mut queue, 60, |_| SLICE);
        assert_eq!(order.iter().filter(|lane| lane.caller == 7).count(), 30);
        for member in 1..=3 {
            assert_eq!(order.iter().filter(|one| **one == lane(0, member)).count(), 10);
        }
    }

    #[test]
    fn who_comes_later_has_saved_nothing_up_and_lost_nothing() {
        let mut queue = Queue::new(1);
        queue.push(lane(1, 0), ());
        turns(&mut queue, 100, |_| SLICE);
        queue.push(lane(2, 0), ());
        let order = turns(&mut queue, 20, |_| SLICE);
        let of_second = order.iter().filter(|lane| lane.caller == 2).count();
        assert!((9..=11).contains(&of_second), "{of_second}");
    }

    #[test]
    fn what_has_begun_comes_before_others_of_its_caller_and_of_nobody_else() {
        let mut queue = Queue::new(3);
        queue.push(lane(1, 0), "new");
        queue.push(lane(2, 0), "of another");
        queue.push_first(lane(1, 0), "begun");
        let order: Vec<&str> = std::iter::from_fn(|| queue.pop(SLICE)).map(|(_, work)| work).collect();
        let of_one: Vec<&&str> = order.iter().filter(|work| **work != "of another").collect();
        assert_eq!(of_one, [&"begun", &"new"]);
        assert_ne!(order[2], "of another", "its turn came in between: {order:?}");
    }

    #[test]
    fn one_caller_leaves_threads_to_others() {
        let mut queue = Queue::new(1);
        queue.push(lane(1, 0), "a");
        queue.push(lane(1, 0), "b");
        let (first, work) = queue.pop(SLICE).unwrap();
        assert_eq!(work, "a");
        assert!(queue.pop(SLICE).is_none(), "its other turn waits for this one");
        queue.push(lane(2, 0), "c");
        assert_eq!(queue.pop(SLICE).unwrap().1, "c");
        queue.ended(first, SLICE, SLICE);
        assert_eq!(queue.pop(SLICE).unwrap().1, "b");
        assert_eq!((queue.length(), queue.clear().len()), (0, 0));
    }

    #[test]
    fn nothing_is_kept_of_who_has_gone() {
        let mut queue = Queue::new(2);
        for caller in 0..1000 {
            queue.push(lane(caller, caller), ());
        }
        while let Some((lane, ())) = queue.pop(SLICE) {
            queue.ended(lane, SLICE, SLICE / 2);
        }
        assert!(queue.callers.is_empty());
    }
}
