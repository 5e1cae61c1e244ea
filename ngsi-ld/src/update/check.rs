//! Whether what came of a change is still an entity of NGSI-LD: what reading a whole entity checks, of what no reading has
//! seen together.

use super::{NotApplied, WhyNot};
use crate::entity::parse::{Fault, MAX_INSTANCES, MAX_TYPES_OR_SCOPES};
use crate::entity::{
    Attribute, AttributeKind, AttributeValue, Instance, Value, is_geo_property, is_lang_string, is_proof,
};
use crate::{AttributeName, Entity};

/// Bytes of memory, as [`Entity::weight`] counts them, that no addition makes an entity exceed: a few times what one body may
/// hold (2 MiB as configured by default), so that what was created by one body can be added to, and little beside what one request
/// may hold, so that whatever can be written can be read.
pub(super) const MAX_WEIGHT: usize = 8 * 1024 * 1024;

/// Whether what is added leaves the entity small enough. What makes none larger passes, however large it is: so it becomes smaller.
pub(super) fn check_weight(before: &Entity, after: &Entity) -> Result<(), NotApplied> {
    let weight = after.weight();
    if weight > MAX_WEIGHT && weight > before.weight() {
        return Err(NotApplied::of_entity(WhyNot::TooLarge(MAX_WEIGHT)));
    }
    Ok(())
}

/// Types and scopes.
pub(super) fn check_counts(entity: &Entity) -> Result<(), NotApplied> {
    let most = MAX_TYPES_OR_SCOPES;
    if entity.types.len() > most {
        return Err(NotApplied::of_entity(WhyNot::TooManyTypes(most)));
    }
    if entity.scopes.len() > most {
        return Err(NotApplied::of_entity(WhyNot::TooManyScopes(most)));
    }
    Ok(())
}

/// An attribute; `of_entity`: of the entity itself.
pub(super) fn check_attribute(attribute: &Attribute, of_entity: bool) -> Result<(), NotApplied> {
    let Attribute { name, instances } = attribute;
    let refused = |fault: Fault| Err(NotApplied::of_entity(fault).inside(name));
    if instances.len() > MAX_INSTANCES {
        return refused(Fault::TooMany(MAX_INSTANCES));
    }
    for instance in instances {
        if let Err(fault) = check_instance(name, instance, of_entity) {
            return refused(fault);
        }
        for sub_attribute in &instance.sub_attributes {
            check_attribute(sub_attribute, false).map_err(|refused| refused.inside(name))?;
        }
    }
    Ok(())
}

fn check_instance(name: &AttributeName, instance: &Instance, of_entity: bool) -> Result<(), Fault> {
    let kind = instance.value.kind();
    let prohibited = |is_there: bool| match is_there {
        true => Err(Fault::Prohibited(kind.as_str())),
        false => Ok(()),
    };
    if of_entity && is_geo_property(name) && kind != AttributeKind::GeoProperty {
        return Err(Fault::NotGeoProperty);
    }
    if is_proof(name) && !is_object(&instance.value) {
        return Err(Fault::Proof);
    }
    if !matches!(kind, AttributeKind::Property | AttributeKind::ListProperty) {
        prohibited(instance.unit_code.is_some())?;
    }
    if matches!(kind, AttributeKind::Relationship | AttributeKind::ListRelationship) {
        prohibited(instance.value_type.is_some())?;
    }
    if let AttributeValue::LanguageProperty(map) = &instance.value {
        if map.is_empty() {
            return Err(Fault::Expected("at least one language"));
        }
        if instance.value_type.as_deref().is_some_and(|iri| !is_lang_string(iri)) {
            return Err(Fault::NotLangString);
        }
    }
    Ok(())
}

fn is_object(value: &AttributeValue) -> bool {
    matches!(value, AttributeValue::Property(Value::Json(json)) if json.as_str().starts_with('{'))
}
