//! What has to be written for an entity to become another.

use ngsi_ld::entity::{Attribute, DateTime, Instance, SystemAttributes};
use ngsi_ld::{AttributeName, Entity};

use super::lost::LostWhole;

/// The least that makes one entity of another.
#[derive(Debug)]
pub(super) struct Difference<'a> {
    /// Attributes that are new or say something else.
    pub(super) written: Vec<&'a Attribute>,
    pub(super) removed: Vec<&'a AttributeName>,
    pub(super) expiry: Expiry<'a>,
}

/// What becomes of when an entity ceases to be valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expiry<'a> {
    Stays,
    Becomes(&'a DateTime),
    IsRemoved,
}

impl<'a> Difference<'a> {
    /// # Errors
    /// What of an entity the source never changes.
    pub(super) fn between(before: &'a Entity, after: &'a Entity) -> Result<Self, LostWhole> {
        if before.types != after.types {
            return Err(LostWhole::TypeChanged);
        }
        if before.scopes != after.scopes {
            return Err(LostWhole::Scope);
        }
        let is_new = |attribute: &&Attribute| {
            let was = before.attribute(&attribute.name);
            was.is_none_or(|was| says(was) != says(attribute))
        };
        let is_gone = |attribute: &&Attribute| after.attribute(&attribute.name).is_none();
        let expiry = match (before.system.expires_at(), after.system.expires_at()) {
            (was, is) if was == is => Expiry::Stays,
            (_, Some(is)) => Expiry::Becomes(is),
            (_, None) => Expiry::IsRemoved,
        };
        Ok(Self {
            written: after.attributes.iter().filter(is_new).collect(),
            removed: before
                .attributes
                .iter()
                .filter(is_gone)
                .map(|gone| &gone.name)
                .collect(),
            expiry,
        })
    }
}

/// What an attribute says, whoever wrote it when, with its own attributes in an order that does not depend on the source's.
fn says(attribute: &Attribute) -> Attribute {
    let mut said = attribute.clone();
    for instance in &mut said.instances {
        forget_dates(instance);
    }
    said
}

fn forget_dates(instance: &mut Instance) {
    let expires_at = instance.system.expires_at().cloned();
    instance.system = SystemAttributes::default();
    if expires_at.is_some() {
        instance.system.dates_mut().expires_at = expires_at;
    }
    let all = &mut instance.sub_attributes;
    all.sort_by(|one, other| one.name.as_str().cmp(other.name.as_str()));
    all.iter_mut()
        .flat_map(|attribute| &mut attribute.instances)
        .for_each(forget_dates);
}
