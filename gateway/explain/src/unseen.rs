//! What nobody would see of entities that somebody is about to keep for a tenant: types without a permit, attributes that nobody
//! has classified. Whoever keeps them is told so, instead of finding out by an empty list.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use kakehashi_config::Config;
use kakehashi_core::names::TenantId;
use kakehashi_documents::vocabulary::{compact_attribute, compact_type};
use kakehashi_policy::{Operation, OperationGroup, PersonalData};
use ngsi_ld::{AttributeName, TypeName};

use super::who_can_see::asking::{Alike, Asking, seeing};
use super::who_can_see::why::why_not;

/// The attributes of entities, by all types of the entity.
pub type Named = BTreeMap<Vec<TypeName>, BTreeSet<AttributeName>>;

/// What nobody sees.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unseen {
    /// The type, or the attribute with its type, as they are shown.
    pub what: String,
    /// Why.
    pub why: String,
}

/// What of these names no consumer sees in a source of the tenant's, in order.
#[must_use]
pub fn unseen(
    config: &Config,
    tenant: &TenantId,
    personal_data: PersonalData,
    named: &Named,
    today: Date,
) -> Vec<Unseen> {
    let proofs = config.consumers.proofs(today);
    let groups = Alike::of(config, tenant, &proofs);
    let seers = Seers {
        config,
        tenant,
        personal_data,
        askings: groups.iter().flat_map(Alike::askings).collect(),
        operations: seeing()
            .into_iter()
            .filter(|operation| operation.group() == OperationGroup::Read)
            .collect(),
    };
    let mut unseen = BTreeSet::new();
    for (types, attributes) in named {
        let seen: Vec<&TypeName> = types.iter().filter(|name| seers.see(name, None)).collect();
        for r#type in types.iter().filter(|_| seen.is_empty()) {
            unseen.insert(Unseen {
                what: format!("`{}`", compact_type(r#type)),
                why: seers.why(r#type, None),
            });
        }
        for name in attributes {
            let Some(first) = seen.first() else { break };
            if !seen.iter().any(|r#type| seers.see(r#type, Some(name))) {
                unseen.insert(Unseen {
                    what: format!("`{}` of `{}`", compact_attribute(name), compact_type(first)),
                    why: seers.why(first, Some(name)),
                });
            }
        }
    }
    unseen.into_iter().collect()
}

/// Everybody who might see something.
struct Seers<'a> {
    config: &'a Config,
    tenant: &'a TenantId,
    personal_data: PersonalData,
    askings: Vec<Asking>,
    operations: Vec<Operation>,
}

impl Seers<'_> {
    fn see(&self, r#type: &TypeName, attribute: Option<&AttributeName>) -> bool {
        self.askings.iter().any(|asking| {
            self.operations.iter().any(|operation| {
                let policy = &self.config.policy;
                let grant = policy.grant(&asking.consumer, *operation, self.tenant, r#type, self.personal_data);
                !grant.is_empty() && attribute.is_none_or(|name| grant.includes(name))
            })
        })
    }

    /// The reason of whoever comes nearest to seeing it.
    fn why(&self, r#type: &TypeName, attribute: Option<&AttributeName>) -> String {
        let policy = &self.config.policy;
        let class = |name: &AttributeName| policy.classification().attribute_class(r#type, name);
        let reasons = self.askings.iter().map(|asking| {
            let grant = policy.grant(
                &asking.consumer,
                Operation::QueryEntity,
                self.tenant,
                r#type,
                self.personal_data,
            );
            let why = why_not(&grant, attribute.map(|name| (name, class(name))), self.personal_data);
            (grant.is_empty(), why)
        });
        let nearest = reasons.min();
        nearest.map_or_else(|| "there is no consumer".to_owned(), |(_, why)| why)
    }
}
