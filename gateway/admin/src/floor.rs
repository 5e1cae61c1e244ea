//! The operator's floor: what a tenant's administrator may propose over the admin API. What the operator's files gave its
//! tenant it keeps as it is; what is new is judged by `[tenants.<id>.allowed]`, which is empty by default.
//!
//! Two things are not for the floor to allow: a secret, a mapping or another file that the tenant does not use yet, and a
//! credential anywhere else than where the operator sends it.
//!
//! A source is *as it was* when everything that says where it is asked, and as whom, is the same text: all of its keys but
//! those that are free. Its name may change. One source vouches for one, so that a tenant does not multiply what it was
//! given.

use std::time::Duration;

use kakehashi_adapters::kind::{Floor, Key, Kind};
use kakehashi_adapters::{KINDS, kind_named};
use kakehashi_config::{Allowed, Config, EndpointParts, HighestLimits, SourceConfig, pattern_lies_within, shared_by};
use kakehashi_core::names::TenantId;
use kakehashi_documents::quantity::parse_duration;
use kakehashi_documents::vocabulary::expand_type;
use kakehashi_policy::PersonalData;
use toml::{Table, Value};
use toml_edit::Item;

use super::tenant_table::{TENANTS_TOML, table_of};

/// Keys of a tenant's table that are its own. What else there is says what the tenant is to the platform.
const OWN_KEYS: [&str; 3] = ["name", "limits", "sources"];

/// Keys of a source that do not say where it is asked, beside those of which a kind says that they are free. What there comes
/// to be beside them does, until somebody has thought about it.
const FREE_KEYS: [&str; 9] = [
    "id",
    "ids",
    "personal_data",
    "mode",
    "timeout",
    "poll",
    "limits",
    "hold",
    "provides",
];

/// Keys of a source that say where it is asked, and that its tenant may write, as far as the floor allows, beside those of
/// which a kind says how they are judged. What else there is names files and secrets of the gateway's machine, or may come to:
/// of those a tenant uses what it was given.
const JUDGED_KEYS: [&str; 2] = ["adapter", "endpoint"];

/// Who has named the address of a source. The gateway writes it.
const NAMED_BY: &str = "named_by";

/// What a credential is bound to, beside what a kind says of its keys (as what service it is sent, by which mapping): where it
/// is sent, and who vouches for the other side.
const BOUND_KEYS: [&str; 4] = ["adapter", "endpoint", "ca", "credential"];

/// The keys that only sources of one kind have, of every kind.
fn keys_of_kinds() -> impl Iterator<Item = &'static Key> {
    KINDS.into_iter().flat_map(<dyn Kind>::keys)
}

/// Whether a key of a source does not say where it is asked.
fn is_free(name: &str) -> bool {
    let is_free = |key: &Key| key.name == name && matches!(key.floor, Floor::Free);
    FREE_KEYS.contains(&name) || keys_of_kinds().any(is_free)
}

/// Whether a key of a source is judged by what the floor allows.
fn is_judged(name: &str) -> bool {
    let is_judged = |key: &Key| key.name == name && matches!(key.floor, Floor::Judged(_));
    JUDGED_KEYS.contains(&name) || keys_of_kinds().any(is_judged)
}

/// The keys of a source that a credential is bound to.
fn bound_keys() -> impl Iterator<Item = &'static str> {
    let binds = |key: &&Key| match key.floor {
        Floor::Free => false,
        Floor::Judged(judged) => judged.binds_credential,
        Floor::Given => true,
    };
    BOUND_KEYS
        .into_iter()
        .chain(keys_of_kinds().filter(binds).map(|key| key.name))
}

/// The sources of a tenant's table.
pub(super) fn sources_of(table: &Table) -> impl Iterator<Item = &Table> {
    let sources = table.get("sources").and_then(Value::as_array);
    sources.into_iter().flatten().filter_map(Value::as_table)
}

fn text_of<'a>(source: &'a Table, key: &str) -> Option<&'a str> {
    source.get(key).and_then(Value::as_str)
}

fn id_of(source: &Table) -> &str {
    text_of(source, "id").unwrap_or_default()
}

fn kind_of(source: &Table) -> Option<&'static dyn Kind> {
    text_of(source, "adapter").and_then(kind_named)
}

/// Whether it holds a part of each of several tenants.
fn has_partitions(source: &Table) -> bool {
    kind_of(source).is_some_and(Kind::has_partitions)
}

/// Whether two sources are asked at one place as one and the same.
fn is_asked_as(one: &Table, other: &Table) -> bool {
    let said = |source: &Table| {
        let mut said = source.clone();
        said.retain(|key, _| !is_free(key) && key != NAMED_BY);
        said
    };
    said(one) == said(other)
}

/// For each proposed source the one that vouches for it: the one that is asked as it, by its name or, where it was renamed,
/// any that vouches for no other.
fn vouchers<'a>(earlier: &'a Table, proposed: &Table) -> Vec<Option<&'a Table>> {
    let mut free: Vec<&Table> = sources_of(earlier).collect();
    let mut found: Vec<Option<&Table>> = Vec::new();
    for by_name in [true, false] {
        for (place, source) in sources_of(proposed).enumerate() {
            if by_name {
                found.push(None);
            }
            let vouches =
                |earlier: &&Table| is_asked_as(earlier, source) && (!by_name || id_of(earlier) == id_of(source));
            if let Some(vouching) = found.get_mut(place).filter(|vouching| vouching.is_none())
                && let Some(position) = free.iter().position(vouches)
            {
                *vouching = Some(free.swap_remove(position));
            }
        }
    }
    found
}

/// What no floor allows: keys that are the operator's, secrets and files that the tenant does not use yet.
///
/// # Errors
/// What is not the tenant's to change, in one sentence.
pub(super) fn check_keys(earlier: &Table, proposed: &Table) -> Result<(), String> {
    for key in earlier.keys().chain(proposed.keys()) {
        if !OWN_KEYS.contains(&key.as_str()) && earlier.get(key) != proposed.get(key) {
            return Err(format!("`{key}` of a tenant is the operator's to change"));
        }
    }
    if proposed.get("sources").is_some_and(|sources| {
        sources
            .as_array()
            .is_none_or(|sources| sources.iter().any(|source| !source.is_table()))
    }) {
        return Err("`sources` must be tables: write [[tenants.<id>.sources]]".to_owned());
    }
    let stores = |table| {
        let stores = sources_of(table).filter(|source| has_partitions(source));
        stores.cloned().collect::<Vec<Table>>()
    };
    if stores(earlier) != stores(proposed) {
        return Err("the store holds partitions of other tenants: it is the operator's to change".to_owned());
    }
    let claims = |source: &Table| -> Vec<Value> {
        let provides = source.get("provides").and_then(Value::as_array);
        let is_claim = |entry: &&Value| entry.get("authoritative").and_then(Value::as_bool) == Some(true);
        provides.into_iter().flatten().filter(is_claim).cloned().collect()
    };
    let is_its_own = |key: &str| is_free(key) || is_judged(key) || key == NAMED_BY;
    for source in sources_of(proposed) {
        let id = id_of(source);
        for (key, value) in source.iter().filter(|(key, _)| !is_its_own(key)) {
            if !sources_of(earlier).any(|earlier| earlier.get(key) == Some(value)) {
                return Err(format!(
                    "`{key}` of source `{id}` names a secret or a file that the tenant does not use yet: ask the operator"
                ));
            }
        }
        let says_own = |source: &Table| text_of(source, "ids") == Some("own");
        if says_own(source) && !sources_of(earlier).any(|earlier| id_of(earlier) == id && says_own(earlier)) {
            return Err(format!(
                "source `{id}` says that nobody else has its ids (`ids`), which others would have to abide by: ask the operator"
            ));
        }
        let new_claim = claims(source).into_iter().find(|claim| {
            let mut known = sources_of(earlier).flat_map(claims);
            !known.any(|known| known == *claim)
        });
        if new_claim.is_some() {
            return Err(format!(
                "source `{id}` claims authority that the tenant does not have yet, over entities that others may hold: \
                 ask the operator"
            ));
        }
    }
    Ok(())
}

/// Which of the proposed sources are at an address that the tenant has named, in their order.
///
/// # Errors
/// That one is said to be the operator's, which is not.
pub(super) fn named_by_tenant(earlier: &Table, proposed: &Table) -> Result<Vec<bool>, String> {
    let vouchers = vouchers(earlier, proposed);
    let mut named = Vec::new();
    for (source, voucher) in sources_of(proposed).zip(vouchers) {
        let by_operator =
            has_partitions(source) || voucher.is_some_and(|voucher| text_of(voucher, NAMED_BY) != Some("tenant"));
        if !by_operator && text_of(source, NAMED_BY).is_some_and(|said| said != "tenant") {
            return Err(format!(
                "`{NAMED_BY}` of source `{}`: the operator has not named its address as it stands here; leave the key out",
                id_of(source)
            ));
        }
        named.push(!by_operator);
    }
    Ok(named)
}

/// Writes into a tenant's table, as text and as value, at which sources it has named the address.
pub(super) fn mark(own: &mut Item, proposed: &mut Table, named: &[bool]) {
    let texts: Vec<&mut dyn toml_edit::TableLike> = match own.get_mut("sources") {
        Some(Item::ArrayOfTables(tables)) => tables.iter_mut().map(|table| table as _).collect(),
        Some(Item::Value(toml_edit::Value::Array(items))) => items
            .iter_mut()
            .filter_map(toml_edit::Value::as_inline_table_mut)
            .map(|table| table as _)
            .collect(),
        _ => Vec::new(),
    };
    let values = proposed.get_mut("sources").and_then(Value::as_array_mut);
    let values = values.into_iter().flatten().filter_map(Value::as_table_mut);
    for ((text, value), _) in texts.into_iter().zip(values).zip(named).filter(|(_, named)| **named) {
        if !value.contains_key(NAMED_BY) {
            text.insert(NAMED_BY, toml_edit::value("tenant"));
            value.insert(NAMED_BY.to_owned(), "tenant".into());
        }
    }
}

/// Judges what a tenant's administrator proposes, once it is known to be well in itself.
///
/// # Errors
/// What the floor does not allow, in one sentence.
pub(super) fn judge(before: &Config, after: &Config, tenant: &TenantId) -> Result<(), String> {
    let fault = || "what runs and what is proposed cannot be compared".to_owned();
    let parsed = |config: &Config| -> Option<Table> { config.files.get(TENANTS_TOML)?.parse().ok() };
    let (before_files, after_files) = (parsed(before).ok_or_else(fault)?, parsed(after).ok_or_else(fault)?);
    let earlier = table_of(&before_files, tenant).ok_or_else(fault)?;
    let proposed = table_of(&after_files, tenant).ok_or_else(fault)?;
    let allowed = &before.tenant(tenant.as_str()).ok_or_else(fault)?.allowed;
    let floor = TenantFloor {
        tenant,
        allowed,
        earlier,
    };
    floor.judge(proposed)?;
    // Which systems there are, the whole revision says.
    match shared_by(&after.tenants, tenant)
        .into_iter()
        .find(|source| is_new(before, source))
    {
        None => Ok(()),
        Some(source) => Err(format!(
            "source `{}` asks a system and service that a source of another tenant asks: the operator has to say \
             `same_system_as` in [tenants.{tenant}.allowed]",
            source.id
        )),
    }
}

/// Whether anything about a source is other than in the revision that runs.
pub(super) fn is_new(before: &Config, source: &SourceConfig) -> bool {
    let earlier = before.source(&source.id);
    earlier.is_none_or(|earlier| earlier.tenant != source.tenant || earlier.fingerprint != source.fingerprint)
}

/// The floor under one tenant.
struct TenantFloor<'a> {
    tenant: &'a TenantId,
    allowed: &'a Allowed,
    earlier: &'a Table,
}

impl TenantFloor<'_> {
    fn judge(&self, proposed: &Table) -> Result<(), String> {
        let own = |table: &Table| Limits::of_tenant(table.get("limits"));
        let highest = own(self.earlier).or_higher(&self.allowed.tenant_limits);
        if let Some(key) = own(proposed).beyond(&highest) {
            return Err(self.refused(&format!("`{key}` of `limits`"), "tenant_limits"));
        }
        let vouchers = vouchers(self.earlier, proposed);
        for (source, voucher) in sources_of(proposed)
            .zip(&vouchers)
            .filter(|(source, _)| !has_partitions(source))
        {
            self.judge_credential(source)?;
            if voucher.is_none() {
                self.judge_place(source)?;
            }
            self.judge_personal_data(source, *voucher)?;
            self.judge_limits(source, *voucher)?;
        }
        let count = sources_of(proposed).count();
        let most = self.allowed.sources.max(sources_of(self.earlier).count());
        if count > most {
            return Err(self.refused(&format!("{count} sources, where {most} may be,"), "sources"));
        }
        Ok(())
    }

    /// A credential goes where the operator's files send it, and nowhere else, whatever the floor allows.
    fn judge_credential(&self, source: &Table) -> Result<(), String> {
        let is_bound = |earlier: &Table| bound_keys().all(|key| earlier.get(key) == source.get(key));
        if !source.contains_key("credential") || sources_of(self.earlier).any(is_bound) {
            return Ok(());
        }
        Err(format!(
            "`credential` of source `{}` would be sent to another place than the operator has said: it is bound to its \
             adapter, endpoint, service, mapping and authorities; ask the operator",
            id_of(source)
        ))
    }

    /// Where a source is asked that nothing vouches for.
    fn judge_place(&self, source: &Table) -> Result<(), String> {
        let id = id_of(source);
        let endpoint = text_of(source, "endpoint").and_then(|text| EndpointParts::parse(text).ok());
        let is_allowed = endpoint.is_some_and(|endpoint| {
            let mut patterns = self.allowed.endpoints.iter();
            patterns.any(|pattern| pattern.matches(&endpoint))
        });
        if !is_allowed {
            return Err(self.refused(&format!("`endpoint` of source `{id}`"), "endpoints"));
        }
        for key in kind_of(source).into_iter().flat_map(<dyn Kind>::keys) {
            if let Floor::Judged(judged) = &key.floor
                && !self.allowed.allows(judged, text_of(source, key.name))
            {
                return Err(self.refused(&format!("`{}` of source `{id}`", key.name), judged.allowed));
            }
        }
        Ok(())
    }

    fn judge_personal_data(&self, source: &Table, voucher: Option<&Table>) -> Result<(), String> {
        let says_none = |source: &Table| text_of(source, "personal_data") == Some("none");
        let may_say_none = self.allowed.personal_data == PersonalData::None || voucher.is_some_and(says_none);
        if says_none(source) && !may_say_none {
            let what = format!("`personal_data = \"none\"` of source `{}`", id_of(source));
            return Err(self.refused(&what, "personal_data"));
        }
        // What the operator has said it has said of what the source provided then.
        let is_operators_word = says_none(source) && self.allowed.personal_data == PersonalData::Present;
        let covering = |entry: &Value| entries_of(voucher).any(|earlier| covers(earlier, entry));
        if let Some(entry) = entries_of(Some(source)).find(|entry| is_operators_word && !covering(entry)) {
            let what = format!(
                "`provides` of source `{}` with {}: `personal_data = \"none\"` was not said of that, and it",
                id_of(source),
                entry
                    .get("type")
                    .map_or("no type".to_owned(), |name| format!("type = {name}"))
            );
            return Err(self.refused(&what, "personal_data"));
        }
        Ok(())
    }

    fn judge_limits(&self, source: &Table, voucher: Option<&Table>) -> Result<(), String> {
        let before = voucher.map(Limits::of_source);
        let highest = match before {
            Some(before) => before.or_higher(&self.allowed.limits),
            None => Limits::of_source(&Table::new()).or_those(&self.allowed.limits),
        };
        match Limits::of_source(source).beyond(&highest) {
            None => Ok(()),
            Some(key) => Err(self.refused(&format!("`{key}` of source `{}`", id_of(source)), "limits")),
        }
    }

    fn refused(&self, what: &str, key: &str) -> String {
        format!(
            "{what} is more than the tenant was given, and more than `{key}` in [tenants.{}.allowed] allows: ask the operator",
            self.tenant
        )
    }
}

/// What a source says that it provides.
fn entries_of(source: Option<&Table>) -> impl Iterator<Item = &Value> {
    let entries = source
        .and_then(|source| source.get("provides"))
        .and_then(Value::as_array);
    entries.into_iter().flatten()
}

/// Whether everything that one entry of `provides` speaks of is spoken of by another. Where that cannot be told, it is not.
fn covers(wider: &Value, entry: &Value) -> bool {
    let text = |entry: &Value, key: &str| entry.get(key).and_then(Value::as_str).map(str::to_owned);
    let types = (text(wider, "type"), text(entry, "type"));
    let is_type_covered = match &types {
        (Some(wider), _) if wider == "*" => true,
        (Some(wider), Some(name)) => {
            wider == name || expand_type(wider).is_ok_and(|wider| expand_type(name) == Ok(wider))
        }
        _ => false,
    };
    let is_same = |key| wider.get(key) == entry.get(key);
    let pattern = text(entry, "id_pattern");
    let attributes = |entry: &Value| entry.get("attributes").and_then(Value::as_array).cloned();
    let are_attributes_covered = match (attributes(wider), attributes(entry)) {
        (None, _) => wider.get("attributes").is_none(),
        (Some(wider), Some(own)) => own.iter().all(|name| wider.contains(name)),
        (Some(_), None) => false,
    };
    is_type_covered
        && (wider.get("partition").is_none() || is_same("partition"))
        && (wider.get("id").is_none() || is_same("id"))
        && are_attributes_covered
        && match text(wider, "id_pattern") {
            None => wider.get("id_pattern").is_none(),
            Some(wider) => pattern.is_some_and(|pattern| pattern_lies_within(&pattern, &wider)),
        }
}

/// Limits as they count, whether they are said or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Limits {
    requests_per_second: u32,
    burst: u32,
    concurrency: u32,
    timeout: Duration,
}

impl Limits {
    fn of_source(source: &Table) -> Self {
        let default = kakehashi_adapters::client::SourceLimits::default();
        let limits = source.get("limits");
        let timeout = text_of(source, "timeout").map(parse_duration);
        Self {
            concurrency: count(limits, "concurrency")
                .unwrap_or_else(|| u32::try_from(default.concurrency).unwrap_or(u32::MAX)),
            timeout: timeout.map_or(default.timeout, |timeout| timeout.unwrap_or(Duration::MAX)),
            ..Self::of_tenant(limits)
        }
    }

    /// Without a rate there is no limit, and without a burst it is the rate.
    fn of_tenant(limits: Option<&Value>) -> Self {
        let rate = count(limits, "requests_per_second").unwrap_or(u32::MAX);
        Self {
            requests_per_second: rate,
            burst: count(limits, "burst").unwrap_or(rate),
            concurrency: 0,
            timeout: Duration::ZERO,
        }
    }

    /// These, where nothing else is said.
    fn or_those(self, said: &HighestLimits) -> Self {
        let rate = said.requests_per_second.map(u32::from);
        let burst = said.burst.map(u32::from).or(rate);
        Self {
            requests_per_second: rate.unwrap_or(self.requests_per_second),
            burst: burst.unwrap_or(self.burst),
            concurrency: said.concurrency.map_or(self.concurrency, u32::from),
            timeout: said.timeout.unwrap_or(self.timeout),
        }
    }

    /// These, or what is said if that is higher.
    fn or_higher(self, said: &HighestLimits) -> Self {
        let said = self.or_those(said);
        Self {
            requests_per_second: self.requests_per_second.max(said.requests_per_second),
            burst: self.burst.max(said.burst),
            concurrency: self.concurrency.max(said.concurrency),
            timeout: self.timeout.max(said.timeout),
        }
    }

    /// The key of a limit that is higher than the highest.
    fn beyond(&self, highest: &Self) -> Option<&'static str> {
        [
            (
                "requests_per_second",
                self.requests_per_second > highest.requests_per_second,
            ),
            ("burst", self.burst > highest.burst),
            ("concurrency", self.concurrency > highest.concurrency),
            ("timeout", self.timeout > highest.timeout),
        ]
        .into_iter()
        .find_map(|(key, is_beyond)| is_beyond.then_some(key))
    }
}

/// A limit that is said; what is none is more than any.
fn count(limits: Option<&Value>, key: &str) -> Option<u32> {
    let said = limits?.get(key)?;
    let number = said.as_integer().and_then(|number| u32::try_from(number).ok());
    Some(number.unwrap_or(u32::MAX))
}
