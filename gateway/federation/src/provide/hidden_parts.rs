//! What a writer may not see of an entity stays as it is. A change is made of the entity as its writer sees it, and what was hidden
//! is laid back: so that what becomes of the visible part is the same whether something is hidden or not.

use ngsi_ld::entity::{Attribute, Instance};
use ngsi_ld::{AttributeName, Entity};

use crate::ungranted::says_the_same_instance;

/// The entity after a change of what was seen of it, with what was not seen as it was.
///
/// # Errors
/// The attribute that the change touches although a part of it is hidden: in what leads to what the writer may not see.
pub(super) fn restored(whole: &Entity, seen: &Entity, changed: Entity) -> Result<Entity, AttributeName> {
    let mut after = changed;
    for hidden in whole.types.iter().filter(|name| !seen.types.contains(name)) {
        if !after.types.contains(hidden) {
            after.types.push(hidden.clone());
        }
    }
    for hidden in whole.scopes.iter().filter(|scope| !seen.scopes.contains(scope)) {
        if !after.scopes.contains(hidden) {
            after.scopes.push(hidden.clone());
        }
    }
    for attribute in &whole.attributes {
        let seen = seen.attribute(&attribute.name);
        restore_attribute(attribute, seen, &mut after)?;
    }
    Ok(after)
}

fn restore_attribute(whole: &Attribute, seen: Option<&Attribute>, after: &mut Entity) -> Result<(), AttributeName> {
    for (place, instance) in whole.instances.iter().enumerate() {
        let same = |other: &&Instance| other.dataset_id == instance.dataset_id;
        let seen = seen.and_then(|seen| seen.instances.iter().find(same));
        if seen.is_some_and(|seen| says_the_same_instance(seen, instance)) {
            // Nothing of it is hidden.
            continue;
        }
        let changed = after
            .attribute(&whole.name)
            .and_then(|changed| changed.instances.iter().find(same));
        let is_untouched = match (seen, changed) {
            (Some(seen), Some(changed)) => says_the_same_instance(seen, changed),
            (None, None) => true,
            _ => false,
        };
        if !is_untouched {
            return Err(whole.name.clone());
        }
        put_back(&whole.name, instance, place, after);
    }
    Ok(())
}

fn put_back(name: &AttributeName, instance: &Instance, place: usize, after: &mut Entity) {
    let Some(attribute) = after.attributes.iter_mut().find(|own| own.name == *name) else {
        after.attributes.push(Attribute::new(name.clone(), instance.clone()));
        return;
    };
    let same = |other: &&mut Instance| other.dataset_id == instance.dataset_id;
    match attribute.instances.iter_mut().find(same) {
        Some(own) => *own = instance.clone(),
        None => {
            let place = place.min(attribute.instances.len());
            attribute.instances.insert(place, instance.clone());
        }
    }
}
