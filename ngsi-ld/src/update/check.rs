//! Whether what came of a change is still an entity of NGSI-LD: what reading a whole entity checks, of what no reading has
//! seen together.

use super::NotApplied;
use crate::entity::parse::{Fault, MAX_INSTANCES, MAX_TYPES_OR_SCOPES};
use crate::entity::{
    Attribute, AttributeKind, AttributeValue, Instance, Value, is_geo_property, is_lang_string, is_proof,
};
use crate::{AttributeName, Entity};

/// Types and scopes.
pub(super) fn check_counts(entity: &Entity) -> Result<(), NotApplied> {
    if entity.types.len() > MAX_TYPES_OR_SCOPES || entity.scopes.len() > MAX_TYPES_OR_SCOPES {
        return Err(NotApplied::of_entity(Fault::TooMany(MAX_TYPES_OR_SCOPES)));
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
