//! Bringing entities in order, with others having their turn between any two comparisons.

use std::task::Poll;

use super::{Ordering, OrderingKey};
use crate::query::Steps;

/// Pieces of work that comparing two keys takes, beside what their texts take.
const PIECES_OF_A_COMPARISON: usize = 4;

/// So many bytes of text are compared in one piece.
const BYTES_OF_A_PIECE: usize = 32;

/// Places that are copied in one piece.
const COPIED_IN_A_PIECE: usize = 64;

impl Ordering {
    /// Begins to bring what has these keys in order. The keys are those of this ordering. What is equal, which no two
    /// entities with different ids are, keeps its order.
    #[must_use]
    pub fn begin_sort<T>(&self, keyed: Vec<(OrderingKey, T)>) -> Sorting<'_, T> {
        let places: Vec<usize> = (0..keyed.len()).collect();
        Sorting {
            ordering: self,
            keyed,
            merged: Vec::with_capacity(places.len()),
            places,
            stage: Stage::Merging(Merge::of(1, 0)),
        }
    }
}

/// Bringing something in order. It can be interrupted between any two comparisons.
pub struct Sorting<'o, T> {
    ordering: &'o Ordering,
    keyed: Vec<(OrderingKey, T)>,
    /// The places in `keyed`, each run of them in order.
    places: Vec<usize>,
    /// What has been merged of them.
    merged: Vec<usize>,
    stage: Stage<T>,
}

enum Stage<T> {
    Merging(Merge),
    Placing(Placing),
    Taking(std::vec::IntoIter<(OrderingKey, T)>, Vec<T>),
}

/// Merging two neighbouring runs: `width` places from `start` on, and as many after them.
#[derive(Debug, Clone, Copy)]
struct Merge {
    width: usize,
    start: usize,
    /// The next of the first run.
    left: usize,
    /// The next of the second.
    right: usize,
}

impl Merge {
    const fn of(width: usize, start: usize) -> Self {
        Self {
            width,
            start,
            left: start,
            right: start + width,
        }
    }
}

/// Bringing each where it belongs: from where `current` comes, that is the next one that is free, and so on until the
/// first.
#[derive(Debug, Clone, Copy)]
struct Placing {
    first: usize,
    current: usize,
}

impl<T> Sorting<'_, T> {
    /// Goes on until all is in order, or the steps are spent: the next call goes on then. After the end there is nothing.
    pub fn advance(&mut self, steps: &mut Steps) -> Poll<Vec<T>> {
        while steps.may_begin() {
            match &mut self.stage {
                Stage::Merging(merge) => {
                    let merge = *merge;
                    self.stage = self.merge(merge, steps);
                }
                Stage::Placing(placing) => {
                    steps.spend(1);
                    let Some(place) = self.places.get_mut(placing.current) else {
                        let keyed = std::mem::take(&mut self.keyed);
                        let taken = Vec::with_capacity(keyed.len());
                        self.stage = Stage::Taking(keyed.into_iter(), taken);
                        continue;
                    };
                    let from = std::mem::replace(place, placing.current);
                    if from == placing.first {
                        placing.first += 1;
                        placing.current = placing.first;
                    } else {
                        self.keyed.swap(placing.current, from);
                        placing.current = from;
                    }
                }
                Stage::Taking(rest, taken) => {
                    steps.spend(1);
                    match rest.next() {
                        Some((_, item)) => taken.push(item),
                        None => return Poll::Ready(std::mem::take(taken)),
                    }
                }
            }
        }
        Poll::Pending
    }

    /// One comparison, or what is left of a run when there is nothing to compare.
    fn merge(&mut self, merge: Merge, steps: &mut Steps) -> Stage<T> {
        let Merge {
            width,
            start,
            left,
            right,
        } = merge;
        let len = self.places.len();
        if width >= len {
            return Stage::Placing(Placing { first: 0, current: 0 });
        }
        if start >= len {
            std::mem::swap(&mut self.places, &mut self.merged);
            self.merged.clear();
            return Stage::Merging(Merge::of(width * 2, 0));
        }
        let (left_end, right_end) = (len.min(start + width), len.min(start + 2 * width));
        // Two runs may stand in order as they are.
        let is_new = left == start && right == start + width;
        let is_done = left >= left_end || right >= right_end;
        if is_done || (is_new && !self.is_after(left_end - 1, right, steps)) {
            for rest in [left..left_end, right..right_end] {
                steps.spend(1 + rest.len() / COPIED_IN_A_PIECE);
                self.merged.extend_from_slice(self.places.get(rest).unwrap_or_default());
            }
            return Stage::Merging(Merge::of(width, start + 2 * width));
        }
        let is_right_first = self.is_after(left, right, steps);
        let next = if is_right_first { right } else { left };
        self.merged.extend(self.places.get(next));
        Stage::Merging(Merge {
            left: left + usize::from(!is_right_first),
            right: right + usize::from(is_right_first),
            ..merge
        })
    }

    /// Whether what stands left comes after what stands right.
    fn is_after(&self, left: usize, right: usize, steps: &mut Steps) -> bool {
        let key = |place: usize| self.places.get(place).and_then(|place| self.keyed.get(*place));
        let (Some((left, _)), Some((right, _))) = (key(left), key(right)) else {
            return false;
        };
        let text = left.text_bytes().min(right.text_bytes());
        steps.spend(PIECES_OF_A_COMPARISON + text / BYTES_OF_A_PIECE);
        self.ordering.compare(left, right).is_gt()
    }
}
