//! One source as the gateway knows it: its adapter, and what it may hold. NGSI-LD's Context Source with its registration.

use std::sync::Arc;

use kakehashi_adapters::{Adapter, AttributeSelection, SourceId};
use kakehashi_core::names::TenantId;
use kakehashi_policy::inspection::Inspection;
use kakehashi_policy::{Holds, PersonalData};
use kakehashi_telemetry::FindingCounter;
use ngsi_ld::{AttributeName, Entity, EntityId, TypeName};

use super::flawed::Flawed;
use super::own_ids::OwnIds;
use super::registration::{Mode, Provision, Registration};

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
    /// What else it is registered with.
    pub registration: Registration,
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
    /// Whether no other source holds an entity of the same id.
    pub owns_ids: OwnIds,
    /// Where the operator keeps what the gateway proves itself with to the source: `the environment variable SANO_API_KEY`. For the
    /// log, where the source does not take it.
    pub credential_from: Option<Arc<str>>,
}

impl RegisteredSource {
    /// Whether writes may go to it. An auxiliary one is only asked (clause 4.3.6.2).
    #[must_use]
    pub fn takes_writes(&self) -> bool {
        self.writable && self.registration.mode != Mode::Auxiliary && self.adapter.writer().is_some()
    }

    /// What it may hold of an entity.
    #[must_use]
    pub fn holds(&self) -> Holds {
        match self.is_store {
            true => Holds::WhatMayRest,
            false => Holds::Anything,
        }
    }

    /// Whether the source may hold an entity of that type with one of these ids (any id, if none is given).
    #[must_use]
    pub fn may_hold(&self, r#type: &TypeName, ids: &[EntityId]) -> bool {
        let mut provides = self.provides.iter();
        let may_be_made = ids.is_empty() || ids.iter().any(|id| self.owns_ids.may_be(r#type, id));
        may_be_made && provides.any(|provision| provision.covers_any_of(r#type, ids))
    }

    /// Whether every entity of that type that the source answers with is one that it provides.
    #[must_use]
    pub fn provides_every(&self, r#type: &TypeName) -> bool {
        self.provides.iter().any(|provision| provision.covers_whole(r#type))
    }

    /// The attributes that it provides of entities of the type with one of these ids (any id, if none is given).
    #[must_use]
    pub fn provided_attributes(&self, r#type: &TypeName, ids: &[EntityId]) -> AttributeSelection {
        let provides = self.provides.iter();
        let mut provided = Vec::new();
        for provision in provides.filter(|provision| provision.covers_any_of(r#type, ids)) {
            match &provision.attributes {
                AttributeSelection::All => return AttributeSelection::All,
                AttributeSelection::Only(names) => provided.extend(names.iter().cloned()),
            }
        }
        AttributeSelection::only(provided)
    }

    /// Whether it provides every attribute of whatever it provides.
    #[must_use]
    pub fn provides_every_attribute(&self) -> bool {
        let mut provides = self.provides.iter();
        provides.all(|provision| provision.attributes == AttributeSelection::All)
    }

    /// Whether both may have an entity of the same id, of one of these types each. Where that cannot be told from what they
    /// provide and how ids are made, they may.
    #[must_use]
    pub fn may_share_ids_with(&self, types: &[TypeName], other: &Self, others: &[TypeName]) -> bool {
        if self.owns_ids.are_said() || other.owns_ids.are_said() {
            return false;
        }
        self.providing(types).any(|one| {
            let mut theirs = other.providing(others);
            theirs.any(|two| one.ids.may_meet(&two.ids) && self.owns_ids.may_meet(one, &other.owns_ids, two))
        })
    }

    fn providing<'a>(&'a self, types: &'a [TypeName]) -> impl Iterator<Item = &'a Provision> {
        let covers = |one: &&Provision| types.iter().any(|r#type| one.covers_type(r#type));
        self.provides.iter().filter(covers)
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

    /// Leaves of an entity that it provides the attributes that it provides.
    //= 4.3.6.1-1
    pub(super) fn keep_provided(&self, entity: &mut Entity) {
        if self.provides_every_attribute() {
            return;
        }
        let covering: Vec<&AttributeSelection> = self
            .provides
            .iter()
            .filter(|provision| provision.covers(entity))
            .map(|provision| &provision.attributes)
            .collect();
        let is_provided = |name: &AttributeName| covering.iter().any(|provided| provided.includes(name));
        entity.attributes.retain(|attribute| is_provided(&attribute.name));
    }
}
