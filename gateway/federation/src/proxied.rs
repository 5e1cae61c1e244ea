//! What a source is not believed because of registrations: attributes that it is not registered for, and what another source
//! of its tenant is registered for as the only place where it is held (clause 4.3.6.3).

use std::sync::Arc;

use kakehashi_adapters::AttributeSelection;
use ngsi_ld::{AttributeName, Entity, TypeName};

use super::registered_source::RegisteredSource;
use super::registration::Provision;

/// What one source is not believed of some types. Most are believed all that they provide.
#[derive(Debug)]
pub(super) struct NotBelieved {
    /// Whether it is registered for some attributes alone.
    of_some_attributes: bool,
    /// What others are registered for, and it is not.
    held_elsewhere: Vec<Provision>,
}

impl NotBelieved {
    /// What is not believed of what a source says, beside these others; `None`: nothing.
    pub(super) fn of(source: &RegisteredSource, others: &[Arc<RegisteredSource>]) -> Option<Arc<Self>> {
        let held_elsewhere: Vec<Provision> = if source.registration.mode.is_proxied() {
            Vec::new()
        } else {
            let proxied = others
                .iter()
                .filter(|other| other.registration.mode.is_proxied() && other.tenant == source.tenant);
            proxied.flat_map(|other| other.provides.iter().cloned()).collect()
        };
        let of_some_attributes = !source.provides_every_attribute();
        (of_some_attributes || !held_elsewhere.is_empty()).then(|| {
            Arc::new(Self {
                of_some_attributes,
                held_elsewhere,
            })
        })
    }

    /// Whether nothing of the type is believed, so that it need not be asked for.
    pub(super) fn is_all_of(&self, r#type: &TypeName) -> bool {
        self.held_elsewhere.iter().any(|held| held.covers_whole(r#type))
    }

    /// Whether the attribute may be one that is not believed, so that no source may decide by it.
    pub(super) fn may_be(&self, name: &AttributeName) -> bool {
        self.held_elsewhere.iter().any(|held| match &held.attributes {
            // Then no part of the entity is believed, whatever decides.
            AttributeSelection::All => false,
            AttributeSelection::Only(names) => names.contains(name),
        })
    }

    /// Leaves of what the source has sent what is believed; `false`: nothing.
    pub(super) fn keep_believed(&self, source: &RegisteredSource, entity: &mut Entity) -> bool {
        if self.of_some_attributes {
            source.keep_provided(entity);
        }
        for held in &self.held_elsewhere {
            if !held.covers(entity) {
                continue;
            }
            match &held.attributes {
                AttributeSelection::All => return false,
                AttributeSelection::Only(names) => {
                    entity.attributes.retain(|attribute| !names.contains(&attribute.name));
                }
            }
        }
        true
    }
}

/// The attributes of both selections.
pub(super) fn in_both(one: AttributeSelection, other: &AttributeSelection) -> AttributeSelection {
    match (one, other) {
        (one, AttributeSelection::All) => one,
        (AttributeSelection::All, other) => other.clone(),
        (AttributeSelection::Only(names), other) => {
            AttributeSelection::only(names.iter().filter(|name| other.includes(name)).cloned())
        }
    }
}
