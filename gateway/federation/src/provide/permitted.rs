//! What of an entity a consumer may write, by the grant of the operation that it asks for.

use kakehashi_policy::{GrantSet, Operation, PersonalData, unnamed_type};
use ngsi_ld::query::TypeSelection;
use ngsi_ld::{AttributeName, Entity, TypeName};

use super::Provider;
use crate::plan::Asker;
use crate::ungranted::{self, Ungranted, why_not_type};

impl Provider<'_> {
    pub(crate) fn grants(&self, operation: Operation, types: &[TypeName], personal_data: PersonalData) -> GrantSet {
        let Asker { consumer, policies, .. } = *self.asker;
        policies.grants(consumer, operation, self.tenant, types, personal_data)
    }

    /// What of an entity the consumer may not write; `None`: it may write all of it. Every type must be granted:
    /// an entity that is of two kinds is changed as both.
    pub(super) fn ungranted(&self, entity: &Entity, personal_data: PersonalData) -> Option<Ungranted> {
        self.ungranted_of(entity, entity, personal_data)
    }

    /// The same of a part of an entity, where the conditions of permits look at the whole.
    pub(super) fn ungranted_of(
        &self,
        entity: &Entity,
        whole: &Entity,
        personal_data: PersonalData,
    ) -> Option<Ungranted> {
        let grants = self.grants(self.asker.operation, &entity.types, personal_data);
        let is_granted = |name: &TypeName| grants.types().any(|granted| granted == name);
        if let Some(name) = entity.types.iter().find(|name| !is_granted(name)) {
            let Asker { consumer, policies, .. } = *self.asker;
            let grant = policies.grant(consumer, self.asker.operation, self.tenant, name, personal_data);
            return Some(Ungranted::Type(name.clone(), why_not_type(&grant)));
        }
        // What a read would be shown of it is what may be written of it.
        let Some(granted) = grants.project_shown(whole, entity.clone()) else {
            return Some(Ungranted::Uncovered);
        };
        if granted.types != entity.types || granted.scopes != entity.scopes {
            return Some(Ungranted::Uncovered);
        }
        let classification = self.asker.policies.classification();
        let class = |name: &AttributeName| {
            let of_types = entity.types.iter();
            of_types.filter_map(|of| classification.attribute_class(of, name)).max()
        };
        ungranted::in_attributes(entity, &granted, &grants, class, personal_data)
    }

    /// Whether anything at all is granted, of the types that are selected or of any.
    pub(super) fn may_write_any(&self, personal_data: PersonalData, types: Option<&TypeSelection>) -> bool {
        let mut named: Vec<TypeName> = match types {
            Some(selection) => selection.names().into_iter().cloned().collect(),
            None => self.asker.policies.known_types().to_vec(),
        };
        if types.is_none() {
            named.push(unnamed_type());
        }
        !self.grants(self.asker.operation, &named, personal_data).is_empty()
    }

    /// Whether the consumer may see or write something of an entity, so that it may be told that it exists.
    pub(super) fn may_know_of(&self, entity: &Entity, personal_data: PersonalData) -> bool {
        let grants = self.grants(self.asker.operation, &entity.types, personal_data);
        grants.project(entity.clone()).is_some() || self.seen(entity, personal_data).is_some()
    }

    /// The entity as the consumer sees it.
    pub(super) fn seen(&self, entity: &Entity, personal_data: PersonalData) -> Option<Entity> {
        let grants = self.grants(Operation::RetrieveEntity, &entity.types, personal_data);
        grants.project(entity.clone())
    }
}
