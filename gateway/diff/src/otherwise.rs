//! What decides what somebody sees without being a grant. Only the sources know who gains and loses by it: it is told that
//! it has changed.

use std::collections::{BTreeSet, HashMap};

use kakehashi_config::{Config, ProvidedType, SourceConfig};
use kakehashi_core::names::{RoleName, TenantId};
use kakehashi_policy::PersonalData;

use super::keys;

/// Changes that are told. More are counted.
const MOST_TOLD: usize = 1_000;

const TENANTS_TOML: &str = "tenants.toml";

/// What has changed, in words. `only`: as far as it concerns this tenant's data.
pub(super) fn changes(old: &Config, new: &Config, only: Option<&TenantId>) -> Vec<String> {
    let mut told = Vec::new();
    if let (Some(before), Some(after)) = (old.files.get(TENANTS_TOML), new.files.get(TENANTS_TOML)) {
        let changed = keys::changes(before, after).into_iter();
        let concerning = changed.filter(|change| only.is_none_or(|only| concerns(change, only, old, new)));
        told.extend(concerning.map(|change| format!("{TENANTS_TOML}: {change}")));
    }
    if order_decides_otherwise(old, new, only) {
        told.push(format!("{TENANTS_TOML}: {ORDER_HAS_CHANGED}"));
    }
    files(old, new, only, &mut told);
    let classes = old.policy.changes_of_classes(&new.policy).into_iter();
    told.extend(classes.map(|change| format!("classes: {change}")));
    requests(old, new, only, &mut told);
    unclassified(old, new, only, &mut told);
    let left_out = told.len().saturating_sub(MOST_TOLD);
    told.truncate(MOST_TOLD);
    if left_out > 0 {
        told.push(format!("{left_out} more are not shown"));
    }
    told
}

/// Whether a key concerns this tenant: its own, those of consumers, of whom each may read its data, and those of sources in
/// which its data lie. What else other tenants have is theirs.
fn concerns(change: &str, tenant: &TenantId, old: &Config, new: &Config) -> bool {
    let name = |table: &str| {
        let rest = change.strip_prefix(table)?;
        rest.split(['.', ' ', '[']).next()
    };
    if let Some(of) = name("tenants.") {
        let lies_there =
            |source: &std::sync::Arc<SourceConfig>| source.tenant.as_str() == of && source.owners().contains(tenant);
        let is_of_sources = change
            .get("tenants.".len() + of.len()..)
            .is_some_and(|rest| rest.starts_with(".sources"));
        let mut sources = [old, new].into_iter().flat_map(Config::sources);
        return of == tenant.as_str() || (is_of_sources && sources.any(lies_there));
    }
    true
}

/// What is told of it.
const ORDER_HAS_CHANGED: &str =
    "the order of sources has changed: where nothing else decides between two, the first wins";

/// One tenant's data in one source: they are asked in the order of these, and it decides between parts of an entity where
/// neither authority nor dates do.
#[derive(Clone, Copy)]
struct Place<'a> {
    source: &'a SourceConfig,
    owner: &'a TenantId,
}

impl<'a> Place<'a> {
    fn all(config: &'a Config) -> impl Iterator<Item = Self> {
        let of_source = |source| {
            SourceConfig::owners(source)
                .iter()
                .map(move |owner| Place { source, owner })
        };
        config.sources().map(|source| &**source).flat_map(of_source)
    }

    fn name(&self) -> (&'a str, &'a str) {
        (self.source.id.as_str(), self.owner.as_str())
    }

    /// Whether one entity may lie in both: parts of other types are joined as well, so that its id alone counts.
    fn may_share_with(&self, other: &Self) -> bool {
        let mut own = self.source.provided_by(self.owner);
        own.any(|own| {
            let mut others = other.source.provided_by(other.owner);
            others.any(|other| own.shares_ids_with(other))
        })
    }
}

/// Whether any two that may hold the same entity follow each other the other way round.
fn order_decides_otherwise(old: &Config, new: &Config, only: Option<&TenantId>) -> bool {
    let before: HashMap<(&str, &str), (usize, Place<'_>)> = Place::all(old)
        .enumerate()
        .map(|(rank, place)| (place.name(), (rank, place)))
        .collect();
    let after = Place::all(new).filter_map(|place| Some((*before.get(&place.name())?, place)));
    let after: Vec<((usize, Place<'_>), Place<'_>)> = after.collect();
    if after.is_sorted_by_key(|((rank, _), _)| *rank) {
        return false;
    }
    let concerns = |place: &Place<'_>| only.is_none_or(|only| only == place.owner);
    after.iter().enumerate().any(|(position, ((rank, was), is))| {
        let later = after.get(position + 1..).unwrap_or_default();
        later.iter().any(|((other_rank, other_was), other_is)| {
            other_rank < rank
                && (concerns(is) || concerns(other_is))
                && (is.may_share_with(other_is) || was.may_share_with(other_was))
        })
    })
}

/// Files that sources are read with: mappings, certificates.
fn files(old: &Config, new: &Config, only: Option<&TenantId>, told: &mut Vec<String>) {
    let is_other = |name: &str| name == TENANTS_TOML || name.starts_with("policies/");
    let names: BTreeSet<&String> = old.files.keys().chain(new.files.keys()).collect();
    for name in names.into_iter().filter(|name| !is_other(name)) {
        let (before, after) = (old.files.get(name), new.files.get(name));
        let says_the_same = || {
            let parsed = |text: Option<&std::sync::Arc<str>>| text.and_then(|text| text.parse::<toml::Table>().ok());
            let (before, after) = (parsed(before), parsed(after));
            before.is_some() && before == after
        };
        let is_named = || {
            let mut own = [old, new].into_iter().flat_map(Config::sources);
            only.is_none_or(|only| own.any(|source| source.owners().contains(only) && names_file(source, name)))
        };
        if before != after && !says_the_same() && is_named() {
            told.push(format!("{name} has changed"));
        }
    }
}

/// Whether a source is read with a file. Which certificate it was read with is not kept: any may be its own.
fn names_file(source: &SourceConfig, name: &str) -> bool {
    source.settings.is_read_from(name) || !name.ends_with(".toml")
}

/// Policies that look at what only a request tells.
fn requests(old: &Config, new: &Config, only: Option<&TenantId>, told: &mut Vec<String>) {
    let consumers = old.consumers.iter().chain(new.consumers.iter());
    let roles: BTreeSet<&str> = consumers
        .flat_map(|consumer| consumer.roles.iter().map(RoleName::as_str))
        .collect();
    let tenants: BTreeSet<&TenantId> = [old, new]
        .iter()
        .flat_map(|config| config.tenants.iter().map(|tenant| &tenant.id))
        .filter(|tenant| only.is_none_or(|only| only == *tenant))
        .collect();
    let files = tenants.into_iter().map(Some).chain([None]);
    for file in files.filter(|file| !old.policy.asks_the_same_of_requests(&new.policy, *file, &roles)) {
        let name = file.map_or("platform", TenantId::as_str);
        let what = "what policies ask of requests and of roles that only tokens bring has changed";
        told.push(format!("policies/{name}.cedar: {what}"));
    }
}

/// Policies about tenants of which a source holds whatever types there are: those that nobody has classified are not
/// compared one by one.
fn unclassified(old: &Config, new: &Config, only: Option<&TenantId>, told: &mut Vec<String>) {
    let sides = [old, new].into_iter();
    let holding = sides.flat_map(Config::sources).flat_map(|source| {
        let any = |owner: &&TenantId| {
            let mut provided = source.provided_by(owner);
            source.personal_data == PersonalData::None
                && provided.any(|provided| matches!(provided.r#type, ProvidedType::Any))
        };
        source.owners().iter().filter(any)
    });
    let tenants: BTreeSet<&TenantId> = holding
        .filter(|tenant| only.is_none_or(|only| only == *tenant))
        .collect();
    for tenant in tenants {
        if !old.policy.says_the_same_of_unclassified(&new.policy, tenant) {
            told.push(format!(
                "policies about {tenant}: what they say of types that nobody has classified has changed; \
                 its sources may hold such"
            ));
        }
    }
}
