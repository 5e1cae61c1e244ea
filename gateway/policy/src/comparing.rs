//! What two revisions' decisions depend on, so that only what may differ has to be decided anew.

use std::collections::BTreeSet;
use std::sync::Arc;

use cedar_policy::{EntityUid, Policy, ResourceConstraint};
use kakehashi_core::names::TenantId;
use kakehashi_documents::vocabulary::{compact_type, expand_type};
use ngsi_ld::{AttributeName, Iri, TypeName};

use super::admission::References;
use super::classification::Class;
use super::engine::PolicyEngine;
use super::operation::{Operation, OperationGroup};
use super::policy_files::Policies;
use super::policy_reading::PolicyFile;

/// What of consumers policies look at.
#[derive(Debug, Default)]
pub struct LookedAt {
    /// Consumers, by their ids.
    pub consumers: BTreeSet<String>,
    /// Roles.
    pub roles: BTreeSet<String>,
    /// Organisations that are no tenants.
    pub organisations: BTreeSet<String>,
    /// Contracts and consents.
    pub references: BTreeSet<String>,
}

/// The operations that policies tell apart from the others of their group.
#[derive(Debug, Default)]
pub struct NamedOperations {
    named: BTreeSet<String>,
    /// A policy speaks of an action that is neither an operation nor one of the groups: any operation may be in it.
    any: bool,
}

impl NamedOperations {
    /// Operations of which all are decided alike, in the order of [`Operation::ALL`].
    pub fn classes(&self) -> Vec<Vec<Operation>> {
        let mut classes: Vec<(OperationGroup, Vec<Operation>)> = Vec::new();
        let mut alone = Vec::new();
        for operation in Operation::ALL {
            if self.any || self.named.contains(operation.as_str()) {
                alone.push(vec![*operation]);
                continue;
            }
            let group = operation.group();
            match classes.iter_mut().find(|(known, _)| *known == group) {
                Some((_, operations)) => operations.push(*operation),
                None => classes.push((group, vec![*operation])),
            }
        }
        let together = classes.into_iter().map(|(_, operations)| operations);
        together.chain(alone).collect()
    }
}

impl PolicyEngine {
    /// Whether what is decided about a tenant's data follows the same policies in both.
    pub fn has_same_policies(&self, other: &Self, tenant: &TenantId) -> bool {
        let own = |policies: &Policies| {
            policies
                .partitions
                .get(tenant)
                .map(|partition| Arc::clone(&partition.own))
        };
        let (mine, others) = (self.policies(), other.policies());
        let same_own = match (own(mine), own(others)) {
            (Some(own), Some(others)) => own.text == others.text && own.has_areas_of(&others),
            (None, None) => true,
            _ => false,
        };
        same_own && mine.basis == others.basis && mine.platform.text == others.platform.text
    }

    /// What the classes say otherwise in another revision, in words.
    pub fn changes_of_classes(&self, other: &Self) -> Vec<String> {
        self.classification().changes_to(other.classification())
    }

    /// Whether the policies about a tenant's data that look at what only a request tells are the same in both: at its
    /// `context`, and at roles that no consumer of `roles` has. `None`: the operator's own.
    pub fn asks_the_same_of_requests(&self, other: &Self, tenant: Option<&TenantId>, roles: &BTreeSet<&str>) -> bool {
        let (own, others) = (self.file_about(tenant), other.file_about(tenant));
        let text = |file: Option<&Arc<PolicyFile>>| file.map(|file| file.text.clone());
        text(own) == text(others) || asked_of_requests(own, roles) == asked_of_requests(others, roles)
    }

    /// Whether the policies about a tenant's data say the same of types that nobody has classified: all but those of
    /// one classified type each, wherever they stand.
    pub fn says_the_same_of_unclassified(&self, other: &Self, tenant: &TenantId) -> bool {
        if self.has_same_policies(other, tenant) {
            return true;
        }
        let speaking = |engine: &Self| {
            let classified: BTreeSet<String> = engine.principal_types().map(compact_type).collect();
            let policies = engine.policies();
            let own = policies.partitions.get(tenant).map(|partition| &partition.own);
            let files = own.into_iter().chain([&policies.platform]);
            let all = files.flat_map(|file| file.policies.iter());
            let speaking = all.filter_map(|(policy, _)| {
                let is_of_one = match policy.resource_constraint() {
                    ResourceConstraint::Eq(resource) => {
                        let name = resource.id().unescaped();
                        name.split_once('/').is_some_and(|(_, name)| classified.contains(name))
                    }
                    _ => false,
                };
                let json = || policy.to_json().ok().map(|json| json.to_string());
                (!is_of_one).then(json).flatten()
            });
            let mut speaking: Vec<String> = speaking.collect();
            speaking.sort();
            speaking
        };
        speaking(self) == speaking(other)
    }

    /// The policies of a tenant; `None`: the operator's own.
    fn file_about(&self, tenant: Option<&TenantId>) -> Option<&Arc<PolicyFile>> {
        let policies = self.policies();
        match tenant {
            None => Some(&policies.platform),
            Some(tenant) => policies.partitions.get(tenant).map(|partition| &partition.own),
        }
    }

    /// Whether a type and its attributes have the same classes in both.
    pub fn classes_are_same(&self, other: &Self, r#type: &TypeName) -> bool {
        self.classification().says_the_same_of(r#type, other.classification())
    }

    /// The types that the decisions are made about, without their other names.
    pub fn principal_types(&self) -> impl Iterator<Item = &TypeName> {
        let is_own_name = |name: &&TypeName| {
            let known_by = &self.classification().type_classes(name).policy_name;
            known_by.as_ref().is_none_or(|known_by| known_by == *name)
        };
        self.known_types().iter().filter(is_own_name)
    }

    /// The types that the policies about a tenant's data name, whoever has classed them: as resources, and by their IRIs.
    pub fn add_types_named(&self, tenant: &TenantId, named: &mut BTreeSet<TypeName>) {
        let policies = self.policies();
        let own = policies.partitions.get(tenant).map(|partition| &partition.own);
        for file in own.into_iter().chain([&policies.platform]) {
            for (policy, _) in &file.policies {
                let literals = policy.entity_literals().into_iter();
                for resource in literals.filter(|entity| policies.kinds.is_entity_type(entity)) {
                    let id = resource.id().unescaped();
                    let name = id.split_once('/').map_or(id, |(_, name)| name);
                    named.extend(expand_type(name));
                }
                if let Ok(json) = policy.to_json() {
                    add_iris(&json, named);
                }
            }
        }
    }

    /// The attributes of a type that have a class by name.
    pub fn attributes_of_class(&self, r#type: &TypeName, class: Class) -> impl Iterator<Item = &AttributeName> {
        self.classification().type_classes(r#type).named(class)
    }

    /// The attributes of a type that have a class by name, whichever.
    pub fn attributes_known(&self, r#type: &TypeName) -> impl Iterator<Item = &AttributeName> {
        self.classification().type_classes(r#type).all_named()
    }

    /// Adds the consumers that the policies about a tenant's data name.
    pub fn add_consumers_named(&self, tenant: &TenantId, named: &mut BTreeSet<String>) {
        let policies = self.policies();
        let own = policies.partitions.get(tenant).map(|partition| &partition.own);
        let files = own.into_iter().chain([&policies.platform]);
        named.extend(files.flat_map(|file| file.consumers()).map(str::to_owned));
    }

    /// What of consumers the policies about a tenant's data look at, beside whom they belong to among the tenants: whatever else
    /// a consumer is makes no difference to a decision.
    #[must_use]
    pub fn looked_at(&self, tenant: &TenantId) -> LookedAt {
        let policies = self.policies();
        let own = policies.partitions.get(tenant).map(|partition| &partition.own);
        let mut looked_at = LookedAt::default();
        for (policy, narrowing) in own
            .into_iter()
            .chain([&policies.platform])
            .flat_map(|file| &file.policies)
        {
            for entity in policy.entity_literals() {
                let name = entity.id().unescaped().to_owned();
                match entity.type_name().basename() {
                    "Role" => looked_at.roles.insert(name),
                    "Organisation" => looked_at.organisations.insert(name),
                    "Consumer" => looked_at.consumers.insert(name),
                    _ => false,
                };
            }
            let References { contracts, consents } = &narrowing.conditions.references;
            looked_at
                .references
                .extend(contracts.iter().chain(consents).map(ToString::to_string));
        }
        looked_at
    }

    /// Adds the operations that the policies about a tenant's data tell apart.
    pub fn add_operations_named(&self, tenant: &TenantId, named: &mut NamedOperations) {
        let policies = self.policies();
        let own = policies.partitions.get(tenant).map(|partition| &partition.own);
        for file in own.into_iter().chain([&policies.platform]) {
            let literals = file.policies.iter().flat_map(|(policy, _)| policy.entity_literals());
            for action in literals.filter(|entity| policies.kinds.is_action(entity)) {
                named.add(&action);
            }
        }
    }
}

impl NamedOperations {
    fn add(&mut self, action: &EntityUid) {
        let name: &str = action.id().as_ref();
        if Operation::ALL.iter().any(|operation| operation.as_str() == name) {
            self.named.insert(name.to_owned());
        } else if !OperationGroup::ALL.iter().any(|group| group.as_str() == name) {
            self.any = true;
        }
    }
}

/// Adds every text that is an IRI: in a policy, that of a type.
fn add_iris(json: &serde_json::Value, named: &mut BTreeSet<TypeName>) {
    match json {
        serde_json::Value::String(text) => named.extend(Iri::parse(text).map(TypeName::new)),
        serde_json::Value::Array(items) => items.iter().for_each(|item| add_iris(item, named)),
        serde_json::Value::Object(members) => members.values().for_each(|member| add_iris(member, named)),
        _ => {}
    }
}

/// The policies of a file that look at `context`, or at a role that no consumer has, in order.
fn asked_of_requests(file: Option<&Arc<PolicyFile>>, roles: &BTreeSet<&str>) -> Vec<String> {
    let all = file.into_iter().flat_map(|file| file.policies.iter());
    let is_of_token = |policy: &Policy| {
        let literals = policy.entity_literals();
        let mut named = literals.iter().filter(|entity| entity.type_name().basename() == "Role");
        named.any(|role| !roles.contains(role.id().unescaped()))
    };
    let asking = all.filter_map(|(policy, _)| {
        let json = policy.to_json().ok()?.to_string();
        (json.contains("\"context\"") || is_of_token(policy)).then_some(json)
    });
    let mut asking: Vec<String> = asking.collect();
    asking.sort();
    asking
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_that_no_policy_names_are_decided_with_their_group() {
        let none = NamedOperations::default().classes();
        assert_eq!(none.len(), 4);
        assert_eq!(none.iter().map(Vec::len).sum::<usize>(), Operation::ALL.len());
        let one = NamedOperations {
            named: BTreeSet::from(["queryEntity".to_owned()]),
            any: false,
        };
        assert_eq!(one.classes().len(), 5);
        assert!(one.classes().contains(&vec![Operation::QueryEntity]));
        let any = NamedOperations {
            any: true,
            ..NamedOperations::default()
        };
        assert_eq!(any.classes().len(), Operation::ALL.len());
    }
}
