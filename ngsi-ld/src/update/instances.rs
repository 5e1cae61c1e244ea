//! The operations on one attribute: partial update, replacement, deletion (clauses 5.6.4, 5.6.5 and 5.6.19).

use super::members::{lay_members, whole};
use super::places::position;
use super::{Applied, Instances, NotApplied, WhyNot};
use crate::entity::parse::{AttributePatch, InstancePatch};
use crate::entity::{Attribute, Instance};
use crate::{AttributeName, Entity};

/// Members of instances that are there are replaced (clause 5.6.4).
pub(super) fn partly(existing: &Entity, patch: &AttributePatch) -> Result<Applied, NotApplied> {
    changed(existing, patch, |attribute, index, patch| {
        if patch.is_null() {
            attribute.instances.remove(index);
            return Ok(());
        }
        let Some(instance) = attribute.instances.get_mut(index) else {
            return Ok(());
        };
        lay_members(instance, patch).map_err(|refused| refused.inside(&attribute.name))
    })
}

/// Instances that are there are replaced whole (clause 5.6.19).
//= 5.6.19.4-5
pub(super) fn replaced(existing: &Entity, patch: &AttributePatch) -> Result<Applied, NotApplied> {
    changed(existing, patch, |attribute, index, patch| {
        let instance = whole(patch).map_err(|refused| refused.inside(&attribute.name))?;
        if let Some(place) = attribute.instances.get_mut(index) {
            *place = instance;
        }
        Ok(())
    })
}

/// Changes the instances of an attribute that a patch names, all of which must be there.
//= 5.6.4.4-6
fn changed(
    existing: &Entity,
    patch: &AttributePatch,
    change: impl Fn(&mut Attribute, usize, &InstancePatch) -> Result<(), NotApplied>,
) -> Result<Applied, NotApplied> {
    let name = &patch.name;
    let mut entity = existing.clone();
    let found = entity.attributes.iter_mut().find(|attribute| attribute.name == *name);
    let attribute = found.ok_or_else(|| WhyNot::NoAttribute.of(name))?;
    for instance in &patch.instances {
        let index = position(&attribute.instances, instance.dataset_id.as_ref());
        let index = index.ok_or_else(|| WhyNot::NoInstance.of(name))?;
        change(attribute, index, instance)?;
    }
    entity.attributes.retain(|attribute| !attribute.instances.is_empty());
    Ok(Applied::of(entity, vec![name.clone()]))
}

/// Instances go (clause 5.6.5).
//= 5.5.8-3, 5.6.5.1-1, 5.6.5.4-5
pub(super) fn deleted(existing: &Entity, name: &AttributeName, which: &Instances) -> Result<Applied, NotApplied> {
    let attribute = existing.attribute(name).ok_or_else(|| WhyNot::NoAttribute.of(name))?;
    let goes = |instance: &Instance| match which {
        Instances::Default => instance.dataset_id.is_none(),
        Instances::Of(dataset_id) => instance.dataset_id.as_ref() == Some(dataset_id),
        Instances::All => true,
    };
    if !attribute.instances.iter().any(goes) {
        return Err(WhyNot::NoInstance.of(name));
    }
    let mut entity = existing.clone();
    for attribute in entity.attributes.iter_mut().filter(|attribute| attribute.name == *name) {
        attribute.instances.retain(|instance| !goes(instance));
    }
    entity.attributes.retain(|attribute| !attribute.instances.is_empty());
    Ok(Applied::of(entity, vec![name.clone()]))
}
