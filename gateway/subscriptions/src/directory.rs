//! The subscriptions that hold now: by key, by owner, and by the types that they are about, so that a write looks at
//! those that it may concern and not at all of them.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use hashbrown::HashMap;
use kakehashi_core::names::ConsumerId;
use ngsi_ld::TypeName;

use super::{Entry, Key};

#[derive(Debug, Default)]
struct Tables {
    by_owner: HashMap<ConsumerId, Vec<Arc<Entry>>>,
    by_type: HashMap<TypeName, Vec<Arc<Entry>>>,
    of_any_type: Vec<Arc<Entry>>,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Directory {
    tables: RwLock<Tables>,
}

impl Directory {
    fn tables(&self) -> RwLockReadGuard<'_, Tables> {
        self.tables.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.tables().by_owner.is_empty()
    }

    pub(super) fn get(&self, key: &Key) -> Option<Arc<Entry>> {
        let tables = self.tables();
        let mut entries = tables.by_owner.get(&key.owner)?.iter();
        entries.find(|entry| entry.key == *key).cloned()
    }

    /// Those of a consumer.
    pub(super) fn of(&self, owner: &ConsumerId) -> Vec<Arc<Entry>> {
        self.tables().by_owner.get(owner).cloned().unwrap_or_default()
    }

    pub(super) fn all(&self) -> Vec<Arc<Entry>> {
        self.tables().by_owner.values().flatten().cloned().collect()
    }

    /// Those that may be about entities of these types, each once.
    pub(super) fn about<'a>(&self, types: impl Iterator<Item = &'a TypeName>) -> Vec<Arc<Entry>> {
        let tables = self.tables();
        let mut found = tables.of_any_type.clone();
        for r#type in types {
            found.extend(tables.by_type.get(r#type).into_iter().flatten().cloned());
        }
        found.sort_by_key(Arc::as_ptr);
        found.dedup_by(|a, b| Arc::ptr_eq(a, b));
        found
    }

    /// Adds a subscription, in the place of the one that has its key.
    pub(super) fn put(&self, entry: Arc<Entry>) {
        let mut tables = self.tables.write().unwrap_or_else(PoisonError::into_inner);
        tables.remove(&entry.key);
        match entry.subscription.types() {
            None => tables.of_any_type.push(Arc::clone(&entry)),
            Some(types) => {
                for r#type in types {
                    let entries = tables.by_type.entry(r#type.clone()).or_default();
                    entries.push(Arc::clone(&entry));
                }
            }
        }
        let own = tables.by_owner.entry(entry.key.owner.clone()).or_default();
        own.push(entry);
    }

    pub(super) fn remove(&self, key: &Key) {
        let mut tables = self.tables.write().unwrap_or_else(PoisonError::into_inner);
        tables.remove(key);
    }
}

impl Tables {
    fn remove(&mut self, key: &Key) {
        let Some(own) = self.by_owner.get_mut(&key.owner) else {
            return;
        };
        let Some(place) = own.iter().position(|entry| entry.key == *key) else {
            return;
        };
        let entry = own.swap_remove(place);
        if own.is_empty() {
            self.by_owner.remove(&key.owner);
        }
        match entry.subscription.types() {
            None => self.of_any_type.retain(|other| !Arc::ptr_eq(other, &entry)),
            Some(types) => {
                for r#type in types {
                    if let Some(entries) = self.by_type.get_mut(r#type) {
                        entries.retain(|other| !Arc::ptr_eq(other, &entry));
                        if entries.is_empty() {
                            self.by_type.remove(r#type);
                        }
                    }
                }
            }
        }
    }
}
