//! What is granted, as sets of attributes under conditions, which can be subtracted from each other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ngsi_ld::TypeName;
use serde::Serialize;

use super::holdings::Holdings;
use crate::config::{AssuranceLevels, Config, Consumer, HIGHEST_LEVEL, TenantId, compact_attribute};
use crate::explain::grants::{EVERYTHING, PermitShown};
use crate::policy::{Class, Operation};

/// Stands for every attribute that has the class open, by its name: mostly, all of them are granted together.
pub const EVERY_OPEN: &str = "@open";

/// Stands for the entity itself: whoever sees no attribute sees its id and its type.
pub const ENTITY: &str = "id";

/// Attributes that are gained or lost, under conditions.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Access {
    /// What an entity or a request must be like. None: whatever it is like.
    pub conditions: Vec<String>,
    /// The attributes: `id` stands for the entity with its type, `@open` for every one that is classed open, `*` for
    /// what nobody has classed.
    pub attributes: Vec<String>,
    /// Conditions under which the other revision grants some of these as well. Each is a list that holds together.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub except: Vec<Vec<String>>,
}

/// What is granted of one type, by the conditions of the permits.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Granted {
    by_conditions: BTreeMap<Vec<String>, BTreeSet<String>>,
    /// The attributes of the type that are classed open.
    open: BTreeSet<String>,
}

impl Granted {
    /// What a consumer is granted of a type, from whichever source of the tenant's.
    pub(super) fn to(
        config: &Config,
        holdings: &Holdings<'_>,
        consumer: &Arc<Consumer>,
        operation: Operation,
        tenant: &TenantId,
        r#type: &TypeName,
    ) -> Self {
        let open = config.policy.attributes_of_class(r#type, Class::Open);
        let mut granted = Self {
            open: open.map(compact_attribute).collect(),
            ..Self::default()
        };
        for (consumer, personal_data) in variants(consumer).iter().flat_map(|consumer| {
            let kinds = holdings.personal_data(tenant, r#type).into_iter();
            kinds.map(move |personal_data| (consumer, personal_data))
        }) {
            let grant = config.policy.grant(consumer, operation, tenant, r#type, personal_data);
            for permit in grant.permits().iter().map(PermitShown::of) {
                let attributes = granted.by_conditions.entry(permit.conditions).or_default();
                attributes.insert(ENTITY.to_owned());
                if permit.attributes.iter().any(|name| name == EVERYTHING) {
                    // What is known by name is named, so that it can be told from what nobody knows.
                    attributes.extend(granted.open.iter().cloned());
                }
                attributes.extend(permit.attributes);
            }
        }
        granted
    }

    /// What of this the other does not grant.
    pub(super) fn beyond(&self, other: &Self) -> Vec<Access> {
        let unconditional = other.by_conditions.get(&Vec::new());
        let mut beyond = Vec::new();
        for (conditions, attributes) in &self.by_conditions {
            let same = other.by_conditions.get(conditions);
            let is_there = |name: &&String| {
                let has = |set: Option<&BTreeSet<String>>| set.is_some_and(|set| set.contains(*name));
                !has(unconditional) && !has(same)
            };
            let mut attributes: BTreeSet<String> = attributes.iter().filter(is_there).cloned().collect();
            if attributes.is_empty() {
                continue;
            }
            let under_others = other.by_conditions.iter().filter(|(others, granted)| {
                *others != conditions && attributes.iter().any(|name| granted.contains(name))
            });
            let except = under_others.map(|(others, _)| others.clone()).collect();
            if !self.open.is_empty() && self.open.is_subset(&attributes) {
                attributes.retain(|name| !self.open.contains(name));
                attributes.insert(EVERY_OPEN.to_owned());
            }
            beyond.push(Access {
                conditions: conditions.clone(),
                attributes: attributes.into_iter().collect(),
                except,
            });
        }
        beyond
    }
}

/// A consumer as it asks for each of its purposes, and for none. What permits ask of its token stands in their
/// conditions: here its holder is identified as surely as can be.
fn variants(consumer: &Arc<Consumer>) -> Vec<Arc<Consumer>> {
    let surely = Consumer {
        levels: AssuranceLevels {
            identity: Some(HIGHEST_LEVEL),
            authentication: Some(HIGHEST_LEVEL),
        },
        ..Consumer::clone(consumer)
    };
    let surely = Arc::new(surely);
    let for_each = consumer
        .purposes
        .iter()
        .filter_map(|purpose| surely.for_purpose(purpose));
    std::iter::once(Arc::clone(&surely)).chain(for_each).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn granted(of: &[(&[&str], &[&str])]) -> Granted {
        let texts = |of: &[&str]| of.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let by_conditions = of.iter();
        Granted {
            by_conditions: by_conditions
                .map(|(conditions, attributes)| (texts(conditions), texts(attributes).into_iter().collect()))
                .collect(),
            open: texts(&["name", "location"]).into_iter().collect(),
        }
    }

    #[test]
    fn what_holds_without_a_condition_holds_under_each() {
        let everywhere = granted(&[(&[], &["id", "name", "location"])]);
        let in_the_city = granted(&[(&["area a"], &["id", "name"])]);
        assert_eq!(in_the_city.beyond(&everywhere), []);
        let lost = everywhere.beyond(&in_the_city);
        assert_eq!(lost.len(), 1);
        assert_eq!(lost[0].attributes, ["@open", "id"]);
        assert_eq!(lost[0].except, [["area a"]]);
        assert_eq!(everywhere.beyond(&everywhere), []);
        let elsewhere = granted(&[(&["area b"], &["id", "name"])]);
        let gained = elsewhere.beyond(&in_the_city);
        assert_eq!((&*gained[0].conditions[0], gained[0].except.len()), ("area b", 1));
    }
}
