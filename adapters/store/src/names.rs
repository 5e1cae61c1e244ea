//! The names of a partition: every expanded name of a type or an attribute has a number there.
//!
//! Expanded names are long (`https://uri.etsi.org/ngsi-ld/default-context/...`) and few. Numbers keep rows and
//! indexes small, and a name that is read back shares one text among all entities. Numbers are only ever
//! added, never changed or given away again, so a table that is behind lacks names but has none wrong. The backend gives
//! them, and may leave some out.

use std::sync::Arc;

use hashbrown::HashMap;
use ngsi_ld::Iri;

/// The number of a name, from 1.
pub(super) type NameKey = u32;

/// The highest number that is read: a partition has thousands of names, and a damaged file must not cost memory without
/// measure.
pub(super) const HIGHEST_KEY: NameKey = 1024 * 1024;

/// Names and their numbers, as far as they are known here.
#[derive(Debug, Clone, Default)]
pub(super) struct NameTable {
    /// The name of number n stands at n - 1, if there is one of that number.
    names: Vec<Option<Iri>>,
    keys: HashMap<Iri, NameKey>,
}

impl NameTable {
    /// The name of a number.
    pub(super) fn name(&self, key: NameKey) -> Option<&Iri> {
        let position = usize::try_from(key).ok()?.checked_sub(1)?;
        self.names.get(position)?.as_ref()
    }

    /// The number of a name.
    pub(super) fn key(&self, name: &Iri) -> Option<NameKey> {
        self.keys.get(name).copied()
    }

    /// The highest number that is known, 0 when there is none.
    pub(super) fn last_key(&self) -> NameKey {
        NameKey::try_from(self.names.len()).unwrap_or(NameKey::MAX)
    }

    /// How many names are known.
    pub(super) fn count(&self) -> usize {
        self.keys.len()
    }

    /// Adds a name with its number. Whether that is a number that a name can have.
    #[must_use]
    pub(super) fn add(&mut self, key: NameKey, name: Iri) -> bool {
        let Some(position) = usize::try_from(key).ok().and_then(|key| key.checked_sub(1)) else {
            return false;
        };
        if key > HIGHEST_KEY {
            return false;
        }
        if self.names.len() <= position {
            self.names.resize(position + 1, None);
        }
        if let Some(place) = self.names.get_mut(position) {
            *place = Some(name.clone());
        }
        self.keys.insert(name, key);
        true
    }
}

/// What all readers of a partition share: replaced as a whole when names were added.
#[derive(Debug, Default)]
pub(super) struct SharedNames(std::sync::RwLock<Arc<NameTable>>);

impl SharedNames {
    /// The names as far as they are known now.
    pub(super) fn current(&self) -> Arc<NameTable> {
        match self.0.read() {
            Ok(names) => Arc::clone(&names),
            // Nobody leaves the table half changed: it is replaced by one assignment.
            Err(poisoned) => Arc::clone(&poisoned.into_inner()),
        }
    }

    /// Takes over a table, unless one with more names came first.
    pub(super) fn advance(&self, names: &Arc<NameTable>) {
        let mut current = match self.0.write() {
            Ok(current) => current,
            Err(poisoned) => poisoned.into_inner(),
        };
        if names.count() > current.count() {
            *current = Arc::clone(names);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_number_and_numbers_may_be_missing() {
        let mut names = NameTable::default();
        let (a, b) = (Iri::new("urn:a"), Iri::new("urn:b"));
        assert!(names.add(7, b.clone()) && names.add(2, a.clone()));
        assert_eq!((names.key(&a), names.key(&b)), (Some(2), Some(7)));
        assert_eq!((names.name(2), names.name(7)), (Some(&a), Some(&b)));
        for missing in [0, 1, 3, 8, NameKey::MAX] {
            assert_eq!(names.name(missing), None, "{missing}");
        }
        assert_eq!((names.last_key(), names.count()), (7, 2));
        assert!(!names.add(0, a.clone()) && !names.add(HIGHEST_KEY + 1, a));
    }

    #[test]
    fn a_table_with_fewer_names_never_replaces_one_with_more() {
        let shared = SharedNames::default();
        let mut names = NameTable::default();
        let short = Arc::new(names.clone());
        assert!(names.add(3, Iri::new("urn:a")));
        shared.advance(&Arc::new(names));
        shared.advance(&short);
        assert_eq!(shared.current().count(), 1);
    }
}
