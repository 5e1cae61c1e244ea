//! Whether the database behind a source is there. An Orion that has lost it lists nothing, with status 200 and a total of 0, as if
//! all were well.
//!
//! Where the source held entities of a type a moment ago and now says that there is none at all, it is asked once for one entity of
//! any of the types that it held. If it has none of those either, its empty answers are not believed. Only names of types are kept.
//! What makes the doubt is a whole type, never somebody's narrow question; and while it lasts it holds for every question about the
//! source, whatever whoever asks may see.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use kakehashi_contract::Yielded;
use ngsi_ld::TypeName;

use super::plan::NamedType;

/// How long a source that held entities of several types is not believed to have lost them all: as long as it takes an operator to
/// see to it, if nothing comes back by itself.
const DOUBTED_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// The same of one that held entities of one type alone, whose last entity may well have been deleted.
const ALONE_DOUBTED_FOR: Duration = Duration::from_secs(60);

/// How long what was found out holds, before the source is asked again.
const HOLDS_FOR: Duration = Duration::from_secs(10);

/// What a source held.
#[derive(Debug)]
pub(super) struct Database {
    types: Box<[(TypeName, Box<str>)]>,
    state: Mutex<State>,
    /// Held by whoever asks the source.
    pub(super) asking: futures::lock::Mutex<()>,
}

#[derive(Debug)]
struct State {
    /// When an entity of each type was last seen.
    seen: Box<[Option<Instant>]>,
    /// When it was found out that there is nothing at all any more.
    gone: Option<Instant>,
}

/// Whether an empty answer is believed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Emptiness {
    Believed,
    /// When the source has said whether it has one entity of these types, as a parameter names them.
    Asks(String),
    NotBelieved,
}

impl Database {
    pub(super) fn of(types: &[NamedType]) -> Self {
        Self {
            types: types
                .iter()
                .map(|named| (named.name().clone(), named.escaped().into()))
                .collect(),
            state: Mutex::new(State {
                seen: vec![None; types.len()].into(),
                gone: None,
            }),
            asking: futures::lock::Mutex::default(),
        }
    }

    /// The source has sent entities.
    pub(super) fn has(&self, yielded: &[Yielded], now: Instant) {
        let mut state = self.state();
        let mut latest = None;
        for one in yielded {
            let Yielded::Entity(entity) = one else {
                continue;
            };
            if latest.is_some() && latest == entity.types.first() {
                continue;
            }
            latest = entity.types.first();
            let known = self.types.iter().position(|(name, _)| entity.types.contains(name));
            if let Some(seen) = known.and_then(|place| state.seen.get_mut(place)) {
                *seen = Some(now);
                state.gone = None;
            }
        }
    }

    /// The source says that it has nothing of these types; `is_whole`: whatever they are like.
    pub(super) fn has_nothing(&self, types: &[&TypeName], is_whole: bool, now: Instant) -> Emptiness {
        let mut state = self.state();
        state.forget(now);
        let held: Vec<_> = self
            .types
            .iter()
            .zip(&state.seen)
            .filter(|(_, seen)| seen.is_some())
            .collect();
        if held.is_empty() {
            return Emptiness::Believed;
        }
        let asks = || {
            let names: Vec<&str> = held.iter().map(|((_, escaped), _)| &**escaped).collect();
            Emptiness::Asks(names.join(","))
        };
        match state.gone {
            Some(found) if now < found + HOLDS_FOR => Emptiness::NotBelieved,
            Some(_) => asks(),
            None if is_whole && held.iter().any(|((name, _), _)| types.contains(&name)) => asks(),
            None => Emptiness::Believed,
        }
    }

    /// What the source has said of one entity of the types that it held.
    pub(super) fn has_one(&self, has_one: bool, now: Instant) -> Emptiness {
        let mut state = self.state();
        state.gone = (!has_one).then_some(now);
        match has_one {
            true => Emptiness::Believed,
            false => Emptiness::NotBelieved,
        }
    }

    /// The source has others, before and after it was asked for these: they were deleted.
    pub(super) fn were_deleted(&self, types: &[&TypeName]) {
        let mut state = self.state();
        for ((name, _), seen) in self.types.iter().zip(&mut state.seen) {
            if types.contains(&name) {
                *seen = None;
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that is done under this lock can panic half-way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// What was seen too long ago says nothing.
    fn forget(&mut self, now: Instant) {
        let held = self.seen.iter().flatten().count();
        let remembered = if held > 1 { DOUBTED_FOR } else { ALONE_DOUBTED_FOR };
        for seen in &mut self.seen {
            seen.take_if(|at| now.saturating_duration_since(*at) >= remembered);
        }
        if self.seen.iter().all(Option::is_none) {
            self.gone = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use ngsi_ld::{Entity, EntityId, Iri};

    use super::super::translate::ProvidedType;
    use super::*;

    const NAMES: [&str; 3] = ["A", "B", "C"];

    fn name(short: &str) -> TypeName {
        TypeName::new(Iri::new(format!("urn:t:{short}")))
    }

    fn database() -> Database {
        let named = NAMES.map(|short| {
            NamedType::of(&ProvidedType {
                name: name(short),
                short: short.into(),
            })
        });
        Database::of(&named)
    }

    fn entity(short: &str) -> Yielded {
        Yielded::Entity(Entity::new(EntityId::parse("urn:x:1").unwrap(), name(short)))
    }

    #[test]
    fn what_was_held_a_moment_ago_is_asked_for_once_and_not_believed_to_be_gone() {
        let (database, start) = (database(), Instant::now());
        let (a, c) = (name("A"), name("C"));
        assert_eq!(
            database.has_nothing(&[&a], true, start),
            Emptiness::Believed,
            "it never held one"
        );
        database.has(&[entity("A"), entity("A"), entity("B")], start);
        assert_eq!(
            database.has_nothing(&[&a], false, start),
            Emptiness::Believed,
            "a narrow question"
        );
        assert_eq!(
            database.has_nothing(&[&c], true, start),
            Emptiness::Believed,
            "it never held that one"
        );
        assert_eq!(
            database.has_nothing(&[&a], true, start),
            Emptiness::Asks("A,B".to_owned())
        );
        assert_eq!(database.has_one(false, start), Emptiness::NotBelieved);
        // From now on nothing is, whatever is asked for.
        for (types, is_whole) in [([&a], true), ([&a], false), ([&c], true), ([&c], false)] {
            assert_eq!(database.has_nothing(&types, is_whole, start), Emptiness::NotBelieved);
            let later = start + HOLDS_FOR;
            assert_eq!(
                database.has_nothing(&types, is_whole, later),
                Emptiness::Asks("A,B".to_owned())
            );
        }
        // It comes back.
        database.has(&[entity("B")], start + HOLDS_FOR);
        assert_eq!(
            database.has_nothing(&[&c], true, start + HOLDS_FOR),
            Emptiness::Believed
        );
    }

    #[test]
    fn what_was_deleted_is_gone_where_something_else_is_there() {
        let (database, start) = (database(), Instant::now());
        let a = name("A");
        database.has(&[entity("A"), entity("B")], start);
        assert!(matches!(database.has_nothing(&[&a], true, start), Emptiness::Asks(_)));
        assert_eq!(database.has_one(true, start), Emptiness::Believed);
        assert!(
            matches!(database.has_nothing(&[&a], true, start), Emptiness::Asks(_)),
            "it may have come back meanwhile"
        );
        database.were_deleted(&[&a]);
        assert_eq!(
            database.has_nothing(&[&a], true, start),
            Emptiness::Believed,
            "it is not asked for again"
        );
    }

    #[test]
    fn the_last_of_the_only_type_may_be_deleted_and_nothing_is_doubted_for_ever() {
        let (database, start) = (database(), Instant::now());
        let a = name("A");
        database.has(&[entity("A")], start);
        assert_eq!(database.has_one(false, start), Emptiness::NotBelieved);
        assert_eq!(
            database.has_nothing(&[&a], true, start + ALONE_DOUBTED_FOR),
            Emptiness::Believed
        );
        database.has(&[entity("A"), entity("B")], start);
        assert_eq!(database.has_one(false, start), Emptiness::NotBelieved);
        assert!(matches!(
            database.has_nothing(&[&a], true, start + ALONE_DOUBTED_FOR),
            Emptiness::Asks(_)
        ));
        assert_eq!(
            database.has_nothing(&[&a], true, start + DOUBTED_FOR),
            Emptiness::Believed
        );
    }
}
