//! Which ids of the view stand for several entities of the source: the same id in several service paths, or under several types.
//!
//! Orion lists and counts each of them. What was found out about them ([`super::finding_out`]) is kept here for each set of types
//! that is asked for. Where none repeats, a page of the source is one of the view. Where some do, these few are left out of the
//! source's list and stand whole at its end.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hashbrown::{HashMap, HashSet};
use ngsi_ld::{EntityId, TypeName};
use tokio::sync::Mutex as AsyncMutex;
use tokio::time::Instant;

use kakehashi_contract::Yielded;

/// Whether ids of the view repeat in a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IdsRepeat {
    /// The operator knows that none does. Of entities that share one all the same those of one page are united, and later ones
    /// are left out and reported.
    No,
    /// They may at any time: each query reads all that match, and unites them.
    Yes,
    /// The gateway finds out which do.
    #[default]
    FindOut,
}

/// The values of the key `ids_repeat`.
pub(super) const VALUES: [(&str, IdsRepeat); 3] = [
    ("no", IdsRepeat::No),
    ("yes", IdsRepeat::Yes),
    ("find-out", IdsRepeat::FindOut),
];

/// Entities that a source may list for it to be found out which ids repeat: fifty requests. A larger one is taken for one in which
/// none does, until a page shows it.
pub(super) const MOST_LISTED: u64 = 50_000;

/// Ids that may repeat for the rest of the list to be paged as the source pages it. With more of them all is read: they would take
/// more requests.
const MOST_REPEATED: usize = 500;

/// Sets of types that something is known of, of one source. A consumer chooses among the sets that its permits make.
const MOST_SETS: usize = 64;

/// How long what was found out holds without asking whether it does.
const FRESH_FOR: Duration = Duration::from_secs(60);

/// The same, for each page of ids that finding out has read: so that it takes no more than about a sixth of what a source is asked.
const FRESH_FOR_EACH_PAGE: Duration = Duration::from_secs(6);

/// How long nobody tries to find out what could not be found out.
const AGAIN_AFTER: Duration = Duration::from_secs(10);

/// What is known of the entities of some types.
#[derive(Debug, Clone)]
pub(super) enum Repeated {
    /// No id repeats.
    None,
    /// These do.
    These(Arc<RepeatedIds>),
    /// Too many do.
    Many,
}

/// Ids that repeat.
pub(super) struct RepeatedIds {
    digests: HashSet<u128>,
    /// `None`: they may be of persons, and are not kept.
    ids: Option<Arc<[EntityId]>>,
    digester: Arc<Digester>,
}

impl RepeatedIds {
    pub(super) fn include(&self, id: &EntityId) -> bool {
        self.digests.contains(&self.digester.digest(id))
    }

    /// The ids themselves, where they are kept.
    pub(super) fn ids(&self) -> Option<&Arc<[EntityId]>> {
        self.ids.as_ref()
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.digests.len()
    }
}

impl fmt::Debug for RepeatedIds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ids", self.digests.len())
    }
}

/// Digests of ids. Their keys are of this process alone, so that nobody can choose ids that share one.
#[derive(Debug, Default)]
struct Digester([RandomState; 2]);

impl Digester {
    fn digest(&self, id: &EntityId) -> u128 {
        let [high, low] = self.0.each_ref().map(|half| u128::from(half.hash_one(id.as_str())));
        high << 64 | low
    }
}

/// What is known of one source.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    sets: Mutex<HashMap<Asked, Arc<OfTypes>>>,
    /// What is known where nothing is found out.
    pub(super) nothing: Arc<OfTypes>,
    digester: Arc<Digester>,
}

/// The types that are asked for, and whether their ids may be kept.
type Asked = (Box<[TypeName]>, bool);

impl Repeats {
    /// What is known of the entities of these types. Ids are kept only of what is open to whoever may have its types.
    pub(super) fn of(&self, types: &[TypeName], may_keep_ids: bool) -> Arc<OfTypes> {
        let mut sorted: Vec<TypeName> = types.to_vec();
        sorted.sort_unstable();
        let asked = (sorted.into_boxed_slice(), may_keep_ids);
        let mut sets = self.sets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = sets.get(&asked) {
            return Arc::clone(known);
        }
        if sets.len() >= MOST_SETS
            && let Some(one) = sets.keys().next().cloned()
        {
            sets.remove(&one);
        }
        let of_types = Arc::new(OfTypes {
            may_keep_ids,
            known: Mutex::default(),
            is_doubted: AtomicBool::new(false),
            finding: AsyncMutex::default(),
            failed: Mutex::default(),
            digester: Arc::clone(&self.digester),
        });
        sets.insert(asked, Arc::clone(&of_types));
        of_types
    }
}

/// What is known of the entities of some types.
#[derive(Debug, Default)]
pub(super) struct OfTypes {
    may_keep_ids: bool,
    known: Mutex<Option<Known>>,
    /// Whether a page has shown an id that repeats and was not known to.
    is_doubted: AtomicBool,
    /// One request finds out, others wait for it. What it has read when its time is over the next one goes on with.
    pub(super) finding: AsyncMutex<Finding>,
    /// When it could not be found out.
    failed: Mutex<Option<Instant>>,
    digester: Arc<Digester>,
}

/// What was found out, and when.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) repeated: Repeated,
    /// Whether an id stands under several of the types.
    across_types: bool,
    /// How many entities the source had.
    pub(super) total: Option<u64>,
    since: Instant,
    fresh_for: Duration,
}

/// What was read until now, while it is found out.
#[derive(Debug, Default)]
pub(super) struct Finding {
    /// The type under which each id stood first.
    seen: HashMap<u128, TypeName>,
    repeated: HashMap<u128, Option<EntityId>>,
    /// Whether one stands under several types.
    across_types: bool,
    pub(super) offset: usize,
    pages: u32,
}

impl OfTypes {
    /// What is known now, without asking the source.
    pub(super) fn known(&self) -> Option<Repeated> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.as_ref().map(|known| known.repeated.clone())
    }

    /// What is known, as long as nobody has to ask whether it holds.
    pub(super) fn fresh(&self) -> Option<Repeated> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.as_ref()?;
        let age = known.since.elapsed();
        // A source whose list changes while it is read shows ids twice: it is not read anew for each page.
        let is_doubted = self.is_doubted() && age > known.fresh_for / 6;
        (age < known.fresh_for && !is_doubted).then(|| known.repeated.clone())
    }

    /// Whether an id stands under several of the types; `None`: that could not be found out yet.
    pub(super) fn across_types(&self) -> Option<bool> {
        self.before().map(|known| known.across_types)
    }

    /// What was known until now.
    pub(super) fn before(&self) -> Option<Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What was known holds still.
    pub(super) fn holds_still(&self, known: &Known) -> Repeated {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(Known {
            since: Instant::now(),
            ..known.clone()
        });
        known.repeated.clone()
    }

    /// All ids have been read. `total`: how many entities there are.
    pub(super) fn know(&self, finding: Finding, total: Option<u64>) -> Repeated {
        let fresh_for = FRESH_FOR + FRESH_FOR_EACH_PAGE * finding.pages;
        let across_types = finding.across_types;
        let repeated = self.repeated(finding);
        self.is_doubted.store(false, Ordering::Relaxed);
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(Known {
            repeated: repeated.clone(),
            across_types,
            total,
            since: Instant::now(),
            fresh_for,
        });
        repeated
    }

    /// It could not be found out.
    pub(super) fn fail(&self) {
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Whether it could not be found out a moment ago: then the answer is not kept waiting for it.
    pub(super) fn has_failed_lately(&self) -> bool {
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.is_some_and(|failed| failed.elapsed() < AGAIN_AFTER)
    }

    fn repeated(&self, finding: Finding) -> Repeated {
        let found = finding.repeated;
        if found.is_empty() {
            return Repeated::None;
        }
        if found.len() > MOST_REPEATED {
            return Repeated::Many;
        }
        let digests = found.keys().copied().collect();
        let mut ids: Vec<EntityId> = found.into_values().flatten().collect();
        ids.sort_unstable();
        Repeated::These(Arc::new(RepeatedIds {
            digests,
            ids: self.may_keep_ids.then(|| ids.into()),
            digester: Arc::clone(&self.digester),
        }))
    }

    /// A page has shown an id twice that was not known to repeat.
    pub(super) fn doubt(&self) {
        self.is_doubted.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_doubted(&self) -> bool {
        self.is_doubted.load(Ordering::Relaxed)
    }

    /// What is known is older than it holds.
    #[cfg(test)]
    pub(super) fn let_time_pass(&self) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.as_mut() {
            known.fresh_for = Duration::ZERO;
        }
    }
}

impl Finding {
    /// Adds a page of so many places.
    pub(super) fn add(&mut self, yielded: &[Yielded], listed: usize, of: &OfTypes) {
        for one in yielded {
            let Yielded::Entity(entity) = one else {
                continue;
            };
            let Some(r#type) = entity.types.first() else {
                continue;
            };
            let digest = of.digester.digest(&entity.id);
            match self.seen.get(&digest) {
                None => {
                    self.seen.insert(digest, r#type.clone());
                }
                Some(first) => {
                    self.across_types |= first != r#type;
                    let id = of.may_keep_ids.then(|| entity.id.clone());
                    self.repeated.insert(digest, id);
                }
            }
        }
        self.offset += listed;
        self.pages += 1;
    }

    /// How many ids repeat.
    pub(super) fn repeating(&self) -> usize {
        self.repeated.len()
    }

    /// There is too much to find out.
    pub(super) fn give_up(&mut self) {
        self.repeated.clear();
        self.across_types = false;
    }
}
