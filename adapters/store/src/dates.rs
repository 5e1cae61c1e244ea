//! The dates that the store keeps of an entity and its attributes (clause 4.8): what a writer says of them
//! does not count. `expiresAt` is the writer's.
//!
//! `modifiedAt` is each part's own, so that who sees some parts is told when those were modified and nothing of the others:
//! what is written as it was keeps its date, and what is in an attribute moves its own date, not the attribute's. Whoever
//! shows an attribute shows the newest date of what is shown in it.

use ngsi_ld::Entity;
use ngsi_ld::entity::{Attribute, DateTime, Instance, SystemAttributes};

/// Sets `createdAt` and `modifiedAt` to what they were in the entity that is replaced, or to `now` for what was not there;
/// and `modifiedAt` to `now` for what was otherwise.
//= 4.8-1, 5.2.2-1
pub fn set_system_dates(entity: &mut Entity, replaced: Option<&Entity>, now: &DateTime) {
    let former = replaced.map_or(&[][..], |former| &former.attributes);
    let mut is_same = set_attributes(&mut entity.attributes, former, now);
    is_same &= replaced.is_some_and(|former| {
        former.attributes.len() == entity.attributes.len()
            && former.types == entity.types
            && former.scopes == entity.scopes
            && former.system.expires_at() == entity.system.expires_at()
    });
    set_one(&mut entity.system, replaced.map(|entity| &entity.system), is_same, now);
}

/// Whether all of them are as they were.
//= 5.6.2.4-8, 5.6.3.4-5
fn set_attributes(attributes: &mut [Attribute], replaced: &[Attribute], now: &DateTime) -> bool {
    let mut all_same = true;
    for attribute in attributes {
        let former = replaced.iter().find(|former| former.name == attribute.name);
        all_same &= former.is_some_and(|former| former.instances.len() == attribute.instances.len());
        for instance in &mut attribute.instances {
            let former = former.and_then(|former| same_dataset(former, instance));
            let is_same = former.is_some_and(|former| says_the_same(former, instance));
            set_one(&mut instance.system, former.map(|former| &former.system), is_same, now);
            let former_sub_attributes = former.map_or(&[][..], |former| &former.sub_attributes);
            all_same &= is_same && former_sub_attributes.len() == instance.sub_attributes.len();
            all_same &= set_attributes(&mut instance.sub_attributes, former_sub_attributes, now);
        }
    }
    all_same
}

fn same_dataset<'a>(former: &'a Attribute, instance: &Instance) -> Option<&'a Instance> {
    former
        .instances
        .iter()
        .find(|former| former.dataset_id == instance.dataset_id)
}

/// Whether two instances are the same but for attributes of theirs and the dates that the store keeps.
fn says_the_same(one: &Instance, other: &Instance) -> bool {
    let Instance {
        value,
        dataset_id,
        observed_at,
        unit_code,
        value_type,
        seal,
        system,
        sub_attributes: _,
    } = one;
    *value == other.value
        && *dataset_id == other.dataset_id
        && *observed_at == other.observed_at
        && *unit_code == other.unit_code
        && *value_type == other.value_type
        && *seal == other.seal
        && system.expires_at() == other.system.expires_at()
}

fn set_one(system: &mut SystemAttributes, replaced: Option<&SystemAttributes>, is_same: bool, now: &DateTime) {
    let former = replaced.and_then(SystemAttributes::dates);
    let created_at = former.and_then(|dates| dates.created_at.clone());
    let modified_at = former.filter(|_| is_same).and_then(|dates| dates.modified_at.clone());
    let dates = system.dates_mut();
    dates.created_at = Some(created_at.unwrap_or_else(|| now.clone()));
    dates.modified_at = Some(modified_at.unwrap_or_else(|| now.clone()));
    dates.deleted_at = None;
}
