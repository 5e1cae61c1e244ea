//! The dates that the store keeps of an entity and its attributes (clause 4.8): what a writer says of them
//! does not count. `expiresAt` is the writer's.

use ngsi_ld::Entity;
use ngsi_ld::entity::{Attribute, DateTime, Instance, SystemAttributes};

/// Sets `modifiedAt` to `now` everywhere, and `createdAt` to what it was in the entity that is replaced, or to
/// `now` for what was not there.
pub fn set_system_dates(entity: &mut Entity, replaced: Option<&Entity>, now: &DateTime) {
    set_one(&mut entity.system, replaced.map(|entity| &entity.system), now);
    set_attributes(
        &mut entity.attributes,
        replaced.map_or(&[], |entity| &entity.attributes),
        now,
    );
}

fn set_attributes(attributes: &mut [Attribute], replaced: &[Attribute], now: &DateTime) {
    for attribute in attributes {
        let former = replaced.iter().find(|former| former.name == attribute.name);
        for instance in &mut attribute.instances {
            let former = former.and_then(|former| same_dataset(former, instance));
            set_one(&mut instance.system, former.map(|former| &former.system), now);
            let former_sub_attributes = former.map_or(&[][..], |former| &former.sub_attributes);
            set_attributes(&mut instance.sub_attributes, former_sub_attributes, now);
        }
    }
}

fn same_dataset<'a>(former: &'a Attribute, instance: &Instance) -> Option<&'a Instance> {
    former
        .instances
        .iter()
        .find(|former| former.dataset_id == instance.dataset_id)
}

fn set_one(system: &mut SystemAttributes, replaced: Option<&SystemAttributes>, now: &DateTime) {
    let created_at = replaced
        .and_then(SystemAttributes::dates)
        .and_then(|dates| dates.created_at.clone());
    let dates = system.dates_mut();
    dates.created_at = Some(created_at.unwrap_or_else(|| now.clone()));
    dates.modified_at = Some(now.clone());
    dates.deleted_at = None;
}
