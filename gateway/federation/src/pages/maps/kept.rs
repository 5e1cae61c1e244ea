//! The maps of the process: in memory alone, each for a while, and only so many.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use hashbrown::HashMap;
use kakehashi_core::consumer::ANONYMOUS;

use super::map::{EntityMap, MapId, Owner};

/// Most ids of one map: five times what a walk of a prefecture's largest list has, and at most some 40 MiB.
pub const MOST_IDS: usize = 500_000;

/// Maps of one consumer: the walks of its workers, and some that nobody has ended.
pub const MOST_OF_ONE: usize = 16;

/// Maps of one address of the anonymous consumer: one person's.
pub const MOST_OF_ONE_ADDRESS: usize = 4;

/// Bytes of the maps of one consumer.
pub const MOST_BYTES_OF_ONE: usize = 64 * 1024 * 1024;

/// Bytes of all maps of the anonymous consumer together, whoever asks: they take no room from those who are known.
pub const MOST_BYTES_OF_ANYBODY: usize = 32 * 1024 * 1024;

/// Bytes of all maps.
pub const MOST_BYTES: usize = 256 * 1024 * 1024;

/// How long a map lives where nobody says otherwise: a walk by pages of a thousand takes less.
pub const LIFETIME: Duration = Duration::from_secs(10 * 60);

/// The longest that it may live: what it says of the moment when it was made is worth less every minute, and nobody is
/// to keep it.
pub const LONGEST: Duration = Duration::from_secs(60 * 60);

/// The shortest: one of less would be over before its answer has arrived.
const SHORTEST: Duration = Duration::from_secs(1);

/// In a second. A map expires at a whole one, which is enough to say, and always as long a text.
const MICROS: i64 = 1_000_000;

/// Why a map is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoRoom {
    /// The consumer has as many as it may.
    #[error(
        "you have {allowed} entity maps, which is as many as you may; delete one (`DELETE` on its address), or wait until one \
         expires"
    )]
    OfOne {
        /// How many it may.
        allowed: usize,
    },
    /// The consumer's maps hold as much as they may.
    #[error(
        "your entity maps would hold more ids than they may together; delete one (`DELETE` on its address), or ask for fewer \
         entities in each"
    )]
    BytesOfOne,
    /// All maps hold as much as they may.
    #[error(
        "the entity maps of all consumers hold as many ids as they may; walk by the links of pages without one, or try later"
    )]
    InAll,
}

/// The maps.
#[derive(Debug, Default)]
pub struct EntityMaps {
    kept: Mutex<HashMap<MapId, Arc<EntityMap>>>,
}

/// How many maps there are, and what they hold.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Sum {
    maps: usize,
    bytes: usize,
}

impl EntityMaps {
    /// An owner's map; `None`: it has none of that id, or none any more.
    //= 5.5.14-6
    #[must_use]
    pub fn get(&self, id: &MapId, owner: &Owner) -> Option<Arc<EntityMap>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let map = kept.get(id)?;
        (map.owner == *owner && !map.is_over(now())).then(|| Arc::clone(map))
    }

    /// Ends an owner's map. Whether there was one.
    //= 5.14.3.4-3
    pub fn remove(&self, id: &MapId, owner: &Owner) -> bool {
        let found = self.get(id, owner).is_some();
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        found && kept.remove(id).is_some()
    }

    /// Lets a map live until a moment in microseconds since 1970, or for as long as one may.
    //= 5.2.23-4
    pub fn expire_at(&self, map: &EntityMap, micros: i64) {
        map.expire_at(whole(micros));
        self.forget_old();
    }

    /// Whether an owner may have one more, as far as can be said before it is made.
    ///
    /// # Errors
    /// [`NoRoom`]
    pub(super) fn has_room(&self, owner: &Owner) -> Result<(), NoRoom> {
        self.forget_old();
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        room(&kept, owner, 0)
    }

    /// Keeps a map, unless there are as many as there may be.
    ///
    /// # Errors
    /// [`NoRoom`]
    pub(super) fn keep(&self, map: EntityMap) -> Result<Arc<EntityMap>, NoRoom> {
        self.forget_old();
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        room(&kept, &map.owner, map.bytes)?;
        let map = Arc::new(map);
        kept.insert(map.id.clone(), Arc::clone(&map));
        Ok(map)
    }

    fn forget_old(&self) {
        let now = now();
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|_, map| !map.is_over(now));
    }
}

fn room(kept: &HashMap<MapId, Arc<EntityMap>>, owner: &Owner, bytes: usize) -> Result<(), NoRoom> {
    let (mut own, mut of_anybody, mut all) = (Sum::default(), Sum::default(), Sum::default());
    let is_anybody = |owner: &Owner| owner.consumer.as_str() == ANONYMOUS;
    for map in kept.values() {
        if map.owner.shares_bounds_with(owner) {
            own.add(map);
        }
        if is_anybody(&map.owner) {
            of_anybody.add(map);
        }
        all.add(map);
    }
    let allowed = match is_anybody(owner) {
        true => MOST_OF_ONE_ADDRESS,
        false => MOST_OF_ONE,
    };
    if own.maps >= allowed {
        return Err(NoRoom::OfOne { allowed });
    }
    let exceeds = |sum: Sum, most: usize| sum.bytes.saturating_add(bytes) > most;
    if exceeds(own, MOST_BYTES_OF_ONE) {
        return Err(NoRoom::BytesOfOne);
    }
    if exceeds(all, MOST_BYTES) || (is_anybody(owner) && exceeds(of_anybody, MOST_BYTES_OF_ANYBODY)) {
        return Err(NoRoom::InAll);
    }
    Ok(())
}

impl Sum {
    fn add(&mut self, map: &EntityMap) {
        self.maps += 1;
        self.bytes = self.bytes.saturating_add(map.bytes);
    }
}

/// Microseconds since 1970.
fn now() -> i64 {
    after(Duration::ZERO)
}

/// The moment after so long from now.
pub(super) fn after(time: Duration) -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let micros = since.unwrap_or_default().saturating_add(time).as_micros();
    i64::try_from(micros).unwrap_or(i64::MAX)
}

/// When a map is over that is to live so long.
pub(super) fn end_of(lifetime: Duration) -> i64 {
    whole(after(lifetime.clamp(SHORTEST, LONGEST)))
}

/// The end of the second that a moment is in, or the last one at which a map may expire. What is over stays so.
fn whole(micros: i64) -> i64 {
    let last = after(LONGEST) / MICROS * MICROS;
    let end = micros.saturating_add(MICROS - 1) / MICROS * MICROS;
    let is_over = micros <= now();
    (if is_over { micros / MICROS * MICROS } else { end }).min(last)
}

#[cfg(test)]
mod tests {
    use kakehashi_core::names::{ConsumerId, TenantId};
    use ngsi_ld::EntityId;

    use super::super::super::known_list::ListId;
    use super::super::entries::Entries;
    use super::*;
    use crate::Question;

    fn owner(consumer: &str, address: u64) -> Owner {
        Owner {
            consumer: ConsumerId::new(consumer),
            purpose: None,
            tenant: None,
            address,
        }
    }

    fn map_of(owner: Owner, ids: usize, lives: Duration) -> EntityMap {
        let mut entries = Entries::default();
        for number in 0..ids {
            let id = EntityId::new_unchecked(format!("urn:a:{number:0>90}"));
            assert!(entries.push(&id, 0));
        }
        let question = Question::default();
        let id = MapId::random().unwrap();
        EntityMap::new(id, owner, &question, entries, ListId([0; 32]), after(lives))
    }

    #[test]
    fn nobody_else_has_it_nor_the_same_consumer_for_another_purpose_tenant_or_address() {
        let maps = EntityMaps::default();
        let own = owner("a", 0);
        let map = maps.keep(map_of(own.clone(), 1, LIFETIME)).unwrap();
        let others = [
            owner("b", 0),
            owner("a", 1),
            Owner {
                purpose: Some("p".into()),
                ..own.clone()
            },
            Owner {
                tenant: Some(TenantId::new("t")),
                ..own.clone()
            },
        ];
        for other in others {
            assert!(maps.get(&map.id, &other).is_none(), "{other:?}");
            assert!(!maps.remove(&map.id, &other));
        }
        assert!(maps.get(&map.id, &own).is_some());
        assert!(maps.remove(&map.id, &own) && !maps.remove(&map.id, &own));
    }

    #[test]
    fn what_is_over_is_nobodys_and_makes_room() {
        let maps = EntityMaps::default();
        let own = owner("a", 0);
        let mut kept: Vec<_> = (0..MOST_OF_ONE)
            .map(|_| maps.keep(map_of(own.clone(), 1, LIFETIME)).unwrap())
            .collect();
        let refused = maps.keep(map_of(own.clone(), 1, LIFETIME)).unwrap_err();
        assert_eq!(refused, NoRoom::OfOne { allowed: MOST_OF_ONE });
        maps.expire_at(&kept.pop().unwrap(), 0);
        assert!(maps.has_room(&own).is_ok());
        let last = maps.keep(map_of(own.clone(), 1, LIFETIME)).unwrap();
        maps.expire_at(&last, i64::MAX);
        assert!(last.expires_at().unwrap().unix_micros() <= after(LONGEST));
    }

    #[test]
    fn every_map_expires_at_a_whole_second_that_is_to_come() {
        for lifetime in [
            Duration::from_nanos(1),
            Duration::from_millis(500),
            LIFETIME,
            Duration::MAX,
        ] {
            let (before, end) = (now(), end_of(lifetime));
            let least = i64::try_from(lifetime.clamp(SHORTEST, LONGEST).as_micros()).unwrap();
            assert!(end % MICROS == 0 && end >= before + least - MICROS, "{lifetime:?}");
            assert!(end > before && end <= after(LONGEST), "{lifetime:?}");
        }
        assert_eq!(whole(now() + 1_500_000) % MICROS, 0);
        assert!(whole(now()) <= now());
    }

    #[test]
    fn bytes_are_bounded_of_one_of_anybody_and_in_all() {
        let maps = EntityMaps::default();
        let large = |owner: Owner| maps.keep(map_of(owner, 200_000, LIFETIME)).map(drop);
        // About twenty MiB each.
        let mut of_one = (0..MOST_OF_ONE).map(|_| large(owner("a", 0)));
        assert_eq!(of_one.find_map(Result::err), Some(NoRoom::BytesOfOne));
        assert!(large(owner(ANONYMOUS, 1)).is_ok());
        assert_eq!(large(owner(ANONYMOUS, 2)), Err(NoRoom::InAll));
        let mut of_others = (0..50).map(|number| large(owner(&format!("c{number}"), 0)));
        assert_eq!(of_others.find_map(Result::err), Some(NoRoom::InAll));
        let bytes: usize = maps.kept.lock().unwrap().values().map(|map| map.bytes).sum();
        assert!(bytes <= MOST_BYTES, "{bytes}");
    }
}
