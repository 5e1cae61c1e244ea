//! What a consumer is granted of one owner's data in one source.

use std::sync::Arc;

use kakehashi_adapters::AttributeSelection;
use kakehashi_core::consumer::Consumer;
use kakehashi_core::names::TenantId;
use ngsi_ld::{AttributeName, Entity, TypeName};
use smallvec::SmallVec;

use super::conditions::{Relationships, Restriction};
use super::grant::{EntityGrant, Holds, TypeGrant, retain_granted, show_changes_of_visible_attributes};
use super::targets::Targets;
use super::{Class, Operation, PersonalData, PolicyEngine};

/// Types of one source that may be asked for together.
#[derive(Debug, Clone, PartialEq)]
pub struct Selection {
    /// Which types.
    pub types: Vec<TypeName>,
    /// What may be asked for of them.
    pub attributes: AttributeSelection,
    /// What may be asked for instead of everything of them; `None`: everything.
    pub restriction: Option<Arc<Restriction>>,
}

/// Each asked for on its own; nearly always it is one.
pub type Selections = SmallVec<[Selection; 1]>;

/// The grants of one consumer, for one operation, about what one tenant owns in one source.
///
/// An entity of several types is visible if one of them is granted. A type that is not granted is absent: it is
/// taken out of the entity. But an entity that is about a person under any of its types, granted or not, is not
/// visible at all; nor is one that a guarded class of one of its types keeps from the consumer, nor one with a type that
/// nobody has classified, where the source may hold personal data. An attribute is shown if one of the granted types
/// grants it and none of the entity's types guards it from the consumer.
///
/// A type grants what its permits grant that cover the entity. Each permit is judged on its own, on the entity as its
/// source holds it: what one permit grants in one area is never granted in that of another.
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

    /// The granted types, grouped by what may be asked for and of which entities: one question to the source for each
    /// group asks for exactly what is granted.
    #[must_use]
    pub fn by_selection(&self) -> Selections {
        let mut groups = Selections::new();
        for grant in &self.granted {
            let is_same = |known: &&mut Selection| {
                known.attributes == *grant.attributes() && known.restriction.as_ref() == grant.restriction()
            };
            match groups.iter_mut().find(is_same) {
                Some(known) => known.types.push(grant.r#type().clone()),
                None => groups.push(Selection {
                    types: vec![grant.r#type().clone()],
                    attributes: grant.attributes().clone(),
                    restriction: grant.restriction().cloned(),
                }),
            }
        }
        groups
    }

    /// Whether some entity of one of these types may have the attribute and not show it.
    #[must_use]
    pub fn may_withhold(&self, types: &[TypeName], name: &AttributeName) -> bool {
        let mut of_types = self.granted.iter().filter(|grant| types.contains(grant.r#type()));
        of_types.any(|grant| !grant.always_includes(name))
    }

    /// Whether some granted type grants the attribute: whether a condition may touch it at all.
    #[must_use]
    pub fn includes(&self, name: &AttributeName) -> bool {
        self.granted.iter().any(|grant| grant.includes(name))
    }

    /// Whether more may be shown than is open to whoever may have the types: because a permit names it, or because of whom the
    /// consumer belongs to or has agreed with.
    #[must_use]
    pub fn may_show_beyond_open(&self) -> bool {
        let consumer = &self.consumer;
        super::admission::is_owner(consumer, &self.tenant)
            || !consumer.contracts.is_empty()
            || !consumer.consents.is_empty()
            || self.granted.iter().any(|grant| grant.names_beyond_open())
    }

    /// Whether a permit that covers the entity names its id.
    #[must_use]
    pub fn names_id_of(&self, whole: &Entity) -> bool {
        let covering = self.granted.iter().flat_map(|grant| grant.covering(whole));
        covering.into_iter().any(|permit| permit.conditions.ids.is_some())
    }

    /// Whether whatever the source may hold of an entity is granted, whatever this one has: decided by its types, the permits that
    /// cover it, and classes.
    #[must_use]
    pub fn covers_everything_of(&self, whole: &Entity, holds: Holds) -> bool {
        let covers = |name: &TypeName| {
            let grant = self.grant_of(name);
            let of_entity = grant.of_entity(whole);
            !of_entity.is_empty() && of_entity.includes_everything(holds)
        };
        !whole.types.is_empty() && whole.types.iter().all(covers)
    }

    /// Whether a permit that covers the entity, as it is, grants an attribute of that name.
    #[must_use]
    pub fn grants_of(&self, whole: &Entity, name: &AttributeName) -> bool {
        let mut types = whole.types.iter();
        types.any(|of| self.grant_of(of).of_entity(whole).includes(name))
    }

    /// Whether some permit shows that a Relationship exists and not whereto it leads.
    #[must_use]
    pub fn masks_relationships(&self) -> bool {
        let mut permits = self.granted.iter().flat_map(|grant| grant.permits());
        permits.any(|permit| permit.conditions.relationships == Relationships::Masked)
    }

    /// Whether some permit shows the scopes that it speaks of alone, so that an entity may have others.
    #[must_use]
    pub fn may_hide_scopes(&self) -> bool {
        let mut permits = self.granted.iter().flat_map(|grant| grant.permits());
        permits.any(|permit| permit.conditions.scope.is_some())
    }

    /// Whether every granted type shows attributes of attributes of that name: whether a condition may touch them.
    #[must_use]
    pub fn includes_sub_attribute(&self, name: &AttributeName) -> bool {
        !self.granted.is_empty() && self.granted.iter().all(|grant| grant.includes_sub_attribute(name))
    }

    /// Whether an entity of a granted type could be hidden, or one of these attributes of it, because it has another of these
    /// types, too. What it is granted as that one shows more, and nothing less.
    #[must_use]
    pub fn may_be_hidden_as(&self, others: &[TypeName], attributes: &[AttributeName]) -> bool {
        let classification = self.engine.classification();
        let hides_whole = |r#type: &TypeName| match classification.type_class(r#type) {
            Some(class) => class.is_guarded(),
            None => self.personal_data == PersonalData::Present,
        };
        let hides = |r#type: &TypeName, name: &AttributeName| {
            let class = classification.attribute_class(r#type, name);
            class.is_some_and(Class::is_guarded)
        };
        // What conditions of permits look at may be hidden from these.
        self.granted.iter().any(|grant| grant.restriction().is_some())
            || others
                .iter()
                .any(|r#type| hides_whole(r#type) || attributes.iter().any(|name| hides(r#type, name)))
    }

    /// The entity without everything that is not granted; `None` when it is not visible. A granted type counts
    /// even if the set was not made for it: how an entity looks does not depend on how it was asked for.
    ///
    /// A fault of this program's denies, and is counted.
    #[must_use]
    pub fn project(&self, entity: Entity) -> Option<Entity> {
        self.guarded(|| self.narrow(None, entity))
    }

    /// As [`GrantSet::project`], for an entity of which another grant has left `shown`: the conditions of permits are
    /// judged on the whole.
    #[must_use]
    pub fn project_shown(&self, whole: &Entity, shown: Entity) -> Option<Entity> {
        self.guarded(|| self.narrow(Some(whole), shown))
    }

    fn guarded(&self, narrow: impl FnOnce() -> Option<Entity>) -> Option<Entity> {
        let narrowed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(narrow));
        narrowed.unwrap_or_else(|_| {
            self.engine.count_fault();
            None
        })
    }

    fn narrow(&self, whole: Option<&Entity>, entity: Entity) -> Option<Entity> {
        let shows_type = |name: &TypeName| self.grant_of(name).covers_every_entity();
        if let [only] = whole.unwrap_or(&entity).types.as_slice()
            && let Some(grant) = self.granted.iter().find(|grant| grant.r#type() == only)
        {
            return grant.project_among(whole, entity, &shows_type);
        }
        self.narrow_several(whole, entity, &shows_type)
    }

    /// An entity of several types, or of one that the set was not made for.
    fn narrow_several(
        &self,
        whole: Option<&Entity>,
        mut entity: Entity,
        shows_type: &dyn Fn(&TypeName) -> bool,
    ) -> Option<Entity> {
        let classification = self.engine.classification();
        let all_types = whole.unwrap_or(&entity).types.clone();
        let is_unclassified = |name: &TypeName| classification.type_class(name).is_none();
        if self.personal_data == PersonalData::Present && all_types.iter().any(is_unclassified) {
            return None;
        }
        let is_guarded = |name: &AttributeName| {
            let mut classes = all_types
                .iter()
                .map(|r#type| classification.attribute_class(r#type, name));
            classes.any(|class| class.is_some_and(Class::is_guarded))
        };
        let grants: SmallVec<[Arc<TypeGrant>; 4]> = all_types.iter().map(|name| self.grant_of(name)).collect();
        // What is guarded under one of the types is nothing that a condition may look at.
        let judged = if grants.iter().any(|grant| grant.restriction().is_some()) {
            let mut judged = whole.unwrap_or(&entity).clone();
            judged.attributes.retain(|attribute| !is_guarded(&attribute.name));
            Some(judged)
        } else {
            None
        };
        let granted: SmallVec<[EntityGrant<'_>; 4]> = grants
            .iter()
            .map(|grant| grant.of_entity(judged.as_ref().unwrap_or(&entity)))
            .filter(|granted| !granted.is_empty())
            .collect();
        let as_type = |name: &TypeName| granted.iter().find(|granted| granted.r#type() == name);
        let is_hidden_whole = |name: &TypeName| {
            let class = classification.type_class(name);
            class.is_some_and(Class::is_guarded) && as_type(name).is_none()
        };
        if granted.is_empty() || all_types.iter().any(is_hidden_whole) {
            return None;
        }
        // What is guarded under one of the types leaves only if what is granted of the entity as that type lets it.
        let is_withheld = |name: &AttributeName| {
            all_types.iter().any(|r#type| {
                let class = classification.attribute_class(r#type, name);
                class.is_some_and(Class::is_guarded) && !as_type(r#type).is_some_and(|granted| granted.includes(name))
            })
        };
        entity
            .types
            .retain(|name| granted.iter().any(|granted| granted.r#type() == name));
        if entity.types.is_empty() {
            return None;
        }
        entity
            .scopes
            .retain(|scope| granted.iter().any(|granted| granted.shows_scope(scope)));
        retain_granted(
            &mut entity,
            &|name| granted.iter().any(|granted| granted.includes(name)) && !is_withheld(name),
            &|name| granted.iter().any(|granted| granted.includes_sub_attribute(name)) && !is_withheld(name),
        );
        let targets = Targets {
            classification,
            shows_type,
        };
        targets.narrow(&mut entity, &|name| {
            let granting = granted.iter().filter(|granted| granted.includes(name));
            let rules = granting.map(|granted| granted.relationships(name));
            rules.max().unwrap_or(Relationships::Dropped)
        });
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

#[cfg(test)]
mod tests;
