//! Who could ask, and how: every consumer once for each that is decided alike, for each of its purposes and for none, identified
//! by a token as surely as can be and not at all, by each operation that shows entities.

use std::collections::BTreeMap;
use std::sync::Arc;

use kakehashi_config::{Config, Proofs};
use kakehashi_core::consumer::{Affiliation, AssuranceLevels, Consumer, HIGHEST_LEVEL};
use kakehashi_core::names::TenantId;
use kakehashi_http::api::operations::{Listed, OPERATIONS};
use kakehashi_policy::{LookedAt, Operation, OperationGroup};

use crate::alike::Signature;

/// Consumers that are decided alike.
pub(crate) struct Alike<'a> {
    /// All of them, in the order of their ids.
    pub(crate) members: Vec<&'a Arc<Consumer>>,
    /// Whether they come with tokens, which may say how surely their holder was identified.
    has_token: bool,
}

/// One way in which a consumer may ask.
pub(crate) struct Asking {
    /// As it asks.
    pub(crate) consumer: Arc<Consumer>,
    /// Whether its token says that its holder was identified as surely as can be.
    pub(crate) is_identified: bool,
}

impl<'a> Alike<'a> {
    /// All consumers, by how the policies about a tenant's data decide about them.
    pub(crate) fn of(config: &'a Config, tenant: &TenantId, proofs: &Proofs<'_>) -> Vec<Self> {
        let looked_at = config.policy.looked_at(tenant);
        let mut all: Vec<&Arc<Consumer>> = config.consumers.iter().collect();
        all.sort_by(|one, other| one.id.cmp(&other.id));
        let mut groups: BTreeMap<(Signature, bool), Vec<&Arc<Consumer>>> = BTreeMap::new();
        for consumer in all {
            let has_token = proofs.of(&consumer.id).token;
            let group = groups
                .entry((
                    Signature::of(&as_looked_at(consumer, &looked_at), &looked_at.consumers),
                    has_token,
                ))
                .or_default();
            group.push(consumer);
        }
        let groups = groups.into_iter();
        groups
            .map(|((_, has_token), members)| Self { members, has_token })
            .collect()
    }

    /// How any of them may ask, without a purpose first, where it may ask without one.
    pub(crate) fn askings(&self) -> Vec<Asking> {
        let Some(one) = self.members.first() else {
            return Vec::new();
        };
        let levels = [false, true].into_iter().take(1 + usize::from(self.has_token));
        let mut askings = Vec::new();
        for is_identified in levels {
            let level = is_identified.then_some(HIGHEST_LEVEL);
            let asking = Arc::new(Consumer {
                levels: AssuranceLevels {
                    identity: level,
                    authentication: level,
                },
                ..Consumer::clone(one)
            });
            let with_purpose = one
                .purposes
                .iter()
                .filter(|purpose| asking.purpose.as_ref() != Some(*purpose));
            let with_purpose: Vec<Arc<Consumer>> =
                with_purpose.filter_map(|purpose| asking.for_purpose(purpose)).collect();
            let all = std::iter::once(asking).chain(with_purpose);
            askings.extend(all.map(|consumer| Asking {
                consumer,
                is_identified,
            }));
        }
        askings
    }
}

/// A consumer without what no policy looks at: ten thousand with a contract each are alike where no permit asks for one.
fn as_looked_at(consumer: &Consumer, looked_at: &LookedAt) -> Consumer {
    let mut seen = consumer.clone();
    seen.roles.retain(|role| looked_at.roles.contains(role.as_str()));
    seen.contracts.retain(|name| looked_at.references.contains(&**name));
    seen.consents.retain(|name| looked_at.references.contains(&**name));
    if let Some(Affiliation::Organisation(name)) = &seen.affiliation
        && !looked_at.organisations.contains(&**name)
    {
        seen.affiliation = None;
    }
    seen
}

/// The operations by which entities, or what there is of them, are seen: those that are offered.
pub(crate) fn seeing() -> Vec<Operation> {
    let asked = OPERATIONS.iter().filter_map(|listed| match listed {
        Listed::Offered(offered) => offered.asks,
        Listed::NotOffered(_) => None,
    });
    let mut seeing: Vec<Operation> = Vec::new();
    for operation in asked.filter(|operation| operation.group() == OperationGroup::Read) {
        if !seeing.contains(&operation) {
            seeing.push(operation);
        }
    }
    // What a notification shows is what its subscription was created for.
    seeing.push(Operation::CreateSubscription);
    seeing
}

/// Operations as they are told: a group where all of it is meant.
pub(super) fn told(operations: &[Operation]) -> Vec<String> {
    let all = seeing();
    let mut told = Vec::new();
    for group in OperationGroup::ALL {
        let of_group = |operations: &[Operation]| -> Vec<Operation> {
            let own = operations.iter().filter(|operation| operation.group() == group);
            own.copied().collect()
        };
        let (own, whole) = (of_group(operations), of_group(&all));
        if own.is_empty() {
            continue;
        }
        if own.len() == whole.len() {
            told.push(group.as_str().to_owned());
        } else {
            told.extend(own.iter().map(|operation| operation.as_str().to_owned()));
        }
    }
    told
}
