//! The ids of a map, packed: a hundred thousand of them take about what their texts take.

use std::collections::HashSet;

use hashbrown::HashMap;
use kakehashi_adapters::SourceId;
use ngsi_ld::EntityId;

/// Ids in their order, each with who has it. Which ones are left changes; where each stands does not.
#[derive(Debug, Default)]
pub(super) struct Entries {
    /// The texts of all ids, one behind the other.
    texts: String,
    /// Where each ends.
    ends: Vec<u32>,
    /// For each the place of its holders among `sets`.
    holders: Vec<u32>,
    /// Sources that have an entity together, each set once.
    sets: Vec<Box<[SourceId]>>,
    /// A bit for each that is left.
    left: Vec<u64>,
}

/// One that is left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// Where it stands.
    pub(super) position: usize,
    pub(super) id: EntityId,
    /// The place of its holders.
    pub(super) holders: u32,
}

const BITS: usize = u64::BITS as usize;

impl Entries {
    /// Adds an id behind the others; whether there was room.
    pub(super) fn push(&mut self, id: &EntityId, set: u32) -> bool {
        self.texts.push_str(id.as_str());
        let Ok(end) = u32::try_from(self.texts.len()) else {
            return false;
        };
        let position = self.ends.len();
        self.ends.push(end);
        self.holders.push(set);
        if position.is_multiple_of(BITS) {
            self.left.push(0);
        }
        if let Some(word) = self.left.last_mut() {
            *word |= 1 << (position % BITS);
        }
        true
    }

    /// The sets of holders that the ids name.
    pub(super) fn with_sets(mut self, sets: Vec<Box<[SourceId]>>) -> Self {
        self.sets = sets;
        self.texts.shrink_to_fit();
        self.ends.shrink_to_fit();
        self.holders.shrink_to_fit();
        self
    }

    /// How many there were.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// How many are left.
    pub(super) fn left(&self) -> usize {
        let ones = self.left.iter().map(|word| word.count_ones() as usize);
        ones.sum()
    }

    /// How many are left before a position.
    pub(super) fn left_before(&self, position: usize) -> usize {
        let (whole, rest) = (position / BITS, position % BITS);
        let before: usize = self
            .left
            .iter()
            .take(whole)
            .map(|word| word.count_ones() as usize)
            .sum();
        let word = self.left.get(whole).copied().unwrap_or_default();
        before + (word & ((1 << rest) - 1)).count_ones() as usize
    }

    /// Where the one stands that so many of those that are left come before; behind all where there are not so many.
    pub(super) fn position_of(&self, offset: usize) -> usize {
        let mut before = 0;
        for (place, word) in self.left.iter().enumerate() {
            let here = word.count_ones() as usize;
            if before + here > offset {
                let mut ones = (0..BITS).filter(|bit| word & (1 << bit) != 0);
                return place * BITS + ones.nth(offset - before).unwrap_or_default();
            }
            before += here;
        }
        self.len()
    }

    fn is_left(&self, position: usize) -> bool {
        let word = self.left.get(position / BITS).copied().unwrap_or_default();
        word & (1 << (position % BITS)) != 0
    }

    fn text(&self, position: usize) -> Option<&str> {
        let end = *self.ends.get(position)? as usize;
        let start = match position.checked_sub(1) {
            Some(before) => *self.ends.get(before)? as usize,
            None => 0,
        };
        self.texts.get(start..end)
    }

    /// The texts of those that are left.
    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        let positions = (0..self.len()).filter(|position| self.is_left(*position));
        positions.filter_map(|position| self.text(position))
    }

    /// At most so many of those that are left, from a position on. `of`: these alone; none: any.
    pub(super) fn from(&self, position: usize, most: usize, of: &[EntityId]) -> Vec<Entry> {
        let positions = (position..self.len()).filter(|position| self.is_left(*position));
        let wanted = positions.filter_map(|position| {
            let text = self.text(position)?;
            let is_wanted = of.is_empty() || of.iter().any(|id| id.as_str() == text);
            is_wanted.then(|| Entry {
                position,
                id: EntityId::new_unchecked(text),
                holders: self.holders.get(position).copied().unwrap_or_default(),
            })
        });
        wanted.take(most).collect()
    }

    /// The sources of a set.
    pub(super) fn set(&self, set: u32) -> &[SourceId] {
        let set = usize::try_from(set).ok().and_then(|set| self.sets.get(set));
        set.map(AsRef::as_ref).unwrap_or_default()
    }

    /// Takes out what stands there.
    pub(super) fn remove(&mut self, position: usize) {
        if let Some(word) = self.left.get_mut(position / BITS) {
            *word &= !(1 << (position % BITS));
        }
    }

    /// How many come before a position, as the map was made, that one source has and no other.
    pub(super) fn alone_before(&self, position: usize, source: &SourceId) -> usize {
        let is_alone = |set: &[SourceId]| matches!(set, [only] if only == source);
        let sets: Vec<bool> = self.sets.iter().map(|set| is_alone(set)).collect();
        let of = self.holders.iter().take(position);
        of.filter(|set| sets.get(**set as usize).copied().unwrap_or(false))
            .count()
    }

    /// Takes out what is not among these ids, unless one of these sources has it, which has not been heard.
    pub(super) fn keep_only(&mut self, ids: &HashSet<EntityId>, unheard: &HashSet<SourceId>) {
        for position in 0..self.len() {
            let is_meant = self.text(position).is_some_and(|text| {
                let id = EntityId::new_unchecked(text);
                ids.contains(&id)
            });
            let of = self.holders.get(position).copied().unwrap_or_default();
            if !is_meant && !self.set(of).iter().any(|source| unheard.contains(source)) {
                self.remove(position);
            }
        }
    }

    /// Bytes of memory that it takes, about.
    pub(super) fn bytes(&self) -> usize {
        self.texts.capacity()
            + size_of_val(&*self.ends)
            + size_of_val(&*self.holders)
            + size_of_val(&*self.left)
            + self.sets.iter().map(|set| size_of_val(&**set)).sum::<usize>()
    }
}

/// Gives each set of sources a number.
#[derive(Debug, Default)]
pub(super) struct Sets {
    numbers: HashMap<Box<[u16]>, u32>,
}

impl Sets {
    /// The number of a set.
    pub(super) fn number(&mut self, of: &[u16]) -> u32 {
        if let Some(number) = self.numbers.get(of) {
            return *number;
        }
        let number = u32::try_from(self.numbers.len()).unwrap_or(u32::MAX);
        self.numbers.insert(of.into(), number);
        number
    }

    /// The sets in the order of their numbers. `sources`: those that are meant.
    pub(super) fn of(self, sources: &[SourceId]) -> Vec<Box<[SourceId]>> {
        let mut numbered: Vec<(Box<[u16]>, u32)> = self.numbers.into_iter().collect();
        numbered.sort_unstable_by_key(|(_, number)| *number);
        let named = |set: Box<[u16]>| {
            let named = set.iter().filter_map(|place| sources.get(usize::from(*place)).cloned());
            named.collect()
        };
        numbered.into_iter().map(|(set, _)| named(set)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(many: usize) -> Entries {
        let mut entries = Entries::default();
        for number in 0..many {
            assert!(entries.push(&EntityId::new_unchecked(format!("urn:a:{number}")), 0));
        }
        entries.with_sets(vec![[SourceId::new("a")].into()])
    }

    #[test]
    fn what_is_taken_out_moves_the_others_up_and_stands_nowhere() {
        let mut entries = of(300);
        for position in [0, 63, 64, 128, 299] {
            entries.remove(position);
        }
        assert_eq!((entries.len(), entries.left()), (300, 295));
        for (offset, position) in [
            (0, 1),
            (61, 62),
            (62, 65),
            (124, 127),
            (125, 129),
            (294, 298),
            (295, 300),
        ] {
            assert_eq!(entries.position_of(offset), position, "{offset}");
            assert_eq!(entries.left_before(position), offset, "{position}");
        }
        let next = entries.from(62, 2, &[]);
        assert_eq!(
            next.iter()
                .map(|one| (one.position, one.id.as_str()))
                .collect::<Vec<_>>(),
            [(62, "urn:a:62"), (65, "urn:a:65")]
        );
        let meant = [EntityId::new_unchecked("urn:a:64"), EntityId::new_unchecked("urn:a:70")];
        let next = entries.from(0, 10, &meant);
        assert_eq!(next.iter().map(|one| one.position).collect::<Vec<_>>(), [70]);
        assert_eq!(entries.texts().count(), 295);
    }

    #[test]
    fn what_a_source_that_was_not_heard_has_is_kept() {
        let ids = HashSet::from([EntityId::new_unchecked("urn:a:1")]);
        let mut entries = of(3);
        entries.keep_only(&ids, &HashSet::from([SourceId::new("a")]));
        assert_eq!(entries.left(), 3);
        entries.keep_only(&ids, &HashSet::new());
        assert_eq!(entries.texts().collect::<Vec<_>>(), ["urn:a:1"]);
    }

    #[test]
    fn a_hundred_thousand_take_little_more_than_their_texts() {
        let entries = of(100_000);
        let texts: usize = entries.texts().map(str::len).sum();
        assert!(entries.bytes() < texts + 100_000 * 10, "{}", entries.bytes());
    }
}
