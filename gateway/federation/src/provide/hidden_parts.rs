//! What a writer may not see of an entity stays as it is. A change is made of the entity as its writer is shown it, and what was
//! hidden is laid back: so that what becomes of the visible part is the same whether something is hidden or not.
//!
//! What inspection has masked in a value is laid back where the value comes back as it was shown. Another value takes its place, as
//! long as no mask is left in it.

use ngsi_ld::entity::render::write_canonical;
use ngsi_ld::entity::{Attribute, AttributeValue, Instance};
use ngsi_ld::{AttributeName, Entity};

use crate::ungranted::says_the_same_instance;

/// What inspection writes in the place of what it masks.
const MASK: &[u8] = b"***";

/// An entity before a change, in three ways.
#[derive(Debug, Clone, Copy)]
pub(super) struct Before<'a> {
    /// As its source has it.
    pub(super) whole: &'a Entity,
    /// What the writer is granted of it.
    pub(super) granted: &'a Entity,
    /// What of that inspection lets the writer see.
    pub(super) shown: &'a Entity,
}

/// An entity after a change of what was shown of it, with what was not shown as it was; and the first attribute of which the
/// change touches what is hidden. That stays as it was, too.
pub(super) fn laid_back(before: Before<'_>, changed: Entity) -> (Entity, Option<AttributeName>) {
    let Before { whole, granted, shown } = before;
    let mut after = changed;
    for hidden in whole.types.iter().filter(|name| !granted.types.contains(name)) {
        if !after.types.contains(hidden) {
            after.types.push(hidden.clone());
        }
    }
    for hidden in whole.scopes.iter().filter(|scope| !granted.scopes.contains(scope)) {
        if !after.scopes.contains(hidden) {
            after.scopes.push(hidden.clone());
        }
    }
    let touched = lay_back(
        &whole.attributes,
        &granted.attributes,
        &shown.attributes,
        &mut after.attributes,
    );
    (after, touched)
}

/// Lays back what was hidden of attributes, of an entity or of an attribute. The first of which something hidden is touched.
fn lay_back(
    whole: &[Attribute],
    granted: &[Attribute],
    shown: &[Attribute],
    after: &mut Vec<Attribute>,
) -> Option<AttributeName> {
    let mut touched = None;
    for (place_of_attribute, attribute) in whole.iter().enumerate() {
        let name = &attribute.name;
        for (place, instance) in attribute.instances.iter().enumerate() {
            let granted = found(granted, name, instance);
            let shown = found(shown, name, instance);
            let changed = found(after, name, instance).cloned();
            let (left, is_touched) = instance_laid_back(instance, granted, shown, changed);
            if is_touched {
                touched.get_or_insert_with(|| name.clone());
            }
            if let Some(left) = left {
                put(name, left, (place_of_attribute, place), after);
            }
        }
    }
    touched
}

/// The instance of the same attribute and dataset.
fn found<'a>(attributes: &'a [Attribute], name: &AttributeName, like: &Instance) -> Option<&'a Instance> {
    let attribute = attributes.iter().find(|attribute| attribute.name == *name)?;
    attribute
        .instances
        .iter()
        .find(|other| other.dataset_id == like.dataset_id)
}

/// What is left of an instance (`None`: nothing), and whether the change touches what is hidden of it.
fn instance_laid_back(
    whole: &Instance,
    granted: Option<&Instance>,
    shown: Option<&Instance>,
    changed: Option<Instance>,
) -> (Option<Instance>, bool) {
    let Some(granted) = granted else {
        return (Some(whole.clone()), changed.is_some());
    };
    let leads_to_hidden = granted.value.objects() != whole.value.objects();
    match (shown, changed) {
        // Inspection has dropped it: whoever writes it has not seen that it is there.
        (None, None) => (Some(whole.clone()), false),
        (None, Some(changed)) => (Some(changed), false),
        (Some(_), None) if leads_to_hidden => (Some(whole.clone()), true),
        (Some(_), None) => (None, false),
        (Some(shown), Some(changed)) if says_the_same_instance(shown, &changed) => (Some(whole.clone()), false),
        (Some(shown), Some(mut changed)) => {
            let is_masked = shown.value != granted.value;
            if changed.value == shown.value {
                changed.value = whole.value.clone();
            } else if leads_to_hidden || (is_masked && holds_mask(&changed.value)) {
                return (Some(whole.clone()), true);
            }
            if changed.unit_code == shown.unit_code {
                changed.unit_code.clone_from(&whole.unit_code);
            }
            let touched = lay_back(
                &whole.sub_attributes,
                &granted.sub_attributes,
                &shown.sub_attributes,
                &mut changed.sub_attributes,
            );
            (Some(changed), touched.is_some())
        }
    }
}

/// Puts an instance where it was, among those of its attribute and the attribute among the others.
fn put(name: &AttributeName, instance: Instance, (of_attribute, place): (usize, usize), after: &mut Vec<Attribute>) {
    let Some(attribute) = after.iter_mut().find(|own| own.name == *name) else {
        let attribute = Attribute::new(name.clone(), instance);
        after.insert(of_attribute.min(after.len()), attribute);
        return;
    };
    let same = |other: &&mut Instance| other.dataset_id == instance.dataset_id;
    match attribute.instances.iter_mut().find(same) {
        Some(own) => *own = instance,
        None => {
            let place = place.min(attribute.instances.len());
            attribute.instances.insert(place, instance);
        }
    }
}

/// Whether a mask stands somewhere in a value.
fn holds_mask(value: &AttributeValue) -> bool {
    let Ok(id) = ngsi_ld::EntityId::parse("urn:kakehashi:value") else {
        return true;
    };
    let name = ngsi_ld::TypeName::new(ngsi_ld::Iri::new("urn:kakehashi:value"));
    let mut holder = Entity::new(id, name);
    let attribute = AttributeName::new(ngsi_ld::Iri::new("urn:kakehashi:value"));
    holder
        .attributes
        .push(Attribute::new(attribute, Instance::new(value.clone())));
    let mut text = Vec::new();
    write_canonical(&holder, &mut text);
    text.windows(MASK.len()).any(|part| part == MASK)
}
