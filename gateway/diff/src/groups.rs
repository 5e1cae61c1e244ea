//! Consumers that are decided alike, before and after: those of the same roles, purposes, contracts, consents and
//! affiliation, unless a policy names one of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kakehashi_config::ConsumerIndex;
use kakehashi_core::consumer::Consumer;
use kakehashi_explain::alike::Signature;

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
        let of = |consumer: Option<&Arc<Consumer>>| consumer.map(|consumer| Signature::of(consumer, named));
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
