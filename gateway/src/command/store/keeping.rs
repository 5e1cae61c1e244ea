//! What of a partition may lie in a file that somebody makes of it, a backup or an export: what is open or limited, and nothing in
//! which inspection finds somebody's number or address. Everything else is left out, and what it was is told by its names.

use std::collections::BTreeMap;

use kakehashi_documents::vocabulary::{compact_attribute, compact_type};
use kakehashi_federation::provide::not_taken;
use kakehashi_federation::registered_source::RegisteredSource;
use kakehashi_policy::Classification;
use ngsi_ld::Entity;

use crate::command::output;

/// Names of what was left out that are told. More are counted.
const MOST_TOLD: usize = 20;

/// Keeps what may be kept, and remembers what was left out.
pub(in crate::command) struct Keeping<'a> {
    classification: &'a Classification,
    source: &'a RegisteredSource,
    left_out: BTreeMap<String, u64>,
}

impl<'a> Keeping<'a> {
    pub(in crate::command) fn of(classification: &'a Classification, source: &'a RegisteredSource) -> Self {
        Self {
            classification,
            source,
            left_out: BTreeMap::new(),
        }
    }

    /// What of an entity may be kept; `None`: nothing.
    pub(in crate::command) fn kept(&mut self, entity: Entity) -> Option<Entity> {
        if not_taken(&entity, self.classification, self.source).is_none() {
            return Some(entity);
        }
        let types: Vec<String> = entity.types.iter().map(compact_type).collect();
        let types = types.join("+");
        let Some(mut kept) = self.classification.may_rest(&entity, self.source.personal_data) else {
            self.leave_out(types);
            return None;
        };
        // Each attribute by itself: one that is not taken costs the entity no other.
        let bare = Entity {
            attributes: Vec::new(),
            ..kept.clone()
        };
        kept.attributes.retain(|attribute| {
            let alone = Entity {
                attributes: vec![attribute.clone()],
                ..bare.clone()
            };
            not_taken(&alone, self.classification, self.source).is_none()
        });
        if not_taken(&kept, self.classification, self.source).is_some() {
            self.leave_out(types);
            return None;
        }
        for attribute in &entity.attributes {
            if kept.attribute(&attribute.name) != Some(attribute) {
                self.leave_out(format!("{types}.{}", compact_attribute(&attribute.name)));
            }
        }
        Some(kept)
    }

    fn leave_out(&mut self, name: String) {
        *self.left_out.entry(name).or_default() += 1;
    }

    /// Says what was left out.
    pub(in crate::command) fn tell(&self) {
        let told = self.left_out.iter().map(|(name, count)| {
            format!(
                "note: left out {count} times: {name}, which is about persons, or classified by nobody, or holds what looks \
                 like somebody's number or address"
            )
        });
        told.take(MOST_TOLD).for_each(output::note);
        let more = self.left_out.len().saturating_sub(MOST_TOLD);
        if more > 0 {
            output::note(format_args!("note: {more} more names were left out"));
        }
    }

    /// The names of what was left out, and how often.
    pub(super) const fn left_out(&self) -> &BTreeMap<String, u64> {
        &self.left_out
    }

    /// How many entities and attributes were left out.
    pub(in crate::command) fn count(&self) -> u64 {
        self.left_out.values().sum()
    }
}
