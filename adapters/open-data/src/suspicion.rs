//! Whether what was read may take the place of what was there: a file that shrinks to under half, or whose identifiers nearly
//! all change, is more often a mistake than news, and what follows links by these ids would be lost.
//!
//! What is remembered of a file over a restart is how many entities it had and, of some of their ids, a part of a keyed hash:
//! nobody can tell an id from it, and whoever has the ids of the next file can tell whether they are the same.

use std::time::SystemTime;

use hashbrown::HashSet;
use kakehashi_kind::{HeldBack, Suspicion};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Ids of which something is remembered: of so many the part that is gone is known to within some 3 %.
const REMEMBERED: usize = 256;

/// A file with fewer entities has no ids to speak of: to replace four rows by four others is an edit.
const FEWEST_WITH_IDS: usize = 5;

/// Of a hundred ids that were there, so many have to be gone.
const NEARLY_ALL: usize = 80;

/// What is remembered of a file that was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Memento {
    /// How many entities it had.
    pub(crate) entities: usize,
    /// What the ids are hashed with, known here alone.
    key: String,
    /// The least of the hashes: a sample that is the same whatever the order.
    sketch: Vec<u64>,
}

/// The hashes of the ids of a file.
#[derive(Debug)]
pub(crate) struct Ids {
    key: String,
    hashes: HashSet<u64>,
}

impl Ids {
    /// Of these ids, comparable with what is remembered.
    pub(crate) fn of<'a>(ids: impl Iterator<Item = &'a str>, before: Option<&Memento>) -> Self {
        let key = before.map_or_else(
            || format!("{:032x}", rand::random::<u128>()),
            |before| before.key.clone(),
        );
        let hashes = ids.map(|id| hash(&key, id)).collect();
        Self { key, hashes }
    }

    /// What is odd about them.
    pub(crate) fn suspicion(&self, before: Option<&Memento>) -> Option<HeldBack> {
        let before = before?;
        let now = self.hashes.len();
        let held_back = |reason| HeldBack {
            reason,
            before: before.entities,
            now,
            since: SystemTime::now(),
        };
        if now.saturating_mul(2) < before.entities {
            return Some(held_back(Suspicion::Shrunk));
        }
        let gone = before.sketch.iter().filter(|hash| !self.hashes.contains(*hash)).count();
        let are_others = before.entities >= FEWEST_WITH_IDS
            && before.key == self.key
            && gone.saturating_mul(100) > before.sketch.len().saturating_mul(NEARLY_ALL);
        are_others.then(|| held_back(Suspicion::OtherIds))
    }

    /// What is remembered of them.
    pub(crate) fn memento(&self) -> Memento {
        let mut sketch: Vec<u64> = self.hashes.iter().copied().collect();
        sketch.sort_unstable();
        sketch.truncate(REMEMBERED);
        Memento {
            entities: self.hashes.len(),
            key: self.key.clone(),
            sketch,
        }
    }
}

fn hash(key: &str, id: &str) -> u64 {
    let digest = Sha256::new().chain_update(key).chain_update(id).finalize();
    let mut part = [0; 8];
    for (to, from) in part.iter_mut().zip(digest) {
        *to = from;
    }
    u64::from_be_bytes(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(numbers: std::ops::Range<usize>, before: Option<&Memento>) -> Ids {
        let all: Vec<String> = numbers.map(|number| format!("urn:ngsi-ld:AED:{number}")).collect();
        Ids::of(all.iter().map(String::as_str), before)
    }

    #[test]
    fn a_file_that_shrinks_or_is_renumbered_is_suspicious_and_one_that_grows_is_not() {
        let before = ids(0..1_000, None).memento();
        assert_eq!(before.sketch.len(), REMEMBERED);
        let reason = |numbers| {
            let suspicion = ids(numbers, Some(&before)).suspicion(Some(&before));
            suspicion.map(|held_back| held_back.reason)
        };
        assert_eq!(reason(0..1_000), None);
        assert_eq!(reason(0..500), None);
        assert_eq!(reason(0..499), Some(Suspicion::Shrunk));
        assert_eq!(reason(0..5_000), None);
        assert_eq!(reason(500..1_500), None);
        assert_eq!(reason(950..1_950), Some(Suspicion::OtherIds));
        assert_eq!(reason(5_000..6_000), Some(Suspicion::OtherIds));
        assert_eq!(ids(0..1, None).suspicion(None), None);
    }

    #[test]
    fn no_id_is_in_what_is_remembered() {
        let text = serde_json::to_string(&ids(0..10, None).memento()).unwrap();
        assert!(!text.contains("AED") && !text.contains("urn"), "{text}");
    }
}
