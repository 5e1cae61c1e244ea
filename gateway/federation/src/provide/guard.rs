//! The guard on the way in: what is about persons is not taken, whoever writes it and whatever was permitted. The store keeps what
//! is open or limited alone, and a source that is written through is given nothing else.
//!
//! It judges by the classes of names and whereto Relationships lead, as the outbox does ([`Classification::may_rest`]), and by
//! the values themselves, as inspection does on the way out. What is only reported on the way out passes. Of an entity that is
//! changed it judges what is changed, so that what lies there from before stands in nobody's way.
//!
//! [`Classification::may_rest`]: kakehashi_policy::Classification::may_rest

use std::fmt;

use kakehashi_policy::inspection::{Action, Rule};
use kakehashi_policy::{Class, Classification, MASKED_TARGET, PersonalData};
use ngsi_ld::entity::Attribute;
use ngsi_ld::{AttributeName, Entity, TypeName};

use super::{Provider, RegisteredSource, WriteRefusal};
use crate::ungranted::says_the_same;

/// What is not taken in. It holds no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotTaken {
    /// Entities of this type.
    #[error("entities of this type are not taken: {1}")]
    Type(TypeName, Reason),
    /// This attribute of entities of this type.
    #[error("an attribute of the entity is not taken: {2}")]
    Attribute(TypeName, AttributeName, Reason),
    /// What is inside of this attribute.
    #[error("what is in an attribute of the entity is not taken: {2}")]
    SubAttribute(TypeName, AttributeName, Reason),
    /// The entity's id, or what it has beside attributes.
    #[error("the entity is not taken because of its id or one of its scopes: {0}")]
    Entity(Reason),
}

/// Why something is not taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Its class.
    Class(Class),
    /// It has none.
    Unclassified,
    /// It leads to what is about persons.
    LeadsToPerson,
    /// Its value looks like somebody's number or address.
    Found(Rule),
    /// It leads to what stands in answers for something hidden.
    StandsForHidden,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Class(class) => write!(f, "its class is {class}, and what is about persons stays where it is"),
            Self::Unclassified => f.write_str(
                "nobody has classified it, so that it may be about persons; the operator classifies it in classification.toml",
            ),
            Self::LeadsToPerson => f.write_str("it leads to a person"),
            Self::StandsForHidden => f.write_str(
                "it leads to what stands in the answers of the gateway for an entity that you may not see",
            ),
            Self::Found(rule) => write!(f, "it holds what looks like somebody's ({rule})"),
        }
    }
}

impl NotTaken {
    /// The names that it is about: the type and the attribute, as far as it is about them.
    #[must_use]
    pub fn names(&self) -> (Option<&TypeName>, Option<&AttributeName>) {
        match self {
            Self::Type(of, _) => (Some(of), None),
            Self::Attribute(of, name, _) | Self::SubAttribute(of, name, _) => (Some(of), Some(name)),
            Self::Entity(_) => (None, None),
        }
    }
}

impl Provider<'_> {
    /// Whether an entity may be taken in, as far as it differs from what its writer saw of it before.
    pub(super) fn check_guard(
        &self,
        entity: &Entity,
        before: Option<&Entity>,
        source: &RegisteredSource,
    ) -> Result<(), WriteRefusal> {
        let classification = self.asker.policies.classification();
        match not_taken(&changed(entity, before), classification, source) {
            Some(not_taken) => Err(WriteRefusal::NotTaken(not_taken)),
            None => Ok(()),
        }
    }
}

/// What of an entity is not taken into a source, whoever writes it; `None`: all of it is taken.
#[must_use]
pub fn not_taken(entity: &Entity, classification: &Classification, source: &RegisteredSource) -> Option<NotTaken> {
    by_name(entity, classification, source.personal_data).or_else(|| by_value(entity, source))
}

fn by_name(entity: &Entity, classification: &Classification, personal_data: PersonalData) -> Option<NotTaken> {
    let reason = |class: Option<Class>| match class {
        Some(class) if class.is_guarded() => Some(Reason::Class(class)),
        None if personal_data == PersonalData::Present => Some(Reason::Unclassified),
        _ => None,
    };
    for name in &entity.types {
        if let Some(reason) = reason(classification.type_class(name)) {
            return Some(NotTaken::Type(name.clone(), reason));
        }
    }
    let Some(kept) = classification.may_rest(entity, personal_data) else {
        return Some(NotTaken::Entity(Reason::LeadsToPerson));
    };
    let of_attribute = |name: &AttributeName| {
        let mut of_types = entity.types.iter();
        of_types.find_map(|of| Some((of, reason(classification.attribute_class(of, name))?)))
    };
    let first = entity.types.first()?;
    for attribute in &entity.attributes {
        if leads_to_mask(attribute) {
            let name = attribute.name.clone();
            return Some(NotTaken::Attribute(first.clone(), name, Reason::StandsForHidden));
        }
        let left = kept.attribute(&attribute.name);
        if left.is_some_and(|left| says_the_same(left, attribute)) {
            continue;
        }
        let name = attribute.name.clone();
        if let Some((of, reason)) = of_attribute(&name) {
            return Some(NotTaken::Attribute(of.clone(), name, reason));
        }
        let inner = names_inside(attribute);
        if let Some((of, reason)) = inner.into_iter().find_map(of_attribute) {
            return Some(NotTaken::SubAttribute(of.clone(), name, reason));
        }
        return Some(NotTaken::Attribute(first.clone(), name, Reason::LeadsToPerson));
    }
    None
}

/// What inspection finds and does not let leave.
fn by_value(entity: &Entity, source: &RegisteredSource) -> Option<NotTaken> {
    let found = |entity: Entity| {
        let mut found = None;
        let _masked = source.inspection.inspect(entity, &mut |finding| {
            if finding.action != Action::Report {
                found = Some(Reason::Found(finding.rule));
            }
        });
        found
    };
    let reason = found(entity.clone())?;
    let bare = Entity {
        attributes: Vec::new(),
        ..entity.clone()
    };
    let of = entity.types.first()?;
    if found(bare.clone()).is_none() {
        // Which attribute it is: each by itself.
        for attribute in &entity.attributes {
            let alone = Entity {
                attributes: vec![attribute.clone()],
                ..bare.clone()
            };
            if let Some(reason) = found(alone) {
                return Some(NotTaken::Attribute(of.clone(), attribute.name.clone(), reason));
            }
        }
    }
    Some(NotTaken::Entity(reason))
}

/// The entity with what differs from before alone.
fn changed(entity: &Entity, before: Option<&Entity>) -> Entity {
    let mut entity = entity.clone();
    let Some(before) = before else { return entity };
    let is_as_before = |attribute: &Attribute| {
        let same = before.attribute(&attribute.name);
        same.is_some_and(|same| says_the_same(same, attribute))
    };
    entity.attributes.retain(|attribute| !is_as_before(attribute));
    entity
}

/// Whether it, or something inside of it, leads to what stands for something hidden.
fn leads_to_mask(attribute: &Attribute) -> bool {
    attribute.instances.iter().any(|instance| {
        let mut objects = instance.value.objects().iter();
        objects.any(|object| object.as_str() == MASKED_TARGET) || instance.sub_attributes.iter().any(leads_to_mask)
    })
}

fn names_inside(attribute: &Attribute) -> Vec<&AttributeName> {
    let mut names = Vec::new();
    let mut left = vec![attribute];
    while let Some(attribute) = left.pop() {
        for inner in attribute.instances.iter().flat_map(|instance| &instance.sub_attributes) {
            names.push(&inner.name);
            left.push(inner);
        }
    }
    names
}
