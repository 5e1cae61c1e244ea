//! What the policies permit a consumer about one type of one tenant.

use std::sync::Arc;

use hashbrown::HashSet;
use kakehashi_adapters::AttributeSelection;
use ngsi_ld::entity::Attribute;
use ngsi_ld::{AttributeName, Entity, TypeName};

use super::PersonalData;
use super::admission::Admission;
use super::classification::{Class, TypeClasses};
use super::permits::Narrowing;

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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PermitScope {
    /// The file and line of the permit: `sano.cedar:12`.
    pub policy: Arc<str>,
    /// Which attributes it grants.
    pub attributes: PermittedAttributes,
}

/// What a consumer is granted about one type of one tenant, for one operation. Permits are kept apart.
#[derive(Debug)]
pub struct TypeGrant {
    r#type: TypeName,
    permits: Vec<PermitScope>,
    denial: Option<Denial>,
    selection: AttributeSelection,
    classes: Arc<TypeClasses>,
    personal_data: PersonalData,
}

impl TypeGrant {
    pub(super) fn denied(
        r#type: TypeName,
        denial: Denial,
        classes: Arc<TypeClasses>,
        personal_data: PersonalData,
    ) -> Self {
        Self {
            r#type,
            permits: Vec::new(),
            denial: Some(denial),
            selection: AttributeSelection::only(Vec::new()),
            classes,
            personal_data,
        }
    }

    pub(super) fn permitted(
        r#type: TypeName,
        permits: Vec<(Arc<str>, Arc<Narrowing>)>,
        is_owner: bool,
        classes: Arc<TypeClasses>,
        personal_data: PersonalData,
    ) -> Self {
        let permits: Vec<PermitScope> = permits
            .into_iter()
            .map(|(policy, narrowing)| PermitScope {
                policy,
                attributes: permitted_attributes(&narrowing, is_owner, &classes, personal_data),
            })
            .collect();
        let selection = union(permits.iter().map(|permit| &permit.attributes));
        Self {
            r#type,
            denial: permits.is_empty().then_some(Denial::NoPermit),
            permits,
            selection,
            classes,
            personal_data,
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

    /// Whether the attribute is granted.
    #[must_use]
    pub fn includes(&self, name: &AttributeName) -> bool {
        self.permits.iter().any(|permit| match &permit.attributes {
            PermittedAttributes::Unrestricted => matches!(self.classes.attribute(name), None | Some(Class::Open)),
            PermittedAttributes::Only(names) => names.contains(name),
        })
    }

    /// Whether an attribute of a granted attribute is shown: what is open, what a permit names, and from a source
    /// without personal data what nobody has classified.
    pub(super) fn includes_sub_attribute(&self, name: &AttributeName) -> bool {
        match self.classes.attribute(name) {
            Some(Class::Open) => true,
            // What no permit may grant is not among what they grant.
            Some(_) => self.includes(name),
            None => self.personal_data == PersonalData::None,
        }
    }

    /// The entity without everything that is not granted; `None` when it is not visible. Only for entities whose
    /// one type this is: where an entity has several, ask [`GrantSet::project`](super::GrantSet::project).
    #[must_use]
    pub fn project(&self, mut entity: Entity) -> Option<Entity> {
        if self.is_empty() || entity.types.as_slice() != std::slice::from_ref(&self.r#type) {
            return None;
        }
        retain_granted(&mut entity, &|name| self.includes(name), &|name| {
            self.includes_sub_attribute(name)
        });
        if self.selection != AttributeSelection::All {
            show_changes_of_visible_attributes(&mut entity);
        }
        Some(entity)
    }
}

/// Makes `modifiedAt` of the entity that of its visible attributes: the source's own moves when a hidden one
/// changes, which would tell of it.
pub(super) fn show_changes_of_visible_attributes(entity: &mut Entity) {
    if entity.system.modified_at().is_none() {
        return;
    }
    let instances = entity.attributes.iter().flat_map(|attribute| &attribute.instances);
    let newest = instances
        .filter_map(|instance| instance.system.modified_at())
        .max()
        .cloned();
    entity.system.dates_mut().modified_at = newest;
}

/// Keeps the attributes that one question admits, and of what is in them what the other admits.
pub(super) fn retain_granted(
    entity: &mut Entity,
    includes: &dyn Fn(&AttributeName) -> bool,
    includes_sub_attribute: &dyn Fn(&AttributeName) -> bool,
) {
    let sent = entity.attributes.len();
    entity.attributes.retain(|attribute| includes(&attribute.name));
    if entity.attributes.len() < sent {
        show_changes_of_visible_attributes(entity);
    }
    for attribute in &mut entity.attributes {
        retain_sub_attributes(attribute, includes_sub_attribute);
    }
}

fn retain_sub_attributes(attribute: &mut Attribute, includes: &dyn Fn(&AttributeName) -> bool) {
    for instance in &mut attribute.instances {
        instance.sub_attributes.retain(|inner| includes(&inner.name));
        for inner in &mut instance.sub_attributes {
            retain_sub_attributes(inner, includes);
        }
    }
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
    let admission = Admission::by(&narrowing.references, is_owner);
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
