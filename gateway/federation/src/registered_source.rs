//! One source as the gateway knows it: its adapter, and what it may hold. NGSI-LD's Context Source with its registration.

use std::sync::Arc;

use kakehashi_adapters::{Adapter, SourceId};
use kakehashi_core::names::TenantId;
use kakehashi_policy::PersonalData;
use kakehashi_policy::inspection::Inspection;
use kakehashi_telemetry::FindingCounter;
use ngsi_ld::query::IdPattern;
use ngsi_ld::{Entity, EntityId, TypeName};

use super::flawed::Flawed;

/// One source, or one tenant's partition of the store: NGSI-LD's Context Source with its registration.
#[derive(Debug)]
pub struct RegisteredSource {
    /// Its name in the configuration.
    pub id: SourceId,
    /// Who owns its entities, and whose policies hold for them.
    pub tenant: TenantId,
    /// How it is asked.
    pub adapter: Arc<dyn Adapter>,
    /// What it may hold.
    pub provides: Vec<Provision>,
    /// Whether it may hold personal data beside what it provides.
    pub personal_data: PersonalData,
    /// Whether it is the platform's own store, which `local=true` means.
    pub is_store: bool,
    /// Whether it takes writes.
    pub writable: bool,
    /// How its owner lets values be looked through before they leave.
    pub inspection: Inspection,
    /// Where what was found is counted.
    pub findings: FindingCounter,
    /// Of which types entities were left out lately.
    pub flawed: Flawed,
}

/// One kind of entity that a source provides.
#[derive(Debug, Clone)]
pub struct Provision {
    /// The type; `None`: any.
    pub r#type: Option<TypeName>,
    /// Which ids; `None`: any.
    pub id_pattern: Option<IdPattern>,
    /// Whether this source's attributes win over those of other sources.
    pub authoritative: bool,
}

impl Provision {
    fn covers_type(&self, r#type: &TypeName) -> bool {
        self.r#type.as_ref().is_none_or(|provided| provided == r#type)
    }

    fn covers_id(&self, id: &EntityId) -> bool {
        self.id_pattern.as_ref().is_none_or(|pattern| pattern.matches(id))
    }

    /// Whether it speaks of the entity.
    pub(super) fn covers(&self, entity: &Entity) -> bool {
        entity.types.iter().any(|r#type| self.covers_type(r#type)) && self.covers_id(&entity.id)
    }
}

impl RegisteredSource {
    /// Whether the source may hold an entity of that type with one of these ids (any id, if none is given).
    #[must_use]
    pub fn may_hold(&self, r#type: &TypeName, ids: &[EntityId]) -> bool {
        self.provides.iter().any(|provision| {
            provision.covers_type(r#type) && (ids.is_empty() || ids.iter().any(|id| provision.covers_id(id)))
        })
    }

    /// Whether every entity of that type that the source answers with is one that it provides.
    #[must_use]
    pub fn provides_every(&self, r#type: &TypeName) -> bool {
        self.provides
            .iter()
            .any(|provision| provision.covers_type(r#type) && provision.id_pattern.is_none())
    }

    /// Whether it may hold types that the configuration does not name.
    #[must_use]
    pub fn holds_any_type(&self) -> bool {
        self.provides.iter().any(|provision| provision.r#type.is_none())
    }

    /// Whether the entity is one that the source said it provides. What a source answers beyond that is not
    /// believed: it could be another's.
    #[must_use]
    pub fn provides(&self, entity: &Entity) -> bool {
        self.provides.iter().any(|provision| provision.covers(entity))
    }
}
