//! What a consumer is granted of one owner's data in one source.

use std::sync::Arc;

use kakehashi_adapters::AttributeSelection;
use ngsi_ld::{AttributeName, Entity, TypeName};
use smallvec::SmallVec;

use super::grant::{TypeGrant, retain_granted, show_changes_of_visible_attributes};
use super::{Class, Operation, PersonalData, PolicyEngine};
use crate::config::{Consumer, TenantId};

/// The grants of one consumer, for one operation, about what one tenant owns in one source.
///
/// An entity of several types is visible if one of them is granted. A type that is not granted is absent: it is
/// taken out of the entity. But an entity that is about a person under any of its types, granted or not, is not
/// visible at all; nor is one that a guarded class of one of its types keeps from the consumer, nor one with a type that
/// nobody has classified, where the source may hold personal data. An attribute is shown if one of the granted types
/// grants it and none of the entity's types guards it from the consumer.
#[derive(Debug, Clone)]
pub struct GrantSet {
    engine: PolicyEngine,
    consumer: Arc<Consumer>,
    operation: Operation,
    tenant: TenantId,
    personal_data: PersonalData,
    granted: SmallVec<[Arc<TypeGrant>; 4]>,
}

impl GrantSet {
    pub(super) fn new(
        engine: &PolicyEngine,
        consumer: &Arc<Consumer>,
        operation: Operation,
        tenant: &TenantId,
        types: &[TypeName],
        personal_data: PersonalData,
    ) -> Self {
        let grants = types
            .iter()
            .map(|name| engine.grant(consumer, operation, tenant, name, personal_data));
        let mut granted: SmallVec<[Arc<TypeGrant>; 4]> = SmallVec::new();
        for grant in grants.filter(|grant| !grant.is_empty()) {
            if !granted.iter().any(|known| known.r#type() == grant.r#type()) {
                granted.push(grant);
            }
        }
        Self {
            engine: engine.clone(),
            consumer: Arc::clone(consumer),
            operation,
            tenant: tenant.clone(),
            personal_data,
            granted,
        }
    }

    /// Whether nothing is granted, so that the source must not be asked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.granted.is_empty()
    }

    /// The types that may be asked for, of those that the set was made for.
    pub fn types(&self) -> impl Iterator<Item = &TypeName> {
        self.granted.iter().map(|grant| grant.r#type())
    }

    /// The grants that are not empty.
    #[must_use]
    pub fn grants(&self) -> &[Arc<TypeGrant>] {
        &self.granted
    }

    /// The tenant whose data it is about.
    #[must_use]
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// What may be asked of the source for all types together: the union, without what one of the granted types
    /// calls personal or limited and does not grant. Where that leaves out an attribute that another type grants,
    /// [`GrantSet::by_selection`] asks for more.
    #[must_use]
    pub fn attributes(&self) -> AttributeSelection {
        let mut names: Vec<AttributeName> = Vec::new();
        for grant in &self.granted {
            match grant.attributes() {
                AttributeSelection::All => return self.attributes_with_everything(),
                AttributeSelection::Only(only) => names.extend(only.iter().cloned()),
            }
        }
        names.sort();
        names.dedup();
        names.retain(|name| !self.granted.iter().any(|grant| self.is_kept_from(grant, name)));
        AttributeSelection::only(names)
    }

    /// Everything may be asked for only if every type may be asked for everything; otherwise only the names that
    /// the narrower types grant, and that the others do not refuse.
    fn attributes_with_everything(&self) -> AttributeSelection {
        let lists = self.granted.iter().filter_map(|grant| match grant.attributes() {
            AttributeSelection::All => None,
            AttributeSelection::Only(names) => Some(names),
        });
        let mut names: Option<Vec<AttributeName>> = None;
        for list in lists {
            names.get_or_insert_default().extend(list.iter().cloned());
        }
        let Some(mut names) = names else {
            return AttributeSelection::All;
        };
        // What the unrestricted types are known to have is asked for as well, where no narrower type hides it.
        for grant in &self.granted {
            names.extend(self.engine.open_attributes(grant.r#type()).iter().cloned());
        }
        names.sort();
        names.dedup();
        names.retain(|name| {
            self.granted.iter().any(|grant| grant.includes(name))
                && !self.granted.iter().any(|grant| self.is_kept_from(grant, name))
        });
        AttributeSelection::only(names)
    }

    /// Whether a type has the attribute, by its classification, and does not grant it.
    fn is_kept_from(&self, grant: &TypeGrant, name: &AttributeName) -> bool {
        let class = self.engine.classification().attribute_class(grant.r#type(), name);
        class.is_some() && !grant.includes(name)
    }

    /// The granted types, grouped by what may be asked for: one question to the source for each group asks for
    /// exactly what is granted.
    #[must_use]
    pub fn by_selection(&self) -> Vec<(Vec<TypeName>, AttributeSelection)> {
        let mut groups: Vec<(Vec<TypeName>, AttributeSelection)> = Vec::new();
        for grant in &self.granted {
            match groups.iter_mut().find(|(_, selection)| selection == grant.attributes()) {
                Some((types, _)) => types.push(grant.r#type().clone()),
                None => groups.push((vec![grant.r#type().clone()], grant.attributes().clone())),
            }
        }
        groups
    }

    /// Whether some granted type grants the attribute: whether a condition may touch it at all.
    #[must_use]
    pub fn includes(&self, name: &AttributeName) -> bool {
        self.granted.iter().any(|grant| grant.includes(name))
    }

    /// Whether every granted type shows attributes of attributes of that name: whether a condition may touch them.
    #[must_use]
    pub fn includes_sub_attribute(&self, name: &AttributeName) -> bool {
        !self.granted.is_empty() && self.granted.iter().all(|grant| grant.includes_sub_attribute(name))
    }

    /// The entity without everything that is not granted; `None` when it is not visible. A granted type counts
    /// even if the set was not made for it: how an entity looks does not depend on how it was asked for.
    #[must_use]
    pub fn project(&self, mut entity: Entity) -> Option<Entity> {
        if let [only] = entity.types.as_slice()
            && let Some(grant) = self.granted.iter().find(|grant| grant.r#type() == only)
        {
            return grant.project(entity);
        }
        let classification = self.engine.classification();
        let is_hidden_whole = |name: &TypeName| match classification.type_class(name) {
            Some(class) => class.is_guarded() && self.grant_of(name).is_empty(),
            None => self.personal_data == PersonalData::Present,
        };
        if entity.types.iter().any(is_hidden_whole) {
            return None;
        }
        let all_types = entity.types.clone();
        let grants = all_types.iter().map(|name| self.grant_of(name));
        let grants: SmallVec<[Arc<TypeGrant>; 4]> = grants.filter(|grant| !grant.is_empty()).collect();
        if grants.is_empty() {
            return None;
        }
        entity
            .types
            .retain(|name| grants.iter().any(|grant| grant.r#type() == name));
        // What is guarded under one of the types leaves only if that type's own grant lets it.
        let is_withheld = |name: &AttributeName| {
            all_types.iter().any(|r#type| {
                let class = classification.attribute_class(r#type, name);
                let own = || grants.iter().find(|grant| grant.r#type() == r#type);
                class.is_some_and(Class::is_guarded) && !own().is_some_and(|grant| grant.includes(name))
            })
        };
        retain_granted(
            &mut entity,
            &|name| grants.iter().any(|grant| grant.includes(name)) && !is_withheld(name),
            &|name| grants.iter().any(|grant| grant.includes_sub_attribute(name)) && !is_withheld(name),
        );
        // Of an entity of several types, some attribute may always be hidden.
        show_changes_of_visible_attributes(&mut entity);
        Some(entity)
    }

    fn grant_of(&self, name: &TypeName) -> Arc<TypeGrant> {
        let known = self.granted.iter().find(|grant| grant.r#type() == name);
        let decide = || {
            self.engine
                .grant(&self.consumer, self.operation, &self.tenant, name, self.personal_data)
        };
        known.cloned().unwrap_or_else(decide)
    }
}
