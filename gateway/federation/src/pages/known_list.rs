//! The whole list of a question, as it was when its ids were read alone: where each entity stands, and which ids one source
//! alone has. It counts, leads to any offset, and spares a long walk the questions for what nobody else has.
//!
//! It is kept for the consumer whose walk it is, for a minute, in memory; and holds places and digests, and ids only where
//! they were put in order.

use std::fmt::{self, Write};
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use hashbrown::{DefaultHashBuilder, HashMap};
use kakehashi_adapters::Page;
use kakehashi_core::consumer::Consumer;
use kakehashi_core::names::ConsumerId;
use ngsi_ld::EntityId;
use ring::digest::{Context, SHA256};

use super::place::Place;
use crate::Question;

/// How long a list is kept: a walk by pages of a thousand takes about as long for a hundred thousand entities, and what has
/// changed since then is no older than that.
const KEPT_FOR: Duration = Duration::from_secs(60);

/// Lists that are kept for one consumer: the walks of a few workers.
const MOST_OF_ONE: usize = 4;

/// Bytes of all lists that are kept for one consumer: a million entities.
const MOST_BYTES_OF_ONE: usize = 16 * 1024 * 1024;

/// Bytes of all lists that are kept.
const MOST_BYTES: usize = 64 * 1024 * 1024;

/// Which list: that of one question, as one consumer gets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ListId(pub [u8; 32]);

impl ListId {
    /// That of a question. `rules`: what else it depends on that is not known otherwise, such as the revision.
    #[must_use]
    pub fn of(question: &Question, consumer: &Consumer, rules: &str) -> Self {
        Self::digest(question, format_args!("{rules}\0{consumer:?}"))
    }

    /// The digest of a question alone, whoever asks it.
    pub(super) fn of_question(question: &Question) -> Self {
        Self::digest(question, format_args!(""))
    }

    fn digest(question: &Question, before: fmt::Arguments<'_>) -> Self {
        let mut rest = question.clone();
        // What is shown has no order.
        let leaving = rest.leaving.take();
        if let Some(shown) = &mut rest.shown {
            shown.sort_unstable();
        }
        let leaving = format!("{leaving:?}");
        let mut leaving: Vec<&str> = leaving.split(|character| "{}[](), ".contains(character)).collect();
        leaving.sort_unstable();
        // As it is written, since a question may be long. No part holds the character that ends it: it would be escaped.
        let mut digest = Digesting(Context::new(&SHA256));
        let written = write!(digest, "{before}\0{rest:?}\0{}", leaving.join(" "));
        debug_assert!(written.is_ok(), "a digest takes whatever is written");
        let digest = digest.0;
        let mut id = [0; 32];
        id.copy_from_slice(digest.finish().as_ref());
        Self(id)
    }
}

/// Takes the digest of what is written.
struct Digesting(Context);

impl Write for Digesting {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.update(text.as_bytes());
        Ok(())
    }
}

/// The whole list of a question.
#[derive(Debug, Default)]
pub(crate) struct KnownList {
    /// The questions to sources that it was made of.
    named: Vec<(usize, usize)>,
    /// For each entity of the list, which of these has it, and how many places of it come before.
    places: Vec<(u32, u32)>,
    /// The digests of the ids that one source alone has, in order.
    alone: Vec<u64>,
    /// The ids in the order that was asked for, where one was.
    ordered: Option<Vec<EntityId>>,
    hasher: DefaultHashBuilder,
}

impl KnownList {
    /// `places`: in the order of the list, with the place among `named` of who has each.
    pub(super) fn new<'i>(
        named: Vec<(usize, usize)>,
        places: Vec<(u32, u32)>,
        alone: impl IntoIterator<Item = &'i EntityId>,
    ) -> Self {
        let hasher = DefaultHashBuilder::default();
        let mut alone: Vec<u64> = alone.into_iter().map(|id| hasher.hash_one(id)).collect();
        alone.sort_unstable();
        // Two that cannot be told apart are one that is asked for.
        alone.dedup();
        Self {
            named,
            places,
            alone,
            ordered: None,
            hasher,
        }
    }

    /// The same, where an order was asked for: the ids in it.
    pub(super) fn in_order(self, ordered: Option<Vec<EntityId>>) -> Self {
        Self { ordered, ..self }
    }

    /// The ids of a page, where an order was asked for.
    pub(super) fn ids_of(&self, page: Page) -> Option<&[EntityId]> {
        let ordered = self.ordered.as_deref()?;
        let (_, behind) = ordered.split_at(page.offset.min(ordered.len()));
        behind.get(..page.limit.min(behind.len()))
    }

    /// Whether it was made of these questions to sources.
    pub(super) fn is_of(&self, named: &[(usize, usize)]) -> bool {
        self.named == named
    }

    /// How many entities the list has.
    pub(super) fn places(&self) -> usize {
        self.places.len()
    }

    /// The same, as a count.
    pub(crate) fn count(&self) -> u64 {
        self.places.len() as u64
    }

    /// Where the list goes on behind so many of its entities; `None`: it ends before.
    pub(super) fn place_of(&self, offset: usize) -> Option<Place> {
        let (rank, position) = self.places.get(offset)?;
        let (source, part) = *self.named.get(usize::try_from(*rank).ok()?)?;
        Some(Place {
            source,
            part,
            position: usize::try_from(*position).ok()?,
            ..Place::default()
        })
    }

    /// Whether no other source had an entity of this id.
    pub(super) fn is_alone(&self, id: &EntityId) -> bool {
        self.alone.binary_search(&self.hasher.hash_one(id)).is_ok()
    }

    fn bytes(&self) -> usize {
        let ordered = self.ordered.iter().flatten();
        let ordered: usize = ordered.map(|id| size_of::<EntityId>() + id.as_str().len()).sum();
        size_of_val(&*self.places) + size_of_val(&*self.alone) + size_of_val(&*self.named) + ordered
    }
}

/// The lists that are kept, of one revision.
#[derive(Debug, Default)]
pub struct KnownLists {
    kept: Mutex<HashMap<ConsumerId, Vec<Kept>>>,
    /// Who is finding out a list: whoever wants the same meanwhile waits for it.
    turns: Mutex<HashMap<(ConsumerId, ListId), Weak<Turn>>>,
}

/// The turn to find out one list, with what was found out in the last one.
pub(super) type Turn = tokio::sync::Mutex<Option<FoundOut>>;

/// What was found out, and when that had ended.
#[derive(Debug)]
pub(super) struct FoundOut {
    pub(super) at: Instant,
    pub(super) list: Arc<KnownList>,
}

#[derive(Debug)]
struct Kept {
    id: ListId,
    since: Instant,
    /// `None`: what was tried was too much for one request.
    list: Option<Arc<KnownList>>,
    bytes: usize,
}

impl KnownLists {
    /// What is known of a list: `Some(None)` where it was too much to find out.
    #[expect(
        clippy::option_option,
        reason = "nothing known, and known to be too much, are two things"
    )]
    pub(super) fn find(&self, consumer: &ConsumerId, id: &ListId) -> Option<Option<Arc<KnownList>>> {
        let mut lists = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        forget_old(&mut lists, Instant::now());
        let of_one = lists.get(consumer)?;
        let kept = of_one.iter().find(|kept| kept.id == *id)?;
        Some(kept.list.clone())
    }

    /// The turn to find out a list.
    pub(super) fn turn(&self, consumer: &ConsumerId, id: ListId) -> Arc<Turn> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        turns.retain(|_, turn| turn.strong_count() > 0);
        let name = (consumer.clone(), id);
        if let Some(turn) = turns.get(&name).and_then(Weak::upgrade) {
            return turn;
        }
        let turn = Arc::new(Turn::default());
        turns.insert(name, Arc::downgrade(&turn));
        turn
    }

    /// Whether somebody is finding out a list.
    pub(super) fn is_being_found_out(&self, consumer: &ConsumerId, id: ListId) -> bool {
        let turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = turns.get(&(consumer.clone(), id));
        turn.is_some_and(|turn| turn.strong_count() > 0)
    }

    /// Keeps a list in the place of an earlier one, or that it is too much. What was kept for the longest makes room.
    pub(super) fn keep(&self, consumer: &ConsumerId, id: ListId, list: Option<&Arc<KnownList>>) {
        let kept = Kept {
            id,
            since: Instant::now(),
            list: list.cloned(),
            bytes: list.map_or(0, |list| list.bytes()),
        };
        if kept.bytes > MOST_BYTES_OF_ONE {
            return;
        }
        let mut lists = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        forget_old(&mut lists, kept.since);
        let of_one = lists.entry_ref(consumer).or_default();
        of_one.retain(|earlier| earlier.id != id);
        of_one.push(kept);
        while of_one.len() > MOST_OF_ONE || of_one.iter().map(|kept| kept.bytes).sum::<usize>() > MOST_BYTES_OF_ONE {
            of_one.remove(0);
        }
        let bytes_of =
            |lists: &HashMap<ConsumerId, Vec<Kept>>| -> usize { lists.values().flatten().map(|kept| kept.bytes).sum() };
        while bytes_of(&lists) > MOST_BYTES {
            let first = |lists: &HashMap<ConsumerId, Vec<Kept>>| {
                let oldest = lists
                    .iter()
                    .filter_map(|(consumer, kept)| Some((kept.first()?.since, consumer.clone())));
                oldest.min_by_key(|(since, _)| *since)
            };
            let Some((_, oldest)) = first(&lists) else {
                break;
            };
            if let Some(of_one) = lists.get_mut(&oldest) {
                of_one.remove(0);
            }
            lists.retain(|_, kept| !kept.is_empty());
        }
    }
}

fn forget_old(lists: &mut HashMap<ConsumerId, Vec<Kept>>, now: Instant) {
    lists.retain(|_, of_one| {
        of_one.retain(|kept| now.saturating_duration_since(kept.since) < KEPT_FOR);
        !of_one.is_empty()
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u32) -> EntityId {
        EntityId::parse(&format!("urn:ngsi-ld:AED:{number}")).unwrap()
    }

    fn list_of(entities: u32) -> Arc<KnownList> {
        let places = (0..entities).map(|place| (0, place)).collect();
        Arc::new(KnownList::new(vec![(3, 1)], places, &[]))
    }

    #[test]
    fn a_list_leads_to_its_places_and_knows_who_is_alone() {
        let ids = [id(1), id(2)];
        let list = KnownList::new(vec![(3, 0), (5, 1)], vec![(0, 0), (0, 7), (1, 2)], &ids[..1]);
        assert_eq!(list.count(), 3);
        let place = |source, part, position| {
            Some(Place {
                source,
                part,
                position,
                ..Place::default()
            })
        };
        assert_eq!(list.place_of(1), place(3, 0, 7));
        assert_eq!(list.place_of(2), place(5, 1, 2));
        assert_eq!(list.place_of(3), None);
        assert!(list.is_alone(&ids[0]) && !list.is_alone(&ids[1]));
    }

    #[test]
    fn each_consumer_keeps_its_own_lists_and_few_of_them() {
        let [one, other] = ["one", "other"].map(ConsumerId::new);
        let lists = KnownLists::default();
        let named: Vec<ListId> = (0..=MOST_OF_ONE)
            .map(|number| ListId([u8::try_from(number).unwrap(); 32]))
            .collect();
        for id in &named {
            lists.keep(&one, *id, Some(&list_of(1)));
        }
        lists.keep(&one, named[1], None);
        assert!(lists.find(&one, &named[0]).is_none(), "the oldest made room");
        assert!(lists.find(&one, &named[1]).is_some_and(|known| known.is_none()));
        assert!(lists.find(&one, &named[MOST_OF_ONE]).flatten().is_some());
        assert!(lists.find(&other, &named[MOST_OF_ONE]).is_none());
    }

    #[test]
    fn all_together_are_bounded_in_bytes() {
        let lists = KnownLists::default();
        let million = list_of(1_000_000);
        let consumers: Vec<ConsumerId> = (0..10).map(|number| ConsumerId::new(format!("c{number}"))).collect();
        for consumer in &consumers {
            for number in 0..3 {
                lists.keep(consumer, ListId([number; 32]), Some(&million));
            }
        }
        let kept = lists.kept.lock().unwrap();
        let bytes: usize = kept.values().flatten().map(|kept| kept.bytes).sum();
        assert!(bytes <= MOST_BYTES && bytes > MOST_BYTES / 2, "{bytes}");
        for of_one in kept.values() {
            assert!(of_one.iter().map(|kept| kept.bytes).sum::<usize>() <= MOST_BYTES_OF_ONE);
        }
        assert!(kept.contains_key(&consumers[9]) && !kept.contains_key(&consumers[0]));
    }

    #[test]
    fn a_list_is_forgotten_after_its_time() {
        let consumer = ConsumerId::new("one");
        let lists = KnownLists::default();
        lists.keep(&consumer, ListId([0; 32]), Some(&list_of(1)));
        let mut kept = lists.kept.lock().unwrap();
        let now = Instant::now();
        forget_old(&mut kept, now);
        assert_eq!(kept.len(), 1);
        forget_old(&mut kept, now + KEPT_FOR);
        assert!(kept.is_empty());
    }
}
