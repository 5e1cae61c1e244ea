//! Keys of tenants.toml that decide what somebody sees otherwise than by a grant: where a source is, which entities it is
//! said to hold, who is recognised as a consumer; and who may change that, and how far. That one has changed is told; what
//! comes of it only the sources know.
//!
//! Every key stands in one of two lists or belongs to one kind of source, and a test walks through all that there are. One that stands in none is told.

use std::collections::BTreeMap;

use kakehashi_config::defaults_of_keys;
use toml::{Table, Value};

/// Keys that decide, with whatever stands below them. So do all that only sources of one kind have.
#[cfg(test)]
const TOLD: [&str; 39] = [
    "gateway.state",
    "gateway.default_context",
    "gateway.split_entities",
    "gateway.without_tenant",
    "gateway.api_key_header",
    "gateway.extensions",
    "gateway.cors",
    "gateway.tls.client_ca",
    "issuers",
    "administrators",
    "tenants.*.role",
    "tenants.*.allowed",
    "tenants.*.inspection",
    "tenants.*.sources[].id",
    "tenants.*.sources[].adapter",
    "tenants.*.sources[].endpoint",
    "tenants.*.sources[].ca",
    "tenants.*.sources[].credential",
    "tenants.*.sources[].personal_data",
    "tenants.*.sources[].ids",
    "tenants.*.sources[].mode",
    "tenants.*.sources[].writable",
    "tenants.*.sources[].named_by",
    "tenants.*.sources[].provides[].type",
    "tenants.*.sources[].provides[].id",
    "tenants.*.sources[].provides[].id_pattern",
    "tenants.*.sources[].provides[].attributes",
    "tenants.*.sources[].provides[].authoritative",
    "tenants.*.sources[].provides[].partition",
    "consumers.*.tenant",
    "consumers.*.organisation",
    "consumers.*.roles",
    "consumers.*.contracts",
    "consumers.*.consents",
    "consumers.*.purposes",
    "consumers.*.cors",
    "consumers.*.keys",
    "consumers.*.jwt",
    "consumers.*.client_certificate",
];

/// Keys that do not, with whatever stands below them, and why. They win over the others.
const UNTOLD: [(&str, &str); 20] = [
    ("gateway.listen", "where consumers are served, not what they see"),
    ("gateway.admin_listen", "the same of administrators"),
    ("gateway.public_url", "what links to the gateway begin with"),
    ("gateway.trusted_proxies", "whose address counts for limits"),
    (
        "gateway.egress_allow",
        "where notifications and contexts may come from and go to",
    ),
    ("gateway.tls.certificate", "who the gateway is to consumers"),
    ("gateway.tls.key", "the same"),
    ("gateway.rate_store", "refused by this version"),
    ("gateway.personal_relay", "never true in this version"),
    ("gateway.limits", "how much may be asked at once"),
    ("tenants.*.name", "for people"),
    ("tenants.*.code", "for people"),
    ("tenants.*.limits", "how much may be asked"),
    ("tenants.*.consent", "refused by this version"),
    ("tenants.*.sources[].timeout", "how long a source may take"),
    ("tenants.*.sources[].poll", "without effect in this version"),
    ("tenants.*.sources[].limits", "what protects a source"),
    ("tenants.*.sources[].hold", "how old what is shown may be"),
    ("consumers.*.name", "for people"),
    ("consumers.*.limits", "how much it may ask"),
];

/// Whether a key stands at or below another.
fn is_below(key: &str, other: &str) -> bool {
    let rest = key.strip_prefix(other);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

fn is_told(key: &str) -> bool {
    !UNTOLD.iter().any(|(untold, _)| is_below(key, untold))
}

/// Whether a key stands in the lists at all.
#[cfg(test)]
pub(super) fn is_listed(key: &str) -> bool {
    let of_kinds = kakehashi_adapters::KINDS
        .into_iter()
        .flat_map(<dyn kakehashi_adapters::kind::Kind>::keys);
    let mut of_kinds = of_kinds.map(|own| format!("tenants.*.sources[].{}", own.name));
    TOLD.iter().any(|told| is_below(key, told)) || of_kinds.any(|own| is_below(key, &own)) || !is_told(key)
}

/// Every entry of the lists.
#[cfg(test)]
pub(super) fn listed() -> impl Iterator<Item = &'static str> {
    TOLD.into_iter().chain(UNTOLD.into_iter().map(|(key, _)| key))
}

/// The keys of one file by their whole names, such as `tenants.sano.sources[sano-orion].endpoint`.
type Values = BTreeMap<String, Vec<Value>>;

/// What has changed between two files: the keys, and of what is new or gone whole its name alone.
pub(super) fn changes(old: &str, new: &str) -> Vec<String> {
    let (Ok(old), Ok(new)) = (old.parse::<Table>(), new.parse::<Table>()) else {
        // Neither would have been loaded.
        return vec!["tenants.toml cannot be compared".to_owned()];
    };
    let (before, after) = (Flat::of(&old), Flat::of(&new));
    let names = before.values.keys().chain(after.values.keys());
    let mut told: Vec<String> = Vec::new();
    for name in names {
        let (was, is) = (before.values.get(name), after.values.get(name));
        if was == is {
            continue;
        }
        let element = element_of(name);
        let said = match (before.has(element), after.has(element)) {
            (true, false) => format!("{element} is gone"),
            (false, true) => format!("{element} is new"),
            _ => match (was, is) {
                (None, _) => format!("{name} is said"),
                (_, None) => format!("{name} is not said any more"),
                _ => format!("{name} has changed"),
            },
        };
        told.push(said);
    }
    told.sort();
    told.dedup();
    told
}

/// The tenant, source, consumer or issuer that a key belongs to; the key itself: none.
fn element_of(name: &str) -> &str {
    let end = match name.find(']') {
        Some(end) if name.starts_with("tenants.") => end + 1,
        _ => {
            let mut dots = name.match_indices('.').map(|(at, _)| at);
            let is_named = ["tenants.", "consumers.", "issuers.", "administrators."]
                .iter()
                .any(|table| name.starts_with(table));
            dots.nth(1).filter(|_| is_named).unwrap_or(name.len())
        }
    };
    name.get(..end).unwrap_or(name)
}

/// A file without its tables.
struct Flat {
    values: Values,
    /// What holds where a key is absent, by its name with `*` and `[]`.
    defaults: BTreeMap<String, Option<Value>>,
}

impl Flat {
    fn of(root: &Table) -> Self {
        let mut flat = Self {
            values: Values::new(),
            defaults: defaults_of_keys(),
        };
        flat.table(root, "", "");
        flat
    }

    fn has(&self, element: &str) -> bool {
        let begins = |start: String| {
            let mut names = self.values.range(start.clone()..);
            names.next().is_some_and(|(name, _)| name.starts_with(&start))
        };
        self.values.contains_key(element) || begins(format!("{element}.")) || begins(format!("{element}["))
    }

    /// `pattern`: the name of the table with `*` for names that the administrator chose.
    fn table(&mut self, table: &Table, name: &str, pattern: &str) {
        let is_named = matches!(pattern, "tenants" | "consumers" | "issuers" | "administrators");
        for (key, value) in table {
            let joined = |path: &str, key: &str| {
                if path.is_empty() {
                    key.to_owned()
                } else {
                    format!("{path}.{key}")
                }
            };
            let pattern = joined(pattern, if is_named { "*" } else { key });
            self.value(value, &joined(name, key), &pattern);
        }
    }

    fn value(&mut self, value: &Value, name: &str, pattern: &str) {
        match value {
            Value::Table(table) => self.table(table, name, pattern),
            Value::Array(items) if items.iter().any(Value::is_table) => {
                for (place, item) in items.iter().enumerate() {
                    let label = ["id", "name", "type"].iter().find_map(|key| item.get(key)?.as_str());
                    let label = label.map_or_else(|| place.to_string(), str::to_owned);
                    self.value(item, &format!("{name}[{label}]"), &format!("{pattern}[]"));
                }
            }
            // One word for all of a table.
            Value::String(_) if pattern == INSPECTION => {
                let keys: Vec<String> = self.below(INSPECTION).collect();
                for key in keys {
                    let last = key.strip_prefix(INSPECTION).unwrap_or_default();
                    self.value(value, &format!("{name}{last}"), &key);
                }
            }
            _ if is_told(pattern) => {
                let default = self.defaults.get(pattern).and_then(Option::as_ref);
                if default != Some(value) {
                    let said = self.values.entry(name.to_owned()).or_default();
                    said.push(in_order(value));
                }
            }
            _ => {}
        }
    }

    fn below(&self, table: &str) -> impl Iterator<Item = String> {
        let keys = self
            .defaults
            .keys()
            .filter(move |key| *key != table && is_below(key, table));
        keys.cloned()
    }
}

/// A table for which one word may stand.
const INSPECTION: &str = "tenants.*.inspection";

/// Lists of names say the same in any order.
fn in_order(value: &Value) -> Value {
    let Some(mut names) = value.as_array().cloned() else {
        return value.clone();
    };
    names.sort_by_key(ToString::to_string);
    names.dedup();
    Value::Array(names)
}
