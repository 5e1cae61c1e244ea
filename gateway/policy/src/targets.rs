//! Relationships inside of visible entities that lead to what is not visible. An id of a person is a value about a
//! person: a Relationship to one is never shown, nor is one to what its class guards from the consumer. What becomes of others is the permit's to say (`@relationships`).
//!
//! Whereto a Relationship leads is told by `objectType`, or by the id where it names a type, as
//! `urn:ngsi-ld:Resident:1` does. No source is asked for it.

use kakehashi_documents::vocabulary::expand_type;
use ngsi_ld::entity::{Attribute, AttributeValue, Instance, ObjectTypes};
use ngsi_ld::{AttributeName, Entity, EntityId, TypeName};
use smallvec::SmallVec;

use super::classification::{Class, Classification};
use super::conditions::Relationships;

/// What stands in the place of the id that a Relationship leads to, where that it exists is shown.
pub const MASKED_TARGET: &str = "urn:kakehashi:hidden";

/// The instances of one attribute.
type Instances = SmallVec<[Instance; 1]>;

/// What is known of the entities that Relationships lead to.
pub(super) struct Targets<'a> {
    pub(super) classification: &'a Classification,
    /// Whether every entity of a type may be seen.
    pub(super) shows_type: &'a dyn Fn(&TypeName) -> bool,
}

impl Targets<'_> {
    /// Takes out, or masks, what leads to something that is not visible. `rule` says what becomes of the Relationships
    /// of an attribute of the entity. Whoever asks shows when what is left was modified.
    pub(super) fn narrow(&self, entity: &mut Entity, rule: &dyn Fn(&AttributeName) -> Relationships) {
        entity.attributes.retain_mut(|attribute| {
            let Attribute { name, instances, .. } = attribute;
            if !instances.is_empty() && instances.iter().all(leads_nowhere) {
                return true;
            }
            self.narrow_instances(instances, &|| rule(name));
            !instances.is_empty()
        });
    }

    /// An attribute without instances is none any more.
    fn narrow_instances(&self, instances: &mut Instances, rule: &dyn Fn() -> Relationships) {
        instances.retain_mut(|instance| {
            self.narrow_instance(instance, rule);
            !matches!(&instance.value, AttributeValue::Relationship { objects, .. } if objects.is_empty())
        });
    }

    fn narrow_instance(&self, instance: &mut Instance, rule: &dyn Fn() -> Relationships) {
        self.narrow_value(&mut instance.value, rule);
        instance.sub_attributes.retain_mut(|inner| {
            self.narrow_instances(&mut inner.instances, rule);
            !inner.instances.is_empty()
        });
    }

    fn narrow_value(&self, value: &mut AttributeValue, rule: &dyn Fn() -> Relationships) {
        if value.objects().is_empty() {
            return;
        }
        let types = value.object_types().to_vec();
        let becomes = |object: &EntityId| self.becomes(object, &types, rule);
        if value
            .objects()
            .iter()
            .all(|object| becomes(object) == Relationships::Kept)
        {
            return;
        }
        let mask = EntityId::parse(MASKED_TARGET).ok();
        let keep = |object: &mut EntityId| match becomes(object) {
            Relationships::Kept => true,
            Relationships::Dropped => false,
            Relationships::Masked => {
                // Without the mask there is nothing to show.
                let masked = mask.clone();
                masked.map(|mask| *object = mask).is_some()
            }
        };
        match value {
            AttributeValue::Relationship { objects, object_types } => {
                objects.retain(keep);
                forget_types(objects, object_types);
            }
            AttributeValue::ListRelationship { objects, object_types } => {
                objects.retain_mut(keep);
                forget_types(objects, object_types);
            }
            _ => {}
        }
    }

    fn becomes(&self, object: &EntityId, types: &[TypeName], rule: &dyn Fn() -> Relationships) -> Relationships {
        if self.is_guarded(object, types) {
            return match rule() {
                Relationships::Masked => Relationships::Masked,
                Relationships::Kept | Relationships::Dropped => Relationships::Dropped,
            };
        }
        let rule = rule();
        if rule == Relationships::Kept || self.is_shown(object, types) {
            Relationships::Kept
        } else {
            rule
        }
    }

    /// Whether it leads to a person, or to what is guarded from the consumer: the id alone would tell of it.
    fn is_guarded(&self, object: &EntityId, types: &[TypeName]) -> bool {
        let is_guarded_type = |class: Option<Class>, name: Option<&TypeName>| {
            let is_shown = || name.is_some_and(|name| (self.shows_type)(name));
            class.is_some_and(|class| class.is_personal() || (class.is_guarded() && !is_shown()))
        };
        let by_type = |name: &TypeName| is_guarded_type(self.classification.type_class(name), Some(name));
        let mut named = self.classification.guarded_in_id(object.as_str());
        types.iter().any(by_type) || named.any(|classes| is_guarded_type(classes.class, classes.policy_name.as_ref()))
    }

    /// Whether what it leads to is surely visible.
    fn is_shown(&self, object: &EntityId, types: &[TypeName]) -> bool {
        if types.is_empty() {
            return type_in(object).is_some_and(|name| (self.shows_type)(&name));
        }
        types.iter().all(|name| (self.shows_type)(name))
    }
}

/// Whether neither it nor what is in it is a Relationship: most instances are so.
fn leads_nowhere(instance: &Instance) -> bool {
    let leads = matches!(
        instance.value,
        AttributeValue::Relationship { .. } | AttributeValue::ListRelationship { .. }
    );
    !leads && instance.sub_attributes.is_empty()
}

/// The types say something of those that were masked, too.
fn forget_types(objects: &[EntityId], types: &mut ObjectTypes) {
    if objects.iter().any(|object| object.as_str() == MASKED_TARGET) {
        *types = ObjectTypes::default();
    }
}

/// The type that an id names, as clause A.3 recommends: `urn:ngsi-ld:<type>:...`.
pub(super) fn type_in(id: &EntityId) -> Option<TypeName> {
    let (name, _) = id.as_str().strip_prefix("urn:ngsi-ld:")?.split_once(':')?;
    expand_type(name).ok()
}
