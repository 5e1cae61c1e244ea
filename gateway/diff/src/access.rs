//! What is granted, as sets of attributes under conditions, which can be subtracted from each other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kakehashi_config::Config;
use kakehashi_core::consumer::{AssuranceLevels, Consumer, HIGHEST_LEVEL};
use kakehashi_core::names::TenantId;
use kakehashi_documents::vocabulary::compact_attribute;
use kakehashi_explain::grants::{EVERYTHING, PermitShown};
use kakehashi_policy::{Class, Operation, PersonalData};
use ngsi_ld::TypeName;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::conditions::{Areas, Circumstance, Conditions};

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
    /// What the same words mean otherwise than before: `area changed: areas/mashiko.geojson, larger by 12 km²`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changed: Vec<String>,
}

/// What is granted of one type, by the conditions of the permits.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Granted {
    by_conditions: BTreeMap<Conditions, BTreeSet<String>>,
    /// The attributes of the type that are classed open.
    open: BTreeSet<String>,
}

impl Granted {
    /// What a consumer is granted of a type, from whichever source of the tenant's. `kinds`: whether these may hold
    /// personal data. `areas`: those of both revisions.
    pub(super) fn to(
        config: &Config,
        kinds: &[PersonalData],
        consumer: &Arc<Consumer>,
        operation: Operation,
        tenant: &TenantId,
        r#type: &TypeName,
        areas: &mut Areas,
    ) -> Self {
        let open = config.policy.attributes_of_class(r#type, Class::Open);
        let mut granted = Self {
            open: open.map(compact_attribute).collect(),
            ..Self::default()
        };
        let circumstances: Vec<(Circumstance, Arc<Consumer>)> = circumstances(consumer, kinds);
        let mut by_attribute: BTreeMap<Conditions, Found> = BTreeMap::new();
        for (circumstance, consumer) in &circumstances {
            let grant = config
                .policy
                .grant(consumer, operation, tenant, r#type, circumstance.personal_data);
            for scope in grant.permits() {
                let permit = PermitShown::of(scope);
                let found = by_attribute
                    .entry(Conditions::of(&scope.conditions, areas))
                    .or_insert_with(|| Found {
                        applies_in: circumstances
                            .iter()
                            .filter(|(_, consumer)| scope.conditions.apply_to(consumer))
                            .map(|(circumstance, _)| circumstance.clone())
                            .collect(),
                        ..Found::default()
                    });
                let mut add = |name: String| {
                    found.granted_in.entry(name).or_default().insert(circumstance.clone());
                };
                add(ENTITY.to_owned());
                if permit.attributes.iter().any(|name| name == EVERYTHING) {
                    // What is known by name is named, so that it can be told from what nobody knows.
                    granted.open.iter().cloned().for_each(&mut add);
                }
                permit.attributes.into_iter().for_each(&mut add);
            }
        }
        for (conditions, found) in by_attribute {
            for (name, granted_in) in found.granted_in {
                let in_all = granted_in == found.applies_in;
                let conditions = if in_all {
                    conditions.clone()
                } else {
                    conditions.clone().only_in(granted_in, &found.applies_in)
                };
                granted.by_conditions.entry(conditions).or_default().insert(name);
            }
        }
        granted
    }

    /// Whether nothing is granted.
    pub(super) fn is_empty(&self) -> bool {
        self.by_conditions.is_empty()
    }

    /// What of this the other does not grant. `is_gain`: the other is what was before. `asked`: whether anybody waits for it.
    pub(super) fn beyond(&self, other: &Self, areas: &Areas, is_gain: bool, asked: &CancellationToken) -> Vec<Access> {
        let mut beyond = Vec::new();
        for (conditions, attributes) in &self.by_conditions {
            // Each is compared with each, so that many take long. Of what nobody waits for the rest is not looked at.
            if asked.is_cancelled() {
                break;
            }
            let wider: Vec<&BTreeSet<String>> = other
                .by_conditions
                .iter()
                .filter(|(others, _)| conditions.are_within(others, areas))
                .map(|(_, granted)| granted)
                .collect();
            let is_new = |name: &&String| !wider.iter().any(|granted| granted.contains(*name));
            let mut attributes: BTreeSet<String> = attributes.iter().filter(is_new).cloned().collect();
            if attributes.is_empty() {
                continue;
            }
            let under_others = other.by_conditions.iter().filter(|(others, granted)| {
                *others != conditions && attributes.iter().any(|name| granted.contains(name))
            });
            let (mut except, mut changed) = (Vec::new(), Vec::new());
            for (others, _) in under_others {
                let (before, after) = if is_gain {
                    (others, conditions)
                } else {
                    (conditions, others)
                };
                changed.extend(after.change_of_area(before, areas));
                except.push(others.words.clone());
            }
            if changed.is_empty() && except.contains(&conditions.words) {
                let words = conditions.words.join(" and ");
                changed.push(format!(
                    "what it means has changed with the classes of attributes: {words}"
                ));
            }
            if !self.open.is_empty() && self.open.is_subset(&attributes) {
                attributes.retain(|name| !self.open.contains(name));
                attributes.insert(EVERY_OPEN.to_owned());
            }
            beyond.push(Access {
                conditions: conditions.words.clone(),
                attributes: attributes.into_iter().collect(),
                except,
                changed,
            });
        }
        beyond
    }
}

/// What one list of conditions grants, and where: the conditions may stand on several permits of which each looks at
/// something else of a request.
#[derive(Default)]
struct Found {
    /// Where the conditions let a permit apply at all.
    applies_in: BTreeSet<Circumstance>,
    granted_in: BTreeMap<String, BTreeSet<Circumstance>>,
}

/// A consumer as it asks for each of its purposes and for none, identified as surely as can be and not at all, of
/// each kind of source. Levels between are told where a policy that looks at them has changed.
fn circumstances(consumer: &Arc<Consumer>, kinds: &[PersonalData]) -> Vec<(Circumstance, Arc<Consumer>)> {
    let mut all = Vec::new();
    for is_identified in [true, false] {
        let level = is_identified.then_some(HIGHEST_LEVEL);
        let asking = Arc::new(Consumer {
            levels: AssuranceLevels {
                identity: level,
                authentication: level,
            },
            ..Consumer::clone(consumer)
        });
        let for_each = consumer
            .purposes
            .iter()
            .filter_map(|purpose| asking.for_purpose(purpose));
        let asking: Vec<Arc<Consumer>> = std::iter::once(Arc::clone(&asking)).chain(for_each).collect();
        for consumer in asking {
            all.extend(kinds.iter().map(|personal_data| {
                let circumstance = Circumstance {
                    purpose: consumer.purpose.clone(),
                    is_identified,
                    personal_data: *personal_data,
                };
                (circumstance, Arc::clone(&consumer))
            }));
        }
    }
    all
}
