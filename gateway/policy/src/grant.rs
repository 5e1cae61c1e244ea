//! What the policies permit a consumer about one type of one tenant.

use std::sync::Arc;

use hashbrown::HashSet;
use kakehashi_adapters::AttributeSelection;
use kakehashi_core::consumer::Consumer;
use ngsi_ld::entity::{Attribute, DateTime, Instance};
use ngsi_ld::{AttributeName, Entity, TypeName};
use smallvec::SmallVec;

use super::PersonalData;
use super::admission::Admission;
use super::classification::{Class, Classification, TypeClasses};
use super::conditions::{PermitConditions, Relationships, Restriction};
use super::permits::Narrowing;
use super::targets::Targets;
use super::unmet::{Unmet, UnmetPermit};

/// Why nothing of a type is granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Denial {
    /// The type is about persons.
    Personal(Class),
    /// The type's class asks for more than a permit, and the consumer has it not.
    Guarded(Class),
    /// Nobody has classified the type, and the source may hold personal data.
    Unclassified,
    /// The tenant has no policies.
    NoPolicies,
    /// No permit covers it.
    NoPermit,
    /// These policies forbid it.
    Forbidden(Vec<Arc<str>>),
    /// The policies could not be evaluated.
    EvaluationError,
}

/// Which attributes one permit grants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PermittedAttributes {
    /// All that nobody has classed stricter than open.
    Unrestricted,
    /// These.
    Only(HashSet<AttributeName>),
}

/// One permit that covers a type.
#[derive(Debug, Clone, PartialEq)]
pub struct PermitScope {
    /// The file and line of the permit: `sano.cedar:12`.
    pub policy: Arc<str>,
    /// Which attributes it grants.
    pub attributes: PermittedAttributes,
    /// Of which entities it grants them; what it asks of requests is fulfilled.
    pub conditions: Arc<PermitConditions>,
}

/// What a source may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// What [`Classification::may_rest`] lets rest: it takes nothing else.
    WhatMayRest,
    /// Whatever others have given it.
    Anything,
}

/// The permits that cover one entity.
type Covering<'a> = SmallVec<[&'a PermitScope; 4]>;

/// What a consumer is granted about one type of one tenant, for one operation. Permits are kept apart.
#[derive(Debug)]
pub struct TypeGrant {
    r#type: TypeName,
    permits: Vec<PermitScope>,
    unmet: Vec<UnmetPermit>,
    denial: Option<Denial>,
    selection: AttributeSelection,
    /// `None`: every permit covers every entity.
    restriction: Option<Arc<Restriction>>,
    /// Whether some permit says that Relationships be masked or dropped.
    narrows_relationships: bool,
    /// Whether some permit names what is not open.
    names_beyond_open: bool,
    /// The classes of the type's attributes, which each attribute of each entity is looked up in.
    classes: Arc<TypeClasses>,
    classification: Classification,
    personal_data: PersonalData,
}

/// What a grant is made of, beside the permits.
#[derive(Debug)]
pub(super) struct About<'a> {
    pub(super) r#type: &'a TypeName,
    pub(super) classification: &'a Classification,
    /// Whether the consumer is one of the tenant's own whose data it is.
    pub(super) is_owner: bool,
    pub(super) personal_data: PersonalData,
}

impl TypeGrant {
    pub(super) fn denied(about: &About<'_>, denial: Denial) -> Self {
        Self {
            r#type: about.r#type.clone(),
            permits: Vec::new(),
            unmet: Vec::new(),
            denial: Some(denial),
            selection: AttributeSelection::only(Vec::new()),
            restriction: None,
            narrows_relationships: false,
            names_beyond_open: false,
            classes: Arc::clone(about.classification.type_classes(about.r#type)),
            classification: about.classification.clone(),
            personal_data: about.personal_data,
        }
    }

    /// What these permits grant a consumer, as far as it fulfils what they ask of requests.
    pub(super) fn permitted(
        about: &About<'_>,
        narrowings: Vec<(Arc<str>, Arc<Narrowing>)>,
        consumer: &Consumer,
    ) -> Self {
        let classes = about.classification.type_classes(about.r#type);
        let (mut permits, mut unmet) = (Vec::new(), Vec::new());
        for (policy, narrowing) in narrowings {
            match conditions(&narrowing, about, consumer) {
                Ok(conditions) => permits.push(PermitScope {
                    policy,
                    attributes: permitted_attributes(&narrowing, about.is_owner, classes, about.personal_data),
                    conditions,
                }),
                Err(reason) => unmet.push(UnmetPermit { policy, reason }),
            }
        }
        let nothing = match classes.class {
            Some(class) if class.is_guarded() => Denial::Guarded(class),
            _ => Denial::NoPermit,
        };
        let restriction = restriction(&permits);
        Self {
            r#type: about.r#type.clone(),
            denial: permits.is_empty().then_some(nothing),
            selection: union(permits.iter().map(|permit| &permit.attributes)),
            restriction,
            narrows_relationships: permits
                .iter()
                .any(|permit| permit.conditions.relationships != Relationships::Kept),
            names_beyond_open: permits.iter().any(|permit| permit.names_beyond_open(classes)),
            permits,
            unmet,
            classes: Arc::clone(classes),
            classification: about.classification.clone(),
            personal_data: about.personal_data,
        }
    }

    /// The type.
    #[must_use]
    pub fn r#type(&self) -> &TypeName {
        &self.r#type
    }

    /// Whether nothing is granted, so that the type is absent and must not be asked for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.permits.is_empty()
    }

    /// The permits that cover the type, each with its attributes.
    #[must_use]
    pub fn permits(&self) -> &[PermitScope] {
        &self.permits
    }

    /// The permits that cover the type and do not apply to this request, or to no entity of the type.
    #[must_use]
    pub fn unmet(&self) -> &[UnmetPermit] {
        &self.unmet
    }

    /// What a source may be asked for instead of everything of the type; `None`: all of it is granted, as far as its
    /// attributes are.
    #[must_use]
    pub fn restriction(&self) -> Option<&Arc<Restriction>> {
        self.restriction.as_ref()
    }

    /// Whether something of every entity of the type is granted: one permit without conditions is enough, whatever others
    /// grant beside it.
    #[must_use]
    pub fn covers_every_entity(&self) -> bool {
        let covers_every = |permit: &PermitScope| !permit.conditions.are_about_entities();
        !self.is_empty() && self.permits.iter().any(covers_every)
    }

    /// Whether whatever the source may hold of an entity of the type is granted, of every entity of which something is:
    /// each permit grants it by itself.
    #[must_use]
    pub fn covers_everything(&self, holds: Holds) -> bool {
        self.permits.iter().all(|permit| {
            let alone = EntityGrant {
                of_type: self,
                permits: SmallVec::from_slice(&[permit]),
            };
            alone.includes_everything(holds)
        })
    }

    /// Why nothing is granted; `None` when something is.
    #[must_use]
    pub fn denial(&self) -> Option<&Denial> {
        self.denial.as_ref()
    }

    /// What may be asked of the source: the attributes of all permits together. From a source that may hold
    /// personal data it is always a list.
    #[must_use]
    pub fn attributes(&self) -> &AttributeSelection {
        &self.selection
    }

    /// Whether the attribute is granted, of some entities at least.
    #[must_use]
    pub fn includes(&self, name: &AttributeName) -> bool {
        self.permits.iter().any(|permit| self.permit_includes(permit, name))
    }

    /// Whether the attribute is granted, whatever else an entity is like.
    #[must_use]
    pub fn always_includes(&self, name: &AttributeName) -> bool {
        let always = |permit: &&PermitScope| !permit.conditions.are_about_entities();
        let mut permits = self.permits.iter().filter(always);
        permits.any(|permit| self.permit_includes(permit, name))
    }

    /// Whether one of its permits grants the attribute, of some entities at least.
    pub fn permit_includes(&self, permit: &PermitScope, name: &AttributeName) -> bool {
        permit.includes(name, &self.classes)
    }

    /// Whether some permit names an attribute that is not open.
    pub(super) fn names_beyond_open(&self) -> bool {
        self.names_beyond_open
    }

    /// Whether an attribute of a granted attribute is shown: what is open, what a permit names, and from a source
    /// without personal data what nobody has classified.
    pub(super) fn includes_sub_attribute(&self, name: &AttributeName) -> bool {
        self.shows_sub_attribute(name, |name| self.includes(name))
    }

    fn shows_sub_attribute(&self, name: &AttributeName, includes: impl FnOnce(&AttributeName) -> bool) -> bool {
        match self.classes.attribute(name) {
            Some(Class::Open) => true,
            // What no permit may grant is not among what they grant.
            Some(_) => includes(name),
            None => self.personal_data == PersonalData::None,
        }
    }

    /// The permits that cover an entity, as its source holds it. Each is judged on its own.
    pub fn covering(&self, whole: &Entity) -> Covering<'_> {
        let covers = |permit: &&PermitScope| self.restriction.is_none() || permit.conditions.cover(whole);
        self.permits.iter().filter(covers).collect()
    }

    /// The same grant for one entity: what the permits grant that cover it.
    pub(super) fn of_entity(&self, whole: &Entity) -> EntityGrant<'_> {
        EntityGrant {
            of_type: self,
            permits: self.covering(whole),
        }
    }

    /// The entity without everything that is not granted; `None` when it is not visible. Only for entities whose
    /// one type this is: where an entity has several, ask [`GrantSet::project`](super::GrantSet::project).
    #[must_use]
    pub fn project(&self, entity: Entity) -> Option<Entity> {
        self.project_among(None, entity, &|_| false)
    }

    /// As [`TypeGrant::project`]. `whole`: the entity as its source holds it, where more was taken out of it before.
    /// `shows_type`: whether every entity of a type may be seen, so that Relationships to them are shown.
    pub(super) fn project_among(
        &self,
        whole: Option<&Entity>,
        mut entity: Entity,
        shows_type: &dyn Fn(&TypeName) -> bool,
    ) -> Option<Entity> {
        if self.is_empty() || entity.types.as_slice() != std::slice::from_ref(&self.r#type) {
            return None;
        }
        let granted = self.of_entity(whole.unwrap_or(&entity));
        if granted.is_empty() {
            return None;
        }
        granted.retain_scopes(&mut entity);
        retain_granted(&mut entity, &|name| granted.includes(name), &|name| {
            granted.includes_sub_attribute(name)
        });
        let targets = Targets {
            classification: &self.classification,
            shows_type,
        };
        targets.narrow(&mut entity, &|name| granted.relationships(name));
        show_changes_of_visible_attributes(&mut entity);
        Some(entity)
    }
}

impl PermitScope {
    fn names_beyond_open(&self, classes: &TypeClasses) -> bool {
        match &self.attributes {
            PermittedAttributes::Unrestricted => false,
            PermittedAttributes::Only(names) => {
                let mut names = names.iter();
                names.any(|name| classes.attribute(name) != Some(Class::Open))
            }
        }
    }

    fn includes(&self, name: &AttributeName, classes: &TypeClasses) -> bool {
        match &self.attributes {
            PermittedAttributes::Unrestricted => matches!(classes.attribute(name), None | Some(Class::Open)),
            PermittedAttributes::Only(names) => names.contains(name),
        }
    }
}

/// What is granted of one entity as one of its types.
#[derive(Debug)]
pub(super) struct EntityGrant<'a> {
    of_type: &'a TypeGrant,
    permits: Covering<'a>,
}

impl EntityGrant<'_> {
    /// Whether no permit covers the entity, so that it is not visible as that type.
    pub(super) fn is_empty(&self) -> bool {
        self.permits.is_empty()
    }

    pub(super) fn r#type(&self) -> &TypeName {
        &self.of_type.r#type
    }

    pub(super) fn includes(&self, name: &AttributeName) -> bool {
        let classes = &self.of_type.classes;
        self.permits.iter().any(|permit| permit.includes(name, classes))
    }

    pub(super) fn includes_sub_attribute(&self, name: &AttributeName) -> bool {
        self.of_type.shows_sub_attribute(name, |name| self.includes(name))
    }

    /// Whether whatever an entity may have is granted of this one, by names, classes and permits alone: nothing of what the
    /// entity has is looked at.
    pub(super) fn includes_everything(&self, holds: Holds) -> bool {
        let of_type = self.of_type;
        // What is guarded is not taken in, and a source that may have it from others is one that may hold personal data.
        let is_held = |name: &AttributeName| {
            let class = of_type.classes.attribute(name);
            class.is_none_or(|class| !class.is_guarded())
        };
        let is_whole = |name: &AttributeName| self.includes(name) && self.relationships(name) == Relationships::Kept;
        let shows_scopes = |permit: &&PermitScope| permit.conditions.scope.is_none();
        let mut named = of_type.classes.all_named().chain(of_type.classes.named_everywhere());
        if !named.all(|name| !is_held(name) || is_whole(name)) || !self.permits.iter().any(shows_scopes) {
            return false;
        }
        if of_type.personal_data == PersonalData::Present {
            // What nobody has classified is hidden from everybody, and is not taken in.
            return holds == Holds::WhatMayRest;
        }
        let mut permits = self.permits.iter();
        permits.any(|permit| {
            permit.attributes == PermittedAttributes::Unrestricted
                && permit.conditions.relationships == Relationships::Kept
        })
    }

    /// What becomes of Relationships of that name: what the most generous permit says that grants the attribute.
    pub(super) fn relationships(&self, name: &AttributeName) -> Relationships {
        if !self.of_type.narrows_relationships {
            return Relationships::Kept;
        }
        let classes = &self.of_type.classes;
        let granting = self.permits.iter().filter(|permit| permit.includes(name, classes));
        let rules = granting.map(|permit| permit.conditions.relationships);
        rules.max().unwrap_or(Relationships::Dropped)
    }

    /// Whether a scope is shown: one that a permit speaks of, or any where a permit does not ask for scopes.
    pub(super) fn shows_scope(&self, scope: &str) -> bool {
        self.permits.iter().any(|permit| {
            let asked = permit.conditions.scope.as_ref();
            asked.is_none_or(|asked| asked.query.speaks_of(scope))
        })
    }

    fn retain_scopes(&self, entity: &mut Entity) {
        if self.of_type.restriction.is_some() {
            entity.scopes.retain(|scope| self.shows_scope(scope));
        }
    }
}

/// Makes `modifiedAt` of the entity that of its visible attributes, and theirs that of what is visible in them: the source's
/// own moves when something hidden changes, which would tell of it. It is never shown, whether something is hidden of this
/// entity or not: where it stood, nothing would be.
pub(super) fn show_changes_of_visible_attributes(entity: &mut Entity) {
    if entity.system.modified_at().is_none() {
        return;
    }
    entity.attributes.iter_mut().for_each(show_changes_of_inner);
    let newest = newest_of(&entity.attributes).cloned();
    let dates = entity.system.dates_mut();
    // What has nothing that could have been modified is as it was created.
    dates.modified_at = newest.or_else(|| dates.created_at.clone());
}

/// Makes `modifiedAt` of an attribute no older than that of what is visible in it.
fn show_changes_of_inner(attribute: &mut Attribute) {
    for instance in &mut attribute.instances {
        if instance.sub_attributes.is_empty() {
            continue;
        }
        instance.sub_attributes.iter_mut().for_each(show_changes_of_inner);
        let own = instance.system.modified_at();
        let newer = newest_of(&instance.sub_attributes).filter(|inner| own.is_some_and(|own| own < *inner));
        if let Some(newer) = newer.cloned() {
            instance.system.dates_mut().modified_at = Some(newer);
        }
    }
}

fn newest_of(attributes: &[Attribute]) -> Option<&DateTime> {
    let instances = attributes.iter().flat_map(|attribute| &attribute.instances);
    instances.filter_map(|instance| instance.system.modified_at()).max()
}

/// Keeps the attributes that one question admits, and of what is in them what the other admits. Whoever asks shows when
/// what is left was modified.
pub(super) fn retain_granted(
    entity: &mut Entity,
    includes: &dyn Fn(&AttributeName) -> bool,
    includes_sub_attribute: &dyn Fn(&AttributeName) -> bool,
) {
    entity.attributes.retain(|attribute| includes(&attribute.name));
    for attribute in &mut entity.attributes {
        retain_sub_attributes(attribute, includes_sub_attribute);
    }
}

fn retain_sub_attributes(attribute: &mut Attribute, includes: &dyn Fn(&AttributeName) -> bool) {
    let has_inner = |instance: &&mut Instance| !instance.sub_attributes.is_empty();
    for instance in attribute.instances.iter_mut().filter(has_inner) {
        instance.sub_attributes.retain(|inner| includes(&inner.name));
        for inner in &mut instance.sub_attributes {
            retain_sub_attributes(inner, includes);
        }
    }
}

/// What a permit asks of the entities of a type; or why it does not apply to what this consumer asks.
fn conditions(narrowing: &Narrowing, about: &About<'_>, consumer: &Consumer) -> Result<Arc<PermitConditions>, Unmet> {
    let classes = about.classification.type_classes(about.r#type);
    let conditions = &narrowing.conditions;
    if let Some(reason) = conditions.unmet_by(consumer) {
        return Err(reason);
    }
    let admission = Admission::by(&conditions.references, about.is_owner);
    if let Some(class) = classes.class.filter(|class| !admission.admits(*class)) {
        return Err(Unmet::Class(class));
    }
    conditions
        .for_type(classes, about.personal_data)
        .ok_or(Unmet::HiddenAttribute)
}

/// What one permit grants of a type.
///
/// A source can be asked for everything or for a list, but not for everything except something. So where a permit
/// leaves something out that must not even be asked for, it grants what is classified, less that.
fn permitted_attributes(
    narrowing: &Narrowing,
    is_owner: bool,
    classes: &TypeClasses,
    personal_data: PersonalData,
) -> PermittedAttributes {
    let admission = Admission::by(&narrowing.conditions.references, is_owner);
    let is_kept_out = |name: &AttributeName| narrowing.without.contains(name);
    if let Some(named) = &narrowing.only {
        let may_be_named = |name: &AttributeName| match classes.attribute(name) {
            Some(class) => admission.admits(class),
            None => personal_data == PersonalData::None,
        };
        let granted = named.iter().filter(|name| may_be_named(name) && !is_kept_out(name));
        return PermittedAttributes::Only(granted.cloned().collect());
    }
    let nothing_to_leave_out = narrowing.without.is_empty() && !classes.has_limited;
    if personal_data == PersonalData::None && nothing_to_leave_out {
        return PermittedAttributes::Unrestricted;
    }
    let granted = classes.open.iter().filter(|name| !is_kept_out(name));
    PermittedAttributes::Only(granted.cloned().collect())
}

fn restriction(permits: &[PermitScope]) -> Option<Arc<Restriction>> {
    let conditions: Vec<&PermitConditions> = permits.iter().map(|permit| &*permit.conditions).collect();
    Restriction::of(&conditions).map(Arc::new)
}

/// The union of selections, in the order of names.
fn union<'a>(all: impl Iterator<Item = &'a PermittedAttributes>) -> AttributeSelection {
    let mut names: Vec<AttributeName> = Vec::new();
    for attributes in all {
        match attributes {
            PermittedAttributes::Unrestricted => return AttributeSelection::All,
            PermittedAttributes::Only(only) => names.extend(only.iter().cloned()),
        }
    }
    names.sort();
    names.dedup();
    AttributeSelection::only(names)
}
