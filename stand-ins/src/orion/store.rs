//! The entities of each service, in the order of their creation, found by id and by type.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::documents::Documents;
use super::entity::Entity;
use super::error::OrionError;
use super::path::ServicePaths;

/// An entity's place in the order of creation.
pub(crate) type Sequence = u64;

/// One service's data.
#[derive(Debug, Default)]
pub(crate) struct Service {
    pub(crate) name: String,
    entities: BTreeMap<Sequence, Entity>,
    by_id: HashMap<String, Vec<Sequence>>,
    by_type: BTreeMap<String, BTreeSet<Sequence>>,
    next: Sequence,
    pub(crate) subscriptions: Documents,
    pub(crate) registrations: Documents,
}

// === impl Service ===

impl Service {
    pub(crate) fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            ..Self::default()
        }
    }

    pub(crate) fn insert(&mut self, entity: Entity) {
        let sequence = self.next;
        self.next += 1;
        self.by_id.entry(entity.id.clone()).or_default().push(sequence);
        self.by_type.entry(entity.kind.clone()).or_default().insert(sequence);
        self.entities.insert(sequence, entity);
    }

    pub(crate) fn remove(&mut self, sequence: Sequence) {
        let Some(entity) = self.entities.remove(&sequence) else {
            return;
        };
        if let Some(sequences) = self.by_id.get_mut(&entity.id) {
            sequences.retain(|other| *other != sequence);
            if sequences.is_empty() {
                self.by_id.remove(&entity.id);
            }
        }
        if let Some(sequences) = self.by_type.get_mut(&entity.kind) {
            sequences.remove(&sequence);
            if sequences.is_empty() {
                self.by_type.remove(&entity.kind);
            }
        }
    }

    pub(crate) fn replace(&mut self, sequence: Sequence, entity: Entity) {
        self.entities.insert(sequence, entity);
    }

    pub(crate) fn entity(&self, sequence: Sequence) -> Option<&Entity> {
        self.entities.get(&sequence)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Entity> {
        self.entities.values()
    }

    pub(crate) fn len(&self) -> usize {
        self.entities.len()
    }

    pub(crate) fn of_id(&self, id: &str) -> &[Sequence] {
        self.by_id.get(id).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn of_type(&self, kind: &str) -> Option<&BTreeSet<Sequence>> {
        self.by_type.get(kind)
    }

    /// The types in use, in alphabetical order.
    pub(crate) fn types(&self) -> impl Iterator<Item = (&str, &BTreeSet<Sequence>)> {
        self.by_type.iter().map(|(kind, sequences)| (kind.as_str(), sequences))
    }

    /// The one entity of this id (and type, if given) in these paths.
    ///
    /// # Errors
    /// There is none, or more than one.
    pub(crate) fn find(
        &self,
        id: &str,
        kind: Option<&str>,
        paths: &ServicePaths,
    ) -> Result<(Sequence, &Entity), OrionError> {
        let mut found = self.of_id(id).iter().filter_map(|sequence| {
            let entity = self.entities.get(sequence)?;
            let selected =
                kind.is_none_or(|kind| kind.split(',').any(|kind| kind == entity.kind)) && paths.contain(&entity.path);
            selected.then_some((*sequence, entity))
        });
        let first = found.next().ok_or_else(OrionError::entity_not_found)?;
        if found.next().is_some() {
            return Err(OrionError::too_many_results());
        }
        Ok(first)
    }
}
