//! Where in a list of attributes, and of instances, something stands. A fragment may name as many as its body holds, so that
//! they are not looked for one by one.

use hashbrown::HashMap;

use crate::entity::{Attribute, Instance};
use crate::{AttributeName, Iri};

/// Up to here, comparing names one by one is quicker than a table.
const MANY: usize = 32;

/// The attributes of an entity or of an attribute, while they are changed.
#[derive(Debug)]
pub(super) struct Places<'a> {
    attributes: &'a mut Vec<Attribute>,
    /// Filled when many are looked for among many.
    by_name: Option<HashMap<AttributeName, usize>>,
}

impl<'a> Places<'a> {
    /// Those, of which so many are looked for.
    pub(super) fn of(attributes: &'a mut Vec<Attribute>, looked_for: usize) -> Self {
        let by_name = (looked_for > MANY).then(|| {
            let names = attributes.iter().enumerate();
            names
                .map(|(index, attribute)| (attribute.name.clone(), index))
                .collect()
        });
        Self { attributes, by_name }
    }

    /// The one of that name.
    pub(super) fn get(&mut self, name: &AttributeName) -> Option<&mut Attribute> {
        match &self.by_name {
            Some(by_name) => self.attributes.get_mut(*by_name.get(name)?),
            None => self.attributes.iter_mut().find(|attribute| attribute.name == *name),
        }
    }

    /// Adds an instance of an attribute.
    pub(super) fn add(&mut self, name: &AttributeName, instance: Instance) {
        if let Some(attribute) = self.get(name) {
            attribute.instances.push(instance);
            return;
        }
        if let Some(by_name) = &mut self.by_name {
            by_name.insert(name.clone(), self.attributes.len());
        }
        self.attributes.push(Attribute::new(name.clone(), instance));
    }

    /// The instance of that attribute and `datasetId`.
    pub(super) fn instance(&mut self, name: &AttributeName, dataset_id: Option<&Iri>) -> Option<&mut Instance> {
        let attribute = self.get(name)?;
        let index = position(&attribute.instances, dataset_id)?;
        attribute.instances.get_mut(index)
    }

    /// Removes an instance of an attribute.
    pub(super) fn remove(&mut self, name: &AttributeName, dataset_id: Option<&Iri>) {
        if let Some(attribute) = self.get(name) {
            attribute
                .instances
                .retain(|instance| instance.dataset_id.as_ref() != dataset_id);
        }
    }

    /// An attribute of which no instance is left is none.
    pub(super) fn without_empty(self) {
        self.attributes.retain(|attribute| !attribute.instances.is_empty());
    }
}

/// Where the instance of that `datasetId` stands.
pub(super) fn position(instances: &[Instance], dataset_id: Option<&Iri>) -> Option<usize> {
    instances
        .iter()
        .position(|instance| instance.dataset_id.as_ref() == dataset_id)
}
