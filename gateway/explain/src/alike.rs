//! Consumers that are decided alike: those of the same roles, purposes, contracts, consents and affiliation, unless a policy
//! names one of them. Ten thousand consumers are few groups.

use std::collections::BTreeSet;
use std::sync::Arc;

use kakehashi_core::consumer::{Affiliation, Consumer};

/// What decisions know of a consumer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Signature {
    roles: Vec<String>,
    /// Whether it is a tenant, and which.
    affiliation: Option<(bool, String)>,
    purposes: Vec<String>,
    contracts: Vec<String>,
    consents: Vec<String>,
    /// The consumer itself, where a policy names it.
    named: Option<String>,
}

impl Signature {
    /// That of one consumer. `named`: the consumers that some policy names.
    #[must_use]
    pub fn of(consumer: &Consumer, named: &BTreeSet<String>) -> Self {
        let mut roles: Vec<String> = consumer.roles.iter().map(|role| role.as_str().to_owned()).collect();
        roles.sort();
        roles.dedup();
        let affiliation = consumer.affiliation.as_ref().map(|affiliation| match affiliation {
            Affiliation::Tenant(tenant) => (true, tenant.as_str().to_owned()),
            Affiliation::Organisation(name) => (false, name.to_string()),
        });
        let id = consumer.id.as_str();
        let sorted = |texts: &[Arc<str>]| {
            let mut texts: Vec<String> = texts.iter().map(ToString::to_string).collect();
            texts.sort();
            texts.dedup();
            texts
        };
        Self {
            roles,
            affiliation,
            purposes: sorted(&consumer.purposes),
            contracts: sorted(&consumer.contracts),
            consents: sorted(&consumer.consents),
            named: named.contains(id).then(|| id.to_owned()),
        }
    }
}
