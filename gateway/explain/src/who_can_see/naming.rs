//! How consumers and purposes are called for whoever is told: a tenant's administrator is told of other tenants' consumers no
//! more than that they see its data.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kakehashi_config::{Config, Proofs};
use kakehashi_core::consumer::Consumer;
use kakehashi_core::names::TenantId;
use serde::Serialize;

/// Consumers that are named of those that see in the same way. More are counted.
const MOST_NAMED: usize = 100;

/// Consumers, not more than anybody reads, and how many there are.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Consumers {
    /// How many.
    pub count: usize,
    /// The first of them.
    pub names: Vec<String>,
    /// Those among them as which nobody can call now, and why.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub nobody_calls_as: BTreeMap<String, &'static str>,
}

/// How consumers and purposes are called for whoever is told.
pub(super) struct Naming<'a> {
    told_to: Option<&'a TenantId>,
    /// The consumers and purposes that the policies of the tenant name.
    named_consumers: BTreeSet<String>,
    named_purposes: BTreeSet<String>,
    proofs: &'a Proofs<'a>,
}

/// What is told of a purpose that is another's consumer's own matter.
const ANOTHER_PURPOSE: &str = "(another of its purposes)";

/// What is told of a request without a purpose.
const NO_PURPOSE: &str = "(none)";

impl<'a> Naming<'a> {
    pub(super) fn new(config: &Config, told_to: Option<&'a TenantId>, proofs: &'a Proofs<'a>) -> Self {
        let mut named_purposes = BTreeSet::new();
        let mut named_consumers = BTreeSet::new();
        if let Some(own) = told_to {
            named_consumers = config.policy.named_by(own).consumers;
            named_purposes = config.policy.purposes_named_by(own);
        }
        Self {
            told_to,
            named_consumers,
            named_purposes,
            proofs,
        }
    }

    /// Whether what a consumer is, is known to whoever is told.
    pub(super) fn knows(&self, consumer: &Consumer) -> bool {
        let is_own = |own: &TenantId| consumer.tenant() == Some(own);
        consumer.is_anonymous() || self.told_to.is_none_or(is_own)
    }

    pub(super) fn purposes(&self, purposes: &BTreeSet<Option<&str>>, of: Option<&Arc<Consumer>>) -> Vec<String> {
        let knows_all = of.is_some_and(|consumer| self.knows(consumer));
        let shown = purposes.iter().map(|purpose| match purpose {
            None => NO_PURPOSE.to_owned(),
            Some(purpose) if knows_all || self.named_purposes.contains(*purpose) => (*purpose).to_owned(),
            Some(_) => ANOTHER_PURPOSE.to_owned(),
        });
        let shown: BTreeSet<String> = shown.collect();
        shown.into_iter().collect()
    }

    pub(super) fn consumers(&self, mut consumers: Vec<&Arc<Consumer>>) -> Consumers {
        consumers.sort_by(|one, other| one.id.cmp(&other.id));
        let count = consumers.len();
        consumers.truncate(MOST_NAMED);
        let nobody = consumers.iter().filter(|consumer| self.knows(consumer));
        let nobody = nobody.filter_map(|consumer| {
            let reason = self.proofs.nobody_because(&consumer.id)?;
            Some((consumer.id.as_str().to_owned(), reason))
        });
        Consumers {
            count,
            nobody_calls_as: nobody.collect(),
            names: consumers
                .iter()
                .map(|consumer| consumer.id.as_str().to_owned())
                .collect(),
        }
    }

    /// Whether whoever is told may know that a consumer does not see something.
    pub(super) fn may_be_told_of(&self, consumer: &Consumer) -> bool {
        self.told_to.is_none() || self.knows(consumer) || self.named_consumers.contains(consumer.id.as_str())
    }
}
