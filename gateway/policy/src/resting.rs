//! What of an entity may rest beside it, in the outbox of the store: types and attributes of class open and limited, and
//! nothing that leads to what is guarded. Nobody is asked for it: it holds whoever reads.

use ngsi_ld::entity::{Attribute, Instance};
use ngsi_ld::{AttributeName, Entity, EntityId, TypeName};

use super::PersonalData;
use super::classification::{Class, Classification, TypeClasses};
use super::inspection::finds_somebody;

impl Classification {
    /// The part of an entity of a source that may rest beside it; `None`: nothing of it.
    #[must_use]
    pub fn may_rest(&self, entity: &Entity, personal_data: PersonalData) -> Option<Entity> {
        let of_types: Vec<&TypeClasses> = entity.types.iter().map(|name| &**self.type_classes(name)).collect();
        let rests = |class: Option<Class>| match class {
            Some(class) => !class.is_guarded(),
            None => personal_data == PersonalData::None,
        };
        let is_free = |id: &EntityId| self.guarded_in_id(id.as_str()).next().is_none();
        if of_types.is_empty() || !of_types.iter().all(|classes| rests(classes.class)) || !is_free(&entity.id) {
            return None;
        }
        let resting = Resting {
            classification: self,
            rests_by_name: &|name| of_types.iter().all(|classes| rests(classes.attribute(name))),
        };
        let mut kept = entity.clone();
        resting.narrow(&mut kept.attributes);
        Some(kept)
    }

    /// Whether the id of an entity of these types may stand in a list that outlives a request, whoever the list is for: each
    /// type is open or limited, and the id neither names one that is guarded nor holds somebody's number or address.
    #[must_use]
    pub fn may_be_listed(&self, id: &EntityId, types: &[TypeName]) -> bool {
        let is_free = |name: &TypeName| self.type_class(name).is_some_and(|class| !class.is_guarded());
        !types.is_empty()
            && types.iter().all(is_free)
            && self.guarded_in_id(id.as_str()).next().is_none()
            && !finds_somebody(id.as_str())
    }

    /// Whether what another classification lets rest is the same.
    #[must_use]
    pub fn lets_the_same_rest(&self, other: &Self) -> bool {
        self.changes_to(other).is_empty()
    }
}

struct Resting<'a> {
    classification: &'a Classification,
    rests_by_name: &'a dyn Fn(&AttributeName) -> bool,
}

impl Resting<'_> {
    /// Attributes of attributes are judged as attributes of the entity are.
    fn narrow(&self, attributes: &mut Vec<Attribute>) {
        attributes.retain_mut(|attribute| {
            if !(self.rests_by_name)(&attribute.name) {
                return false;
            }
            attribute.instances.retain(|instance| !self.leads_to_guarded(instance));
            for instance in &mut attribute.instances {
                self.narrow(&mut instance.sub_attributes);
            }
            !attribute.instances.is_empty()
        });
    }

    /// Whether it leads to what is guarded: the id alone would tell of it.
    fn leads_to_guarded(&self, instance: &Instance) -> bool {
        let is_guarded = |name: &TypeName| self.classification.type_class(name).is_some_and(Class::is_guarded);
        let mut objects = instance.value.objects().iter();
        instance.value.object_types().iter().any(is_guarded)
            || objects.any(|object| self.classification.guarded_in_id(object.as_str()).next().is_some())
    }
}
