//! Who gains and who loses what, when one revision takes the place of another: consumer by operation by type by
//! attribute by condition. It compares what the policies decide, not their texts, and decides nothing itself.
//!
//! Two thousand tenants and ten thousand consumers are compared in a moment, because most are not compared: of a tenant
//! whose policies, classes and sources are the same, only consumers that have changed are looked at; consumers of the
//! same roles and affiliation are one unless a policy names them; and operations that no policy names are decided with
//! their group.
//!
//! | module | owns |
//! |---|---|
//! | [`mod@groups`] | consumers that are decided alike |
//! | [`holdings`] | which types each tenant's sources provide |
//! | [`access`] | what is granted, as sets that can be subtracted |
//! | `conditions` | what permits ask, compared by what it means |
//! | `keys` | which keys of tenants.toml decide what is seen otherwise than by a grant |
//! | `otherwise` | these, classes, and whatever else the sources know alone |
//! | [`text`] | all of it for people |
//!
//! Roles that tokens bring are not known here: a consumer is compared with the roles that tenants.toml gives it. That policies
//! on other roles have changed is told, and not who has them.

// What outlives a request is spawned in `runtime` and nowhere else.
#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

pub mod access;
mod conditions;
pub mod groups;
pub mod holdings;
mod keys;
mod otherwise;
#[cfg(test)]
mod tests;
pub mod text;

use std::collections::{BTreeMap, BTreeSet};

use kakehashi_config::Config;
use kakehashi_core::names::TenantId;
use kakehashi_documents::vocabulary::compact_type;
use kakehashi_policy::{NamedOperations, Operation, OperationGroup};
use ngsi_ld::{Iri, TypeName};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use access::{Access, Granted};
use conditions::Areas;
use groups::{Group, groups};
use holdings::Holdings;

/// Changes that are told. More are counted: nobody reads them, and a narrower edit is easier to judge.
const MOST_CHANGES: usize = 1_000;

/// Consumers and tenants that one change names. More are counted.
const MOST_NAMES: usize = 100;

/// What changes between two revisions.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Difference {
    /// The revision that is replaced.
    pub old: String,
    /// The one that takes its place.
    pub new: String,
    /// Who gains and who loses what.
    pub changes: Vec<Change>,
    /// Changes that are not told, because there are too many.
    pub left_out: usize,
    /// What else has changed that decides what somebody sees, in words: where sources are and what they are said to hold,
    /// who is recognised, classes of names, inspection.
    pub otherwise: Vec<String>,
    /// How much was compared.
    pub compared: Compared,
}

/// How much was compared.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Compared {
    /// Tenants in either revision.
    pub tenants: usize,
    /// Those whose policies, classes or sources differ.
    pub changed_tenants: usize,
    /// Consumers in either revision.
    pub consumers: usize,
    /// Those whose roles or affiliation differ, or that are in one revision alone.
    pub changed_consumers: usize,
}

/// What the same consumers gain and lose of the same types.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// Whose data it is.
    pub tenants: Names,
    /// Who gains or loses.
    pub consumers: Names,
    /// What they do: operations, or a group where all of it is meant.
    pub operations: Vec<String>,
    /// With entities of these types: `*` for every type that nobody has named.
    pub types: Vec<String>,
    /// Whether no source of these tenants provides the types: an entity has them only beside a type that one provides,
    /// and is seen by whoever is granted all of its types.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub beside_others: bool,
    /// What they gain.
    pub gained: Vec<Access>,
    /// What they lose.
    pub lost: Vec<Access>,
}

/// Names, not more than anybody reads, and how many there are.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Names {
    /// How many.
    pub count: usize,
    /// The first of them.
    pub names: Vec<String>,
}

impl Names {
    fn new(names: impl IntoIterator<Item = String>) -> Self {
        let mut names: Vec<String> = names.into_iter().collect();
        names.sort();
        names.dedup();
        let count = names.len();
        names.truncate(MOST_NAMES);
        Self { count, names }
    }
}

/// A type that nobody has named, in the place of all of them.
const ANY_OTHER: &str = "urn:kakehashi:type-that-nobody-has-named";

/// How it is told.
pub const ANY_TYPE: &str = "*";

/// What is gained and lost, and by whom: that is where changes are joined.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Balance {
    beside_others: bool,
    gained: Vec<Access>,
    lost: Vec<Access>,
}

/// One change of one tenant's data before it is joined with others.
type Found = BTreeMap<(Vec<String>, Balance), BTreeMap<TypeName, BTreeSet<&'static str>>>;

impl Difference {
    /// Whether anybody may see anything else than before.
    #[must_use]
    pub fn is_any(&self) -> bool {
        !self.changes.is_empty() || !self.otherwise.is_empty()
    }
}

/// Compares two revisions. What a tenant's administrator may see of it is what concerns that tenant's data: then
/// `only` names it.
#[must_use]
pub fn compare(old: &Config, new: &Config, only: Option<&TenantId>) -> Difference {
    compared(old, new, only, &CancellationToken::new())
}

/// The same for as long as anybody waits for it.
///
/// # Errors
/// [`NobodyWaits`]
pub fn compare_while(
    old: &Config,
    new: &Config,
    only: Option<&TenantId>,
    asked: &CancellationToken,
) -> Result<Difference, NobodyWaits> {
    let difference = compared(old, new, only, asked);
    match asked.is_cancelled() {
        true => Err(NobodyWaits),
        false => Ok(difference),
    }
}

/// What was asked for was given up before it was known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("given up before it was known")]
pub struct NobodyWaits;

/// The comparison, or the beginning of one that nobody waits for any more.
fn compared(old: &Config, new: &Config, only: Option<&TenantId>, asked: &CancellationToken) -> Difference {
    let tenants: BTreeSet<&TenantId> = [old, new]
        .iter()
        .flat_map(|config| config.tenants.iter().map(|tenant| &tenant.id))
        .filter(|tenant| only.is_none_or(|only| only == *tenant))
        .collect();
    let comparison = Comparison {
        old: Side::new(old),
        new: Side::new(new),
        asked,
    };
    let mut named = BTreeSet::new();
    for tenant in &tenants {
        old.policy.add_consumers_named(tenant, &mut named);
        new.policy.add_consumers_named(tenant, &mut named);
    }
    let groups = groups(&old.consumers, &new.consumers, &named);
    let changed: Vec<&TenantId> = tenants
        .iter()
        .copied()
        .filter(|tenant| comparison.differs(tenant))
        .collect();
    let changed_groups: Vec<&Group> = groups.iter().filter(|group| group.has_changed()).collect();
    let all_groups: Vec<&Group> = groups.iter().collect();
    // Where nothing of a tenant has changed, who has not changed either is not looked at.
    let tasks: Vec<(&TenantId, &[&Group])> = tenants
        .iter()
        .map(|tenant| {
            let of_tenant = if changed.contains(tenant) {
                &all_groups
            } else {
                &changed_groups
            };
            (*tenant, of_tenant.as_slice())
        })
        .filter(|(_, groups)| !groups.is_empty())
        .collect();
    let found = in_parallel(&tasks, |(tenant, groups)| comparison.of_tenant(tenant, groups));
    let (changes, left_out) = joined(found);
    Difference {
        old: old.revision.as_str().to_owned(),
        new: new.revision.as_str().to_owned(),
        changes,
        left_out,
        otherwise: otherwise::changes(old, new, only),
        compared: Compared {
            tenants: tenants.len(),
            changed_tenants: changed.len(),
            consumers: groups.iter().map(|group| group.members.len()).sum(),
            changed_consumers: changed_groups.iter().map(|group| group.members.len()).sum(),
        },
    }
}

/// Does the same for each, on every core; the answers stand in the order of the tasks.
fn in_parallel<T: Sync, R: Send>(tasks: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let share = tasks.len().div_ceil(cores).max(1);
    std::thread::scope(|scope| {
        let threads: Vec<_> = tasks
            .chunks(share)
            .map(|share| scope.spawn(|| share.iter().map(&work).collect::<Vec<R>>()))
            .collect();
        let done = threads.into_iter().flat_map(|thread| match thread.join() {
            Ok(done) => done,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        done.collect()
    })
}

/// One of the two revisions.
struct Side<'a> {
    config: &'a Config,
    holdings: Holdings<'a>,
}

impl<'a> Side<'a> {
    fn new(config: &'a Config) -> Self {
        Self {
            config,
            holdings: Holdings::of(config),
        }
    }

    /// The types that a tenant's sources provide.
    fn types(&self, tenant: &TenantId) -> Vec<&'a TypeName> {
        self.holdings.types(self.config, tenant)
    }
}

struct Comparison<'a> {
    old: Side<'a>,
    new: Side<'a>,
    /// Cancelled when nobody waits for it any more.
    asked: &'a CancellationToken,
}

impl Comparison<'_> {
    /// Whether anything may be decided otherwise about a tenant's data, for a consumer that is the same.
    fn differs(&self, tenant: &TenantId) -> bool {
        let (old, new) = (&self.old, &self.new);
        !old.config.policy.has_same_policies(&new.config.policy, tenant)
            || old.holdings.of_tenant(tenant) != new.holdings.of_tenant(tenant)
            || self
                .types_of(tenant)
                .into_iter()
                .chain(self.principal_types_beside(tenant))
                .any(|name| !old.config.policy.classes_are_same(&new.config.policy, name))
    }

    /// The types that the tenant's sources provide, before or after.
    fn types_of(&self, tenant: &TenantId) -> BTreeSet<&TypeName> {
        let (old, new) = (self.old.types(tenant), self.new.types(tenant));
        old.into_iter().chain(new).collect()
    }

    /// The types of those who have classes, which an entity of the tenant's may have beside those that its sources provide.
    fn principal_types_beside(&self, tenant: &TenantId) -> BTreeSet<&TypeName> {
        let provided = self.types_of(tenant);
        if provided.is_empty() {
            return provided;
        }
        let sides = [&self.old, &self.new].into_iter();
        let known = sides.flat_map(|side| side.config.policy.principal_types());
        known.filter(|name| !provided.contains(name)).collect()
    }

    /// Every type that an entity of the tenant's may have beside those that its sources provide: those of a class, those
    /// that policies name, and one for all others.
    fn types_beside(&self, tenant: &TenantId) -> BTreeSet<TypeName> {
        let provided = self.types_of(tenant);
        if provided.is_empty() {
            return BTreeSet::new();
        }
        let mut beside: BTreeSet<TypeName> = self.principal_types_beside(tenant).into_iter().cloned().collect();
        for side in [&self.old, &self.new] {
            side.config.policy.add_types_named(tenant, &mut beside);
        }
        beside.insert(TypeName::new(Iri::new(ANY_OTHER)));
        beside.retain(|name| !provided.contains(name));
        beside
    }

    /// What changes about one tenant's data for these consumers.
    fn of_tenant(&self, tenant: &TenantId, groups: &[&Group]) -> (TenantId, Found) {
        let mut operations = NamedOperations::default();
        for side in [&self.old, &self.new] {
            side.config.policy.add_operations_named(tenant, &mut operations);
        }
        let mut of_tenant = OfTenant {
            comparison: self,
            tenant,
            has_same_policies: self
                .old
                .config
                .policy
                .has_same_policies(&self.new.config.policy, tenant)
                && self.old.holdings.of_tenant(tenant) == self.new.holdings.of_tenant(tenant),
            operations: operations.classes(),
            areas: Areas::default(),
            found: Found::new(),
        };
        let beside = self.types_beside(tenant);
        for group in groups {
            let mut is_told = false;
            for name in self.types_of(tenant) {
                is_told |= of_tenant.compare(group, name, false);
            }
            // Who is told of what the sources provide knows that something changes.
            if !is_told && !beside.is_empty() && of_tenant.sees_any(group) {
                for name in &beside {
                    of_tenant.compare(group, name, true);
                }
            }
        }
        (tenant.clone(), of_tenant.found)
    }
}

/// What changes about one tenant's data, while it is compared.
struct OfTenant<'a> {
    comparison: &'a Comparison<'a>,
    tenant: &'a TenantId,
    /// Whether only consumers and classes can change anything.
    has_same_policies: bool,
    /// Those that the policies do not tell apart are together.
    operations: Vec<Vec<Operation>>,
    areas: Areas,
    found: Found,
}

impl OfTenant<'_> {
    /// Finds what a group gains and loses of a type; whether it is anything. `beside_others`: no source provides it.
    fn compare(&mut self, group: &Group, name: &TypeName, beside_others: bool) -> bool {
        let Comparison { old, new, asked } = self.comparison;
        let same = self.has_same_policies && old.config.policy.classes_are_same(&new.config.policy, name);
        if same && !group.has_changed() {
            return false;
        }
        let mut is_any = false;
        for operations in &self.operations {
            let Some(operation) = operations.first() else {
                continue;
            };
            if asked.is_cancelled() {
                break;
            }
            let [before, after] = [(old, &group.old), (new, &group.new)].map(|(side, consumer)| {
                let consumer = consumer.as_ref()?;
                let kinds = if beside_others {
                    side.holdings.any_personal_data(self.tenant)
                } else {
                    side.holdings.personal_data(self.tenant, name)
                };
                let (config, areas) = (side.config, &mut self.areas);
                Some(Granted::to(
                    config,
                    &kinds,
                    consumer,
                    *operation,
                    self.tenant,
                    name,
                    areas,
                ))
            });
            let (before, after) = (before.unwrap_or_default(), after.unwrap_or_default());
            let balance = Balance {
                beside_others,
                gained: after.beyond(&before, &self.areas, true, asked),
                lost: before.beyond(&after, &self.areas, false, asked),
            };
            if !balance.gained.is_empty() || !balance.lost.is_empty() {
                is_any = true;
                let by_type = self.found.entry((group.members.clone(), balance)).or_default();
                let told = by_type.entry(name.clone()).or_default();
                told.extend(operations.iter().map(|operation| operation.as_str()));
            }
        }
        is_any
    }

    /// Whether a group is granted anything of a type that sources provide, by either revision.
    fn sees_any(&self, group: &Group) -> bool {
        let Comparison { old, new, .. } = self.comparison;
        [(old, &group.old), (new, &group.new)]
            .into_iter()
            .any(|(side, consumer)| {
                let Some(consumer) = consumer else {
                    return false;
                };
                let mut areas = Areas::default();
                let operations = || self.operations.iter().filter_map(|operations| operations.first());
                side.types(self.tenant).into_iter().any(|name| {
                    let kinds = side.holdings.personal_data(self.tenant, name);
                    operations().any(|operation| {
                        let config = side.config;
                        !Granted::to(config, &kinds, consumer, *operation, self.tenant, name, &mut areas).is_empty()
                    })
                })
            })
    }
}

/// What a joined change is the same in.
type Key = (Vec<String>, Vec<String>, Balance);

/// Joins what is the same for several types, then for several tenants, then for several consumers.
fn joined(found: Vec<(TenantId, Found)>) -> (Vec<Change>, usize) {
    let mut of_tenants: BTreeMap<(Vec<String>, Key), BTreeSet<String>> = BTreeMap::new();
    for (tenant, found) in found {
        for ((members, balance), by_type) in found {
            let mut by_operations: BTreeMap<Vec<String>, BTreeSet<String>> = BTreeMap::new();
            for (name, operations) in by_type {
                let types = by_operations.entry(in_groups(&operations)).or_default();
                let is_named = name.as_str() != ANY_OTHER;
                types.insert(if is_named {
                    compact_type(&name)
                } else {
                    ANY_TYPE.to_owned()
                });
            }
            for (operations, types) in by_operations {
                let key = (operations, types.into_iter().collect(), balance.clone());
                let tenants = of_tenants.entry((members.clone(), key)).or_default();
                tenants.insert(tenant.as_str().to_owned());
            }
        }
    }
    let mut of_consumers: BTreeMap<(BTreeSet<String>, Key), BTreeSet<String>> = BTreeMap::new();
    for ((members, key), tenants) in of_tenants {
        of_consumers.entry((tenants, key)).or_default().extend(members);
    }
    let left_out = of_consumers.len().saturating_sub(MOST_CHANGES);
    let changes = of_consumers
        .into_iter()
        .map(|((tenants, (operations, types, balance)), consumers)| Change {
            tenants: Names::new(tenants),
            consumers: Names::new(consumers),
            operations,
            types,
            beside_others: balance.beside_others,
            gained: balance.gained,
            lost: balance.lost,
        });
    let mut changes: Vec<Change> = changes.collect();
    // What concerns the same tenants and consumers is read together.
    changes.sort_by(|one, other| {
        let by = |change: &Change| (change.tenants.clone(), change.consumers.clone());
        by(one).cmp(&by(other))
    });
    changes.truncate(MOST_CHANGES);
    (changes, left_out)
}

/// Operations by the names of their groups, where all of a group are there.
fn in_groups(operations: &BTreeSet<&'static str>) -> Vec<String> {
    let mut names = Vec::new();
    for group in OperationGroup::ALL {
        let of_group: Vec<&str> = Operation::ALL
            .iter()
            .filter(|operation| operation.group() == group)
            .map(|operation| operation.as_str())
            .collect();
        if !of_group.is_empty() && of_group.iter().all(|name| operations.contains(name)) {
            names.push(group.as_str().to_owned());
        } else {
            let some = of_group.into_iter().filter(|name| operations.contains(name));
            names.extend(some.map(str::to_owned));
        }
    }
    names
}
