//! Consumers that are decided alike, before and after: those of the same roles, purposes, contracts, consents and
//! affiliation, unless a policy names one of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kakehashi_config::ConsumerIndex;
use kakehashi_core::consumer::{Affiliation, Consumer};

/// What decisions know of a consumer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Signature {
    roles: Vec<String>,
    /// Whether it is a tenant, and which.
    affiliation: Option<(bool, String)>,
    purposes: Vec<String>,
    contracts: Vec<String>,
    consents: Vec<String>,
    /// The consumer itself, where a policy names it.
    named: Option<String>,
}

/// Consumers that are decided alike.
#[derive(Debug)]
pub struct Group {
    /// One of them as it was; `None`: they were not there.
    pub old: Option<Arc<Consumer>>,
    /// The same one as it will be; `None`: they will not be there.
    pub new: Option<Arc<Consumer>>,
    /// Their ids.
    pub members: Vec<String>,
    changed: bool,
}

impl Group {
    /// Whether what decisions know of them has changed.
    #[must_use]
    pub fn has_changed(&self) -> bool {
        self.changed
    }
}

fn signature(consumer: &Consumer, named: &BTreeSet<String>) -> Signature {
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
    Signature {
        roles,
        affiliation,
        purposes: sorted(&consumer.purposes),
        contracts: sorted(&consumer.contracts),
        consents: sorted(&consumer.consents),
        named: named.contains(id).then(|| id.to_owned()),
    }
}

/// The groups of two revisions. `named`: the consumers that some policy names.
pub(super) fn groups(old: &ConsumerIndex, new: &ConsumerIndex, named: &BTreeSet<String>) -> Vec<Group> {
    let mut by_signature: BTreeMap<(Option<Signature>, Option<Signature>), Group> = BTreeMap::new();
    let ids: BTreeSet<&str> = old
        .iter()
        .chain(new.iter())
        .map(|consumer| consumer.id.as_str())
        .collect();
    for id in ids {
        let (before, after) = (old.get(id), new.get(id));
        let of = |consumer: Option<&Arc<Consumer>>| consumer.map(|consumer| signature(consumer, named));
        let key = (of(before), of(after));
        let changed = key.0 != key.1;
        let group = by_signature.entry(key).or_insert_with(|| Group {
            old: before.cloned(),
            new: after.cloned(),
            members: Vec::new(),
            changed,
        });
        group.members.push(id.to_owned());
    }
    by_signature.into_values().collect()
}
