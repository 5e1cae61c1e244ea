//! What a consumer may subscribe to, what of an entity its notifications may hold, and which sources cannot notify.
//! It decides nothing itself: it asks the policies, as reads do.

use std::sync::Arc;

use kakehashi_adapters::{Call, SourceId};
use kakehashi_core::consumer::Consumer;
use kakehashi_core::names::TenantId;
use kakehashi_federation::claimed::Standing;
use kakehashi_federation::granted_names::is_said_to_have;
use kakehashi_federation::registry::RegisteredSource;
use kakehashi_federation::release::Audit;
use kakehashi_policy::{Operation, TypeGrant, unnamed_type};
use kakehashi_revision::Revision;
use ngsi_ld::{AttributeName, Entity, TypeName};

use super::definition::Subscription;

/// One consumer under one revision.
#[derive(Debug, Clone, Copy)]
pub struct Access<'a> {
    /// The policies and the sources.
    pub revision: &'a Revision,
    /// Who.
    pub consumer: &'a Arc<Consumer>,
    /// `NGSILD-Tenant`: the sources of this tenant only.
    pub tenant: Option<&'a TenantId>,
}

impl Access<'_> {
    /// Whether anything is granted that the subscription could be notified of.
    #[must_use]
    pub fn is_granted(&self, operation: Operation, subscription: &Subscription) -> bool {
        let types = self.types(subscription);
        self.sources().any(|source| {
            let held = held_types(source, &types);
            self.grants_some(operation, source, &held) && self.grants_some(Operation::QueryEntity, source, &held)
        })
    }

    /// Whether the consumer may read anything that the subscription would be about.
    #[must_use]
    pub fn may_read(&self, subscription: &Subscription) -> bool {
        let types = self.types(subscription);
        self.sources().any(|source| {
            let mut held = held_types(source, &types);
            // What nobody is said to have, and what is said to be hidden from the consumer, are the same to it.
            held.retain(|name| is_said_to_have(source, name, &self.revision.config.policy));
            self.grants_some(Operation::QueryEntity, source, &held)
        })
    }

    /// The sources that may hold entities that are subscribed to and cannot tell of their changes. Those of which
    /// the consumer may read nothing are none for it.
    #[must_use]
    pub fn silent_sources(&self, subscription: &Subscription) -> Vec<SourceId> {
        if subscription.is_local() {
            return Vec::new();
        }
        let types = self.types(subscription);
        let mut silent: Vec<SourceId> = Vec::new();
        for source in self.sources().filter(|source| !source.is_store) {
            let held = held_types(source, &types);
            if self.grants_some(Operation::QueryEntity, source, &held) && !silent.contains(&source.id) {
                silent.push(source.id.clone());
            }
        }
        silent
    }

    /// What of an entity the consumer may be notified of: what it may read of it, as `queryEntity` shows it, and may
    /// subscribe to.
    #[must_use]
    pub fn visible(&self, source: &RegisteredSource, entity: &Entity) -> Option<Entity> {
        self.visible_of(source, entity, &Audit::new(&self.consumer.id, source))
    }

    /// The same for one of several entities of a source; what is found in all of them is told together.
    pub(super) fn visible_of(&self, source: &RegisteredSource, entity: &Entity, audit: &Audit) -> Option<Entity> {
        let is_asked = self.tenant.is_none_or(|tenant| *tenant == source.tenant);
        if !is_asked || !source.provides(entity) {
            return None;
        }
        // What adds to an entity stands with what its owner says, and that is not here.
        let claimed = self.revision.registry.claimed();
        if self.tenant.is_none() && claimed.standing(entity, source) == Standing::Addition {
            return None;
        }
        let grants = |operation, types: &[TypeName]| {
            let policies = &self.revision.config.policy;
            policies.grants(self.consumer, operation, &source.tenant, types, source.personal_data)
        };
        let readable = grants(Operation::QueryEntity, &entity.types);
        let readable = source.release(&readable, entity.clone(), audit)?;
        grants(Operation::CreateSubscription, &entity.types).project_shown(entity, readable)
    }

    /// Whether something of every entity of these types may be read and subscribed to, whatever else it is.
    pub(super) fn covers_every_entity(&self, source: &RegisteredSource, types: &[TypeName]) -> bool {
        self.each_grants(source, types, TypeGrant::covers_every_entity)
    }

    /// Whether an attribute of that name may be read and subscribed to in every entity of these types.
    pub(super) fn always_shows(&self, source: &RegisteredSource, types: &[TypeName], name: &AttributeName) -> bool {
        self.each_grants(source, types, |grant| grant.always_includes(name))
    }

    fn each_grants(
        &self,
        source: &RegisteredSource,
        types: &[TypeName],
        grants_it: impl Fn(&TypeGrant) -> bool,
    ) -> bool {
        let policies = &self.revision.config.policy;
        [Operation::QueryEntity, Operation::CreateSubscription]
            .into_iter()
            .all(|operation| {
                let grants = policies.grants(self.consumer, operation, &source.tenant, types, source.personal_data);
                types.iter().all(|name| {
                    let mut of_type = grants.grants().iter().filter(|grant| grant.r#type() == name);
                    of_type.any(|grant| grants_it(grant))
                })
            })
    }

    /// Whether the subscription may be told of something that a source holds.
    pub(super) fn may_be_told_of(&self, source: &RegisteredSource, subscription: &Subscription) -> bool {
        let held = held_types(source, &self.types(subscription));
        self.tenant.is_none_or(|tenant| *tenant == source.tenant)
            && self.grants_some(Operation::QueryEntity, source, &held)
            && self.grants_some(Operation::CreateSubscription, source, &held)
    }

    /// The partitions of the store that are meant.
    pub(super) fn partitions(&self) -> impl Iterator<Item = &Arc<RegisteredSource>> {
        self.sources().filter(|source| source.is_store)
    }

    /// The types of a source that are subscribed to and may be read; `None` when the source cannot tell what it has.
    pub(super) async fn readable_types(
        &self,
        source: &RegisteredSource,
        subscription: &Subscription,
        call: &Call,
    ) -> Option<Vec<TypeName>> {
        let mut types = self.types(subscription);
        if subscription.types().is_none() {
            types.extend(source.adapter.held_types(call).await.ok()?);
            types.sort_unstable();
            types.dedup();
        }
        let held = held_types(source, &types);
        let policies = &self.revision.config.policy;
        let grants = policies.grants(
            self.consumer,
            Operation::QueryEntity,
            &source.tenant,
            &held,
            source.personal_data,
        );
        Some(grants.types().cloned().collect())
    }

    fn sources(&self) -> impl Iterator<Item = &Arc<RegisteredSource>> {
        let sources = self.revision.registry.configured().iter();
        sources.filter(|source| self.tenant.is_none_or(|tenant| *tenant == source.tenant))
    }

    /// The types that the subscription may be about: those that it names, or all that somebody knows.
    fn types(&self, subscription: &Subscription) -> Vec<TypeName> {
        match subscription.types() {
            Some(named) => named.into_iter().cloned().collect(),
            None => {
                let known = self.revision.config.policy.known_types().iter().cloned();
                known.chain([unnamed_type()]).collect()
            }
        }
    }

    fn grants_some(&self, operation: Operation, source: &RegisteredSource, types: &[TypeName]) -> bool {
        let policies = &self.revision.config.policy;
        let grants = policies.grants(self.consumer, operation, &source.tenant, types, source.personal_data);
        !grants.is_empty()
    }
}

fn held_types(source: &RegisteredSource, types: &[TypeName]) -> Vec<TypeName> {
    let held = types.iter().filter(|name| source.may_hold(name, &[]));
    held.cloned().collect()
}
