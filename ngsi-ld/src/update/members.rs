//! What an instance of a fragment becomes, alone or over an instance that is there: its members and its value.

use smallvec::SmallVec;

use super::coerce::{as_kind, as_the_other_kind_of_value, with_type_of};
use super::patch_json::{merged, without_nulls};
use super::places::Places;
use super::{NotApplied, WhyNot};
use crate::entity::parse::{Fault, InstancePatch, NGSI_LD_NULL, RemovableMember, typed_value};
use crate::entity::{Attribute, AttributeKind, AttributeValue, Instance, LanguageMap, ObjectTypes, Value};

/// An instance that holds what a patch says and nothing else. What it removes is not there.
pub(super) fn whole(patch: &InstancePatch) -> Result<Instance, NotApplied> {
    let Some(value) = &patch.value else {
        return Err(WhyNot::NoValue.into());
    };
    let mut instance = Instance::new(settled(value.clone()));
    instance.dataset_id.clone_from(&patch.dataset_id);
    lay_known_members(&mut instance, patch)?;
    for sub_patch in &patch.sub_attributes {
        let mut instances = SmallVec::new();
        for sub_instance in sub_patch.instances.iter().filter(|instance| !instance.is_null()) {
            instances.push(whole(sub_instance).map_err(|refused| refused.inside(&sub_patch.name))?);
        }
        if !instances.is_empty() {
            instance.sub_attributes.push(Attribute {
                name: sub_patch.name.clone(),
                instances,
            });
        }
    }
    Ok(instance)
}

/// Lays the members that a patch says over those of an instance, each whole (clause 5.6.4). Its kind stays.
pub(super) fn lay_members(instance: &mut Instance, patch: &InstancePatch) -> Result<(), NotApplied> {
    let kind = instance.value.kind();
    if patch.kind.is_some_and(|said| said != kind) {
        return Err(WhyNot::OtherKind(kind).into());
    }
    if let Some(value) = &patch.value {
        let value = as_the_other_kind_of_value(value, patch, kind).unwrap_or_else(|| value.clone());
        if value.kind() != kind {
            return Err(WhyNot::OtherKind(kind).into());
        }
        set_value(instance, settled(value));
    }
    lay_known_members(instance, patch)?;
    let mut places = Places::of(&mut instance.sub_attributes, patch.sub_attributes.len());
    for sub_patch in &patch.sub_attributes {
        let name = &sub_patch.name;
        for sub_instance in &sub_patch.instances {
            let dataset_id = sub_instance.dataset_id.as_ref();
            if sub_instance.is_null() {
                places.remove(name, dataset_id);
                continue;
            }
            let whole = whole(sub_instance).map_err(|refused| refused.inside(name))?;
            match places.instance(name, dataset_id) {
                Some(place) => *place = whole,
                None => places.add(name, whole),
            }
        }
    }
    places.without_empty();
    Ok(())
}

/// Lays the members that a patch says over those of an instance, value and attributes of the attribute apart.
pub(super) fn lay_known_members(instance: &mut Instance, patch: &InstancePatch) -> Result<(), NotApplied> {
    let kind = instance.value.kind();
    lay(
        &mut instance.observed_at,
        patch.observed_at.as_ref(),
        patch.removes(RemovableMember::ObservedAt),
    );
    lay(
        &mut instance.unit_code,
        patch.unit_code.as_ref(),
        patch.removes(RemovableMember::UnitCode),
    );
    lay(
        &mut instance.value_type,
        patch.value_type.as_ref(),
        patch.removes(RemovableMember::ValueType),
    );
    lay(&mut instance.seal, patch.seal.as_ref(), false);
    if patch.removes(RemovableMember::ExpiresAt) && instance.system.expires_at().is_some() {
        instance.system.dates_mut().expires_at = None;
    }
    if let Some(date) = &patch.expires_at {
        instance.system.dates_mut().expires_at = Some(date.clone());
    }
    if patch.removes(RemovableMember::ObjectType) {
        instance.value.set_object_types(ObjectTypes::default());
    }
    if !patch.object_types.is_empty() {
        if !matches!(kind, AttributeKind::Relationship | AttributeKind::ListRelationship) {
            return Err(WhyNot::Invalid(Fault::Prohibited(kind.as_str())).into());
        }
        instance.value.set_object_types(patch.object_types.clone());
    }
    settle_type(instance)
}

fn lay<T: Clone>(place: &mut Option<T>, said: Option<&T>, removes: bool) {
    if removes {
        *place = None;
    }
    if let Some(said) = said {
        *place = Some(said.clone());
    }
}

/// A text whose type is one of those of a time is that time (clause 4.6.3).
fn settle_type(instance: &mut Instance) -> Result<(), NotApplied> {
    let (AttributeValue::Property(Value::String(text)), Some(r#type)) = (&instance.value, &instance.value_type) else {
        return Ok(());
    };
    if let Some(typed) = typed_value(r#type.as_str(), text) {
        let typed = typed.map_err(|fault| NotApplied::of_entity(WhyNot::Invalid(fault)))?;
        instance.value = AttributeValue::Property(typed);
        instance.value_type = None;
    }
    Ok(())
}

/// Sets a value; the types of the objects of the former stay where the new one says none.
fn set_value(instance: &mut Instance, value: AttributeValue) {
    let former = instance.value.object_types();
    let types: Option<ObjectTypes> =
        (value.object_types().is_empty() && !former.is_empty()).then(|| former.iter().cloned().collect());
    instance.value = value;
    if let Some(types) = types {
        instance.value.set_object_types(types);
    }
}

/// What an instance says once a patch is merged into it; `None`: the patch says nothing of that.
pub(super) fn merged_value(
    existing: &AttributeValue,
    patch: &InstancePatch,
    lang: Option<&str>,
) -> Result<Option<AttributeValue>, WhyNot> {
    let kind = existing.kind();
    let Some(value) = &patch.value else {
        return match patch.kind {
            Some(said) if said != kind => Err(WhyNot::OtherKind(kind)),
            _ => Ok(None),
        };
    };
    let coerced = if patch.is_bare {
        Some(with_type_of(existing, as_kind(value, patch, kind, lang)?))
    } else {
        as_the_other_kind_of_value(value, patch, kind)
    };
    let value = coerced.unwrap_or_else(|| value.clone());
    Ok(Some(match (existing, value) {
        // Objects are merged, as are languages; anything else is replaced.
        (AttributeValue::Property(Value::Json(former)), AttributeValue::Property(Value::Json(json))) => {
            AttributeValue::Property(Value::Json(merged(former, &json)))
        }
        (AttributeValue::LanguageProperty(former), AttributeValue::LanguageProperty(map)) => {
            AttributeValue::LanguageProperty(Box::new(merged_languages(former, *map)))
        }
        (_, mut value) => {
            if value.object_types().is_empty() {
                value.set_object_types(existing.object_types().iter().cloned().collect());
            }
            settled(value)
        }
    }))
}

/// A value without the nulls that removed nothing.
fn settled(value: AttributeValue) -> AttributeValue {
    match value {
        AttributeValue::Property(Value::Json(json)) => AttributeValue::Property(Value::Json(without_nulls(json))),
        AttributeValue::LanguageProperty(map) => {
            AttributeValue::LanguageProperty(Box::new(merged_languages(&LanguageMap::new(), *map)))
        }
        value => value,
    }
}

/// Texts by language, over those that there are; a null removes a language.
//= 5.6.17.4-8, 6.5.3.4-3
fn merged_languages(former: &LanguageMap, patch: LanguageMap) -> LanguageMap {
    let mut languages = former.clone();
    for (language, texts) in patch {
        let index = languages
            .iter()
            .position(|(other, _)| other.eq_ignore_ascii_case(&language));
        if matches!(texts.as_slice(), [only] if only == NGSI_LD_NULL) {
            if let Some(index) = index {
                languages.remove(index);
            }
            continue;
        }
        match index.and_then(|index| languages.get_mut(index)) {
            Some((_, place)) => *place = texts,
            None => languages.push((language, texts)),
        }
    }
    languages
}
