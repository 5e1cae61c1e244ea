//! Attributes laid over those of an entity: each instance replaces the one of its `datasetId` whole, or is added (clauses
//! 5.5.8, 5.6.2 and 5.6.3).

use super::members::whole;
use super::places::Places;
use super::{Applied, LeftAsItIs, NotApplied, NotUpdated, SCOPE};
use crate::entity::parse::{Fragment, InstancePatch, RemovableMember};
use crate::{AttributeName, Entity, Iri};

/// How attributes are laid over others.
#[derive(Debug, Clone, Copy)]
pub(super) struct Laying {
    /// Whether what is there is replaced.
    overwrite: bool,
    /// Whether an entity without a scope is given one.
    adds_scope: bool,
}

impl Laying {
    /// Append Attributes.
    //= 5.6.3.4-4, 5.6.3.4-6
    pub(super) fn appending(overwrite: bool) -> Self {
        Self {
            overwrite,
            adds_scope: true,
        }
    }

    /// Update Attributes.
    pub(super) fn updating() -> Self {
        Self {
            overwrite: true,
            adds_scope: false,
        }
    }

    //= 5.4-3, 5.5.8-2
    pub(super) fn entity(self, existing: &Entity, fragment: &Fragment) -> Result<Applied, NotApplied> {
        let mut entity = existing.clone();
        let mut updated = Vec::with_capacity(fragment.attributes.len());
        let mut not_updated = Vec::new();
        let mut places = Places::of(&mut entity.attributes, fragment.attributes.len());
        for patch in &fragment.attributes {
            let name = &patch.name;
            let mut left = 0_usize;
            for instance in &patch.instances {
                if !self.instance(&mut places, name, instance)? {
                    left += 1;
                }
            }
            if left > 0 {
                not_updated.push(NotUpdated {
                    attribute: name.clone(),
                    reason: LeftAsItIs::IsThere,
                });
            }
            if left < patch.instances.len() {
                updated.push(name.clone());
            }
        }
        places.without_empty();
        add_types(&mut entity, fragment);
        if self.adds_scope || !entity.scopes.is_empty() || fragment.scopes.is_none() {
            lay_scopes(&mut entity, fragment, self.overwrite);
        } else {
            not_updated.push(NotUpdated {
                attribute: AttributeName::new(Iri::new(SCOPE)),
                reason: LeftAsItIs::NoScope,
            });
        }
        if self.overwrite || existing.system.expires_at().is_none() {
            lay_expiry(&mut entity, fragment);
        }
        Ok(Applied {
            entity,
            updated,
            not_updated,
        })
    }

    /// Lays one instance over those that there are; `false`: the one that there is stays.
    //= 5.6.2.4-6, 5.6.2.4-7, 5.6.2.4-9, 5.6.3.4-5
    fn instance(
        self,
        places: &mut Places<'_>,
        name: &AttributeName,
        patch: &InstancePatch,
    ) -> Result<bool, NotApplied> {
        let dataset_id = patch.dataset_id.as_ref();
        if patch.is_null() {
            places.remove(name, dataset_id);
            return Ok(true);
        }
        let instance = whole(patch).map_err(|refused| refused.inside(name))?;
        match places.instance(name, dataset_id) {
            Some(_) if !self.overwrite => return Ok(false),
            Some(place) => *place = instance,
            None => places.add(name, instance),
        }
        Ok(true)
    }
}

/// Types are added, and none goes.
//= 5.4-2
pub(super) fn add_types(entity: &mut Entity, fragment: &Fragment) {
    for r#type in &fragment.types {
        if !entity.has_type(r#type) {
            entity.types.push(r#type.clone());
        }
    }
}

/// Scopes are set, added to those that are there, or removed.
pub(super) fn lay_scopes(entity: &mut Entity, fragment: &Fragment, overwrite: bool) {
    if fragment.removes(RemovableMember::Scope) {
        entity.scopes.clear();
    }
    let Some(scopes) = &fragment.scopes else { return };
    if overwrite {
        entity.scopes.clone_from(scopes);
        return;
    }
    for scope in scopes {
        if !entity.scopes.contains(scope) {
            entity.scopes.push(scope.clone());
        }
    }
}

/// `expiresAt` is set or removed.
pub(super) fn lay_expiry(entity: &mut Entity, fragment: &Fragment) {
    if fragment.removes(RemovableMember::ExpiresAt) && entity.system.expires_at().is_some() {
        entity.system.dates_mut().expires_at = None;
    }
    if let Some(date) = &fragment.expires_at {
        entity.system.dates_mut().expires_at = Some(date.clone());
    }
}
