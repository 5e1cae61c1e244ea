//! The names of a partition: every expanded name of a type or an attribute has a number there.
//!
//! Expanded names are long (`https://uri.etsi.org/ngsi-ld/default-context/...`) and few. Numbers keep rows and
//! indexes small, and a name that is read back shares one text among all entities. Numbers are only ever
//! added, never changed or given away again, so a table that is behind lacks names but has none wrong.

use std::sync::Arc;

use hashbrown::HashMap;
use ngsi_ld::Iri;

/// The number of a name: its row in the table `names`, from 1.
pub(super) type NameKey = u32;

/// Names and their numbers, as far as they are known here.
#[derive(Debug, Clone, Default)]
pub(super) struct NameTable {
    /// The name of number n stands at n - 1.
    names: Vec<Iri>,
    keys: HashMap<Iri, NameKey>,
}

impl NameTable {
    /// The name of a number.
    pub(super) fn name(&self, key: NameKey) -> Option<&Iri> {
        let position = usize::try_from(key).ok()?.checked_sub(1)?;
        self.names.get(position)
    }

    /// The number of a name.
    pub(super) fn key(&self, name: &str) -> Option<NameKey> {
        self.keys.get(name).copied()
    }

    /// The number of a name, which is given one if it has none yet. For writers that hold the write lock.
    pub(super) fn intern(&mut self, name: &Iri) -> NameKey {
        if let Some(key) = self.keys.get(name) {
            return *key;
        }
        self.push(name.clone())
    }

    /// The highest number, 0 when there is none.
    pub(super) fn last_key(&self) -> NameKey {
        NameKey::try_from(self.names.len()).unwrap_or(NameKey::MAX)
    }

    /// The names with numbers above `key`, in order.
    pub(super) fn after(&self, key: NameKey) -> impl Iterator<Item = (NameKey, &Iri)> {
        let position = usize::try_from(key).unwrap_or(usize::MAX);
        (key + 1..).zip(self.names.iter().skip(position))
    }

    /// Adds the name of the number that follows the last.
    pub(super) fn push(&mut self, name: Iri) -> NameKey {
        self.names.push(name.clone());
        let key = self.last_key();
        self.keys.insert(name, key);
        key
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

    /// Takes over a table, unless a longer one came first.
    pub(super) fn advance(&self, names: &Arc<NameTable>) {
        let mut current = match self.0.write() {
            Ok(current) => current,
            Err(poisoned) => poisoned.into_inner(),
        };
        if names.last_key() > current.last_key() {
            *current = Arc::clone(names);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_number_and_new_ones_follow() {
        let mut names = NameTable::default();
        let (a, b) = (Iri::new("urn:a"), Iri::new("urn:b"));
        assert_eq!((names.intern(&a), names.intern(&b), names.intern(&a)), (1, 2, 1));
        assert_eq!(names.name(2), Some(&b));
        assert_eq!((names.name(0), names.name(3)), (None, None));
        assert_eq!(names.after(1).collect::<Vec<_>>(), vec![(2, &b)]);
    }

    #[test]
    fn a_shorter_table_never_replaces_a_longer_one() {
        let shared = SharedNames::default();
        let mut names = NameTable::default();
        let short = Arc::new(names.clone());
        names.intern(&Iri::new("urn:a"));
        shared.advance(&Arc::new(names));
        shared.advance(&short);
        assert_eq!(shared.current().last_key(), 1);
    }
}
