//! A fragment merged with an entity, to any depth (clauses 5.5.12 and 5.6.17).

use super::laying::{add_types, lay_expiry, lay_scopes};
use super::members::{lay_known_members, merged_value, whole};
use super::places::Places;
use super::{Applied, NotApplied};
use crate::Entity;
use crate::entity::parse::{AttributePatch, Fragment, InstancePatch, RemovableMember};
use crate::entity::{Attribute, DateTime, Instance};

/// What holds for all attributes that are merged.
#[derive(Debug, Clone, Copy)]
pub(super) struct Merging<'a> {
    pub(super) observed_at: Option<&'a DateTime>,
    pub(super) lang: Option<&'a str>,
}

impl Merging<'_> {
    //= 5.5.12-1, 5.6.17.4-5
    pub(super) fn entity(self, existing: &Entity, fragment: &Fragment) -> Result<Applied, NotApplied> {
        let mut entity = existing.clone();
        self.attributes(&mut entity.attributes, &fragment.attributes)?;
        add_types(&mut entity, fragment);
        lay_scopes(&mut entity, fragment, true);
        lay_expiry(&mut entity, fragment);
        let updated = fragment.attributes.iter().map(|patch| patch.name.clone());
        Ok(Applied::of(entity, updated.collect()))
    }

    //= 5.6.17.4-6
    fn attributes(self, attributes: &mut Vec<Attribute>, patches: &[AttributePatch]) -> Result<(), NotApplied> {
        let mut places = Places::of(attributes, patches.len());
        for AttributePatch { name, instances } in patches {
            for patch in instances {
                let dataset_id = patch.dataset_id.as_ref();
                if patch.is_null() {
                    places.remove(name, dataset_id);
                    continue;
                }
                let merged = match places.instance(name, dataset_id) {
                    Some(instance) => self.instance(instance, patch),
                    None => whole(patch).map(|instance| places.add(name, instance)),
                };
                merged.map_err(|refused| refused.inside(name))?;
            }
        }
        places.without_empty();
        Ok(())
    }

    //= 5.5.12-2, 5.5.12-3, 5.6.17.4-9, 5.6.17.4-10, 6.5.3.4-4
    fn instance(self, instance: &mut Instance, patch: &InstancePatch) -> Result<(), NotApplied> {
        match merged_value(&instance.value, patch, self.lang) {
            Ok(Some(value)) => {
                if value.kind() != instance.value.kind() {
                    // Of another kind: what only the former could have goes with it.
                    instance.unit_code = None;
                    instance.value_type = None;
                }
                instance.value = value;
            }
            Ok(None) => {}
            Err(why) => return Err(NotApplied::of_entity(why)),
        }
        let had_observed_at = instance.observed_at.is_some();
        lay_known_members(instance, patch)?;
        let says_none = patch.observed_at.is_none() && !patch.removes(RemovableMember::ObservedAt);
        if had_observed_at
            && says_none
            && let Some(observed_at) = self.observed_at
        {
            instance.observed_at = Some(observed_at.clone());
        }
        // The date and the language are those of the entity's own attributes.
        let inside = Merging {
            observed_at: None,
            lang: None,
        };
        inside.attributes(&mut instance.sub_attributes, &patch.sub_attributes)
    }
}
