//! What of an entity may be kept in memory for a while, beside requests: types and attributes of class open, and nothing that
//! leads to what is guarded. Nobody is asked for it: it holds whoever reads.
//!
//! What is taken out is either shown to nobody, or it is told that something is missing for those to whom it may be. An id that
//! names a person is put in the place of every such id, so that what becomes of it is what would become of each.

use kakehashi_adapters::held::Judged;
use kakehashi_documents::vocabulary::compact_type;
use ngsi_ld::entity::{Attribute, AttributeValue, Instance};
use ngsi_ld::{AttributeName, Entity, EntityId, TypeName};

use super::PersonalData;
use super::classification::{Class, Classification, TypeClasses};

impl Classification {
    /// The attributes of a type that are open by name; `None`: the type is not open.
    #[must_use]
    pub fn open_attributes(&self, r#type: &TypeName) -> Option<&[AttributeName]> {
        let classes = self.type_classes(r#type);
        (classes.class == Some(Class::Open)).then_some(&*classes.open)
    }

    /// The attributes of a type that are open or limited by name; `None`: the type is neither.
    #[must_use]
    pub fn unguarded_attributes(&self, r#type: &TypeName) -> Option<Vec<AttributeName>> {
        let classes = self.type_classes(r#type);
        if classes.class.is_none_or(Class::is_guarded) {
            return None;
        }
        let is_free = |name: &&AttributeName| classes.attribute(name).is_some_and(|class| !class.is_guarded());
        let named = classes.all_named().chain(classes.named_everywhere());
        Some(named.filter(is_free).cloned().collect())
    }

    /// Leaves of an entity of a source what may be kept in memory.
    pub fn keep_open(&self, entity: &mut Entity, personal_data: PersonalData) -> Judged {
        let of_types: Vec<&TypeClasses> = entity.types.iter().map(|name| &**self.type_classes(name)).collect();
        let all_open = of_types.iter().all(|classes| classes.class == Some(Class::Open));
        if of_types.is_empty() || !all_open || self.guarded_in_id(entity.id.as_str()).next().is_some() {
            return Judged::Nothing;
        }
        let mut keeping = Keeping {
            classification: self,
            of_types: &of_types,
            personal_data,
            is_missing: false,
            is_refused: false,
        };
        let mut without = Vec::new();
        entity.attributes.retain_mut(|attribute| {
            keeping.is_missing = false;
            // What is no open attribute was not asked for.
            let is_kept = keeping.is_open(&attribute.name);
            if is_kept {
                keeping.narrow(attribute);
            }
            if keeping.is_missing {
                without.push(attribute.name.clone());
            }
            is_kept
        });
        match (keeping.is_refused, without.is_empty()) {
            (true, _) => Judged::Nothing,
            (false, true) => Judged::Whole,
            (false, false) => Judged::Without(without),
        }
    }
}

struct Keeping<'a> {
    classification: &'a Classification,
    of_types: &'a [&'a TypeClasses],
    personal_data: PersonalData,
    /// Something was taken out that few may see.
    is_missing: bool,
    /// Something was taken out that anybody may see.
    is_refused: bool,
}

impl Keeping<'_> {
    fn is_open(&self, name: &AttributeName) -> bool {
        let mut of_types = self.of_types.iter();
        of_types.all(|classes| classes.attribute(name) == Some(Class::Open))
    }

    fn narrow(&mut self, attribute: &mut Attribute) {
        for instance in &mut attribute.instances {
            self.narrow_instance(instance);
        }
    }

    fn narrow_instance(&mut self, instance: &mut Instance) {
        self.hide_targets(&mut instance.value);
        instance.sub_attributes.retain_mut(|inner| {
            if self.is_open(&inner.name) {
                self.narrow(inner);
                return true;
            }
            let classes = self.of_types.iter().map(|classes| classes.attribute(&inner.name));
            for class in classes {
                match class {
                    Some(class) if class.is_personal() => {}
                    Some(_) => self.is_missing = true,
                    None => self.is_refused |= self.personal_data == PersonalData::None,
                }
            }
            false
        });
    }

    /// Puts an id that names nobody in the place of each that leads to what is guarded.
    fn hide_targets(&mut self, value: &mut AttributeValue) {
        match value {
            AttributeValue::Relationship { objects, object_types } => {
                let types = object_types.as_slice().to_vec();
                objects.iter_mut().for_each(|object| self.hide(object, &types));
            }
            AttributeValue::ListRelationship { objects, object_types } => {
                let types = object_types.as_slice().to_vec();
                objects.iter_mut().for_each(|object| self.hide(object, &types));
            }
            _ => {}
        }
    }

    fn hide(&mut self, object: &mut EntityId, types: &[TypeName]) {
        let classification = self.classification;
        let guarded = |name: &TypeName| {
            let class = classification.type_class(name)?;
            class.is_guarded().then(|| (class, Some(compact_type(name))))
        };
        let in_id = classification.guarded_in_id(object.as_str()).filter_map(|classes| {
            let called = classes.policy_name.as_ref().map(compact_type);
            classes.class.map(|class| (class, called))
        });
        // The strictest decides what becomes of it.
        let strictest = types
            .iter()
            .filter_map(guarded)
            .chain(in_id)
            .max_by_key(|(class, _)| *class);
        let Some((class, called)) = strictest else { return };
        let nobody = called.and_then(|called| EntityId::parse(&format!("urn:ngsi-ld:{called}:hidden")).ok());
        let is_as_guarded = |id: &EntityId| {
            let classes = classification.guarded_in_id(id.as_str()).map(|classes| classes.class);
            classes.max() == Some(Some(class))
        };
        match nobody.filter(is_as_guarded) {
            Some(nobody) => *object = nobody,
            None => self.is_refused = true,
        }
        self.is_missing |= !class.is_personal();
    }
}
