//! Why the policies do not permit a write, as far as it may be told. All of it follows from what the consumer sends, from the policies
//! and from the classes of names; nothing of it says whether an entity exists.

use std::fmt;

use kakehashi_policy::{Class, Denial, GrantSet, PersonalData, TypeGrant, Unmet};
use ngsi_ld::entity::{Attribute, AttributeValue, Instance, SystemAttributes, Value};
use ngsi_ld::{AttributeName, Entity, TypeName};

/// What the policies do not permit of a write.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Ungranted {
    /// Nothing of this kind.
    #[error("your grant does not permit this operation on the tenant's data")]
    Everything,
    /// The entity is not one that the permits cover, or becomes one that they do not.
    #[error("your grant does not cover this entity: it is outside of what your permits ask of entities")]
    Uncovered,
    /// Not on entities of this type.
    #[error("your grant does not permit this operation on entities of one of its types")]
    Type(TypeName, Why),
    /// Not this attribute.
    #[error("your grant does not permit you to write one of its attributes")]
    Attribute(AttributeName, Why),
    /// Not what is inside of this attribute.
    #[error("your grant does not permit you to write an attribute of one of its attributes")]
    SubAttribute(AttributeName, Why),
    /// Not the whole of an entity.
    #[error(
        "your grant does not permit this operation: it changes the whole of an entity, and your permits do not cover every \
         attribute that one may have"
    )]
    NotWhole,
    /// Not this attribute, a part of which the consumer may not see.
    #[error("your grant does not permit you to change all of one of its attributes")]
    HiddenPart(AttributeName),
    /// Not under this id.
    #[error(
        "your grant does not permit this id: it lies neither in the namespace of one of the entity's types that you may see \
         whole (urn:ngsi-ld:<type>:...) nor among the ids that your permits name, or it names a type that you may not see"
    )]
    Id,
}

/// By which kind of rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// No permit grants it for the operation.
    NoPermit,
    /// A policy forbids it.
    Forbidden,
    /// The tenant has no policies.
    NoPolicies,
    /// Nobody has classified it, and the source may hold personal data.
    Unclassified,
    /// Its class asks for more than what permits grant.
    Class(Class),
    /// A permit covers it, and does not apply to the request.
    Unmet(Unmet),
    /// It leads to a person, or to what the consumer may not see. Whether that exists makes no difference.
    LeadsToHidden,
    /// The policies could not be evaluated.
    Fault,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPermit => f.write_str("no permit of yours grants it for this operation"),
            Self::Forbidden => f.write_str("a policy forbids it"),
            Self::NoPolicies => f.write_str("the tenant has no policies"),
            Self::Unclassified => f.write_str("nobody has classified it, and the source may hold personal data"),
            Self::Class(class) => write!(f, "its class is {class}, which your permits do not reach"),
            Self::Unmet(Unmet::Purpose) => f.write_str(
                "a permit grants it for a purpose, and the request does not state that one: send that in Kakehashi-Purpose",
            ),
            Self::Unmet(unmet) => write!(f, "a permit covers it and does not apply: {unmet}"),
            Self::LeadsToHidden => {
                f.write_str("it leads to a person, or to an entity of a type that you may not see")
            }
            Self::Fault => f.write_str("the policies could not be evaluated"),
        }
    }
}

/// Why nothing of a type is granted.
pub(super) fn why_not_type(grant: &TypeGrant) -> Why {
    // What whoever asks can mend comes first.
    if let Some(unmet) = grant.unmet().first() {
        return match unmet.reason {
            Unmet::Class(class) => Why::Class(class),
            reason => Why::Unmet(reason),
        };
    }
    match grant.denial() {
        None | Some(Denial::NoPermit) => Why::NoPermit,
        Some(Denial::Personal(class) | Denial::Guarded(class)) => Why::Class(*class),
        Some(Denial::Unclassified) => Why::Unclassified,
        Some(Denial::NoPolicies) => Why::NoPolicies,
        Some(Denial::Forbidden(_)) => Why::Forbidden,
        Some(Denial::EvaluationError) => Why::Fault,
    }
}

/// What of an entity's attributes is not granted, by what is left of it.
pub(super) fn in_attributes(
    entity: &Entity,
    granted: &Entity,
    grants: &GrantSet,
    class: impl Fn(&AttributeName) -> Option<Class>,
    personal_data: PersonalData,
) -> Option<Ungranted> {
    let by_name = |name: &AttributeName| match class(name) {
        Some(class) if class != Class::Open => Why::Class(class),
        None if personal_data != PersonalData::None => Why::Unclassified,
        _ => Why::NoPermit,
    };
    entity.attributes.iter().find_map(|attribute| {
        let name = attribute.name.clone();
        let Some(kept) = granted.attribute(&name) else {
            let why = if leads_somewhere(attribute) && may_lead_nowhere(entity, attribute, grants) {
                Why::LeadsToHidden
            } else {
                by_name(&name)
            };
            return Some(Ungranted::Attribute(name, why));
        };
        if says_the_same(kept, attribute) {
            return None;
        }
        if objects(kept) != objects(attribute) {
            return Some(Ungranted::Attribute(name, Why::LeadsToHidden));
        }
        let why = missing_inside(kept, attribute).map_or(Why::NoPermit, |inner| match by_name(&inner.name) {
            // What may be shown and is not leads to what may not.
            Why::NoPermit if leads_somewhere(inner) => Why::LeadsToHidden,
            why => why,
        });
        Some(Ungranted::SubAttribute(name, why))
    })
}

/// Whether the attribute would be granted if it led nowhere.
fn may_lead_nowhere(entity: &Entity, attribute: &Attribute, grants: &GrantSet) -> bool {
    let mut entity = entity.clone();
    let name = &attribute.name;
    if let Some(own) = entity.attributes.iter_mut().find(|own| own.name == *name) {
        for instance in &mut own.instances {
            instance.value = AttributeValue::Property(Value::Boolean(true));
            instance.sub_attributes.clear();
        }
    }
    grants
        .project(entity)
        .is_some_and(|granted| granted.attribute(name).is_some())
}

fn objects(attribute: &Attribute) -> Vec<&ngsi_ld::EntityId> {
    let instances = attribute.instances.iter();
    instances.flat_map(|instance| instance.value.objects()).collect()
}

fn leads_somewhere(attribute: &Attribute) -> bool {
    !objects(attribute).is_empty()
}

/// The first attribute inside of another that is not left, or not as it was.
fn missing_inside<'a>(kept: &Attribute, whole: &'a Attribute) -> Option<&'a Attribute> {
    let pairs = whole.instances.iter().zip(&kept.instances);
    for (whole, kept) in pairs {
        for inner in &whole.sub_attributes {
            let Some(left) = kept.sub_attributes.iter().find(|left| left.name == inner.name) else {
                return Some(inner);
            };
            if !says_the_same(left, inner) {
                return Some(missing_inside(left, inner).unwrap_or(inner));
            }
        }
    }
    None
}

/// Whether two attributes are the same but for the dates that a source keeps: how they are shown depends on what else is.
pub(super) fn says_the_same(one: &Attribute, other: &Attribute) -> bool {
    without_dates(one) == without_dates(other)
}

/// The same of two instances.
pub(super) fn says_the_same_instance(one: &Instance, other: &Instance) -> bool {
    let (mut one, mut other) = (one.clone(), other.clone());
    forget_dates(&mut one);
    forget_dates(&mut other);
    one == other
}

fn without_dates(attribute: &Attribute) -> Attribute {
    let mut attribute = attribute.clone();
    attribute.instances.iter_mut().for_each(forget_dates);
    attribute
}

fn forget_dates(instance: &mut Instance) {
    let expires_at = instance.system.expires_at().cloned();
    instance.system = SystemAttributes::default();
    if expires_at.is_some() {
        instance.system.dates_mut().expires_at = expires_at;
    }
    for inner in &mut instance.sub_attributes {
        *inner = without_dates(inner);
    }
}
